"""Functions of singular values: spectral maps, functions of symmetric matrices, norms and ranks."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from eigcore.api.inputs import check_values, prepared
from eigcore.api.names import function_of, functional_of
from eigcore.core.arrays import Array
from eigcore.core.packing import Whole
from eigcore.core.singular import MapRule
from eigcore.core.values import ValueRule
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput

Name = str | tuple[Callable[[Array], Array], Callable[[Array], Array]]
"""The name of a function, or a pair of functions of arrays: itself and its derivative."""
Make = Callable[[tuple[int, int], Name, dict[str, Any]], Any]
"""From the sizes (m, n) of matrices, a function and its parameters to the rule."""


def spectral_map(
    X: Array, f: Name, backend: str | Backend | None = None, **parameters: Any
) -> Array:
    """Return F(X) = U diag(f(σ)) Vᵀ of matrices X = U diag(σ) Vᵀ.

    Parameters
    ----------
    X : (..., m, n) array
    f : str or pair of functions
        "clip" (`c`), "soft_clip" (`c`), "soft_threshold" (`tau`), "polar", "power" (`p`), "pinv"
        (`rtol`), "truncate" (`rank` or `energy`), "shrink" (`noise`): see docs/spectral-maps.md. A
        pair (f, f′) holds functions of arrays of non-negative numbers, with f(0) = 0.
    backend : str or Backend, optional
        Default: the library of the array, else the default backend.
    **parameters
        The numbers that f takes.

    Returns
    -------
    (..., m, n) array
        Of the library and dtype of X; 16-bit floats are computed in float32. Differentiable in
        torch and JAX, with `eigcore.vjp` and `eigcore.jvp` everywhere (Daleckii & Krein 1965), also
        at equal singular values and at zero; there, "polar", "pinv" and powers below one have the
        derivative along matrices of the same rank. Second derivatives raise `NotDifferentiable`.

    Raises
    ------
    InvalidInput
        An unknown function or parameter, a wrong shape or dtype.
    NonFiniteInput
        If matrices are NaN or infinite, in eager calls; compiled functions return NaN there.
    """
    return _called(map_rule, X, f, backend, parameters)


def matrix_function(
    A: Array, f: Name, backend: str | Backend | None = None, **parameters: Any
) -> Array:
    """Return f(A) = V diag(f(λ)) Vᵀ of symmetric matrices A = V diag(λ) Vᵀ.

    Parameters
    ----------
    A : (..., d, d) array
        The symmetric part (A + Aᵀ)/2 is used.
    f : str or pair of functions
        As for `spectral_map`, except "shrink"; also "exp", "log" and "positive", which is
        max(λ, 0). The functions of `spectral_map` are odd: "polar" is the sign, "power"
        sign(λ)·|λ|^p. A pair (f, f′) holds functions of arrays of any numbers.
    backend : str or Backend, optional
    **parameters
        The numbers that f takes.

    Returns
    -------
    (..., d, d) array
        Symmetric, differentiable as `spectral_map` is.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `spectral_map`, or for "log" of a matrix that is not positive definite.
    """
    return _called(matrix_rule, A, f, backend, parameters)


def spectral_value(
    X: Array, phi: Name, backend: str | Backend | None = None, **parameters: Any
) -> Array:
    """Return φ(σ) of the singular values of matrices.

    Parameters
    ----------
    X : (..., m, n) array
    phi : str or pair of functions
        "nuclear", "spectral", "ky_fan" (`k`), "schatten" (`p`), "log_det" (Σ log σ, half of
        log det XᵀX, −∞ for a singular X), "entropy_rank" (exp −Σ p log p, p = σ/Σσ) or
        "stable_rank" (‖X‖_F²/‖X‖₂²). A pair (φ, ∂φ/∂σ) holds functions of arrays (..., min(m, n))
        of ascending numbers; the first returns (...), the second the same shape.
    backend : str or Backend, optional
    **parameters
        The number that φ takes.

    Returns
    -------
    (...) array
        Differentiable as `spectral_map` is; the gradient is U diag(∂φ/∂σ) Vᵀ, and at a kink the
        element of least norm: the average of ∂φ/∂σ over equal singular values, 0 for σ = 0.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `spectral_map`.
    """
    return _called(value_rule, X, phi, backend, parameters)


def _called(
    make: Make,
    X: Array,
    f: Name,
    backend: str | Backend | None,
    parameters: dict[str, Any],
) -> Array:
    chosen, (X,), restore = prepared(backend, X)
    values = on(chosen, _values, rule(chosen, make, X, f, parameters), X)
    check(chosen, values, X)
    return restore(values)


def rule(backend: Backend, make: Make, X: Array, f: Name, parameters: dict[str, Any]) -> Any:
    """Return the rule of a function, from the cache if it has a name: most calls repeat it."""
    # under a compiler, bypass the cache: it would add guards on its content
    if isinstance(f, str) and backend.is_concrete(X):
        with contextlib.suppress(TypeError):  # a parameter that is no number may have no hash
            return _known_rule(make, _sizes(X), f, **parameters)
    return make(_sizes(X), f, parameters)


@lru_cache(maxsize=1024, typed=True)
def _known_rule(make: Make, sizes: tuple[int, int], f: str, /, **parameters: Any) -> Any:
    return make(sizes, f, parameters)


def on(backend: Backend, function: Callable[..., Any], rule: Any, X: Array) -> Any:
    """Call a function of a rule; with functions of the caller not on NumPy, and not compiled."""
    return backend.call(function, (rule,), X) if rule.portable else function(backend, rule, X)


def _values(backend: Backend, rule: Any, X: Array) -> Array:
    if not backend.capabilities.autodiff:
        return rule.value(backend, X)
    return backend.differentiable(rule)(X)


def check(backend: Backend, values: Array, X: Array) -> None:
    """Raise if a result is not finite because matrices are not, or because f has no value there."""
    if backend.all_finite(values) or not backend.is_concrete(values):
        return
    finite = backend.xp.isfinite(X)
    seen = backend.xp.where(finite, backend.xp.astype(finite, X.dtype), math.nan)
    check_values(backend, seen, "X", X, 2)
    host = backend.to_numpy(values)
    if (host != host).any():
        raise InvalidInput(
            "The function is not a number at some of the singular values or eigenvalues; expected "
            'numbers in its domain. Use "positive" first where they must not be negative, or '
            "another function."
        )


def map_rule(sizes: tuple[int, int], f: Name, parameters: dict[str, Any]) -> MapRule:
    """Return the rule of `spectral_map`."""
    return MapRule(Whole(*sizes), function_of(f, parameters, sizes, symmetric=False))


def matrix_rule(sizes: tuple[int, int], f: Name, parameters: dict[str, Any]) -> MapRule:
    """Return the rule of `matrix_function`."""
    m, n = sizes
    if m != n:
        raise InvalidInput(
            f"The matrices have shape {sizes}; expected (..., d, d). Type: spectral_map(A, f)"
        )
    return MapRule(Whole(m, n, True), function_of(f, parameters, sizes, symmetric=True))


def value_rule(sizes: tuple[int, int], phi: Name, parameters: dict[str, Any]) -> ValueRule:
    """Return the rule of `spectral_value`."""
    return ValueRule(Whole(*sizes), functional_of(phi, parameters, min(sizes)))


def _sizes(X: Array) -> tuple[int, int]:
    if X.ndim < 2 or 0 in X.shape[-2:]:
        raise InvalidInput(
            f"The matrices have shape {tuple(X.shape)}; expected (..., m, n), m and n at least 1. "
            "Type X[None, :] for one row."
        )
    return X.shape[-2], X.shape[-1]
