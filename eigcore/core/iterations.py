"""Newton–Schulz iterations: spectral maps by products of matrices alone, with a bound on the error.

Shapes: X (..., m, n), m ≥ n; bounds (...).
"""

from __future__ import annotations

import numpy as np

from eigcore.core.arrays import Array, Library


def polar(library: Library, X: Array, steps: int) -> tuple[Array, Array]:
    """Return Y close to the polar factor of X, and ‖I − YᵀY‖_F ≥ ‖Y − UVᵀ‖_F for full rank.

    σ ↦ σ(15 − 10σ² + 3σ⁴)/8 grows on [0, 1], and 1 − σ falls cubically (Higham, Functions of
    Matrices, 2008, chapter 8; the bound is his lemma 8.17).
    """
    transposed = library.xp.matrix_transpose
    X = X / _size(library, X)
    top = _largest(library, transposed(X) @ X)
    Y, eye = X / library.xp.where(top > 0, top, 1.0) ** 0.5, _eye(library, X)
    for _ in range(steps):
        gram = transposed(Y) @ Y
        Y = Y @ (1.875 * eye - 1.25 * gram + 0.375 * (gram @ gram))
    return Y, _norm(library, eye - transposed(Y) @ Y)[..., 0, 0]


def soft_clip(library: Library, X: Array, c: float, steps: int) -> tuple[Array, Array]:
    """Return Y close to (I + XXᵀ/c²)^{−1/2} X and a bound of ‖Y − F‖₂.

    The coupled iteration of SPECTRA (arXiv 2603.14315) on the smaller side. For the approximation Z
    of Â^{−1/2}, which commutes with Â, every singular value of Y has a relative error of at most
    ‖I − ZÂZ‖_F, and those of F are below c.
    """
    xp, eye = library.xp, _eye(library, X)
    # X/c = size · X̃, and (I + XᵀX/c²)/size² has no square that overflows
    size = xp.maximum(_size(library, X) / c, 0.0 * X[..., :1, :1] + 1.0)
    X, one = X / size, (1.0 / size) ** 2
    gram = xp.matrix_transpose(X / c) @ (X / c)
    scale = one + _largest(library, gram)
    start = (one * eye + gram) / scale
    Y, Z = start, eye
    for _ in range(steps):
        T = 1.5 * eye - 0.5 * (Z @ Y)
        Y, Z = Y @ T, T @ Z
    off = _norm(library, eye - Z @ start @ Z)[..., 0, 0]
    return X @ Z * scale**-0.5, c * xp.where(off < 1, off, 1.0)


def _size(library: Library, X: Array) -> Array:
    """Return the largest |entry|, or 1 of zeros: (..., 1, 1)."""
    largest = library.xp.max(abs(X), axis=(-2, -1), keepdims=True)
    return library.xp.where(largest > 0, largest, 1.0)


def _largest(library: Library, gram: Array) -> Array:
    """Return a bound of the largest eigenvalue: Gershgorin's or the norm, (..., 1, 1)."""
    xp = library.xp
    rows = xp.max(xp.sum(abs(gram), axis=-1, keepdims=True), axis=-2, keepdims=True)
    return xp.minimum(rows, _norm(library, gram))


def _norm(library: Library, a: Array) -> Array:
    return library.xp.sum(a * a, axis=(-2, -1), keepdims=True) ** 0.5


def _eye(library: Library, X: Array) -> Array:
    return library.asarray(np.eye(X.shape[-1]), like=X)
