"""Which weighted sums of two columns get a shape function of their own.

Trees cut along single columns, and shape functions of columns bend along them; where the target
depends on a sum or a difference, as on a place on the map, neither sees it. Sums are looked for in
what a small neuron leaves unexplained on rows it has not seen (projection pursuit, Friedman &
Stuetzle 1981; pairs ranked by binned residuals as in Lou, Caruana, Gehrke & Hooker 2013), and kept
only if validation says so. All certificates stay: see `eigcore.encoding.Projection`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from eigcore.fit.choose import TimeUp, averaged, folds_of, validate
from eigcore.fit.design import Direction, Wishes
from eigcore.fit.frame import Frame
from eigcore.fit.losses import Goals
from eigcore.fit.member import Run, Settings

_RATIOS = (1.0, -1.0, 0.5, -0.5, 2.0, -2.0)
"""Weights of the second column, beside 1 of the first, in standard deviations."""
_COUNTS = (2, 4, 8)
"""Numbers of sums that are validated."""
_GAIN = 0.99
"""Part of the loss without sums that it must fall to."""
_LEAST_ROWS = 2500
"""Fewer rows would choose at random."""
_ROWS = 20_000
_KNOTS = 16
"""Pieces per column, at most, of the neuron that leaves a rest."""
_LEAST_PART = 0.002
"""Part of the squared rest that a sum must explain."""
_BINS = 24
_PAIRS, _SCREEN_ROWS = 16, 4000
"""Pairs that are looked at closely, and rows for a first look at all of them."""
_PART = 0.5
"""Part of a budget after which nothing more is tried."""


def directions(
    run: Run,
    frame: Frame,
    train: np.ndarray,
    goals: Goals,
    wishes: Wishes,
    settings: Settings,
    count: int | None,
) -> tuple[Direction, ...]:
    """Sums of two numeric columns, neither of them monotone.

    Parameters
    ----------
    train : (n,) the rows that may be looked at
    goals : of all rows of the frame
    settings : of the members, found without sums
    count : how many; None: as many as validation says
    """
    if count == 0 or settings.knots == 0 or (count is None and len(train) < _LEAST_ROWS):
        return ()
    look = settings._replace(knots=min(settings.knots, _KNOTS))
    rows = np.random.default_rng([run.seed, 4_000_037]).permutation(train)[:_ROWS]
    first, second = rows[::2], rows[1::2]
    losses: dict[tuple[Direction, ...], float] = {}

    def decisions(how: Settings, fold: tuple[np.ndarray, np.ndarray], many: int, sums=()):
        if run.stopped:
            raise TimeUp
        wished = replace(wishes, directions=sums)
        return validate(run, frame, goals, wished, how, len(train), fold, many, _PART)

    try:
        order = np.concatenate([second, first])
        seen = [decisions(look, fold, 1) for fold in ((first, second), (second, first))]
        rest = run.loss.rows(np.concatenate(seen), goals.target[order])[1]
        skip = {*wishes.increasing, *wishes.decreasing}
        ranked = _ranked(_numeric(frame, order, skip), rest)
        if count is not None:
            return tuple(each for _, each in ranked[:count])
        found = tuple(each for part, each in ranked if part > _LEAST_PART)
        fold, many = folds_of(run, train)[0], averaged(run, len(train))
        for sums in dict.fromkeys(found[:size] for size in (0, *_COUNTS) if found):
            values = decisions(settings, fold, many, sums)
            losses[sums] = run.loss(values, *goals.part(fold[1]))[0]
    except TimeUp:
        pass
    except KeyboardInterrupt:
        run.interrupted = True
    best = min(losses, key=lambda sums: losses[sums], default=())
    return best if best and losses[best] <= _GAIN * losses.get((), np.inf) else ()


def _numeric(frame: Frame, rows: np.ndarray, skip: set[str]) -> dict[str, np.ndarray]:
    """Cells (rows,) of the numeric columns with more than two values."""
    cells = {name: frame.cells[name][rows] for name in frame.names if name not in skip}
    return {
        name: each
        for name, each in cells.items()
        if each.dtype != object and len(np.unique(each[~np.isnan(each)])) > 2
    }


def _ranked(cells: dict[str, np.ndarray], rest: np.ndarray) -> list[tuple[float, Direction]]:
    """Sums of two columns and the part of the rest that each explains, largest first.

    rest : (rows,) or (rows, outputs)
    """
    rest = rest.reshape(len(rest), -1)
    rest = rest - rest.mean(0)

    def explained(direction: Direction, first: int | None = None) -> float:
        some = {name: cells[name][:first] for name in direction.names}
        return _explained(direction.values(some), rest[:first])

    sums = {
        pair: [_direction(cells, pair, ratio) for ratio in _RATIOS]
        for pair in combinations(cells, 2)
    }
    look = {
        pair: max(explained(each, _SCREEN_ROWS) for each in some[:2]) for pair, some in sums.items()
    }
    best = sorted(look, key=lambda pair: -look[pair])[:_PAIRS]
    found = [(explained(each), each) for pair in best for each in sums[pair]]
    return sorted(found, reverse=True)


def _direction(cells: dict[str, np.ndarray], pair: tuple[str, ...], ratio: float) -> Direction:
    centers = tuple(float(np.nanmean(cells[name])) for name in pair)
    first, second = (float(np.nanstd(cells[name])) for name in pair)
    return Direction(pair, (1.0 / first, ratio / second), centers)


def _explained(sums: np.ndarray, rest: np.ndarray) -> float:
    """Part of the squares of the rest (n, outputs) that its means over bins of the sums explain.

    Less what as many bins explain by chance.
    """
    edges = np.unique(np.nanquantile(sums, np.linspace(0.0, 1.0, _BINS + 1)[1:-1]))
    place = np.where(np.isnan(sums), len(edges) + 1, np.searchsorted(edges, sums, side="right"))
    count = np.bincount(place)
    filled = count > 0
    parts = [np.bincount(place, each)[filled] ** 2 / count[filled] for each in rest.T]
    return float(np.sum(parts) / max((rest**2).sum(), 1e-300)) - filled.sum() / len(sums)
