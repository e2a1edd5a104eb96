"""Numbers φ(σ(X)) of singular values, with their first and second derivative.

Shapes: X (..., m, n), values (...), singular values ascending (..., r), r = min(m, n).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.core.arrays import Array, Library
from eigcore.core.functionals import Functional, divided_weights, tie_tolerance
from eigcore.core.maps import zero_tolerance
from eigcore.core.norms import PairNorm
from eigcore.core.rows import beside, spoilt
from eigcore.core.singular import Factors, Matrices, differential, factors, pair_number
from eigcore.errors import NotDifferentiable


@dataclass(frozen=True)
class ValueRule(Matrices):
    """φ(σ(X)), with its derivative U diag(∂φ/∂σ) Vᵀ. Hashable.

    Where φ has a kink the gradient is the element of least norm: the average of ∂φ/∂σ on a
    cluster, and 0 for σ = 0. Has the methods of `eigcore.core.rules.Rule`.
    """

    phi: Functional

    @property
    def portable(self) -> bool:
        """Whether φ has a name."""
        return not isinstance(self.phi, PairNorm)

    @property
    def key(self) -> str:
        """The rule as text, for compilers that take no Python objects."""
        phi, lay = self.phi, self.layout
        number = pair_number(phi.parameter) if isinstance(phi, PairNorm) else phi.parameter
        # torch.compile makes symbols of numbers seen twice; int() and float() undo that
        whole = f"{int(number)}" if isinstance(number, int) else f"{float(number or 0)}"
        text = "null" if number is None else whole
        return f'["value", {int(lay.rows)}, {int(lay.columns)}, "{phi.name}", {text}]'

    def shapes(self, method: str) -> list[tuple[int, ...]]:
        """Trailing axes of each output of a method."""
        m, n = self.tall
        if method == "curvature":
            return [(m + n, n), (2 * n + 1, n), (n, n)]
        return [(), self.layout.core][: 1 + (method != "value")]

    def value(self, library: Library, X: Array) -> Array:
        """φ: (..., m, n) -> (...)."""
        return self._mapped(library, "_value", X)

    def value_and_gradient(self, library: Library, X: Array) -> tuple[Array, Array]:
        """φ and ∂φ/∂X."""
        return self._mapped(library, "_value_and_gradient", X)

    def tangent(self, library: Library, gradient: Array, d_X: Array) -> Array:
        """Jvp of a value with known gradient."""
        return library.xp.sum(gradient * d_X, axis=(-2, -1))

    def cotangent(self, library: Library, gradient: Array, g: Array) -> Array:
        """Vjp of a value with known gradient."""
        return gradient * beside(g, 2)

    def curvature(self, library: Library, X: Array) -> tuple[Array, Array, Array]:
        """Return what the second derivative needs: U over V, then Φ⁻, Φ⁺ and h, and ∂²φ/∂σ².

        The gradient is a spectral map with weights ∂φ/∂σ that depend on all of σ, so its change has
        the diagonal ∂²φ/∂σ² · diag UᵀEV instead of f′ (Lewis & Sendov 2001). NaN where the
        gradient is a subgradient: there φ has no second derivative.
        """
        return self._mapped(library, "_curvature", X)

    def gradient_tangent(self, library: Library, curvature: Any, d_X: Array) -> Array:
        """Change of ∂φ/∂X along d_X; its vjp is the same, since the Hessian is symmetric."""
        (basis, tables, bend), (m, n) = curvature, self.tall
        U, V, E = basis[..., :m, :], basis[..., m:, :], self._turned(library, d_X)
        minus, plus, h = tables[..., :n, :], tables[..., n:-1, :], tables[..., -1:, :]
        own = library.xp.sum(U * (E @ V), axis=-2)
        diagonal = (bend @ own[..., None])[..., 0]
        change = differential(library, U, V, minus, plus, h, E)
        change = change + (U * diagonal[..., None, :]) @ library.xp.matrix_transpose(V)
        return self._turned(library, change)

    def gradient_cotangent(self, library: Library, curvature: Any, g: Array) -> Array:
        """Vjp of the gradient: the same."""
        return self.gradient_tangent(library, curvature, g)

    def _ascending(self, library: Library, X: Array) -> Factors:
        """Return the n singular triplets, ascending."""
        (U, s, V, copies), n = factors(library, X), self.tall[1]
        if copies == 2:
            # the unit vectors (u; v)/√2 of the n largest eigenvalues
            root = 2.0**0.5
            return Factors(U[..., -n:] * root, abs(s[..., -n:]), V[..., -n:] * root, 2)
        turn = library.asarray(np.arange(n - 1, -1, -1), like=s)
        U, s, V = (library.xp.take(a, turn, axis=-1) for a in (U, s, V))
        return Factors(U, s, V, 1)

    def _weights(self, library: Library, s: Array) -> Array:
        zero = s <= zero_tolerance(library, s, self.tall[0])
        return library.xp.where(zero, 0.0, self.phi.weights(library, s))

    def _value(self, library: Library, X: Array, poison: Array | None) -> Array:
        return spoilt(self.phi.value(library, self._ascending(library, X).s), poison)

    def _value_and_gradient(
        self, library: Library, X: Array, poison: Array | None
    ) -> tuple[Array, Array]:
        U, s, V, _ = self._ascending(library, X)
        G = (U * self._weights(library, s)[..., None, :]) @ library.xp.matrix_transpose(V)
        gradient = self._turned(library, G)
        return spoilt(self.phi.value(library, s), poison), spoilt(gradient, poison, 2)

    def _curvature(
        self, library: Library, X: Array, poison: Array | None
    ) -> tuple[Array, Array, Array]:
        U, s, V, copies = self._ascending(library, X)
        if copies == 2:
            raise NotDifferentiable(
                "The backend has no singular value decomposition of its own, so there is no second "
                "derivative of spectral_value. Expected Backend.svd; use torch or JAX."
            )
        xp, phi = library.xp, self.phi
        w, raw = self._weights(library, s), phi.raw_weights(library, s)
        bend = phi.curvature(library, s)
        rounding = 8 * self.tall[0] * float(xp.finfo(s.dtype).eps)
        chosen = xp.sum(abs(w - raw), axis=-1) > rounding * xp.sum(abs(raw), axis=-1)
        chosen = chosen | (s[..., -1] == 0)
        eye = library.asarray(np.eye(self.tall[1]), like=s)
        own, tie = xp.sum(bend * eye, axis=-1), tie_tolerance(xp, s)
        total = s[..., :, None] + s[..., None, :]
        none = total <= tie[..., None]
        minus = divided_weights(library, w, s, bend) * (1.0 - eye)
        mean = (w[..., :, None] + w[..., None, :]) / xp.where(none, 1.0, total)
        plus = xp.where(none, own[..., None] + bend, mean)
        h = xp.where(s <= tie, own, w / xp.where(s <= tie, 1.0, s))
        tables = xp.concat((minus, plus, h[..., None, :]), axis=-2)
        tables = xp.where(chosen[..., None, None], math.nan, tables)
        return xp.concat((U, V), axis=-2), spoilt(tables, poison, 2), bend
