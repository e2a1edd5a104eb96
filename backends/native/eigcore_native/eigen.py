"""Selected eigenpairs of batches of symmetric matrices."""

from typing import NamedTuple

import numpy as np

from eigcore_native import _core
from eigcore_native._arrays import check_index, order_from_packed, real

DENSE, PACKED, BAND, TRIDIAGONAL, PENCIL, ENCODED = range(6)


class Eigenpair(NamedTuple):
    """values (...); vectors (..., d) of unit length or None; tied (...) bool: another eigenvalue lies within tau = 8 d eps |M|_2;
    cluster (..., 2): first and last index of the eigenvalues within tau of lambda_k; gaps (..., 2): distances to the
    neighbours below and above, inf where there is none, or None."""

    values: np.ndarray
    vectors: np.ndarray | None
    tied: np.ndarray
    cluster: np.ndarray
    gaps: np.ndarray | None


def _one(source, matrix, off, lead, d, k, vectors, threads, gaps, force_full):
    k = check_index(k, d)
    dtype = matrix.dtype
    values = np.empty(lead, dtype)
    v = np.empty((*lead, d), dtype) if vectors else None
    g = np.empty((*lead, 2), dtype) if gaps else None
    tied = np.empty(lead, np.bool_)
    cluster = np.empty((*lead, 2), np.int32)
    _core.solve(source, values.size, d, k, k, matrix, off, None, None, 0, False, values, v, None, g, tied.view(np.uint8), cluster, threads, force_full)
    return Eigenpair(values, v, tied, cluster, g)


def _square(M):
    m = real(M, "M")
    if m.ndim < 2 or m.shape[-1] != m.shape[-2] or m.shape[-1] == 0:
        raise ValueError(f"M should have shape (..., d, d) with d > 0; got {m.shape}.")
    return m, m.shape[:-2], m.shape[-1]


def _diagonals(diag, off):
    a = real(diag, "diag")
    if a.ndim < 1 or a.shape[-1] == 0:
        raise ValueError(f"diag should have shape (..., d) with d > 0; got {a.shape}.")
    b = real(off, "off", a.dtype)
    if b.shape != (*a.shape[:-1], a.shape[-1] - 1):
        raise ValueError(f"off should have shape {(*a.shape[:-1], a.shape[-1] - 1)} beside diag {a.shape}; got {b.shape}.")
    return a, b, a.shape[:-1], a.shape[-1]


def _packed(p, dim):
    a = real(p, "p")
    if a.ndim < 1:
        raise ValueError(f"p should have shape (..., K); got {a.shape}.")
    d = order_from_packed(a.shape[-1], "p")
    if d == 0 or (dim is not None and d != dim):
        raise ValueError(f"p should have trailing length {dim * (dim + 1) // 2 if dim else 'K > 0'} for dim = {dim}; got {a.shape[-1]}.")
    return a, a.shape[:-1], d


def eigenpair(M, k, vectors=True, threads=0, gaps=False, *, force_full=False):
    """M : (..., d, d), of which the symmetric part (M + M^T) / 2 is meant -> Eigenpair of lambda_k."""
    m, lead, d = _square(M)
    return _one(DENSE, m, None, lead, d, k, vectors, threads, gaps, force_full)


def eigenpair_packed(p, k, dim=None, vectors=True, threads=0, gaps=False, *, force_full=False):
    """p : (..., d (d + 1) / 2) packed lower triangles -> Eigenpair of lambda_k."""
    a, lead, d = _packed(p, dim)
    return _one(PACKED, a, None, lead, d, k, vectors, threads, gaps, force_full)


def eigenpair_tridiagonal(diag, off, k, vectors=True, threads=0, gaps=False, *, force_full=False):
    """diag : (..., d), off : (..., d - 1) -> Eigenpair of lambda_k."""
    a, b, lead, d = _diagonals(diag, off)
    return _one(TRIDIAGONAL, a, b, lead, d, k, vectors, threads, gaps, force_full)


def _window(source, matrix, off, lead, d, lo, hi, vectors, threads, force_full):
    lo, hi = check_index(lo, d), check_index(hi, d)
    if lo > hi:
        raise ValueError(f"lo should not exceed hi; got {lo} and {hi}.")
    m = hi - lo + 1
    values = np.empty((*lead, m), matrix.dtype)
    v = np.empty((*lead, d, m), matrix.dtype) if vectors else None
    count = values.size // m
    _core.solve(source, count, d, lo, hi, matrix, off, None, None, 0, False, values, v, None, None, None, None, threads, force_full)
    return values, v


def eigenpairs(M, lo, hi, vectors=True, threads=0, *, force_full=False):
    """M : (..., d, d) -> values (..., m) ascending, orthonormal vectors (..., d, m), m = hi - lo + 1."""
    m, lead, d = _square(M)
    return _window(DENSE, m, None, lead, d, lo, hi, vectors, threads, force_full)


def eigenpairs_tridiagonal(diag, off, lo, hi, vectors=True, threads=0, *, force_full=False):
    """diag : (..., d), off : (..., d - 1) -> values (..., m) ascending, orthonormal vectors (..., d, m)."""
    a, b, lead, d = _diagonals(diag, off)
    return _window(TRIDIAGONAL, a, b, lead, d, lo, hi, vectors, threads, force_full)


def _gradient(source, a, lead, d, k, threads):
    k = check_index(k, d)
    values = np.empty(lead, a.dtype)
    gradient = np.empty(a.shape, a.dtype)
    _core.solve(source, values.size, d, k, k, a, None, None, None, 0, False, values, None, gradient, None, None, None, threads, False)
    return values, gradient


def value_and_gradient_packed(p, k, dim=None, threads=0):
    """p : (..., K) -> lambda_k (...) and its gradient (..., K): v_i^2, sqrt 2 v_i v_j; at ties P / m, P the cluster's projector."""
    a, lead, d = _packed(p, dim)
    return _gradient(PACKED, a, lead, d, k, threads)


def value_and_gradient_band(p, k, threads=0):
    """p : (..., 2 d - 1) packed tridiagonal rows (0,0), (1,0), (1,1), (2,1), ... -> lambda_k (...) and gradient (..., 2 d - 1)."""
    a = real(p, "p")
    if a.ndim < 1 or a.shape[-1] % 2 == 0:
        raise ValueError(f"p should have shape (..., 2 d - 1); got {a.shape}.")
    return _gradient(BAND, a, a.shape[:-1], (a.shape[-1] + 1) // 2, k, threads)
