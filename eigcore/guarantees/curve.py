"""The decision along one column, with the certified slope of each interval (math.md, section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.core.canonical import matrices
from eigcore.core.spec import EigSpec
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Categories, Column, Encoding, Linear, Periodic, PiecewiseLinear
from eigcore.errors import InvalidInput
from eigcore.guarantees.baselines import rows_of
from eigcore.guarantees.codes import only_possible
from eigcore.guarantees.slopes import EPS, ROUNDING
from eigcore.portable.description import Described
from eigcore.portable.predict import answer, decision
from eigcore.portable.tables import predict_table

POINTS = 50
"""Number of points on the grid, beside the knots."""


@dataclass(frozen=True)
class Curve:
    """The decision along a column. The axis [outputs] exists only where outputs > 1.

    Parameters
    ----------
    column, unit : str
    grid : tuple of float, or of levels
        Increasing numbers; the levels of a category column, and None if it has a term for missing
        cells.
    decision, prediction : (points, [outputs]) float64
        Means over the rows. With several rows, `prediction` is the partial dependence (Friedman
        2001).
    rows : (rows, points, [outputs]) float64
        The decision of each row.
    low, high : (points - 1, [outputs]) float64
        Certified: between two neighbouring points, the decision (its mean over the rows) changes by
        at least `low` and at most `high` per unit of the column; from level to level for
        categories.
    fitted : (float, float) or None
        The fitted range, if the column has one; the grid may leave it.
    """

    column: str
    unit: str
    grid: tuple[Any, ...]
    decision: np.ndarray
    prediction: np.ndarray
    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray
    fitted: tuple[float, float] | None = None


def curve(
    model: Described,
    column: str,
    at: Any = None,
    *,
    grid: Any = None,
    backend: str | Backend | None = None,
) -> Curve:
    """Return the decision along one column, all other cells fixed.

    Parameters
    ----------
    model : SpectralModel
    column : str
    at : row or table, optional
        The other cells; averaged over the rows of a table. Default: the middle of the encoding,
        which is the middle knot or centre of each column, and the first level of categories.
    grid : (points,) numbers, optional
        Where to evaluate a numeric column; its knots between them are added. Default: from the
        first knot to the last, beyond them where the column continues linearly.
    backend : str or Backend, optional
        Finds the eigenvalues.

    Returns
    -------
    Curve

    Raises
    ------
    InvalidInput
        If the model has no such column, or the grid is no sequence of at least two different
        numbers.
    """
    encoding = model.encoding
    shown, cells, table = cells_along(model, column, at, grid)
    j, count = encoding.names.index(column), len(shown)
    points = cells[:count, j]
    found = predict_table(decision, model, cells, get_backend(backend), codes=True)
    predicted = answer(model.static, found, get_backend("numpy"))
    each, other = (a.reshape(len(table), count, *a.shape[1:]) for a in (found, predicted))
    one = 0 if model.outputs == 1 else slice(None)
    low, high = (end.mean(0)[:, one] for end in _bands(model, j, points, table))
    means = each.mean(0), other.mean(0)
    fitted = encoding.columns[j].range
    return Curve(column, encoding.units[j], shown, *means, each, low, high, fitted)


def cells_along(
    model: Described, column: str, at: Any, grid: Any
) -> tuple[tuple[Any, ...], np.ndarray, np.ndarray]:
    """Return the points of a column as people write them, and the rows that have them.

    Parameters
    ----------
    model, column, at, grid : see `curve`

    Returns
    -------
    shown : tuple of float, or of levels
    cells : (rows · points, columns) float64
        Each row of `at` with each point in turn.
    table : (rows, columns) float64
        The rows of `at`.

    Raises
    ------
    InvalidInput
        As for `curve`.
    """
    encoding = model.encoding
    if column not in encoding.names:
        raise InvalidInput(
            f"The model has no column {column!r}. Expected one of {', '.join(encoding.names)}."
        )
    j = encoding.names.index(column)
    table = middle(encoding)[None] if at is None else rows_of(model, at)
    if not len(table):
        raise InvalidInput("at has no rows. Expected at least one. Pass a row, or a table of rows.")
    kind = encoding.columns[j]
    points = _levels(kind) if isinstance(kind, Categories) else _points(kind, grid)
    cells = np.repeat(table, len(points), axis=0)
    cells[:, j] = np.tile(points, len(table))
    cells = only_possible(encoding, cells, moving=j)
    shown: tuple[Any, ...] = tuple(points.tolist())
    if isinstance(kind, Categories):
        shown = (*kind.levels, None) if kind.missing else kind.levels
    return shown, cells, table


def middle(encoding: Encoding) -> np.ndarray:
    """Return a row in the middle of the encoding: (columns,)."""
    found = []
    for column in encoding.columns:
        if isinstance(column, Linear):
            low, *_, high = column.limits or (-np.inf, np.inf)
            found.append(min(max(column.center, low), high))
        elif isinstance(column, (PiecewiseLinear, Periodic)):
            found.append(column.knots[len(column.knots) // 2])
        else:
            found.append(np.nan if getattr(column, "of", None) else 0.0)
    return np.array(found)


def _levels(column: Categories) -> np.ndarray:
    return np.array([*range(len(column.levels)), *[np.nan] * column.missing], float)


def _points(column: Column, grid: Any) -> np.ndarray:
    """Return the points of a numeric column: a grid, and the knots inside it."""
    edges = column.pieces(np.zeros(column.terms)).edges
    edges = edges[np.isfinite(edges)]
    if grid is None:
        ends = edges[[0, -1]] if len(edges) else np.zeros(2)
        if isinstance(column, Linear) and column.affine:
            ends = column.center + 3 * column.scale * np.array([-1.0, 1.0])
        elif getattr(column, "tails", "") == "linear" and column.outside != "refuse":
            ends = np.array([2 * edges[0] - edges[1], 2 * edges[-1] - edges[-2]])
        grid = np.linspace(ends[0], ends[-1], POINTS)
    grid = np.unique(np.asarray(grid, dtype=np.float64))
    if len(grid) < 2 or not np.isfinite(grid).all():
        raise InvalidInput(
            f"grid has {len(grid)} different point(s). Expected at least two finite numbers. Write "
            "grid=numpy.linspace(0.0, 1.0, 20), for example."
        )
    if isinstance(column, Periodic):
        turns = np.floor_divide(grid[[0, -1]] - edges[0], column.period)
        turns = np.arange(turns[0], turns[1] + 1)
        edges = (edges[:-1] + turns[:, None] * column.period).ravel()
    return np.union1d(grid, edges[(edges > grid[0]) & (edges < grid[-1])])


def band(spec: EigSpec, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return certified ends of ⟨G, S⟩ for every G that the functional can have.

    If G has the eigenvalues w, Σ w↑_j λ↓_j ≤ ⟨G, S⟩ ≤ Σ w↑_j λ↑_j, each sorted (von Neumann's trace
    inequality; averaged weights at ties lie between). Weights of "softmax" and "smooth" vary in the
    simplex: there the ends are the smallest and the largest eigenvalue.

    Parameters
    ----------
    spec : EigSpec
    S : (..., d, d) float64
        Symmetric.

    Returns
    -------
    low, high : (...) float64
        Rounding included.
    """
    values = np.linalg.eigvalsh(S)
    w = np.eye(1, spec.dim, spec.dim - 1)[0]
    if spec.functional not in ("softmax", "smooth"):
        w = np.sort(spec.phi.raw_weights(get_backend("numpy"), np.zeros(spec.dim)))
    norm = np.abs(values).max(-1, initial=0.0) * np.abs(w).sum()
    margin = ROUNDING * (spec.dim + 2) * EPS * norm
    return values @ w[::-1] - margin, values @ w + margin


def _bands(
    model: Described, j: int, points: np.ndarray, table: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends (rows, intervals, outputs) of the slope between neighbouring points."""
    encoding = model.encoding
    column, moved = encoding.columns[j], encoding.mixing[:, j]
    shape = (len(table), len(points) - 1, model.outputs)
    low, high = np.zeros(shape), np.zeros(shape)
    if isinstance(column, Categories):
        own = _steps(model, j)
    else:
        own = tuple(end[_inside(column, points)] for end in _piece_bands(model, j))
    low, high = low + own[0], high + own[1]
    for p in np.flatnonzero(moved):
        part = len(encoding.columns) + int(p)
        ends = _piece_bands(model, part)
        cells = np.repeat(table, len(points), axis=0)
        cells[:, j] = np.tile(points, len(table))
        z = encoding.extended(cells)[:, part].reshape(len(table), len(points))
        steep = _over(encoding.parts[part], z, ends, encoding.projections[p].weights)
        pair = moved[p] * steep[0], moved[p] * steep[1]
        low, high = low + np.minimum(*pair), high + np.maximum(*pair)
    return low, high


def _piece_bands(model: Described, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the slope on each piece of part j: (pieces, outputs)."""
    low = high = 0.0
    for (spec, params), weight in zip(model.members, model.static.weights, strict=True):
        slopes = model.encoding.pieces(j, np.moveaxis(params, 1, 0)[1:]).slopes
        ends = band(spec, matrices(spec, slopes))
        low, high = (
            a + weight * model.static.scale * b for a, b in zip((low, high), ends, strict=True)
        )
    return np.asarray(low), np.asarray(high)


def _steps(model: Described, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the change from each level to the next: (levels - 1, outputs)."""
    low = high = 0.0
    for (spec, params), weight in zip(model.members, model.static.weights, strict=True):
        levels = np.moveaxis(params[:, 1:][:, model.encoding.slices[j]], 1, 0)
        ends = band(spec, np.diff(matrices(spec, levels), axis=0))
        low, high = (
            a + weight * model.static.scale * b for a, b in zip((low, high), ends, strict=True)
        )
    return np.asarray(low), np.asarray(high)


def _inside(column: Column, points: np.ndarray) -> np.ndarray:
    """Return the piece between each two neighbouring points, none of which has a knot inside."""
    edges = column.pieces(np.zeros(column.terms)).edges
    middle = points[:-1] + np.diff(points) / 2
    if isinstance(column, Periodic):
        middle = edges[0] + (middle - edges[0]) % column.period
    return np.clip(np.searchsorted(edges, middle, side="right") - 1, 0, len(edges) - 2)


def _over(
    column: Column, z: np.ndarray, ends: tuple[np.ndarray, np.ndarray], weights: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return ends of the slope over all pieces of a projection between neighbouring points.

    z (rows, points) -> (rows, intervals, outputs); 0 where a cell of the sum is missing.
    """
    edges = column.pieces(np.zeros(column.terms)).edges
    slip = 8 * len(weights) * EPS * np.abs(z)
    least, most = (
        np.minimum(z[:, :-1] - slip[:, :-1], z[:, 1:] - slip[:, 1:]),
        np.maximum(z[:, :-1] + slip[:, :-1], z[:, 1:] + slip[:, 1:]),
    )
    shape = (*least.shape, ends[0].shape[-1])
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    for b in range(len(edges) - 1):
        touched = ((most >= edges[b]) & (least <= edges[b + 1]))[..., None]
        low = np.where(touched, np.minimum(low, ends[0][b]), low)
        high = np.where(touched, np.maximum(high, ends[1][b]), high)
    unknown = np.isnan(least)[..., None]
    return np.where(unknown, 0.0, low), np.where(unknown, 0.0, high)
