"""Positional encodings of graphs that do not jump where eigenvectors do.

SPE of Huang, Lu, Robinson, Yang, Zhang, Jegelka & Li, "On the stability of expressive positional
encodings for graphs" (arXiv 2310.02579): with L = V diag(λ) Vᵀ and functions φ_l of the d smallest
eigenvalues, the matrices V diag(φ_l(λ)) Vᵀ depend on eigenspaces only, not on a basis of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eigcore.api.inputs import prepared
from eigcore.core.arrays import Array
from eigcore.core.functionals import tie_tolerance
from eigcore.core.options import several
from eigcore.core.scalars import is_whole
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.graph.laplacians import squares


def stable_encoding(
    L: Any,
    maps: Sequence[Callable[[Array], Array]],
    d: int,
    backend: str | Backend | None = None,
) -> Array:
    """Return V diag(φ_l(λ)) Vᵀ for functions φ_1 … φ_m of the d smallest eigenvalues.

    Parameters
    ----------
    L : (..., n, n) array
        Laplacians; the symmetric part is used. Graphs may have several components.
    maps : sequence of functions
        Each takes an array (..., d) of ascending eigenvalues and returns numbers of this shape;
        permuting the eigenvalues must permute them. Continuous functions give a continuous encoding
        wherever λ_d < λ_{d+1}.
    d : int
        1 to n. If λ_d is a multiple eigenvalue that has members beyond d, these share the weight of
        those within: the encoding still does not depend on a basis, but it jumps there.
    backend : str or Backend, optional

    Returns
    -------
    (..., n, n, m) array
        Renumbering the nodes renumbers it. Differentiable with respect to what the maps hold; with
        respect to L it raises `NotDifferentiable` (`eigcore.matrix_function` has that derivative).

    Raises
    ------
    InvalidInput, NonFiniteInput
        L that is not square or not finite, d out of range, or a map of another shape.

    Examples
    --------
    >>> L = np.array([[1.0, -1.0], [-1.0, 1.0]])
    >>> stable_encoding(L, [lambda t: 1 + 0 * t], 1)[..., 0].round(12)
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    chosen, (L,), restore = prepared(backend, L)
    n = squares(chosen, L, "L")
    if not is_whole(d) or not 1 <= d <= n:
        raise InvalidInput(f"d is {d!r}; expected 1 <= d <= {n}, the number of nodes.")
    lam, V, share = smallest(chosen, L, d)
    columns = []
    several("maps", maps, "[lambda t: 1 / (1 + t)]")
    for number, phi in enumerate(maps):
        if not callable(phi):
            raise InvalidInput(
                f"maps[{number}] is {phi!r:.40}; expected a function. Write lambda t: t."
            )
        found = phi(lam)
        if tuple(found.shape) != tuple(lam.shape):
            raise InvalidInput(
                f"maps[{number}] returned shape {tuple(found.shape)}; expected that of the "
                f"eigenvalues, {tuple(lam.shape)}. Write lambda t: f(t) * 1.0 for each number."
            )
        if chosen.is_concrete(found) and not chosen.all_finite(found):
            raise InvalidInput(
                f"maps[{number}] is NaN or infinite at an eigenvalue; expected a function that is "
                "finite from 0 on, as connected graphs have the eigenvalue 0. Write "
                "lambda t: f(t + 1e-3)."
            )
        columns.append(found[..., None])
    if not columns:
        raise InvalidInput("maps is empty; expected at least one function. Write [lambda t: t].")
    return restore(combined(chosen, V, share, chosen.xp.concat(columns, axis=-1)))


def smallest(backend: Backend, L: Array, d: int) -> tuple[Array, Array, Array]:
    """Return the d smallest eigenvalues, all eigenvectors, and the share that each column has.

    Shapes (..., d), (..., n, n) and (..., n): columns beyond d go with eigenvalue d.
    """
    n, xp = L.shape[-1], backend.xp

    def pairs(M: Array) -> tuple[Array, Array]:
        return backend.eigenpairs(0.5 * (M + backend.xp.matrix_transpose(M)), 0, n - 1)

    lam, V = backend.undifferentiable(pairs)(L)
    inside = backend.asarray((np.arange(n) < d).astype(float), like=lam)
    tied = xp.astype(abs(lam - lam[..., d - 1 : d]) <= tie_tolerance(xp, lam), lam.dtype)
    part = xp.sum(tied * inside, axis=-1, keepdims=True) / xp.sum(tied, axis=-1, keepdims=True)
    return lam[..., :d], V, tied * part + (1.0 - tied) * inside


def combined(backend: Backend, V: Array, share: Array, weights: Array) -> Array:
    """Return Σ_i weights_il share_i v_i v_iᵀ: (..., n, n, m).

    V (..., n, n), share (..., n), weights (..., d, m).
    """
    n, (d, m) = V.shape[-1], weights.shape[-2:]
    xp = backend.xp
    if d < n:
        last = xp.broadcast_to(weights[..., -1:, :], (*weights.shape[:-2], n - d, m))
        weights = xp.concat((weights, last), axis=-2)
    scaled = weights * share[..., None]
    Vt = xp.matrix_transpose(V)[..., None, :, :]
    found = (V[..., None, :, :] * xp.moveaxis(scaled, -1, -2)[..., :, None, :]) @ Vt
    return xp.moveaxis(found, -3, -1)
