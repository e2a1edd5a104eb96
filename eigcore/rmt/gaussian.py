"""Averages over Gaussian variables, and the normal distribution in array functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eigcore.core.arrays import Array

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


def inverse_mills(xp: Any, x: Array) -> Array:
    """Return φ(x) / Φ(x) of the standard normal distribution, to twelve digits."""
    low = xp.clip(x, None, TOP)
    # φ(x) / Φ(x) = 1 / ∫₀^∞ exp(xt − t²/2) dt
    return xp.exp(0.5 * (low * low - x * x)) / _integral(xp, low)


def normal_cdf(xp: Any, x: Array) -> Array:
    """Return Φ(x) of the standard normal distribution, to twelve digits."""
    low = xp.clip(x, None, TOP)
    return xp.exp(-0.5 * low * low) * (_integral(xp, low) / math.sqrt(2.0 * math.pi))


def _integral(xp: Any, x: Array) -> Array:
    """Return ∫₀^∞ exp(xt − t²/2) dt, by t = exp(v − e^(−v)) and the trapezoidal rule."""
    v = np.arange(-4.0, 4.01, 1 / 16)
    t = np.exp(v - np.exp(-v))
    weights = t * (1.0 + np.exp(-v)) / 16
    total = 0.0
    for node, weight in zip(t.tolist(), weights.tolist(), strict=True):
        total = total + weight * xp.exp(node * x - 0.5 * node * node)
    return total
