"""The best factors of a matrix under metrics on its rows and columns.

The minimum of ‖L^{1/2}(W − BA)R^{1/2}‖_F over matrices BA of rank r is attained at the truncated
singular value decomposition of L^{1/2} W R^{1/2}, mapped back by the pseudo-inverse roots; its
square is the sum of the squares of the singular values left out (Eckart and Young 1936).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted, numbers, returned
from eigcore.core.arrays import Array
from eigcore.core.scalars import is_real, is_whole
from eigcore.errors import InvalidInput

ROUNDING = 8
"""Eigenvalues of a metric up to ROUNDING·n·ε of the largest count as zero."""


@dataclass(frozen=True)
class LowRank:
    """W ≈ B A.

    Parameters
    ----------
    B, A : (m, r) and (r, n) arrays
        Of the backend and dtype of W, with equal singular values in the metrics.
    error : float
        ‖L^{1/2}(W − BA)R^{1/2}‖_F.
    relative_error : float
        The same over ‖L^{1/2} W R^{1/2}‖_F; 0 if that is 0.
    singular_values : (min(m, n),) array
        Of L^{1/2} W R^{1/2}, descending.
    """

    B: Array
    A: Array
    error: float
    relative_error: float
    singular_values: np.ndarray

    @property
    def rank(self) -> int:
        """The number r of columns of B."""
        return self.B.shape[1]

    def truncated(self, rank: int) -> LowRank:
        """Return the best factors of a lower rank, in the same metrics."""
        tail = float(np.sqrt((self.singular_values[rank:] ** 2).sum()))
        whole = float(np.sqrt((self.singular_values**2).sum()))
        share = tail / whole if whole > 0 else 0.0
        return LowRank(self.B[:, :rank], self.A[:rank], tail, share, self.singular_values)


def low_rank(
    W: Any,
    rank: int | None = None,
    energy: float | None = None,
    error: float | None = None,
    left: Any = None,
    right: Any = None,
) -> LowRank:
    """Return the best factors of a matrix in given metrics.

    Parameters
    ----------
    W : (m, n) array of any backend
    rank, energy, error : int, float or float
        One of them: the rank; the least share of ‖L^{1/2} W R^{1/2}‖_F² that is kept; or the
        largest error in the metrics, relative to that norm.
    left : (m,) or (m, m) array, optional
        Metric L of the rows, the diagonal or a symmetric positive semidefinite matrix: row sums of
        squared gradients for FWSVD.
    right : (n,) or (n, n) array, optional
        Metric R of the columns: squared activation scales for ASVD, second moments of the inputs
        for SVD-LLM and, with W the error of a compressed layer, for EoRA.

    Returns
    -------
    LowRank
        In directions where a metric vanishes, up to 8·n·ε of its largest eigenvalue, BA is 0: they
        do not count.

    Raises
    ------
    InvalidInput, NonFiniteInput
        None or several of rank, energy and error, a rank above min(m, n), or metrics that are not
        symmetric or not positive semidefinite.

    Examples
    --------
    >>> found = low_rank(np.diag([3.0, 2.0, 1.0]), rank=1)
    >>> found.rank, found.error**2
    (1, 5.0)
    """
    host = hosted(W, "W")
    (L, back_left), (R, back_right) = (
        _roots(metric, size, name)
        for metric, size, name in zip((left, right), host.shape, ("left", "right"), strict=True)
    )
    U, s, Vt = np.linalg.svd(R(L(host).T).T, full_matrices=False)
    tails = np.sqrt(np.r_[np.cumsum(s[::-1] ** 2)[::-1], 0.0])
    r = _rank(tails, rank, energy, error)
    root = np.sqrt(s[:r])
    B = back_left(U[:, :r] * root)
    A = (root[:, None] * Vt[:r]) if back_right is None else back_right(Vt[:r].T * root).T
    whole = float(tails[0])
    return LowRank(
        returned(B, W),
        returned(A, W),
        float(tails[r]),
        float(tails[r]) / whole if whole > 0 else 0.0,
        s,
    )


def split(W: Any, rank: int, columns: int) -> tuple[LowRank, np.ndarray, Array]:
    """Split a matrix into factors and the columns of the rest with the largest norms (LOST).

    Parameters
    ----------
    W : (m, n) array of any backend
    rank : int
    columns : int
        Number of columns k that are kept, 0 to n (arXiv 2508.02668).

    Returns
    -------
    LowRank
        Of W; its `.error` is that without the columns.
    (k,) array
        Their places, ascending.
    (m, k) array
        W − BA at these columns: adding them makes BA equal W there.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `low_rank`, or a number of columns out of range.
    """
    host = hosted(W, "W")
    if not is_whole(columns) or not 0 <= columns <= host.shape[1]:
        raise InvalidInput(
            f"columns is {columns!r}; expected an integer from 0 to {host.shape[1]}. Write "
            f"columns={host.shape[1]}."
        )
    found = low_rank(host, rank=rank)
    rest = host - found.B @ found.A
    place = largest((rest**2).sum(axis=0), columns)
    factors = replace(found, B=returned(found.B, W), A=returned(found.A, W))
    return factors, place, returned(rest[:, place], W)


def largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the largest values, ascending; the first of equal ones."""
    return np.sort(np.argsort(-values, kind="stable")[:count])


def _roots(metric: Any, size: int, name: str) -> tuple[Any, Any]:
    """Return the functions a ↦ M^{1/2} a and its pseudo-inverse."""
    if metric is None:
        return (lambda a: a), (lambda a: a)
    axes = numbers(metric, name).ndim
    if axes not in (1, 2):
        raise InvalidInput(
            f"{name} has {axes} axes; expected ({size},), a diagonal, or ({size}, {size})."
        )
    M = hosted(metric, name, axes)
    if M.shape != (size,) * axes:
        raise InvalidInput(
            f"{name} has shape {M.shape}; expected ({size},), a diagonal, or ({size}, {size}), for "
            "the rows of W on the left and its columns on the right."
        )
    if axes == 2 and abs(M - M.T).max() > 1e-6 * abs(M).max():
        raise InvalidInput(f"{name} is not symmetric; expected a metric. Type: (M + M.T) / 2")
    lam, V = (M, None) if axes == 1 else np.linalg.eigh((M + M.T) / 2)
    level = ROUNDING * size * np.finfo(float).eps * abs(lam).max()
    if lam.min() < -1e3 * level:
        raise InvalidInput(
            f"{name} has the eigenvalue {lam.min():.3g}; expected a positive semidefinite metric. "
            'Type: eigcore.matrix_function(M, "positive")'
        )
    positive = lam > level
    root = np.sqrt(np.where(positive, lam, 0.0))
    inverse = np.where(positive, 1.0, 0.0) / np.where(positive, root, 1.0)
    if V is None:
        return (lambda a: root[:, None] * a), (lambda a: inverse[:, None] * a)
    return (lambda a: V @ (root[:, None] * (V.T @ a))), (
        lambda a: V @ (inverse[:, None] * (V.T @ a))
    )


def _rank(tails: np.ndarray, rank: Any, energy: Any, error: Any) -> int:
    """Return the rank that was asked for, from the errors of rank 0 to min(m, n)."""
    most = len(tails) - 1
    if sum(a is not None for a in (rank, energy, error)) != 1:
        raise InvalidInput(
            "Expected one of rank, energy and error. Write rank=10, energy=0.9 or error=0.1."
        )
    if rank is not None:
        if not is_whole(rank) or not 0 <= rank <= most:
            raise InvalidInput(
                f"rank is {rank!r}; expected an integer from 0 to {most} = min(m, n). "
                f"Write rank={most}."
            )
        return rank
    name, share = ("energy", energy) if energy is not None else ("error", error)
    if not is_real(share) or not 0 <= share <= 1:
        raise InvalidInput(f"{name} is {share!r}; expected 0 to 1. Write {name}=0.1.")
    largest = share if energy is None else max(0.0, 1 - share) ** 0.5
    return int(np.argmax(tails <= largest * tails[0] * (1 + 4 * np.finfo(float).eps)))
