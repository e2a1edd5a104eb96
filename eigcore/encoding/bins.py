"""Where the cells of a table lie among the terms of an encoding (math.md, section 8).

The terms of a piecewise-linear column are ones up to a piece, one fraction, and zeros after it.
With prefix sums of the matrices, a row then needs two matrices per column instead of one per term;
see `eigcore.core.sources.Encoded`.
"""

from __future__ import annotations

import numpy as np

from eigcore.core.sources import Bins
from eigcore.encoding.arithmetic import FIELD
from eigcore.encoding.categories import Categories
from eigcore.encoding.columns import Linear, PiecewiseLinear
from eigcore.encoding.encoding import Encoding
from eigcore.encoding.terms import LEVEL, Column


def bins(encoding: Encoding, numbers: np.ndarray) -> Bins | None:
    """Locate the cells: numbers (N, columns) float64 -> Bins, fractions in float64.

    None if a column has no such form: a periodic one, or one of another kind.
    """
    if not all(type(c) in (Linear, PiecewiseLinear, Categories) for c in encoding.parts):
        return None
    numbers = encoding.extended(numbers)
    indices = np.empty(numbers.shape, np.int32)
    runs: list[tuple[int, int]] = []
    owners: list[int] = []
    for j, (column, terms) in enumerate(zip(encoding.parts, encoding.slices, strict=True)):
        indices[:, j] = terms.start + _inside(column, terms.stop - terms.start, numbers[:, j])
        if isinstance(column, PiecewiseLinear):
            left = int(column.tails == "linear")
            runs.append((terms.start + left, terms.stop - column.missing))
            owners.append(j)
    return Bins(indices, _fractions(encoding, numbers, indices), tuple(runs), tuple(owners))


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
    form, origin, width, low, high, fill = (
        np.array(encoding.constants[FIELD[name]])[indices]
        for name in ("form", "origin", "width", "low", "high", "fill")
    )
    ramp = np.clip((numbers - origin) / width, low, high)
    value = np.where(form == LEVEL, (numbers == origin) * 1.0, ramp)
    return np.where(np.isnan(numbers), fill, value)
