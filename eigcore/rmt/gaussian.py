"""Averages over Gaussian variables, and the normal distribution in array functions."""

from __future__ import annotations

import math

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend

REACH = 12.0
"""Standard deviations that a quadrature covers; beyond lies less than 1e-32."""
TOP = 8.0
"""From here on, 1 − Φ is below rounding."""


def gaussian_nodes(step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes (K,) and weights (K,) of averages over N(0, 1).

    The trapezoidal rule, whose error for functions analytic in a strip of half-width a decays as
    exp(−2πa/step); Gauss–Hermite needs more nodes for that (Trefethen, SIAM Review 64, 2022,
    doi:10.1137/20M1389522).
    """
    count = round(REACH / step)
    nodes = step * np.arange(-count, count + 1)
    weights = np.exp(-0.5 * nodes**2)
    return nodes, weights / weights.sum()


def inverse_mills(backend: Backend, x: Array) -> Array:
    """Return φ(x) / Φ(x) of the standard normal distribution, to twelve digits."""
    xp = backend.xp
    low = xp.clip(x, None, TOP)
    # φ(x) / Φ(x) = 1 / ∫₀^∞ exp(xt − t²/2) dt
    return xp.exp(0.5 * (low * low - x * x)) / _integral(backend, low)


def normal_cdf(backend: Backend, x: Array) -> Array:
    """Return Φ(x) of the standard normal distribution, to twelve digits."""
    xp = backend.xp
    low = xp.clip(x, None, TOP)
    return xp.exp(-0.5 * low * low) * (_integral(backend, low) / math.sqrt(2.0 * math.pi))


def _integral(backend: Backend, x: Array) -> Array:
    """Return ∫₀^∞ exp(xt − t²/2) dt, by t = exp(v − e^(−v)) and the trapezoidal rule."""
    xp, v = backend.xp, np.arange(-4.0, 4.01, 1 / 16)
    nodes = np.exp(v - np.exp(-v))
    t = backend.asarray(nodes, like=x)
    weights = backend.asarray(nodes * (1.0 + np.exp(-v)) / 16, like=x)
    return xp.sum(xp.exp(x[..., None] * t - 0.5 * t * t) * weights, axis=-1)
