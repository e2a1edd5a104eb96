"""Deep random networks: conjugate kernel and neural tangent kernel, exact and equivalent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.activations import Moments, coefficients, expectation, known, moments
from eigcore.rmt.arguments import at_least, finite, identity, shaped
from eigcore.rmt.inputs import numbers
from eigcore.rmt.kernels import TOLERANCE, of_gram

Given = str | Callable[[Array], Array]


@dataclass(frozen=True)
class DeepKernel:
    """The kernel of a deep random network, predicted.

    Attributes
    ----------
    equivalent : (n, n) array
        α₁ XXᵀ + α₂ χχᵀ + α₃ S + (τ² − τ₀² α₁) I of the last layer, χ the squared norms of the
        centred rows minus τ₀², S the traces of products of class covariances; for the tangent
        kernel β and κ in place of α and τ.
    coefficients : tuple of (3,) arrays
        (α₁, α₂, α₃) of the layers 0 … L, or (β₁, β₂, β₃).
    scales : tuple of 0-dimensional arrays
        τ of the layers 0 … L, or κ.
    exact : callable
        ``exact()`` returns the kernel itself, (n, n), by recursion over the layers.
    """

    equivalent: Array
    coefficients: tuple[Array, ...]
    scales: tuple[Array, ...]
    exact: Callable[[], Array]


class _Data(NamedTuple):
    """What the equivalent uses of the rows.

    gram : (n, n);  norms : (n,), of the rows;  chi : (n,);  traces : (n, n), S;  tau : ()
    """

    gram: Array
    norms: Array
    chi: Array
    traces: Array
    tau: Array


class _Layer(NamedTuple):
    """One layer: the scale before it, its moments there, and (α₁, α₂, α₃, α₄) and τ after it."""

    activation: Given
    before: Array
    moments: Moments
    alpha: tuple[Array, ...]
    tau: Array


def deep_ck(
    activations: Sequence[Given],
    X: Any,
    labels: Any = None,
    *,
    means: Any = None,
    covariances: Any = None,
    tolerance: float = TOLERANCE,
    backend: str | Backend | None = None,
) -> DeepKernel:
    """Return the conjugate kernel of a deep network with random weights, and its equivalent.

    The rows are a Gaussian mixture, or behave like one. Each layer is centred: its mean
    E φ(τξ), τ the scale of the layer before, is subtracted.

    Parameters
    ----------
    activations : sequence of str or callable
        One per layer, the first layer first; as for `eigcore.rmt.hermite`.
    X : (n, p) array
        One sample per row, with norms of order 1.
    labels : (n,) array of int, optional
        Classes 0 … k − 1; one class by default.
    means : (k, p) array, optional
        Means of the classes; by default those of the rows.
    covariances : (k, p, p) array, optional
        Covariances of the rows of the classes; their traces are estimated by default.
    tolerance : float
        For ``exact()``, as for `eigcore.rmt.kernel`.
    backend : str or Backend, optional

    Returns
    -------
    DeepKernel

    Raises
    ------
    InvalidInput
        If shapes or labels do not fit, or a layer is constant.

    Notes
    -----
    Gu, Du, Yuan, Xie, Pu, Qiu & Liao, *Lossless compression of deep neural networks*, NeurIPS 2022,
    Theorem 1.
    """
    chosen, data, layers = _prepared(activations, X, labels, means, covariances, backend)
    xp, tau = chosen.xp, data.tau
    one, zero = 1 + 0 * tau, 0 * tau
    alphas = [(one, zero, zero, one), *(layer.alpha for layer in layers)]
    taus = (tau, *(layer.tau for layer in layers))
    found = tuple(xp.stack(alpha[:3]) for alpha in alphas)
    exact = partial(_exact, chosen, data, layers, tolerance, False)
    return DeepKernel(_equivalent(chosen, data, found[-1], taus[-1] ** 2), found, taus, exact)


def deep_ntk(
    activations: Sequence[Given],
    X: Any,
    labels: Any = None,
    *,
    means: Any = None,
    covariances: Any = None,
    tolerance: float = TOLERANCE,
    backend: str | Backend | None = None,
) -> DeepKernel:
    """Return the neural tangent kernel of a deep network with random weights, and its equivalent.

    Parameters
    ----------
    activations, X, labels, means, covariances, tolerance, backend
        As for `deep_ck`. The derivatives of the activations have finite variance.

    Returns
    -------
    DeepKernel
        With K₀ = XXᵀ and K_ℓ = K_CK,ℓ + K_ℓ₋₁ ∘ K'_CK,ℓ.

    Raises
    ------
    InvalidInput
        As for `deep_ck`, or for the activations sign and step.
    """
    chosen, data, layers = _prepared(activations, X, labels, means, covariances, backend)
    xp, zero = chosen.xp, 0 * data.tau
    beta, square = (1 + zero, zero, zero), data.tau**2
    first = 1 + zero
    found, scales = [xp.stack(beta)], [data.tau]
    for layer in layers:
        e1, e2 = layer.moments.first**2, layer.moments.second**2
        a1, a2, a3, _ = layer.alpha
        # every update uses the numbers of the layer before: β₁ last of all, α₁ as `first`
        b3 = a3 + beta[2] * e1 + beta[0] * e2 * first
        beta = (a1 + beta[0] * e1, a2 + beta[1] * e1, b3)
        square = layer.tau**2 + square * _slope_square(chosen, layer)
        first = a1
        found.append(xp.stack(beta))
        scales.append(xp.sqrt(square))
    exact = partial(_exact, chosen, data, layers, tolerance, True)
    return DeepKernel(
        _equivalent(chosen, data, found[-1], square), tuple(found), tuple(scales), exact
    )


def _equivalent(backend: Backend, data: _Data, alpha: Array, diagonal: Array) -> Array:
    outer = data.chi[:, None] * data.chi
    body = alpha[0] * data.gram + alpha[1] * outer + alpha[2] * data.traces
    return body + (diagonal - data.tau**2 * alpha[0]) * identity(backend, body.shape[0], body)


def _prepared(
    activations: Sequence[Given],
    X: Any,
    labels: Any,
    means: Any,
    covariances: Any,
    backend: str | Backend | None,
) -> tuple[Backend, _Data, list[_Layer]]:
    if isinstance(activations, str) or callable(activations) or not activations:
        raise InvalidInput(
            f"activations is {activations!r}; expected one activation for each layer. "
            "Write ['relu', 'relu']."
        )
    given = [X, *(a for a in (means, covariances) if a is not None)]
    chosen, arrays = numbers(backend, *given)
    rest = iter(arrays)
    X = next(rest)
    means, covariances = (None if a is None else next(rest) for a in (means, covariances))
    shaped("X", X, (None, None))
    finite(chosen, X=X)
    data = _data(chosen, X, _classes(labels, X.shape[0]), means, covariances)
    return chosen, data, _layers(chosen, activations, data.tau)


def _classes(labels: Any, n: int) -> np.ndarray:
    """Return the labels as classes one-hot: (n, k)."""
    if labels is None:
        return np.ones((n, 1))
    found = np.asarray(labels)
    whole = found.shape == (n,) and found.dtype.kind in "iu"
    if not whole or {*found.tolist()} != {*range(int(found.max()) + 1)}:
        raise InvalidInput(
            f"labels should be {n} integers that use all of 0 … k − 1, one for each row of X. "
            "Type: np.unique(labels, return_inverse=True)[1]"
        )
    return np.eye(int(found.max()) + 1)[found]


def _data(backend: Backend, X: Array, J: np.ndarray, means: Array, covariances: Array) -> _Data:
    xp, k, p = backend.xp, J.shape[1], X.shape[1]
    counts = J.sum(0)
    if covariances is None and counts.min() < 2:
        raise InvalidInput(
            f"class {counts.argmin()} has one row, which has no covariance; expected two or more. "
            "Pass means=... and covariances=..., or leave the class out."
        )
    J = backend.asarray(J, like=X)
    sizes = xp.sum(J, axis=0)
    shares = sizes / X.shape[0]
    lost = 1.0 if means is not None else sizes / (sizes - 1)
    if means is None:
        means = J.mT @ X / sizes[:, None]
    shaped("means", means, (k, p))
    Z = X - J @ means
    squares = xp.sum(Z * Z, axis=-1)
    if covariances is None:
        own = lost * (J.mT @ squares) / sizes
        inner = (Z @ Z.mT) ** 2 * (1 - identity(backend, X.shape[0], X))
        count = sizes[:, None] * (sizes - identity(backend, k, X))
        products = J.mT @ inner @ J / count
    else:
        shaped("covariances", covariances, (k, p, p))
        own = xp.sum(xp.linalg.diagonal(covariances), axis=-1)
        flat = xp.reshape(covariances, (k, p * p))
        products = flat @ flat.mT
    square = xp.sum(shares * own)
    at_least(backend, 1e-24, **{"the squared norm of X": square})
    gram = X @ X.mT
    norms = xp.linalg.diagonal(gram)
    return _Data(gram, norms, squares - square, J @ products @ J.mT, xp.sqrt(square))


def _layers(backend: Backend, activations: Sequence[Given], tau: Array) -> list[_Layer]:
    zero = 0 * tau
    alpha, found = (1 + zero, zero, zero, 1 + zero), []
    for number, activation in enumerate(activations, start=1):
        m = moments(backend, known(activation), tau)
        e1, e2 = m.first**2, m.second**2
        a1, a2, a3, a4 = alpha
        alpha = (e1 * a1, e1 * a2 + e2 * a4**2 / 4, e1 * a3 + e2 * a1**2 / 2, m.bend * a4)
        variance = m.square - m.mean**2
        seen = backend.detach(variance)
        if backend.is_concrete(seen) and not float(seen) > 0:
            raise InvalidInput(
                f"Layer {number} is constant; expected an activation that depends on its input. "
                "Write 'relu'."
            )
        before, tau = tau, backend.xp.sqrt(variance)
        found.append(_Layer(activation, before, m, alpha, tau))
    return found


def _slope_square(backend: Backend, layer: _Layer) -> Array:
    """Return E φ'(τξ)², from the derivative or from the kernel of the derivative at x = y."""
    activation = known(layer.activation)
    if (slope := activation.derivative) is not None:
        return expectation(backend, lambda xp, t: slope(xp, t) ** 2, layer.before)
    square = backend.xp.reshape(layer.before**2, (1,))
    return of_gram(backend, layer.activation, square[:, None], square, square, derivative=True)[
        0, 0
    ]


def _exact(
    backend: Backend, data: _Data, layers: list[_Layer], tolerance: float, tangent: bool
) -> Array:
    """Return the kernel of the last layer by recursion, with centred layers."""
    gram = total = data.gram
    for layer in layers:
        norms = backend.xp.linalg.diagonal(gram)
        if tangent:
            slopes = of_gram(
                backend, layer.activation, gram, norms, norms, derivative=True, tolerance=tolerance
            )
            total = total * slopes
        raw = of_gram(backend, layer.activation, gram, norms, norms, tolerance=tolerance)
        scale = backend.xp.sqrt(norms)
        own = coefficients(backend, known(layer.activation), 0, scale)[:, 0]
        mean = layer.moments.mean
        gram = raw - mean * (own[:, None] + own) + mean**2
        total = total + gram
    return total if tangent else gram
