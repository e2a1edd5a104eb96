"""The matrix of which additive models are multiples, for every functional."""

from __future__ import annotations

import numpy as np

from eigcore.core.spec import EigSpec
from eigcore.dispatch.registry import get_backend

_NARROW = 0.25
"""Gaps of D between eigenvalues whose distance counts against its sign, or not at all."""


def sum_of_weights(spec: EigSpec) -> float:
    """Σw = φ(I), 0 where only rounding is left of it."""
    total = float(spec.phi.weights(get_backend("numpy"), np.zeros(spec.dim)).sum())
    return total if abs(total) > 1e-9 else 0.0


def direction(spec: EigSpec) -> tuple[np.ndarray, float]:
    """D (d, d) of which additive models are multiples, and φ(D).

    The identity; or where φ(I) = 0, a diagonal with φ(D) = ±1. There φ(λ) = Σ_j s_j (λ_{j+1} − λ_j)
    with the sums s_j of the weights above λ_j, and D has wide gaps where s_j has the sign of φ(D).
    """
    total = sum_of_weights(spec)
    if total:
        return np.eye(spec.dim), total
    sums = -np.cumsum(spec.phi.weights(get_backend("numpy"), np.arange(float(spec.dim))))[:-1]
    sign = float(np.sign(np.maximum(sums, 0.0).sum() - np.maximum(-sums, 0.0).sum())) or 1.0
    gaps = np.where(sign * sums > 0.0, 1.0, _NARROW)
    lam = np.concatenate([[0.0], np.cumsum(gaps)])
    size = abs(float(sums @ gaps)) or 1.0
    return np.diag(lam - lam.mean()) / size, sign
