"""Some or all eigenpairs of batches of matrices."""

from __future__ import annotations

import numpy as np

from eigcore_native import _core
from eigcore_native.arrays import Array, ready
from eigcore_native.gradients import DENSE, TRIDIAGONAL


def eigenpairs(
    M: Array, lo: int, hi: int, vectors: bool = True, threads: int = 0
) -> tuple[Array, Array | None]:
    """Return the eigenpairs lo … hi of each matrix of a batch.

    Parameters
    ----------
    M : (..., d, d) array of float64 or float32
        The symmetric part (M + Mᵀ) / 2 is meant.
    lo, hi : int
        First and last index, both included.

    Returns
    -------
    values : (..., m) ascending, m = hi − lo + 1; NaN where the matrix is not finite
    vectors : (..., d, m) orthonormal columns, or None

    Raises
    ------
    TypeError, ValueError
        Arrays that are not float64 or float32, matrices that are not square, a window outside.
    """
    M = ready(M)
    if M.ndim < 2 or M.shape[-1] != M.shape[-2]:
        raise ValueError(f"M should have shape (..., d, d); got {M.shape}.")
    return _window(DENSE, M.shape[:-1], lo, hi, vectors, threads, M, None)


def eigenpairs_tridiagonal(
    diag: Array, off: Array, lo: int, hi: int, vectors: bool = True, threads: int = 0
) -> tuple[Array, Array | None]:
    """Return `eigenpairs` of tridiagonal matrices: diag (..., d), off (..., d − 1)."""
    diag = ready(diag)
    off = ready(off, diag.dtype)
    if off.shape != (*diag.shape[:-1], diag.shape[-1] - 1):
        raise ValueError(
            f"diag and off should have shapes (..., d) and (..., d - 1); got {diag.shape} and "
            f"{off.shape}."
        )
    return _window(TRIDIAGONAL, diag.shape, lo, hi, vectors, threads, diag, off)


def _window(
    source: int,
    shape: tuple[int, ...],
    lo: int,
    hi: int,
    vectors: bool,
    threads: int,
    matrix: Array,
    off: Array | None,
) -> tuple[Array, Array | None]:
    *lead, d = shape
    if not 0 <= lo <= hi < d:
        raise ValueError(f"lo and hi should satisfy 0 <= lo <= hi < {d}; got {lo} and {hi}.")
    m = hi - lo + 1
    values = np.empty((*lead, m), matrix.dtype)
    v = np.empty((*lead, d, m), matrix.dtype) if vectors else None
    inputs = (source, values.size // m, d, lo, hi, matrix, off, None, None, 0, False)
    _core.solve(*inputs, values, v, None, None, threads)
    return values, v
