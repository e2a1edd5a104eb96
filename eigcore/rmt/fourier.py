"""Regression on random Fourier features: cosines and sines of the same random projections."""

from __future__ import annotations

from typing import Any, NamedTuple

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.arguments import at_least, finite, identity, shaped
from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.inputs import numbers
from eigcore.rmt.kernels import kernel


class FourierRisk(NamedTuple):
    """Risks of regression on random Fourier features.

    Attributes
    ----------
    train, test : 0-dimensional arrays, mean squared errors on the given targets
    delta : (2,) array, the fixed point (δ_cos, δ_sin); for γ = 0 and 2 width < n the limit of γδ
    """

    train: Array
    test: Array
    delta: Array


def random_fourier_risk(
    X: Any,
    X_test: Any,
    y: Any,
    y_test: Any,
    width: Any,
    gamma: Any,
    backend: str | Backend | None = None,
) -> FourierRisk:
    """Return train and test risk of ridge regression on random Fourier features.

    The features are cos(XWᵀ) and sin(XWᵀ) with `width` standard normal rows in W, so their kernel
    is exp(−‖x − y‖²/2); β minimises ‖y − Φβ‖²/n + γ‖β‖². The average is over W.

    Parameters
    ----------
    X, X_test : (n, p) and (m, p) arrays
        One sample per row. Divide them by a length to choose the width of the kernel.
    y, y_test : (n,) and (m,) arrays
        Targets.
    width : int or float
        Number of cosines, and of sines.
    gamma : float
        Ridge; 0 is the limit of least norm.
    backend : str or Backend, optional

    Returns
    -------
    FourierRisk
        Differentiable in torch and JAX.

    Raises
    ------
    InvalidInput
        If shapes differ, a number is out of range, or gamma is 0 at the peak 2 width = n.

    Notes
    -----
    Liao, Couillet & Mahoney, *A random matrix analysis of random Fourier features*, NeurIPS 2020.
    """
    chosen, (X, Z, y, z, d, gamma) = numbers(backend, X, X_test, y, y_test, width, gamma)
    shaped("y", y, (None,))
    shaped("y_test", z, (None,))
    shaped("X", X, (y.shape[0], None))
    shaped("X_test", Z, (z.shape[0], X.shape[1]))
    finite(chosen, X=X, X_test=Z, y=y, y_test=z)
    at_least(chosen, 1.0, width=d)
    at_least(chosen, 0.0, gamma=gamma)
    pairs = [(kernel(f, X), kernel(f, X, Z)) for f in ("cos", "sin")]
    trace = [chosen.xp.sum(_own(chosen, f, Z)) for f in ("cos", "sin")]
    K, cross = zip(*pairs, strict=True)
    return grouped_risk(chosen, K, cross, trace, y, z, d, gamma)


def _own(backend: Backend, name: str, Z: Array) -> Array:
    """Return E φ(wᵀz)² for each row z: (m,)."""
    a = backend.xp.sum(Z * Z, axis=-1)
    decay = backend.xp.exp(-2 * a)
    return (1 + decay) / 2 if name == "cos" else (1 - decay) / 2


def grouped_risk(
    backend: Backend,
    K: tuple[Array, ...],
    cross: tuple[Array, ...],
    trace: list[Array],
    y: Array,
    z: Array,
    d: Array,
    gamma: Array,
) -> FourierRisk:
    """Return the risks for groups of d features each, with kernels K that do not interact.

    K : of the training inputs, (n, n) each;  cross : with the test inputs, (n, m) each
    trace : traces of the kernels of the test inputs
    """
    xp, n, m = backend.xp, y.shape[0], z.shape[0]
    one, gamma, start = _regime(backend, K, d, gamma)
    delta = _delta(backend, K, d, gamma, one, start)
    risen = one + delta
    Q = _mean_resolvent(backend, risen, d, gamma, *K)
    KQ = [k @ Q for k in K]
    fit = Q @ y
    energy = xp.stack([xp.sum(fit * (k @ fit)) for k in K])
    weight = 1 / risen**2
    pairs = xp.stack([xp.stack([xp.sum(a * b.mT) for b in KQ]) for a in KQ])
    left = identity(backend, len(K), y) - d / n**2 * pairs * weight
    gained = xp.linalg.solve(left, energy[:, None])[:, 0]
    lost = xp.stack([xp.sum(Q * a.mT) for a in KQ])
    train = gamma**2 / n * (xp.sum(fit * fit) + d / n**2 * xp.sum(lost * weight * gained))
    mixed = 0 * cross[0]
    for i, c in enumerate(cross):
        mixed = mixed + c / risen[i]
    solved = Q @ mixed
    spread = xp.stack(
        [
            t / d + d / n**2 * xp.sum(solved * (k @ solved)) - 2 / n * xp.sum(solved * c)
            for k, c, t in zip(K, cross, trace, strict=True)
        ]
    )
    miss = z - d / n * mixed.mT @ fit
    test = (xp.sum(miss * miss) + (d / n) ** 2 * xp.sum(spread * weight * gained)) / m
    return FourierRisk(train, test, delta)


def _regime(
    backend: Backend, K: tuple[Array, ...], d: Array, gamma: Array
) -> tuple[float, Array, Array]:
    """Return what is added to δ, the ridge, and an initial δ: (1, γ, …).

    As γ → 0 with fewer features than rows, γδ → θ: then (0, 1, …), as the risks stay the same if
    1 + δ and γ are multiplied by one number (rmt-reference.md, section 3).
    """
    xp, n, count = backend.xp, K[0].shape[0], len(K)
    size = xp.stack([xp.sum(xp.linalg.diagonal(k)) for k in K]) / n
    if not (backend.is_concrete(gamma) and backend.is_concrete(d)):
        return 1.0, gamma, size / gamma
    features, ridge = count * float(backend.detach(d)), float(backend.detach(gamma))
    limit = 0.0 * size + n / max(features - n, 1e-9 * n)
    if ridge > 0:
        return 1.0, gamma, xp.minimum(size / gamma, limit) if features > n else size / gamma
    if features == n:
        raise InvalidInput(
            f"gamma is 0 and there are {n} rows and as many cosines and sines, where the risk is "
            "infinite. Write gamma=1e-6, or another width."
        )
    if features < n:
        return 0.0, 1.0 + gamma, size
    return 1.0, gamma, limit


def _mean_resolvent(backend: Backend, risen: Array, d: Array, gamma: Array, *K: Array) -> Array:
    n = K[0].shape[0]
    total = gamma * identity(backend, n, risen)
    for i, k in enumerate(K):
        total = total + d / n * k / risen[i]
    return backend.xp.linalg.inv(total)


def _delta(
    backend: Backend, K: tuple[Array, ...], d: Array, gamma: Array, one: float, start: Array
) -> Array:
    """Solve δ_σ = tr K_σ Q̄ / n: (number of groups,)."""
    xp, n = backend.xp, K[0].shape[0]

    def step(delta: Array, d: Array, gamma: Array, *K: Array) -> Array:
        Q = _mean_resolvent(backend, one + delta, d, gamma, *K)
        return xp.stack([xp.sum(k * Q.mT) for k in K]) / n

    def slope(delta: Array, d: Array, gamma: Array, *K: Array) -> Array:
        Q = _mean_resolvent(backend, one + delta, d, gamma, *K)
        KQ = [k @ Q for k in K]
        pairs = xp.stack([xp.stack([xp.sum(a * b.mT) for b in KQ]) for a in KQ])
        return d / n**2 * pairs / (one + delta) ** 2

    return fixed_point(
        backend,
        step,
        start,
        (d, gamma, *K),
        slope=slope,
        system=True,
        inside=lambda delta: delta > 0,
        what="pair of δ",
    )
