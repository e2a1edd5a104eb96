"""Eigenpairs that may be wrong without an error: they are checked, and found again otherwise.

The batched solvers of GPUs have returned vectors of other matrices
(https://github.com/pytorch/pytorch/issues/192483,
https://github.com/ROCm/rocm-libraries/issues/9118).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from eigcore.core.arrays import Array, Library, Namespace

ROOM = 100
"""Errors up to ROOM d ε ‖M‖ pass; LAPACK's own tests allow 30."""


def _scaled(xp: Namespace, M: Array) -> tuple[Array, Array]:
    """Return the largest |entry| of each matrix (..., 1, 1) and the matrices over it."""
    unit = xp.max(xp.abs(M), axis=(-2, -1), keepdims=True)
    unit = xp.where(unit > 0, unit, 1.0)
    return unit, M / unit


def _eye(library: Library, like: Array) -> Array:
    return library.asarray(np.eye(like.shape[-1]), like=like)


def wrong(
    library: Library,
    M: Array,
    values: Array,
    vectors: Array | None = None,
    *,
    lo: int = 0,
    eps: float,
) -> Array:
    """Tell which solutions are wrong: (...) of truth values.

    All eigenvalues are held to Σ λ = tr M and Σ λ² = ‖M‖²_F, and the vectors to M V = V Λ and
    VᵀV = I: 2 d² operations a pair, where finding all pairs takes 9 d³.

    Parameters
    ----------
    M : (..., d, d) array
        Symmetric and finite.
    values : (..., d) array
        All eigenvalues.
    vectors : (..., d, w) array, optional
        Unit eigenvectors of λ_lo … λ_{lo + w − 1}, in columns.
    eps : float
        The distance from 1 to the next number in the dtype of the solver.
    """
    xp, d = library.xp, M.shape[-1]
    unit, A = _scaled(xp, M)
    lam = values / unit[..., 0]
    allowed = ROOM * d * eps
    squares = xp.sum(A * A, axis=(-2, -1))
    trace_off = xp.abs(xp.sum(lam, axis=-1) - xp.sum(A * _eye(library, A), axis=(-2, -1)))
    right = trace_off <= allowed * d * squares**0.5
    right = right & (xp.abs(xp.sum(lam * lam, axis=-1) - squares) <= allowed * d * squares)
    if vectors is not None:
        own = lam[..., None, lo : lo + vectors.shape[-1]]
        residual = xp.max(xp.abs(A @ vectors - vectors * own), axis=(-2, -1))
        gram = xp.matrix_transpose(vectors) @ vectors
        lengths = xp.abs(gram - _eye(library, gram))
        right = right & (residual <= allowed * squares**0.5)
        right = right & (xp.max(lengths, axis=(-2, -1)) <= allowed)
    return ~right


def by_singular_values(
    library: Library, svd: Callable[[Array], tuple[Array, Array, Array]], M: Array
) -> tuple[Array, Array]:
    """Return all eigenpairs of M (..., d, d) from the singular vectors of c I − M, c = ‖M‖_F.

    No eigenvalue of c I − M is negative, so they are its singular values; descending there is
    ascending here.
    """
    xp = library.xp
    unit, A = _scaled(xp, M)
    c = xp.sum(A * A, axis=(-2, -1), keepdims=True) ** 0.5
    U, s, _ = svd(c * _eye(library, A) - A)
    return (c[..., 0] - s) * unit[..., 0], U
