"""From what scikit-learn passes to named columns, and equal rows counted instead of repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from eigcore.fit.validation import InvalidOption, listed, suggest

MERGED = 50_000
"""Up to this many rows, equal rows are merged."""


def is_frame(X: Any) -> bool:
    """Whether X is a data frame (pandas, polars) or an arrow table."""
    return hasattr(X, "columns") or hasattr(X, "column_names")


def columns_of(estimator: Any, X: Any, *, reset: bool) -> dict[str, np.ndarray]:
    """Columns (rows,) by name, after scikit-learn's checks.

    A frame's columns keep their kinds; an array is numbers, or, where the estimator has
    `categorical_features`, whatever it holds. Without names of text they are called x0, x1, …
    """
    if is_frame(X):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        columns = [_column(X, j) for j in range(X.shape[1])]
    else:
        free = estimator.categorical_features is not None
        dtype: Any = None if free else [np.float64, np.float32]
        options: Any = {"dtype": dtype, "ensure_all_finite": "allow-nan"}
        columns = list(np.asarray(validate_data(estimator, X, reset=reset, **options)).T)
    return dict(zip(names_of(estimator), columns, strict=True))


def names_of(estimator: Any) -> list[str]:
    """Names of the columns an estimator was fitted with."""
    known = getattr(estimator, "feature_names_in_", None)
    return [f"x{j}" for j in range(estimator.n_features_in_)] if known is None else list(known)


def _column(X: Any, place: int) -> np.ndarray:
    if hasattr(X, "iloc"):
        column = X.iloc[:, place]
        return np.asarray(column.astype(object) if _is_category(column) else column)
    return np.asarray(X.column(place) if hasattr(X, "column_names") else X[:, place])


def _is_category(column: Any) -> bool:
    return str(getattr(column, "dtype", "")) == "category"


def categories(estimator: Any, X: Any) -> list[str]:
    """Names of the columns that hold categories: pandas' own, and `categorical_features`."""
    names = names_of(estimator)
    own = [names[j] for j in range(len(names)) if hasattr(X, "iloc") and _is_category(X.iloc[:, j])]
    wanted = estimator.categorical_features
    if wanted is None:
        return own
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    if wanted and all(isinstance(each, (bool, np.bool_)) for each in wanted):
        if len(wanted) != len(names):
            raise InvalidOption(
                f"categorical_features has {len(wanted)} truth values; expected one for each of "
                f"the {len(names)} columns, or the names or places of some."
            )
        wanted = [name for name, is_one in zip(names, wanted, strict=True) if is_one]
    return sorted({*own, *(find(name, names, "categorical_features") for name in wanted)})


def find(key: Any, names: Sequence[str], option: str) -> str:
    """Name of a column, from its name or its place."""
    if isinstance(key, str) and key in names:
        return key
    if isinstance(key, (int, np.integer)) and -len(names) <= key < len(names):
        return names[int(key)]
    known = dict.fromkeys(names)
    raise InvalidOption(
        f"{option} names the column {key!r}, which X has not.{suggest(str(key), known)} "
        f"Expected a place from 0 to {len(names) - 1}, or one of: {listed(known)}."
    )


def directions(monotone: Any, names: Sequence[str]) -> dict[str, list[str]]:
    """Arguments `increasing` and `decreasing` of `fit` from a mapping or one number per column."""
    if monotone is None:
        return {}
    if hasattr(monotone, "to_dict"):
        monotone = monotone.to_dict()
    if not isinstance(monotone, Mapping):
        monotone = np.asarray(monotone)
        if monotone.shape != (len(names),):
            raise InvalidOption(
                f"monotone has shape {monotone.shape}; expected one of -1, 0, 1 for each of the "
                f"{len(names)} columns, or a mapping such as {{{names[0]!r}: 1}}."
            )
        monotone = dict(zip(names, monotone.tolist(), strict=True))
    found: dict[str, Any] = {}
    for key, sign in monotone.items():
        name = find(key, names, "monotone")
        if found.setdefault(name, sign) != sign:
            raise InvalidOption(
                f"monotone names the column {name!r} twice, with {found[name]} and {sign}; "
                "expected one of them. Take the other out."
            )
    wrong = {name: sign for name, sign in found.items() if sign not in (-1, 0, 1)}
    if wrong:
        raise InvalidOption(
            f"monotone is {wrong}; expected -1 (never rises), 0 (free) or 1 (never falls)."
        )
    return {
        option: [name for name, sign in found.items() if sign == wanted]
        for option, wanted in (("increasing", 1), ("decreasing", -1))
    }


def counted(
    columns: dict[str, np.ndarray], y: np.ndarray, weights: np.ndarray | None
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray | None]:
    """Merge equal rows and add their weights, so that a weight of 2 is two rows, to the last bit.

    The rows come back in an order of their own: a fit does not depend on the order given.

    Returns
    -------
    columns, y, and weights (rows,), or None where all are equal
    """
    if weights is None:
        weights = np.ones(len(y))
    kept = weights > 0.0
    columns = {name: cells[kept] for name, cells in columns.items()}
    y, weights = y[kept], weights[kept]
    if 0 < len(y) <= MERGED:
        keys = np.stack([_ranks(cells) for cells in (y, *columns.values())])
        order = np.lexsort(keys)
        changes = (np.diff(keys[:, order], axis=1) != 0).any(0)
        first = np.flatnonzero(np.concatenate([[True], changes]))
        weights = np.add.reduceat(weights[order], first)
        chosen = order[first]
        columns, y = {name: cells[chosen] for name, cells in columns.items()}, y[chosen]
    return columns, y, weights if np.ptp(weights) > 0.0 else None


def _ranks(cells: np.ndarray) -> np.ndarray:
    """Equal numbers for equal cells; gaps are equal."""
    if cells.dtype == object:
        cells = np.array([repr(cell) for cell in cells.tolist()])
    return np.unique(cells, return_inverse=True)[1]


def is_single(columns: dict[str, np.ndarray]) -> bool:
    """Whether all numbers are float32 (or shorter), so that predictions shall be as well."""
    kinds = [cells.dtype for cells in columns.values() if cells.dtype.kind in "fiu"]
    return bool(kinds) and all(kind.kind == "f" and kind.itemsize <= 4 for kind in kinds)
