"""Baselines: the rows that a prediction is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.encoding import Categories, Column, Periodic
from eigcore.encoding.cells import column_labels
from eigcore.errors import InvalidInput
from eigcore.guarantees.certificate import certify
from eigcore.guarantees.codes import only_possible
from eigcore.portable.description import Described
from eigcore.portable.predict import decision
from eigcore.portable.tables import predict_table

CASES = ("mean", "highest", "lowest")
"""Baselines with a name."""


def rows_of(model: Described, X: Any) -> np.ndarray:
    """Return the rows of a table: (rows, columns) float64, with codes for levels."""
    if isinstance(X, list) and X and not np.iterable(X[0]) and column_labels(X) is None:
        X = [X]
    return _rows(model.encoding.table(X))


def baseline_rows(model: Described, baseline: Any, table: np.ndarray, backend: Any) -> np.ndarray:
    """Return the rows to compare with: (baselines, columns) float64.

    Parameters
    ----------
    model : SpectralModel
    baseline : {"mean", "highest", "lowest"}, or table
        The cases are those of `eigcore.guarantees.contributions.contributions`.
    table : (rows, columns) float64
        The rows that a case is made of.
    backend : Backend

    Raises
    ------
    InvalidInput
        If the case is unknown or of a single row, there are no rows, or several outputs have no
        highest one.
    """
    if not isinstance(baseline, str):
        table, baseline = rows_of(model, baseline), "rows"
    elif baseline not in CASES:
        raise InvalidInput(
            f"baseline is {baseline!r}. Expected one of {', '.join(map(repr, CASES))}, a row, or a "
            'table of rows. Write baseline="mean".'
        )
    if not len(table):
        raise InvalidInput(
            "The baseline has no rows. Expected at least one. Pass a row, or a table with rows."
        )
    if baseline == "rows":
        return table
    if len(table) == 1:
        raise InvalidInput(
            f"baseline is {baseline!r} of one row, which is that row: beside itself, every "
            "contribution is 0. Expected rows to make the case of. Write "
            f"baseline={baseline!r}, sample=table, or pass a row as the baseline."
        )
    pairs = zip(model.encoding.columns, table.T, strict=True)
    mean = np.array([_typical(column, cells) for column, cells in pairs])
    mean = only_possible(model.encoding, mean[None])[0]
    return (mean if baseline == "mean" else _extreme(model, table, baseline, backend))[None]


def _rows(table: np.ndarray) -> np.ndarray:
    return np.atleast_2d(table).reshape(-1, table.shape[-1])


def _typical(column: Column, cells: np.ndarray) -> float:
    """Return the mean of a column without its missing cells; the commonest level of categories."""
    known = cells[~np.isnan(cells)]
    if isinstance(column, Categories):
        levels, counts = np.unique(cells, return_counts=True)
        return float(levels[counts.argmax()])
    if not len(known):
        return float("nan")
    if isinstance(column, Periodic):  # the direction of the mean of points on a circle
        turn = 2 * np.pi / column.period
        return float(np.angle(np.exp(1j * turn * known).mean()) / turn % column.period)
    return float(known.mean())


def _extreme(model: Described, table: np.ndarray, case: str, backend: Any) -> np.ndarray:
    """Return the row of the highest or lowest decision, its monotone columns at their best."""
    if model.outputs > 1:
        names = model.static.targets
        hint = f"explain model.target({names[0]!r}), " if names else ""
        raise InvalidInput(
            f'baseline is "{case}", but the model has {model.outputs} outputs. Expected one '
            f'output, which has a highest value. Write baseline="mean", {hint}or pass a row.'
        )
    values = predict_table(decision, model, table, backend, codes=True)
    high = case == "highest"
    found = table[values.argmax() if high else values.argmin()].copy()
    numeric = [column.numeric for column in model.encoding.columns]
    for j, column in enumerate(certify(model).columns):
        if column.increasing != column.decreasing and not np.isnan(found[j]):
            best = np.nanmax if column.increasing == high else np.nanmin
            # a level never seen has the code −1
            found[j] = best(np.maximum(table[:, j], 0.0) if not numeric[j] else table[:, j])
    return found
