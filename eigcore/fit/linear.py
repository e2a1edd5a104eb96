"""The linear model that every report compares with: same rows, same columns, same loss."""

from __future__ import annotations

import numpy as np

from eigcore.encoding import Categories, Column, is_constant
from eigcore.fit.losses import Squared
from eigcore.fit.problem import Problem
from eigcore.fit.solvers.lbfgs import minimize

_RIDGE = 1e-6
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
    known, asked = (_design(problem, each) for each in (problem.numbers, others))
    targets, loss = problem.target.targets, problem.loss
    share = np.full(len(known), 1.0 / len(known))
    if targets.weights is not None:
        share = targets.weights / targets.weights.sum()
    start = _least_squares(known, share, problem.target.working)
    if isinstance(loss, Squared):
        return asked @ start

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = loss(known @ w.reshape(start.shape), *targets)
        return value + _RIDGE * float(w @ w), (known.T @ slope).ravel() + 2.0 * _RIDGE * w

    over = problem.context.is_over
    found = minimize(
        objective,
        start.ravel(),
        max_iter=300,
        decrease_tol=1e-6,
        callback=lambda *_: over(_PART),
    ).x
    return asked @ found.reshape(start.shape)


def _least_squares(known: np.ndarray, share: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Coefficients of known (n, p), from p equations, or from n where those are fewer."""
    weighted = known.T * share
    rows, size = known.shape
    if size <= rows:
        ridge = _RIDGE * np.eye(size)
        return np.linalg.solve(weighted @ known + ridge, weighted @ target)
    # (Kᵀ S K + ρ 1)⁻¹ Kᵀ S = Kᵀ S (K Kᵀ S + ρ 1)⁻¹
    return weighted @ np.linalg.solve(known @ weighted + _RIDGE * np.eye(rows), target)


def _design(problem: Problem, others: np.ndarray) -> np.ndarray:
    """Ones, then the indicators of each column (n, ...), standardised by the problem's rows."""
    parts = [np.ones((len(others), 1))]
    for place, column in enumerate(problem.encoding.columns):
        parts.append(_indicators(others[:, place], column, problem.numbers[:, place]))
    return np.concatenate(parts, axis=1)


def _indicators(cells: np.ndarray, column: Column, known: np.ndarray) -> np.ndarray:
    absent = np.isnan(cells)
    flag = absent[:, None].astype(np.float64) if column.missing else np.zeros((len(cells), 0))
    if isinstance(column, Categories):
        levels = np.arange(len(column.levels))
        return np.concatenate([(cells[:, None] == levels).astype(np.float64), flag], axis=1)
    seen = known[~np.isnan(known)]
    # a constant column is zero, also in other rows
    center, scale = (0.0, np.inf) if is_constant(seen) else (seen.mean(), seen.std() or 1.0)
    filled = np.where(absent, 0.0, (np.where(absent, center, cells) - center) / scale)
    return np.concatenate([filled[:, None], flag], axis=1)
