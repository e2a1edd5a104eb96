"""How far a prediction in floating point can be from the real function (math.md, section 9).

Every step is bounded from the stored numbers, u the ε of the dtype: a term φ = (t − κ)/w is off by
4u|φ|, and in float32, where t and κ are rounded first, by 4u(|t| + |κ|)/w more; a matrix by
Σ_b |δφ_b| ‖A_b‖, and (n + 4) u Σ_b |φ_b| ‖A_b‖ for a sum of n terms; an eigenvalue by the backward
error ROUNDING · d · u · ‖A‖ of the solver; then come the sums of the functional and of the members,
and the link.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Column, Encoding
from eigcore.encoding.terms import HAT, LEVEL, Term
from eigcore.errors import InvalidInput
from eigcore.guarantees.slopes import (
    EPS,
    ROUNDING,
    MemberSlopes,
    lengths,
    member_slopes,
    smoothing,
    value_rounding,
)
from eigcore.portable.description import Described
from eigcore.portable.predict import decision

DTYPES = ("float64", "float32")
SCALES = 4
"""`largest_rounding` takes a linear column without a known range over center ± SCALES · scale."""


class Cells(NamedTuple):
    """Ranges of a part: (cells,) each; NaN where it is missing. `slip` is an error of the value."""

    low: np.ndarray
    high: np.ndarray
    slip: np.ndarray


def rounding(model: Described, x: Any, dtype: str = "float64") -> np.ndarray:
    """Bound |prediction in floating point − prediction of the real function| at rows.

    It holds for every backend that computes in IEEE arithmetic of this dtype, with eigenvalues of
    backward error ROUNDING · d · ε · ‖A‖; that cells are rounded to the dtype is included.

    Parameters
    ----------
    model : SpectralModel
    x : table or (columns,) array
        See `Encoding.table`.
    dtype : {"float64", "float32"}

    Returns
    -------
    (rows,) or (rows, outputs) float64
        In units of the prediction; infinite where numbers of this dtype overflow.

    Raises
    ------
    InvalidInput
        If dtype is another one; or as for `Encoding.table`.
    """
    if dtype not in DTYPES:
        raise InvalidInput(f'dtype is {dtype!r}. Expected one of {DTYPES}. Write dtype="float32".')
    table = np.atleast_2d(model.encoding.table(x))
    error = decision_rounding(model, member_slopes(model), table, dtype)
    u = float(np.finfo(dtype).eps)
    params = [own for _, own in model.members]
    value = decision(model.static, params, table, get_backend("numpy"), codes=True)
    found = _of_link(model.static.link, error, np.reshape(value, error.shape), u)
    return found[:, 0] if model.outputs == 1 else found


def decision_rounding(
    model: Described, members: list[MemberSlopes], table: np.ndarray, dtype: str
) -> np.ndarray:
    """Bound the error of the decision at rows of codes: (rows, columns) -> (rows, outputs)."""
    extended = model.encoding.extended(table).T
    slips = _slips(model.encoding, np.abs(table), float(np.finfo(dtype).eps))
    cells = [Cells(t, t, s) for t, s in zip(extended, slips, strict=True)]
    return _decision(model, members, cells, dtype)


def largest_rounding(model: Described, members: list[MemberSlopes], dtype: str) -> float:
    """Bound the error of the decision for all cells in the range of the fitted rows.

    Linear columns whose range is not known are taken over center ± SCALES · scale. See `rounding`.
    """
    encoding, u = model.encoding, float(np.finfo(dtype).eps)
    ranges = [_pieces(part) for part in encoding.parts]
    columns = ranges[: len(encoding.columns)]
    reach = [np.nanmax(np.abs([c.low, c.high]), initial=0.0) for c in columns]
    slips = _slips(encoding, np.array([reach]), u)
    cells = [r._replace(slip=r.slip + s) for r, s in zip(ranges, slips, strict=True)]
    return float(_decision(model, members, cells, dtype, anywhere=True).max())


def _decision(
    model: Described,
    members: list[MemberSlopes],
    cells: list[Cells],
    dtype: str,
    anywhere: bool = False,
) -> np.ndarray:
    """Bound the error of the decision: (cells, outputs); with `anywhere`, one row for all cells."""
    info, encoding, static = np.finfo(dtype), model.encoding, model.static
    u, n = float(info.eps), encoding.terms + 4
    terms = [_terms(part, own, u) for part, own in zip(encoding.parts, cells, strict=True)]
    total, sizes = 0.0, np.abs(static.offset)
    for m in members:
        norms = lengths(m.packed, axis=-1)
        size, error = norms[:1], 0.0
        for part, where in zip(terms, encoding.slices, strict=True):
            own, off = (each @ norms[1:][where] for each in part)
            if anywhere:
                own, off = own.max(0, keepdims=True), off.max(0, keepdims=True)
            size, error = size + own, error + off
        size = size * (1 + 8 * n * u)
        error = error + n * u * size + n * float(info.tiny)
        d, extra = m.spec.dim, smoothing(m.spec.phi)
        of_solver = ROUNDING * d * u * size
        of_sum = 2 * d * u * (size + extra) + value_rounding(m.spec.phi, size, u)
        total = total + m.lipschitz * (error + of_solver + of_sum)
        reached = m.lipschitz * (size + extra)
        total = np.where(np.maximum(size, reached) * n < info.max, total, np.inf)
        sizes = sizes + reached
    return (total + (len(members) + 4) * u * sizes) * (1 + n * u)


def _slips(encoding: Encoding, size: np.ndarray, u: float) -> Iterator[np.ndarray]:
    """Yield the errors of the values of the parts, for |cells| (rows, columns): (rows,) each."""
    size = np.nan_to_num(size)
    for column in size.T:
        yield np.zeros_like(column)
    for weights, each in zip(encoding.mixing, encoding.projections, strict=True):
        shifts = np.zeros(len(weights))
        shifts[[encoding.names.index(name) for name in each.names]] = np.abs(each.centers)
        yield (len(weights) + 4) * u * (size + shifts) @ np.abs(weights)


def _pieces(part: Column) -> Cells:
    """Return every piece between the knots, every level, and a missing cell."""
    if not part.numeric:
        low = high = np.arange(-1.0, part.terms - part.missing)
    else:
        edges = part.pieces(np.zeros(part.terms)).edges
        edges = edges[np.isfinite(edges)]
        if not len(edges) and part.range is not None:
            edges = np.array(part.range)
        elif not len(edges):
            first = part.constants()[0]
            edges = first.origin + SCALES * first.width * np.array([-1.0, 1.0])
        low, high = edges[:-1], edges[1:]
    if part.missing:
        low, high = np.append(low, np.nan), np.append(high, np.nan)
    return Cells(low, high, np.zeros_like(low))


def _terms(part: Column, cells: Cells, u: float) -> tuple[np.ndarray, np.ndarray]:
    """Bound |φ_b| and its error for each term of a part: (cells, terms) each."""
    c = _constants(part)
    low, high, slip = (each[:, None] for each in cells)
    gone = np.isnan(low)
    low, high = np.nan_to_num(low), np.nan_to_num(high)
    far = np.maximum(np.abs(low), np.abs(high)) + np.abs(c.origin)
    with np.errstate(over="ignore", invalid="ignore"):
        if np.any(c.form == LEVEL):
            size, error = 1.0 * (low == c.origin), 0.0 * (low + c.origin)
        elif np.any(c.form == HAT):
            ends = np.maximum(_hat(low, c), _hat(high, c))
            error = (4 * u * (far + c.period) + slip) / np.minimum(c.width, c.left) + 4 * u
            size, error = np.maximum(ends, 0.0), np.where(ends > -error, np.minimum(error, 1), 0.0)
        else:
            size, error = _ramp(low, high, slip, far, c, u)
    return np.where(gone, np.nan_to_num(c.fill), size), np.where(gone, 0.0, error)


@lru_cache(maxsize=1024)
def _constants(part: Column) -> Any:
    """Return the terms of a part as one `Term` of arrays (terms,)."""
    return Term(*np.array(part.constants()).T)


def _hat(t: np.ndarray, c: Any) -> np.ndarray:
    s = (t - c.origin) % c.period
    return np.maximum(1 - s / c.width, 1 - (c.period - s) / c.left)


def _ramp(
    low: np.ndarray, high: np.ndarray, slip: np.ndarray, far: np.ndarray, c: Any, u: float
) -> tuple[np.ndarray, np.ndarray]:
    a, b = (low - c.origin) / c.width, (high - c.origin) / c.width
    stored = 0.0 if u == EPS else 4 * u * far
    moved = (stored + slip) / c.width + 4 * u * np.maximum(np.abs(a), np.abs(b))
    live = (b + moved > c.low) & (a - moved < c.high)
    size = np.maximum(*(np.abs(np.clip(each, c.low, c.high)) for each in (a, b)))
    error = np.where(live, np.minimum(moved, c.high - c.low), 0.0)
    return size, error


def _of_link(link: str, error: np.ndarray, value: np.ndarray, u: float) -> np.ndarray:
    """Return the error of the prediction for that of the decision: (rows, outputs) each."""
    if link == "identity":
        return error
    with np.errstate(over="ignore"):
        if link == "log":
            grown = np.expm1(error) * (1 + 8 * u) + 8 * u
            return np.exp(value + error) * grown * (1 + 8 * u)
        if link == "softmax":
            worst = error.max(-1, keepdims=True) + 0 * error
            return np.minimum(np.tanh(worst / 2) + (value.shape[-1] + 16) * u, 1.0)
        return np.minimum(np.tanh(error / 4) + 8 * u, 1.0)
