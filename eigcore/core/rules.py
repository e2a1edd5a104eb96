"""The calculus of eigenvalue models: the only derivatives written in the project.

A model value is φ(λ(M(p))), p the numbers of a matrix in some layout. `Rule` is φ∘λ∘M as a function
of p, with its first and second derivative; `eigcore.core.sources` supplies p.

Shapes: p (..., K), or (..., d, d) in the layout "square"; values (...); gradients like p; M and
V (..., d, d).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from eigcore.core import functionals
from eigcore.core.arrays import Array, Library
from eigcore.core.functionals import Functional, Kth
from eigcore.core.packing import SQRT_HALF, Layout
from eigcore.core.rows import beside, clean, spoilt
from eigcore.core.sources import Answer, Matrices, Pencil, Source, Want
from eigcore.core.spec import EigSpec

NAN = math.nan
Curvature = tuple[Array, Array, Array]
"""V, divided differences, ∂²φ/∂λ²: three arrays (..., d, d)."""


def matrix(library: Library, lay: Layout, p: Array) -> Array:
    """M(p): p -> (..., d, d)."""
    xp, d = library.xp, lay.dim
    if lay.kind == "square":
        half = 0.5 * p
        return half + xp.matrix_transpose(half)
    if lay.kind == "full":
        half = 0.5 * xp.reshape(p, (*p.shape[:-1], d, d))
        return half + xp.matrix_transpose(half)
    places = library.place(lay, p)
    entries = xp.take(p, places.gather, axis=-1) * places.gather_factor
    return xp.reshape(entries, (*p.shape[:-1], d, d))


def packed_gradient(library: Library, lay: Layout, G: Array) -> Array:
    """Adjoint of `matrix` on symmetric G: (..., d, d) -> the shape of p."""
    if lay.kind == "square":
        return G
    flat = library.xp.reshape(G, (*G.shape[:-2], lay.dim**2))
    if lay.kind == "full":
        return flat
    places = library.place(lay, G)
    return library.xp.take(flat, places.scatter, axis=-1) * places.scatter_factor


def bands(lay: Layout, p: Array) -> tuple[Array, Array]:
    """Diagonal (..., d) and subdiagonal (..., d − 1) of a tridiagonal layout."""
    if lay.kind == "pair":
        return p[..., : lay.dim], p[..., lay.dim :]
    return p[..., ::2], p[..., 1::2] * SQRT_HALF


@dataclass(frozen=True)
class Rule:
    """φ(λ(M(p))) as a function of p, with derivatives. Hashable.

    Rows of p that are not finite give NaN and do not affect other rows; eager callers turn this
    into an error (`eigcore.api`).

    Parameters
    ----------
    layout : Layout
        p ↦ M(p).
    phi : Functional
        λ ↦ φ(λ).
    """

    layout: Layout
    phi: Functional

    @property
    def key(self) -> str:
        """The rule as JSON, for compilers that take no Python objects."""
        # torch.compile makes symbols of numbers seen twice; int() and float() undo that
        lay, parameter = self.layout, self.phi.parameter
        many = isinstance(parameter, tuple)
        numbers = [
            f"{float(a) if isinstance(a, float) else int(a)}"
            for a in (parameter if many else (parameter,))
        ]
        text = f"[{', '.join(numbers)}]" if many else numbers[0]
        sizes = f"{int(lay.dim)}, {int(lay.bandwidth)}"
        return f'[{sizes}, "{lay.kind}", "{self.phi.name}", {text}]'

    def shapes(self, method: str) -> list[tuple[int, ...]]:
        """Trailing axes of each output of "value", "value_and_gradient" or "curvature"."""
        square = (self.layout.dim, self.layout.dim)
        return {
            "value": [()],
            "value_and_gradient": [(), self.layout.core],
            "curvature": [square] * 3,
        }[method]

    # -- the answers for a source: from a kernel, or composed from the eigenpairs of the backend

    def solve(self, library: Library, source: Source, want: Want) -> Answer:
        """Return the values of a source and the field wanted, from a kernel if there is one."""
        found = library.kernel(self, source, want)
        if found is not None:
            return found
        if isinstance(source, Matrices):
            return self.composed(library, source.p, want)
        return self.formed(library, source, lambda p: self.solve(library, p, want))

    def formed(self, library: Library, source: Any, answer: Callable[[Matrices], Any]) -> Any:
        """Return an answer about the matrices of a source as one about the source itself."""
        found = answer(Matrices(source.assembled(library)))
        if found is None or found.pullback is None:
            return found
        pull = found.pullback

        def pullback(g: Array, wanted: Sequence[bool] = (True, True)) -> tuple[Array, ...]:
            options = {"with_x": wanted[1]} if isinstance(source, Pencil) else {}
            return source.pulled_back(library, pull(g)[0], **options)

        return found._replace(pullback=pullback)

    def composed(self, library: Library, p: Array, want: Want) -> Answer:
        """Like `solve`, but from the eigenpairs of the backend, in chunks."""
        if want == "values":
            return Answer(self._mapped(library, self._value, p))
        if want == "vectors":
            return Answer(*self._mapped(library, self._eigenpair, p))
        values, gradient = self._mapped(library, self._value_and_gradient, p)
        if want == "gradient":
            return Answer(values, gradient=gradient)
        return Answer(values, pullback=lambda g: (self.cotangent(library, gradient, g),))

    def value(self, library: Library, p: Array) -> Array:
        """φ: p -> (...)."""
        return self.solve(library, Matrices(p), "values").values

    def value_and_gradient(self, library: Library, p: Array) -> tuple[Array, Array]:
        """φ and ∂φ/∂p, from one eigensolve: p -> (...), like p.

        ∂φ/∂M = V diag(w) Vᵀ (Magnus 1985; ties: `eigcore.core.functionals`).
        """
        found = self.solve(library, Matrices(p), "gradient")
        return found.values, found.gradient

    def eigenpair(self, library: Library, p: Array) -> tuple[Array, Array]:
        """λ_k and a unit vector, for φ = λ_k: p -> (...), (..., d)."""
        found = self.solve(library, Matrices(p), "vectors")
        return found.values, found.vectors

    # -- first derivative: dφ = ⟨gradient, dp⟩

    def tangent(self, library: Library, gradient: Array, d_p: Array) -> Array:
        """Jvp of a value with known gradient: like p, like p -> (...)."""
        return library.xp.sum(gradient * d_p, axis=self._axes)

    def cotangent(self, library: Library, gradient: Array, g: Array) -> Array:
        """Vjp of a value with known gradient: like p, (...) -> like p."""
        return gradient * beside(g, len(self._axes))

    # -- second derivative

    def curvature(self, library: Library, p: Array) -> Curvature:
        """Return what the second derivative needs: V, divided differences, ∂²φ/∂λ².

        Three arrays (..., d, d). With Δ̃ = Vᵀ dM V the change of the gradient is
        V (D∘Δ̃ + diag(φ″ diag Δ̃)) Vᵀ, where D_ij = (w_i − w_j)/(λ_i − λ_j), and φ″_ii − φ″_ij at
        equal eigenvalues (Lewis & Sendov 2001). NaN where the tie rule chose a subgradient:
        there φ has no second derivative.
        """
        xp = library.xp
        p, poison = self._clean(library, p)
        lam, V = self._solved(library, p)
        w, raw = self.phi.weights(library, lam), self.phi.raw_weights(library, lam)
        bend = self.phi.curvature(library, lam)
        rounding = 8 * self.layout.dim * float(xp.finfo(w.dtype).eps)
        chosen = xp.sum(abs(w - raw), axis=-1) > rounding * xp.sum(abs(raw), axis=-1)
        divided = functionals.divided_weights(library, raw, lam, bend)
        divided = xp.where(chosen[..., None, None], NAN, divided)
        return V, spoilt(divided, poison, 2), bend

    def gradient_tangent(self, library: Library, curvature: Curvature, d_p: Array) -> Array:
        """Change of ∂φ/∂p along dp, linear in dp."""
        xp, (V, divided, bend) = library.xp, curvature
        Vt = xp.matrix_transpose(V)
        rotated = Vt @ matrix(library, self.layout, d_p) @ V
        eye = library.asarray(np.eye(self.layout.dim), like=V)
        own = xp.sum(rotated * eye, axis=-1)[..., None]
        change = divided * rotated * (1.0 - eye) + (bend @ own) * eye
        return packed_gradient(library, self.layout, V @ change @ Vt)

    def gradient_cotangent(self, library: Library, curvature: Curvature, g: Array) -> Array:
        """Vjp of ∂φ/∂p: the same, since the Hessian is symmetric."""
        return self.gradient_tangent(library, curvature, g)

    # -- eigenpairs of rows that may not be finite

    @property
    def _axes(self) -> tuple[int, ...]:
        """Axes of p that belong to one matrix."""
        return tuple(range(-len(self.layout.core), 0))

    def _mapped(self, library: Library, function: Callable[..., Any], p: Array) -> Any:
        # M, V, V·w and the gradient; the Moreau envelope sorts by comparing all pairs.
        entries = self.layout.dim**2 * (8 if self.phi.name == "smooth" else 5)
        core = len(self.layout.core)
        return library.map_rows(lambda q: function(library, q), p, core, entries)

    def _value(self, library: Library, p: Array) -> Array:
        p, poison = self._clean(library, p)
        return spoilt(self.phi.value(library, self._eigenvalues(library, p)), poison)

    def _value_and_gradient(self, library: Library, p: Array) -> tuple[Array, Array]:
        p, poison = self._clean(library, p)
        lam, V = self._solved(library, p)
        w = self.phi.weights(library, lam)
        G = (V * w[..., None, :]) @ library.xp.matrix_transpose(V)
        gradient = packed_gradient(library, self.layout, G)
        values = self.phi.value(library, lam)
        return spoilt(values, poison), spoilt(gradient, poison, len(self._axes))

    def _eigenpair(self, library: Library, p: Array) -> tuple[Array, Array]:
        k = self.phi.parameter
        p, poison = self._clean(library, p)
        lam, V = library.eigenpairs(matrix(library, self.layout, p), k, k)
        return spoilt(lam[..., 0], poison), spoilt(V[..., :, 0], poison, 1)

    def _clean(self, library: Library, p: Array) -> tuple[Array, Array | None]:
        return clean(library, p, len(self._axes))

    def _eigenvalues(self, library: Library, p: Array) -> Array:
        d, width = self.layout.dim, self.layout.bandwidth
        if width == 0:
            return self._solved(library, p)[0]
        if width == 1 and d > 2:
            return library.eigenvalues_tridiagonal(*bands(self.layout, p), 0, d - 1)
        return library.eigenvalues(matrix(library, self.layout, p), 0, d - 1)

    def _solved(self, library: Library, p: Array) -> tuple[Array, Array]:
        """All eigenpairs, ascending: p -> (..., d), (..., d, d)."""
        xp, d, width = library.xp, self.layout.dim, self.layout.bandwidth
        if width == 0 and len(self._axes) == 1 and self.layout.kind != "full":
            order = xp.argsort(p, axis=-1)
            place = library.asarray(np.arange(d)[:, None], like=order)
            V = xp.astype(order[..., None, :] == place, p.dtype)
            return xp.sum(V * p[..., :, None], axis=-2), V
        if width == 1 and d > 2:
            return library.eigenpairs_tridiagonal(*bands(self.layout, p), 0, d - 1)
        return library.eigenpairs(matrix(library, self.layout, p), 0, d - 1)


def rule_of(spec: EigSpec) -> Rule:
    """Return the rule of one member of a model."""
    return Rule(spec.layout, spec.phi)


@lru_cache(maxsize=1024)
def kth_rule(kind: str, dim: int, k: int) -> Rule:
    """Return the rule of the k-th eigenvalue in the layout "square" or "pair".

    There is one object per rule, so that the cache of a compiler finds it by identity.
    """
    bandwidth = dim - 1 if kind == "square" else min(1, dim - 1)
    return Rule(Layout(dim, bandwidth, kind), Kth(dim, k))
