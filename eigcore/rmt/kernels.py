"""Kernels of random features: E φ(wᵀx) φ(wᵀy) for standard normal w.

All of them are functions of g = xᵀy, a = ‖x‖² and b = ‖y‖². The derivative of a kernel by g is the
kernel of φ'.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from eigcore.core.arrays import Array, Namespace
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.activations import Activation, coefficients, expectation, known
from eigcore.rmt.arguments import finite
from eigcore.rmt.inputs import check_scale, numbers, on_host

TERMS, BLOCK = 256, 16
"""Terms of the series for activations without a closed form, and how many are added at once."""
TOLERANCE = 1e-8
Shape = Callable[[Namespace, Array, Array, Array], Array]


def _root(xp: Namespace, a: Array) -> Array:
    """√a with derivative 0 at 0."""
    positive = a > 0
    return xp.where(positive, xp.sqrt(xp.where(positive, a, 1.0)), 0.0)


def _angle(xp: Namespace, g: Array, a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Return ‖x‖‖y‖, the cosine of the angle, and where it is ±1 up to rounding."""
    size = _root(xp, a) * _root(xp, b)
    cosine = g / xp.where(size > 0, size, 1.0)
    return size, cosine, 1 - cosine * cosine < 1e-14


def _relu(xp: Namespace, g: Array, a: Array, b: Array) -> Array:
    # Cho & Saul 2009; at cosines ±1 the value is max(g, 0)/2
    size, cosine, end = _angle(xp, g, a, b)
    c = xp.where(end, 0.0, cosine)
    inner = c * xp.acos(-c) + xp.sqrt(1 - c * c)
    return xp.where(end, (xp.abs(g) + g) / 4, size * inner / (2 * math.pi))


def _abs(xp: Namespace, g: Array, a: Array, b: Array) -> Array:
    size, cosine, end = _angle(xp, g, a, b)
    c = xp.where(end, 0.0, cosine)
    inner = c * xp.asin(c) + xp.sqrt(1 - c * c)
    return xp.where(end, xp.abs(g), 2 / math.pi * size * inner)


def _sign(xp: Namespace, g: Array, a: Array, b: Array) -> Array:
    _, cosine, end = _angle(xp, g, a, b)
    c = xp.where(end, 0.0, cosine)
    return xp.where(end, xp.sign(cosine) + 0 * g, 2 / math.pi * xp.asin(c))


def _step(xp: Namespace, g: Array, a: Array, b: Array) -> Array:
    return 0.25 + _sign(xp, g, a, b) / 4


def _erf(xp: Namespace, g: Array, a: Array, b: Array) -> Array:
    # Williams 1997
    return 2 / math.pi * xp.asin(2 * g / xp.sqrt((1 + 2 * a) * (1 + 2 * b)))


def _erf_derivative(xp: Namespace, g: Array, a: Array, b: Array) -> Array:
    return 4 / math.pi / xp.sqrt((1 + 2 * a) * (1 + 2 * b) - 4 * g * g)


def _cos(xp: Namespace, g: Array, a: Array, b: Array) -> Array:
    # exp(−(a+b)/2) cosh g, without overflow
    return (xp.exp(g - (a + b) / 2) + xp.exp(-g - (a + b) / 2)) / 2


def _sin(xp: Namespace, g: Array, a: Array, b: Array) -> Array:
    return (xp.exp(g - (a + b) / 2) - xp.exp(-g - (a + b) / 2)) / 2


def _gaussian(xp: Namespace, g: Array, a: Array, b: Array) -> Array:
    return 1 / xp.sqrt((1 + a) * (1 + b) - g * g)


CLOSED: dict[str, Shape] = {
    "linear": lambda xp, g, a, b: g,
    "square": lambda xp, g, a, b: a * b + 2 * g * g,
    "relu": _relu,
    "abs": _abs,
    "sign": _sign,
    "step": _step,
    "erf": _erf,
    "cos": _cos,
    "sin": _sin,
    "gaussian": _gaussian,
}
DERIVATIVES: dict[str, Shape] = {
    "linear": lambda xp, g, a, b: 1.0 + 0 * g,
    "square": lambda xp, g, a, b: 4 * g,
    "relu": _step,
    "abs": _sign,
    "erf": _erf_derivative,
    "cos": _sin,
    "sin": _cos,
    "gaussian": lambda xp, g, a, b: g * _gaussian(xp, g, a, b) ** 3,
}


def of_gram(
    backend: Backend,
    activation: str | Callable[[Array], Array],
    g: Array,
    a: Array,
    b: Array,
    *,
    derivative: bool = False,
    tolerance: float = TOLERANCE,
) -> Array:
    """Return the kernel of an activation from inner products.

    Parameters
    ----------
    g : (..., n, m) array
        Inner products xᵀy.
    a, b : (..., n) and (..., m) arrays
        Squared norms.
    derivative : bool
        The kernel of φ' instead.
    tolerance : float
        As for `kernel`.
    """
    closed = (DERIVATIVES if derivative else CLOSED).get(activation)  # type: ignore[arg-type]
    if closed is not None:
        return closed(backend.xp, g, a[..., :, None], b[..., None, :])
    if derivative and activation in ("sign", "step"):
        raise InvalidInput(
            f"The derivative of {activation!r} has no kernel, since it jumps at 0; expected an "
            "activation with a derivative of finite variance. Write 'erf' or 'relu'."
        )
    return _series(backend, known(activation), g, a, b, derivative, tolerance)


def _series(
    backend: Backend,
    activation: Activation,
    g: Array,
    a: Array,
    b: Array,
    derivative: bool,
    tolerance: float,
) -> Array:
    """Return Mehler's series Σ aᵢ(‖x‖) aᵢ(‖y‖) cosⁱ, or its derivative by g.

    It is finite and differentiable at equal x and y, where quadrature in two dimensions is not.
    """
    xp = backend.xp
    x, y = _root(xp, a), _root(xp, b)
    left, right = (coefficients(backend, activation, TERMS, t) for t in (x, y))
    index = backend.asarray([float(i) for i in range(1, TERMS + 1)], like=g)
    for t, c in ((x, left), (y, right)):
        squares = c[..., :-1] ** 2
        if derivative:
            squares = c[..., 1:] ** 2 * index
            rest = xp.sum(squares[..., -32:], axis=-1)
            whole = xp.sum(squares, axis=-1)
        else:
            whole = expectation(backend, lambda xp, u: activation.value(xp, u) ** 2, t)
            rest = whole - xp.sum(squares, axis=-1)
        _converged(backend, rest, whole, tolerance)
    if derivative:
        left, right = (
            c[..., 1:] / xp.where(t > 0, t, 1.0)[..., None] for t, c in ((x, left), (y, right))
        )
        left = left * index
    _, cosine, _ = _angle(xp, g, a[..., :, None], b[..., None, :])
    return _polynomial(xp, left, right, cosine)


def _polynomial(xp: Namespace, left: Array, right: Array, z: Array) -> Array:
    """Return Σ leftᵢ rightᵢ zⁱ over the first TERMS coefficients, in blocks: (..., n, m)."""
    powers = [1.0 + 0 * z]
    for _ in range(BLOCK):
        powers.append(powers[-1] * z)
    within, total = xp.stack(powers[:-1], axis=-1), 0 * z
    for start in reversed(range(0, TERMS, BLOCK)):
        here = (
            left[..., :, None, start : start + BLOCK] * right[..., None, :, start : start + BLOCK]
        )
        total = total * powers[-1] + xp.sum(here * within, axis=-1)
    return total


def _converged(backend: Backend, rest: Array, whole: Array, tolerance: float) -> None:
    """Raise unless what the series leaves out is small: Cauchy–Schwarz bounds every entry by it."""
    if not backend.is_concrete(rest) or 0 in rest.shape:
        return
    rest, whole = backend.detach(rest), backend.detach(whole)
    error = float(backend.xp.max(backend.xp.abs(rest) / (1e-300 + backend.xp.abs(whole))))
    if not error <= tolerance:
        raise InvalidInput(
            f"The activation is too rough for {TERMS} Hermite terms: the kernel would be off by "
            f"{error:.1e} of its size; expected at most tolerance={tolerance:g}. Use the name of "
            f"an activation with a closed form, or accept it: tolerance={2 * error:.0e}"
        )


def kernel(
    activation: str | Callable[[Array], Array],
    X: Any,
    Y: Any = None,
    *,
    tolerance: float = TOLERANCE,
    backend: str | Backend | None = None,
) -> Array:
    """Return the kernel E φ(wᵀx) φ(wᵀy) of a layer with standard normal weights.

    Closed forms are used for linear, square, relu, abs, sign, step, erf, cos, sin and gaussian
    (φ = exp(−t²/2)), and 256 terms of Mehler's series for every other function.

    Parameters
    ----------
    activation : str or callable
        As for `hermite`.
    X : (..., n, p) array
        One sample per row.
    Y : (..., m, p) array, optional
        X by default.
    tolerance : float
        Largest error of an entry that the series may have, relative to E φ².
    backend : str or Backend, optional

    Returns
    -------
    (..., n, m) array, float64, differentiable in torch and JAX

    Raises
    ------
    InvalidInput
        If the activation is unknown, the shapes differ, or the series has not converged.

    Examples
    --------
    >>> print(kernel("relu", [[1.0, 0.0], [0.0, 1.0]]).round(6))
    [[0.5      0.159155]
     [0.159155 0.5     ]]
    """
    chosen, arrays = numbers(backend, *((X,) if Y is None else (X, Y)))
    X, Y = arrays[0], arrays[-1]
    if X.ndim < 2 or Y.ndim < 2 or X.shape[-1] != Y.shape[-1]:
        raise InvalidInput(
            f"X and Y have shapes {tuple(X.shape)} and {tuple(Y.shape)}; expected (n, p) and "
            "(m, p), one sample per row. Write X.reshape(n, p)."
        )
    finite(chosen, X=X, Y=Y)
    if chosen.is_concrete(X) and chosen.is_concrete(Y):
        check_scale("X and Y", np.concatenate([on_host(chosen, a).reshape(-1) for a in (X, Y)]))
    xp = chosen.xp
    a, b = xp.sum(X * X, axis=-1), xp.sum(Y * Y, axis=-1)
    return of_gram(chosen, activation, X @ Y.mT, a, b, tolerance=tolerance)
