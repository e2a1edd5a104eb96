"""Choose the knots of columns; join and refine pieces.

All members of a model share one encoding. Each member is fitted on fewer, wider pieces, whose
knots are a subset of the shared ones; afterwards its matrices are rewritten exactly for the shared
pieces: a piece of width w inside one of width W takes the part w/W of its matrix, so that the
slopes agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from eigcore.encoding import (
    Column,
    Encoding,
    Linear,
    PiecewiseLinear,
    Projection,
    is_constant,
    quantile_knots,
)


class Sum(NamedTuple):
    """A weighted sum z = Σ weights · (column − centers) of numeric columns."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    centers: tuple[float, ...]

    def values(self, columns: Sequence[np.ndarray]) -> np.ndarray:
        """Sums (rows,) of cells (rows,), one array per name; NaN where one is missing."""
        terms = zip(columns, self.weights, self.centers, strict=True)
        return np.sum([(cells - c) * w for cells, w, c in terms], axis=0)

    def of(self, encoding: Encoding, numbers: np.ndarray) -> np.ndarray:
        """Sums (rows,) of the rows of a table (rows, columns)."""
        return self.values(self._columns(encoding, numbers))

    def centred(self, encoding: Encoding, numbers: np.ndarray) -> Sum:
        """Return the sum with the means of the columns as centers, 0 where all is missing."""
        seen = [each[~np.isnan(each)] for each in self._columns(encoding, numbers)]
        return self._replace(centers=tuple(float(c.mean()) if len(c) else 0.0 for c in seen))

    def _columns(self, encoding: Encoding, numbers: np.ndarray) -> list[np.ndarray]:
        return [numbers[:, encoding.names.index(name)] for name in self.names]


def encode(
    encoding: Encoding,
    numbers: np.ndarray,
    sums: Sequence[Sum],
    knots: int,
    linear: Callable[[str], bool],
) -> Encoding:
    """Give each numeric column and each sum knots at quantiles of some rows.

    Parameters
    ----------
    encoding : for names, levels, and which columns have missing cells
    numbers : (rows, columns) float64
    sums : weighted sums that get terms of their own
    knots : number of pieces per numeric column; 0 keeps numeric columns linear
    linear : whether a column, by name, goes on linearly beyond the outer knots; otherwise it stays
        constant. A sum goes on if all of its columns do
    """
    columns = [
        _with_knots(numbers[:, j], column.missing, knots, linear(name))
        if column.numeric
        else column
        for j, (name, column) in enumerate(zip(encoding.names, encoding.columns, strict=True))
    ]
    missing = dict(zip(encoding.names, (column.missing for column in columns), strict=True))
    projections = []
    for each in sums:
        some, goes_on = any(missing[n] for n in each.names), all(map(linear, each.names))
        column = _with_knots(each.of(encoding, numbers), some, knots, goes_on)
        projections.append(Projection(each.names, each.weights, column, each.centers))
    return Encoding(tuple(columns), encoding.names, projections=tuple(projections))


def _with_knots(cells: np.ndarray, missing: bool, knots: int, linear_tails: bool) -> Column:
    seen = cells[~np.isnan(cells)]
    if not len(seen):
        return Linear(missing=True)
    if is_constant(seen):
        # in units of its size, so that rounding stays rounding
        center = float(seen[0])
        return Linear(center, max(abs(center), 1.0), missing=missing)
    if knots == 0 or len(np.unique(seen)) <= 2:
        ends = float(seen.min()), float(seen.max())
        limits, fitted = (None, ends) if linear_tails else (ends, None)
        scale = float(seen.std()) or 1.0
        return Linear(float(seen.mean()), scale, missing, limits, fitted=fitted)
    tails = "linear" if linear_tails else "clamped"
    return PiecewiseLinear(quantile_knots(seen, knots + 1), tails=tails, missing=missing)


def coarsen(column: Column, pieces: int) -> Column:
    """Keep at most ``pieces`` pieces of a piecewise-linear column, evenly among its knots."""
    if not isinstance(column, PiecewiseLinear) or len(column.knots) - 1 <= pieces:
        return column
    kept = np.unique(np.rint(np.linspace(0, len(column.knots) - 1, pieces + 1)).astype(int))
    return replace(column, knots=tuple(column.knots[i] for i in kept))


def refinement(fine: Column, coarse: Column) -> np.ndarray:
    """Matrix (fine terms, coarse terms) that rewrites A_j for the finer pieces, exactly.

    A_fine,b = (w_b / W_c) A_coarse,c where piece b lies inside piece c; the width of a tail is that
    of its neighbouring piece.
    """
    if not isinstance(fine, PiecewiseLinear) or not isinstance(coarse, PiecewiseLinear):
        return np.eye(fine.terms)
    middles = 0.5 * (np.asarray(fine.knots[:-1]) + np.asarray(fine.knots[1:]))
    inside = np.searchsorted(coarse.knots, middles) - 1
    small, large = np.diff(fine.knots), np.diff(coarse.knots)
    if fine.tails == "linear":
        inside = np.concatenate([[0], inside + 1, [len(large) + 1]])
        small, large = _with_tails(small), _with_tails(large)
    parts = np.zeros((fine.terms, coarse.terms))
    parts[np.arange(len(small)), inside] = small / large[inside]
    if fine.missing:
        parts[-1, -1] = 1.0
    return parts


def _with_tails(widths: np.ndarray) -> np.ndarray:
    return np.concatenate([widths[:1], widths, widths[-1:]])
