"""Validate settings on rows that are hidden from a few short fits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from eigcore.encoding.rows import Rows
from eigcore.fit.data.covariance import KEPT
from eigcore.fit.data.encode import Sum
from eigcore.fit.data.information import thinned
from eigcore.fit.losses import Loss, Targets
from eigcore.fit.members import initialisation
from eigcore.fit.members.design import Design
from eigcore.fit.members.guess import first_guess, is_exact
from eigcore.fit.members.member import SOME, Settings, begin, piece_counts
from eigcore.fit.problem import Problem
from eigcore.fit.search.candidates import MANY
from eigcore.fit.solvers.descend import descend
from eigcore.fit.solvers.lbfgs import Memory

CHOOSING = 0.3
"""Part of a budget that may be spent on choosing settings."""
STEPS, _STEPS_OF_MANY = 18, 30
"""Steps of a short fit, and beyond `SOME` rows; twice as many where several are averaged."""
_REMEMBERED = 2**14
"""Length of the longest vector for which the memory of a descent is kept, at most 5 MiB."""
_SAMPLE, _FAST_SAMPLE = 10_000, 40_000
_FIRST, _FIRST_PART = 3000, 0.25
"""Least number of rows to fit in the first rungs of a race, and part of all of them."""
_ALL_FOLDS, _PER_EVENT = 4 * SOME, 3
"""Number of rows that the fits of all folds together have, where events are few among many rows; or
of those of each fold, per event."""


_CURVE = 5
"""Most folds where there is one column: candidates are curves, which differ little."""


class TimeUp(Exception):
    """The part of the budget for choosing settings is used up."""


class Made(NamedTuple):
    """A design of the rows to fit, and the rows: all and some of those to fit, and hidden ones."""

    design: Design
    known: Rows
    few: Rows
    hidden: Rows


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows to fit, rows to validate on, and the number of all rows.

    made : designs already made, shared by candidates with equal knots
    """

    known: Problem
    hidden: Problem
    rows: float
    made: dict[tuple[tuple[Sum, ...], tuple[int, ...], bool], list[Made]] = field(
        default_factory=dict
    )

    @cached_property
    def few(self) -> Problem:
        """Some of the rows to fit, at random."""
        count, rng = len(self.known), self.known.context.rng("folds", 1)
        most = max(_FIRST, round(_FIRST_PART * count))
        return (
            self.known.part(np.sort(rng.permutation(count)[:most])) if most < count else self.known
        )

    def design(self, settings: Settings, neurons: int, number: int) -> Design | None:
        """Return the design of one of some neurons without sums, if it is kept."""
        made = self.made.get(((), _sizes(settings, neurons), settings.dim > 1))
        return made[number].design if made else None

    def designs(
        self, sums: tuple[Sum, ...], sizes: tuple[int, ...], dim: int, until: float
    ) -> list[Made]:
        """Designs of the rows to fit, one for each number of pieces; see `judge` for ``until``."""
        key = sums, sizes, dim > 1
        if key in self.made:
            return self.made[key]
        # other orders have the same designs, but rows of another type
        others = [each.design for each in self.made.get((*key[:2], not key[2]), [])]
        shared = others[0].problem if others else replace(self.known, sums=sums).encoded(max(sizes))
        made = []
        for number, each in enumerate(sizes):
            if self.known.context.is_over(until):
                raise TimeUp
            own = others[number] if others else Design(shared, max(each, 1))
            known, hidden = own.rows(self.known, dim), own.rows(self.hidden, dim)
            some = known if self.few is self.known else own.rows(self.few, dim)
            made.append(Made(own, known, some, hidden))
        if len(sizes) * shared.moments.covariance.size <= KEPT:
            self.made[key] = made
        return made


def folds_of(problem: Problem) -> list[Fold]:
    """Split the rows of a problem into rows to fit and hidden rows.

    Each fold has its part of each stratum. Where rows are many and events few, events are fitted
    with some of the other rows, which weigh as much as all.
    """
    information, rng = problem.information, problem.context.rng("folds")
    together, strata, rows = problem.together, problem.strata, len(problem)
    if information > SOME:
        most = _FAST_SAMPLE if is_fast(problem) else _SAMPLE
        pairs = [together.once(most if strata is None else rows, rng, strata)]
        return [fold_of(problem, known, hidden, 0.75 * most, rng) for known, hidden in pairs]
    count = problem.effort.folds(information)
    if len(problem.encoding.columns) == 1:
        count = min(count, _CURVE)
    pairs = together.folds(count, rng, strata)
    most = max(_ALL_FOLDS / len(pairs), _PER_EVENT * information)
    most = max(most, SOME) if strata is None else most
    return [fold_of(problem, *pair, most, rng) for pair in pairs]


def fold_of(
    problem: Problem, known: np.ndarray, hidden: np.ndarray, most: float, rng: np.random.Generator
) -> Fold:
    """Return a fold with at most so many rows to fit and a sample of hidden ones; see `thinned`."""
    part = _thinned(problem, known, round(most), rng)
    # as many rows as there would be if all told as much as those to fit
    own, every = (
        each.loss.information(each.target.values, each.target.weights) for each in (part, problem)
    )
    rows = len(part) * every / own if len(part) < len(known) and own else float(len(problem))
    return Fold(part, _thinned(problem, hidden, _SAMPLE, rng), rows)


def _thinned(problem: Problem, rows: np.ndarray, most: int, rng: np.random.Generator) -> Problem:
    """Problem of at most so many of some rows, with weights that make up for the others."""
    strata = None if problem.strata is None else problem.strata[rows]
    few, factors = thinned(strata, len(rows), most, rng)
    part = problem.part(rows[few])
    if factors is None:
        return part
    target = part.target
    own = factors if target.weights is None else factors * target.weights
    return replace(part, target=target.of_rows(target.values, own, target.offset))


def is_fast(problem: Problem) -> bool:
    """Whether rows and their information are many, and a kernel runs the pass over them."""
    return problem.fast and problem.information >= MANY


def averaged(problem: Problem) -> int:
    """Number of neurons in the average that is validated.

    An average needs a smaller penalty than one neuron, so averages are used where they are cheap.
    """
    if not problem.fast or problem.context.hurried:
        return 1
    return problem.effort.neurons(problem.information)


def _sizes(settings: Settings, neurons: int) -> tuple[int, ...]:
    """Pieces of each neuron; at order 1 the objective is convex: all starts lead to one model."""
    return tuple(piece_counts([settings] * (neurons if settings.dim > 1 else 1)))


class End(NamedTuple):
    """Where a short fit ended, and what its descent knew there; None: nothing is kept of it."""

    vector: np.ndarray
    memory: Memory | None = None


class Judged(NamedTuple):
    """Decisions (neurons, hidden rows, ...) of neurons, and where they ended."""

    values: np.ndarray
    ends: list[End]


def judge(
    fold: Fold,
    settings: Settings,
    neurons: int,
    *,
    sums: tuple[Sum, ...] = (),
    ends: list[End] | None = None,
    until: float = CHOOSING,
    steps: float = 1.0,
    few: bool = False,
) -> Judged:
    """Predict the hidden rows with a few short fits to the other rows.

    Noise in a gradient falls as 1/rows, so fitting fewer rows needs a penalty that is larger by
    that ratio.

    Parameters
    ----------
    neurons : number of fits
    sums : weighted sums that get terms of their own
    ends : where to go on, from the ends of other fits
    until : part of the budget after which TimeUp is raised
    steps : part of the usual number of steps
    few : whether to descend on some of the rows only

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C, now or before: nothing is judged once it was pressed.
    TimeUp
        That part of the budget is used up, or the callback has ended the fit.
    """
    context = fold.known.context
    if context.interrupted:
        raise KeyboardInterrupt
    penalty = settings.penalty * fold.rows / len(fold.known)
    sizes = _sizes(settings, neurons)
    usual = _STEPS_OF_MANY if fold.rows > SOME else STEPS
    most = round(steps * (usual if neurons == 1 else 2 * usual))
    values, found = [], []
    made = fold.designs(sums, sizes, settings.dim, until)
    for neuron, (design, known, some, hidden) in enumerate(made):
        coordinates = design.parametrisation(settings.dim)
        memory = Memory()
        if ends is not None and settings.dim > 1:
            start, known_there = ends[neuron]
            memory = known_there.copy() if known_there else memory
        else:
            kind = initialisation.random if neuron else initialisation.gapped
            guess = first_guess(design, coordinates, penalty, known)
            start = begin(kind, coordinates, guess, context.rng("start", neuron))
        on, rows = (fold.few, some) if few else (fold.known, known)
        objective = design.objective(coordinates, penalty, on=on, rows=rows, smooth=settings.smooth)
        if is_exact(design, coordinates, settings.smooth):
            values.append(objective.values(start, hidden))
            found.append(End(start))
            continue
        solution = descend(
            objective,
            start,
            max_iter=most,
            decrease_tol=1e-4,
            memory=memory,
            callback=lambda *_: context.is_over(until),
        )
        if solution.reason == "interrupted":
            raise KeyboardInterrupt
        if solution.reason == "stopped":
            raise TimeUp
        values.append(objective.values(solution.x, hidden))
        found.append(End(solution.x, memory if len(start) <= _REMEMBERED else None))
    return Judged(np.array(values), found)


def average_loss(loss: Loss, values: np.ndarray, targets: Targets, members: int) -> float:
    """Expected loss of an average of ``members`` neurons, from the decisions of a few.

    With squared loss, an average of M neurons has the loss bias² + variance / M, and the mean loss
    of m neurons exceeds that of their average by variance · (1 − 1/m), whatever the bias (Krogh &
    Vedelsby, "Neural network ensembles, cross validation, and active learning", NIPS 1994). For
    other smooth losses this holds to second order.

    Parameters
    ----------
    values : (m, N) or (m, N, outputs), decisions of the m neurons
    """
    few = len(values)
    joint = loss(values.mean(0), *targets)[0]
    if few == 1:
        return joint
    apart = sum(loss(each, *targets)[0] for each in values) / few
    return joint - (apart - joint) * (1.0 / few - 1.0 / max(few, members)) / (1.0 - 1.0 / few)
