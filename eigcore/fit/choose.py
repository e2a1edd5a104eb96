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
from eigcore.fit.member import Run, Settings, first_guess, working_target
from eigcore.fit.moments import Moments
from eigcore.fit.objectives import LOSSES
from eigcore.rows import Rows

DEFAULT = Settings(knots=32, dim=5, penalty=4e-3, members=5)
LINEAR = 1e-5
"""Penalty of the last candidate, which is a linear model with the constraints asked for."""
_STEPS = 60
_SAMPLE = 10_000
_FEW, _SOME, _MANY = 600, 2500, 8000


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


def stages(asked: Asked, rows: int, shaped: bool):
    """Yield functions from the best settings so far to the candidates of the next stage."""
    if asked.knots is None:
        counts = (0, 2, 4, 8, 16, 32) if rows < _MANY else (2, 8, 32)
        counts = [k for k in counts if k <= max(rows // 20, 4)]
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
    best = asked.settings(DEFAULT)
    plan = list(stages(asked, len(train), wishes.shape is not None))
    if not plan or len(train) < 8:
        return best
    folds = _folds(train, np.random.default_rng([run.seed, 1_000_003]))
    scores: dict[Settings, float] = {}

    def score(settings: Settings) -> float:
        if settings not in scores:
            parts = [
                _validate(run, frame, target, wishes, _fewer(settings, train, fold[0]), *fold)
                for fold in folds
            ]
            scores[settings] = float(np.mean(parts))
        return scores[settings]

    try:
        for number, stage in enumerate(plan):
            candidates = stage(best)
            for place, candidate in enumerate(candidates):
                if run.late():
                    return best
                score(candidate)
                done = (number + (place + 1) / len(candidates)) / len(plan)
                run.tell("choosing", done, 0, 0, 0, min(scores.values()))
            best = min(scores, key=scores.__getitem__)
    except KeyboardInterrupt:
        run.interrupted = True
    return min(scores, key=scores.__getitem__) if scores else best


def _folds(train: np.ndarray, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    shuffled = rng.permutation(train)
    if len(train) > _SOME:
        sample = shuffled[:_SAMPLE]
        cut = len(sample) * 3 // 4
        return [(sample[:cut], sample[cut:])]
    count = 5 if len(train) <= _FEW else 3
    parts = np.array_split(shuffled, count)
    return [(np.concatenate(parts[:i] + parts[i + 1 :]), parts[i]) for i in range(count)]


def _fewer(settings: Settings, train: np.ndarray, known: np.ndarray) -> Settings:
    """Noise in a gradient falls as 1/rows, so fewer rows want a penalty larger by that ratio."""
    return settings._replace(penalty=settings.penalty * len(train) / len(known))


def _validate(run, frame, target, wishes, settings, known, hidden) -> float:
    """Loss on the hidden rows of one short fit on the known ones."""
    shared = encode(frame, known, settings.knots, wishes.shape)
    numbers = shared.table(frame.cells)
    moments = Moments.of(shared, numbers[known], working_target(target[known], run.loss))
    design = Design(shared, numbers[known], moments, wishes, settings.knots or 1)
    coordinates = design.parametrisation(settings.dim)
    p = first_guess(design, coordinates)
    start = starts.gapped(coordinates, p, np.random.default_rng(run.seed))
    objective = run.objective(design, coordinates, target[known], settings.penalty)
    solution = minimize(objective, start, max_iter=_STEPS, decrease_tol=1e-4)
    if solution.reason == "interrupted":
        raise KeyboardInterrupt
    others = Rows(design.coarse, numbers[hidden], run.backend, objective.rows.dtype)
    values = objective.values(solution.x, others)
    return LOSSES[run.loss](values, target[hidden])[0]
