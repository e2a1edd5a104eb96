"""Learning by gradient flow: the test error of a linear classifier at time t."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from eigcore.core.arrays import Array, Namespace
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.activations import erf
from eigcore.rmt.arguments import at_least
from eigcore.rmt.inputs import numbers

NODES = 400


class FlowRisk(NamedTuple):
    """A classifier at the times t, as arrays like t.

    Attributes
    ----------
    test : misclassification of a new observation, Q(mean/√variance), Q the normal tail
    mean : its score E μᵀw
    variance : V ‖w‖²
    """

    test: Array
    mean: Array
    variance: Array


def gradient_flow_risk(
    strength: Any,
    c: Any,
    t: Any,
    *,
    rate: Any = 1.0,
    gamma: Any = 0.0,
    sigma: Any = 0.0,
    backend: str | Backend | None = None,
) -> FlowRisk:
    """Return the test error of least squares by gradient flow, at the times t.

    Two classes N(±μ, I) with targets ±1; dw/dt = rate · (X(y − Xᵀw)/n − γw), and w starts with
    independent N(0, σ²/p) entries.

    Parameters
    ----------
    strength : float
        ‖μ‖², positive.
    c : float
        p/n, positive.
    t : (...) array or float
        Times, at least 0; ``inf`` is the end of the flow.
    rate, gamma, sigma : float
        Learning rate, ridge and size of the initial weights.
    backend : str or Backend, optional

    Returns
    -------
    FlowRisk
        Differentiable in torch and JAX by every number.

    Raises
    ------
    InvalidInput
        If a number is out of range.

    Notes
    -----
    Liao & Couillet, *The dynamics of learning: a random matrix approach*, ICML 2018. Integrals are
    Gauss sums of the sine-squared weight, exact to rounding for smooth integrands.
    """
    chosen, given = numbers(backend, strength, c, t, rate, gamma, sigma)
    rho, c, t, rate, gamma, sigma = given
    at_least(chosen, 0.0, rate=rate, gamma=gamma, sigma=sigma)
    at_least(chosen, 1e-12, strength=rho, c=c)
    for name, a in {"strength": rho, "c": c, "rate": rate, "gamma": gamma, "sigma": sigma}.items():
        if a.shape != ():
            raise InvalidInput(f"{name} has shape {tuple(a.shape)}; expected a number, not a grid.")
    if chosen.is_concrete(t) and not bool(chosen.xp.all(t >= 0)):
        raise InvalidInput("t has a negative or NaN entry; expected times of at least 0.")
    xp = chosen.xp
    nodes, weights = _sine_rule(chosen, c)
    root = xp.sqrt(c)
    middle, half = 1 + c, 2 * root
    x = middle + half * nodes
    place = middle + rho + c / rho
    # ∫ √((x − λ₋)(λ₊ − x)) g(x) dx = half² Σ weights g(x)
    bulk = half**2 / (2 * math.pi) * weights
    decay, final = _decay(xp, x, t, rate, gamma), _decay(xp, place, t, rate, gamma)
    grown, last = (1 - decay) / (x + gamma), (1 - final) / (place + gamma)
    # the measure ω has mass ρ, so ∫ g dω = ρ g(λ_s) + ∫ (g − g(λ_s)) dω: smooth at the transition
    off = bulk / (place - x)
    mean = rho * last[..., 0] + xp.sum(off * (grown - last), axis=-1)
    square = rho * last[..., 0] ** 2 + xp.sum(off * (grown**2 - last**2), axis=-1)
    atom = xp.where(c > 1, 1 - 1 / c, 0.0)
    still = atom * _decay(xp, 0 * c, t, rate, gamma)[..., 0] ** 2
    kept = xp.sum(bulk / (c * x) * decay**2, axis=-1) + still
    variance = (rho + c) / rho * square + sigma**2 * kept
    ratio = mean / xp.sqrt(xp.where(variance > 0, variance, 1.0))
    return FlowRisk((1 - erf(xp, ratio / math.sqrt(2))) / 2, mean, variance)


def _decay(xp: Namespace, x: Array, t: Array, rate: Array, gamma: Array) -> Array:
    """Return exp(−rate t (x + γ)), with 1 where x + γ is 0: (..., number of x)."""
    speed = rate * (x + gamma)
    moving = speed > 0
    power = xp.where(moving, speed, 1.0) * t[..., None]
    return xp.where(moving, xp.exp(-power), 1.0)


def _sine_rule(backend: Backend, like: Array) -> tuple[Array, Array]:
    """Return nodes u and weights of ∫ √(1 − u²) g(u) du, Gauss–Chebyshev of the second kind."""
    angles = np.pi * np.arange(1, NODES + 1) / (NODES + 1)
    weights = np.pi / (NODES + 1) * np.sin(angles) ** 2
    return backend.asarray(np.cos(angles), like=like), backend.asarray(weights, like=like)
