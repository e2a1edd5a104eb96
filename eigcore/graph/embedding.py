"""Spectral embedding: nodes as points, by the first eigenvectors of a Laplacian.

Belkin & Niyogi, "Laplacian eigenmaps" (2003). An eigenvector is only defined up to its sign, and
those of a multiple eigenvalue up to a rotation, so the basis is chosen from the projector P on each
eigenspace alone: Gram–Schmidt on columns of P, each time on the first of those that are longest.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse.csgraph

from eigcore.api.hosted import concrete, returned
from eigcore.core.arrays import Array
from eigcore.core.functionals import tie_tolerance
from eigcore.core.options import one_of
from eigcore.core.scalars import is_whole
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.graph.laplacians import KINDS, scales, weights

LONGEST = 1e-6
"""Columns of a projector within this share of the longest are equally long."""


@dataclass(frozen=True)
class Embedding:
    """The first eigenvectors of a Laplacian after the constant one.

    Parameters
    ----------
    values : (r,) array
        Eigenvalues, ascending.
    vectors : (n, r) array
        Columns; orthonormal, for "random_walk" with respect to the degrees: XᵀDX = I. The basis of
        each eigenspace depends on that space and the order of the nodes only.
    groups : tuple of (first, last + 1)
        Columns with equal eigenvalues. Distances between nodes within a group do not depend on the
        basis, and `vectors @ vectors.T` does not depend on the order of the nodes either.
    """

    values: Array
    vectors: Array
    groups: tuple[tuple[int, int], ...]


def spectral_embedding(
    W: Any, d: int, kind: str = "random_walk", backend: str | Backend | None = None
) -> Embedding:
    """Return coordinates of the nodes of a connected graph, the same on every backend.

    Parameters
    ----------
    W : (n, n) array or sparse matrix of SciPy
        Weights of the edges: symmetric, not negative.
    d : int
        Number of eigenvectors, 1 to n − 1. If it would cut an eigenspace, there are as many more as
        complete it: look at `.vectors.shape`.
    kind : {"random_walk", "symmetric", "combinatorial"}
        Of the Laplacian (`laplacian`).
    backend : str or Backend, optional

    Returns
    -------
    Embedding
        Of the library and dtype of W, without derivatives; eigenvalues within 8nε‖L‖₂ are equal.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `laplacian`, a number d out of range, or a graph of several components: they have no
        distances between them.

    Examples
    --------
    >>> ring = np.roll(np.eye(6), 1, axis=0) + np.roll(np.eye(6), -1, axis=0)
    >>> found = spectral_embedding(ring, 1)
    >>> found.vectors.shape, found.groups
    ((6, 2), ((0, 2),))
    """
    one_of("kind", kind, KINDS)
    chosen, W, restore = weights(W, backend)
    if W.ndim != 2:
        raise InvalidInput(f"W has shape {tuple(W.shape)}; expected one graph (n, n).")
    n = W.shape[-1]
    if not is_whole(d) or not 1 <= d <= n - 1:
        raise InvalidInput(f"d is {d!r}; expected 1 <= d <= {n - 1}, one less than the nodes.")
    concrete(chosen, W, "W")
    connected(chosen, W)
    degrees = chosen.xp.sum(W, axis=-1)
    values, V, own = eigenspaces(chosen, W, degrees, kind)
    groups = [(lo, hi) for lo, hi in equal(values) if lo < d + 1 and hi > 1]
    last = groups[-1][1]
    basis = np.concatenate([canonical(V[:, max(1, lo) : hi]) for lo, hi in groups], axis=1)
    if own is not None:
        basis = own[:, None] * basis
    spans = tuple((max(1, lo) - 1, hi - 1) for lo, hi in groups)
    shown, vectors = (restore(returned(a, W)) for a in (values[1:last], basis))
    return Embedding(shown, vectors, spans)


def connected(backend: Backend, W: Array) -> None:
    """Raise unless a graph (n, n) has one component."""
    host = backend.to_numpy(backend.detach(W))
    parts, label = scipy.sparse.csgraph.connected_components(host, directed=False)
    if parts > 1:
        sizes = np.bincount(label)
        raise InvalidInput(
            f"The graph has {parts} components, of {', '.join(map(str, sizes[:5]))}"
            f"{' …' if parts > 5 else ''} nodes; expected one. Embed each by itself: "
            "scipy.sparse.csgraph.connected_components tells which is which."
        )


def eigenspaces(
    backend: Backend, W: Array, degrees: Array, kind: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return eigenvalues and orthonormal eigenvectors of a symmetric matrix, and a diagonal.

    The diagonal times the vectors are those of the Laplacian; None stands for ones.
    """
    left, _ = scales(backend, degrees, "combinatorial" if kind == "combinatorial" else "symmetric")
    L = backend.asarray(np.eye(W.shape[-1]), like=W) * degrees[:, None] - W
    if left is not None:
        L = left[:, None] * L * left[None, :]
    L = backend.detach(0.5 * (L + backend.xp.matrix_transpose(L)))
    values, V = (backend.to_numpy(a) for a in backend.eigenpairs(L, 0, W.shape[-1] - 1))
    own = backend.to_numpy(backend.detach(left)) if kind == "random_walk" else None
    return values, V, own


def equal(values: np.ndarray) -> list[tuple[int, int]]:
    """Return the first and one past the last place of each run of equal ascending values."""
    ends = np.nonzero(np.diff(values) > tie_tolerance(np, values))[0] + 1
    places = [0, *map(int, ends), len(values)]
    return list(itertools.pairwise(places))


def canonical(V: np.ndarray) -> np.ndarray:
    """Return the orthonormal basis of the span of V (n, g) that depends on the span only."""
    rest, turn = V.astype(float), []
    for _ in range(V.shape[1]):
        length = (rest**2).sum(axis=1)
        place = int(np.argmax(length >= (1 - LONGEST) * length.max()))
        q = rest[place] / length[place] ** 0.5
        turn.append(q)
        rest = rest - np.outer(rest @ q, q)
    return V @ np.stack(turn, axis=1)
