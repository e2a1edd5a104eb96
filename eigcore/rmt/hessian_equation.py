"""The equations of Theorems 1 to 4 on the Hessian of generalised linear models.

Liao and Mahoney, Hessian Eigenspectra of More Realistic Nonlinear Models (arXiv:2103.01519):
δ = (1/n) tr C Q_b, Q_b = (e C − z)⁻¹ and e = E[φ], φ = g / (1 + g δ). Coordinates ξ along
orthonormal axes E of the span of U take the place of U⁺z, and V is [μ, C^½ E]: V Λ Vᵀ is the same,
and well conditioned for nearly parallel w and w*. Every function takes arrays of any library; δ and
z have any batch shape.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.rmt.cauchy import Coupled, sums
from eigcore.rmt.fixed_point import fixed_point

CHUNK = 2**18
"""Numbers that one array of a solve may hold."""
HEIGHTS = (1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8)
"""Distances from the real axis on the way down to it, in units of the spectrum."""


class Parts(NamedTuple):
    """The numbers of a model: K nodes of g, m eigenvalues of C, and vectors in the basis of C.

    value, weight : (K,), g and its probabilities
    moment : (K, r, r), weight times the average of a aᵀ given g, with a = (1, ξ)
    precision : (r, r), 0 ⊕ I
    t, share : (m,), eigenvalues of C and their shares, which sum to 1
    gram : (m, r + d, r + d), products of the coordinates of V and of d directions
    c : (), p / n
    """

    value: Array
    weight: Array
    moment: Array
    precision: Array
    t: Array
    share: Array
    gram: Array
    c: Array


def ratios(p: Parts, d: Array) -> Array:
    """Return φ = g / (1 + g δ), shape (..., K)."""
    return p.value / (1.0 + p.value * d[..., None])


def average(xp: Any, p: Parts, phi: Array) -> Array:
    """Return E[φ], shape (...)."""
    return xp.sum(p.weight * phi, axis=-1)


def trace(xp: Any, p: Parts, e: Array, z: Array, power: int, more: int = 1) -> Array:
    """Return (1/n) tr C^power Q_b^more, shape (...)."""
    resolvent = 1.0 / (p.t * e[..., None] - z[..., None])
    factors = [p.c * p.share, *[p.t] * power]
    return xp.sum(math.prod(factors) * math.prod([resolvent] * more), axis=-1)


def image(xp: Any, p: Parts, d: Array, z: Array) -> Array:
    """Return (1/n) tr C Q_b at δ: the right-hand side of the equation of Theorem 1."""
    return trace(xp, p, average(xp, p, ratios(p, d)), z, 1)


def image_slope(xp: Any, p: Parts, d: Array, z: Array) -> Array:
    """Return the derivative of `image` by δ: E[φ²] (1/n) tr (C Q_b)²."""
    phi = ratios(p, d)
    return average(xp, p, phi * phi) * trace(xp, p, average(xp, p, phi), z, 2, 2)


def transform(xp: Any, p: Parts, d: Array, z: Array) -> Array:
    """Return m(z) = (1/p) tr Q_b."""
    e = average(xp, p, ratios(p, d))
    return xp.sum(p.share / (p.t * e[..., None] - z[..., None]), axis=-1)


def solve(backend: Backend, p: Parts, z: Array, start: Array, promised: float = 1e-10) -> Array:
    """Return δ(z) for complex z (k,) from an initial δ (k,), with its derivatives."""
    xp = backend.xp

    def step(d: Array, z: Array, *rest: Array) -> Array:
        return image(xp, _joined(rest), d, z)

    def slope(d: Array, z: Array, *rest: Array) -> Array:
        return image_slope(xp, _joined(rest), d, z)

    parameters = (z, p.value, p.weight, p.t, p.share, p.c)
    return fixed_point(
        backend, step, start, parameters, slope=slope, inside=_above, promised=promised,
        what="equation of the Hessian's spectrum",
    )  # fmt: skip


def _joined(rest: tuple[Array, ...]) -> Parts:
    value, weight, t, share, c = rest
    return Parts(value, weight, None, None, t, share, None, c)


def coupled(p: Parts, z: np.ndarray) -> Coupled:
    """Return the equation for z (k,) on NumPy."""
    return Coupled(p.value, p.weight, p.t, p.c * p.share, z)


def solve_on_host(
    p: Parts, z: np.ndarray, start: np.ndarray, promised: float = 1e-10
) -> np.ndarray:
    """Return `solve` of NumPy arrays, in real arithmetic and without computing a sum twice."""
    sums = coupled(p, z)
    return fixed_point(
        get_backend("numpy"), sums.image, start, slope=sums.slope, inside=_above,
        promised=promised, what="equation of the Hessian's spectrum",
    )  # fmt: skip


def transform_on_host(p: Parts, d: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return `transform` of NumPy arrays (k,), by z m = e δ / c − 1 unless z is small."""
    e = coupled(p, z).average(d)
    small = np.abs(z) < 1e-3 * np.abs(e) * p.t.max()
    found = (e * d / p.c - 1.0) / np.where(small, 1.0, z)
    if small.any():
        found[small] = sums(p.t, p.share, p.share, (z / e)[small])[:, 0] / e[small]
    return found


def _above(d: Any) -> Any:
    return d.imag >= -1e-13 * abs(d)


def descend(p: Parts, z: np.ndarray) -> np.ndarray:
    """Return δ(z) for z (k,) above the real axis on NumPy, coming down from far above it."""
    e = float(p.weight @ np.abs(p.value))
    scale = float(p.t.max()) * e * (1.0 + float(p.c))
    d = 1j * float(p.c) / (1.0 + z / (1j * scale)) / max(e, 1e-300)
    for height in HEIGHTS:
        if len(z) and height * scale > np.imag(z).min():
            d = solve_on_host(p, z + 1j * (height * scale), d)
    return solve_on_host(p, z, d)


def edge(backend: Backend, p: Parts, d: float, z: float) -> Array:
    """Return the edge near (δ, z), where z′(δ) = 0, with its derivative."""
    xp = backend.xp

    def step(x: Array, *rest: Array) -> Array:
        p, (d, z) = _joined(rest), (x[..., 0], x[..., 1])
        first = image(xp, p, d, z) - d
        return x + xp.stack([first, 1.0 - image_slope(xp, p, d, z)], axis=-1)

    def slope(x: Array, *rest: Array) -> Array:
        p, (d, z) = _joined(rest), (x[..., 0], x[..., 1])
        phi = ratios(p, d)
        e, e2, e3 = (average(xp, p, power) for power in (phi, phi * phi, phi * phi * phi))
        square = trace(xp, p, e, z, 2, 2)
        by_d = 2.0 * e3 * square - 2.0 * e2 * e2 * trace(xp, p, e, z, 3, 3)
        by_z = -2.0 * e2 * trace(xp, p, e, z, 2, 3)
        first = [e2 * square, trace(xp, p, e, z, 1, 2)]
        rows = [xp.stack(row, axis=-1) for row in (first, [by_d, 1.0 + by_z])]
        return xp.stack(rows, axis=-2)

    start = backend.asarray(np.array([[d, z]]))
    return fixed_point(
        backend, step, start, (p.value, p.weight, p.t, p.share, p.c),
        slope=slope, system=True, most=20, what="edge",
    )[0, 1]  # fmt: skip


def lambda_matrix(backend: Backend, p: Parts, phi: Array) -> Array:
    """Return Λ of Theorem 2 for an array φ (..., K), shape (..., r, r)."""
    xp, r = backend.xp, p.precision.shape[-1]
    full = phi @ xp.reshape(p.moment, (-1, r * r))
    full = xp.reshape(full, (*phi.shape[:-1], r, r))
    return full - average(xp, p, phi)[..., None, None] * p.precision


def forms(xp: Any, p: Parts, e: Array, z: Array, power: int = 0, more: int = 1) -> Array:
    """Return [V, a]ᵀ C^power Q_b^more [V, a], shape (..., r + d, r + d)."""
    apart = math.prod([p.t * e[..., None] - z[..., None]] * more)
    n = p.gram.shape[-1]
    found = (p.t**power / apart) @ xp.reshape(p.gram, (-1, n * n))
    return xp.reshape(found, (*found.shape[:-1], n, n))


class Outlier(NamedTuple):
    """What Theorems 2 and 3 need at (δ, z): G, its derivatives by δ and by z, and its parts."""

    G: Array
    by_d: Array
    by_z: Array
    Lambda: Array
    S: Array


def outlier(backend: Backend, p: Parts, d: Array, z: Array) -> Outlier:
    """Return G(z) = I + Λ VᵀQ_bV and its partial derivatives."""
    xp, r = backend.xp, p.precision.shape[-1]
    phi = ratios(p, d)
    e, e_slope = average(xp, p, phi), -average(xp, p, phi * phi)
    Lambda, bent = lambda_matrix(backend, p, phi), -lambda_matrix(backend, p, phi * phi)
    S = forms(xp, p, e, z)
    V = S[..., :r, :r]
    tilted = forms(xp, p, e, z, 1, 2)[..., :r, :r]
    by_d = bent @ V - Lambda @ (e_slope[..., None, None] * tilted)
    by_z = Lambda @ forms(xp, p, e, z, 0, 2)[..., :r, :r]
    eye = backend.asarray([[float(i == j) for j in range(r)] for i in range(r)], like=S)
    return Outlier(eye + Lambda @ V, by_d, by_z, Lambda, S)


def adjugate(xp: Any, G: Array) -> tuple[Array, Array]:
    """Return adj G (..., r, r) and det G (...), for r ≤ 3."""
    r = G.shape[-1]
    if r == 1:
        return xp.ones_like(G), G[..., 0, 0]
    others = [[i for i in range(r) if i != j] for j in range(r)]

    def minor(i: int, j: int) -> Array:
        rows, columns = others[i], others[j]
        if r == 2:
            return G[..., rows[0], columns[0]]
        a, b = (G[..., i, columns[0]] for i in rows), (G[..., i, columns[1]] for i in rows)
        (a0, a1), (b0, b1) = a, b
        return a0 * b1 - a1 * b0

    adj = xp.stack(
        [xp.stack([(-1.0) ** (i + j) * minor(j, i) for j in range(r)], axis=-1) for i in range(r)],
        axis=-2,
    )
    return adj, xp.sum(G[..., 0, :] * adj[..., :, 0], axis=-1)


def contracted(xp: Any, a: Array, b: Array) -> Array:
    """Return tr(a b), shape (...)."""
    return xp.sum(xp.sum(a * xp.matrix_transpose(b), axis=-1), axis=-1)
