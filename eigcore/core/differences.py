"""Divided differences of a function, without cancellation."""

from __future__ import annotations

from functools import cached_property

from eigcore.core.arrays import Array, Library
from eigcore.core.maps import Function, Pair

INNER = (1 - 0.2**0.5) / 2
"""Lobatto's rule on [0, 1], exact up to degree 5: 1/12 of the ends, 5/12 of INNER and 1 − INNER."""


class Differences:
    """Values and divided differences of f at numbers s (..., r)."""

    def __init__(self, library: Library, f: Function, s: Array, order: int, copies: int = 1):
        self.library, self.f, self.s = library, f, s
        self.cut = f.cut(library, abs(s), order, copies)
        self.odd = f.parameters[2] if isinstance(f, Pair) else f.odd

    @cached_property
    def values(self) -> Array:
        """f(s): (..., r)."""
        xp, s = self.library.xp, self.s
        if not self.odd:
            return self.f.value(xp, s, self.cut)
        return (2 * xp.astype(s >= 0, s.dtype) - 1) * self.f.value(xp, abs(s), self.cut)

    @cached_property
    def slopes(self) -> Array:
        """f′(s): (..., r)."""
        return self._slope(self.s, self.cut)

    def table(self) -> Array:
        """(f(s_i) − f(s_j))/(s_i − s_j), f′ where they are equal: (..., r, r).

        The mean of f′ over the interval, by quadrature, stands for the quotient where they differ
        by no more than the rounding of the quotient: so nothing cancels, and a kink is seen.
        """
        xp, eps = self.library.xp, float(self.library.xp.finfo(self.s.dtype).eps)
        a, b = self.s[..., :, None], self.s[..., None, :]
        gap, cut = a - b, None if self.cut is None else self.cut[..., None]
        inner = self._slope(b + INNER * gap, cut)
        ends = self.slopes / 12
        mean = (5 / 12) * (inner + xp.matrix_transpose(inner)) + (
            ends[..., :, None] + ends[..., None, :]
        )
        at, size = self.values, abs(self.values)
        quotient = (at[..., :, None] - at[..., None, :]) / xp.where(gap == 0, 1.0, gap)
        size = size[..., :, None] + size[..., None, :] + abs(mean) * (abs(a) + abs(b))
        near = abs(mean - quotient) * abs(gap) <= 8 * eps * size
        return xp.where((gap == 0) | near, mean, quotient)

    def mirrored(self) -> Array:
        """(f(s_i) + f(s_j))/(s_i + s_j) of an odd f, s ≥ 0, f′(0) where both are 0: (..., r, r)."""
        return self._quotient(*(a[..., :, None] + a[..., None, :] for a in (self.values, self.s)))

    def rates(self) -> Array:
        """f(s)/s of an odd f, f′(0) where s is 0: (..., r)."""
        return self._quotient(self.values, self.s)

    def _quotient(self, above: Array, below: Array) -> Array:
        xp = self.library.xp
        slopes = self.slopes if below.ndim == self.s.ndim else self.slopes[..., None]
        return xp.where(below == 0, slopes, above / xp.where(below == 0, 1.0, below))

    def _slope(self, s: Array, cut: Array | None) -> Array:
        return self.f.slope(self.library.xp, abs(s) if self.odd else s, cut)
