"""Early stopping: watch validation rows, and keep the point with the lowest loss on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eigcore.encoding.rows import Rows
from eigcore.errors import InvalidOption
from eigcore.fit.data.together import Together
from eigcore.fit.losses import Targets
from eigcore.fit.options import EarlyStopping
from eigcore.fit.solvers.lbfgs import Solution
from eigcore.fit.solvers.objective import Objective


def split(
    stopping: EarlyStopping, together: Together, rng: np.random.Generator, member: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split the rows into rows to fit and validation rows of a member.

    Raises
    ------
    InvalidOption
        Fewer than two rows.
    InvalidTable
        Rows that all belong together.
    """
    rows = together.rows
    if rows < 2:
        raise InvalidOption(
            "early_stopping",
            stopping,
            "at least 2 rows, one of them for validation",
            problem=f"hides rows, and there is {rows} sample",
        )
    return together.apart(min(max(1, round(stopping.part * rows)), rows - 1), rng, member)


class Watch:
    """Called with every point of a descent; returns whether to stop. See `EarlyStopping`."""

    def __init__(self, stopping: EarlyStopping, objective: Objective, rows: Rows, targets: Targets):
        self.stopping, self.objective, self.rows, self.targets = stopping, objective, rows, targets
        self.losses: list[float] = []
        self.lowest, self.point, self.waited = np.inf, None, 0

    def __call__(self, x: np.ndarray) -> bool:
        loss = self.objective.loss(self.objective.values(x, self.rows), *self.targets)[0]
        self.losses.append(loss)
        enough = self.stopping.tolerance * abs(loss)
        self.waited = 0 if loss < self.lowest - enough else self.waited + 1
        if loss < self.lowest:
            self.lowest, self.point = loss, x.copy()
        return self.waited >= self.stopping.steps

    def best(self, solution: Solution) -> Solution:
        """Return the solution with the best point on the validation rows instead of the last."""
        if self.point is None:
            return solution
        reason = "no gain" if self.waited >= self.stopping.steps else solution.reason
        return replace(solution, x=self.point, reason=reason, watched=tuple(self.losses))
