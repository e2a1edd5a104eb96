"""Choose knots, penalty and order of the matrices inside the training rows, cheaply.

One short fit per candidate and fold, coordinate by coordinate: first the number of knots, then the
penalty, then the order. Few rows are cross-validated; many rows are split once, on a sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eigcore.fit import starts
from eigcore.fit.design import Design, Wishes, encode
from eigcore.fit.frame import Frame
from eigcore.fit.lbfgs import minimize
from eigcore.fit.member import Run, Settings, first_guess, piece_counts, working_target
from eigcore.fit.moments import Moments
from eigcore.fit.objectives import LOSSES
from eigcore.rows import Rows

DEFAULT = Settings(knots=32, dim=5, penalty=4e-3, members=5)
SLOW = DEFAULT._replace(members=3)
"""Many rows without a kernel: half a minute or so per two members."""
FAST = Settings(knots=64, dim=4, penalty=5e-4, members=12)
"""Where one kernel runs the pass over the rows, and there are many rows."""
MOST = 48
"""Members at most, where a budget decides."""
_PART = 0.3
"""Part of a budget that may be spent on choosing."""
LINEAR = 1e-5
"""Penalty of the last candidate, which is a linear model with the constraints asked for."""
_STEPS = 60
_SAMPLE, _FAST_SAMPLE = 10_000, 40_000
_CLEARLY = 1.02
_FEW, _SOME = 600, 2500
MANY = 8000


class _TimeUp(Exception):
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
    if asked.knots is None:
        counts = (0, 2, 4, 8, 16, 32) if rows < MANY else (2, 8, 32)
        counts = (64, 32, 8, 2) if fast else [k for k in counts if k <= max(rows // 20, 4)]
        yield lambda best: [best._replace(knots=k) for k in counts]
    if asked.penalty is None:
        yield lambda best: [best._replace(penalty=best.penalty * f) for f in (0.25, 4.0)]
        if rows < _SOME:
            yield lambda best: [best._replace(penalty=best.penalty * f) for f in (0.5, 2.0, 8.0)]
    if asked.dim is None:
        yield lambda best: [best._replace(dim=d) for d in _dims(best, rows, shaped)]
    if asked.dim is asked.knots is asked.penalty is None:
        yield lambda best: [best._replace(knots=0, dim=1, penalty=LINEAR)]


def _dims(best: Settings, rows: int, shaped: bool) -> tuple[int, ...]:
    if shaped:
        return (3, 8)
    if best.knots <= 4:
        return (3, 9, 13) if rows < _SOME else (9,)
    return (3, 7) if rows < _SOME else ()


def choose(
    run: Run, frame: Frame, train: np.ndarray, target: np.ndarray, wishes: Wishes, asked: Asked
) -> Settings:
    """Settings with the lowest validated loss among a few candidates.

    Parameters
    ----------
    train : (n,) the rows that may be looked at
    target : (rows,) in the coordinates of the loss
    """
    fast = run.fast and len(train) >= MANY
    best = asked.settings(FAST if fast else SLOW if len(train) >= MANY else DEFAULT)
    if run.open_ended:
        best = best._replace(members=MOST)
    plan = list(stages(asked, len(train), wishes.shape is not None, fast))
    if not plan or len(train) < 8:
        return best
    # an average wants a smaller penalty than one neuron: where it costs little, judge an average
    many, sample = (6, _FAST_SAMPLE) if fast else (1, _SAMPLE)
    folds = _folds(train, np.random.default_rng([run.seed, 1_000_003]), sample)
    scores: dict[Settings, float] = {}

    def score(settings: Settings) -> float:
        if settings not in scores:
            parts = [
                _validate(
                    run, frame, target, wishes, _fewer(settings, train, known), known, hidden, many
                )
                for known, hidden in folds
            ]
            scores[settings] = float(np.mean(parts))
        return scores[settings]

    try:
        for number, stage in enumerate(plan):
            candidates = stage(best)
            for place, candidate in enumerate(candidates):
                if run.left(_PART) < 0.0:
                    return best
                score(candidate)
                done = (number + (place + 1) / len(candidates)) / len(plan)
                run.tell("choosing", done, 0, 0, 0, min(scores.values()))
            best = _lowest(scores, best if fast else None)
    except _TimeUp:
        return best
    except KeyboardInterrupt:
        run.interrupted = True
    return _lowest(scores, best if fast else None) if scores else best


def _lowest(scores: dict[Settings, float], kept: Settings | None) -> Settings:
    """Settings with the lowest score; those in `kept` stay unless others are clearly better.

    Fewer rows are known while choosing than in the end, and a split has noise: both favour
    settings that are too small.
    """
    lowest = min(scores, key=scores.__getitem__)
    if kept is not None and kept in scores and scores[kept] <= _CLEARLY * scores[lowest]:
        return kept
    return lowest


def _folds(train: np.ndarray, rng: np.random.Generator, most: int) -> list[tuple]:
    shuffled = rng.permutation(train)
    if len(train) > _SOME:
        sample = shuffled[:most]
        cut = len(sample) * 3 // 4
        return [(sample[:cut], sample[cut:])]
    count = 5 if len(train) <= _FEW else 3
    parts = np.array_split(shuffled, count)
    return [(np.concatenate(parts[:i] + parts[i + 1 :]), parts[i]) for i in range(count)]


def _fewer(settings: Settings, train: np.ndarray, known: np.ndarray) -> Settings:
    """Noise in a gradient falls as 1/rows, so fewer rows want a penalty larger by that ratio."""
    return settings._replace(penalty=settings.penalty * len(train) / len(known))


def _validate(run, frame, target, wishes, settings, known, hidden, many) -> float:
    """Loss on the hidden rows of a few short fits on the known ones, averaged."""
    sizes = piece_counts(settings.knots, many)
    shared = encode(frame, known, max(sizes) if settings.knots else 0, wishes.shape)
    numbers = shared.table(frame.cells)
    moments = Moments.of(shared, numbers[known], working_target(target[known], run.loss))
    values = np.zeros(len(hidden))

    def late(*_) -> bool:
        return run.left(_PART) < 0.0

    for neuron, pieces in enumerate(sizes):
        design = Design(shared, numbers[known], moments, wishes, pieces)
        coordinates = design.parametrisation(settings.dim)
        begin = starts.random if neuron else starts.gapped
        rng = np.random.default_rng(run.seed + neuron)
        start = begin(coordinates, first_guess(design, coordinates), rng)
        objective = run.objective(design, coordinates, target[known], settings.penalty)
        steps = _STEPS if many == 1 else 2 * _STEPS
        solution = minimize(objective, start, max_iter=steps, decrease_tol=1e-4, callback=late)
        if solution.reason == "interrupted":
            raise KeyboardInterrupt
        if solution.reason == "stopped":
            raise _TimeUp
        others = Rows(design.coarse, numbers[hidden], run.backend, objective.rows.dtype)
        values += objective.values(solution.x, others) / many
    return LOSSES[run.loss](values, target[hidden])[0]
