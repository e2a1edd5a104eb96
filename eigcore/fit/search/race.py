"""Choose knots, penalty and order of the matrices inside the training rows, cheaply.

Candidates are judged by short fits: first those of a grid of knots and orders, by successive
halving (Jamieson & Talwalkar, AISTATS 2016: the better half goes on from where it is), then other
penalties, as far as they pay. Few rows are cross-validated, and a fit with another penalty starts
at the end of the nearest one; many rows are split once, on a sample. The members then follow
several of the candidates, as many each as makes the average best on the hidden rows
(`eigcore.fit.search.ensemble`), or, on few rows, a linear model, unless that average is clearly
better. Where a kernel makes it cheap, candidates are averages of three neurons; on many rows of
six, and then all members follow the best.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from eigcore.encoding.rows import Rows
from eigcore.fit import initialisation as starts
from eigcore.fit.design import Design, Wishes, encode
from eigcore.fit.frame import Frame
from eigcore.fit.losses import Goals, Loss
from eigcore.fit.member import Run, Settings, begin, first_guess, piece_counts
from eigcore.fit.moments import Moments
from eigcore.fit.search import ensemble as blend
from eigcore.fit.search.candidates import DEFAULT, FAST, MANY, SLOW, SOME, Asked, stages
from eigcore.fit.solvers.lbfgs import minimize

MOST = 48
"""Members at most, where a budget decides."""
_PART = 0.3
"""Part of a budget that may be spent on choosing."""
_NEAR = 0.2
"""Candidates whose loss is above the lowest one by more than this part of it are not averaged."""
_STEPS = 30
"""Steps of a short fit; twice as many where several are averaged."""
_RUNGS = (0.125, 0.125, 0.25, 0.5)
"""Parts of these steps after which the better half of the first candidates goes on."""
_RACE = 2.5
"""Time of all rungs, in units of that of the first."""
_KEPT = 2**25
"""Numbers in the covariances of designs that are kept for the next candidate."""
_SAMPLE, _FAST_SAMPLE = 10_000, 40_000
_CLEARLY = 1.02
_FEWEST, _FEW = 200, 600
_ERRORS = 2.0
"""Gain over a linear model, in standard errors, for which few rows get more than one."""


class TimeUp(Exception):
    """The part of the budget for choosing is used up."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows that are known (n,) and hidden (m,), and the designs of candidates with equal knots."""

    known: np.ndarray
    hidden: np.ndarray
    made: dict[Any, tuple[list[Design], np.ndarray]] = field(default_factory=dict)

    def designs(
        self, run: Run, frame: Frame, goals: Goals, wishes: Wishes, sizes: list[int]
    ) -> tuple[list[Design], np.ndarray]:
        """Designs of the known rows, one for each number of pieces, and the hidden rows' numbers.

        The wishes of all calls may differ in their directions only.
        """
        key = wishes.directions, tuple(sizes)
        if key in self.made:
            return self.made[key]
        shared = encode(frame, self.known, max(sizes), wishes)
        known, hidden = (
            shared.table({name: cells[rows] for name, cells in frame.cells.items()})
            for rows in (self.known, self.hidden)
        )
        own = goals.part(self.known)
        moments = Moments.of(shared, known, run.loss.working(own), own.weights)
        made = [Design(shared, known, moments, wishes, max(each, 1)) for each in sizes], hidden
        if len(sizes) * shared.terms**2 <= _KEPT:
            self.made[key] = made
        return made


class Judged(NamedTuple):
    """What some neurons (neurons, hidden rows, ...) decide on hidden rows, and where they ended."""

    values: np.ndarray
    ends: list[np.ndarray]


class _Trial(NamedTuple):
    """Decisions of a candidate on all hidden rows, their loss, and the neurons' ends per fold."""

    loss: float
    values: np.ndarray
    ends: list[list[np.ndarray]]


def choose(
    run: Run, frame: Frame, train: np.ndarray, goals: Goals, wishes: Wishes, asked: Asked
) -> list[Settings]:
    """Settings of each member, after validating a few candidates.

    Parameters
    ----------
    train : (n,) the rows that may be looked at
    goals : of all rows of the frame
    """
    fast = run.fast and len(train) >= MANY
    best = usual(run, wishes, asked, len(train))
    if run.open_ended:
        best = best._replace(members=MOST)
    plan = list(stages(asked, len(train), wishes.shape is not None, fast))
    if not plan or len(train) < 8:
        return [best] * best.members
    many, few = averaged(run, len(train)), len(train) < SOME
    folds = folds_of(run, train)
    hidden = goals.part(np.concatenate([fold.hidden for fold in folds]))
    trials: dict[Settings, _Trial] = {}

    def lowest() -> Settings:
        return _lowest(trials, best if fast else None)

    def judge(candidate: Settings, part: float) -> None:
        if run.interrupted or run.stopped or run.left(_PART) < 0.0:
            raise TimeUp
        ends = _ends(trials, candidate) if few or candidate in trials else None
        judged = [
            validate(run, frame, goals, wishes, candidate, len(train), *each, many, steps=part)
            for each in zip(folds, ends or [None] * len(folds), strict=True)
        ]
        values = np.concatenate([each.values for each in judged], axis=1)
        loss = averages(run.loss, values, hidden, many if fast else candidate.members)
        trials[candidate] = _Trial(loss, values.mean(0), [each.ends for each in judged])

    try:
        for number, stage in enumerate(plan):
            candidates = [each for each in stage(best) if wishes.allows(each.dim)]

            def tell(part: float, number: int = number) -> None:
                least = min(each.loss for each in trials.values())
                run.tell("choosing", (number + part) / len(plan), 0, 0, 0, least)

            if not trials and len(candidates) > 2:
                try:
                    _race(run, candidates, trials, judge, tell, best if fast else None)
                except TimeUp:
                    trials.clear()
                    raise
            else:
                for place, candidate in enumerate(candidates):
                    if candidate not in trials:
                        judge(candidate, 1.0)
                    tell((place + 1) / len(candidates))
            best = lowest()
    except TimeUp:
        pass
    except KeyboardInterrupt:
        run.interrupted = True
    if fast or len(trials) < 2 or best.members == 1:
        return [lowest() if trials else best] * best.members
    return _blended(run, trials, hidden, len(train), best.members, asked.members or 1)


def _race(
    run: Run,
    candidates: list[Settings],
    trials: dict[Settings, _Trial],
    judge: Callable[[Settings, float], None],
    tell: Callable[[float], None],
    kept: Settings | None,
) -> None:
    """Successive halving: fill the trials with the last candidates, and those of `kept`.

    Raises TimeUp as soon as it is clear that the time will not do.
    """
    began, most = time.monotonic(), len(candidates)
    for rung, part in enumerate(_RUNGS):
        for place, candidate in enumerate(candidates):
            judge(candidate, part)
            tell((rung + (place + 1) / len(candidates)) / len(_RUNGS))
            first = rung == place == 0
            if first and run.left(_PART) < _RACE * most * (time.monotonic() - began):
                raise TimeUp
        if rung + 1 < len(_RUNGS):
            ranked = sorted(candidates, key=lambda each: trials[each].loss)
            half = -(-len(ranked) // 2)
            candidates = ranked[:half] + [each for each in ranked[half:] if each == kept]
            for each in set(ranked) - set(candidates):
                del trials[each]


def _blended(
    run: Run,
    trials: dict[Settings, _Trial],
    hidden: Goals,
    rows: int,
    members: int,
    alone: int,
) -> list[Settings]:
    """Settings of so many members; of `alone` linear ones where no average is better."""
    least = min(each.loss for each in trials.values())
    near = least + _NEAR * abs(least)
    known = [each for each in trials if trials[each].loss <= near or _line(each)]
    values = np.stack([trials[each].values for each in known])
    parts = blend.shares(run.loss, values, hidden, np.random.default_rng(run.seed))
    lines = [each for each in known if _line(each)]
    if lines and rows <= _FEW:
        line = min(lines, key=lambda each: trials[each].loss)
        mean = np.tensordot(parts, values, 1)
        if blend.gain(run.loss, mean, trials[line].values, hidden) < _ERRORS:
            return [line] * alone
    return [known[place] for place in blend.sequence(parts, members)]


def averages(loss: Loss, values: np.ndarray, goals: Goals, members: int) -> float:
    """Expected loss of an average of so many neurons, from the decisions of a few.

    With squared loss an average of M has bias² + variance / M, and the mean loss of the m neurons
    less that of their average is variance · (1 − 1/m), whatever the bias (Krogh & Vedelsby,
    "Neural network ensembles, cross validation, and active learning", NIPS 1994). Other smooth
    losses: to second order.

    Parameters
    ----------
    values : (m, N) or (m, N, outputs)
    """
    few = len(values)
    joint = loss(values.mean(0), *goals)[0]
    if few == 1:
        return joint
    apart = sum(loss(each, *goals)[0] for each in values) / few
    return joint - (apart - joint) * (1.0 / few - 1.0 / max(few, members)) / (1.0 - 1.0 / few)


def _ends(trials: dict[Settings, _Trial], candidate: Settings) -> list[list[np.ndarray]] | None:
    """Ends of the trial of the nearest penalty that differs in nothing but it and smoothness."""
    own = {"penalty": candidate.penalty, "smooth": candidate.smooth}
    alike = [each for each in trials if each._replace(**own) == candidate]
    if not alike:
        return None
    return trials[min(alike, key=lambda s: abs(np.log(s.penalty / candidate.penalty)))].ends


def _line(settings: Settings) -> bool:
    """Whether it is a linear model."""
    return settings.dim == 1 and not settings.knots


def _lowest(trials: dict[Settings, _Trial], kept: Settings | None) -> Settings:
    """Settings with the lowest loss; those in `kept` stay unless others are clearly better.

    Fewer rows are known while choosing than in the end, and a split has noise: both favour
    settings that are too small.
    """
    found = min(trials, key=lambda each: trials[each].loss)
    if kept is not None and kept in trials and trials[kept].loss <= _CLEARLY * trials[found].loss:
        return kept
    return found


def usual(run: Run, wishes: Wishes, asked: Asked, rows: int) -> Settings:
    """Settings before anything is validated."""
    fast = run.fast and rows >= MANY
    found = asked.settings(FAST if fast else DEFAULT if run.fast else SLOW)
    return found if asked.dim is not None else found._replace(dim=wishes.order(found.dim))


def averaged(run: Run, rows: int) -> int:
    """Neurons in the average that is judged.

    An average wants a smaller penalty than one neuron: it is judged where it costs little.
    """
    return 1 if not run.fast else 6 if rows >= MANY else 3


def folds_of(run: Run, train: np.ndarray) -> list[Fold]:
    """Split the rows into known and hidden ones."""
    shuffled = np.random.default_rng([run.seed, 1_000_003]).permutation(train)
    if len(train) > SOME:
        fast = run.fast and len(train) >= MANY
        sample = shuffled[: _FAST_SAMPLE if fast else _SAMPLE]
        cut = len(sample) * 3 // 4
        return [Fold(sample[:cut], sample[cut:])]
    count = 10 if len(train) <= _FEWEST else 5 if len(train) <= _FEW else 3
    parts = np.array_split(shuffled, count)
    return [Fold(np.concatenate(parts[:i] + parts[i + 1 :]), parts[i]) for i in range(count)]


def validate(
    run: Run,
    frame: Frame,
    goals: Goals,
    wishes: Wishes,
    settings: Settings,
    rows: int,
    fold: Fold,
    ends: list[np.ndarray] | None,
    many: int,
    part: float = _PART,
    steps: float = 1.0,
) -> Judged:
    """Decisions on the hidden rows of a few short fits on the known ones.

    They start where others ended, if there were any, and take this part of the steps. Noise in a
    gradient falls as 1/rows, so the fewer known rows want a penalty larger by that ratio. Raises
    TimeUp after this part of the budget.
    """
    penalty = settings.penalty * rows / len(fold.known)
    # of order 1 the objective is convex: all starts lead to the same model
    sizes = piece_counts([settings] * (many if settings.dim > 1 else 1))
    designs, hidden = fold.designs(run, frame, goals, wishes, sizes)
    values, found = [], []

    def late(*_) -> bool:
        return run.left(part) < 0.0

    for neuron, design in enumerate(designs):
        coordinates = design.parametrisation(settings.dim)
        if ends is not None and settings.dim > 1:
            start = ends[neuron]
        else:
            kind = starts.random if neuron else starts.gapped
            rng = np.random.default_rng(run.seed + neuron)
            start = begin(kind, coordinates, first_guess(design, coordinates, penalty), rng)
        goal = goals.part(fold.known)
        objective = run.objective(design, coordinates, goal, penalty, smooth=settings.smooth)
        most = round(steps * (_STEPS if many == 1 else 2 * _STEPS))
        solution = minimize(objective, start, max_iter=most, decrease_tol=1e-4, callback=late)
        if solution.reason == "interrupted":
            raise KeyboardInterrupt
        if solution.reason == "stopped":
            raise TimeUp
        others = Rows(design.coarse, hidden, run.backend, objective.rows.dtype)
        values.append(objective.values(solution.x, others))
        found.append(solution.x)
    return Judged(np.array(values), found)
