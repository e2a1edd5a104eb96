"""Newton–Schulz iterations: spectral maps by products of matrices alone, with a bound on the error.

Shapes: X (..., m, n), m ≥ n; bounds (...).
"""

from __future__ import annotations

import numpy as np

from eigcore.core.arrays import Array, Library

FLUCTUATION = 1e-3
"""Largest ‖I − ZY‖_F that is taken for convergence with rounding errors, in any dtype."""
STEADY = 16
"""Steps that need no look at rounding: ‖Z‖₂ ≤ 1.5ᵏ after k of them, and ε‖Z‖₂² < .06."""


def polar(library: Library, X: Array, steps: int) -> tuple[Array, Array]:
    """Return Y close to the polar factor of X, and a bound of ‖Y − UVᵀ‖_F for full rank.

    σ ↦ σ(15 − 10σ² + 3σ⁴)/8 grows on [0, 1], and 1 − σ falls cubically (Higham, Functions of
    Matrices, 2008, chapter 8). Without rounding ‖I − YᵀY‖_F is a bound (his lemma 8.17). Rounding
    also turns Y, by at most ‖R‖_F/σ to first order: R = S YᵀY − Y SᵀY is 0 without it, for the
    start S with the smallest singular value σ. A step multiplies that by at most 15/8, hence σ is
    at least √(1 − ‖I − YᵀY‖_F)/(15/8)^k after k steps.
    """
    xp, transposed = library.xp, library.xp.matrix_transpose
    X = X / _size(library, X)
    top = _largest(library, transposed(X) @ X)
    S, eye = X / xp.where(top > 0, top, 1.0) ** 0.5, _eye(library, X)
    Y, least, growth = S, 0.0 * top, 1.0  # least = σ²
    for _ in range(steps):
        gram = transposed(Y) @ Y
        least = xp.maximum(least, (1.0 - _norm(library, eye - gram)) / growth)
        Y = Y @ (1.875 * eye - 1.25 * gram + 0.375 * (gram @ gram))
        growth *= 1.875**2
    gram = transposed(Y) @ Y
    turned = _norm(library, S @ gram - Y @ (transposed(S) @ Y))
    turned = xp.where(least > 0, turned / xp.where(least > 0, least, 1.0) ** 0.5, 0.0)
    return Y, (_norm(library, eye - gram) + turned)[..., 0, 0]


def soft_clip(library: Library, X: Array, c: float, steps: int) -> tuple[Array, Array]:
    """Return Y close to (I + XXᵀ/c²)^{−1/2} X and a bound of ‖Y − F‖₂.

    The coupled iteration of SPECTRA (arXiv 2603.14315) on the smaller side. For the approximation Z
    of Â^{−1/2}, which commutes with Â, every singular value of Y has a relative error of at most
    ‖I − ZÂZ‖_F, to which the rounding of Â adds ε‖Z‖_F² to first order. From 1 on it says nothing,
    and the bound is ‖Y‖₂ + c. Each step lets ‖I − ZY‖_F fall; where rounding makes it grow, as for
    ‖X‖₂²/c² beyond 1/ε, the iteration stays where it is.
    """
    xp, eye = library.xp, _eye(library, X)
    # X/c = size · X̃, and (I + XᵀX/c²)/size² has no square that overflows
    size = xp.maximum(_size(library, X) / c, 0.0 * X[..., :1, :1] + 1.0)
    X, one = X / size, (1.0 / size) ** 2
    gram = xp.matrix_transpose(X / c) @ (X / c)
    scale = one + _largest(library, gram)
    start = (one * eye + gram) / scale
    Y, Z, rest = start, eye, eye - start
    for step in range(steps):
        T = eye + 0.5 * rest
        further = [Y @ T, T @ Z]
        further += [eye - further[1] @ further[0]]
        if step >= STEADY:
            length = _norm(library, further[2])
            falls = (length <= _norm(library, rest)) | (length <= FLUCTUATION)
            now = zip(further, (Y, Z, rest), strict=True)
            further = [xp.where(falls, *pair) for pair in now]
        Y, Z, rest = further
    rounding = float(xp.finfo(X.dtype).eps) * _norm(library, Z) ** 2
    off, Y = _norm(library, eye - Z @ start @ Z) + rounding, X @ Z * scale**-0.5
    longest = _largest(library, xp.matrix_transpose(Y / c) @ (Y / c)) ** 0.5
    return Y, c * xp.where(off < 1, off, 1.0 + longest)[..., 0, 0]


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
    square = library.xp.sum(a * a, axis=(-2, -1), keepdims=True)
    some = square > 0  # √ has no derivative at 0
    return library.xp.where(some, library.xp.where(some, square, 1.0) ** 0.5, 0.0)


def _eye(library: Library, X: Array) -> Array:
    return library.asarray(np.eye(X.shape[-1]), like=X)
