"""Observed beside expected: in all, by prediction, and by the cells of each column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from eigcore.encoding import Categories
from eigcore.report import private
from eigcore.report.numerals import plain
from eigcore.report.scores import Seen

COLUMNS = 12
"""Largest number of columns, the most important first."""
LEVELS = 20
"""Largest number of levels of a column, the commonest first."""


class Part(NamedTuple):
    """Rows that are alike, in words.

    Parameters
    ----------
    name, rows, observed, expected : str
        Means are weighted by the exposure.
    ratio : str
        Observed by expected, or the difference where targets may be negative.
    """

    name: str
    rows: str
    observed: str
    expected: str
    ratio: str


def compared(seen: Seen) -> str:
    """Return what `Part.ratio` is called."""
    positive = seen.model.static.link in ("log", "logistic")
    return "observed / expected" if positive else "observed − expected"


def balance(seen: Seen, order: list[str]) -> dict[str, list[Part]]:
    """Return title -> parts of the rows: of all, tenths by prediction, then bins of each column.

    Parameters
    ----------
    seen : Seen
    order : list of str
        Columns by importance.

    Returns
    -------
    dict
        Empty without a target, or of several classes. Each part has at least five rows.
    """
    if seen.observed is None or seen.prediction.ndim > 1 or len(seen) < private.LEAST:
        return {}
    everything = np.ones(len(seen), dtype=bool)
    found = {"all rows": [_part(seen, "all rows", everything)]}
    for title, parts in (("the prediction", _bins(seen.prediction)), *_columns(seen, order)):
        if len(parts) > 1:
            found[title] = [_part(seen, *each) for each in parts]
    return found


def _columns(seen: Seen, order: list[str]) -> Iterator[tuple[str, list[tuple[str, np.ndarray]]]]:
    """Yield the first columns, with the name and the rows of each part."""
    encoding = seen.model.encoding
    for name in order[:COLUMNS]:
        j = encoding.names.index(name)
        column, cells = encoding.columns[j], seen.table[:, j]
        yield name, _levels(cells, column) if isinstance(column, Categories) else _bins(cells)


def _bins(values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return the name and the rows (rows,) bool of each bin of numbers."""
    ends = private.edges(values)
    names = np.array([private.number(values, value, ends) for value in values])
    order = dict.fromkeys(names[np.argsort(values, kind="stable")].tolist())
    return _large((name, names == name) for name in order)


def _levels(codes: np.ndarray, column: Categories) -> list[tuple[str, np.ndarray]]:
    """Return the name and the rows (rows,) bool of the commonest levels."""
    names = np.array([private.level(codes, code, column.levels) for code in codes])
    found = _large((name, names == name) for name in np.unique(names).tolist())
    return sorted(found, key=lambda each: -int(each[1].sum()))[:LEVELS]


def _large(parts: Iterator[tuple[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    return [(name, own) for name, own in parts if own.sum() >= private.LEAST]


def _part(seen: Seen, name: str, own: np.ndarray) -> Part:
    assert seen.observed is not None
    w = np.ones(len(seen)) if seen.weights is None else seen.weights
    observed, expected = (
        float(np.average(values[own], weights=w[own]))
        for values in (seen.observed, seen.prediction)
    )
    if compared(seen).endswith("/ expected"):
        ratio = plain(observed / expected) if expected > 0.0 else ""
    else:
        ratio = plain(observed - expected)
    return Part(name, str(int(own.sum())), plain(observed), plain(expected), ratio)
