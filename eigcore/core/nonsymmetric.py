"""Eigenvalues of real matrices that are not symmetric, and their derivative.

A simple eigenvalue with A x = λ x and yᴴ A = λ yᴴ changes by dλ = yᴴ dA x / (yᴴ x) (Wilkinson 1965,
chapter 2). The rows of X⁻¹ are the yᴴ with yᴴ x = 1.

Shapes: A (..., n, n); values (..., n, 2), real and imaginary parts; gradient (..., 4n, n), the real
and imaginary parts of X and of (X⁻¹)ᵀ.
"""

from __future__ import annotations

import math
from typing import Any

from eigcore.core.arrays import Array, Library, Namespace
from eigcore.core.functionals import TIE
from eigcore.core.rows import spoilt
from eigcore.core.singular import Matrices
from eigcore.errors import NotDifferentiable, NotSupported


class EigenRule(Matrices):
    """All eigenvalues of A, in the order of `ordered`. Hashable.

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
        re, im = xp.real(X), xp.imag(X)
        left_re, left_im = _inverse(xp, re, im)
        squares = xp.sum(re**2 + im**2, axis=-2) * xp.sum(left_re**2 + left_im**2, axis=-2)
        one = simple(library, A, lam, squares**0.5)
        parts = (xp.where(one[..., None, :], a, math.nan) for a in (left_re, left_im))
        rows = xp.concat((re, im, *parts), axis=-2)
        return spoilt(_pair(library, lam), poison, 2), spoilt(rows, poison, 2)


def _inverse(xp: Namespace, re: Array, im: Array) -> tuple[Array, Array]:
    """Return the real and imaginary parts of (X⁻¹)ᵀ, from the real form [[re, −im], [im, re]]."""
    # in torch's compiled code, pinv of complex matrices forgets that a factor is conjugated:
    # https://github.com/pytorch/pytorch/issues/145093
    n, upper = re.shape[-1], xp.concat((re, -im), axis=-1)
    # rtol=0 inverts, and does not raise for a defective matrix, whose X is singular
    whole = xp.linalg.pinv(xp.concat((upper, xp.concat((im, re), axis=-1)), axis=-2), rtol=0.0)
    return xp.matrix_transpose(whole[..., :n, :n]), xp.matrix_transpose(whole[..., n:, :n])


def simple(library: Library, A: Array, lam: Array, condition: Array) -> Array:
    """Return which eigenvalues are simple to working precision: (..., n).

    Parameters
    ----------
    A, lam, condition : (..., n, n), (..., n) and (..., n) arrays
        Of each eigenvalue, the factor by which it magnifies a change of A.
    """
    xp = library.xp
    least = xp.minimum(condition[..., :, None], condition[..., None, :])
    reach = _rounding(xp, A)[..., None, None] * least
    near = abs(lam[..., :, None] - lam[..., None, :]) <= reach
    return xp.sum(xp.astype(near, A.dtype), axis=-1) <= 1.0


def _rounding(xp: Namespace, A: Array) -> Array:
    """Return 8nε‖A‖_F, without overflow: (..., n, n) -> (...)."""
    largest = xp.max(abs(A), axis=(-2, -1))
    safe = xp.where(largest > 0, largest, 1.0)[..., None, None]
    eps = TIE * A.shape[-1] * float(xp.finfo(A.dtype).eps)
    return eps * largest * xp.sum((A / safe) ** 2, axis=(-2, -1)) ** 0.5


def ordered(xp: Namespace, A: Array, lam: Array) -> Array:
    """Return the places of eigenvalues by decreasing modulus, then real, then imaginary part.

    Moduli that differ by no more than 8nε‖A‖_F are equal, so that rounding does not choose between
    1 and −1.

    Parameters
    ----------
    xp : namespace
    A, lam : (..., n, n) and (..., n) arrays

    Returns
    -------
    (..., n) array of integers
    """
    slack = _rounding(xp, A)[..., None]
    order = xp.argsort(-abs(lam), axis=-1, stable=True)
    sizes = xp.take_along_axis(abs(lam), order, axis=-1)
    falls = xp.astype(sizes[..., :-1] - sizes[..., 1:] > slack, A.dtype)
    level = xp.cumulative_sum(xp.concat((0.0 * sizes[..., :1], falls), axis=-1), axis=-1)
    for key in (-xp.imag(lam), -xp.real(lam), None):
        keys = level if key is None else xp.take_along_axis(key, order, axis=-1)
        turn = xp.argsort(keys, axis=-1, stable=True)
        order, level = (xp.take_along_axis(a, turn, axis=-1) for a in (order, level))
    return order


def _solved(library: Library, A: Array) -> tuple[Array, Array]:
    """Return eigenvalues in order, and unit eigenvectors."""
    xp = library.xp
    eig = getattr(getattr(xp, "linalg", None), "eig", None)
    if eig is None:
        raise NotSupported(
            "The backend has no eigenvalues of non-symmetric matrices; expected linalg.eig in its "
            'array namespace. Type: backend="numpy"'
        )
    lam, X = eig(A)
    lam, X = lam + 0j, X + 0j  # NumPy returns real arrays if all eigenvalues are real
    order = ordered(xp, A, lam)
    lam = xp.take_along_axis(lam, order, axis=-1)
    return lam, xp.take_along_axis(X, xp.broadcast_to(order[..., None, :], X.shape), axis=-1)


def _pair(library: Library, lam: Array) -> Array:
    return library.xp.concat(
        (library.xp.real(lam)[..., None], library.xp.imag(lam)[..., None]), axis=-1
    )
