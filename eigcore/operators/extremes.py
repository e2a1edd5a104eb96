"""The largest and smallest eigenvalues of an operator, with bounds on their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.options import generator, number, one_of
from eigcore.core.scalars import is_whole
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput
from eigcore.operators.lanczos import Lanczos, lanczos
from eigcore.operators.operator import Operator
from eigcore.operators.operator import operator as operator_of

ENDS = ("largest", "smallest", "both")
_ROUNDS = 50


@dataclass(frozen=True)
class Extremes:
    """Eigenvalues at the ends of a spectrum.

    Parameters
    ----------
    values : (k,) array
        NumPy, float64, ascending; 2k for both ends.
    bounds : (k,) array
        Norms of the residuals Hv − λv: each interval λ ∓ bound contains an eigenvalue.
    vectors : (P, k) array
        Of the operator's backend, orthonormal columns.
    """

    values: np.ndarray
    bounds: np.ndarray
    vectors: Array


def extreme_eigenvalues(
    operator: Any,
    k: int = 1,
    which: str = "largest",
    tol: float | None = None,
    steps: int = 80,
    seed: int = 0,
) -> Extremes:
    """Return the k largest eigenvalues, the k smallest, or both, by Lanczos with restarts.

    Converged vectors are set aside and all others kept orthogonal to them; the search ends after
    a run from a random vector finds nothing further out, so that multiple eigenvalues are seen.

    Parameters
    ----------
    operator : Operator, or what `eigcore.operators.operator` takes without a size
    k : int
    which : {"largest", "smallest", "both"}
        By signed value.
    tol : float, optional
        Largest residual, relative to the largest |eigenvalue| seen; default √ε/10 of the dtype.
    steps : int
        Products between two restarts; more than 2k + 10.
    seed : int

    Returns
    -------
    Extremes

    Raises
    ------
    InvalidInput, NonFiniteInput
        k, which, steps or tol out of range, or products that are not finite.
    """
    one_of("which", which, ENDS)
    operator = operator_of(operator)
    most = operator.size // (2 if which == "both" else 1)
    if not is_whole(k) or not 1 <= k <= most:
        raise InvalidInput(
            f"k is {k!r}; expected an integer from 1 to {most} for an operator of order "
            f"{operator.size}. Write k=1."
        )
    if not is_whole(steps) or steps < 1:
        raise InvalidInput(f"steps is {steps!r}; expected an integer above 0. Write steps=80.")
    level = tolerance(operator, tol)
    return _Search(operator, k, which, level, max(steps, 2 * k + 10), seed).found()


def tolerance(operator: Operator, tol: float | None) -> float:
    """Return the largest relative residual: as asked for, or √ε/10."""
    if tol is None:
        return 0.1 * float(np.finfo(operator.dtype).eps) ** 0.5
    return number("tol", tol, 1e-8, 0.0)


class _Search:
    """What has converged so far, and where to begin the next run."""

    def __init__(self, operator: Operator, k: int, which: str, tol: float, steps: int, seed: int):
        self.operator, self.k, self.which, self.tol = operator, k, which, tol
        self.steps, self.rng = steps, generator(seed)
        self.values, self.bounds, self.scale = np.zeros(0), np.zeros(0), 0.0
        self.rows: Any = None

    def found(self) -> Extremes:
        start = None
        for _ in range(_ROUNDS):
            random = start is None
            left = self.operator.size - len(self.values)
            if not left:
                break
            begin = self.rng.normal(size=(1, self.operator.size)) if start is None else start
            run = lanczos(self.operator, begin, min(self.steps, left), "full", self.rows)
            start, finished = self._taken(run)
            if finished and random:
                break
        order = self._wanted(self.values)
        order = order[np.argsort(self.values[order])]
        xp = self.operator.backend.xp
        rows = xp.concat([self.rows[int(i) : int(i) + 1, :] for i in order], axis=0)
        return Extremes(self.values[order], self.bounds[order], xp.moveaxis(rows, 0, 1))

    def _wanted(self, values: np.ndarray) -> np.ndarray:
        """Return the indices of the values at the ends asked for."""
        order, k = np.argsort(values), self.k
        low = order[:k] if self.which != "largest" else order[:0]
        high = order[len(order) - min(k, len(order)) :] if self.which != "smallest" else order[:0]
        return np.union1d(low, high)

    def _taken(self, run: Lanczos) -> tuple[Any, bool]:
        """Set converged vectors aside; return where to go on (None: anywhere), and if all are."""
        theta, S = get_backend("numpy").eigenpairs_tridiagonal(
            run.diag, run.off[:, :-1], 0, run.diag.shape[-1] - 1
        )
        theta, S, known = theta[0], S[0], len(self.values)
        self.scale = max(self.scale, float(np.abs(theta).max()))
        bounds = np.abs(run.off[0, -1] * S[-1])
        wanted = self._wanted(np.concatenate([self.values, theta]))
        new = wanted[wanted >= known] - known
        new = new[~self._old(theta[new])] if self._complete() else new
        converged = new[bounds[new] <= self.tol * self.scale]
        if len(converged):
            self._lock(theta[converged], bounds[converged], self._vectors(run, S[:, converged]))
        open_ = np.setdiff1d(new, converged)
        start = self._vectors(run, S[:, open_].sum(-1, keepdims=True)) if len(open_) else None
        return start, not len(new)

    def _complete(self) -> bool:
        return len(self.values) >= self.k * (2 if self.which == "both" else 1)

    def _old(self, theta: np.ndarray) -> np.ndarray:
        """Whether values are no further out than those set aside, within their bounds."""
        margin = 2 * self.tol * self.scale
        ends = np.sort(self.values)
        inside = np.ones(len(theta), bool)
        if self.which != "smallest":
            high = theta > ends[-self.k] + margin
            inside &= ~high
        if self.which != "largest":
            low = theta < ends[self.k - 1] - margin
            inside &= ~low
        return inside

    def _vectors(self, run: Lanczos, S: np.ndarray) -> Array:
        """Return Ritz vectors (j, P) as rows, from their coordinates (m, j)."""
        own, total = self.operator.array(np.ascontiguousarray(S.T)), 0.0
        for place, q in enumerate(run.basis[: S.shape[0]]):
            total = total + own[:, place : place + 1] * q
        return total

    def _lock(self, values: np.ndarray, bounds: np.ndarray, rows: Array) -> None:
        xp = self.operator.backend.xp
        self.values = np.concatenate([self.values, values])
        self.bounds = np.concatenate([self.bounds, bounds])
        self.rows = rows if self.rows is None else xp.concat([self.rows, rows], axis=0)
