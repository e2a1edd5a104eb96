"""Special codes: numbers of a column that are kinds of missing cells, each with its own matrix.

A model has them as levels of a second column (`eigcore.encoding.Categories.of`). A row holds a code
only where its number is missing, so the two columns change together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.encoding import Categories, Encoding
from eigcore.errors import InvalidInput


def code_columns(encoding: Encoding) -> dict[int, int]:
    """Return the place of each column of codes -> the place of the numbers that it belongs to."""
    pairs = zip(encoding.names, encoding.columns, strict=True)
    found = {name: c.of for name, c in pairs if isinstance(c, Categories) and c.of is not None}
    return {
        encoding.names.index(name): encoding.names.index(of)
        for name, of in found.items()
        if of in encoding.names
    }


def codes_of(encoding: Encoding, column: str) -> tuple[str | None, tuple[Any, ...]]:
    """Return the name of the column of a column's codes, and the codes; None, () for none."""
    for place, source in code_columns(encoding).items():
        if encoding.names[source] == column:
            levels: Any = encoding.columns[place]
            return encoding.names[place], levels.levels
    return None, ()


def as_given(encoding: Encoding, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as a table has it: a special code is the cell of the column of numbers."""
    found = dict(row)
    for place, source in code_columns(encoding).items():
        code = found.pop(encoding.names[place], None)
        if code is not None and encoding.names[source] in found:
            found[encoding.names[source]] = code
    return found


def only_possible(encoding: Encoding, rows: np.ndarray, moving: int | None = None) -> np.ndarray:
    """Return rows (rows, columns) without codes beside numbers, of which the numbers stay.

    moving : a column that varies; if it is one of codes, the numbers are missing. They cannot be
        if no fitted row held a code or a missing cell
    """
    rows = rows.copy()
    for place, source in code_columns(encoding).items():
        if place == moving and encoding.columns[source].missing:
            rows[:, source] = np.nan
        rows[~np.isnan(rows[:, source]), place] = np.nan
    return rows


def with_codes(encoding: Encoding, given: dict[str, Any], listed: Any) -> dict[str, Any]:
    """Return a domain in which a column fixed at a special code is missing, and of that kind.

    Parameters
    ----------
    given : column name -> values, as callers write them
    listed : function
        Values of one column -> a list of them.

    Raises
    ------
    InvalidInput
        If the domain names the column of codes as well.
    """
    found = dict(given)
    for name, values in given.items():
        kinds, codes = codes_of(encoding, name)
        values = listed(values)
        known = {value for value in values if not isinstance(value, str) and value == value} - {
            None
        }
        if kinds is None or len(known) != 1 or not known <= {*codes}:
            continue
        if kinds in given:
            raise InvalidInput(
                f"The domain holds {known.pop()!r} for column {name!r}, a special code, beside "
                f"values for {kinds!r}. Expected the code once. Leave {kinds!r} out."
            )
        missing = [None] if len({*values}) > 1 else []
        found |= {name: (None,), kinds: [*known, *missing]}
    return found
