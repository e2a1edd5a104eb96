"""Fit one member: try two initialisations on a few rows, then descend on all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from eigcore.encoding.rows import Rows
from eigcore.fit.members import initialisation
from eigcore.fit.members.design import Design
from eigcore.fit.members.guess import first_guess
from eigcore.fit.members.parametrisation import Parametrisation
from eigcore.fit.problem import Problem
from eigcore.fit.solvers.descend import descend
from eigcore.fit.solvers.early_stopping import Watch, split
from eigcore.fit.solvers.lbfgs import Memory, Solution
from eigcore.fit.solvers.objective import Objective

Start = Callable[[Parametrisation, np.ndarray, np.random.Generator], np.ndarray]

SOME = 2500
"""From this many rows on, one split decides on settings; below, descents may be longer."""
_SCREEN_ROWS, _SCREEN_PART = 3000, 0.25
"""Least number of rows on which a descent begins, and part of all rows."""
_SCREEN_STEPS = 12
"""Steps after which the better of two starts goes on."""
_PIECES = (0.75, 1.0, 1.25, 2.0, 0.875, 1.5)
"""Pieces of each member, relative to ``knots``: different knots improve the average."""


class Settings(NamedTuple):
    """Settings of a member.

    knots : pieces per numeric column of a typical member (0: linear)
    dim : order d of the matrices
    penalty : weight of Σ‖A‖_F² for unit-variance terms
    members : how many neurons are averaged
    smooth : weight of the squared jumps from piece to piece, in units of the penalty; see
        `eigcore.fit.members.design.Design.jumps`
    """

    knots: int
    dim: int
    penalty: float
    members: int
    smooth: float = 0.0


def piece_counts(plan: Sequence[Settings]) -> list[int]:
    """Pieces per numeric column of each member, 0 for linear ones.

    Members that share their settings get different numbers; a member on its own gets ``knots``.
    """
    met: Counter[Settings] = Counter()
    pieces = []
    for each in plan:
        part = _PIECES[met[each] % len(_PIECES)] if plan.count(each) > 1 else 1.0
        pieces.append(max(1, round(each.knots * part)) if each.knots else 0)
        met[each] += 1
    return pieces


def most_steps(problem: Problem, again: bool = False) -> int:
    """Largest number of L-BFGS steps of a member.

    again : half of them were made on other rows

    In a hurry there are more members instead of longer descents.
    """
    long = problem.fast and not problem.context.hurried
    usual = min(200 if long and len(problem) <= SOME else 120, problem.effort.steps)
    most = usual if problem.options.max_iter is None else problem.options.max_iter
    return -(-most // 2) if again else most


def begin(
    start: Start, coordinates: Parametrisation, p: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Vector of all pencils, each from its own additive model p (outputs, 1 + blocks)."""
    return np.concatenate([start(coordinates, own, rng) for own in p])


def _screened_start(
    design: Design,
    coordinates: Parametrisation,
    settings: Settings,
    rng: np.random.Generator,
    rows: Rows,
) -> tuple[np.ndarray, Memory]:
    """Return the better of the gapped and the random start, after a few steps on a few rows.

    Where these are some of the rows only, the better one makes half of its steps there. The memory
    is that of its descent.
    """
    p, count = first_guess(design, coordinates, settings.penalty, rows), len(design.problem)
    few = np.sort(rng.permutation(count)[: max(_SCREEN_ROWS, round(_SCREEN_PART * count))])
    objective = design.objective(
        coordinates,
        settings.penalty * count / len(few),
        on=design.problem.part(few),
        rows=rows if len(few) == count else rows.part(few),
        smooth=settings.smooth,
    )
    kinds = (initialisation.gapped, initialisation.random)
    starts = [begin(kind, coordinates, p, rng) for kind in kinds]
    memories = Memory(), Memory()
    tried = [
        _short(design, objective, start, memory, _SCREEN_STEPS)
        for start, memory in zip(starts, memories, strict=True)
    ]
    best, memory = min(zip(tried, memories, strict=True), key=lambda each: each[0].value)
    if len(few) < count:
        more = most_steps(design.problem, again=True) - _SCREEN_STEPS
        best = _short(design, objective, best.x, memory, more)
    return best.x, memory


def _short(
    design: Design, objective: Objective, start: np.ndarray, memory: Memory, steps: int
) -> Solution:
    """Descend for some steps; raise KeyboardInterrupt after Ctrl-C."""
    over = design.problem.context.is_over
    found = descend(
        objective,
        start,
        max_iter=steps,
        memory=memory,
        decrease_tol=1e-4,
        callback=lambda *_: over(),
    )
    if found.reason == "interrupted":
        raise KeyboardInterrupt
    return found


def fit_member(
    design: Design,
    settings: Settings,
    member: int,
    start: np.ndarray | None = None,
    hold: float = 0.0,
    begun: bool = False,
) -> tuple[Solution, Parametrisation]:
    """Fit member number ``member``, from a given start or from the better of two.

    hold : weight of the squared distance from the given start
    begun : whether half of the steps led to the given start

    Returns the solution, with ``reason == "interrupted"`` after Ctrl-C, and its coordinates.
    """
    problem, coordinates = design.problem, design.parametrisation(settings.dim)
    rng, anchor = problem.context.rng("member", member), start
    encoded, memory = design.rows(problem, settings.dim), Memory()
    if start is None:
        start, memory = _screened_start(design, coordinates, settings, rng, encoded)
    known, watched = problem, None
    stopping = problem.options.early_stopping
    if stopping:
        rows, hidden = split(stopping, problem.together, rng, member)
        known, encoded = problem.part(rows), None
    objective = design.objective(
        coordinates,
        settings.penalty,
        on=known,
        rows=encoded,
        smooth=settings.smooth,
        anchor=anchor,
        hold=hold,
    )
    if stopping:
        part = problem.part(hidden)
        hidden_rows = design.rows(part, settings.dim)
        watched = Watch(stopping, objective, hidden_rows, part.target.targets)
    begun |= anchor is None and len(problem) > _SCREEN_ROWS
    most = most_steps(problem, again=begun)
    watch = _watcher(problem, settings, member, most, watched)
    solution = descend(
        objective, start, max_iter=most, memory=memory, decrease_tol=1e-4, callback=watch
    )
    return watched.best(solution) if watched else solution, coordinates


def _watcher(
    problem: Problem, settings: Settings, member: int, most: int, watched: Watch | None
) -> Callable[[int, float, np.ndarray], bool]:
    """Return the function to call after every step; it returns True to end the descent."""
    context, open_ended = problem.context, is_open_ended(problem)
    since, left = context.seconds, context.left()
    share = left if open_ended else left / max(settings.members - member, 1)

    def watch(iteration: int, value: float, x: np.ndarray) -> bool:
        done = context.used if open_ended else (member + iteration / most) / settings.members
        context.tell("fitting", done, member, settings.members, iteration, value)
        enough = watched is not None and watched(x)
        return context.stopped or enough or context.seconds - since > share

    return watch


def is_open_ended(problem: Problem) -> bool:
    """Whether members are added until the budget is used up, however many they become."""
    return problem.options.budget_seconds is not None and problem.options.members is None
