"""The ways in which each method of `compress` replaces one matrix, and what each way loses.

Replaced by W′ = B A, or by B A plus some columns, a matrix keeps r(m + n) + k m numbers, and a
method loses ‖L^{1/2}(W − W′)R^{1/2}‖_F² in its metrics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import scipy.linalg

from eigcore.lowrank.allocation import left_out
from eigcore.lowrank.approximation import LowRank, largest, low_rank
from eigcore.lowrank.network import Replacement

TINY = np.finfo(float).tiny
HALVINGS = 6
"""Beside factors, EoRA picks no input, or a half of them halved up to so many times."""


class Metrics(NamedTuple):
    """What data say of a matrix (m, n): moments of its inputs (n, n), squared gradients (m,)."""

    moments: np.ndarray
    squares: np.ndarray


@dataclass(frozen=True)
class Choices:
    """Ways to replace a matrix that keep fewer numbers than it has; the last is to keep it whole.

    Parameters
    ----------
    ranks, columns, lost, cost : (c,) arrays
        Rank r, number k of columns, share of the energy that is lost, numbers that are kept.
    made : callable
        The replacement with r and k.
    spectrum : array, optional
        Singular values, if there are no columns.
    """

    ranks: np.ndarray
    columns: np.ndarray
    lost: np.ndarray
    cost: np.ndarray
    made: Callable[[int, int], Replacement]
    spectrum: np.ndarray | None = None

    def replacement(self, choice: int) -> Replacement | None:
        """Return what a choice puts in place of the matrix; None keeps it."""
        if choice == len(self.cost) - 1:
            return None
        return self.made(int(self.ranks[choice]), int(self.columns[choice]))


def _choices(
    W: np.ndarray,
    ranks: np.ndarray,
    columns: np.ndarray,
    lost: np.ndarray,
    made: Callable[[int, int], Replacement],
    spectrum: np.ndarray | None = None,
) -> Choices:
    """Return the ways that keep some numbers, fewer than the matrix, and then the matrix."""
    m, n = W.shape
    cost = ranks * (m + n) + columns * m
    kept = np.flatnonzero((cost < W.size) & (cost > 0))
    if spectrum is None:  # the best of each cost, where cheaper ones are worse
        kept = kept[np.lexsort((lost[kept], cost[kept]))]
        least = np.minimum.accumulate(np.append(np.inf, lost[kept]))
        kept = kept[lost[kept] < least[:-1]]
    return Choices(
        np.append(ranks[kept], min(m, n)),
        np.append(columns[kept], 0),
        np.append(lost[kept], 0.0),
        np.append(cost[kept], W.size),
        made,
        spectrum,
    )


def _factors(
    W: np.ndarray, left: np.ndarray | None = None, right: np.ndarray | None = None
) -> Choices:
    """Factors alone."""
    found = low_rank(W, rank=min(W.shape), left=left, right=right)
    s, ranks = found.singular_values, np.arange(min(W.shape) + 1)

    def made(rank: int, columns: int) -> Replacement:
        return _with_columns(found, rank, W[:, :0], np.arange(0))

    return _choices(W, ranks, 0 * ranks, left_out(s), made, s)


def _lost(W: np.ndarray) -> Choices:
    """Factors, and the largest columns of the rest (LOST): the best r and k of all pairs."""
    found = low_rank(W, rank=min(W.shape))
    parts = found.singular_values[:, None] * found.A**2  # σ_i² V_ji²
    rest = np.concatenate((np.cumsum(parts[::-1], axis=0)[::-1], 0 * parts[:1]))
    rest.sort(axis=1)
    tails = np.cumsum(rest, axis=1)[:, ::-1]
    lost = np.concatenate((tails, 0 * tails[:, :1]), axis=1) / max(tails[0, 0], TINY)
    ranks, columns = np.indices(lost.shape).reshape(2, -1)

    def made(rank: int, columns: int) -> Replacement:
        E = W - found.B[:, :rank] @ found.A[:rank]
        place = largest((E**2).sum(axis=0), columns)
        return _with_columns(found, rank, E[:, place], place)

    return _choices(W, ranks, columns, lost.reshape(-1), made)


def _picked(W: np.ndarray, moments: np.ndarray) -> Choices:
    """Some inputs in place of all, from which the moments tell the others (Nyström)."""
    picks = _Picks.of(W, moments)
    columns, lost = picks.alone()
    return _choices(W, 0 * columns, columns, lost, lambda rank, k: picks.replacement(W, k))


def _compensated(W: np.ndarray, moments: np.ndarray) -> Choices:
    """Some inputs or none, and the best factors of the error that this makes (EoRA)."""
    picks, n = _Picks.of(W, moments), W.shape[1]
    halves = {0, *(n >> i for i in range(1, HALVINGS + 1))}
    kept = [k for k in sorted(halves) if k <= picks.T.shape[1]]
    spectra = []
    for k in kept:
        s = np.linalg.svd(picks.T[:, k:], compute_uv=False)
        spectra.append(np.pad(s, (0, min(W.shape) - len(s))))
    energies = [(s**2).sum() for s in spectra]
    parts = [energy * left_out(s) for energy, s in zip(energies, spectra, strict=True)]
    both = np.meshgrid(kept, range(min(W.shape) + 1), indexing="ij")
    alone, rest = picks.alone()
    columns = np.append(both[0], alone)
    ranks = np.append(both[1], 0 * alone)
    lost = np.append(np.concatenate(parts) / max(energies[0], TINY), rest)

    def made(rank: int, columns: int) -> Replacement:
        part = picks.replacement(W, columns)
        found = low_rank(W - part.dense(), rank, right=moments)
        return replace(part, B=found.B, A=found.A)

    return _choices(W, ranks, columns, lost, made)


@dataclass(frozen=True)
class _Picks:
    """The Nyström approximations C_{:J} C_JJ⁺ C_{J:} of moments C on the first k pivots J.

    Pivots are those of the Cholesky decomposition of C, scaled by the norms of the columns of W
    (Harbrecht, Peters and Schneider, "On the low-rank approximation by the pivoted Cholesky
    decomposition", 2012). With its factor L, W ≈ W C_{:J} C_JJ⁺ loses what T = W L has beyond
    column k.
    """

    order: np.ndarray
    size: np.ndarray
    L: np.ndarray
    T: np.ndarray

    @classmethod
    def of(cls, W: np.ndarray, moments: np.ndarray) -> _Picks:
        size = np.sqrt((W**2).sum(axis=0))
        [pstrf] = scipy.linalg.get_lapack_funcs(("pstrf",), (moments,))
        L, pivots, most, _ = pstrf(size[:, None] * moments * size, lower=1)
        L, order = np.tril(L)[:, :most], pivots - 1
        unit = np.divide(W, size, out=np.zeros_like(W), where=size > 0)
        return cls(order, size, L, unit[:, order] @ L)

    def alone(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all numbers of inputs, one at least, and the shares of energy that they lose."""
        columns = np.arange(1, max(self.T.shape[1], 1) + 1)
        return columns, np.append(left_out(np.sqrt((self.T**2).sum(axis=0))), 0.0)[columns]

    def replacement(self, W: np.ndarray, columns: int) -> Replacement:
        """Return W C_{:J} C_JJ⁺ on so many inputs J; zero on those that add nothing."""
        C, k = np.zeros((len(W), columns)), min(columns, self.L.shape[1])
        first = self.L[:k, :k]
        C[:, :k] = scipy.linalg.solve_triangular(first, self.T[:, :k].T, trans=1, lower=True).T
        J, up = self.order[:columns], np.argsort(self.order[:columns])
        return Replacement(W[:, :0], W[:0], (C * self.size[J])[:, up], J[up])


def _with_columns(found: LowRank, rank: int, C: np.ndarray, place: np.ndarray) -> Replacement:
    cut = found.truncated(rank)
    return Replacement(cut.B, cut.A, C, place)


METHODS: dict[str, Callable[[np.ndarray, Metrics], Choices]] = {
    "svd": lambda W, data: _factors(W),
    "fwsvd": lambda W, data: _factors(W, left=data.squares),
    "asvd": lambda W, data: _factors(W, right=data.moments.diagonal()),
    "svd-llm": lambda W, data: _factors(W, right=data.moments),
    "eora": lambda W, data: _compensated(W, data.moments),
    "lost": lambda W, data: _lost(W),
    "nystrom": lambda W, data: _picked(W, data.moments),
}
"""The methods of `compress` by name."""
LOSSES = ("fwsvd",)
"""Those that need squared gradients of a loss."""
COLUMNS = ("eora", "lost", "nystrom")
"""Those that keep columns, so that ranks alone do not describe them."""
