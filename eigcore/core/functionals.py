"""Spectral functionals φ(λ): value, weights w = ∂φ/∂λ and curvature ∂²φ/∂λ².

Everything here takes eigenvalues λ (..., d) in ascending order and their backend, for its array
namespace (``backend.xp``) and for constants on the device of λ. The derivative of any functional
of eigenvalues is V diag(w) Vᵀ (`eigcore.core.rules`), so a new functional needs only one class
here.

**Ties.** Where w jumps inside a cluster of equal eigenvalues, φ is not differentiable; the element
of least Frobenius norm of its Clarke subdifferential (Hiriart-Urruty & Lewis 1999) has the average
of w on the cluster. It does not depend on the basis that a solver returns.
"""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from eigcore.core.arrays import Array, Library, Namespace

TIE = 8
"""Eigenvalues closer than TIE·d·ε·‖M‖₂ form a cluster."""


def tie_tolerance(xp: Namespace, lam: Array) -> Array:
    """Return τ = 8 d ε ‖M‖₂ for every row of eigenvalues: (..., d) -> (..., 1)."""
    eps = TIE * lam.shape[-1] * float(xp.finfo(lam.dtype).eps)
    return eps * xp.maximum(abs(lam[..., :1]), abs(lam[..., -1:]))


def divided_weights(library: Library, w: Array, lam: Array, bend: Array) -> Array:
    """Return (w_i − w_j)/(λ_i − λ_j), its limit at ties, of weights with ∂w/∂λ = bend.

    The limit ½(φ″_ii + φ″_jj) − φ″_ij also stands beside ties, as far as it tells w_i − w_j to
    rounding, so that nothing cancels. Shapes: w, lam (..., d), bend and the result (..., d, d).
    """
    xp, rounding = library.xp, TIE * float(library.xp.finfo(lam.dtype).eps)
    own = xp.sum(bend * library.asarray(np.eye(lam.shape[-1]), like=lam), axis=-1)
    limit = 0.5 * (own[..., :, None] + own[..., None, :]) - bend
    gap, change = (a[..., :, None] - a[..., None, :] for a in (lam, w))
    size = abs(w)[..., :, None] + abs(w)[..., None, :]
    equal = abs(gap) <= tie_tolerance(xp, lam)[..., None]
    limited = equal | (abs(change - gap * limit) <= rounding * size)
    return xp.where(limited, limit, change / xp.where(equal, 1.0, gap))


@dataclass(frozen=True)
class Functional(abc.ABC):
    """φ for matrices of order d.

    Parameters
    ----------
    dim : int
        Order d.
    parameter : int, float or tuple of float
        The index k, the number r of summands, the smoothing (k, α), the temperature t, or the
        weights.
    """

    dim: int
    parameter: Any
    name: ClassVar[str]

    @abc.abstractmethod
    def value(self, backend: Library, lam: Array) -> Array:
        """φ(λ): (..., d) -> (...)."""

    @abc.abstractmethod
    def raw_weights(self, backend: Library, lam: Array) -> Array:
        """∂φ/∂λ as if all eigenvalues were simple: (..., d) -> (..., d)."""

    def weights(self, backend: Library, lam: Array) -> Array:
        """∂φ/∂λ with the tie rule: (..., d) -> (..., d)."""
        return self.raw_weights(backend, lam)

    def curvature(self, backend: Library, lam: Array) -> Array:
        """∂²φ/∂λ²: (..., d) -> (..., d, d)."""
        return 0.0 * lam[..., :, None] * lam[..., None, :]


class Linear(Functional):
    """φ(λ) = Σ w_j λ_j with constant w."""

    @abc.abstractmethod
    def constants(self) -> np.ndarray:
        """w: (d,)."""

    def value(self, backend: Library, lam: Array) -> Array:
        return backend.xp.sum(lam * backend.asarray(self.constants(), like=lam), axis=-1)

    def raw_weights(self, backend: Library, lam: Array) -> Array:
        return 0.0 * lam + backend.asarray(self.constants(), like=lam)


class _Jump(Linear):
    """A linear functional whose weights jump at one eigenvalue only, the pivot."""

    @property
    @abc.abstractmethod
    def pivot(self) -> int:
        """Index of an eigenvalue next to the jump."""

    def weights(self, backend: Library, lam: Array) -> Array:
        # The cluster is {j : |λ_j − λ_pivot| ≤ τ}.
        xp, raw = backend.xp, self.raw_weights(backend, lam)
        near = abs(lam - lam[..., self.pivot : self.pivot + 1]) <= tie_tolerance(xp, lam)
        one = xp.astype(near, lam.dtype)
        mean = xp.sum(raw * one, axis=-1) / xp.sum(one, axis=-1)
        return xp.where(near, mean[..., None], raw)


@final
@dataclass(frozen=True)
class Kth(_Jump):
    """φ(λ) = λ_k."""

    name = "kth"

    @property
    def pivot(self) -> int:
        return self.parameter

    def constants(self) -> np.ndarray:
        return np.eye(1, self.dim, self.parameter)[0]

    def value(self, backend: Library, lam: Array) -> Array:
        return lam[..., self.parameter]


@final
@dataclass(frozen=True)
class TopSum(_Jump):
    """Sum of the r largest eigenvalues (Ky Fan); convex."""

    name = "top_sum"

    @property
    def pivot(self) -> int:
        return self.dim - self.parameter

    def constants(self) -> np.ndarray:
        return (np.arange(self.dim) >= self.pivot) * 1.0


@final
@dataclass(frozen=True)
class BottomSum(_Jump):
    """Sum of the r smallest eigenvalues; concave."""

    name = "bottom_sum"

    @property
    def pivot(self) -> int:
        return self.parameter - 1

    def constants(self) -> np.ndarray:
        return (np.arange(self.dim) < self.parameter) * 1.0


@final
@dataclass(frozen=True)
class Weighted(Linear):
    """φ(λ) = Σ w_j λ_j; monotone if w ≥ 0, convex if w is non-decreasing (Davis 1957)."""

    name = "weighted"

    def constants(self) -> np.ndarray:
        return np.asarray(self.parameter)

    def weights(self, backend: Library, lam: Array) -> Array:
        # A cluster is a run of eigenvalues with neighbours at most τ apart.
        xp, raw = backend.xp, self.raw_weights(backend, lam)
        apart = lam[..., 1:] - lam[..., :-1] > tie_tolerance(xp, lam)
        steps = xp.concat((0.0 * lam[..., :1], xp.astype(apart, lam.dtype)), axis=-1)
        run = xp.cumulative_sum(steps, axis=-1)
        same = xp.astype(run[..., :, None] == run[..., None, :], lam.dtype)
        return (same @ raw[..., None])[..., 0] / xp.sum(same, axis=-1)


@final
@dataclass(frozen=True)
class Softmax(Functional):
    """φ(λ) = t log Σ exp(λ_j / t); convex and smooth."""

    name = "softmax"

    def _powers(self, backend: Library, lam: Array) -> Array:
        # e^-800 is zero already; smaller powers could only overflow.
        t = max(self.parameter, float(backend.xp.finfo(lam.dtype).smallest_normal))
        return backend.xp.exp(backend.xp.clip(lam - lam[..., -1:], -800 * t, 0.0) / t)

    def value(self, backend: Library, lam: Array) -> Array:
        total = backend.xp.sum(self._powers(backend, lam), axis=-1)
        return self.parameter * backend.xp.log(total) + lam[..., -1]

    def raw_weights(self, backend: Library, lam: Array) -> Array:
        e = self._powers(backend, lam)
        return e / backend.xp.sum(e, axis=-1, keepdims=True)

    def curvature(self, backend: Library, lam: Array) -> Array:
        w = self.raw_weights(backend, lam)
        eye = backend.asarray(np.eye(self.dim), like=lam)
        return (w[..., :, None] * eye - w[..., :, None] * w[..., None, :]) / self.parameter


@final
@dataclass(frozen=True)
class Smooth(Functional):
    """The k-th eigenvalue as a difference of Moreau envelopes; parameter = (k, α).

    With r = d − k and S_r the sum of the r largest eigenvalues,
    S̃_r = max{⟨q, λ⟩ − (α/2)|q|² : q ∈ [0, 1]^d, Σ q = r} and φ = S̃_r − S̃_{r−1} + α/2, so that
    φ = λ_k where λ_k is at least α away from its neighbours. Weights q⁽ʳ⁾ − q⁽ʳ⁻¹⁾ ≥ 0, of sum 1.
    """

    name = "smooth"

    def _maximiser(self, backend: Library, lam: Array, r: int) -> Array:
        # q = clip(λ/α + ν, 0, 1) with ν the root of Σ_j clip(λ_j/α + ν, 0, 1) = r, which is
        # piecewise linear in ν with breakpoints −λ_j/α and 1 − λ_j/α. λ is measured from λ_k to
        # avoid cancellation: then 0 ≤ ν ≤ 1, and only u inside [−1, 1] matters.
        xp, (k, alpha) = backend.xp, self.parameter
        alpha = max(alpha, float(xp.finfo(lam.dtype).smallest_normal))
        u = xp.clip(lam - lam[..., k : k + 1], -alpha, alpha) / alpha
        nu = xp.concat((-u, 1.0 - u), axis=-1)

        def total(shift: Array) -> Array:
            return xp.sum(xp.clip(u + shift[..., None], 0.0, 1.0), axis=-1)

        h = xp.sum(xp.clip(u[..., None, :] + nu[..., :, None], 0.0, 1.0), axis=-1)
        low = xp.max(xp.where(h <= r, nu, -math.inf), axis=-1)
        high = xp.min(xp.where(h >= r, nu, math.inf), axis=-1)
        at_low, at_high = total(low), total(high)
        rise = xp.where(at_high > at_low, at_high - at_low, math.inf)
        root = low + (high - low) * xp.clip((r - at_low) / rise, 0.0, 1.0)
        return xp.clip(u + root[..., None], 0.0, 1.0)

    def _maximisers(self, backend: Library, lam: Array) -> tuple[Array, Array]:
        r = self.dim - self.parameter[0]
        return self._maximiser(backend, lam, r), self._maximiser(backend, lam, r - 1)

    def value(self, backend: Library, lam: Array) -> Array:
        q, p = self._maximisers(backend, lam)
        half = self.parameter[1] / 2
        return backend.xp.sum((q - p) * (lam - half * (q + p)), axis=-1) + half

    def raw_weights(self, backend: Library, lam: Array) -> Array:
        q, p = self._maximisers(backend, lam)
        return q - p

    def curvature(self, backend: Library, lam: Array) -> Array:
        # ∂q_i/∂λ_j = (δ_ij − 1/|F|)/α on the coordinates F that are strictly inside (0, 1).
        xp, eye = backend.xp, backend.asarray(np.eye(self.dim), like=lam)

        def jacobian(q: Array) -> Array:
            inside = xp.astype((q > 0) & (q < 1), lam.dtype)
            both = inside[..., :, None] * inside[..., None, :]
            count = xp.sum(inside, axis=-1)[..., None, None]
            return (both * eye - both / xp.where(count > 0, count, 1.0)) / self.parameter[1]

        q, p = self._maximisers(backend, lam)
        return jacobian(q) - jacobian(p)


FUNCTIONALS = {cls.name: cls for cls in (Kth, Smooth, TopSum, BottomSum, Softmax, Weighted)}


def from_key(name: str, dim: int, parameter: Any) -> Functional:
    """Return the functional with the given name, order and parameter."""
    return FUNCTIONALS[name](dim, tuple(parameter) if isinstance(parameter, list) else parameter)
