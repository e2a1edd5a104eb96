"""Randomised singular value decomposition: few products with a block of random vectors.

N. Halko, P.-G. Martinsson and J. A. Tropp, "Finding structure with randomness" (2011), algorithms
4.4 and 5.1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from eigcore.core.arrays import Array
from eigcore.core.options import generator
from eigcore.core.scalars import is_whole
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.parts import concrete
from eigcore.dispatch.registry import get_backend, infer
from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.operators.operator import floating


class Svd(NamedTuple):
    """A ≈ U diag(s) Vt.

    Parameters
    ----------
    U, s, Vt : (m, k), (k,) and (k, n) arrays
        s descending; orthonormal columns of U and rows of Vt.
    error : float
        ‖A − U diag(s) Vt‖_F = √(‖A‖_F² − Σ s²), to √ε ‖A‖_F.
    """

    U: Array
    s: Array
    Vt: Array
    error: float


def randomised_svd(
    A: Any,
    k: int,
    oversample: int = 10,
    steps: int = 2,
    seed: int = 0,
    backend: str | Backend | None = None,
) -> Svd:
    """Return the k largest singular values and vectors, from 2 + 2·steps products with A or Aᵀ.

    Parameters
    ----------
    A : (m, n) array of any backend, or sparse matrix of SciPy
    k : int
    oversample : int
        The block has k + oversample vectors, at most min(m, n).
    steps : int
        Steps of subspace iteration. Each multiplies the part of σ_j that is not found by
        (σ_j/σ_k)²; 0 is enough if singular values fall fast.
    seed : int
    backend : str or Backend, optional
        Sparse matrices are NumPy's.

    Returns
    -------
    Svd
        In the library of A, without derivatives; float32 if A is, else float64. In expectation
        ‖A − QQᵀA‖₂ ≤ (1 + √(k/(p − 1))) σ_{k+1} + e√(k + p)/p (Σ_{j>k} σ_j²)^{1/2} before any step,
        Q an orthonormal basis of the block and p = `oversample`.

    Raises
    ------
    InvalidInput, NonFiniteInput
        k, oversample or steps out of range, no matrix, or entries that are not finite.

    Examples
    --------
    >>> A = np.outer(np.arange(1.0, 7), np.ones(4)) + np.eye(6, 4)
    >>> found = randomised_svd(A, 1)
    >>> bool(np.isclose(found.s[0], np.linalg.norm(A, 2)))
    True
    """
    chosen, A, squares = _matrix(A, backend)
    (m, n), xp = A.shape, chosen.xp
    if not is_whole(k) or not 1 <= k <= min(m, n):
        raise InvalidInput(f"k is {k!r}; expected an integer from 1 to {min(m, n)}. Write k=1.")
    if not (is_whole(oversample) and is_whole(steps) and min(oversample, steps) >= 0):
        raise InvalidInput(
            f"oversample and steps are {oversample!r} and {steps!r}; expected integers of at least "
            "0. Write oversample=10, steps=2."
        )
    width = min(m, n, k + oversample)
    start = generator(seed).normal(size=(n, width))
    like = A if not scipy.sparse.issparse(A) else A.data
    Q, _ = _orthonormal(chosen, A @ chosen.asarray(start, like=like))
    for _ in range(steps):
        W, _ = _orthonormal(chosen, A.T @ Q)
        Q, _ = _orthonormal(chosen, A @ W)
    # QᵀA = RᵀWᵀ, R of order k + p
    W, R = _orthonormal(chosen, A.T @ Q)
    left, s, right = np.linalg.svd(np.asarray(chosen.to_numpy(R)).T, full_matrices=False)
    error = max(0.0, squares - float(np.sum(s[:k].astype(float) ** 2))) ** 0.5
    turn = [chosen.asarray(np.ascontiguousarray(a), like=like) for a in (left[:, :k], right[:k].T)]
    values = chosen.asarray(s[:k], like=like)
    return Svd(Q @ turn[0], values, xp.moveaxis(W @ turn[1], 0, 1), error)


def _matrix(A: Any, backend: str | Backend | None) -> tuple[Backend, Any, float]:
    """Return the backend, A in a dtype for computing and without graph, and ‖A‖_F²."""
    if scipy.sparse.issparse(A):
        chosen = get_backend("numpy")
        A = scipy.sparse.csr_array(A)
        entries = floating(chosen, A.data)
        A = scipy.sparse.csr_array((entries, A.indices, A.indptr), A.shape)
    else:
        chosen = infer(A, backend=backend)
        A = entries = chosen.detach(floating(chosen, A))
    if len(A.shape) != 2 or 0 in A.shape:
        raise InvalidInput(
            f"A has shape {tuple(A.shape)}; expected (m, n), not empty. Type: A.reshape(rows, -1)"
        )
    concrete(chosen, entries, "A")
    if not chosen.all_finite(entries):
        raise NonFiniteInput(
            "A holds NaN or infinite entries; expected finite numbers. Replace them first."
        )
    return chosen, A, float(chosen.xp.sum(entries**2))


def _orthonormal(backend: Backend, Y: Array) -> tuple[Array, Array]:
    """Return Q and R of Y = QR; by NumPy where the library has no ``linalg.qr``."""
    qr = getattr(getattr(backend.xp, "linalg", None), "qr", None)
    if qr is not None:
        return tuple(qr(Y))
    found = np.linalg.qr(backend.to_numpy(Y))
    return tuple(backend.asarray(a, like=Y) for a in found)
