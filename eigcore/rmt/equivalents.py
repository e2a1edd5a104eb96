"""Linear equivalents: what a nonlinear model amounts to in high dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from eigcore.core.arrays import Array, Namespace
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.activations import KINKED, Activation, coefficients, known, moments
from eigcore.rmt.arguments import at_least, finite, identity, shaped
from eigcore.rmt.inputs import numbers

SPACING = 0.02
"""Distance of the nine points of a difference quotient."""
FIRST = (0.0, 4 / 5, -1 / 5, 4 / 105, -1 / 280)
SECOND = (-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560)


class Equivalent(NamedTuple):
    """φ(wᵀx) as intercept + slope · wᵀx + residual · independent standard noise.

    Attributes
    ----------
    intercept, slope, residual : 0-dimensional arrays
    kernel : (n, n) array, the equivalent of the kernel E φ(wᵀx) φ(wᵀy)
    """

    intercept: Array
    slope: Array
    residual: Array
    kernel: Array


def linear_equivalent(
    activation: str | Callable[[Array], Array],
    X: Any,
    regime: str = "clt",
    backend: str | Backend | None = None,
) -> Equivalent:
    """Return the linear model that a layer of random weights amounts to.

    Parameters
    ----------
    activation : str or callable
        As for `eigcore.rmt.hermite`.
    X : (n, p) array
        One centred sample per row, with norms near to one number τ, such as 1.
    regime : {"clt", "lln"}
        "clt": w has standard normal entries, so wᵀx fluctuates as N(0, τ²) and Hermite coefficients
        count. "lln": w has variance 1/p, so wᵀx concentrates at 0 and the derivatives at 0 count.
    backend : str or Backend, optional

    Returns
    -------
    Equivalent
        The spectral norm of ``kernel(activation, X) - equivalent.kernel`` ("clt"), or of
        ``kernel(activation, X / √p) - equivalent.kernel`` ("lln"), tends to 0 as n and p grow.

    Raises
    ------
    InvalidInput
        If the regime or the activation is unknown, or it has no derivative at 0 ("lln").

    Notes
    -----
    "clt": a₀² 11ᵀ + a₁² XXᵀ + a₂² 11ᵀ/p + (ν − a₀² − a₁²) I on the unit sphere. For other norms a₀
    is taken at each row's norm, and 1/p becomes the mean of (xᵀy)²/τ⁴.
    """
    chosen, (X,) = numbers(backend, X)
    shaped("X", X, (None, None))
    finite(chosen, X=X)
    if regime == "clt":
        return _fluctuating(chosen, known(activation), X)
    if regime == "lln":
        return _concentrated(chosen, activation, X)
    raise InvalidInput(f"regime is {regime!r}; expected 'clt' or 'lln'. Write regime='clt'.")


def _fluctuating(backend: Backend, activation: Activation, X: Array) -> Equivalent:
    xp, G = backend.xp, X @ X.mT
    norms = xp.sum(X * X, axis=-1)
    tau = xp.sqrt(xp.mean(norms))
    at_least(backend, 1e-12, **{"the norm of X": tau})
    m = moments(backend, activation, tau)
    means = coefficients(backend, activation, 0, xp.sqrt(norms))
    residual = m.square - m.mean**2 - (tau * m.first) ** 2
    second = m.second**2 / 2 * _mean_square(xp, G, norms)
    kernel = means @ means.mT + second + m.first**2 * G
    kernel = kernel + residual * identity(backend, G.shape[0], G)
    residual = xp.sqrt(xp.where(residual > 0, residual, 0.0))
    return Equivalent(m.mean, m.first, residual, kernel)


def _concentrated(backend: Backend, activation: Any, X: Array) -> Equivalent:
    if activation in KINKED:
        raise InvalidInput(
            f"The activation {activation!r} has no derivative at 0, where wᵀx concentrates; "
            "expected a smooth one. Write regime='clt', or activation='tanh'."
        )
    xp, phi, p = backend.xp, known(activation), X.shape[1]
    value, slope, second = taylor(backend, lambda t: phi.value(xp, t), 0 * X[0, 0])
    half = xp.sum(X * X, axis=-1) / (2 * p)
    kernel = value**2 + value * second * (half[:, None] + half) + slope**2 * (X @ X.mT) / p
    return Equivalent(value, slope, 0 * value, kernel)


def taylor(
    backend: Backend, function: Callable[[Array], Array], at: Array, spacing: Any = SPACING
) -> tuple[Array, Array, Array]:
    """Return a smooth function and its first two derivatives at a number, to about ten digits.

    Central differences of order eight: they need no autodiff, and gradients pass through them.

    Raises
    ------
    InvalidInput
        If differences of half the spacing disagree: the function is not smooth there.
    """
    found = [_differences(function, at, spacing / k) for k in (1, 2)]
    (value, first, second), (_, first_half, second_half) = found
    gap = abs(first - first_half) + spacing * abs(second - second_half)
    size = abs(value) + abs(first) + abs(second)
    gap, size = backend.detach(gap), backend.detach(size)
    if backend.is_concrete(gap) and not float(gap) <= 1e-6 * float(size):
        raise InvalidInput(
            f"The function is not smooth at {float(backend.detach(at)):.6g}; expected two "
            "derivatives there, since its Taylor series is the equivalent. Pass a smooth function."
        )
    return value, first, second


def _differences(
    function: Callable[[Array], Array], at: Array, h: Any
) -> tuple[Array, Array, Array]:
    value = function(at)
    first, second = 0 * value, SECOND[0] * value
    for k in range(1, 5):
        up, down = function(at + k * h), function(at - k * h)
        first = first + FIRST[k] * (up - down)
        second = second + SECOND[k] * (up + down)
    return value, first / h, second / h**2


def linearise_kernel(
    k: Callable[[Array], Array],
    X: Any,
    of: str = "product",
    backend: str | Backend | None = None,
) -> Array:
    """Return the equivalent of the kernel matrix k(xᵀy) or k(‖x − y‖²) in high dimension.

    Parameters
    ----------
    k : callable
        A function of an array, smooth at the points where its argument concentrates: at 0 and τ
        for products, at 0 and 2τ for distances, τ the mean squared norm.
    X : (n, p) array
        One centred sample per row, with squared norms near to one number.
    of : {"product", "distance"}
        What k is a function of: xᵀy or ‖x − y‖².
    backend : str or Backend, optional

    Returns
    -------
    (n, n) array, float64
        The spectral norm of the difference tends to 0 as n and p grow in proportion.

    Raises
    ------
    InvalidInput
        If `of` is unknown or k is not smooth where it must be.

    Notes
    -----
    El Karoui, *The spectrum of kernel random matrices*, Annals of Statistics 38 (2010).
    """
    chosen, (X,) = numbers(backend, X)
    shaped("X", X, (None, None))
    finite(chosen, X=X)
    if of not in ("product", "distance"):
        raise InvalidInput(f"of is {of!r}; expected 'product' or 'distance'. Write of='product'.")
    xp, G = chosen.xp, X @ X.mT
    norms = xp.sum(X * X, axis=-1)
    tau, spread = xp.mean(norms), _mean_square(xp, G, norms)
    eye = identity(chosen, G.shape[0], G)
    spacing = SPACING * chosen.detach(tau)
    if of == "product":
        value, first, second = taylor(chosen, k, 0 * tau, spacing)
        own = k(tau) - value - tau * first
        return value + second / 2 * spread + first * G + own * eye
    value, first, second = taylor(chosen, k, 2 * tau, spacing)
    psi = norms - tau
    both = psi[:, None] + psi
    own = k(0 * tau) - value + 2 * tau * first
    return value + first * (both - 2 * G) + second / 2 * (both**2 + 4 * spread) + own * eye


def _mean_square(xp: Namespace, G: Array, norms: Array) -> Array:
    """Mean of (xᵀy)² over pairs of different rows."""
    n = G.shape[0]
    return (xp.sum(G * G) - xp.sum(norms**2)) / max(n * (n - 1), 1)
