"""Fit one member: screen the starting points on a few rows, then descend on all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from eigcore.fit import starts
from eigcore.fit.constraints import Parametrisation
from eigcore.fit.design import Design
from eigcore.fit.lbfgs import Solution, minimize
from eigcore.fit.objectives import Objective
from eigcore.registry import get_backend
from eigcore.rules import rule_of
from eigcore.spec import EigSpec

_SCREEN_ROWS = 3000
_SCREEN_STEPS = 12
_FLOAT32_FROM = 500_000
_PIECES = (0.75, 1.0, 1.25, 2.0, 0.875, 1.5)
"""Pieces of each member, as parts of ``knots``: different knots make the average better."""


def piece_counts(knots: int, members: int) -> list[int]:
    """Pieces per numeric column of each member; one member alone has ``knots``."""
    parts = [_PIECES[m % len(_PIECES)] for m in range(members)] if members > 1 else [1.0]
    return [max(1, round(knots * part)) for part in parts]


class Settings(NamedTuple):
    """What a fit is made with.

    knots : pieces per numeric column of a typical member (0: linear)
    dim : order d of the matrices
    penalty : weight of Σ‖A‖_F² for unit-variance terms
    members : how many neurons are averaged
    """

    knots: int
    dim: int
    penalty: float
    members: int


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

    loss: str
    backend: str
    seed: int
    max_iter: int
    callback: Callable[[Progress], None] | None = None
    began: float = 0.0
    deadline: float = np.inf
    open_ended: bool = False
    """Members are added until the deadline, instead of a number known before."""
    interrupted: bool = False
    history: list[tuple[float, ...]] = field(default_factory=list)

    def tell(self, *args) -> None:
        """Pass a Progress on to the callback."""
        if self.callback is not None:
            self.callback(Progress(*args))

    def left(self, part: float = 1.0) -> float:
        """Seconds left of the first part of the time."""
        return self.began + part * (self.deadline - self.began) - time.monotonic()

    @property
    def fast(self) -> bool:
        """Whether one kernel runs a pass over encoded rows."""
        rule = rule_of(EigSpec(features=1, dim=5))
        return get_backend(self.backend).fused_rows(rule) is not None

    def dtype(self, size: int) -> str:
        """float32 for large designs: the data's noise is far above its rounding."""
        known = get_backend(self.backend).capabilities.dtypes
        wanted = "float32" if size >= _FLOAT32_FROM else "float64"
        return wanted if wanted in known else known[0]

    def objective(
        self,
        design: Design,
        coordinates: Parametrisation,
        target: np.ndarray,
        penalty: float,
        rows: np.ndarray | slice = slice(None),
    ) -> Objective:
        """Build the objective on some of the design's rows."""
        dtype = self.dtype(len(design.numbers) * design.coarse.terms)
        return Objective(
            design.rows(self.backend, dtype, rows),
            target[rows],
            loss=self.loss,
            penalty=penalty,
            parametrisation=coordinates,
        )


def first_guess(design: Design, coordinates: Parametrisation) -> np.ndarray:
    """Return the coefficients p (1 + blocks,) of the additive model."""
    return starts.additive(coordinates, design.moments.of_sums(coordinates.to_terms))


def working_target(target: np.ndarray, loss: str) -> np.ndarray:
    """Numbers that least squares may fit: for classes the linearised logit, else the target."""
    if loss != "logistic":
        return target
    rate = float(np.clip(target.mean(), 0.01, 0.99))
    return np.log(rate / (1.0 - rate)) + (target - rate) / (rate * (1.0 - rate))


def screened_start(
    run: Run, design: Design, target: np.ndarray, settings: Settings, rng: np.random.Generator
) -> np.ndarray:
    """Best of the gapped, the convex and the random start after a few steps on a few rows."""
    coordinates = design.parametrisation(settings.dim)
    p = first_guess(design, coordinates)
    rows = np.sort(rng.permutation(len(target))[:_SCREEN_ROWS])
    objective = run.objective(design, coordinates, target, settings.penalty, rows)
    goal = working_target(target, run.loss)[rows]
    candidates = [
        starts.gapped(coordinates, p, rng),
        starts.convex(coordinates, p, rng, objective.values, goal),
        starts.random(coordinates, p, rng),
    ]
    tried = [minimize(objective, start, max_iter=_SCREEN_STEPS) for start in candidates]
    if any(solution.reason == "interrupted" for solution in tried):
        raise KeyboardInterrupt
    return min(tried, key=lambda solution: solution.value).x


def fit_member(
    run: Run, design: Design, target: np.ndarray, settings: Settings, member: int
) -> tuple[Solution, Parametrisation]:
    """Fit member number ``member`` to the design's rows; target (N,).

    Returns the solution, with ``reason == "interrupted"`` after Ctrl-C, and its coordinates.
    """
    rng = np.random.default_rng([run.seed, member])
    start = screened_start(run, design, target, settings, rng)
    coordinates = design.parametrisation(settings.dim)
    objective = run.objective(design, coordinates, target, settings.penalty)
    begin, left = time.monotonic(), run.left()
    share = left if run.open_ended else left / max(settings.members - member, 1)

    def watch(iteration: int, value: float, _: np.ndarray) -> bool:
        done = (member + iteration / run.max_iter) / settings.members
        if run.open_ended:
            done = 1.0 - max(run.left(), 0.0) / (run.deadline - run.began)
        run.tell("fitting", done, member, settings.members, iteration, value)
        return time.monotonic() - begin > share

    solution = minimize(objective, start, max_iter=run.max_iter, decrease_tol=1e-4, callback=watch)
    run.history.append(solution.values)
    return solution, coordinates
