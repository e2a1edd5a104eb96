"""Values and derivatives of eigenvalue models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eigcore.api import derivatives
from eigcore.api.inputs import check_values, evaluated, following, prepared
from eigcore.core import rules
from eigcore.core.arrays import Array
from eigcore.core.rules import Rule
from eigcore.core.sources import Matrices, Pencil
from eigcore.core.spec import EigSpec
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput


def evaluate(
    spec: EigSpec,
    params: Array,
    x: Array,
    backend: str | Backend | None = None,
    nonfinite: str = "raise",
) -> Array:
    """Return the values of an eigenvalue model.

    f(x) = φ(λ(A₀ + Σ xᵢ Aᵢ)); differentiable in `params` and `x` where the backend is.

    Parameters
    ----------
    spec : EigSpec
    params : (m, n + 1, K) array
        Packed matrices, row 0 is A₀: shape ``spec.params_shape``.
    x : (..., n) array
        Inputs. float64 and float32 are not converted, float16 and bfloat16 are computed in float32,
        and integers become float64. Lists and numbers follow the arrays beside them, else they
        become float64. In JAX without x64 float32 stands for the float64 of integers and lists.
    backend : str or Backend, optional
        Default: the library of the arrays, else the default backend.
    nonfinite : {"raise", "propagate"}
        Whether rows that are NaN or infinite are an error in eager calls. Otherwise, and in
        compiled functions, such rows give NaN, and so do their derivatives.

    Returns
    -------
    (...) array, or (..., m) if m > 1, of the library and dtype of the inputs.

    Raises
    ------
    InvalidInput
        For a wrong shape, for arrays of two libraries or float types, or for a float64 array that
        the library would shorten, as JAX without x64 does.
    NonFiniteInput
        If rows are NaN or infinite, in eager calls; see `nonfinite`.
    """
    chosen, (params, x), restore = prepared(backend, params, x)
    _check_shapes(spec, params, x)
    source = Pencil(params, x)
    return restore(evaluated(chosen, rules.rule_of(spec), source, "x and params", nonfinite))


def evaluate_packed(spec: EigSpec, p: Array, nonfinite: str = "raise") -> Array:
    """Return φ(λ(M)) of packed matrices.

    Parameters
    ----------
    spec : EigSpec
        Its `features` and `outputs` are not used.
    p : (..., K) array
        Packed like the rows of parameters, K = ``spec.packed_size``.
    nonfinite : {"raise", "propagate"}
        As for `evaluate`.

    Returns
    -------
    (...) array, differentiable as `evaluate` is.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `evaluate`.
    """
    chosen, (p,), restore = prepared(None, p)
    if p.ndim == 0 or p.shape[-1] != spec.packed_size:
        raise InvalidInput(f"p should have shape (..., {spec.packed_size}); got {tuple(p.shape)}.")
    rule = rules.rule_of(spec)
    return restore(evaluated(chosen, rule, Matrices(p), "packed matrices", nonfinite))


def vjp(
    spec: Any, params: Array, x: Any = None, backend: str | Backend | None = None, **parameters: Any
) -> tuple[Array, Callable[[Array], Any]]:
    """Return the values of a model, or a function of matrices, and their pullback, on any backend.

    ``vjp(spec, params, x)`` is of a model, ``vjp(eigcore.spectral_map, X, "clip", c=1.0)`` and
    ``vjp(eigcore.kth_eigenvalue, M, k)`` of functions.

    Parameters
    ----------
    spec, params, x, backend
        As for `evaluate`. Or `spec` is `spectral_map`, `matrix_function`, `spectral_value`,
        `eigenvalues`, `kth_eigenvalue`, `smooth_kth_eigenvalue`, `kth_eigenvalue_tridiagonal` or
        `dynamics.eigenvalues`, and the others are its arguments; matrices are real.
    **parameters
        Arguments of the function by name, such as ``c=1.0``, or ``lo=0, hi=2`` of `eigenvalues`.

    Returns
    -------
    values : (...) or (..., m) array
    pullback : callable
        Takes a cotangent g of the shape of `values`; returns (d_params, d_x) of the shapes of
        `params` and `x`, d_X of the shape of the matrices, or (d_diag, d_off). For complex values
        the gradient is that of Re Σ conj(g) λ.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `evaluate`.
    """
    if not isinstance(spec, EigSpec):
        given = (params, x) if x is not None else (params,)
        return derivatives.vjp(spec, given, backend, parameters)
    chosen, (params, x), restore = prepared(backend, params, x)
    _check_shapes(spec, params, x)
    params, x = chosen.detach(params), chosen.detach(x)
    values, pull = _values_and_pullback(chosen, rules.rule_of(spec), params, x)
    check_values(chosen, values, "x and params", x)

    def pullback(g: Array) -> tuple[Array, Array]:
        g = chosen.detach(following(chosen, g, values))
        if tuple(g.shape) != tuple(values.shape):
            raise InvalidInput(
                f"The cotangent should have the shape {tuple(values.shape)} of the values; got "
                f"{tuple(g.shape)}. Write numpy.ones(values.shape) for the gradient of their sum."
            )
        d_params, d_x = pull(g)
        return restore(d_params), restore(d_x)

    return restore(values), pullback


def jvp(
    spec: Any,
    params: Array,
    x: Any,
    d_params: Array = None,
    d_x: Array = None,
    backend: str | Backend | None = None,
    **parameters: Any,
) -> tuple[Array, Array]:
    """Return the values of a model, or a function of matrices, and their directional derivative.

    ``jvp(spec, params, x, d_params, d_x)`` is of a model,
    ``jvp(eigcore.spectral_map, X, "clip", d_X, c=1.0)`` and
    ``jvp(eigcore.kth_eigenvalue, M, k, d_M)`` of functions.

    Parameters
    ----------
    spec, params, x, backend, **parameters
        As for `vjp`.
    d_params, d_x : arrays of the shapes of `params` and `x`
        The direction of the derivative; that of a function follows its arguments, like
        ``jvp(eigcore.eigenvalues, M, d_M, lo=1)``.

    Returns
    -------
    values, tangents : (...) or (..., m) arrays

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `evaluate`.
    """
    if not isinstance(spec, EigSpec):
        given = [params, x, d_params, d_x]
        while given[-1] is None:
            given.pop()
        return derivatives.jvp(spec, tuple(given), backend, parameters)
    chosen, arrays, restore = prepared(backend, params, x, d_params, d_x)
    _check_shapes(spec, *arrays[:2])
    params, x, d_params, d_x = map(chosen.detach, arrays)
    if tuple(d_params.shape) != tuple(params.shape) or tuple(d_x.shape) != tuple(x.shape):
        raise InvalidInput(
            f"d_params and d_x should have the shapes {tuple(params.shape)} and {tuple(x.shape)} "
            f"of params and x; got {tuple(d_params.shape)} and {tuple(d_x.shape)}."
        )
    found = chosen.call(_values_and_tangents, (rules.rule_of(spec),), params, x, d_params, d_x)
    check_values(chosen, found[0], "x and params", x)
    return restore(found[0]), restore(found[1])


def _values_and_gradient(
    backend: Backend, rule: Rule, params: Array, x: Array
) -> tuple[Array, Array]:
    return rule.value_and_gradient(backend, Pencil(params, x).assembled(backend))


def _values_and_tangents(
    backend: Backend, rule: Rule, params: Array, x: Array, d_params: Array, d_x: Array
) -> tuple[Array, Array]:
    values, gradient = _values_and_gradient(backend, rule, params, x)
    d_p = Pencil(params, x).tangent(backend, d_params, d_x)
    return values, rule.tangent(backend, gradient, d_p)


def _pulled_back(
    backend: Backend, rule: Rule, params: Array, x: Array, gradient: Array, g: Array
) -> tuple[Array, Array]:
    return Pencil(params, x).pulled_back(backend, rule.cotangent(backend, gradient, g))


def _values_and_pullback(
    backend: Backend, rule: Rule, params: Array, x: Array
) -> tuple[Array, Callable[[Array], tuple[Array, ...]]]:
    found = backend.kernel(rule, Pencil(params, x), "pullback")
    if found is not None and found.pullback is not None:
        return found.values, found.pullback
    values, gradient = backend.call(_values_and_gradient, (rule,), params, x)
    return values, lambda g: backend.call(_pulled_back, (rule,), params, x, gradient, g)


def _check_shapes(spec: EigSpec, params: Array, x: Array) -> None:
    if tuple(params.shape) != spec.params_shape:
        raise InvalidInput(
            f"params should have shape {spec.params_shape} (outputs, features + 1, K); "
            f"got {tuple(params.shape)}."
        )
    if x.ndim == 0 or x.shape[-1] != spec.features:
        raise InvalidInput(
            f"x should have trailing shape ({spec.features},); got {tuple(x.shape)}. "
            "The last axis holds the features."
        )
