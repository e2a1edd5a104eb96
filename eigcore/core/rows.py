"""Rows of a batch that may not be finite: they give NaN and leave their neighbours alone."""

from __future__ import annotations

import math

from eigcore.core.arrays import Array, Library


def clean(library: Library, p: Array, axes: int) -> tuple[Array, Array | None]:
    """Replace bad rows by zeros; the second array is NaN on them and 0 elsewhere: (...).

    The last `axes` axes of p, one or two, belong to one row. None stands for zeros, when all rows
    are known to be finite.
    """
    if library.all_finite(p):
        return p, None
    xp = library.xp
    good = xp.all(xp.isfinite(p), axis=tuple(range(-axes, 0)))
    safe = xp.where(beside(good, axes), p, 0.0)
    first = safe[..., 0, 0] if axes == 2 else safe[..., 0]
    return safe, xp.where(good, 0.0 * first, math.nan)


def beside(a: Array, axes: int) -> Array:
    """Return a (...) with further trailing axes of length one."""
    return a[..., None, None] if axes == 2 else a[..., None] if axes else a


def spoilt(a: Array, poison: Array | None, axes: int = 0) -> Array:
    """Add `poison` (...) to an array with further trailing `axes`."""
    return a if poison is None else a + beside(poison, axes)
