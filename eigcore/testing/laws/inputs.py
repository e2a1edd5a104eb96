"""Laws of inputs and of the record of solves: dtypes, views, libraries, chunks, traces."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import eigcore
import eigcore.dispatch.backend
from eigcore.core import rules
from eigcore.core.spec import EigSpec
from eigcore.dispatch.backend import Backend
from eigcore.errors import BackendUnavailable, InvalidInput
from eigcore.testing.cases import ANY, DOUBLE, HALF, Case, spread
from eigcore.testing.kit import host, law, put
from eigcore.testing.tolerance import agree, bound, holds


def _matrices(case: Case, batch: tuple[int, ...] = (2, 3), d: int = 4) -> np.ndarray:
    M = case.rounded(spread(d, batch)(case.rng()))
    return np.tril(M) + np.tril(M, -1).mT


def _raises(what: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    try:
        function(*arguments, **options)
    except InvalidInput:
        return
    raise AssertionError(f"{what} should raise InvalidInput.")


def _check_dtype(backend: Backend, what: str, a: Any, dtype: str) -> None:
    got = backend.dtype_name(a)
    holds(got == dtype, f"{what} has dtype {got}, but should have {dtype}.")


@law(HALF)
def half_precision_is_computed_in_float32(backend, case):
    """float16 and bfloat16 give the float32 result, rounded once, in their own dtype."""
    spec = eigcore.EigSpec(3, 4)
    rng = case.rng()
    arrays = [
        put(backend, rng.integers(-8, 9, size=shape) / 8, case.dtype)
        for shape in (spec.params_shape, (5, 3))
    ]
    wide = [backend.asarray(a, dtype="float32") for a in arrays]
    got = eigcore.evaluate(spec, *arrays, backend=backend)
    _check_dtype(backend, "f", got, case.dtype)
    once = backend.asarray(eigcore.evaluate(spec, *wide, backend=backend), dtype=case.dtype)
    agree("f", host(backend, got), host(backend, once), 0.0)
    values, pullback = eigcore.vjp(spec, *arrays, backend=backend)
    for what, a in zip(("d_params", "d_x"), pullback(values), strict=True):
        _check_dtype(backend, what, a, case.dtype)
    M = put(backend, np.diag([1.0, 2.0, 4.0]), case.dtype)
    for a in eigcore.kth_eigenpair(M, 1, backend=backend):
        _check_dtype(backend, "what kth_eigenpair gives", a, case.dtype)


@law(ANY)
def integers_become_the_widest_float(backend, case):
    """Integer arrays and lists become float64, or the widest float that is switched on."""
    wide = backend.dtype_name(backend.asarray(np.zeros(1), dtype="float64"))
    numbers = [[2, 1, 0], [1, 2, 1], [0, 1, 2]]
    expected = 2 + np.sqrt(2)
    for M in (backend.asarray(np.array(numbers)), numbers):
        got = eigcore.kth_eigenvalue(M, 2, backend=backend)
        _check_dtype(backend, "λ_2 of integers", got, wide)
        agree("λ_2", host(backend, got), expected, bound(3, wide, 4.0))


@law(ANY)
def strided_and_broadcast_inputs_are_welcome(backend, case):
    """Views with any strides, including zero, give the same results as their copies."""
    M = _matrices(case, (4, 6))
    there, rows = put(backend, M, case.dtype), np.linalg.eigvalsh(M)[..., 1]
    wide = backend.xp.broadcast_to
    allowed = bound(4, case.dtype, 1.5)
    views = {
        "every other matrix": (there[::2, 1::3, ...], rows[::2, 1::3]),
        "swapped batch axes": (backend.xp.moveaxis(there, 0, 1), rows.swapaxes(0, 1)),
        "a transposed matrix": (backend.xp.matrix_transpose(there), rows),
        "a broadcast matrix": (wide(there[0, 0, ...], (3, 4, 4)), rows[[0] * 3, 0]),
    }
    for what, (view, expected) in views.items():
        got = host(backend, eigcore.kth_eigenvalue(view, 1, backend=backend))
        agree(f"λ_1 of {what}", got, expected, allowed)
    spec, rng = eigcore.EigSpec(3, 4), case.rng(1)
    params = put(backend, rng.normal(size=spec.params_shape), case.dtype)
    x = put(backend, rng.normal(size=(3, 5)), case.dtype)
    view = wide(backend.xp.matrix_transpose(x)[:, None, :], (5, 2, 3))
    copy = put(backend, host(backend, view), case.dtype)
    for what, a, b in zip(
        ("f", "d_params", "d_x"),
        *(_all(backend, spec, params, z) for z in (view, copy)),
        strict=True,
    ):
        agree(f"{what} of a broadcast x", a, b, bound(4, case.dtype, 100.0))


def _all(backend: Backend, spec: EigSpec, params: Any, x: Any) -> list[np.ndarray]:
    values, pullback = eigcore.vjp(spec, params, x, backend=backend)
    return [host(backend, a) for a in (values, *pullback(values))]


@contextlib.contextmanager
def _budget(size: int):
    before = eigcore.dispatch.backend.MEMORY_BUDGET
    eigcore.dispatch.backend.MEMORY_BUDGET = size
    try:
        yield
    finally:
        eigcore.dispatch.backend.MEMORY_BUDGET = before


@law(ANY)
def chunks_change_nothing(backend, case):
    """A small eigcore.dispatch.backend.MEMORY_BUDGET cuts batches; the results do not change."""
    M = _matrices(case, (3, 17))
    rule = rules.kth_rule("square", 4, 1)
    p = put(backend, M, case.dtype)
    whole = [host(backend, a) for a in rule.value_and_gradient(backend, p)]
    with _budget(4 * 5 * 16 * 8), eigcore.trace() as calls:
        found = rule.composed(backend, p, "gradient")
        cut = [host(backend, a) for a in (found.values, found.gradient)]
    for what, a, b in zip(("f", "∂f"), cut, whole, strict=True):
        agree(f"{what} in chunks", a, b, bound(4, case.dtype, 3.0))
    largest = max(int(np.prod(call.shape[:-2])) for call in calls)
    holds(largest < 51, "MEMORY_BUDGET was made small, but all rows were solved at once.")


SQUARE, BANDS = (2, 3, 4, 4), (2, 3, 4)
WHOLE_SHAPES = {
    "kth_eigenvalue": [SQUARE],
    "Backend.eigenpairs": [SQUARE],
    "Backend.eigenvalues": [SQUARE],
    "Backend.eigenpairs_tridiagonal": [BANDS, SQUARE],
    "Backend.eigenvalues_tridiagonal": [BANDS, SQUARE],
}
"""Shapes that trace may tell of matrices that come whole, in one batch."""
SORTED = ("evaluate, diagonal", "vjp, diagonal")
"""What needs no eigensolver, and may have a kernel."""


@law(ANY)
def trace_tells_what_ran(backend, case):
    """`trace` names backend, driver, dtype, shape and time of each solve, on every way there."""
    for name, solve in _solving(backend, case).items():
        solve()  # compiles, where `Backend.call` does: the second call runs what was compiled
        with eigcore.trace() as told:
            solve()
        holds(
            told or name in SORTED,
            f"trace recorded no solve of {name}, called for the second time.",
        )
        for call in told:
            holds(
                call.backend == backend.name,
                f"trace of {name} tells of backend {call.backend!r}; should be {backend.name!r}.",
            )
            holds(
                call.seconds is not None and call.seconds >= 0,
                f"trace tells {call.seconds} seconds of {name}; should be the time of the solve.",
            )
            holds(call.driver, f"trace of {name} names no driver.")
        if name in WHOLE_SHAPES:
            got = told[0].dtype.rsplit(".", 1)[-1], tuple(told[0].shape)
            right = [(case.dtype, shape) for shape in WHOLE_SHAPES[name]]
            holds(got in right, f"trace of {name} tells {got}, but should tell {right[0]}.")


def _solving(backend: Backend, case: Case) -> dict[str, Callable[[], Any]]:
    """Return one call for every way to an eigensolver that the backend declares."""
    numbers, declared = _matrices(case), backend.capabilities.structures
    M = put(backend, numbers, case.dtype)
    diag, off = (put(backend, np.diagonal(numbers, k, -2, -1).copy(), case.dtype) for k in (0, -1))
    calls: dict[str, Callable[[], Any]] = {
        "kth_eigenvalue": lambda: eigcore.kth_eigenvalue(M, 1, backend=backend),
        "kth_eigenpair": lambda: eigcore.kth_eigenpair(M, 1, backend=backend),
        "smooth_kth_eigenvalue": lambda: eigcore.smooth_kth_eigenvalue(M, 1, 0.5, backend=backend),
        "Backend.eigenpairs": lambda: backend.eigenpairs(M, 0, 3),
        "Backend.eigenvalues": lambda: backend.eigenvalues(M, 0, 3),
    }
    if "tridiagonal" in declared:
        calls |= {
            "kth_eigenvalue_tridiagonal": lambda: eigcore.kth_eigenvalue_tridiagonal(
                diag, off, 1, backend=backend
            ),
            "Backend.eigenpairs_tridiagonal": lambda: backend.eigenpairs_tridiagonal(
                diag, off, 0, 3
            ),
            "Backend.eigenvalues_tridiagonal": lambda: backend.eigenvalues_tridiagonal(
                diag, off, 0, 3
            ),
        }
    for structure in declared:
        spec = EigSpec(2, 4, structure="banded:2" if structure == "banded" else structure)
        rng = case.rng(1)
        shapes = spec.params_shape, (3, 2)
        arrays = [put(backend, rng.normal(size=shape), case.dtype) for shape in shapes]
        for function in (eigcore.evaluate, eigcore.vjp):
            solve = partial(function, spec, *arrays, backend=backend)
            calls[f"{function.__name__}, {structure}"] = solve
    return calls


@law(DOUBLE)
def float_types_are_not_mixed(backend, case):
    """float64 parameters with float32 inputs raise InvalidInput: no dtype changes silently."""
    if "float32" not in backend.capabilities.dtypes:
        return
    spec = eigcore.EigSpec(2, 3)
    params = put(backend, np.zeros(spec.params_shape), "float64")
    x = put(backend, np.zeros(2), "float32")
    _raises("float64 with float32", eigcore.evaluate, spec, params, x, backend=backend)


@law(ANY)
def libraries_are_not_mixed(backend, case):
    """Arrays of two libraries in one call raise InvalidInput."""
    spec = eigcore.EigSpec(2, 3)
    params = put(backend, np.zeros(spec.params_shape), case.dtype)
    for name in eigcore.backends():
        try:
            other = eigcore.get_backend(name)
        except BackendUnavailable:
            continue
        x = other.asarray(np.zeros(2), dtype=case.dtype)
        if type(x) is not type(params):
            _raises(f"{backend.name} with {name}", eigcore.evaluate, spec, params, x)


@law(ANY)
def wrong_shapes_are_refused(backend, case):
    """A non-square matrix, an index out of range and a wrong number of features raise."""
    M = put(backend, np.zeros((2, 3)), case.dtype)
    square = put(backend, np.eye(3), case.dtype)
    spec = eigcore.EigSpec(2, 3)
    params = put(backend, np.zeros(spec.params_shape), case.dtype)
    _raises("a 2 by 3 matrix", eigcore.kth_eigenvalue, M, 0, backend=backend)
    _raises("k = 3 of 3", eigcore.kth_eigenvalue, square, 3, backend=backend)
    _raises("three features for two", eigcore.evaluate, spec, params, square, backend=backend)
    _raises("parameters of another spec", eigcore.evaluate, spec, square, M, backend=backend)
