"""Eigenvalues of real matrices that are not symmetric, and their derivative.

A simple eigenvalue with A x = λ x and yᴴ A = λ yᴴ changes by dλ = yᴴ dA x / (yᴴ x) (Wilkinson 1965,
chapter 2). The rows of X⁻¹ are the yᴴ with yᴴ x = 1.

Shapes: A (..., n, n); values (..., n, 2), real and imaginary parts; gradient (..., 4n, n), the real
and imaginary parts of X and of (X⁻¹)ᵀ.
"""

from __future__ import annotations

import math
from typing import Any

from eigcore.core.arrays import Array, Library
from eigcore.core.functionals import TIE
from eigcore.core.rows import spoilt
from eigcore.core.singular import Matrices
from eigcore.errors import NotDifferentiable, NotSupported


class EigenRule(Matrices):
    """All eigenvalues of A, by decreasing modulus. Hashable.

    The derivative of an eigenvalue is NaN where it is not simple to working precision: where
    another one is within 8nε‖A‖_F times the smaller of their condition numbers. Has the methods of
    `eigcore.core.rules.Rule`.
    """

    @property
    def key(self) -> str:
        """The rule as text, for compilers that take no Python objects."""
        return f'["eigen", {int(self.layout.rows)}]'

    def shapes(self, method: str) -> list[tuple[int, ...]]:
        """Trailing axes of each output of a method."""
        n = self.layout.rows
        if method == "curvature":
            return [()] * 3
        return [(n, 2), (4 * n, n)][: 1 + (method != "value")]

    def value(self, library: Library, X: Array) -> Array:
        """λ: (..., n, n) -> (..., n, 2)."""
        return self._mapped(library, "_value", X)

    def value_and_gradient(self, library: Library, X: Array) -> tuple[Array, Array]:
        """λ and what its derivative needs."""
        return self._mapped(library, "_value_and_gradient", X)

    def tangent(self, library: Library, gradient: Array, d_X: Array) -> Array:
        """Jvp: the real and imaginary parts of diag(X⁻¹ dA X)."""
        re, im, left_re, left_im = self._parts(gradient)
        xp, moved_re, moved_im = library.xp, d_X @ re, d_X @ im
        change_re = xp.sum(left_re * moved_re - left_im * moved_im, axis=-2)
        change_im = xp.sum(left_re * moved_im + left_im * moved_re, axis=-2)
        return xp.concat((change_re[..., None], change_im[..., None]), axis=-1)

    def cotangent(self, library: Library, gradient: Array, g: Array) -> Array:
        """Vjp: the real part of Σ_i conj(g_i) y̅_i x_iᵀ / (yᴴ x)_i, g of two real numbers."""
        re, im, left_re, left_im = self._parts(gradient)
        g_re, g_im = g[..., None, :, 0], g[..., None, :, 1]
        first, second = left_re * g_re + left_im * g_im, left_re * g_im - left_im * g_re
        transposed = library.xp.matrix_transpose
        return first @ transposed(re) + second @ transposed(im)

    def curvature(self, library: Library, X: Array) -> Any:
        """Raise: there is no second derivative."""
        raise NotDifferentiable(
            "eigcore has first derivatives of non-symmetric eigenvalues, but no second ones. "
            "Detach the argument, or use eigcore.eigenvalues of a symmetric matrix."
        )

    def gradient_tangent(self, library: Library, curvature: Any, d_X: Array) -> Array:
        """Raise: there is no second derivative."""
        return self.curvature(library, d_X)

    def gradient_cotangent(self, library: Library, curvature: Any, g: Array) -> Array:
        """Vjp of the gradient: the same."""
        return self.gradient_tangent(library, curvature, g)

    def _parts(self, gradient: Array) -> list[Array]:
        n = self.layout.rows
        return [gradient[..., k * n : (k + 1) * n, :] for k in range(4)]

    def _value(self, library: Library, A: Array, poison: Array | None) -> Array:
        lam, _ = _solved(library, A)
        return spoilt(_pair(library, lam), poison, 2)

    def _value_and_gradient(
        self, library: Library, A: Array, poison: Array | None
    ) -> tuple[Array, Array]:
        xp = library.xp
        lam, X = _solved(library, A)
        # rtol=0 inverts, and does not raise for a defective matrix, whose X is singular
        left = xp.matrix_transpose(xp.linalg.pinv(X, rtol=0.0))
        wide = xp.sum(abs(X) ** 2, axis=-2) * xp.sum(abs(left) ** 2, axis=-2)
        one = simple(library, A, lam, wide**0.5)
        parts = (xp.where(one[..., None, :], a, math.nan) for a in (xp.real(left), xp.imag(left)))
        rows = xp.concat((xp.real(X), xp.imag(X), *parts), axis=-2)
        return spoilt(_pair(library, lam), poison, 2), spoilt(rows, poison, 2)


def simple(library: Library, A: Array, lam: Array, condition: Array) -> Array:
    """Return which eigenvalues are simple to working precision: (..., n).

    Parameters
    ----------
    A, lam, condition : (..., n, n), (..., n) and (..., n) arrays
        Of each eigenvalue, the factor by which it magnifies a change of A.
    """
    xp, n = library.xp, A.shape[-1]
    eps = TIE * n * float(xp.finfo(A.dtype).eps)
    size = xp.sum(A**2, axis=(-2, -1))[..., None, None] ** 0.5
    reach = eps * size * xp.minimum(condition[..., :, None], condition[..., None, :])
    near = abs(lam[..., :, None] - lam[..., None, :]) <= reach
    return xp.sum(xp.astype(near, A.dtype), axis=-1) <= 1.0


def _solved(library: Library, A: Array) -> tuple[Array, Array]:
    """Return eigenvalues by decreasing modulus, and unit eigenvectors."""
    xp = library.xp
    eig = getattr(getattr(xp, "linalg", None), "eig", None)
    if eig is None:
        raise NotSupported(
            "The backend has no eigenvalues of non-symmetric matrices; expected linalg.eig in its "
            'array namespace. Type: backend="numpy"'
        )
    lam, X = eig(A)
    lam, X = lam + 0j, X + 0j  # NumPy returns real arrays if all eigenvalues are real
    order = xp.argsort(-abs(lam), axis=-1, stable=True)
    lam = xp.take_along_axis(lam, order, axis=-1)
    return lam, xp.take_along_axis(X, xp.broadcast_to(order[..., None, :], X.shape), axis=-1)


def _pair(library: Library, lam: Array) -> Array:
    return library.xp.concat(
        (library.xp.real(lam)[..., None], library.xp.imag(lam)[..., None]), axis=-1
    )
