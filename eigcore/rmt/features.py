"""Regression on random features: a wide layer with random weights, then ridge regression."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.arguments import at_least, finite, identity, shaped
from eigcore.rmt.inputs import numbers, on_host
from eigcore.rmt.ridge import effective_ridge


class FeaturesRisk(NamedTuple):
    """Risks of regression on random features, as 0-dimensional arrays.

    Attributes
    ----------
    train, test : mean squared errors on the given targets
    kappa : effective ridge: on average over the weights, it predicts like the kernel with ridge κ
    df1, df2 : tr K(K + κ)⁻¹ and tr K²(K + κ)⁻²
    """

    train: Array
    test: Array
    kappa: Array
    df1: Array
    df2: Array


def random_features_risk(
    K: Any,
    K_cross: Any,
    K_test: Any,
    y: Any,
    y_test: Any,
    width: Any,
    gamma: Any,
    backend: str | Backend | None = None,
) -> FeaturesRisk:
    """Return train and test risk of ridge regression on random features.

    The features are Φ = φ(XWᵀ) with `width` random rows in W; β minimises
    ‖y − Φβ‖²/n + γ‖β‖². Targets and inputs are fixed, and the average is over W.

    Parameters
    ----------
    K : (n, n) array
        Kernel of the training inputs, such as `kernel` returns.
    K_cross : (n, m) array
        Kernel between training and test inputs.
    K_test : (m, m) array, or its diagonal (m,)
        Kernel of the test inputs; only its trace matters.
    y, y_test : (n,) and (m,) arrays
        Targets.
    width : int or float
        Number of features.
    gamma : float
        Ridge, at least 0; 0 is the ridgeless limit, with a peak of the test risk at width = n.
    backend : str or Backend, optional

    Returns
    -------
    FeaturesRisk
        Differentiable in torch and JAX.

    Raises
    ------
    InvalidInput
        If shapes differ, a number is out of range, or γ = 0 where K is singular or width = n.

    Notes
    -----
    Louart, Liao & Couillet, Annals of Applied Probability 28 (2018), written with
    κ = nγ(1 + δ)/width: then κ is the effective ridge of `width` observations with eigenvalues
    those of K and ridge nγ/width, and the limit γ → 0 needs no formula of its own.
    """
    given = (K, K_cross, K_test, y, y_test, width, gamma)
    chosen, (K, cross, test, y, z, d, gamma) = numbers(backend, *given)
    _checked(chosen, K, cross, test, y, z, d, gamma)
    xp, n, m = chosen.xp, y.shape[0], z.shape[0]
    s = xp.linalg.eigvalsh((K + K.mT) / 2)
    top = chosen.detach(xp.max(s))
    if chosen.is_concrete(top) and float(chosen.detach(xp.min(s))) < -1e-8 * float(top):
        raise InvalidInput(
            "K has negative eigenvalues; expected a kernel matrix. Compute it with kernel(...)."
        )
    _check_kernels(chosen, K, cross, test)
    s = xp.where(s > 1e-13 * n * top, s, 0.0)
    kappa = effective_ridge(chosen, s, n * gamma / d, d)
    _regular(chosen, s, kappa, gamma, d)
    R = xp.linalg.inv(K + kappa * identity(chosen, n, K))
    KR = K @ R
    df1, df2 = _trace(xp, KR), xp.sum(KR * KR.mT)
    fit = R @ y
    energy = xp.sum(fit * (K @ fit))
    gain = xp.sum(R * KR.mT) / d / (1 - df2 / d)
    train = kappa**2 / n * (gain * energy + xp.sum(fit * fit))
    trace = xp.sum(test) if test.ndim == 1 else _trace(xp, test)
    solved = R @ cross
    spread = trace - xp.sum(cross * solved) - kappa * xp.sum(solved * solved)
    miss = z - cross.mT @ fit
    risk = (xp.sum(miss * miss) + energy / d / (1 - df2 / d) * spread) / m
    return FeaturesRisk(train, risk, kappa, df1, df2)


def _checked(backend: Backend, K: Array, cross: Array, test: Array, *rest: Array) -> None:
    y, z, d, gamma = rest
    shaped("y", y, (None,))
    shaped("y_test", z, (None,))
    n, m = y.shape[0], z.shape[0]
    shaped("K", K, (n, n))
    shaped("K_cross", cross, (n, m))
    shaped("K_test", test, (m,) if test.ndim == 1 else (m, m))
    finite(backend, K=K, K_cross=cross, K_test=test, y=y, y_test=z)
    at_least(backend, 1.0, width=d)
    at_least(backend, 0.0, gamma=gamma)
    shaped("width", d, ())
    shaped("gamma", gamma, ())


def _check_kernels(backend: Backend, K: Array, cross: Array, test: Array) -> None:
    """Raise InvalidInput unless K is symmetric, and K_cross² ≤ K ⊗ K_test as for any kernel."""
    if not all(backend.is_concrete(backend.detach(each)) for each in (K, cross, test)):
        return
    own, between, other = (on_host(backend, each) for each in (K, cross, test))
    size = np.abs(own).max(initial=0.0)
    if not np.allclose(own, own.T, rtol=0, atol=5e-3 * size):
        raise InvalidInput(
            "K is not symmetric; expected kernel(activation, X). Write K=(K + K.T) / 2."
        )
    across = np.outer(np.diag(own), other if other.ndim == 1 else np.diag(other))
    if (between**2 > across + 5e-3 * np.abs(across).max(initial=0.0) + 1e-300).any():
        raise InvalidInput(
            "K_cross exceeds √(K K_test) in an entry, as no kernel does; expected K_cross = "
            "kernel(activation, X, X_test) and K_test of the same activation."
        )


def _regular(backend: Backend, s: Array, kappa: Array, gamma: Array, d: Array) -> None:
    """Raise where the ridgeless limit does not exist."""
    xp = backend.xp
    if not backend.is_concrete(backend.detach(kappa)) or float(backend.detach(gamma)) > 0:
        return
    s = backend.detach(s)
    rank, width = int(xp.sum(s > 0)), float(backend.detach(d))
    if width == rank or (width > rank and rank < s.shape[-1]):
        raise InvalidInput(
            f"gamma is 0, width is {width:g} and K has rank {rank} of {s.shape[-1]}; expected a "
            "width other than the rank, and a regular K: the risk is infinite or undefined here. "
            "Write gamma=1e-6."
        )


def _trace(xp: Any, M: Array) -> Array:
    return xp.sum(xp.linalg.diagonal(M), axis=-1)
