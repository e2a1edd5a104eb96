"""The arithmetic of terms (math.md, section 2b): values for every library, slopes on the host."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from eigcore.core.arrays import Array, Library, Namespace
from eigcore.encoding.categories import Categories
from eigcore.encoding.columns import Periodic
from eigcore.encoding.levels import lost_level
from eigcore.encoding.terms import HAT, LEVEL, Column, Term

if TYPE_CHECKING:
    from eigcore.encoding.encoding import Encoding

FIELD = {name: number for number, name in enumerate(Term._fields)}
"""Index of each field of `Term` in `Encoding.constants`."""


def encoded(encoding: Encoding, x: Array, backend: Library, codes: bool) -> Array:
    """See `Encoding.__call__`."""
    encoding.check_width(x.shape)
    xp = backend.xp
    levels = any(isinstance(column, Categories) for column in encoding.columns)
    constants = np.array(encoding.constants)
    if levels and not codes:
        _check_levels(encoding, backend.dtype_name(x))
        form, origin, number = (constants[FIELD[name]] for name in ("form", "origin", "number"))
        constants[FIELD["origin"]] = np.where(form == LEVEL, number, origin)
    table = backend.asarray(constants, like=x)
    row = {name: table[number, ...] for name, number in FIELD.items()}
    # the value of a column for each of its terms: 0 · width + 1 is a row of ones
    ones = 0.0 * row["width"] + 1.0
    x = encoding.extended(x, xp)
    t = xp.concat([x[..., j : j + 1] * ones[s] for j, s in enumerate(encoding.slices)], axis=-1)
    infinite = abs(t) == math.inf
    t = xp.where(infinite, 0.0, t)
    out = _ramps(xp, t, row)
    if levels:
        out = xp.where((row["form"] == LEVEL) & (t == row["origin"]), ones, out)
    if any(isinstance(column, Periodic) for column in encoding.columns):
        out = xp.where(row["form"] == HAT, _hats(xp, t, row), out)
    out = xp.where(t != t, row["fill"], out)
    out = xp.where(infinite, float("nan"), out)
    return _refused(encoding, xp, x, out)


def _refused(encoding: Encoding, xp: Namespace, x: Array, out: Array) -> Array:
    """Make the terms of levels never seen, and of numbers outside, NaN where these are refused."""
    if not any(_refuses(column) for column in encoding.parts):
        return out
    terms = []
    for j, (column, where) in enumerate(zip(encoding.parts, encoding.slices, strict=True)):
        own, t = out[..., where], x[..., j : j + 1]
        if isinstance(column, Categories) and _refuses(column):
            known = xp.sum(own, axis=-1, keepdims=True) > 0.0
            own = xp.where(known | (t != t), own, float("nan"))
        elif column.range is not None and _refuses(column):
            low, high = column.range
            own = xp.where((t < low) | (t > high), float("nan"), own)
        terms.append(own)
    return xp.concat(terms, axis=-1)


def _refuses(column: Column) -> bool:
    return "refuse" in (column.outside, getattr(column, "unseen", None))


def _check_levels(encoding: Encoding, dtype: str) -> None:
    """Raise InvalidInput for levels that numbers of this dtype cannot hold, or tell apart."""
    for name, column in zip(encoding.names, encoding.columns, strict=True):
        lost = column.lost(dtype) if isinstance(column, Categories) else None
        if lost is not None:
            raise lost_level(name, lost, dtype)


def _ramps(xp: Namespace, t: Array, row: dict[str, Array]) -> Array:
    # φ(t) = clip((t − origin) / width, low, high)      (math.md, section 2b)
    u = (t - row["origin"]) / row["width"]
    return xp.where(u < row["low"], row["low"], xp.where(u < row["high"], u, row["high"]))


def _hats(xp: Namespace, t: Array, row: dict[str, Array]) -> Array:
    # s = (t − peak) mod period;  φ = 1 − s / width, or 1 − (period − s) / left, or 0
    s = (t - row["origin"]) % row["period"]
    rising = 1 - (row["period"] - s) / row["left"]
    return xp.where(
        s < row["width"], 1 - s / row["width"], xp.where(rising < 0, row["low"], rising)
    )


@np.errstate(over="ignore")
def derivative(encoding: Encoding, x: np.ndarray) -> np.ndarray:
    """See `Encoding.derivative`."""
    x = encoding.extended(np.asarray(x, dtype=np.float64))
    row = {name: np.array(encoding.constants[number]) for name, number in FIELD.items()}
    t = np.repeat(x, [terms.stop - terms.start for terms in encoding.slices], axis=-1)
    u = (t - row["origin"]) / row["width"]
    out = ((u >= row["low"]) & (u < row["high"])) / row["width"]
    s = (t - row["origin"]) % row["period"]
    falling, rising = s < row["width"], s >= row["period"] - row["left"]
    hats = np.where(falling, -1 / row["width"], np.where(rising, 1 / row["left"], 0.0))
    return np.where(np.isnan(t), 0.0, np.where(row["form"] == HAT, hats, out))
