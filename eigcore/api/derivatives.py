"""Derivatives of the functions of matrices on every backend: `eigcore.vjp` and `eigcore.jvp`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eigcore.api import matrices, spectral
from eigcore.api.inputs import check_values, following, prepared
from eigcore.core import sources
from eigcore.core.arrays import Array
from eigcore.core.singular import Matrices
from eigcore.core.spectrum import Spectrum
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput


class Kind(NamedTuple):
    """A function of one array, or of two, and its rule.

    Parameters
    ----------
    call : str
        Its arguments, as people type them.
    rule : function
        From a backend, the arrays and a dict of options to the rule.
    second : str
        The option that may come after the arrays without its name; empty if there is none.
    arrays : int
    complex : bool
        Whether results are complex; the values of the rule are then pairs (..., 2) of parts.
    name : str
        Where it stands in `eigcore`, if not by its own name.
    """

    call: str
    rule: Callable[..., Any]
    second: str = ""
    arrays: int = 1
    complex: bool = False
    name: str = ""


class Work(NamedTuple):
    """A rule at p, a direction like p or None, and the ways back to what the caller passed."""

    backend: Backend
    rule: Any
    p: Array
    d_p: Array | None
    result: Callable[[Array], Array]
    cotangent: Callable[[Array], Any]
    kind: Kind


def vjp(
    function: Any, given: tuple[Any, ...], backend: str | Backend | None, options: dict[str, Any]
) -> tuple[Array, Callable[[Array], Any]]:
    """Return the result of a function of matrices and its pullback: `eigcore.vjp`."""
    work = _work("vjp", function, given, backend, options)
    chosen, (values, pull) = work.backend, _solved_with_pullback(work)
    shape = tuple(values.shape[:-1] if work.kind.complex else values.shape)

    def pullback(g: Array) -> Any:
        g = parts(chosen, g, values) if work.kind.complex else following(chosen, g, values)
        own = tuple(g.shape[:-1] if work.kind.complex else g.shape)
        if own != shape:
            raise InvalidInput(
                f"The cotangent should have the shape {shape} of the result; got {own}. "
                "Write numpy.ones(result.shape) for the gradient of its sum."
            )
        return work.cotangent(pull(chosen.detach(g)))

    return work.result(values), pullback


def jvp(
    function: Any, given: tuple[Any, ...], backend: str | Backend | None, options: dict[str, Any]
) -> tuple[Array, Array]:
    """Return the result of a function of matrices and its change: `eigcore.jvp`."""
    work = _work("jvp", function, given, backend, options)
    values, gradient = _solved(work)
    tangent = work.rule.tangent(work.backend, gradient, work.d_p)
    return work.result(values), work.result(tangent)


def parts(backend: Backend, g: Any, like: Array) -> Array:
    """Return complex or real numbers (...) as pairs of real ones (..., 2)."""
    if not hasattr(g, "dtype"):
        g = np.asarray(g)
    if isinstance(g, np.ndarray) and g.dtype.kind not in "biufc":
        raise InvalidInput(f"The cotangent has dtype {g.dtype}; expected numbers. Type: 1j * g")
    xp, g = backend.xp, backend.asarray(g)
    whole = "complex" in backend.dtype_name(g)
    both = (xp.real(g), xp.imag(g)) if whole else (g, 0.0 * g)
    return xp.concat([backend.asarray(a, like=like)[..., None] for a in both], axis=-1)


def joined(pairs: Array) -> Array:
    """Return pairs of real numbers (..., 2) as complex ones (...)."""
    return pairs[..., 0] + 1j * pairs[..., 1]


def _work(
    how: str,
    function: Any,
    given: tuple[Any, ...],
    backend: str | Backend | None,
    options: dict[str, Any],
) -> Work:
    kind = _known(function)
    n, options = kind.arrays, dict(options)
    arrays, rest = given[:n], given[n:]
    if kind.second and kind.second not in options and rest:
        options[kind.second], rest = rest[0], rest[1:]
    if len(arrays) < n or len(rest) != (n if how == "jvp" else 0):
        more = ", direction" * n if how == "jvp" else ""
        raise InvalidInput(
            f"{how} of {function.__name__} came with {len(given)} arguments without names. "
            f"Type: eigcore.{how}(eigcore.{kind.name or function.__name__}, {kind.call}{more})"
        )
    chosen, found, same = prepared(backend, *arrays, *rest)
    result = joined if kind.complex else same
    for a, d_a in zip(found, found[n:], strict=False):
        if tuple(d_a.shape) != tuple(a.shape):
            raise InvalidInput(
                f"The direction should have the shape {tuple(a.shape)} of the matrices; got "
                f"{tuple(d_a.shape)}. Type: numpy.broadcast_to(direction, matrices.shape)"
            )
    rule = kind.rule(chosen, *found[:n], options)
    found = tuple(map(chosen.detach, found))
    if n == 1:
        return Work(chosen, rule, found[0], found[-1], result, same, kind)
    p, d_p = (chosen.xp.concat(pair, axis=-1) for pair in (found[:2], found[-2:]))
    d = found[0].shape[-1]
    split = lambda g: (same(g[..., :d]), same(g[..., d:]))  # noqa: E731
    return Work(chosen, rule, p, d_p, result, split, kind)


def _solved_with_pullback(work: Work) -> tuple[Array, Callable[[Array], Array]]:
    """Return values, and the map from cotangents of them to those of p."""
    chosen, rule = work.backend, work.rule
    if isinstance(rule, Spectrum):  # a kernel solves once more, in less time than frames take
        found = chosen.kernel(rule, sources.Matrices(work.p), "pullback")
        if found is not None and (pull := found.pullback) is not None:
            check_values(chosen, found.values, "M", work.p, core=len(rule.layout.core))
            return found.values, lambda g: pull(g)[0]
    values, gradient = _solved(work)
    return values, lambda g: rule.cotangent(chosen, gradient, g)


def _solved(work: Work) -> tuple[Array, Array]:
    """Return values, and what the derivative needs."""
    chosen, rule = work.backend, work.rule
    if isinstance(rule, Matrices):
        found = spectral.on(chosen, _values_and_gradient, rule, work.p)
        spectral.check(chosen, found[0], work.p)
    else:
        found = chosen.call(_values_and_gradient, (rule,), work.p)
        check_values(chosen, found[0], "M", work.p, core=len(rule.layout.core))
    return found


def _values_and_gradient(backend: Backend, rule: Any, p: Array) -> tuple[Array, Array]:
    return rule.value_and_gradient(backend, p)


def _map(make: spectral.Make, second: str) -> Callable[..., Any]:
    def rule(backend: Backend, X: Array, options: dict[str, Any]) -> Any:
        return spectral.rule(backend, make, X, options.pop(second, None), options)

    return rule


_KINDS: dict[Any, Kind] = {
    spectral.spectral_map: Kind("X, f", _map(spectral.map_rule, "f"), "f"),
    spectral.matrix_function: Kind("A, f", _map(spectral.matrix_rule, "f"), "f"),
    spectral.spectral_value: Kind("X, phi", _map(spectral.value_rule, "phi"), "phi"),
    matrices.eigenvalues: Kind("M, lo=0, hi=-1", matrices.spectrum_rule),
    matrices.kth_eigenvalue: Kind("M, k", matrices.kth_rule, "k"),
    matrices.smooth_kth_eigenvalue: Kind("M, k, alpha=0.1", matrices.smooth_rule, "k"),
    matrices.kth_eigenvalue_tridiagonal: Kind("diag, off, k=0", matrices.pair_rule, arrays=2),
}


def add(function: Any, kind: Kind) -> None:
    """Give a function of a room above derivatives."""
    _KINDS[function] = kind


def _known(function: Any) -> Kind:
    if function not in _KINDS:
        names = ", ".join(kind.name or known.__name__ for known, kind in _KINDS.items())
        raise InvalidInput(
            f"{function!r} has no rule; expected an EigSpec or one of {names}. "
            "Type: eigcore.vjp(eigcore.spectral_map, X, f)"
        )
    return _KINDS[function]
