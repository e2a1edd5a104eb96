"""How near the ends of a box or of a change are to what the model does.

A search looks for rows whose decisions differ most; what it returns is the difference of the model
at two rows that are given, less the rounding of both evaluations.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from eigcore.guarantees.asked import around
from eigcore.guarantees.reached import KEPT, ROUNDS, ROWS, Reached, Search
from eigcore.guarantees.slopes import MemberSlopes, member_slopes
from eigcore.portable.description import Described

SWEEPS = 2
"""How often each column is varied."""
ANYWHERE = 16
"""How many boxes are searched for one that may be anywhere."""


def in_boxes(
    model: Described, table: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[tuple[Reached, ...], ...]:
    """Return how far apart the decisions of two rows are in the box around each row.

    Parameters
    ----------
    model : SpectralModel
    table : (rows, columns) float64
        Rows of codes.
    low, high : (rows, columns) float64
        The ends of the boxes, which no row of the result is beyond.

    Returns
    -------
    tuple of (rows) tuples of (outputs) Reached
        From the row with the lowest decision that was found to that with the highest.
    """
    search = Search(model, member_slopes(model))
    pairs = _extremes(search, table, *_legal(model, low, high))
    flat = pairs.reshape(2, -1, table.shape[1])
    values = search.changes(flat).reshape(len(table), model.outputs, model.outputs)
    own = np.diagonal(values, axis1=1, axis2=2)
    found = search.named(flat, own.ravel())
    count = model.outputs
    return tuple(tuple(found[i * count : (i + 1) * count]) for i in range(len(table)))


def anywhere(model: Described, members: list[MemberSlopes], radii: np.ndarray) -> Reached:
    """Return how far apart the decisions of two rows are that differ by at most the radii."""
    search = Search(model, members)
    table = search.drawn(ANYWHERE)
    pairs = _extremes(search, table, *_legal(model, table, around(table, radii, -1)[1]))
    flat = pairs.reshape(2, -1, table.shape[1])
    values = search.changes(flat).max(-1)
    best = int(np.argmax(values))
    return search.named(flat[:, [best]], values[[best]])[0]


def between(
    model: Described,
    start: Mapping[int, float],
    end: Mapping[int, float],
    rows: np.ndarray | None = None,
) -> Reached:
    """Return how far apart the decisions of two rows are that differ in some cells.

    Parameters
    ----------
    model : SpectralModel
    start, end : place of a column -> its cell, a code or NaN
    rows : (rows, columns) float64, optional
        The other cells. Default: a search draws and varies them.
    """
    search = Search(model, member_slopes(model))
    rounds, tried = (ROUNDS, search.drawn(ROWS)) if rows is None else (1, rows)
    best, largest = np.stack([tried[:1]] * 2), -np.inf
    for _ in range(rounds):
        pairs = np.stack([_set(tried, cells) for cells in (start, end)])
        values = search.values(pairs.reshape(-1, tried.shape[1])).reshape(2, len(tried), -1)
        values = np.abs(values[1] - values[0]).max(-1)
        order = np.argsort(-values, kind="stable")[:KEPT]
        if values[order[0]] > largest:
            best, largest = pairs[:, order[:1]], values[order[0]]
        tried = search.varied(np.repeat(tried[order], len(tried) // len(order), axis=0))
    return search.proven(best, np.ones(1))[0]


def _set(rows: np.ndarray, cells: Mapping[int, float]) -> np.ndarray:
    rows = rows.copy()
    rows[:, list(cells)] = list(cells.values())
    return rows


def _legal(model: Described, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of boxes, without numbers that a column refuses."""
    low, high = low.copy(), high.copy()
    for j, column in enumerate(model.encoding.columns):
        if column.numeric and column.outside == "refuse" and column.range is not None:
            for end in (low, high):
                end[:, j] = np.clip(end[:, j], *column.range)
    return low, high


def _extremes(search: Search, table: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the rows of the lowest and the highest decision found: (2, rows, outputs, columns).

    Column after column takes the better of both ends, and of a knot or a number between them.
    """
    outputs, signs = search.model.outputs, np.array([-1.0, 1.0])[:, None, None]
    shape = (2, len(table), outputs, table.shape[1])
    best = np.broadcast_to(table[None, :, None], shape).copy()

    def own(rows: np.ndarray) -> np.ndarray:
        values = search.values(rows.reshape(-1, shape[-1])).reshape(2, len(table), outputs, outputs)
        return signs * np.diagonal(values, axis1=2, axis2=3)

    values = own(best)
    for _ in range(SWEEPS):
        for j in np.flatnonzero((high > low).any(0)):
            a, b = low[:, j, None], high[:, j, None]
            inside = np.clip(a + search.rng.uniform(size=shape[:-1]) * (b - a), a, b)
            knots = search.edges[j]
            near = knots[np.abs(inside[..., None] - knots).argmin(-1)]
            inside = np.where((near > a) & (near < b), near, inside)
            for cells in (a, b, inside):
                tried = best.copy()
                tried[..., j] = cells
                found = own(tried)
                better = found > values
                best[better], values[better] = tried[better], found[better]
    return best
