"""What cannot be fitted is refused here: one error with the column, the count, what to type."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eigcore.encoding.read import is_missing
from eigcore.errors import InvalidInput

MANY_LEVELS = 100
"""A text column looks like identifiers with more levels than this, or than half the rows."""


class InvalidOption(InvalidInput):
    """A name or option of the caller that cannot be meant: wrong usage, not a bad table."""


def check_known(wanted: Sequence[str], known: Mapping[str, Any], option: str) -> None:
    """Raise InvalidOption for a name that is not known, with the nearest one."""
    flag = "--" + option.replace("_", "-")
    if isinstance(wanted, str):
        raise InvalidOption(
            f"{option} is the text {wanted!r}; expected names: {option}=[{wanted!r}]."
        )
    for name in wanted:
        if name not in known:
            raise InvalidOption(
                f"Column {name!r} of {flag} is not in the table.{suggest(name, known)} "
                f"Type {flag} with one of: {listed(known)}."
            )


def suggest(name: str, known: Mapping[str, Any]) -> str:
    """Return " Did you mean ...?" or nothing."""
    lower = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.5)
    return f" Did you mean {lower[close[0]]!r}?" if close else ""


def listed(names: Mapping[str, Any], most: int = 12) -> str:
    """Return the first few names, for an error message."""
    rest = f", … ({len(names)} columns)" if len(names) > most else ""
    return ", ".join(list(names)[:most]) + rest


def gaps_of(values: np.ndarray) -> np.ndarray:
    """Tell which cells are missing: NaN, None, pandas.NA, NaT or empty text. (rows,) bool."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "O":
        return np.array([is_missing(v) for v in values], dtype=bool)
    return np.zeros(len(values), dtype=bool)


def check_column(
    name: str, cells: np.ndarray, keep_constant: bool = False, declared: bool = False
) -> None:
    """Raise InvalidInput for a column without information, infinite cells, or identifiers.

    keep_constant : do not raise for a column without information
    declared : the caller says that it holds categories: any number of levels, any words
    """
    rows, gaps = len(cells), gaps_of(cells)
    advice = f"Type --drop-columns {name} to leave it out."
    if gaps.all() and keep_constant:
        return
    if gaps.all():
        raise InvalidInput(
            f"Column {name!r} is missing in all {rows} rows; expected at least one value. {advice}"
        )
    if cells.dtype == object:
        levels = len(set(cells[~gaps].tolist()))
        if not declared:
            _check_words(name, cells[~gaps])
        if not declared and (levels > MANY_LEVELS or (levels > 20 and levels > 0.5 * rows)):
            raise InvalidInput(
                f"Column {name!r} holds text with {levels} different values in {rows} rows, like "
                f"an identifier; expected at most {MANY_LEVELS} categories. {advice}"
            )
        constant = levels == 1
    else:
        infinite = int(np.isinf(cells).sum())
        if infinite:
            raise InvalidInput(
                f"Column {name!r} is infinite in {infinite} of {rows} rows; expected finite "
                f"numbers or empty cells. Correct the table, or type --drop-columns {name}."
            )
        constant = np.ptp(cells[~gaps]) == 0.0
    if constant and not gaps.any() and not keep_constant:
        raise InvalidInput(
            f"Column {name!r} is constant ({cells[0]!s} in all {rows} rows); expected at least two "
            f"different values. {advice}"
        )


def _check_words(name: str, texts: np.ndarray) -> None:
    """Raise where most cells are numbers and a few are words: a gap was written as a word."""
    words = [text for text in texts if not _is_number(text)]
    if 0 < len(words) < 0.5 * len(texts):
        raise InvalidInput(
            f"Column {name!r} holds numbers, but {len(words)} of its cells are text such as "
            f"{words[0]!r}; expected numbers or empty cells. Empty those cells in the table, or "
            f"type --drop-columns {name}."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
