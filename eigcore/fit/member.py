"""Fit one member: screen the starting points on a few rows, then descend on all of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from eigcore.core.spec import EigSpec
from eigcore.dispatch.registry import get_backend
from eigcore.encoding.rows import kernel_serves
from eigcore.fit import initialisation as starts
from eigcore.fit.constraints import Parametrisation
from eigcore.fit.design import Design
from eigcore.fit.losses import Goals, Loss
from eigcore.fit.solvers.early_stopping import Patience
from eigcore.fit.solvers.lbfgs import Solution, minimize
from eigcore.fit.solvers.objective import Objective

Start = Callable[[Parametrisation, np.ndarray, np.random.Generator], np.ndarray]

_SCREEN_ROWS = 3000
_SCREEN_STEPS = 12
_FLOAT32_FROM = 500_000
_LEAST_RIDGE = 1e-10
"""Decides among equal linear models."""
_PIECES = (0.75, 1.0, 1.25, 2.0, 0.875, 1.5)
"""Pieces of each member, as parts of ``knots``: different knots make the average better."""


class Settings(NamedTuple):
    """What a fit is made with.

    knots : pieces per numeric column of a typical member (0: linear)
    dim : order d of the matrices
    penalty : weight of Σ‖A‖_F² for unit-variance terms
    members : how many neurons are averaged
    smooth : weight of the squared jumps from piece to piece, in units of penalty · pieces²
    """

    knots: int
    dim: int
    penalty: float
    members: int
    smooth: float = 0.0


def piece_counts(plan: list[Settings]) -> list[int]:
    """Pieces per numeric column of each member, 0 for linear ones.

    They vary among members of equal settings; one that is alone in its settings has ``knots``.
    """
    met: Counter[Settings] = Counter()
    pieces = []
    for each in plan:
        part = _PIECES[met[each] % len(_PIECES)] if plan.count(each) > 1 else 1.0
        pieces.append(max(1, round(each.knots * part)) if each.knots else 0)
        met[each] += 1
    return pieces


class Progress(NamedTuple):
    """What a callback is told: "choosing" or "fitting", how far (0 … 1), and the objective."""

    stage: str
    fraction: float
    member: int
    members: int
    iteration: int
    value: float


@dataclass
class Run:
    """The circumstances of one call of `fit`: who computes, who listens, when to stop."""

    loss: Loss
    backend: str
    seed: int
    max_iter: int
    callback: Callable[[Progress], bool | None] | None = None
    began: float = 0.0
    deadline: float = np.inf
    fast: bool = False
    """Whether one kernel runs a pass over encoded rows."""
    open_ended: bool = False
    """Members are added until the deadline, instead of a number known before."""
    patience: Patience | None = None
    hold: float = 0.0
    """Weight of the squared distance from the start of a descent that was given one."""
    interrupted: bool = False
    stopped: bool = False
    """The callback asked for an end."""
    solutions: list[Solution] = field(default_factory=list)

    def tell(self, *args) -> None:
        """Pass a Progress on to the callback; what it answers is kept in `stopped`."""
        if self.callback is not None:
            self.stopped |= bool(self.callback(Progress(*args)))

    def left(self, part: float = 1.0) -> float:
        """Seconds left of the first part of the time."""
        return self.began + part * (self.deadline - self.began) - time.monotonic()

    def dtype(self, size: int) -> str:
        """float32 for large designs: the data's noise is far above its rounding."""
        known = get_backend(self.backend).capabilities.dtypes
        wanted = "float32" if size >= _FLOAT32_FROM else "float64"
        return wanted if wanted in known else known[0]

    def objective(
        self,
        design: Design,
        coordinates: Parametrisation,
        goals: Goals,
        penalty: float,
        rows: np.ndarray | slice = slice(None),
        anchor: np.ndarray | None = None,
        smooth: float = 0.0,
    ) -> Objective:
        """Build the objective on some of the design's rows, held at an anchor by `hold`."""
        dtype = self.dtype(len(design.numbers) * design.coarse.terms)
        return Objective(
            design.rows(self.backend, dtype, rows),
            goals.part(rows),
            loss=self.loss,
            penalty=penalty,
            parametrisation=coordinates,
            anchor=anchor,
            hold=self.hold,
            smooth=smooth * design.neighbours if smooth else None,
        )


def kernel_runs(spec: EigSpec, backend: str) -> bool:
    """Whether one kernel of the backend runs a pass over encoded rows."""
    return kernel_serves(spec, backend)


def first_guess(design: Design, coordinates: Parametrisation, penalty: float) -> np.ndarray:
    """Return the coefficients p (outputs, 1 + blocks) of the additive models.

    Of order 1 they are the whole model: with squared loss, the best one for this penalty.
    """
    moments = design.moments.of_sums(coordinates.to_terms)
    if coordinates.spec.dim == 1:
        return starts.additive(coordinates, moments, max(penalty, _LEAST_RIDGE))
    return starts.additive(coordinates, moments)


def begin(
    start: Start, coordinates: Parametrisation, p: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Vector of all pencils, each from its own additive model p (outputs, 1 + blocks)."""
    return np.concatenate([start(coordinates, own, rng) for own in p])


def screened_start(
    run: Run, design: Design, goals: Goals, settings: Settings, rng: np.random.Generator
) -> np.ndarray:
    """Better of the gapped and the random start after a few steps on a few rows."""
    coordinates = design.parametrisation(settings.dim)
    p = first_guess(design, coordinates, settings.penalty)
    rows = np.sort(rng.permutation(len(goals.target))[:_SCREEN_ROWS])
    objective = run.objective(
        design, coordinates, goals, settings.penalty, rows, smooth=settings.smooth
    )
    candidates = [begin(kind, coordinates, p, rng) for kind in (starts.gapped, starts.random)]
    tried = [minimize(objective, start, max_iter=_SCREEN_STEPS) for start in candidates]
    if any(solution.reason == "interrupted" for solution in tried):
        raise KeyboardInterrupt
    return min(tried, key=lambda solution: solution.value).x


def fit_member(
    run: Run,
    design: Design,
    goals: Goals,
    settings: Settings,
    member: int,
    start: np.ndarray | None = None,
) -> tuple[Solution, Parametrisation]:
    """Fit member number ``member`` to the design's rows, from a start or from the best of some.

    Returns the solution, with ``reason == "interrupted"`` after Ctrl-C, and its coordinates.
    """
    rng, anchor = np.random.default_rng([run.seed, member]), start
    if start is None:
        start = screened_start(run, design, goals, settings, rng)
    coordinates = design.parametrisation(settings.dim)
    known, hidden = slice(None), None
    if run.patience is not None:
        known, hidden = run.patience.split(len(goals.target), rng)
    objective = run.objective(
        design, coordinates, goals, settings.penalty, known, anchor, settings.smooth
    )
    watched = None
    if run.patience is not None and hidden is not None:
        others = design.rows(run.backend, objective.rows.dtype, hidden)
        watched = run.patience.watch(objective, others, goals.part(hidden))
    since, left = time.monotonic(), run.left()
    share = left if run.open_ended else left / max(settings.members - member, 1)

    def watch(iteration: int, value: float, x: np.ndarray) -> bool:
        done = (member + iteration / run.max_iter) / settings.members
        if run.open_ended:
            done = 1.0 - max(run.left(), 0.0) / (run.deadline - run.began)
        run.tell("fitting", done, member, settings.members, iteration, value)
        tired = watched is not None and watched(x)
        return run.stopped or tired or time.monotonic() - since > share

    solution = minimize(objective, start, max_iter=run.max_iter, decrease_tol=1e-4, callback=watch)
    if watched is not None:
        solution = watched.best(solution)
    run.solutions.append(solution)
    return solution, coordinates
