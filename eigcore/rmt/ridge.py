"""Ridge regression in high dimension: train and test risk, and the best ridge."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.arguments import at_least
from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.inputs import check_scale, numbers, on_host


class RidgeRisk(NamedTuple):
    """What ridge regression will do, as arrays (...).

    Attributes
    ----------
    test : mean squared error of a new observation, noise included
    train : mean squared error of the fitted observations
    kappa : effective ridge κ
    df1, df2 : tr C(C + κ)⁻¹ and tr C²(C + κ)⁻², degrees of freedom
    gcv : what generalised cross-validation estimates, train / (1 − df1/n)²; it equals `test`
    """

    test: Array
    train: Array
    kappa: Array
    df1: Array
    df2: Array
    gcv: Array


class BestRidge(NamedTuple):
    """The ridge of least test risk, a 0-dimensional array, and the `RidgeRisk` there."""

    gamma: Array
    risk: RidgeRisk


def _shares(backend: Backend, s: Array, kappa: Array) -> Array:
    """s/(s + κ) for eigenvalues s (..., p) and κ (...), 0 where s is 0: (..., p)."""
    xp = backend.xp
    positive = s > 0
    return xp.where(positive, s / xp.where(positive, s + kappa[..., None], 1.0), 0.0)


def effective_ridge(backend: Backend, s: Array, gamma: Array, n: Array) -> Array:
    """Return κ ≥ 0 with γ = κ (1 − df1(κ)/n), for eigenvalues (..., p), γ and n (...): (...).

    γ = 0 gives the ridgeless limit: 0 if at most n eigenvalues are positive, else df1(κ) = n.
    The right side is convex in κ, so Newton's iteration from above is global.
    """
    xp = backend.xp

    def step(kappa: Array, s: Array, gamma: Array, n: Array) -> Array:
        return gamma + kappa * xp.sum(_shares(backend, s, kappa), axis=-1) / n

    def slope(kappa: Array, s: Array, gamma: Array, n: Array) -> Array:
        return xp.sum(_shares(backend, s, kappa) ** 2, axis=-1) / n

    def solved(start: Array, unit: Array, *given: Array) -> Array:
        s, gamma, n = given
        scaled = (s / unit[..., None], gamma / unit, n + 0 * unit)
        rest = {"slope": slope, "inside": lambda k: k >= 0, "what": "effective ridge"}
        return unit * fixed_point(backend, step, start / unit, scaled, **rest)

    fixed = tuple(map(backend.detach, (s, gamma, n)))
    unit = xp.sum(fixed[0], axis=-1) / fixed[2]
    start = unit + fixed[1]
    unit = xp.where(start > 0, start, 1.0)
    rough = solved(start, unit, *fixed)
    # once more in units of κ itself, which may be many orders of magnitude smaller
    return solved(rough, xp.where(rough > 1e-30 * unit, rough, unit), s, gamma, n)


def ridge_risk(
    eigenvalues: Any,
    beta_squared: Any,
    sigma_squared: Any,
    gamma: Any,
    n: Any,
    backend: str | Backend | None = None,
) -> RidgeRisk:
    """Return train and test risk of ridge regression on n observations in dimension p.

    The model is y = xᵀβ + ε with rows x of covariance C; β̂ = (XᵀX/n + γ)⁻¹ Xᵀy/n.

    Parameters
    ----------
    eigenvalues : (..., p) array
        Of C, at least 0.
    beta_squared : (..., p) array
        Squared coefficients of β along the eigenvectors of C.
    sigma_squared : (...) array or float
        Variance of the noise ε.
    gamma : (...) array or float
        Ridge, at least 0; 0 is the limit of least norm.
    n : (...) array or int
        Number of observations. An array gives a learning curve.
    backend : str or Backend, optional

    Returns
    -------
    RidgeRisk
        Differentiable in torch and JAX. At γ = 0 and n equal to the number of positive
        eigenvalues the test risk is infinite, the peak of double descent; without noise it is 0.

    Raises
    ------
    InvalidInput
        If a number is negative or n is not positive.

    Notes
    -----
    test = (κ² βᵀC(C + κ)⁻²β + σ²) / (1 − df2/n), train = (γ/κ)² test. Hastie, Montanari, Rosset &
    Tibshirani, Annals of Statistics 50 (2022).

    Examples
    --------
    >>> risk = ridge_risk([1.0] * 150, [1 / 150] * 150, 0.5, 0.1, 300)
    >>> print(risk.test.round(5), risk.train.round(5))
    0.81904 0.27001
    """
    chosen, (s, b, noise, gamma, n) = numbers(
        backend, eigenvalues, beta_squared, sigma_squared, gamma, n
    )
    at_least(chosen, 0.0, eigenvalues=s, beta_squared=b, sigma_squared=noise, gamma=gamma)
    at_least(chosen, 1.0, n=n)
    if chosen.is_concrete(s):
        check_scale("eigenvalues", on_host(chosen, s))
    if s.ndim < 1 or b.ndim < 1 or s.shape[-1] != b.shape[-1]:
        raise InvalidInput(
            f"eigenvalues and beta_squared have shapes {tuple(s.shape)} and {tuple(b.shape)}; "
            "expected (..., p) for both. Write beta_squared=(eigenvectors.T @ beta) ** 2."
        )
    kappa = effective_ridge(chosen, s, gamma, n)
    return _risk(chosen, s, b, noise, gamma, n, kappa)


def _risk(
    backend: Backend, s: Array, b: Array, noise: Array, gamma: Array, n: Array, kappa: Array
) -> RidgeRisk:
    xp = backend.xp
    shares = _shares(backend, s, kappa)
    df1, df2 = xp.sum(shares, axis=-1), xp.sum(shares**2, axis=-1)
    bias = xp.sum(s * b * (1 - shares) ** 2, axis=-1)
    rank = xp.sum(xp.where(s > 0, 1.0, 0.0), axis=-1)
    peak = (gamma == 0) & (rank == n)
    left = xp.where(peak, 1.0, 1 - df2 / n)
    # next to the peak κ → 0, where the bias is κ² and 1 − df2/n is κ: without noise nothing is left
    at_peak = xp.where(noise > 0, float("inf"), 0.0)
    test = xp.where(peak, at_peak, (bias + noise) / left)
    shrink = xp.where((gamma == 0) & (rank >= n), 0.0, 1 - df1 / n)
    train = xp.where(peak, 0.0, shrink**2 * (bias + noise) / left)
    gcv = xp.where(shrink > 0, train / xp.where(shrink > 0, shrink, 1.0) ** 2, test)
    return RidgeRisk(test, train, kappa, df1, df2, gcv)


def best_ridge(
    eigenvalues: Any,
    beta_squared: Any,
    sigma_squared: Any,
    n: Any,
    backend: str | Backend | None = None,
) -> BestRidge:
    """Return the ridge γ ≥ 0 of least predicted test risk, for one problem.

    Parameters
    ----------
    eigenvalues, beta_squared : (p,) arrays
    sigma_squared, n : float or 0-dimensional array
    backend
        All as for `ridge_risk`.

    Returns
    -------
    BestRidge
        ``gamma`` and the ``risk`` there, differentiable in torch and JAX. For C = I the ridge is
        σ²p/(n‖β‖²).

    Raises
    ------
    InvalidInput
        As for `ridge_risk`, or if no coefficient is seen: then the larger the ridge, the better.

    Examples
    --------
    >>> print(best_ridge([1.0] * 150, [1 / 150] * 150, 0.5, 300).gamma.round(6))
    0.25
    """
    start = ridge_risk(eigenvalues, beta_squared, sigma_squared, 0.0, n, backend)
    chosen, (s, b, noise, n) = numbers(backend, eigenvalues, beta_squared, sigma_squared, n)
    if start.kappa.shape != () or s.ndim != 1:
        raise InvalidInput(
            f"eigenvalues has shape {tuple(s.shape)}; expected one problem: (p,), and numbers for "
            "sigma_squared and n. Call best_ridge once for each problem."
        )
    first = _search(chosen, s, b, noise, n, start)
    if first is None:
        return BestRidge(0 * start.kappa, start)
    xp = chosen.xp

    def step(kappa: Array, s: Array, b: Array, noise: Array, n: Array) -> Array:
        # the derivative of (κ² βᵀC(C + κ)⁻²β + σ²)/(1 − df2/n) vanishes there
        size = s + kappa[..., None]
        cube = s**2 / size**3
        top = kappa**2 * xp.sum(s * b / size**2, axis=-1) + noise
        left = n - xp.sum((s / size) ** 2, axis=-1)
        return top * xp.sum(cube, axis=-1) / (left * xp.sum(b * cube, axis=-1))

    unit = float(first)
    kappa = unit * fixed_point(
        chosen,
        lambda k, *rest: step(unit * k, *rest) / unit,
        chosen.asarray(1.0, like=s),
        (s, b, noise, n),
        inside=lambda k: abs(k - 1) < 0.5,
        what="best ridge",
    )
    gamma = kappa * (1 - xp.sum(_shares(chosen, s, kappa), axis=-1) / n)
    return BestRidge(gamma, _risk(chosen, s, b, noise, gamma, n, kappa))


def _search(
    backend: Backend, s: Array, b: Array, noise: Array, n: Array, start: RidgeRisk
) -> float | None:
    """Return the best κ of a grid, None for κ of the ridge 0."""
    least, risk = (float(on_host(backend, a)) for a in (start.kappa, start.test))
    s, b, noise, n = (on_host(backend, a) for a in (s, b, noise, n))
    if not (s * b > 0).any():
        raise InvalidInput(
            "beta_squared is zero wherever eigenvalues are positive; expected a signal, since "
            "without one a larger ridge is always better. Predict with the mean instead."
        )
    unit = s.sum() / n
    grid = least + unit * np.geomspace(1e-8, 1e8, 641)
    size = s + grid[:, None]
    left = 1 - ((s / size) ** 2).sum(-1) / n
    risks = (grid**2 * (s * b / size**2).sum(-1) + noise) / left
    return None if risk <= risks.min() else float(grid[risks.argmin()])


def scaling_exponent(sizes: Any, risks: Any, backend: str | Backend | None = None) -> Array:
    """Return the exponent a of the scaling law risk ∝ size⁻ᵃ, by least squares of the logarithms.

    Parameters
    ----------
    sizes : (k,) array
        Numbers of observations or features, positive, at least two different ones.
    risks : (..., k) array
        Positive risks, such as those of `ridge_risk` with an array n, less their limit.
    backend : str or Backend, optional

    Returns
    -------
    (...) array

    Raises
    ------
    InvalidInput
        If a number is not positive, or the shapes differ.
    """
    chosen, (sizes, risks) = numbers(backend, sizes, risks)
    at_least(chosen, 1e-300, sizes=sizes, risks=risks)
    if sizes.ndim != 1 or sizes.shape[0] < 2 or risks.shape[-1:] != sizes.shape:
        raise InvalidInput(
            f"sizes and risks have shapes {tuple(sizes.shape)} and {tuple(risks.shape)}; expected "
            "(k,) and (..., k) with k of at least 2."
        )
    x = chosen.xp.log(sizes)
    x = x - chosen.xp.mean(x)
    return -(chosen.xp.log(risks) @ x) / chosen.xp.sum(x * x)
