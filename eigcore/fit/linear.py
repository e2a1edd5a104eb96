"""The linear model that every report compares with: same rows, same columns, same loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from eigcore.encoding import Categories, Column, is_constant
from eigcore.fit.losses import Squared
from eigcore.fit.problem import Problem
from eigcore.fit.solvers.lbfgs import minimize

_RIDGE = 1e-6
_CHUNK = 4096
"""Rows that are encoded at a time."""
_PART = 1.05
"""Part of the time for descents after which this one stops, too."""


def linear_decisions(problem: Problem, others: np.ndarray) -> np.ndarray:
    """Decisions (n,) or (n, outputs) of a linear model with an intercept, fitted to a problem.

    Numeric columns are standardised; missing cells become the mean, with an indicator beside it;
    categories become indicators. The ridge of 1e-6 only breaks ties between equal fits.

    Parameters
    ----------
    problem : the rows to fit
    others : (n, columns) float64, the rows to predict
    """
    terms, targets, loss = _Terms(problem), problem.target.targets, problem.loss
    share = np.full(len(problem), 1.0 / len(problem))
    if targets.weights is not None:
        share = targets.weights / targets.weights.sum()
    found = _least_squares(terms, problem.numbers, share, problem.target.working)
    if not isinstance(loss, Squared):
        found = _descended(terms(problem.numbers), problem, found)
    return np.concatenate([terms(others[rows]) @ found for rows in _chunks(others)])


def _descended(known: np.ndarray, problem: Problem, start: np.ndarray) -> np.ndarray:
    """Coefficients that minimise another loss than squares."""

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = problem.loss(known @ w.reshape(start.shape), *problem.target.targets)
        return value + _RIDGE * float(w @ w), (known.T @ slope).ravel() + 2.0 * _RIDGE * w

    over = problem.context.is_over
    found = minimize(
        objective,
        start.ravel(),
        max_iter=300,
        decrease_tol=1e-6,
        callback=lambda *_: over(_PART),
    ).x
    return found.reshape(start.shape)


def _least_squares(
    terms: Callable[[np.ndarray], np.ndarray],
    numbers: np.ndarray,
    share: np.ndarray,
    target: np.ndarray,
) -> np.ndarray:
    """Coefficients of the terms of some rows: p equations, or n where those are fewer.

    Where they are p, some rows are encoded at a time.
    """
    size, rows = terms(numbers[:0]).shape[1], len(numbers)
    if size <= rows:
        gram, cross = _RIDGE * np.eye(size), np.zeros((size, *target.shape[1:]))
        for some in _chunks(numbers):
            known = terms(numbers[some])
            weighted = known.T * share[some]
            gram += weighted @ known
            cross += weighted @ target[some]
        return np.linalg.solve(gram, cross)
    known = terms(numbers)
    weighted = known.T * share
    # (Kᵀ S K + ρ 1)⁻¹ Kᵀ S = Kᵀ S (K Kᵀ S + ρ 1)⁻¹
    return weighted @ np.linalg.solve(known @ weighted + _RIDGE * np.eye(rows), target)


def _chunks(numbers: np.ndarray) -> list[slice]:
    return [slice(first, first + _CHUNK) for first in range(0, max(len(numbers), 1), _CHUNK)]


class _Terms:
    """Ones, then the indicators of each column: (n, columns) -> (n, terms), standardised."""

    def __init__(self, problem: Problem):
        self.columns = problem.encoding.columns
        pairs = zip(self.columns, problem.numbers.T, strict=True)
        self.units = [
            (0.0, np.inf) if isinstance(c, Categories) else _unit(own) for c, own in pairs
        ]

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        """Encode some rows."""
        each = zip(numbers.T, self.columns, self.units, strict=True)
        return np.concatenate([np.ones((len(numbers), 1)), *(_indicators(*own) for own in each)], 1)


def _unit(known: np.ndarray) -> tuple[float, float]:
    """Return the mean and the standard deviation of the cells that are known."""
    seen = known[~np.isnan(known)]
    # a constant column is zero, also in other rows
    return (0.0, np.inf) if is_constant(seen) else (float(seen.mean()), float(seen.std()) or 1.0)


def _indicators(cells: np.ndarray, column: Column, unit: tuple[float, float]) -> np.ndarray:
    absent = np.isnan(cells)
    flag = absent[:, None].astype(np.float64) if column.missing else np.zeros((len(cells), 0))
    if isinstance(column, Categories):
        levels = np.arange(len(column.levels))
        return np.concatenate([(cells[:, None] == levels).astype(np.float64), flag], axis=1)
    center, scale = unit
    filled = np.where(absent, 0.0, (np.where(absent, center, cells) - center) / scale)
    return np.concatenate([filled[:, None], flag], axis=1)
