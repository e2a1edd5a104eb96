"""Choose knots, penalty and order of the matrices inside the training rows, cheaply.

One short fit per candidate and fold, coordinate by coordinate: the number of knots, the penalty
and the order. Few rows are cross-validated, and the penalty is followed as far as it pays, each
fit from the end of the one before; many rows are split once, on a sample. The members then follow
several of the candidates, as many each as makes the average best on the hidden rows
(`eigcore.fit.blend`), or, on few rows, a linear model, unless that average is clearly better. Where
a kernel makes it cheap, candidates are averages of three neurons; on many rows of six, and then
all members follow the best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eigcore.fit import blend, starts
from eigcore.fit.design import Design, Wishes, encode
from eigcore.fit.frame import Frame
from eigcore.fit.lbfgs import minimize
from eigcore.fit.losses import Goals, Loss
from eigcore.fit.member import Run, Settings, begin, first_guess, piece_counts
from eigcore.fit.moments import Moments
from eigcore.rows import Rows

DEFAULT = Settings(knots=32, dim=5, penalty=4e-3, members=12)
SLOW = DEFAULT._replace(members=4)
"""Without a kernel: on many rows half a minute or so per two members."""
FAST = Settings(knots=64, dim=4, penalty=5e-4, members=12)
"""Where one kernel runs the pass over the rows, and there are many rows."""
MOST = 48
"""Members at most, where a budget decides."""
_PART = 0.3
"""Part of a budget that may be spent on choosing."""
SMOOTH = 0.02
"""Smoothness of the last but one candidates: they may have more pieces."""
LINEAR = tuple(10.0 ** (half / 2.0) for half in range(-10, 1))
"""Penalties of the last candidates, which are linear models with the constraints asked for.

They cost next to nothing: with squared loss they start at their minimum.
"""
_PATH = ((0.25, 4.0),) * 4 + ((0.5, 2.0),)
"""Factors of the penalty, stage by stage: on, as long as the last one was the best."""
_NEAR = 0.2
"""Candidates whose loss is above the lowest one by more than this part of it are not averaged."""
_STEPS = 30
_RUNGS = (0.25, 0.25, 0.5)
_SAMPLE, _FAST_SAMPLE = 10_000, 40_000
_CLEARLY = 1.02
_FEWEST, _FEW, SOME = 200, 600, 2500
MANY = 8000


class TimeUp(Exception):
    """The part of the budget for choosing is used up."""


@dataclass(frozen=True)
class Asked:
    """What the user fixed; None is to be chosen."""

    knots: int | None = None
    dim: int | None = None
    penalty: float | None = None
    members: int | None = None

    def settings(self, guess: Settings) -> Settings:
        """Fill the gaps from a guess."""
        asked = {key: value for key, value in vars(self).items() if value is not None}
        return guess._replace(**asked)


def stages(asked: Asked, rows: int, shaped: bool, fast: bool):
    """Yield functions from the best settings so far to the candidates of the next stage."""
    if asked.knots is None or asked.dim is None:
        yield lambda best: [
            best._replace(knots=knots, dim=dim)
            for knots in (_counts(rows, fast) if asked.knots is None else (best.knots,))
            for dim in ((best.dim, *_dims(knots, rows, shaped, fast))[: None if asked.dim is None else 1])
        ]
    if asked.penalty is None:
        for factors in _PATH if rows < SOME else _PATH[:1]:
            yield lambda best, some=factors: [
                best._replace(penalty=best.penalty * factor) for factor in some
            ]
    if asked.knots is asked.penalty is None and not fast:
        yield lambda best: [
            best._replace(knots=factor * best.knots, smooth=SMOOTH)
            for factor in (1, 4)
            if best.knots
        ]
    if asked.dim is asked.knots is asked.penalty is None:
        yield lambda best: [Settings(0, 1, penalty, best.members) for penalty in LINEAR]


def _counts(rows: int, fast: bool) -> tuple[int, ...]:
    if fast:
        return (64, 32, 8, 2)
    if rows >= MANY:
        return (2, 8, 32)
    return tuple(k for k in (0, 2, 4, 8, 16, 32) if k <= max(rows // 20, 4))


def _dims(knots: int, rows: int, shaped: bool, fast: bool) -> tuple[int, ...]:
    if shaped:
        return (3, 8)
    if fast:
        return (8,)
    if rows >= MANY:
        return (9,) if knots <= 4 else ()
    if rows >= SOME:
        return (9, 13)
    return (3, 9, 13) if knots <= 4 else (3, 7)


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
    hidden = goals.part(np.concatenate([rows for _, rows in folds]))
    trials: dict[Settings, _Trial] = {}

    def lowest() -> Settings:
        return _lowest(trials, best if fast else None)

    try:
        for number, stage in enumerate(plan):
            candidates = [each for each in stage(best) if wishes.allows(each.dim)]
            rungs = _RUNGS if len(candidates) > 2 and candidates[0].dim > 1 else (1.0,)
            racing: dict[Settings, _Trial] = {}
            for rung, part in enumerate(rungs):
                last = rung + 1 == len(rungs)
                for place, candidate in enumerate(candidates):
                    if run.interrupted or run.stopped or run.left(_PART) < 0.0:
                        raise TimeUp
                    if candidate not in trials:
                        warm = racing[candidate].ends if rung else _ends(trials, candidate) if few else None
                        pairs = zip(folds, warm or [None] * len(folds), strict=True)
                        parts = [
                            validate(run, frame, goals, wishes, candidate, len(train), *each, many, _PART, part)
                            for each in pairs
                        ]
                        values = np.concatenate([each.values for each in parts], axis=1)
                        ends = [each.ends for each in parts]
                        loss = averages(run.loss, values, hidden, candidate.members if few else many)
                        racing[candidate] = _Trial(loss, values.mean(0), ends)
                        if last:
                            trials[candidate] = racing[candidate]
                    done = (number + (rung + (place + 1) / len(candidates)) / len(rungs)) / len(plan)
                    run.tell("choosing", done, 0, 0, 0, min(each.loss for each in racing.values() or trials.values()))
                if not last:
                    ranked = sorted(candidates, key=lambda each: racing[each].loss if each in racing else trials[each].loss)
                    candidates = ranked[: -(-len(ranked) // 2)]
            best = lowest()
    except TimeUp:
        pass
    except KeyboardInterrupt:
        run.interrupted = True
    if fast or len(trials) < 2 or best.members == 1:
        return [lowest() if trials else best] * best.members
    least = min(each.loss for each in trials.values())
    near = least + _NEAR * abs(least)
    known = [each for each in trials if trials[each].loss <= near or _line(each)]
    values = np.stack([trials[each].values for each in known])
    parts = blend.shares(run.loss, values, hidden, np.random.default_rng(run.seed))
    lines = [each for each in known if _line(each)]
    if lines and len(train) <= _FEW:
        line = min(lines, key=lambda each: trials[each].loss)
        mean = np.tensordot(parts, values, 1)
        if not blend.clearly_better(run.loss, mean, trials[line].values, hidden):
            return [line] * (asked.members or 1)
    return [known[place] for place in blend.sequence(parts, best.members)]


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


def folds_of(run: Run, train: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of known and hidden rows."""
    shuffled = np.random.default_rng([run.seed, 1_000_003]).permutation(train)
    if len(train) > SOME:
        fast = run.fast and len(train) >= MANY
        sample = shuffled[: _FAST_SAMPLE if fast else _SAMPLE]
        cut = len(sample) * 3 // 4
        return [(sample[:cut], sample[cut:])]
    count = 10 if len(train) <= _FEWEST else 5 if len(train) <= _FEW else 3
    parts = np.array_split(shuffled, count)
    return [(np.concatenate(parts[:i] + parts[i + 1 :]), parts[i]) for i in range(count)]


def validate(
    run: Run,
    frame: Frame,
    goals: Goals,
    wishes: Wishes,
    settings: Settings,
    rows: int,
    fold: tuple[np.ndarray, np.ndarray],
    ends: list[np.ndarray] | None,
    many: int,
    part: float = _PART,
    steps: float = 1.0,
) -> Judged:
    """Decisions on the hidden rows of a few short fits on the known ones.

    They start where those of another penalty ended, if there were any. Noise in a gradient falls as
    1/rows, so the fewer known rows want a penalty larger by that ratio. Raises TimeUp after this
    part of the budget.
    """
    known, hidden = fold
    penalty = settings.penalty * rows / len(known)
    # of order 1 the objective is convex: all starts lead to the same model
    sizes = piece_counts([settings] * (many if settings.dim > 1 else 1))
    shared = encode(frame, known, max(sizes), wishes)
    numbers, own = shared.table(frame.cells), goals.part(known)
    moments = Moments.of(shared, numbers[known], run.loss.working(own), own.weights)
    values, found = [], []

    def late(*_) -> bool:
        return run.left(part) < 0.0

    for neuron, pieces in enumerate(sizes):
        design = Design(shared, numbers[known], moments, wishes, max(pieces, 1))
        coordinates = design.parametrisation(settings.dim)
        if ends is not None and settings.dim > 1:
            start = ends[neuron]
        else:
            kind = starts.random if neuron else starts.gapped
            rng = np.random.default_rng(run.seed + neuron)
            start = begin(kind, coordinates, first_guess(design, coordinates, penalty), rng)
        objective = run.objective(design, coordinates, own, penalty, smooth=settings.smooth)
        most = round(steps * (_STEPS if many == 1 else 2 * _STEPS))
        solution = minimize(objective, start, max_iter=most, decrease_tol=1e-4, callback=late)
        if solution.reason == "interrupted":
            raise KeyboardInterrupt
        if solution.reason == "stopped":
            raise TimeUp
        others = Rows(design.coarse, numbers[hidden], run.backend, objective.rows.dtype)
        values.append(objective.values(solution.x, others))
        found.append(solution.x)
    return Judged(np.array(values), found)
