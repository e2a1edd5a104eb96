"""Where the cells of a table lie among the terms of an encoding (math.md, section 8).

The terms of a piecewise-linear column are ones up to a piece, one fraction, and zeros after it.
With prefix sums of the matrices, a row then needs two matrices per column instead of one per term;
see `eigcore.core.sources.Encoded`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eigcore.core.rules import Rule
from eigcore.core.sources import Bins, Ensemble, Part
from eigcore.encoding.arithmetic import FIELD
from eigcore.encoding.categories import Categories
from eigcore.encoding.columns import Linear, PiecewiseLinear
from eigcore.encoding.encoding import Encoding
from eigcore.encoding.terms import LEVEL, Column

KINDS = {Linear: 0, PiecewiseLinear: 1, Categories: 2}
"""The kinds of columns that have bins, with their number in `Part`."""

_CELLS = 2**15
"""Cells that are encoded at a time: their constants stay in the cache."""


def bins(encoding: Encoding, numbers: np.ndarray) -> Bins | None:
    """Locate the cells: numbers (N, columns) float64 -> Bins, fractions in float64.

    None if a column has no such form: a periodic one, or one of another kind.
    """
    if not has_bins(encoding):
        return None
    numbers = encoding.extended(numbers)
    first = np.array([terms.start for terms in encoding.slices], np.int32)
    indices = places(encoding, numbers) + first
    return Bins(indices, _fractions(encoding, numbers, indices), *_runs(encoding))


def places(encoding: Encoding, numbers: np.ndarray) -> np.ndarray:
    """Return the index, within its part, of the term that each cell is in: (N, parts) int32.

    numbers : (N, parts) float64, with the projections; each part has bins
    """
    found = np.empty(numbers.shape, np.int32)
    for j, column in enumerate(encoding.parts):
        found[:, j] = _inside(column, column.terms, numbers[:, j])
    return found


def has_bins(encoding: Encoding) -> bool:
    """Whether every part of an encoding has bins."""
    return all(type(column) in KINDS for column in encoding.parts)


def ensemble(
    encoding: Encoding,
    rules: Sequence[Rule],
    params: Sequence[np.ndarray],
    weights: Sequence[float],
) -> Ensemble | None:
    """Describe `bins` and the members of a model for a kernel; None if a column has no bins."""
    if not has_bins(encoding):
        return None
    names = "form", "origin", "width", "low", "high", "fill"
    terms = np.stack([encoding.constants[FIELD[name]] for name in names], axis=1)
    terms[:, 0] = terms[:, 0] == LEVEL
    parts = tuple(map(_part, encoding.parts, encoding.slices))
    sums = tuple(
        part._replace(
            columns=tuple(map(encoding.names.index, each.names)),
            weights=each.weights,
            centers=each.centers,
        )
        for part, each in zip(parts[len(encoding.columns) :], encoding.projections, strict=True)
    )
    columns = len(encoding.columns)
    runs, members = _runs(encoding)[0], (tuple(rules), tuple(params), tuple(weights))
    return Ensemble(columns, parts[:columns] + sums, terms, runs, *members)


def _part(column: Column, terms: slice) -> Part:
    knots: tuple[float, ...] = ()
    if isinstance(column, PiecewiseLinear):
        knots = tuple(column.knots)
    if isinstance(column, Categories):
        knots = (-1.0 if column.unseen == "neutral" else 0.0, float(len(column.levels)))
    shift = int(isinstance(column, PiecewiseLinear) and column.tails == "clamped")
    place = terms.start, terms.stop - terms.start
    return Part(KINDS[type(column)], *place, shift, column.missing, knots)


def _runs(encoding: Encoding) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    """Return the runs of terms that follow one another along a part, and those parts."""
    runs, owners = [], []
    for j, (column, terms) in enumerate(zip(encoding.parts, encoding.slices, strict=True)):
        if isinstance(column, PiecewiseLinear):
            left = int(column.tails == "linear")
            runs.append((terms.start + left, terms.stop - column.missing))
            owners.append(j)
    return tuple(runs), tuple(owners)


def _inside(column: Column, terms: int, cells: np.ndarray) -> np.ndarray:
    """Return the index, within its column, of the term that each cell (N,) is in."""
    last = terms - column.missing - 1
    if isinstance(column, PiecewiseLinear):
        found = np.searchsorted(column.knots, cells, side="right") - (column.tails == "clamped")
    elif isinstance(column, Categories):
        found = np.where(np.isnan(cells), 0.0, cells).astype(np.int64)
    else:
        found = np.zeros(len(cells), np.int64)
    return np.where(np.isnan(cells), terms - 1, np.clip(found, 0, last))


@np.errstate(over="ignore")
def _fractions(encoding: Encoding, numbers: np.ndarray, indices: np.ndarray) -> np.ndarray:
    # the arithmetic of Encoding for one term per cell: equal to the last bit
    names = "form", "origin", "width", "low", "high", "fill"
    constants = [np.array(encoding.constants[FIELD[name]]) for name in names]
    found = np.empty(numbers.shape)
    step = 1 + _CELLS // max(numbers.shape[1], 1)
    for start in range(0, len(numbers), step):
        rows = slice(start, start + step)
        cells = numbers[rows]
        form, origin, width, low, high, fill = (each[indices[rows]] for each in constants)
        ramp = np.clip((cells - origin) / width, low, high)
        value = np.where(form == LEVEL, (cells == origin) * 1.0, ramp)
        found[rows] = np.where(np.isnan(cells), fill, value)
    return found
