"""Importances of columns, free of units: the mean effect of a cell (math.md, section 6)."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.encoding import LARGEST
from eigcore.guarantees.explanation import by_part, pulls
from eigcore.portable.description import Described


def importances(model: Described, X: Any, weights: np.ndarray | None = None) -> dict[str, float]:
    """Return the share of each column in what the model tells rows apart by.

    In row r, column j supplies ⟨G_r, A_j(x_rj)⟩ to the decision (`Explanation`). With Ā_j the mean
    of A_j(x_rj) over the rows, its effect is the mean over the rows of |⟨G_r, A_j(x_rj) − Ā_j⟩|:
    mean |slope · deviation| for a straight column, the mean absolute deviation of the level for
    categories; a missing cell is a level of its own. The effect of a projection Σ w_j x_j is
    divided among its columns in proportion to |w_j| · mean |x_rj − x̄_j|.

    Parameters
    ----------
    model : SpectralModel
    X : table
        See `Encoding.table`; the rows to average over.
    weights : (rows,) float64, optional
        Of the rows.

    Returns
    -------
    dict : name of the column -> its effect divided by the sum over all columns; 0 everywhere for a
        model that is constant on the rows. Other units of a column or of the target change nothing.

    Raises
    ------
    InvalidInput, NonFiniteInput
        See `Encoding.table`.
    """
    return importances_and_gaps(model, X, weights)[0]


def importances_and_gaps(
    model: Described, X: Any, weights: np.ndarray | None = None
) -> tuple[dict[str, float], np.ndarray]:
    """Return `importances`, and the gaps (rows, members, outputs, 2) of an `Explanation`."""
    encoding = model.encoding
    table = np.atleast_2d(encoding.table(X))
    terms = encoding(table, get_backend("numpy"), codes=True)
    pull, gaps = pulls(model, terms)
    if model.static.link == "softmax":  # what raises all scores alike changes no probability
        pull = pull - pull.mean(1, keepdims=True)
    centred = terms - np.average(terms, 0, weights)
    effects = np.abs(by_part(encoding, centred[:, None] * pull)).sum(1)
    found = np.average(effects, 0, weights)
    count = len(encoding.columns)
    found = found[:count] + found[count:] @ _shares(encoding.mixing, table, weights)
    total = found.sum()
    found = found / total if total > 0.0 else np.zeros(count)
    return dict(zip(encoding.names, found.tolist(), strict=True)), gaps


def _shares(mixing: np.ndarray, table: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the share of each column in each projection: (projections, columns)."""
    seen = ~np.isnan(table)
    count = np.where(seen, 1.0 if weights is None else weights[:, None], 0.0)
    cells, total = (
        np.clip(np.where(seen, table, 0.0), -LARGEST, LARGEST),
        np.maximum(count.sum(0), np.finfo(float).tiny),
    )
    mean = (count * cells).sum(0) / total
    spread = (count * np.abs(cells - mean)).sum(0) / total
    shares = np.abs(mixing) * spread
    sums = shares.sum(1, keepdims=True)
    return np.divide(shares, sums, out=np.zeros_like(shares), where=sums > 0.0)
