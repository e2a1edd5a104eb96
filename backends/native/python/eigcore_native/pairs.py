"""Several eigenpairs of each matrix of a batch."""

from __future__ import annotations

import numpy as np

from eigcore_native import _core
from eigcore_native.kernels import contiguous, of_dtype
from eigcore_native.types import Array


def eigenpairs(
    M: Array, lo: int, hi: int, vectors: bool = True, threads: int = 0
) -> tuple[Array, Array | None]:
    """Return the eigenpairs lo … hi of whole matrices.

    Parameters
    ----------
    M : (..., d, d) ndarray of float64 or float32
        The symmetric part (M + Mᵀ) / 2 is meant.
    lo, hi : int
        First and last index, both included, from 0 for the smallest eigenvalue.
    vectors : bool
        Whether eigenvectors are wanted.
    threads : int
        0 means the cores available to the process.

    Returns
    -------
    values : (..., m) ndarray
        Ascending, m = hi − lo + 1; NaN where a matrix is not finite.
    vectors : (..., d, m) ndarray or None
        Orthonormal columns.

    Raises
    ------
    TypeError, ValueError
        As in `eigcore_native.kernel`, and for indices outside the spectrum.
    """
    return _found(contiguous(M), None, M.shape[:-1], lo, hi, vectors, threads)


def eigenpairs_tridiagonal(
    diag: Array, off: Array, lo: int, hi: int, vectors: bool = True, threads: int = 0
) -> tuple[Array, Array | None]:
    """Return the eigenpairs lo … hi of tridiagonal matrices: diag (..., d), off (..., d − 1).

    All else as in `eigenpairs`.
    """
    return _found(
        contiguous(diag), contiguous(off, diag.dtype), diag.shape, lo, hi, vectors, threads
    )


def _found(
    a: Array,
    off: Array | None,
    rows: tuple[int, ...],
    lo: int,
    hi: int,
    vectors: bool,
    threads: int,
) -> tuple[Array, Array | None]:
    """Return the pairs of contiguous arrays; rows : (..., d)."""
    of_dtype(a.dtype)
    values = np.empty((*rows[:-1], max(hi - lo + 1, 0)), a.dtype)
    columns = np.empty((*rows, values.shape[-1]), a.dtype) if vectors else None
    _core.eigenpairs(a, off, lo, hi, values, columns, threads)
    return values, columns
