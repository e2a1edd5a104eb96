"""Several eigenvalues of one matrix from one eigensolve, with first and second derivatives.

Where `Rule` has a gradient ∂φ/∂p, `Spectrum` has a *frame*: the eigenvectors V, and below them the
weights Q with which the changes of all eigenvalues enter the values. It is of size O(d²) for all
values together, and dλ = Q diag(Vᵀ dM V), ∂⟨g, λ⟩/∂M = V diag(Qᵀ g) Vᵀ (Magnus 1985).

Shapes: p (..., d, d), or (..., K) in a packed layout; values (..., m); frame (..., d + m, d).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np

from eigcore.core import functionals
from eigcore.core.arrays import Array, Library
from eigcore.core.functionals import Functional
from eigcore.core.packing import Layout, square
from eigcore.core.rows import spoilt
from eigcore.core.rules import Curvature, Rule, bands, matrix, packed_gradient


@final
@dataclass(frozen=True)
class Several(Functional):
    """λ_lo, …, λ_hi; parameter = (lo, hi, copies).

    With copies = 2 the matrix is the real form of a Hermitian one, in which each eigenvalue occurs
    twice (`embedded`), and the index counts those of the Hermitian matrix.
    """

    name = "several"

    @property
    def size(self) -> int:
        """Number m of values."""
        return self.parameter[1] - self.parameter[0] + 1

    @property
    def window(self) -> tuple[int, int]:
        """First and last index among all eigenvalues of the matrix."""
        lo, hi, copies = self.parameter
        return lo * copies, (hi + 1) * copies - 1

    def value(self, backend: Library, lam: Array) -> Array:
        """Return the values (..., m) from the eigenvalues of the window."""
        xp, copies = backend.xp, self.parameter[2]
        return xp.sum(xp.reshape(lam, (*lam.shape[:-1], self.size, copies)), axis=-1) / copies

    def raw_weights(self, backend: Library, lam: Array) -> Array:
        """Return the weights of the values as if all eigenvalues were simple: (m, d)."""
        lo, hi, copies = self.parameter
        rows = np.eye(self.dim // copies)[lo : hi + 1]
        return backend.asarray(np.kron(rows, np.full((1, copies), 1 / copies)), like=lam)

    def near(self, backend: Library, lam: Array) -> Array:
        """Return which eigenvalues are tied, each with itself and its copy: (..., d, d)."""
        number = np.arange(self.dim) // self.parameter[2]
        same = backend.asarray(number[:, None] == number, like=lam)
        gap = abs(lam[..., :, None] - lam[..., None, :])
        return (gap <= functionals.tie_tolerance(backend.xp, lam)[..., None]) | same

    def weights(self, backend: Library, lam: Array) -> Array:
        """Return the weights of the values with the tie rule of λ_k: (..., m, d)."""
        one = backend.xp.astype(self.near(backend, lam), lam.dtype)
        mean = one / backend.xp.sum(one, axis=-1, keepdims=True)
        return self.raw_weights(backend, lam) @ mean

    def turns(self, backend: Library, lam: Array) -> Array:
        """Return 1/(λ_j − λ_i): (..., d, d), which turns eigenvector j towards i.

        0 for equal eigenvalues outside the window, on which nothing depends, and for copies; NaN
        where a tie of the window has no second derivative.
        """
        (lo, hi), place = self.window, np.arange(self.dim)
        number, inside = place // self.parameter[2], (place >= lo) & (place <= hi)
        chosen = (inside[:, None] | inside) & (number[:, None] != number)
        none = backend.asarray(np.where(chosen, math.nan, 0.0), like=lam)
        where, near = backend.xp.where, self.near(backend, lam)
        gap = where(near, 1.0, lam[..., None, :] - lam[..., :, None])
        return where(near, none, 1.0 / gap)


class Spectrum(Rule):
    """λ_lo … λ_hi as a function of matrices in a layout; `phi` is a `Several`."""

    phi: Several

    def shapes(self, method: str) -> list[tuple[int, ...]]:
        """Trailing axes of each output of a method; the gradient is the frame."""
        d, m = self.layout.dim, self.phi.size
        if method == "curvature":
            return [(d, d)] * 3
        return [(m,), (d + m, d)][: 1 + (method != "value")]

    def tangent(self, library: Library, gradient: Array, d_p: Array) -> Array:
        """Jvp of the values with known frame: (..., d + m, d), like p -> (..., m)."""
        V, Q = self._parts(gradient)
        change = library.xp.sum(V * (matrix(library, self.layout, d_p) @ V), axis=-2)
        return (Q @ change[..., None])[..., 0]

    def cotangent(self, library: Library, gradient: Array, g: Array) -> Array:
        """Vjp of the values with known frame: (..., d + m, d), (..., m) -> like p."""
        V, Q = self._parts(gradient)
        change = (V * (g[..., None, :] @ Q)) @ library.xp.matrix_transpose(V)
        return packed_gradient(library, self.layout, change)

    def curvature(self, library: Library, p: Array) -> Curvature:
        """Return V, the rates at which eigenvectors turn, and zeros: three arrays (..., d, d).

        dV = V (T∘(Vᵀ dM V)) with T_ij = 1/(λ_j − λ_i) (Magnus 1985).
        """
        p, poison = self._clean(library, p)
        lam, V = self._solved(library, p)
        return V, spoilt(self.phi.turns(library, lam), poison, 2), 0.0 * V

    def gradient_tangent(self, library: Library, curvature: Curvature, d_p: Array) -> Array:
        """Change of the frame along dp, linear in dp."""
        xp, (V, turns, _) = library.xp, curvature
        inner = xp.matrix_transpose(V) @ matrix(library, self.layout, d_p) @ V
        turned = V @ (turns * inner)
        still = library.asarray(np.zeros((self.phi.size, self.layout.dim)), like=V)
        still = xp.broadcast_to(still, (*turned.shape[:-2], *still.shape))
        return xp.concat((turned, still), axis=-2)

    def gradient_cotangent(self, library: Library, curvature: Curvature, g: Array) -> Array:
        """Vjp of the frame: its adjoint."""
        V, turns, _ = curvature
        Vt = library.xp.matrix_transpose(V)
        turned = V @ (turns * (Vt @ g[..., : self.layout.dim, :])) @ Vt
        half = 0.5 * turned
        symmetric = half + library.xp.matrix_transpose(half)
        return packed_gradient(library, self.layout, symmetric)

    def _parts(self, frame: Array) -> tuple[Array, Array]:
        return frame[..., : self.layout.dim, :], frame[..., self.layout.dim :, :]

    def _value(self, library: Library, p: Array) -> Array:
        p, poison = self._clean(library, p)
        return spoilt(self.phi.value(library, self._window(library, p)), poison, 1)

    def _window(self, library: Library, p: Array) -> Array:
        lo, hi = self.phi.window
        if self.layout.bandwidth == 0:
            return self._solved(library, p)[0][..., lo : hi + 1]
        if self.layout.bandwidth == 1 and self.layout.dim > 2:
            return library.eigenvalues_tridiagonal(*bands(self.layout, p), lo, hi)
        return library.eigenvalues(matrix(library, self.layout, p), lo, hi)

    def _value_and_gradient(self, library: Library, p: Array) -> tuple[Array, Array]:
        p, poison = self._clean(library, p)
        lam, V = self._solved(library, p)
        lo, hi = self.phi.window
        values = self.phi.value(library, lam[..., lo : hi + 1])
        frame = library.xp.concat((V, self.phi.weights(library, lam)), axis=-2)
        return spoilt(values, poison, 1), spoilt(frame, poison, 2)


def spectrum_of(layout: Layout, lo: int, hi: int, copies: int = 1) -> Spectrum:
    """Return the rule of λ_lo … λ_hi of matrices in a layout."""
    return Spectrum(layout, Several(layout.dim, (lo, hi, copies)))


@lru_cache(maxsize=1024)
def spectrum(dim: int, lo: int, hi: int, copies: int = 1) -> Spectrum:
    """Return the rule of λ_lo … λ_hi of whole matrices; one object per rule, as `kth_rule`."""
    return spectrum_of(square(dim), lo, hi, copies)


def embedded(library: Library, M: Array) -> Array:
    """Return the real form [[Re M, −Im M], [Im M, Re M]] of complex matrices: (..., 2d, 2d).

    It is symmetric if M is Hermitian, and each eigenvalue of M occurs twice in it.
    """
    xp = library.xp
    re, im = xp.real(M), xp.imag(M)
    rows = xp.concat((re, -im), axis=-1), xp.concat((im, re), axis=-1)
    return xp.concat(rows, axis=-2)
