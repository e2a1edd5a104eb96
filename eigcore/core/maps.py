"""Functions f of singular values, by name or as a pair (f, f′).

f stands for its odd extension, f(−s) = −f(s) and f(0) = 0, except in a `Pair`, `Exp`, `Log` and
`Positive` of symmetric matrices. Where f jumps at zero, numbers up to a tolerance are zero, and the
derivative is that along matrices of the same rank.

Shapes: s (..., r); a row's threshold `cut` (..., 1), or None.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

from eigcore.core.arrays import Array, Library, Namespace
from eigcore.core.functionals import TIE


@dataclass(frozen=True)
class Function(abc.ABC):
    """f of one number, with its slope; `parameters` are its numbers, in the order of `takes`."""

    parameters: tuple[Any, ...] = ()
    name: ClassVar[str]
    takes: ClassVar[tuple[str, ...]] = ()
    odd: ClassVar[bool] = True
    pieces: ClassVar[bool] = False
    """Whether f is linear between kinks and jumps, so that its increments have no rounding."""

    @abc.abstractmethod
    def value(self, xp: Namespace, s: Array, cut: Array) -> Array:
        """f(s), for s ≥ 0 if f is odd."""

    @abc.abstractmethod
    def slope(self, xp: Namespace, s: Array, cut: Array) -> Array:
        """f′(s)."""

    def both(self, xp: Namespace, s: Array, cut: Array) -> tuple[Array, Array]:
        return self.value(xp, s, cut), self.slope(xp, s, cut)

    def steps(self, xp: Namespace, s: Array, f: Array) -> Array:
        """Numbers with the increments of f = f(s) without rounding, where f has `pieces`."""
        return f

    def quotients(self, xp: Namespace, s: Array, plus: Callable[[], Array]) -> Array | None:
        """Divided differences at s ≥ 0 in closed form, or None; `plus` returns those at −s_j."""
        return None

    def cut(self, library: Library, s: Array, order: int, copies: int) -> Array | None:
        """Return the thresholds of rows of |s| (..., r), where each number comes `copies` times."""
        return None


class _Both(Function):
    """f that is computed together with its slope."""

    def value(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return self.both(xp, s, cut)[0]

    def slope(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return self.both(xp, s, cut)[1]


class _Jump(_Both):
    """f that is zero up to a threshold, the rounding of s, and `above` beyond it."""

    @abc.abstractmethod
    def above(self, xp: Namespace, s: Array) -> tuple[Array, Array]:
        """f(s) and f′(s) for s > 0."""

    def cut(self, library: Library, s: Array, order: int, copies: int) -> Array | None:
        return zero_tolerance(library, s, order)

    def both(self, xp: Namespace, s: Array, cut: Array) -> tuple[Array, Array]:
        beyond = s > cut
        f, slope = self.above(xp, xp.where(beyond, s, 1.0))
        return xp.where(beyond, f, 0.0), xp.where(beyond, slope, 0.0)


def zero_tolerance(library: Library, s: Array, order: int) -> Array:
    """Return 8·max(m, n)·ε·σ₁, up to which singular values count as zero: (..., r) -> (..., 1)."""
    eps = TIE * order * float(library.xp.finfo(s.dtype).eps)
    return eps * library.xp.max(s, axis=-1, keepdims=True)


@final
class Clip(Function):
    """min(s, c)."""

    name, takes, pieces = "clip", ("c",), True

    def value(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return xp.where(s > self.parameters[0], self.parameters[0], s)

    def slope(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return xp.astype(s <= self.parameters[0], s.dtype)


@final
class SoftClip(_Both):
    """s/√(1 + s²/c²), which is (I + XXᵀ/c²)^{−1/2} X as a map of X."""

    name, takes = "soft_clip", ("c",)

    def both(self, xp: Namespace, s: Array, cut: Array) -> tuple[Array, Array]:
        cosine, sine = self._angle(xp, s)
        return self.parameters[0] * sine, cosine * cosine * cosine

    def quotients(self, xp: Namespace, s: Array, plus: Callable[[], Array]) -> Array:
        # Φ⁻Φ⁺ = (f_i² − f_j²)/(s_i² − s_j²) = (cos_i cos_j)², since f = c·sin and s = c·tan
        cosine, mean = self._angle(xp, s)[0], plus()
        product = cosine[..., :, None] * cosine[..., None, :]
        return product * (product / xp.where(mean > 0, mean, 1.0))

    def _angle(self, xp: Namespace, s: Array) -> tuple[Array, Array]:
        # cosine and sine of the angle with the tangent u; the square of u may overflow
        u = s / self.parameters[0]
        unit = 1 / xp.maximum(u, 0.0 * u + 1.0)
        part = u * unit
        root = (unit * unit + part * part) ** 0.5
        return unit / root, part / root


@final
class SoftThreshold(Function):
    """max(s − τ, 0), the proximal map of τ times the nuclear norm."""

    name, takes, pieces = "soft_threshold", ("tau",), True

    def value(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return xp.where(s > self.parameters[0], s - self.parameters[0], 0.0)

    def slope(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return xp.astype(s > self.parameters[0], s.dtype)

    def steps(self, xp: Namespace, s: Array, f: Array) -> Array:
        return xp.where(s > self.parameters[0], s, self.parameters[0])


@final
class Polar(_Jump):
    """1, and 0 at 0: the polar factor, or the sign of a symmetric matrix."""

    name, pieces = "polar", True

    def above(self, xp: Namespace, s: Array) -> tuple[Array, Array]:
        return 0.0 * s + 1.0, 0.0 * s


@final
class Power(_Jump):
    """s^p."""

    name, takes = "power", ("p",)

    def above(self, xp: Namespace, s: Array) -> tuple[Array, Array]:
        p = self.parameters[0]
        return s**p, p * s ** (p - 1)

    def cut(self, library: Library, s: Array, order: int, copies: int) -> Array | None:
        return super().cut(library, s, order, copies) if self.parameters[0] < 1 else s[..., :1] * 0

    def slope(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return 0.0 * s + 1.0 if self.parameters[0] == 1 else super().slope(xp, s, cut)


@final
class Pinv(_Jump):
    """1/s, and 0 for s up to rtol·σ₁; rtol is None for the rounding."""

    name, takes = "pinv", ("rtol",)

    def above(self, xp: Namespace, s: Array) -> tuple[Array, Array]:
        return 1 / s, -1 / s**2

    def cut(self, library: Library, s: Array, order: int, copies: int) -> Array | None:
        rtol = self.parameters[0]
        largest = library.xp.max(s, axis=-1, keepdims=True)
        return super().cut(library, s, order, copies) if rtol is None else rtol * largest


@final
class Truncate(Function):
    """S for the largest numbers and 0 for the others: `rank` of them, or as few as hold `energy`.

    Energy is the share of Σ s². All numbers of a cluster are kept, or none.
    """

    name, takes, pieces = "truncate", ("rank", "energy"), True

    def cut(self, library: Library, s: Array, order: int, copies: int) -> Array | None:
        xp, (rank, energy) = library.xp, self.parameters
        slack = zero_tolerance(library, s, order)
        larger = xp.astype(s[..., None, :] > (s + slack)[..., :, None], s.dtype)
        if rank is not None:
            kept = xp.sum(larger, axis=-1) < rank * copies
        else:
            top = xp.where(slack > 0, xp.max(s, axis=-1, keepdims=True), 1.0)
            share = (s / top) ** 2
            kept = (larger @ share[..., None])[..., 0] < energy * xp.sum(
                share, axis=-1, keepdims=True
            )
        return xp.min(xp.where(kept, s, math.inf), axis=-1, keepdims=True) - slack / 2

    def value(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return xp.where(s > cut, s, 0.0)

    def slope(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return xp.astype(s > cut, s.dtype)


@final
class Shrink(_Jump):
    """η(y) = √((y² − β − 1)² − 4β)/y above y = 1 + √β, y = s/(noise·√N), N ≥ n, β = n/N.

    The best function of the singular values of a signal in noise for the Frobenius norm (Gavish and
    Donoho, IEEE Trans. Inf. Theory 63, 2017).
    """

    name, takes = "shrink", ("noise", "rows", "columns")

    def _sizes(self) -> tuple[float, float]:
        noise, m, n = self.parameters
        return noise * max(m, n) ** 0.5, min(m, n) / max(m, n)

    def cut(self, library: Library, s: Array, order: int, copies: int) -> Array | None:
        unit, beta = self._sizes()
        return 0.0 * s[..., :1] + unit * (1 + beta**0.5)

    def above(self, xp: Namespace, s: Array) -> tuple[Array, Array]:
        unit, beta = self._sizes()
        edge = 1 + beta**0.5
        s = xp.where(s > unit * edge, s, 2 * unit * edge)
        # η = y √((1 − (1 + √β)²/y²)(1 − (1 − √β)²/y²)): no square of y, which may overflow
        t = unit / s
        q = ((1 - (edge * t) ** 2) * (1 - ((1 - beta**0.5) * t) ** 2)) ** 0.5
        return s * q, 2 * (1 - (beta + 1) * t**2) / xp.where(q > 0, q, 1.0) - q


@final
class Exp(Function):
    """The exponential, of symmetric matrices only."""

    name, odd = "exp", False

    def value(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return xp.exp(s)

    slope = value


@final
class Log(Function):
    """The logarithm, of positive definite matrices only."""

    name, odd = "log", False

    def value(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return xp.log(s)

    def slope(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return 1 / s


@final
class Positive(Function):
    """max(s, 0): the nearest positive semidefinite matrix to a symmetric one."""

    name, odd, pieces = "positive", False, True

    def value(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return xp.where(s > 0, s, 0.0)

    def slope(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return xp.astype(s > 0, s.dtype)


@final
class Pair(Function):
    """Functions (f, f′) of arrays of any library; odd for `spectral_map`, as it is for matrices."""

    name, takes = "pair", ("f", "slope", "odd")

    def value(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return 0.0 * s + self.parameters[0](s)

    def slope(self, xp: Namespace, s: Array, cut: Array) -> Array:
        return 0.0 * s + self.parameters[1](s)


FUNCTIONS: dict[str, type[Function]] = {
    kind.name: kind
    for kind in (
        *(Clip, SoftClip, SoftThreshold, Polar, Power, Pinv, Truncate, Shrink),
        *(Exp, Log, Positive),
    )
}
