"""Divided differences of a function, without cancellation."""

from __future__ import annotations

from eigcore.core.arrays import Array, Library
from eigcore.core.maps import Function, Pair

GAUSS = ((0.5 - 0.15**0.5, 5 / 18), (0.5, 8 / 18), (0.5 + 0.15**0.5, 5 / 18))
"""Nodes and weights of Gauss and Legendre on [0, 1], exact up to degree 5."""


class Differences:
    """Values and divided differences of f on the rows of numbers s."""

    def __init__(self, library: Library, f: Function, s: Array, order: int, copies: int = 1):
        self.library, self.f, self.s = library, f, s
        self.cut = f.cut(library, abs(s), order, copies)
        self.odd = f.parameters[2] if isinstance(f, Pair) else f.odd

    def value(self, s: Array) -> Array:
        """f(s) for s (..., r) or (..., r, r)."""
        xp = self.library.xp
        if not self.odd:
            return self.f.value(xp, s, self._beside(s))
        sign = 2 * xp.astype(s >= 0, s.dtype) - 1
        return sign * self.f.value(xp, abs(s), self._beside(s))

    def between(self, a: Array, b: Array) -> Array:
        """(f(a) − f(b))/(a − b), f′ where a = b.

        The mean of f′ over the interval, by quadrature, stands for the quotient where they differ
        by no more than the rounding of the quotient: so nothing cancels, and a kink is seen.
        """
        xp, eps = self.library.xp, float(self.library.xp.finfo(a.dtype).eps)
        gap = a - b
        mean = sum(w * self._slope(b + t * gap) for t, w in GAUSS)
        at_a, at_b = self.value(a), self.value(b)
        quotient = (at_a - at_b) / xp.where(gap == 0, 1.0, gap)
        size = abs(at_a) + abs(at_b) + abs(mean) * (abs(a) + abs(b))
        near = abs(mean - quotient) * abs(gap) <= 8 * eps * size
        return xp.where((gap == 0) | near, mean, quotient)

    def table(self, a: Array, b: Array) -> Array:
        """Return `between` of all pairs: (..., r), (..., r) -> (..., r, r)."""
        return self.between(a[..., :, None], b[..., None, :])

    def _slope(self, s: Array) -> Array:
        return self.f.slope(self.library.xp, abs(s) if self.odd else s, self._beside(s))

    def _beside(self, s: Array) -> Array | None:
        return self.cut[..., None] if self.cut is not None and s.ndim > self.s.ndim else self.cut
