"""Selected eigenpairs of batches of symmetric matrices."""

from typing import NamedTuple

import numpy as np

from eigcore_native import _core
from eigcore_native._arrays import check_index, order_from_packed, real

DENSE, PACKED, BAND, TRIDIAGONAL, PENCIL, ENCODED = range(6)
LAYOUTS = {"full": 0, "packed": 1, "band": 2, "pair": 3}


class Eigenpair(NamedTuple):
    """One eigenvalue λ_k of each matrix of a batch (...), and what belongs to it.

    Attributes
    ----------
    values : (...) ndarray
        λ_k; NaN where the matrix is not finite.
    vectors : (..., d) ndarray or None
        Unit eigenvectors.
    tied : (...) ndarray of bool
        Another eigenvalue lies within τ = 8 d ε ‖M‖₂ of λ_k.
    cluster : (..., 2) ndarray of int32
        First and last index of the eigenvalues within τ of λ_k.
    gaps : (..., 2) ndarray or None
        Distances to the neighbours below and above, infinity where there is none.
    """

    values: np.ndarray
    vectors: np.ndarray | None
    tied: np.ndarray
    cluster: np.ndarray
    gaps: np.ndarray | None


def eigenpair(M, k, vectors=True, threads=0, gaps=False, *, force_full=False):
    """Return λ_k and its eigenvector for each matrix of a batch.

    Parameters
    ----------
    M : (..., d, d) array_like of float64 or float32
        The symmetric part (M + Mᵀ) / 2 is meant. Integers become float64.
    k : int
        Index from the smallest; negative from the largest.
    vectors, gaps : bool
        Whether eigenvectors and distances to the neighbours are wanted.
    threads : int
        0 means the cores available to the process.
    force_full : bool
        Solve every matrix by the safety net, for tests.

    Returns
    -------
    Eigenpair
        In the dtype of M.

    Raises
    ------
    TypeError
        M is neither real nor an integer, or wider than float64.
    ValueError
        M is not a batch of square matrices.
    IndexError
        k is not in −d … d − 1.

    Examples
    --------
    >>> import numpy as np
    >>> float(eigenpair(np.diag([3.0, 1.0, 2.0]), 0).values)
    1.0
    """
    m, lead, d = _square(M)
    return _one(DENSE, m, None, lead, d, k, vectors, threads, gaps, force_full)


def eigenpair_packed(p, k, dim=None, vectors=True, threads=0, gaps=False, *, force_full=False):
    """Return λ_k and its eigenvector for each packed matrix.

    p : (..., d (d + 1) / 2) lower triangles by rows, off-diagonal entries times √2; dim : d, if it
    is to be checked. The rest, and the errors, as in `eigenpair`.
    """
    a, lead, d = _packed(p, dim)
    return _one(PACKED, a, None, lead, d, k, vectors, threads, gaps, force_full)


def eigenpair_tridiagonal(diag, off, k, vectors=True, threads=0, gaps=False, *, force_full=False):
    """Return λ_k and its eigenvector for each symmetric tridiagonal matrix.

    diag : (..., d) and off : (..., d − 1), of one dtype: that of diag. The rest, and the errors, as
    in `eigenpair`.
    """
    a, b, lead, d = _diagonals(diag, off)
    return _one(TRIDIAGONAL, a, b, lead, d, k, vectors, threads, gaps, force_full)


def eigenpairs(M, lo, hi, vectors=True, threads=0, *, force_full=False):
    """Return the eigenpairs lo … hi of each matrix of a batch.

    Parameters
    ----------
    M : (..., d, d) array_like of float64 or float32
        The symmetric part (M + Mᵀ) / 2 is meant.
    lo, hi : int
        First and last index, both included; negative from the largest.
    vectors, threads, force_full
        As in `eigenpair`.

    Returns
    -------
    values : (..., m) ndarray
        Ascending, m = hi − lo + 1; NaN where the matrix is not finite.
    vectors : (..., d, m) ndarray or None
        Orthonormal columns.

    Raises
    ------
    TypeError, ValueError, IndexError
        As in `eigenpair`, and if lo exceeds hi.
    """
    m, lead, d = _square(M)
    return _window(DENSE, m, None, lead, d, lo, hi, vectors, threads, force_full)


def eigenpairs_tridiagonal(diag, off, lo, hi, vectors=True, threads=0, *, force_full=False):
    """Return the eigenpairs lo … hi of each symmetric tridiagonal matrix.

    diag : (..., d) and off : (..., d − 1). The rest, and the errors, as in `eigenpairs`.
    """
    a, b, lead, d = _diagonals(diag, off)
    return _window(TRIDIAGONAL, a, b, lead, d, lo, hi, vectors, threads, force_full)


def value_and_gradient(M, k, threads=0):
    """Return λ_k of matrices and its gradient by their entries.

    Parameters
    ----------
    M : (..., d, d) array_like of float64 or float32
        The symmetric part (M + Mᵀ) / 2 is meant, so that v vᵀ is the gradient.
    k : int
        Index from the smallest; negative from the largest.
    threads : int
        0 means the cores available to the process.

    Returns
    -------
    values : (...) ndarray
    gradient : (..., d, d) ndarray
        v vᵀ, at ties the cluster's projector divided by its dimension. Both are NaN where a matrix
        is not finite.

    Raises
    ------
    TypeError, ValueError, IndexError
        As in `eigenpair`.
    """
    m, lead, d = _square(M)
    return _gradient(DENSE, m, lead, d, k, threads)


def value_and_gradient_packed(p, k, dim=None, threads=0):
    """Return λ_k of packed matrices and its gradient by the packed numbers.

    dλ_k = ⟨P, dM⟩ with P = v vᵀ, at ties the cluster's projector divided by its dimension. Packed:
    v_i² on the diagonal, √2 v_i v_j beside it.

    Parameters
    ----------
    p : (..., d (d + 1) / 2) array_like of float64 or float32
        Packed lower triangles.
    k : int
        Index from the smallest; negative from the largest.
    dim : int or None
        d, if it is to be checked.
    threads : int
        0 means the cores available to the process.

    Returns
    -------
    values : (...) ndarray
    gradient : ndarray
        Shape of p. Both are NaN where a row is not finite.

    Raises
    ------
    TypeError, ValueError, IndexError
        As in `eigenpair`.
    """
    a, lead, d = _packed(p, dim)
    return _gradient(PACKED, a, lead, d, k, threads)


def value_and_gradient_band(p, k, threads=0):
    """Return λ_k of packed tridiagonal matrices and its gradient by the packed numbers.

    p : (..., 2 d − 1), entries (0,0), (1,0), (1,1), (2,1), … The rest, and the errors, as in
    `value_and_gradient_packed`.
    """
    a = real(p, "p")
    if a.ndim < 1 or a.shape[-1] % 2 == 0:
        raise ValueError(f"p should have shape (..., 2 d - 1); got {a.shape}.")
    return _gradient(BAND, a, a.shape[:-1], (a.shape[-1] + 1) // 2, k, threads)


def value_vjp(vectors, g, layout="full", out=None, threads=0):
    """Return the pullback g v vᵀ of eigenvalues at their unit vectors.

    At a tie the gradient is another one: P/m, which the functions ``value_and_gradient…`` give.

    Parameters
    ----------
    vectors : (..., d) array_like of float64 or float32
    g : (...) array_like
        Cotangents of the values.
    layout : {"full", "packed", "band", "pair"}
        Where the numbers stand: all d² by rows; the lower triangle by rows, √2 g v_i v_j off the
        diagonal; the same of a tridiagonal matrix; its diagonal, then 2 g v_i v_{i+1}.
    out : (..., K) ndarray or None
        Contiguous, of the dtype of vectors, written to; K is d², d (d + 1) / 2 or 2 d − 1.
    threads : int
        0 means the cores available to the process.

    Returns
    -------
    (..., K) ndarray
        `out`, or a new array.

    Raises
    ------
    TypeError, ValueError
        For another dtype, shape or layout.

    Examples
    --------
    >>> value_vjp([[0.6, 0.8]], [1.0]).round(2).tolist()
    [[0.36, 0.48, 0.48, 0.64]]
    """
    v = real(vectors, "vectors")
    c = real(g, "g", v.dtype)
    if v.ndim < 1 or v.shape[-1] == 0 or c.shape != v.shape[:-1]:
        raise ValueError(
            f"vectors and g should have shapes (..., d) and (...); got {v.shape} and {c.shape}."
        )
    d = v.shape[-1]
    if layout not in LAYOUTS:
        raise ValueError(f"layout should be one of {', '.join(LAYOUTS)}; got {layout!r}.")
    shape = (*c.shape, layout_size(layout, d))
    if out is None:
        out = np.empty(shape, v.dtype)
    elif out.shape != shape or out.dtype != v.dtype or not out.flags.c_contiguous:
        raise ValueError(
            f"out should be a contiguous {v.dtype} array of shape {shape}; got {out.dtype}, "
            f"{out.shape}."
        )
    _core.value_pullback(LAYOUTS[layout], c.size, d, v, c, out, threads)
    return out


def layout_size(layout, d):
    """K, the numbers of a matrix of order d in a layout."""
    return {"full": d * d, "packed": d * (d + 1) // 2}.get(layout, 2 * d - 1)


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
    beside = (*a.shape[:-1], a.shape[-1] - 1)
    if b.shape != beside:
        raise ValueError(f"off should have shape {beside} beside diag {a.shape}; got {b.shape}.")
    return a, b, a.shape[:-1], a.shape[-1]


def _packed(p, dim):
    a = real(p, "p")
    if a.ndim < 1:
        raise ValueError(f"p should have shape (..., K); got {a.shape}.")
    d = order_from_packed(a.shape[-1], "p")
    if d == 0 or (dim is not None and d != dim):
        size = dim * (dim + 1) // 2 if dim else "K > 0"
        raise ValueError(
            f"p should have trailing length {size} for dim = {dim}; got {a.shape[-1]}."
        )
    return a, a.shape[:-1], d


def _one(source, matrix, off, lead, d, k, vectors, threads, gaps, force_full):
    k = check_index(k, d)
    dtype = matrix.dtype
    values = np.empty(lead, dtype)
    v = np.empty((*lead, d), dtype) if vectors else None
    g = np.empty((*lead, 2), dtype) if gaps else None
    tied = np.empty(lead, np.bool_)
    cluster = np.empty((*lead, 2), np.int32)
    _core.solve(
        *(source, values.size, d, k, k, matrix, off, None, None, 0, False),
        *(values, v, None, g, tied.view(np.uint8), cluster, threads, force_full),
    )
    return Eigenpair(values, v, tied, cluster, g)


def _window(source, matrix, off, lead, d, lo, hi, vectors, threads, force_full):
    lo, hi = check_index(lo, d), check_index(hi, d)
    if lo > hi:
        raise ValueError(f"lo should not exceed hi; got {lo} and {hi}.")
    m = hi - lo + 1
    values = np.empty((*lead, m), matrix.dtype)
    v = np.empty((*lead, d, m), matrix.dtype) if vectors else None
    nothing = (None,) * 4
    _core.solve(
        *(source, values.size // m, d, lo, hi, matrix, off, None, None, 0, False),
        *(values, v, *nothing, threads, force_full),
    )
    return values, v


def _gradient(source, a, lead, d, k, threads):
    k = check_index(k, d)
    values = np.empty(lead, a.dtype)
    gradient = np.empty(a.shape, a.dtype)
    _core.solve(
        *(source, values.size, d, k, k, a, None, None, None, 0, False),
        *(values, None, gradient, None, None, None, threads, False),
    )
    return values, gradient
