"""Divided differences of a function, without cancellation."""

from __future__ import annotations

from functools import cached_property

from eigcore.core.arrays import Array, Library
from eigcore.core.maps import Function, Pair

INNER = (1 - 0.2**0.5) / 2
"""Lobatto's rule on [0, 1], exact up to degree 5: 1/12 of the ends, 5/12 of INNER and 1 − INNER."""


class Differences:
    """Values and divided differences of f at numbers s (..., r).

    Numbers that are not `signed` are at least 0.
    """

    def __init__(
        self,
        library: Library,
        f: Function,
        s: Array,
        order: int,
        copies: int = 1,
        signed: bool = True,
    ):
        size = abs(s) if signed else s
        self.library, self.f, self.s = library, f, s
        self.cut = f.cut(library, size, order, copies)
        self.odd = f.parameters[2] if isinstance(f, Pair) else f.odd
        self.signed = signed and self.odd
        self.size = size if self.signed else s
        self.at, self.slopes = f.both(library.xp, self.size, self.cut)

    @cached_property
    def values(self) -> Array:
        """f(s): (..., r)."""
        return self._sign * self.at if self.signed else self.at

    def table(self) -> Array:
        """(f(s_i) − f(s_j))/(s_i − s_j), f′ where they are equal: (..., r, r)."""
        inside = self._inside()
        if inside is None:
            return self._by_quadrature()
        if not self.signed:
            return inside
        sign = self._sign
        return self.library.xp.where(sign[..., :, None] == sign[..., None, :], inside, self.plus)

    @cached_property
    def plus(self) -> Array:
        """(f(s_i) + f(s_j))/(s_i + s_j) of an odd f and |s|, f′(0) where both are 0."""
        at, size = self._lifted
        return (at[..., :, None] + at[..., None, :]) / (size[..., :, None] + size[..., None, :])

    def rates(self) -> Array:
        """f(s)/s of an odd f, f′(0) where s is 0: (..., r)."""
        at, size = self._lifted
        return at / size

    @cached_property
    def _lifted(self) -> tuple[Array, Array]:
        """f(|s|) and |s|, where s is 0 those of a least number η instead: f′(0)·η and η."""
        limits, none = self.library.xp.finfo(self.s.dtype), self.size == 0
        least = float(limits.smallest_normal) / float(limits.eps)
        where = self.library.xp.where
        return where(none, least * self.slopes, self.at), where(none, least, self.size)

    @property
    def _sign(self) -> Array:
        return 2 * self.library.xp.astype(self.s >= 0, self.s.dtype) - 1

    def _inside(self) -> Array | None:
        """The table at |s|, or at s of an f that is not odd, if it has a closed form."""
        xp, size = self.library.xp, self.size
        if not self.f.pieces:
            return self.f.quotients(xp, size, lambda: self.plus)
        steps = self.f.steps(xp, size, self.at)
        rise, gap = (a[..., :, None] - a[..., None, :] for a in (steps, size))
        tie = gap == 0
        return xp.where(tie, self.slopes[..., None], rise / xp.where(tie, 1.0, gap))

    def _by_quadrature(self) -> Array:
        """The table, without cancellation, and with kinks.

        The mean of f′ over the interval stands for the quotient where they differ by no more than
        the rounding of the quotient.
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

    def _slope(self, s: Array, cut: Array | None) -> Array:
        return self.f.slope(self.library.xp, abs(s) if self.odd else s, cut)
