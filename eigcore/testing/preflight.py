"""The preflight: check the form of a backend in a second, and say what to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

import eigcore
from eigcore.core.arrays import FUNCTIONS
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.loading import form_of_pairs
from eigcore.testing.kit import host

M = np.array([[2.0, 1.0], [1.0, 2.0]])
"""λ = 1 and 3, v = (1, −1)/√2 and (1, 1)/√2."""

STEEP = 1e-3
"""Tolerance for a first check, in any dtype of the computation."""


def preflight(backend: Backend) -> list[str]:
    """Return what is wrong with the form of a backend, in the order in which to correct it.

    It checks the array functions of `Backend.xp`; dtypes and conversions of `asarray` and
    `to_numpy`; form, order and scale of the `eigenpairs` of 2 by 2 matrices; and the gradient of
    the framework, if `autodiff` is declared.

    Parameters
    ----------
    backend : Backend

    Returns
    -------
    list of str
        Each says what happened, what was expected and what to change; empty if nothing is wrong.
        If arrays cannot be converted, nothing else is tried.
    """
    found = [*_told("The array functions", _functions, backend)]
    arrays = [*_told("Converting arrays", _arrays, backend)]
    if not arrays:
        found += _told("Solving a 2 by 2 matrix", _eigenpairs, backend)
        if not found and backend.capabilities.autodiff:
            found += _told("Differentiating an eigenvalue", _autodiff, backend)
    return found + arrays


def _told(what: str, step: Callable[[Backend], Iterator[str]], backend: Backend) -> Iterator[str]:
    try:
        yield from step(backend)
    except Exception as exc:
        yield f"{what} raised {type(exc).__name__}: {exc}. Expected no error. {HINTS[step]}"


def _functions(backend: Backend) -> Iterator[str]:
    missing = [name for name in FUNCTIONS if not callable(getattr(backend.xp, name, None))]
    if missing:
        yield (
            f"xp has no {', '.join(missing)}. Expected every function of "
            "eigcore.core.arrays.FUNCTIONS. Use another namespace of the library (such as "
            "one of array_api_compat), or a module of your own that adds them."
        )


def _arrays(backend: Backend) -> Iterator[str]:
    for dtype in _available(backend):
        a = backend.asarray(M, dtype=dtype)
        like = backend.asarray(M, like=a)
        names = backend.dtype_name(a), backend.dtype_name(like)
        if names[0] != dtype:
            yield (
                f"asarray(a, dtype={dtype!r}) has dtype {names[0]}. Expected {dtype}, which is "
                "declared. Pass dtype to the library, remove it from Capabilities.dtypes, or let "
                "switched_off report that it is not available in this process."
            )
        elif names[1] != dtype:
            yield (
                f"asarray(a, like=b) has dtype {names[1]}. Expected that of b, {dtype}. "
                "Take dtype and device from like if a is a float array."
            )
        if tuple(a.shape) != M.shape:
            yield f"asarray(a) has shape {tuple(a.shape)}. Expected {M.shape}. Keep all axes."
    a = backend.asarray([[2.0, 1.0], [1.0, 2.0]])
    back = backend.to_numpy(a)
    if not isinstance(back, np.ndarray):
        yield (
            f"to_numpy(a) is a {type(back).__name__}. Expected a numpy.ndarray. "
            "Return numpy.asarray(a), after waiting for the device."
        )
    elif back.shape != M.shape or not np.array_equal(back, M):
        yield f"to_numpy(asarray(a)) is {back!r:.80}. Expected the numbers of a. Correct to_numpy."


def _eigenpairs(backend: Backend) -> Iterator[str]:
    batch, lam = np.stack([M, 2 * M]), np.array([[1.0, 3.0], [2.0, 6.0]])
    for dtype in _computed(backend):
        there = backend.asarray(batch, dtype=dtype)
        for lo, hi in ((0, 1), (1, 1)):
            m = hi - lo + 1
            pairs = backend.eigenpairs(there, lo, hi)
            fault = form_of_pairs(pairs, (2, m), (2, 2, m)) or _numbers(
                backend, pairs, lam[:, lo : hi + 1], dtype
            )
            if fault:
                yield f"The backend {fault}"
                return


def _numbers(backend: Backend, pairs: tuple, lam: np.ndarray, dtype: str) -> str:
    kinds = [backend.dtype_name(a) for a in pairs]
    if kinds != [dtype, dtype]:
        return (
            f"returns {kinds[0]} and {kinds[1]} from eigenpairs of {dtype}. Expected {dtype}. "
            "Convert the values and vectors back, or call the solver of this dtype."
        )
    values, V = (host(backend, a) for a in pairs)
    if lam.shape[-1] > 1 and _close(values[..., ::-1], lam):
        return (
            "returns eigenvalues from the largest to the smallest. Expected ascending order. "
            "Return values[..., ::-1], vectors[..., ::-1]."
        )
    if not _close(values, lam):
        return (
            f"returns the eigenvalues {values[0]} of {M.tolist()}. Expected {lam[0]}, the "
            "ascending ones from lo to hi. Return values[..., lo : hi + 1]."
        )
    if not _close((V**2).sum(-2), np.ones(lam.shape)):
        return (
            f"returns vectors of length {np.sqrt((V[0] ** 2).sum(-2))}. Expected unit vectors, one "
            "per column. Divide by the lengths, or transpose if they are rows."
        )
    if not _close(np.stack([M, 2 * M]) @ V, V * lam[:, None, :]):
        return (
            f"returns {V[0].tolist()} as vectors of {M.tolist()}. Expected column j to belong to "
            "value j. Sort both alike, or transpose if they are rows."
        )
    return ""


def _autodiff(backend: Backend) -> Iterator[str]:
    for dtype in _computed(backend):
        there = backend.asarray(M, dtype=dtype)
        [G] = backend.gradient(lambda a: 2 * eigcore.kth_eigenvalue(a, 0, backend=backend), there)
        got, expected = host(backend, G), np.array([[1.0, -1.0], [-1.0, 1.0]])
        if got.shape != M.shape or not _close(got, expected):
            yield (
                f"The gradient of 2 λ_0 at {M.tolist()} is {got.tolist()}. Expected "
                f"{expected.tolist()}: the cotangent times v vᵀ. In differentiable, multiply the "
                "gradient of rule.value_and_gradient by the cotangent."
            )
            return


def _available(backend: Backend) -> list[str]:
    own = backend.capabilities.dtypes
    return [dtype for dtype in own if not backend.switched_off(dtype)]


def _computed(backend: Backend) -> list[str]:
    return [dtype for dtype in _available(backend) if dtype in ("float64", "float32")]


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool((abs(a - b) <= STEEP).all())


HINTS: dict[Callable[[Backend], Iterator[str]], str] = {
    _functions: "Set xp to a module of array functions.",
    _arrays: (
        "Give asarray the arguments a, like=None, dtype=None, device=None (dtype may be a text), "
        "and to_numpy the argument a."
    ),
    _eigenpairs: "Return values and vectors from eigenpairs(M, lo, hi) for M (..., d, d).",
    _autodiff: "Give the backend a method gradient(function, *arrays), or declare autodiff=False.",
}
