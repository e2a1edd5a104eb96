"""Spectral maps: functions of singular values, and their derivative.

F(X) = U diag(f(σ)) Vᵀ changes along E by (Daleckii & Krein 1965, for the Jordan–Wielandt matrix
[[0, X], [Xᵀ, 0]], whose eigenvalues are ±σ)

    dF = U [Φ⁻∘S + Φ⁺∘K] Vᵀ + (I − UUᵀ) E V diag(h) Vᵀ,

S and K the symmetric and the antisymmetric part of UᵀEV, m ≥ n, Φ⁻_ij and Φ⁺_ij the divided
differences of f at (σ_i, σ_j) and (σ_i, −σ_j), h_i that at (σ_i, 0). The map E ↦ dF is
self-adjoint. The same formula holds for symmetric matrices, with U = V their eigenvectors, Φ⁺ = 0
and h = 0; and for the eigenvectors (U; V) of the Jordan–Wielandt matrix, with Φ⁻ doubled.

Shapes: X, F (..., m, n); U (..., m, r), V (..., n, r), numbers (..., r).
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eigcore.core.arrays import Array, Library
from eigcore.core.differences import Differences
from eigcore.core.maps import Function, Pair
from eigcore.core.packing import Whole
from eigcore.core.rows import clean, spoilt
from eigcore.errors import NotDifferentiable

PAIRS: list[tuple[Any, ...]] = []
"""Functions of the caller that are part of a key: compiled programs refer to them by number."""


def pair_number(functions: tuple[Any, ...]) -> int:
    """Return the place of functions among `PAIRS`."""
    if functions not in PAIRS:
        PAIRS.append(functions)
    return PAIRS.index(functions)


class Factors(NamedTuple):
    """X = Σ_j s_j u_j v_jᵀ, m ≥ n; copies = 2 for Jordan–Wielandt eigenvectors."""

    U: Array
    s: Array
    V: Array
    copies: int


def factors(library: Library, X: Array) -> Factors:
    """Return the singular value decomposition of X, m ≥ n, or its Jordan–Wielandt eigenvectors."""
    found = library.svd(X)
    if found is not None:
        return Factors(found[0], found[1], library.xp.matrix_transpose(found[2]), 1)
    m, n = X.shape[-2:]
    corners = [library.asarray(np.zeros((k, k)), like=X) for k in (m, n)]
    corners = [library.xp.broadcast_to(a, (*X.shape[:-2], *a.shape)) for a in corners]
    upper = library.xp.concat((corners[0], X), axis=-1)
    lower = library.xp.concat((library.xp.matrix_transpose(X), corners[1]), axis=-1)
    s, W = library.eigenpairs(library.xp.concat((upper, lower), axis=-2), 0, m + n - 1)
    return Factors(W[..., :m, :], s, W[..., m:, :], 2)


@dataclass(frozen=True)
class Matrices(abc.ABC):
    """What functions of one matrix X share: bad rows, and wide matrices, which are transposed."""

    layout: Whole

    @property
    def portable(self) -> bool:
        """Whether it takes arrays of any library: functions of the caller take only their own."""
        return True

    @property
    def tall(self) -> tuple[int, int]:
        """Sizes of X or Xᵀ, rows first, rows ≥ columns."""
        m, n = self.layout.core
        return max(m, n), min(m, n)

    def _mapped(self, library: Library, name: str, X: Array) -> Any:
        m, n = self.tall
        work = getattr(self, name)

        def rows(X: Array) -> Any:
            X, poison = clean(library, X, 2)
            return work(library, self._turned(library, X), poison)

        return library.map_rows(rows, X, 2, 4 * m * n + 12 * n * n)

    def _turned(self, library: Library, X: Array) -> Array:
        """X with rows ≥ columns, and back."""
        tall = self.layout.rows >= self.layout.columns
        return X if tall else library.xp.matrix_transpose(X)

    @abc.abstractmethod
    def value(self, library: Library, X: Array) -> Array:
        """Return the function of X."""


@dataclass(frozen=True)
class MapRule(Matrices):
    """F(X), or f(A) of the symmetric part of A, with its derivative. Hashable.

    Has the methods of `eigcore.core.rules.Rule`: its gradient is an array (..., m + n + 2r + 1, r),
    rows U, V, Φ⁻, Φ⁺ and h, of which `tangent` and `cotangent` are linear in the other argument.
    """

    f: Function

    @property
    def portable(self) -> bool:
        """Whether f has a name."""
        return not isinstance(self.f, Pair)

    @property
    def key(self) -> str:
        """The rule as text, for compilers that take no Python objects."""
        f, lay = self.f, self.layout
        if isinstance(f, Pair):
            numbers = f"{pair_number(f.parameters)}"
        else:
            numbers = ", ".join("null" if a is None else f"{float(a)}" for a in f.parameters)
        sizes = f"{int(lay.rows)}, {int(lay.columns)}, {int(lay.symmetric)}"
        return f'["map", {sizes}, "{f.name}", [{numbers}]]'

    def shapes(self, method: str) -> list[tuple[int, ...]]:
        """Trailing axes of each output of a method, for a library that has `svd`."""
        m, n = self.tall
        whole = (self.layout.rows, self.layout.columns)
        if method == "value":
            return [whole]
        if method == "value_and_gradient":
            return [whole, (m + 3 * n + 1, n)]
        return [()] * 3

    def value(self, library: Library, X: Array) -> Array:
        """F: (..., m, n) -> (..., m, n)."""
        return self._mapped(library, "_value", X)

    def value_and_gradient(self, library: Library, X: Array) -> tuple[Array, Array]:
        """F and what its derivative needs."""
        return self._mapped(library, "_value_and_gradient", X)

    def tangent(self, library: Library, gradient: Array, d_X: Array) -> Array:
        """DF(X)[d_X]."""
        return self.cotangent(library, gradient, d_X)

    def cotangent(self, library: Library, gradient: Array, g: Array) -> Array:
        """DF(X)*[g] = DF(X)[g]."""
        m, n = self.tall
        r = gradient.shape[-1]
        U, V = gradient[..., :m, :], gradient[..., m : m + n, :]
        minus, plus = gradient[..., -2 * r - 1 : -r - 1, :], gradient[..., -r - 1 : -1, :]
        h, E = gradient[..., -1:, :] if m > n else None, self._turned(library, g)
        plus = None if self.layout.symmetric else plus
        return self._turned(library, differential(library, U, V, minus, plus, h, E))

    def curvature(self, library: Library, X: Array) -> Any:
        """Raise: there is no second derivative."""
        raise NotDifferentiable(
            "eigcore has first derivatives of spectral_map and matrix_function, but no second "
            "ones. Use spectral_value where the map is the gradient of a number, or detach the "
            "argument."
        )

    def gradient_tangent(self, library: Library, curvature: Any, d_X: Array) -> Array:
        """Raise: there is no second derivative."""
        return self.curvature(library, d_X)

    def gradient_cotangent(self, library: Library, curvature: Any, g: Array) -> Array:
        """Vjp of the gradient: the same."""
        return self.gradient_tangent(library, curvature, g)

    def _solved(self, library: Library, X: Array) -> tuple[Factors, Differences]:
        m, n = self.tall
        if self.layout.symmetric:
            half = 0.5 * X
            M = half + library.xp.matrix_transpose(half)
            s, V = library.eigenpairs(M, 0, n - 1)
            found = Factors(V, s, V, 1)
        else:
            found = factors(library, X)
        signed = self.layout.symmetric or found.copies == 2
        return found, Differences(library, self.f, found.s, m, found.copies, signed)

    def _value(self, library: Library, X: Array, poison: Array | None) -> Array:
        found, f = self._solved(library, X)
        F = (found.U * f.values[..., None, :]) @ library.xp.matrix_transpose(found.V)
        return spoilt(self._turned(library, F), poison, 2)

    def _value_and_gradient(
        self, library: Library, X: Array, poison: Array | None
    ) -> tuple[Array, Array]:
        (U, s, V, copies), f = self._solved(library, X)
        F = (U * f.values[..., None, :]) @ library.xp.matrix_transpose(V)
        minus, (m, n) = copies * f.table(), self.tall
        if self.layout.symmetric or copies == 2:
            plus, h = 0.0 * minus, 0.0 * s
        else:
            plus, h = f.plus, f.rates() if m > n else 0.0 * s
        gradient = library.xp.concat((U, V, minus, plus, h[..., None, :]), axis=-2)
        return spoilt(self._turned(library, F), poison, 2), spoilt(gradient, poison, 2)


def differential(
    library: Library,
    U: Array,
    V: Array,
    minus: Array,
    plus: Array | None,
    h: Array | None,
    E: Array,
) -> Array:
    """dF along E, by the formula of this module; h (..., 1, r). None stands for zeros."""
    transposed, moved = library.xp.matrix_transpose, E @ V
    inner = transposed(U) @ moved
    turned = transposed(inner)
    change = minus * (inner + turned)
    if plus is not None:
        change = change + plus * (inner - turned)
    change = 0.5 * change
    if h is None:
        return U @ change @ transposed(V)
    return (U @ (change - inner * h) + moved * h) @ transposed(V)
