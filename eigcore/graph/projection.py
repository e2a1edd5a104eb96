"""FastRP: random projections of powers of the transition matrix, without an eigenproblem.

Chen, Sultan, Tian, Chen & Skiena, "Fast and accurate network embeddings via very sparse random
projection" (arXiv 1908.11512).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse

from eigcore.api.hosted import hosted
from eigcore.core.arrays import Array
from eigcore.core.options import generator, number
from eigcore.core.scalars import is_whole
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.graph.laplacians import SLACK
from eigcore.graph.laplacians import weights as checked


def fastrp(
    S: Any,
    dim: int,
    weights: Sequence[float] = (0.0, 0.0, 1.0),
    beta: float = -0.5,
    seed: int = 0,
    backend: str | Backend | None = None,
) -> Array:
    """Return Σ_q α_q (D^{−1}S)^q diag((D_j/2m)^β) R with a very sparse random R.

    Parameters
    ----------
    S : (n, n) array or sparse matrix of SciPy
        Weights of the edges: symmetric, not negative; 2m is their sum. Of a sparse matrix only
        products are taken.
    dim : int
        Columns of R. Its entries are ±√(√n/dim) with probability 1/(2√n) each, else 0, so
        E RRᵀ = I: in expectation, inner products of rows are those of the matrix in front of R.
    weights : sequence of float
        α_1, α_2, …
    beta : float
        β: negative numbers weigh nodes of high degree down.
    seed : int
        The same R on every backend.
    backend : str or Backend, optional

    Returns
    -------
    (n, dim) array
        Of the library and dtype of S; NumPy for a sparse matrix. A node without edges is 0.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `laplacian`, or numbers out of range.
    """
    if not is_whole(dim) or dim < 1:
        raise InvalidInput(f"dim is {dim!r}; expected a positive integer. Write dim=64.")
    alphas = hosted(weights, "weights", 1).tolist()
    beta = number("beta", beta, -0.5)
    if scipy.sparse.issparse(S):
        _check(S)
        S = scipy.sparse.csr_array(S).astype(float)
        degrees = S.sum(axis=1)
        chosen, restore, xp = None, (lambda a: a), np
    else:
        chosen, S, restore = checked(S, backend, "S")
        if S.ndim != 2:
            raise InvalidInput(f"S has shape {tuple(S.shape)}; expected one graph (n, n).")
        degrees, xp = chosen.xp.sum(S, axis=-1), chosen.xp
    return restore(_summed(S, degrees, xp, chosen, alphas, beta, _sparse(S.shape[0], dim, seed)))


def _summed(
    S: Any, degrees: Any, xp: Any, backend: Any, alphas: list[float], beta: float, R: np.ndarray
) -> Any:
    some = degrees > 0
    safe = xp.where(some, degrees, 1.0)
    edges = degrees.sum()
    inverse = xp.where(some, 1.0 / safe, 0.0)
    scale = (safe / xp.where(edges > 0, edges, 1.0)) ** beta
    term = xp.where(some, scale, 0.0)[:, None] * (
        R if backend is None else backend.asarray(R, like=S)
    )
    total = 0.0 * term
    for alpha in alphas:
        term = inverse[:, None] * (S @ term)
        total = total + alpha * term
    return total


def _sparse(n: int, dim: int, seed: int) -> np.ndarray:
    rng = generator(seed)
    draw, s = rng.random((n, dim)), n**0.5
    signs = (draw < 0.5 / s).astype(float) - (draw > 1 - 0.5 / s)
    return signs * (s / dim) ** 0.5


def _check(S: Any) -> None:
    if S.shape[0] != S.shape[1] or 0 in S.shape:
        raise InvalidInput(f"S has shape {S.shape}; expected (n, n). Type: S @ S.T")
    entries = S.tocoo().data
    if not np.isfinite(entries).all():
        raise NonFiniteInput("S holds entries that are NaN or infinite; expected finite numbers.")
    if (entries < 0).any() or abs(S - S.T).max() > SLACK * abs(S).max():
        raise InvalidInput(
            "S is not symmetric, or holds negative numbers; expected weights of undirected edges. "
            "Type: (abs(S) + abs(S).T) / 2"
        )
