"""The linear model every report compares with: same rows, same columns, same loss."""

from __future__ import annotations

import numpy as np

from eigcore.encoding import Encoding
from eigcore.fit.lbfgs import minimize
from eigcore.fit.objectives import LOSSES

_RIDGE = 1e-6


def linear_predictions(
    shared: Encoding, numbers: np.ndarray, train: np.ndarray, target: np.ndarray, loss: str
) -> np.ndarray:
    """Predictions (rows,) of a linear model with an intercept, in the coordinates of the loss.

    Numeric columns are standardised, gaps filled with the mean beside an indicator, categories
    indicators; the ridge of 1e-6 only decides among equal fits.

    Parameters
    ----------
    shared : Encoding, for names and kinds of the columns
    numbers : (rows, columns) float64 with NaN for gaps
    train : (n,) rows to fit on
    target : (rows,) in the coordinates of the loss
    """
    parts = [np.ones((len(numbers), 1))]
    for place, column in enumerate(shared.columns):
        parts.append(_indicators(numbers[:, place], column, train))
    design = np.concatenate(parts, axis=1)
    known, goal = design[train], target[train]
    ridge = _RIDGE * np.eye(design.shape[1])
    gram = known.T @ known / len(train) + ridge
    start = np.linalg.solve(gram, known.T @ goal / len(train))
    if loss == "squared":
        return design @ start

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = LOSSES[loss](known @ w, goal)
        return value + _RIDGE * float(w @ w), known.T @ slope + 2.0 * _RIDGE * w

    return design @ minimize(objective, start, max_iter=300, decrease_tol=1e-6).x


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
