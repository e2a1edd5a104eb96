"""The public functions: choose a backend, check the arrays, apply the rules."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from eigcore.core import packing, rules
from eigcore.core.arrays import Array
from eigcore.core.functionals import Smooth
from eigcore.core.rules import Rule
from eigcore.core.sources import Matrices, Pencil
from eigcore.core.spec import EigSpec
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput, NonFiniteInput

COMPUTED = ("float64", "float32")
"""dtypes that are computed as they are."""


def evaluate(spec: EigSpec, params: Array, x: Array, backend: str | Backend | None = None) -> Array:
    """Return the values of an eigenvalue model.

    f(x) = φ(λ(A₀ + Σ xᵢ Aᵢ)); differentiable in `params` and `x` where the backend is.

    Parameters
    ----------
    spec : EigSpec
    params : (m, n + 1, K) array
        Packed matrices, row 0 is A₀: shape ``spec.params_shape``.
    x : (..., n) array
        Inputs. float64 and float32 are computed as they are, float16 and bfloat16 in float32;
        integers become float64.
    backend : str or Backend, optional
        Default: the library of the arrays, else the default backend.

    Returns
    -------
    (...) array, or (..., m) if m > 1, of the library and dtype of the inputs.

    Raises
    ------
    InvalidInput
        On a wrong shape, or arrays of two libraries or float types.
    NonFiniteInput
        If rows are NaN or infinite, in eager calls; compiled functions return NaN there.
    """
    chosen, (params, x), restore = _prepare(backend, params, x)
    _check_shapes(spec, params, x)
    values = chosen.call(_values, (rules.rule_of(spec), Pencil), params, x)
    _check_values(chosen, values, "x and params", x)
    return restore(values)


def evaluate_packed(spec: EigSpec, p: Array) -> Array:
    """Return φ(λ(M)) of packed matrices, whatever they were assembled from.

    Parameters
    ----------
    spec : EigSpec
        Its `features` and `outputs` are not used.
    p : (..., K) array
        Packed as the rows of parameters are, K = ``spec.packed_size``.

    Returns
    -------
    (...) array, differentiable as `evaluate` is.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `evaluate`.
    """
    chosen, (p,), restore = _prepare(None, p)
    if p.ndim == 0 or p.shape[-1] != spec.packed_size:
        raise InvalidInput(f"p should have shape (..., {spec.packed_size}); got {tuple(p.shape)}.")
    return restore(_applied(chosen, rules.rule_of(spec), p, "packed matrices"))


def vjp(
    spec: EigSpec, params: Array, x: Array, backend: str | Backend | None = None
) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    """Return the values of a model and their pullback, on any backend.

    Parameters
    ----------
    spec, params, x, backend
        As for `evaluate`.

    Returns
    -------
    values : (...) or (..., m) array
    pullback : callable
        Takes a cotangent g of the shape of `values`; returns (d_params, d_x) of the shapes of
        `params` and `x`.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `evaluate`.
    """
    chosen, (params, x), restore = _prepare(backend, params, x)
    _check_shapes(spec, params, x)
    params, x = chosen.detach(params), chosen.detach(x)
    values, pull = _values_and_pullback(chosen, rules.rule_of(spec), params, x)
    _check_values(chosen, values, "x and params", x)

    def pullback(g: Array) -> tuple[Array, Array]:
        g = chosen.detach(chosen.asarray(g, like=values))
        if tuple(g.shape) != tuple(values.shape):
            raise InvalidInput(
                f"The cotangent should have the shape {tuple(values.shape)} of the values; got "
                f"{tuple(g.shape)}. Write numpy.ones(values.shape) for the gradient of their sum."
            )
        d_params, d_x = pull(g)
        return restore(d_params), restore(d_x)

    return restore(values), pullback


def jvp(
    spec: EigSpec,
    params: Array,
    x: Array,
    d_params: Array,
    d_x: Array,
    backend: str | Backend | None = None,
) -> tuple[Array, Array]:
    """Return the values of a model and their directional derivative.

    Parameters
    ----------
    spec, params, x, backend
        As for `evaluate`.
    d_params, d_x : arrays of the shapes of `params` and `x`
        Direction.

    Returns
    -------
    values, tangents : (...) or (..., m) arrays

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `evaluate`.
    """
    chosen, arrays, restore = _prepare(backend, params, x, d_params, d_x)
    _check_shapes(spec, *arrays[:2])
    params, x, d_params, d_x = map(chosen.detach, arrays)
    if tuple(d_params.shape) != tuple(params.shape) or tuple(d_x.shape) != tuple(x.shape):
        raise InvalidInput(
            f"d_params and d_x should have the shapes {tuple(params.shape)} and {tuple(x.shape)} "
            f"of params and x; got {tuple(d_params.shape)} and {tuple(d_x.shape)}."
        )
    rule = rules.rule_of(spec)
    values, gradient = chosen.call(_values_and_gradient, (rule,), params, x)
    _check_values(chosen, values, "x and params", x)
    d_p = Pencil(params, x).tangent(chosen, d_params, d_x)
    return restore(values), restore(rule.tangent(chosen, gradient, d_p))


def kth_eigenvalue(M: Array, k: int, backend: str | Backend | None = None) -> Array:
    """Return λ_k of symmetric matrices.

    Parameters
    ----------
    M : (..., d, d) array
        The symmetric part (M + Mᵀ)/2 is meant, so that v vᵀ is the gradient with respect to
        every entry.
    k : int
        Ascending from zero; negative from the top.
    backend : str or Backend, optional

    Returns
    -------
    (...) array
        Differentiable in torch and JAX. At a tie of m eigenvalues the gradient is P/m, P the
        projector on their eigenspace.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `evaluate`; k out of range.
    """
    chosen, (M,), restore = _prepare(backend, M)
    rule = _kth_rule(chosen, M, "square", _order(M), k)
    return restore(_applied(chosen, rule, M, "M"))


def smooth_kth_eigenvalue(
    M: Array, k: int, alpha: float, backend: str | Backend | None = None
) -> Array:
    """Return the Moreau-smoothed λ_k: the difference of the envelopes of two Ky Fan sums.

    Parameters
    ----------
    M, k, backend
        As for `kth_eigenvalue`.
    alpha : float
        α > 0. Equal to λ_k where its neighbours are at least α away; the gradient is
        (2/α)-Lipschitz.

    Returns
    -------
    (...) array

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `kth_eigenvalue`; α not positive.
    """
    chosen, (M,), restore = _prepare(backend, M)
    d = _order(M)
    if not isinstance(alpha, (int, float)) or not 0 < alpha < math.inf:
        raise InvalidInput(
            f"alpha is {alpha!r}; expected a positive finite number. Write alpha=0.1."
        )
    rule = Rule(packing.square(d), Smooth(d, (_index(k, d), float(alpha))))
    return restore(_applied(chosen, rule, M, "M"))


def kth_eigenvalue_tridiagonal(
    diag: Array, off: Array, k: int, backend: str | Backend | None = None
) -> Array:
    """Return λ_k of symmetric tridiagonal matrices.

    Parameters
    ----------
    diag : (..., d) array
    off : (..., d - 1) array
        Subdiagonal; leading axes as those of `diag`.
    k, backend
        As for `kth_eigenvalue`.

    Returns
    -------
    (...) array
        Differentiable: ∂λ/∂diag_i = v_i², ∂λ/∂off_i = 2 v_i v_{i+1}.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `kth_eigenvalue`.
    """
    chosen, (diag, off), restore = _prepare(backend, diag, off)
    d = diag.shape[-1] if diag.ndim else 0
    if d == 0 or tuple(off.shape) != (*diag.shape[:-1], d - 1):
        raise InvalidInput(
            f"diag and off have shapes {tuple(diag.shape)} and {tuple(off.shape)}; expected "
            "(..., d) and (..., d - 1) with equal leading axes and d >= 1."
        )
    p = chosen.xp.concat((diag, off), axis=-1)
    return restore(_applied(chosen, _kth_rule(chosen, p, "pair", d, k), p, "diag, off"))


def kth_eigenpair(M: Array, k: int, backend: str | Backend | None = None) -> tuple[Array, Array]:
    """Return λ_k of symmetric matrices and a unit eigenvector.

    Parameters
    ----------
    M, k, backend
        As for `kth_eigenvalue`.

    Returns
    -------
    values : (...) array
    vectors : (..., d) array, of arbitrary sign

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `kth_eigenvalue`.
    NotDifferentiable
        If a derivative is asked for: the sign of a vector is arbitrary. Use `kth_eigenvalue`,
        whose gradient is v vᵀ.
    """
    chosen, (M,), restore = _prepare(backend, M)
    rule = _kth_rule(chosen, M, "square", _order(M), k)
    values, vectors = chosen.call(_eigenpair, (rule,), M)
    _check_values(chosen, values, "M", M, core=2)
    return restore(values), restore(vectors)


# -- what a backend may compile: static arguments first, then arrays


def _values(backend: Backend, rule: Rule, source: type, *arrays: Array) -> Array:
    return backend.evaluate(rule, source(*arrays))


def _values_and_gradient(
    backend: Backend, rule: Rule, params: Array, x: Array
) -> tuple[Array, Array]:
    return rule.value_and_gradient(backend, Pencil(params, x).assembled(backend))


def _pulled_back(
    backend: Backend, rule: Rule, params: Array, x: Array, gradient: Array, g: Array
) -> tuple[Array, Array]:
    return Pencil(params, x).pulled_back(backend, rule.cotangent(gradient, g))


def _eigenpair(backend: Backend, rule: Rule, M: Array) -> tuple[Array, Array]:
    return backend.undifferentiable(lambda M: rule.eigenpair(backend, M))(M)


def _values_and_pullback(
    backend: Backend, rule: Rule, params: Array, x: Array
) -> tuple[Array, Callable[[Array], tuple[Array, ...]]]:
    found = backend.kernel(rule, Pencil(params, x), "pullback")
    if found is not None and found.pullback is not None:
        return found.values, found.pullback
    values, gradient = backend.call(_values_and_gradient, (rule,), params, x)
    return values, lambda g: backend.call(_pulled_back, (rule,), params, x, gradient, g)


def _applied(backend: Backend, rule: Rule, p: Array, what: str) -> Array:
    values = backend.call(_values, (rule, Matrices), p)
    _check_values(backend, values, what, p, len(rule.layout.core))
    return values


# -- checks


def _prepare(
    backend: str | Backend | None, *arrays: Any
) -> tuple[Backend, tuple[Array, ...], Callable[[Array], Array]]:
    """Choose the backend and bring the arrays into one computing dtype.

    Returns the backend, the arrays, and the function that restores the dtype of the result.
    """
    chosen = infer(*arrays, backend=backend)
    arrays = _converted(chosen, arrays)
    kinds = {chosen.dtype_name(a) for a in arrays}
    if len(kinds) > 1:
        raise InvalidInput(
            f"The arrays have dtypes {' and '.join(sorted(kinds))}; expected one of them. "
            "Convert one array, eigcore changes no dtype on its own."
        )
    [kind] = kinds
    if kind not in chosen.capabilities.dtypes:
        raise InvalidInput(
            f'dtype {kind} is not among those of backend "{chosen.name}": '
            f"{', '.join(chosen.capabilities.dtypes)}. Convert the arrays first."
        )
    if kind in COMPUTED:
        return chosen, arrays, _same
    return (
        chosen,
        tuple(chosen.asarray(a, dtype="float32") for a in arrays),
        lambda result: chosen.asarray(result, dtype=kind),
    )


def _same(result: Array) -> Array:
    return result


def _converted(backend: Backend, arrays: tuple[Any, ...]) -> tuple[Array, ...]:
    """Return arrays of floats: integers as float64, lists and numbers like the first array."""
    found, loose = [], []
    for place, a in enumerate(arrays):
        if hasattr(a, "dtype"):
            a = backend.asarray(a)
            name = backend.dtype_name(a)
            if "float" not in name:
                if "complex" in name:
                    raise InvalidInput(f"dtype is {name}; expected real numbers.")
                a = backend.asarray(a, dtype="float64")
        else:
            a = backend.asarray(a, dtype="float64")
            loose.append(place)
        found.append(a)
    if 0 < len(loose) < len(found):
        like = next(a for place, a in enumerate(found) if place not in loose)
        for place in loose:
            found[place] = backend.asarray(found[place], like=like)
    return tuple(found)


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


def _order(M: Array) -> int:
    shape = M.shape
    if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] == 0:
        raise InvalidInput(f"M should have shape (..., d, d) with d >= 1; got {tuple(shape)}.")
    return shape[-1]


def _kth_rule(backend: Backend, a: Array, kind: str, d: int, k: int) -> Rule:
    # a compiler that follows the call does without the cache, whose content it would guard on
    make = rules.kth_rule if backend.is_concrete(a) else rules.kth_rule.__wrapped__
    return make(kind, d, _index(k, d))


def _index(k: int, d: int) -> int:
    try:
        index = operator.index(k)
    except TypeError as exc:
        raise InvalidInput(f"k is {k!r}; expected an integer, {-d} <= k < {d}.") from exc
    if not -d <= index < d:
        raise InvalidInput(f"k is {k}; expected {-d} <= k < {d}, the order of the matrices.")
    return index % d


def _check_values(backend: Backend, values: Array, what: str, a: Array, core: int = 1) -> None:
    """Raise where an eager result shows that its input was not finite."""
    if backend.all_finite(values) or not backend.is_concrete(values):
        return
    host = backend.to_numpy(values)
    bad = (host != host).reshape(math.prod(a.shape[:-core]), -1).any(-1).nonzero()[0]
    if len(bad):
        raise NonFiniteInput(
            f"{what}: {len(bad)} of {math.prod(a.shape[:-core])} rows are NaN or infinite, the "
            f"first at index {bad[0]} (leading axes flattened). Expected finite numbers. "
            "Encode missing values (eigcore.Encoding) or drop these rows."
        )
