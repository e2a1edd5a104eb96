"""The linear model every report compares with: same rows, same columns, same loss."""

from __future__ import annotations

import numpy as np

from eigcore.encoding import Encoding
from eigcore.fit.losses import Goals, Loss, Squared
from eigcore.fit.solvers.lbfgs import minimize

_RIDGE = 1e-6


def linear_predictions(
    shared: Encoding, numbers: np.ndarray, train: np.ndarray, goals: Goals, loss: Loss
) -> np.ndarray:
    """Decisions (rows,) or (rows, outputs) of a linear model with an intercept.

    Numeric columns are standardised, gaps filled with the mean beside an indicator, categories
    indicators; the ridge of 1e-6 only decides among equal fits.

    Parameters
    ----------
    shared : Encoding, for names and kinds of the columns
    numbers : (rows, columns) float64 with NaN for gaps
    train : (n,) rows to fit on
    goals : of all rows
    loss : Loss
    """
    parts = [np.ones((len(numbers), 1))]
    for place, column in enumerate(shared.columns):
        parts.append(_indicators(numbers[:, place], column, train))
    design = np.concatenate(parts, axis=1)
    known, own = design[train], goals.part(train)
    share = np.full(len(train), 1.0 / len(train))
    if own.weights is not None:
        share = own.weights / own.weights.sum()
    ridge = _RIDGE * np.eye(design.shape[1])
    weighted = known.T * share
    start = np.linalg.solve(weighted @ known + ridge, weighted @ loss.working(own))
    if isinstance(loss, Squared):
        return design @ start

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = loss(known @ w.reshape(start.shape), *own)
        return value + _RIDGE * float(w @ w), (known.T @ slope).ravel() + 2.0 * _RIDGE * w

    found = minimize(objective, start.ravel(), max_iter=300, decrease_tol=1e-6).x
    return design @ found.reshape(start.shape)


def _indicators(cells: np.ndarray, column, train: np.ndarray) -> np.ndarray:
    gaps = np.isnan(cells)
    flag = gaps[:, None].astype(np.float64) if column.missing else np.zeros((len(cells), 0))
    if not column.numeric:
        levels = np.arange(len(column.levels))
        return np.concatenate([(cells[:, None] == levels).astype(np.float64), flag], axis=1)
    seen = cells[train][~gaps[train]]
    center, scale = (seen.mean(), seen.std() or 1.0) if len(seen) else (0.0, 1.0)
    filled = np.where(gaps, 0.0, (np.where(gaps, center, cells) - center) / scale)
    return np.concatenate([filled[:, None], flag], axis=1)
