"""Functionals φ of singular values: norms, ranks and log-determinants.

They take σ (..., n) ascending and are `Functional`s like those of eigenvalues; `Kth` and `TopSum`
of `eigcore.core.functionals` are the spectral norm and the Ky Fan norms.
"""

from __future__ import annotations

import math
from typing import final

import numpy as np

from eigcore.core.arrays import Array, Library
from eigcore.core.functionals import Functional, Kth, TopSum, tie_tolerance
from eigcore.errors import NotDifferentiable


def _positive(library: Library, a: Array) -> Array:
    return library.xp.where(a > 0, a, 1.0)


@final
class Nuclear(Functional):
    """Σ σ_j."""

    name = "nuclear"

    def value(self, backend: Library, lam: Array) -> Array:
        return backend.xp.sum(lam, axis=-1)

    def raw_weights(self, backend: Library, lam: Array) -> Array:
        return 0.0 * lam + 1.0


@final
class Schatten(Functional):
    """(Σ σ_j^p)^{1/p}, p > 0."""

    name = "schatten"

    def value(self, backend: Library, lam: Array) -> Array:
        top = _positive(backend, lam[..., -1])
        total = backend.xp.sum((lam / top[..., None]) ** self.parameter, axis=-1)
        return backend.xp.where(lam[..., -1] > 0, top * total ** (1 / self.parameter), 0.0)

    def raw_weights(self, backend: Library, lam: Array) -> Array:
        norm = _positive(backend, self.value(backend, lam))
        w = (_positive(backend, lam) / norm[..., None]) ** (self.parameter - 1)
        return w if self.parameter <= 1 else backend.xp.where(lam > 0, w, 0.0)

    def curvature(self, backend: Library, lam: Array) -> Array:
        p, norm = self.parameter, _positive(backend, self.value(backend, lam))[..., None, None]
        w = self.raw_weights(backend, lam)
        # σ^(p − 2), whose limit at σ = 0 is none for p < 2, 1 for p = 2 and 0 beyond
        zero, limit = lam <= tie_tolerance(backend.xp, lam), math.nan if p < 2 else float(p == 2)
        own = (_positive(backend, lam) / norm[..., 0]) ** (p - 2)
        own = backend.xp.where(zero, limit, own)
        eye = backend.asarray(np.eye(self.dim), like=lam)
        return (p - 1) / norm * (own[..., None] * eye - w[..., :, None] * w[..., None, :])


@final
class LogDet(Functional):
    """Σ log σ_j, half of log det XᵀX for a tall X."""

    name = "log_det"

    def value(self, backend: Library, lam: Array) -> Array:
        return backend.xp.sum(backend.xp.log(lam), axis=-1)

    def raw_weights(self, backend: Library, lam: Array) -> Array:
        return 1 / _positive(backend, lam)

    def curvature(self, backend: Library, lam: Array) -> Array:
        eye = backend.asarray(np.eye(self.dim), like=lam)
        return -eye * self.raw_weights(backend, lam)[..., None] ** 2


@final
class EntropyRank(Functional):
    """Effective rank exp(−Σ p_j log p_j), p = σ/Σσ (Roy & Vetterli, EUSIPCO 2007)."""

    name = "entropy_rank"

    def _shares(self, backend: Library, lam: Array) -> tuple[Array, Array, Array]:
        """Log p, p and Σσ."""
        total = _positive(backend, backend.xp.sum(lam, axis=-1, keepdims=True))
        return backend.xp.log(_positive(backend, lam / total)), lam / total, total

    def value(self, backend: Library, lam: Array) -> Array:
        log, p, _ = self._shares(backend, lam)
        rank = backend.xp.exp(-backend.xp.sum(p * log, axis=-1))
        return backend.xp.where(lam[..., -1] > 0, rank, 0.0)

    def raw_weights(self, backend: Library, lam: Array) -> Array:
        log, p, total = self._shares(backend, lam)
        mean = backend.xp.sum(p * log, axis=-1, keepdims=True)
        return backend.xp.exp(-mean) * (mean - log) / total

    def curvature(self, backend: Library, lam: Array) -> Array:
        # of w_i = e^H (−log p_i − H)/S: w_i w_j e^{−H} − (w_i + w_j)/S + e^H (1 − δ_ij/p_i)/S²
        log, p, total = self._shares(backend, lam)
        rank = backend.xp.exp(-backend.xp.sum(p * log, axis=-1))[..., None, None]
        w, S = self.raw_weights(backend, lam), total[..., None]
        eye = backend.asarray(np.eye(self.dim), like=lam)
        both = w[..., :, None] + w[..., None, :]
        bend = w[..., :, None] * w[..., None, :] / rank - both / S
        return bend + rank * (1.0 - eye / _positive(backend, p)[..., None]) / S**2


@final
class StableRank(Functional):
    """‖X‖_F²/‖X‖₂²."""

    name = "stable_rank"

    def value(self, backend: Library, lam: Array) -> Array:
        share = lam / _positive(backend, lam[..., -1:])
        return backend.xp.sum(share**2, axis=-1)

    def raw_weights(self, backend: Library, lam: Array) -> Array:
        return self._of_top(backend, lam, np.eye(1, self.dim, self.dim - 1)[0])

    def weights(self, backend: Library, lam: Array) -> Array:
        return self._of_top(backend, lam, Kth(self.dim, self.dim - 1).weights(backend, lam))

    def _of_top(self, backend: Library, lam: Array, top: Array) -> Array:
        largest = _positive(backend, lam[..., -1:])
        top = backend.asarray(top, like=lam)
        return 2 * (lam / largest - self.value(backend, lam)[..., None] * top) / largest

    def curvature(self, backend: Library, lam: Array) -> Array:
        # of N/σ₁², N = Σσ²: 2δ_ij/σ₁² − 4(σ_i e_j + e_i σ_j)/σ₁³ + 6N e_i e_j/σ₁⁴
        top, eye = np.eye(1, self.dim, self.dim - 1)[0], np.eye(self.dim)
        e, eye = (backend.asarray(a, like=lam) for a in (top, eye))
        largest = _positive(backend, lam[..., -1:])
        share, rank = lam / largest, self.value(backend, lam)[..., None, None]
        mixed = share[..., :, None] * e + e[:, None] * share[..., None, :]
        own = e[:, None] * e
        return (2 * eye - 4 * mixed + 6 * rank * own) / largest[..., None] ** 2


@final
class PairNorm(Functional):
    """Functions (φ, ∂φ/∂σ) of σ (..., n) of any library."""

    name = "pair"

    def value(self, backend: Library, lam: Array) -> Array:
        return self.parameter[0](lam)

    def raw_weights(self, backend: Library, lam: Array) -> Array:
        return 0.0 * lam + self.parameter[1](lam)

    def curvature(self, backend: Library, lam: Array) -> Array:
        raise NotDifferentiable(
            "A pair (φ, ∂φ/∂σ) has no second derivative; expected the name of a functional. "
            "Detach the argument of spectral_value."
        )


NORMS: dict[str, type[Functional]] = {
    "nuclear": Nuclear,
    "spectral": Kth,
    "ky_fan": TopSum,
    "schatten": Schatten,
    "log_det": LogDet,
    "entropy_rank": EntropyRank,
    "stable_rank": StableRank,
}
"""By the name that `spectral_value` takes."""
