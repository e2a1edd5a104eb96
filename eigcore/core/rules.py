"""The calculus of eigenvalue models: the only place in the project where derivatives are written.

A model value is φ(λ(M(p))) with p = p(x) the packed entries of A₀ + Σ xᵢ Aᵢ. p is linear in the
parameters and in x (`assemble`); `Rule` is φ∘λ∘M as a function of p, with its first and second
derivative. All arrays of one call belong to one library; only operators, and the namespace of the
backend where operators do not reach, are used.

Shapes: p (..., K), values (...), gradients (..., K), M and V (..., d, d).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from eigcore.core import functionals
from eigcore.core.functionals import Functional, Kth
from eigcore.core.packing import SQRT_HALF, Layout
from eigcore.core.spec import EigSpec

Array = Any
NAN = math.nan


# -- p = [1, x] · params


def _matrix_rows(params: Array) -> Array:
    """View (m, n+1, K) parameters without their row 0 as (n, m·K)."""
    outputs, rows, size = params.shape
    return params[:, 1:].swapaxes(0, 1).reshape(rows - 1, outputs * size)


def assemble(params: Array, x: Array) -> Array:
    """Return the packed matrices A₀ + Σ xᵢ Aᵢ.

    Parameters
    ----------
    params : (m, n + 1, K) array
    x : (..., n) array

    Returns
    -------
    (..., K) array, or (..., m, K) if m > 1.
    """
    if params.shape[0] == 1:
        return x @ params[0, 1:] + params[0, 0]
    rows = x @ _matrix_rows(params)
    return rows.reshape(*x.shape[:-1], params.shape[0], params.shape[2]) + params[:, 0]


def assemble_tangent(params: Array, x: Array, d_params: Array, d_x: Array) -> Array:
    """dp = [0, dx]·params + [1, x]·dparams."""
    return assemble(params, d_x) - assemble(params, d_x * 0) + assemble(d_params, x)


def assemble_cotangent(xp: Any, params: Array, x: Array, d_p: Array) -> tuple[Array, Array]:
    """Return the adjoint of `assemble_tangent`: (d_params, d_x) for a cotangent of p."""
    outputs, _, size = params.shape
    d_x = d_p.reshape(-1, outputs * size) @ _matrix_rows(params).mT
    return assemble_cotangent_params(xp, outputs, x, d_p), d_x.reshape(x.shape)


def assemble_cotangent_params(xp: Any, outputs: int, x: Array, d_p: Array) -> Array:
    """Return the part of `assemble_cotangent` for the parameters: (outputs, n + 1, K)."""
    size, n = d_p.shape[-1], x.shape[-1]
    flat_p = d_p.reshape(-1, outputs * size)
    flat_x = x.reshape(flat_p.shape[0], n)
    rows = xp.concat((flat_p.sum(0)[None], flat_x.mT @ flat_p), axis=0)
    return rows.reshape(n + 1, outputs, size).swapaxes(0, 1)


# -- first derivative: dφ = ⟨gradient, dp⟩


def tangent(gradient: Array, d_p: Array) -> Array:
    """Jvp of a value whose gradient is known."""
    return (gradient * d_p).sum(-1)


def cotangent(gradient: Array, g: Array) -> Array:
    """Vjp of a value whose gradient is known."""
    return gradient * g[..., None]


# -- packed vectors and matrices


def matrix(backend: Any, lay: Layout, p: Array) -> Array:
    """M(p): (..., K) -> (..., d, d)."""
    d = lay.dim
    if lay.kind == "full":
        half = p.reshape(*p.shape[:-1], d, d) * 0.5
        return half + half.mT
    places = backend.place(lay, p)
    return (p[..., places.gather] * places.gather_factor).reshape(*p.shape[:-1], d, d)


def packed_gradient(backend: Any, lay: Layout, G: Array) -> Array:
    """Adjoint of `matrix` on symmetric G: (..., d, d) -> (..., K)."""
    flat = G.reshape(*G.shape[:-2], lay.dim**2)
    if lay.kind == "full":
        return flat
    places = backend.place(lay, G)
    return flat[..., places.scatter] * places.scatter_factor


def bands(lay: Layout, p: Array) -> tuple[Array, Array]:
    """Diagonal (..., d) and subdiagonal (..., d − 1) of a tridiagonal layout."""
    if lay.kind == "pair":
        return p[..., : lay.dim], p[..., lay.dim :]
    return p[..., ::2], p[..., 1::2] * SQRT_HALF


# -- the rule


@dataclass(frozen=True)
class Rule:
    """φ(λ(M(p))) as a function of p, with derivatives. Hashable.

    Non-finite rows of p give NaN and leave their neighbours alone; eager callers turn that into
    an error (`eigcore.api`).

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
        # torch.compile makes symbols of numbers that it has seen twice; int() and float() undo it
        lay, parameter = self.layout, self.phi.parameter
        many = isinstance(parameter, tuple)
        numbers = [
            f"{float(a) if isinstance(a, float) else int(a)}"
            for a in (parameter if many else (parameter,))
        ]
        text = f"[{', '.join(numbers)}]" if many else numbers[0]
        sizes = f"{int(lay.dim)}, {int(lay.bandwidth)}"
        return f'[{sizes}, "{lay.kind}", "{self.phi.name}", {text}]'

    def value(self, backend: Any, p: Array) -> Array:
        """φ: (..., K) -> (...)."""
        fused = backend.fused(self, p, gradient=False)
        return self.composed(backend, p, gradient=False) if fused is None else fused

    def value_and_gradient(self, backend: Any, p: Array) -> tuple[Array, Array]:
        """φ and ∂φ/∂p, from one eigensolve: (..., K) -> (...), (..., K).

        ∂φ/∂M = V diag(w) Vᵀ (Magnus 1985; ties: `eigcore.core.functionals`).
        """
        fused = backend.fused(self, p, gradient=True)
        return self.composed(backend, p, gradient=True) if fused is None else fused

    def composed(self, backend: Any, p: Array, *, gradient: bool) -> Any:
        """`value`, or `value_and_gradient`, from the backend's eigenpairs, in chunks."""
        function = self._value_and_gradient if gradient else self._value
        return backend.map_rows(lambda q: function(backend, q), p, self._bytes_per_entry)

    def curvature(self, backend: Any, p: Array) -> tuple[Array, Array, Array]:
        """Return what the second derivative needs: V, divided differences, ∂²φ/∂λ².

        Three arrays (..., d, d). With Δ̃ = Vᵀ dM V the change of the gradient is
        V (D∘Δ̃ + diag(φ″ diag Δ̃)) Vᵀ, where D_ij = (w_i − w_j)/(λ_i − λ_j), and φ″_ii − φ″_ij at
        equal eigenvalues (Lewis & Sendov 2001). NaN where the tie rule had to choose a
        subgradient: there φ has no second derivative.
        """
        xp = backend.xp
        p, poison = self._clean(backend, p)
        lam, V = self._solve(backend, p)
        w, raw = self.phi.weights(backend, lam), self.phi.raw_weights(backend, lam)
        bend = self.phi.curvature(backend, lam)
        chosen = abs(w - raw).sum(-1) > 8 * w.shape[-1] * xp.finfo(w.dtype).eps * abs(raw).sum(-1)
        gap = lam[..., :, None] - lam[..., None, :]
        equal = abs(gap) <= functionals.tie_tolerance(xp, lam)[..., None]
        slope = (raw[..., :, None] - raw[..., None, :]) / xp.where(equal, 1.0, gap)
        own = (bend * backend.asarray(np.eye(self.layout.dim), like=lam)).sum(-1)[..., None]
        divided = xp.where(equal, own - bend, slope)
        divided = xp.where(chosen[..., None, None], NAN, divided)
        return V, _spoil(divided, poison, 2), bend

    def gradient_tangent(self, backend: Any, curvature: Any, d_p: Array) -> Array:
        """Change of ∂φ/∂p along dp, linear in dp; the Hessian is symmetric, so also its vjp."""
        V, divided, bend = curvature
        rotated = V.mT @ matrix(backend, self.layout, d_p) @ V
        eye = backend.asarray(np.eye(self.layout.dim), like=V)
        own = (rotated * eye).sum(-1)[..., None]
        change = divided * rotated * (1 - eye) + (bend @ own) * eye
        return packed_gradient(backend, self.layout, V @ change @ V.mT)

    def eigenpair(self, backend: Any, p: Array) -> tuple[Array, Array]:
        """λ_k and a unit vector, for φ = λ_k: (..., K) -> (...), (..., d)."""
        k = self.phi.parameter
        p, poison = self._clean(backend, p)
        lam, V = self._solve(backend, p)
        return _spoil(lam[..., k], poison), _spoil(V[..., :, k], poison, 1)

    @property
    def _bytes_per_entry(self) -> int:
        # M, V, V·w and the gradient; the Moreau envelope sorts by comparing all pairs.
        d = self.layout.dim
        return d * d * (8 if self.phi.name == "smooth" else 5)

    def _value(self, backend: Any, p: Array) -> Array:
        p, poison = self._clean(backend, p)
        return _spoil(self.phi.value(backend, self._eigenvalues(backend, p)), poison)

    def _value_and_gradient(self, backend: Any, p: Array) -> tuple[Array, Array]:
        p, poison = self._clean(backend, p)
        lam, V = self._solve(backend, p)
        w = self.phi.weights(backend, lam)
        gradient = packed_gradient(backend, self.layout, (V * w[..., None, :]) @ V.mT)
        return _spoil(self.phi.value(backend, lam), poison), _spoil(gradient, poison, 1)

    def _clean(self, backend: Any, p: Array) -> tuple[Array, Array | None]:
        """Replace bad rows by zeros; the second array is NaN on them and 0 elsewhere: (...).

        None stands for an array of zeros, where it is known that there is no bad row.
        """
        if backend.all_finite(p):
            return p, None
        xp = backend.xp
        good = xp.isfinite(p).all(-1)
        safe = xp.where(good[..., None], p, 0.0)
        return safe, xp.where(good, safe[..., 0] * 0, NAN)

    def _eigenvalues(self, backend: Any, p: Array) -> Array:
        d, width = self.layout.dim, self.layout.bandwidth
        if width == 0:
            return self._solve(backend, p)[0]
        if width == 1 and d > 2:
            return backend.eigenvalues_tridiagonal(*bands(self.layout, p), 0, d - 1)
        return backend.eigenvalues(matrix(backend, self.layout, p), 0, d - 1)

    def _solve(self, backend: Any, p: Array) -> tuple[Array, Array]:
        """All eigenpairs, ascending: (..., K) -> (..., d), (..., d, d)."""
        d, width = self.layout.dim, self.layout.bandwidth
        if width == 0 and self.layout.kind != "full":
            order = backend.xp.argsort(p, -1)
            place = backend.asarray(np.arange(d)[:, None], like=order)
            V = (order[..., None, :] == place) * (p[..., None, :] * 0 + 1)
            return (V * p[..., :, None]).sum(-2), V
        if width == 1 and d > 2:
            return backend.eigenpairs_tridiagonal(*bands(self.layout, p), 0, d - 1)
        return backend.eigenpairs(matrix(backend, self.layout, p), 0, d - 1)


def _spoil(a: Array, poison: Array | None, axes: int = 0) -> Array:
    """Add `poison` (...) to an array with further `axes` behind."""
    return a if poison is None else a + poison.reshape((*poison.shape, *[1] * axes))


def rule_of(spec: EigSpec) -> Rule:
    """Return the rule of one member of a model."""
    return Rule(spec.layout, spec.phi)


@lru_cache(maxsize=1024)
def kth_rule(kind: str, dim: int, k: int) -> Rule:
    """Return the rule of the k-th eigenvalue in the layout "full" or "pair".

    One object per rule: a compiler's cache then finds it by identity.
    """
    return Rule(Layout(dim, dim - 1 if kind == "full" else min(1, dim - 1), kind), Kth(dim, k))


@lru_cache(maxsize=1024)
def rule_from_key(key: str) -> Rule:
    """Return the rule whose `Rule.key` this is."""
    dim, bandwidth, kind, name, parameter = json.loads(key)
    return Rule(Layout(dim, bandwidth, kind), functionals.from_key(name, dim, parameter))
