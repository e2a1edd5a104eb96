"""Activations, their Hermite coefficients, and Gaussian expectations.

Expectations are Gauss–Legendre sums on the two half-lines rather than Gauss–Hermite sums: a kink
or a jump at 0, as in relu and sign, then costs no accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from eigcore.core.arrays import Array, Namespace
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.arguments import at_least
from eigcore.rmt.inputs import numbers

END, NODES = 16.0, 200
"""End of a half-line in standard deviations, and the number of nodes on it."""
Formula: TypeAlias = Callable[[Namespace, Array], Array]


class Activation(NamedTuple):
    """A function of a real number, and its derivative where both are known by name."""

    value: Formula
    derivative: Formula | None = None


def erf(xp: Namespace, t: Array) -> Array:
    """Return erf(t) = (2/√π) t ∫₀¹ exp(−t²s²) ds, to rounding.

    The array API standard has no erf.
    """
    near = xp.clip(t, -6.0, 6.0)  # erf(6) = 1 − 2e−17
    total = 0 * near
    for node, weight in zip(*_legendre(28), strict=True):
        total = total + float(weight) * xp.exp(-((near * float(node)) ** 2))
    return 2 / math.sqrt(math.pi) * near * total


def _step(xp: Namespace, t: Array) -> Array:
    return xp.where(t > 0, 1.0 + 0 * t, 0 * t)


ACTIVATIONS = {
    "linear": Activation(lambda xp, t: t, lambda xp, t: 1.0 + 0 * t),
    "relu": Activation(lambda xp, t: xp.maximum(t, 0 * t), _step),
    "abs": Activation(lambda xp, t: xp.abs(t), lambda xp, t: xp.sign(t)),
    "sign": Activation(lambda xp, t: xp.sign(t)),
    "step": Activation(_step),
    "square": Activation(lambda xp, t: t * t, lambda xp, t: 2 * t),
    "erf": Activation(erf, lambda xp, t: 2 / math.sqrt(math.pi) * xp.exp(-t * t)),
    "tanh": Activation(lambda xp, t: xp.tanh(t), lambda xp, t: 1 - xp.tanh(t) ** 2),
    "cos": Activation(lambda xp, t: xp.cos(t), lambda xp, t: -xp.sin(t)),
    "sin": Activation(lambda xp, t: xp.sin(t), lambda xp, t: xp.cos(t)),
    "gaussian": Activation(lambda xp, t: xp.exp(-t * t / 2), lambda xp, t: -t * xp.exp(-t * t / 2)),
}
KINKED = ("relu", "abs", "sign", "step")
"""Activations that are not differentiable at 0."""


def known(activation: str | Callable[[Array], Array]) -> Activation:
    """Return an activation by its name, or from a function of an array."""
    if callable(activation):
        return Activation(lambda xp, t: activation(t))
    found = ACTIVATIONS.get(activation) if isinstance(activation, str) else None
    if found is None:
        raise InvalidInput(
            f"The activation is {activation!r}; expected one of {', '.join(ACTIVATIONS)}, or a "
            "function of an array. Write activation='relu'."
        )
    return found


@lru_cache
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the Gauss–Legendre rule on [0, 1]: (count,) each."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


@lru_cache
def rule() -> tuple[np.ndarray, np.ndarray]:
    """Nodes ξ and weights w with E g(ξ) = Σ w g(ξ) for a standard normal ξ: (400,) each."""
    nodes, weights = _legendre(NODES)
    t = END * nodes
    w = END * weights * np.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    return np.concatenate([-t[::-1], t]), np.concatenate([w[::-1], w])


@lru_cache
def _weighted_polynomials(order: int) -> np.ndarray:
    """Normalised Hermite polynomials at the nodes, times the weights: (400, order + 1)."""
    t, w = rule()
    table = [np.ones_like(t), t]
    for i in range(1, order):
        table.append((t * table[i] - math.sqrt(i) * table[i - 1]) / math.sqrt(i + 1))
    return (np.stack(table[: order + 1]) * w).T


def expectation(backend: Backend, function: Formula, tau: Array) -> Array:
    """Return E g(τξ) for a standard normal ξ: (...) -> (...)."""
    nodes, weights = (backend.asarray(a, like=tau) for a in rule())
    return function(backend.xp, tau[..., None] * nodes) @ weights


def coefficients(backend: Backend, activation: Activation, order: int, tau: Array) -> Array:
    """Return the coefficients of `hermite` for arrays of one backend: (...) -> (..., order + 1)."""
    nodes = backend.asarray(rule()[0], like=tau)
    table = backend.asarray(_weighted_polynomials(order), like=tau)
    return activation.value(backend.xp, tau[..., None] * nodes) @ table


def hermite(
    activation: str | Callable[[Array], Array],
    order: int,
    tau: Any = 1.0,
    backend: str | Backend | None = None,
) -> Array:
    """Return the Hermite coefficients E[φ(τξ) He_i(ξ)], i = 0 … order, of an activation.

    He_i are the Hermite polynomials of probability, normalised to E He_i(ξ)² = 1, and ξ is
    standard normal. The sum of all squares is E φ(τξ)².

    Parameters
    ----------
    activation : str or callable
        A name (relu, abs, sign, step, square, erf, tanh, cos, sin, gaussian, linear) or a function
        of an array of the backend.
    order : int
        0 ≤ order ≤ 256.
    tau : (...) array or float
        Standard deviation, not its square.
    backend : str or Backend, optional

    Returns
    -------
    (..., order + 1) array, float64

    Raises
    ------
    InvalidInput
        If the activation is unknown, order is out of range or τ is negative.

    Examples
    --------
    >>> print(hermite("relu", 2).round(4))
    [0.3989 0.5    0.2821]
    """
    chosen, (tau,) = numbers(backend, tau)
    at_least(chosen, 0.0, tau=tau)
    if not isinstance(order, int) or not 0 <= order <= 256:
        raise InvalidInput(f"order is {order!r}; expected an integer, 0 to 256. Write order=2.")
    return coefficients(chosen, known(activation), order, tau)


class Moments(NamedTuple):
    """Gaussian moments of an activation at τξ, as 0-dimensional arrays.

    mean : E φ;  square : E φ²;  first, second : E φ', E φ'';  bend : E[φ'² + (φ − E φ) φ'']
    """

    mean: Array
    square: Array
    first: Array
    second: Array
    bend: Array


def moments(backend: Backend, activation: Activation, tau: Array) -> Moments:
    """Return the moments of an activation, derivatives by Stein's identity: kinks are allowed."""
    a = coefficients(backend, activation, 2, tau)
    mean = a[..., 0]
    nodes, weights = (backend.asarray(a, like=tau) for a in rule())
    value = activation.value(backend.xp, tau[..., None] * nodes)
    centred = (value - mean[..., None]) ** 2
    return Moments(
        mean,
        value**2 @ weights,
        a[..., 1] / tau,
        math.sqrt(2) * a[..., 2] / tau**2,
        centred @ (weights * (nodes * nodes - 1)) / (2 * tau**2),
    )


class MixtureCoefficients(NamedTuple):
    """What a layer does to the kernel of a Gaussian mixture: d0 I + d1 XXᵀ + d2 (second order)."""

    d0: Array
    d1: Array
    d2: Array


def mixture_coefficients(
    activation: str | Callable[[Array], Array], tau: Any, backend: str | Backend | None = None
) -> MixtureCoefficients:
    """Return the three numbers of an activation that the kernel of a Gaussian mixture depends on.

    d0 = Var φ(τξ) − τ² (E φ')², d1 = (E φ')², d2 = (E φ'')² / 4. Two activations with equal numbers
    have equal kernels in high dimension, whatever the law of the weights.

    Parameters
    ----------
    activation : str or callable
        As for `hermite`.
    tau : (...) array or float
        τ > 0, the root of the mean squared norm of the centred rows.
    backend : str or Backend, optional

    Returns
    -------
    MixtureCoefficients
        d0, d1 and d2, arrays (...).

    Raises
    ------
    InvalidInput
        If the activation is unknown or τ is not positive.
    """
    chosen, (tau,) = numbers(backend, tau)
    at_least(chosen, 1e-12, tau=tau)
    m = moments(chosen, known(activation), tau)
    slope = m.first**2
    return MixtureCoefficients(m.square - m.mean**2 - tau**2 * slope, slope, m.second**2 / 4)
