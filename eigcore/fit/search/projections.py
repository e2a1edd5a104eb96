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
from typing import NamedTuple

import numpy as np

from eigcore.fit.design import Direction, Wishes
from eigcore.fit.frame import Frame
from eigcore.fit.losses import Goals
from eigcore.fit.member import Run, Settings
from eigcore.fit.search import ensemble as blend
from eigcore.fit.search.race import Fold, TimeUp, averaged, folds_of, validate

_RATIOS = (1.0, -1.0, 0.5, -0.5, 2.0, -2.0)
"""Weights of the second column, beside 1 of the first, in standard deviations."""
_STEP, _MOST = 2, 8
"""Sums that are added at a time, and at most."""
_LEAST_ROWS = 2500
"""Fewer rows would choose at random."""
_ROWS = 20_000
_KNOTS = 16
"""Pieces per column, at most, of the neuron that leaves a rest."""
_ERRORS = 1.5
"""Gain on hidden rows, in standard errors, for which sums are kept."""
_LEAST_PART = 0.002
"""Part of the squared rest that a sum must explain."""
_FEW = 12
"""Values of a column that a sum can keep apart: one shape function of the other column for each."""
_APART = 1.1
_BINS = 48
_COLUMNS, _PAIRS = 32, 16
"""Columns, those that explain most alone, whose pairs are looked at; pairs looked at closely."""
_LOOKS, _SCREEN_ROWS = 3, 4000
"""Sums and rows for a first look at all pairs."""
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
    order = np.concatenate([second, first])
    monotone = {*wishes.increasing, *wishes.decreasing}
    numeric = {name: frame.cells[name][order] for name in frame.names if name not in monotone}
    columns = _columns(numeric, run.loss.working(goals.part(order)))
    most, least = (_MOST, _LEAST_PART) if count is None else (count, -np.inf)

    def decisions(sums, how: Settings, fold: Fold, many: int = 1):
        if run.stopped:
            raise TimeUp
        wished = replace(wishes, directions=sums)
        judged = validate(run, frame, goals, wished, how, len(train), fold, None, many, _PART)
        return judged.values.mean(0)

    def grown(sums: tuple[Direction, ...]) -> tuple[Direction, ...]:
        step = min(_STEP, most - len(sums))
        if not step:
            return sums
        seen = [decisions(sums, look, Fold(*rows)) for rows in ((first, second), (second, first))]
        rest = run.loss.rows(np.concatenate(seen), goals.target[order])[1]
        ranked = [(part, each) for part, each in _ranked(columns, rest) if each not in sums]
        return (*sums, *(each for part, each in ranked[:step] if part > least))

    kept: tuple[Direction, ...] = ()
    try:
        if count is not None:
            while len(sums := grown(kept)) > len(kept):
                kept = sums
            return kept
        fold, many = folds_of(run, train)[0], averaged(run, len(train))
        values = decisions(kept, settings, fold, many)
        while len(sums := grown(kept)) > len(kept):
            others, values = values, decisions(sums, settings, fold, many)
            if blend.gain(run.loss, values, others, goals.part(fold.hidden)) < _ERRORS:
                break
            kept = sums
    except TimeUp:
        pass
    except KeyboardInterrupt:
        run.interrupted = True
    return kept


class _Column(NamedTuple):
    """Cells (rows,) of a column with its mean, 1 / standard deviation, and different values."""

    cells: np.ndarray
    center: float
    unit: float
    levels: np.ndarray


def _columns(table: dict[str, np.ndarray], target: np.ndarray) -> dict[str, _Column]:
    """The numeric columns that vary; of many those that explain most of the target (rows, ...)."""
    found = {}
    for name, cells in table.items():
        if cells.dtype == object:
            continue
        seen = cells[~np.isnan(cells)]
        levels = np.unique(seen)
        if len(levels) > 1:
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                center, unit = float(seen.mean()), float(1.0 / seen.std())
            if np.isfinite(center) and 0.0 < unit < np.inf:
                found[name] = _Column(cells, center, unit, levels)
    goal = _centred(target)[:_SCREEN_ROWS]
    part = {name: _explained(each.cells[:_SCREEN_ROWS], goal) for name, each in found.items()}
    strongest = sorted(found, key=lambda name: -part[name])[:_COLUMNS]
    return {name: each for name, each in found.items() if name in strongest}


def _ranked(columns: dict[str, _Column], rest: np.ndarray) -> list[tuple[float, Direction]]:
    """Sums of two columns and the part of the rest (rows, ...) that each explains, best first."""
    rest = _centred(rest)

    def explained(direction: Direction, first: int | None = None) -> float:
        cells = {name: columns[name].cells[:first] for name in direction.names}
        return _explained(direction.values(cells), rest[:first])

    sums = {pair: _sums(columns, pair) for pair in combinations(columns, 2)}
    look = {
        pair: max(explained(each, _SCREEN_ROWS) for each in some[:_LOOKS])
        for pair, some in sums.items()
        if some
    }
    best = sorted(look, key=lambda pair: -look[pair])[:_PAIRS]
    found = [(explained(each), each) for pair in best for each in sums[pair]]
    return sorted(found, reverse=True)


def _centred(target: np.ndarray) -> np.ndarray:
    target = target.reshape(len(target), -1)
    return target - target.mean(0)


def _sums(columns: dict[str, _Column], pair: tuple[str, ...]) -> list[Direction]:
    """Sums to look at; where a column has few values, first one that keeps them apart."""
    both = [columns[name] for name in pair]
    centers, units = tuple(each.center for each in both), [each.unit for each in both]
    few = [len(each.levels) <= _FEW for each in both]
    if all(few):
        return []
    sums = [Direction(pair, (units[0], ratio * units[1]), centers) for ratio in _RATIOS]
    if not any(few):
        return sums
    code, other = (0, 1) if few[0] else (1, 0)
    reach = units[other] * np.ptp(both[other].levels)
    units[code] = float(_APART * reach / np.diff(both[code].levels).min())
    apart = Direction(pair, tuple(units), centers)
    return [apart] if len(both[code].levels) == 2 else [apart, *sums]


def _explained(sums: np.ndarray, rest: np.ndarray) -> float:
    """Part of the squares of the rest (n, outputs) that its means over bins of the sums explain.

    Less what as many bins explain by chance.
    """
    if np.isnan(sums).all():
        return -np.inf
    edges = np.unique(np.nanquantile(sums, np.linspace(0.0, 1.0, _BINS + 1)[1:-1]))
    place = np.where(np.isnan(sums), len(edges) + 1, np.searchsorted(edges, sums, side="right"))
    count = np.bincount(place)
    filled = count > 0
    parts = [np.bincount(place, each)[filled] ** 2 / count[filled] for each in rest.T]
    return float(np.sum(parts) / max((rest**2).sum(), 1e-300)) - filled.sum() / len(sums)
