"""Singular value decompositions of many small matrices."""

from __future__ import annotations

import numpy as np

from eigcore_native import _core
from eigcore_native.kernels import contiguous, of_dtype
from eigcore_native.types import Array


def svd(X: Array, threads: int = 0) -> tuple[Array, Array, Array]:
    """Return thin singular value decompositions of small matrices.

    Parameters
    ----------
    X : (..., m, n) ndarray of float64 or float32
        m ≥ n, n up to 64.
    threads : int
        0 means the cores available to the process.

    Returns
    -------
    U : (..., m, n) ndarray;  s : (..., n) ndarray, descending;  Vt : (..., n, n) ndarray
        X = U diag(s) Vt, with orthonormal vectors for σ = 0 too; NaN where X is not finite.

    Raises
    ------
    TypeError, ValueError
        As in `kernel`, and for m < n or n > 64.
    """
    X = contiguous(X)
    of_dtype(X.dtype)
    lead, n = X.shape[:-2], X.shape[-1]
    U, s, Vt = np.empty_like(X), np.empty((*lead, n), X.dtype), np.empty((*lead, n, n), X.dtype)
    _core.svd(X, U, s, Vt, threads)
    return U, s, Vt
