"""From a frame to scaled terms: knots, which terms each member uses, and how members are joined.

All members of a model share one encoding. Each member is fitted on fewer, wider pieces, whose
knots are a subset of the shared ones; afterwards its matrices are rewritten exactly for the shared
pieces: a piece of width w inside one of width W takes the part w/W of its matrix, so that the
slopes agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from eigcore.core.spec import EigSpec
from eigcore.encoding import (
    Categories,
    Column,
    Encoding,
    Linear,
    PiecewiseLinear,
    Projection,
    quantile_knots,
)
from eigcore.encoding.rows import Rows
from eigcore.errors import InvalidSpec
from eigcore.fit.constraints import (
    SHAPES,
    ColumnMap,
    Parametrisation,
    block_diagonal,
    column_map,
    free_map,
)
from eigcore.fit.frame import Frame
from eigcore.fit.moments import Moments
from eigcore.fit.solvers.whitening import POWER

Shape = Literal["convex", "concave"] | None

_MOST_DIM = 64
"""Orders looked at, where an index or functional does not allow the usual ones."""
LEAST_DEVIATION = 0.05
"""Terms that vary less than this count as varying this much: rare levels are shrunk more."""


class Direction(NamedTuple):
    """A sum z = Σ weights · (column − centers)."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    centers: tuple[float, ...]

    def values(self, cells: Mapping[str, np.ndarray]) -> np.ndarray:
        """(rows,) sums of cells (rows,) by name, NaN where one is missing."""
        terms = zip(self.names, self.weights, self.centers, strict=True)
        return np.sum([(cells[n] - c) * w for n, w, c in terms], axis=0)

    def projection(self, column: Column) -> Projection:
        """Part of an encoding."""
        return Projection(self.names, self.weights, column, self.centers)


@dataclass(frozen=True)
class Wishes:
    """What shall be true: names of monotone columns, and shape None, "convex" or "concave".

    neuron : further fields of the members' EigSpec: index, structure, functional, its parameter
    without : labels of columns and projections that shall have no effect: their matrices are zero
    directions : sums of columns that get a shape function of their own
    """

    increasing: tuple[str, ...] = ()
    decreasing: tuple[str, ...] = ()
    shape: Shape = None
    neuron: tuple[tuple[str, Any], ...] = ()
    without: tuple[str, ...] = ()
    directions: tuple[Direction, ...] = ()

    def direction(self, name: str) -> int:
        """−1, 0 or +1 for a column."""
        return (name in self.increasing) - (name in self.decreasing)

    def spec(self, features: int, dim: int) -> EigSpec:
        """Spec of one pencil; a shape decides which eigenvalue. Raises InvalidSpec."""
        fields: dict[str, Any] = {"index": self.shape or "middle"} | dict(self.neuron)
        return EigSpec(features=features, dim=dim, **fields)

    def allows(self, dim: int) -> bool:
        """Whether matrices of this order fit the index and the functional."""
        try:
            return bool(self.spec(1, dim).dim)
        except InvalidSpec:
            return False

    def order(self, dim: int) -> int:
        """Return this order, or the least that fits where it does not; itself if none fits."""
        if self.allows(dim):
            return dim
        return next(filter(self.allows, range(1, _MOST_DIM)), dim)


def encode(
    frame: Frame, train: np.ndarray, knots: int, wishes: Wishes, linear_tails: bool = False
) -> Encoding:
    """Choose a kind of column for each column of the frame and each direction wished for.

    Parameters
    ----------
    frame : all rows; levels and gaps are taken from all of them
    train : (n,) integers; knots, centres and scales are taken from these rows only
    knots : number of pieces per numeric column; 0 keeps numeric columns linear
    wishes : for its directions, and its shape, which makes the tails linear
    linear_tails : columns go on linearly outside their knots; otherwise they stay constant
    """
    tails = linear_tails or wishes.shape is not None
    columns = [_encode_column(frame.cells[name], train, knots, tails) for name in frame.names]
    sums = [
        each.projection(_encode_column(each.values(frame.cells), train, knots, tails))
        for each in wishes.directions
    ]
    return Encoding(tuple(columns), frame.names, projections=tuple(sums))


def _encode_column(cells: np.ndarray, train: np.ndarray, knots: int, linear_tails: bool) -> Column:
    if cells.dtype == object:
        levels = sorted({cell for cell in cells if cell is not None})
        if not levels:
            return Linear(missing=True)
        return Categories(tuple(levels), missing=any(cell is None for cell in cells))
    missing = bool(np.isnan(cells).any())
    seen = cells[train][~np.isnan(cells[train])]
    if len(np.unique(seen)) < 2:
        seen = cells[~np.isnan(cells)]
    if not len(seen):
        return Linear(missing=True)
    if knots == 0 or len(np.unique(seen)) <= 2:
        return Linear(float(seen.mean()), float(seen.std()) or 1.0, missing=missing)
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


def _map(column: Column, direction: int, shape: int) -> ColumnMap:
    extra = int(column.missing)
    if isinstance(column, Linear):
        return column_map([column.scale], False, extra, direction, shape)
    if isinstance(column, PiecewiseLinear):
        tails = column.tails == "linear"
        return column_map(np.diff(column.knots), tails, extra, direction, shape)
    return free_map(column.terms)


class Design:
    """Terms of one member on the training rows, and the way back to the shared encoding.

    Parameters
    ----------
    shared : Encoding of the model
    numbers : (rows, columns) float64, from ``shared.table``
    moments : Moments of the shared terms on these rows, and of the target
    wishes : constraints
    pieces : at most this many pieces per column in this member
    keep : blocks without variation on these rows are kept; otherwise their matrices are zero
    """

    def __init__(
        self,
        shared: Encoding,
        numbers: np.ndarray,
        moments: Moments,
        wishes: Wishes,
        pieces: int,
        keep: bool = False,
    ):
        coarse = shared.replaced(tuple(coarsen(part, pieces) for part in shared.parts))
        self.wishes, self.shared, self.coarse, self.numbers = wishes, shared, coarse, numbers
        pairs = zip(shared.parts, coarse.parts, strict=True)
        self.refinement = block_diagonal([refinement(*pair) for pair in pairs])
        # A wide piece is a sum of narrow ones, so its moments follow from theirs.
        self.moments = moments.of_sums(self.refinement)
        variance = np.diagonal(self.moments.covariance)
        self.deviation = np.maximum(np.sqrt(np.maximum(variance, 0.0)), LEAST_DEVIATION)
        self.maps = self._maps(coarse)
        parts = [
            _signal(self.moments.covariance[where, where], column.to_terms, keep)
            * (name not in wishes.without)
            for where, column, name in zip(coarse.slices, self.maps, coarse.labels, strict=True)
        ]
        self.signal = np.concatenate(parts)

    def _maps(self, encoding: Encoding) -> list[ColumnMap]:
        sign = SHAPES[self.wishes.shape]
        pairs = zip(encoding.labels, encoding.parts, strict=True)
        return [_map(column, self.wishes.direction(name), sign) for name, column in pairs]

    @property
    def neighbours(self) -> np.ndarray:
        """(terms − 1,): squared number of pieces between pieces of a column, 0 elsewhere."""
        weight = np.zeros(self.coarse.terms)
        for column, where in zip(self.coarse.parts, self.coarse.slices, strict=True):
            if isinstance(column, PiecewiseLinear):
                weight[where.start : where.stop - column.missing - 1] = (len(column.knots) - 1) ** 2
        return weight[:-1]

    def rows(self, backend: str, dtype: str, which: np.ndarray | slice = slice(None)) -> Rows:
        """Encode the training rows, or some of them, for a backend."""
        return Rows(self.coarse, self.numbers[which], backend, dtype)

    def spec(self, dim: int) -> EigSpec:
        """Spec of this member while it is fitted."""
        return self.wishes.spec(self.coarse.terms, dim)

    def parametrisation(
        self, dim: int, power: float = POWER, factored: bool = True
    ) -> Parametrisation:
        """Build the solver's coordinates for matrices of order ``dim``."""
        scales = self.deviation, self.signal, self.moments
        return Parametrisation(self.spec(dim), self.maps, *scales, power, factored)

    def member(
        self, coordinates: Parametrisation, vector: np.ndarray
    ) -> tuple[EigSpec, np.ndarray]:
        """(spec, params) in the shared encoding, with every constraint exact.

        vector : (outputs · size,), the pencils' vectors joined
        """
        pencils = [self._pencil(coordinates, part) for part in vector.reshape(-1, coordinates.size)]
        maps = self._maps(self.shared)
        signs = tuple(int(sign) for limits in maps for sign in limits.signs())
        spec = replace(
            coordinates.spec,
            features=self.shared.terms,
            outputs=len(pencils),
            monotone=signs if any(signs) else (),
        )
        return spec, np.stack(pencils)

    def _pencil(self, coordinates: Parametrisation, vector: np.ndarray) -> np.ndarray:
        """Parameters (terms + 1, K) of one pencil in the shared encoding."""
        spec = coordinates.spec
        params = coordinates.fold(coordinates.matrices(vector))[0]
        terms = self.refinement @ params[1:]
        diagonal = (spec.rows == spec.cols).astype(np.float64)
        for where, limits in zip(self.shared.slices, self._maps(self.shared), strict=True):
            terms[where] += limits.margin(terms[where], spec.dim)[:, None] * diagonal
        return np.concatenate([params[:1], terms])

    def vector(self, coordinates: Parametrisation, params: np.ndarray) -> np.ndarray:
        """Inverse of `member`: parameters (outputs, terms + 1, K) -> (outputs · size,)."""
        back = np.linalg.pinv(self.refinement)
        pencils = [np.concatenate([pencil[:1], back @ pencil[1:]]) for pencil in params]
        return np.concatenate([coordinates.coordinates(pencil[None]) for pencil in pencils])


def _signal(covariance: np.ndarray, to_terms: np.ndarray, keep: bool) -> np.ndarray:
    """Standard deviation (blocks,) of what each block adds to the pencil on the training rows.

    Nearly constant blocks have 0, or with ``keep`` the least deviation.
    """
    variance = (to_terms * (covariance @ to_terms)).sum(0)
    signal = np.sqrt(np.maximum(variance, 0.0))
    largest = np.abs(to_terms).max(0)
    least = LEAST_DEVIATION * largest
    return np.where((signal > 1e-7 * largest) | keep, np.maximum(signal, least), 0.0)
