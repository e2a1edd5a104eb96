"""Early stopping: watch rows that are not fitted, and keep the point that was best on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from eigcore.encoding.rows import Rows
from eigcore.errors import InvalidInput
from eigcore.fit.losses import Goals
from eigcore.fit.solvers.lbfgs import Solution
from eigcore.fit.solvers.objective import Objective


@dataclass(frozen=True)
class Patience:
    """Stop a descent when hidden rows have not gained for some steps.

    part : of the rows is hidden, at least one row
    steps : without a gain before the end
    tolerance : what counts as a gain, relative to the loss
    """

    part: float = 0.1
    steps: int = 10
    tolerance: float = 1e-4

    def split(self, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Rows to fit and rows to watch."""
        if rows < 2:
            raise InvalidInput(
                f"Early stopping hides rows, and there is {rows} sample; expected at least 2. "
                "Add rows, or write patience=None (early_stopping=False)."
            )
        order = rng.permutation(rows)
        hidden = min(max(1, round(self.part * rows)), rows - 1)
        return np.sort(order[hidden:]), np.sort(order[:hidden])

    def watch(self, objective: Objective, rows: Rows, goals: Goals) -> Watch:
        """Begin to watch some rows."""
        return Watch(self, objective, rows, goals)


class Watch:
    """Called with every point of a descent; answers whether to stop. See `Patience`."""

    def __init__(self, patience: Patience, objective: Objective, rows: Rows, goals: Goals):
        self.patience, self.objective, self.rows, self.goals = patience, objective, rows, goals
        self.losses: list[float] = []
        self.lowest, self.point, self.waited = np.inf, None, 0

    def __call__(self, x: np.ndarray) -> bool:
        loss = self.objective.loss(self.objective.values(x, self.rows), *self.goals)[0]
        self.losses.append(loss)
        enough = self.patience.tolerance * abs(loss)
        self.waited = 0 if loss < self.lowest - enough else self.waited + 1
        if loss < self.lowest:
            self.lowest, self.point = loss, x.copy()
        return self.waited >= self.patience.steps

    def best(self, solution: Solution) -> Solution:
        """Return the solution with the best point on the watched rows in place of the last."""
        if self.point is None:
            return solution
        reason = "no gain" if self.waited >= self.patience.steps else solution.reason
        return replace(solution, x=self.point, reason=reason, watched=tuple(self.losses))
