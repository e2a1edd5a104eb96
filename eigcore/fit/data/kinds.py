"""What each column of a table is: numbers or categories, and whether it can be used."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eigcore.encoding import Categories, Column, Linear, is_constant
from eigcore.encoding.cells import EXACT, missing
from eigcore.encoding.levels import as_text
from eigcore.errors import InvalidInput, InvalidOption, InvalidTable
from eigcore.fit.data.names import check_keys
from eigcore.fit.data.scale import check_numbers

MANY_LEVELS = 100
"""A column of text with more levels than this, or than half the rows, looks like identifiers."""
TOO_LONG = 10**100
"""Levels that are integers are smaller than this."""
TO_LEAVE_OUT = "to leave it out"


def describe(
    name: str, cells: np.ndarray, categories: bool, order: Sequence[Any] | None = None
) -> Column:
    """Return categories for text or declared categories, a linear column for numbers.

    order : all levels in their order, where it matters
    """
    absent = missing(cells)
    known, some = cells[~absent], bool(absent.any())
    if cells.dtype.kind not in "fiubO":
        raise _unlike(name, str(cells.dtype), "a date to days for example")
    if is_text(known) or categories:
        if not len(known):
            return Linear(missing=True)
        advice = ("drop_columns", [name], TO_LEAVE_OUT)
        levels = levels_of(f"Column {name!r}", known, advice)
        levels = levels if order is None else in_order(name, levels, order)
        return Categories(levels, missing=some, ordered=order is not None)
    try:
        known.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as exc:
        raise _unlike(name, f"{type(known[0]).__name__} objects") from exc
    return Linear(missing=some)


def _unlike(name: str, found: str, example: str = "") -> InvalidInput:
    """Return the error for a column with such cells; `example` tells how to convert them."""
    return unlike(f"Column {name!r}", found, example, ("drop_columns", [name], TO_LEAVE_OUT))


def unlike(who: str, found: str, example: str, advice: tuple[Any, ...]) -> InvalidInput:
    """Return the error for a column or target, `who`, that holds such cells."""
    how = f"Convert it in the table{example and f', {example}'}."
    message = f"{who} holds {found}; expected numbers or text. {how}"
    return InvalidTable(message, *advice) if advice else InvalidInput(message)


def levels_of(who: str, known: np.ndarray, advice: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the distinct cells, sorted, in their own type: numbers, then text.

    Parameters
    ----------
    who : "Column 'a'", for example; errors begin with it
    known : cells (rows,), none of them missing
    advice : option, value and purpose that the error ends with

    Raises
    ------
    InvalidInput
        Cells that a model cannot keep apart: 1 beside "1" or True, or a decimal number with more
        digits than float64 has; or other objects.
    """
    cells = known.tolist()
    strange = [each for each in cells if not isinstance(each, (str, int, float))]
    if strange:
        raise unlike(who, f"{strange[0]!r} ({type(strange[0]).__name__})", "to text", advice)
    levels, kinds = set(cells), set(map(type, cells))
    if any(isinstance(each, int) and abs(each) >= TOO_LONG for each in levels):
        raise unlike(who, "an integer of 1e100 or more", "to text", advice)
    if bool in kinds and kinds & {int, float}:
        raise unlike(who, "booleans beside numbers", "booleans to 0 and 1 for example", advice)
    large = [each for each in levels if isinstance(each, float) and abs(each) >= EXACT]
    if large:
        found = f"{large[0]!r}, a float that cannot hold every digit of a code"
        raise unlike(who, found, "codes to integers, with pandas by dtype='Int64'", advice)
    alike = [each for each in levels if not isinstance(each, str) and as_text(each) in levels]
    if alike:
        found = f"{alike[0]!r} beside the text {as_text(alike[0])!r}"
        raise unlike(who, found, "all cells to text for example", advice)
    return tuple(sorted(levels, key=by_kind))


def in_order(name: str, levels: Sequence[Any], order: Sequence[Any]) -> tuple[Any, ...]:
    """Return all levels of an order, those that occur in the type of their cells.

    Raises
    ------
    InvalidOption
        A level that the order does not have.
    """
    written = {as_text(level): level for level in levels}
    places = dict.fromkeys(map(as_text, order))
    for text, level in written.items():
        if text not in places:
            example = {name: [*order, level]}
            problem = f"has no place for the level {level!r} of column {name!r}"
            raise InvalidOption("order", {name: list(order)}, "all its levels", example, problem)
    given = {as_text(level): level for level in order}
    return tuple(written.get(text, given[text]) for text in places)


def special_codes(
    cells: Mapping[str, np.ndarray], given: Mapping[str, Sequence[Any]] | None
) -> dict[str, Categories]:
    """Return a column for the special codes of each numeric column that has any.

    Raises
    ------
    InvalidOption
        A column that does not exist or holds no numbers.
    """
    numeric = [name for name, own in cells.items() if not is_text(own[~missing(own)])]
    check_keys("codes", given, numeric)
    for name in given or ():
        if f"{name} (code)" in cells:
            problem = f"names {name!r}, and the table has a column {name + ' (code)'!r} already"
            raise InvalidOption("codes", given, "another name of one of the two", None, problem)
    return {
        f"{name} (code)": Categories(tuple(codes), missing=True, of=name)
        for name, codes in (given or {}).items()
    }


def by_kind(level: Any) -> tuple[bool, Any]:
    """Sort levels: numbers, then text."""
    return isinstance(level, str), level


def is_text(cells: np.ndarray) -> bool:
    """Whether any of these cells, none of them missing, is text."""
    kinds = set(map(type, cells.tolist())) if cells.dtype == object else set()
    return any(issubclass(kind, (str, bytes)) for kind in kinds)


def check_column(
    name: str, cells: np.ndarray, column: Column, keep_constant: bool, declared: bool
) -> None:
    """Raise InvalidTable for a column without information, infinite cells, or identifiers.

    keep_constant : do not raise for a column without information
    declared : the caller declared the column as categories: accept any levels
    """
    absent, rows = missing(cells), len(cells)
    leave_out = ("drop_columns", [name], TO_LEAVE_OUT)
    if absent.all():
        if not keep_constant:
            raise InvalidTable(
                f"Column {name!r} is missing in all {rows} rows; expected at least one value.",
                *leave_out,
            )
        return
    if isinstance(column, Categories):
        if not declared:
            _check_words(name, cells[~absent], len(column.levels), rows)
        constant = len(column.levels) == 1
    else:
        numbers = cells[~absent].astype(np.float64)
        check_numbers(name, numbers, rows)
        constant = is_constant(numbers)
    if constant and not absent.any() and not keep_constant:
        if _are_codes(cells):
            raise InvalidTable(
                f"Column {name!r} holds integers that differ only in digits that numbers do not "
                f"keep (such as {cells[0]!s}); expected numbers, or categories.",
                "categories",
                [name],
                "if they are codes",
            )
        raise InvalidTable(
            f"Column {name!r} is constant ({cells[0]!s} in all {rows} rows, up to rounding); "
            "expected at least two different values.",
            *leave_out,
        )


def _are_codes(cells: np.ndarray) -> bool:
    """Whether cells are different integers."""
    kinds = set(map(type, cells.tolist()))
    return kinds == {int} and len(set(cells.tolist())) > 1


def _check_words(name: str, texts: np.ndarray, levels: int, rows: int) -> None:
    """Raise if missing cells are written as words, or if text looks like identifiers."""
    words = [text for text in texts if not _is_number(text)]
    many = levels > MANY_LEVELS or (levels > 20 and levels > 0.5 * rows)
    if 0 < len(words) < 0.5 * len(texts):
        advice = ("drop_columns", TO_LEAVE_OUT) if many else ("categories", "if they are codes")
        raise InvalidTable(
            f"Column {name!r} holds numbers, but {len(words)} cell(s) are text, such as "
            f"{words[0]!r}; expected numbers or empty cells. Empty those cells in the table.",
            advice[0],
            [name],
            advice[1],
        )
    if many and all(re.fullmatch(r"[+-]?\d+(,\d+)?", text) for text in texts):
        raise InvalidTable(
            f"Column {name!r} holds text such as {words[0]!r}; expected numbers with a decimal "
            "point.",
            "decimal",
            ",",
            "for a CSV file, or convert the column",
        )
    if many:
        raise InvalidTable(
            f"Column {name!r} holds text with {levels} different values in {rows} rows, like an "
            f"identifier; expected at most {MANY_LEVELS} categories.",
            "drop_columns",
            [name],
            TO_LEAVE_OUT,
        )


def _is_number(text: Any) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def column_notes(name: str, cells: np.ndarray, column: Column) -> list[str]:
    """Note that a column became categories, or that it has missing cells."""
    notes = []
    if isinstance(column, Categories) and column.of:
        codes = ", ".join(map(as_text, column.levels))
        return [f"Column {column.of!r}: the code(s) {codes} are missing cells, one matrix each."]
    if isinstance(column, Categories):
        kind = "is text" if isinstance(column.levels[0], str) else "holds codes"
        notes.append(f"Column {name!r} {kind}: {len(column.levels)} categories, one matrix each.")
    count = int(missing(cells).sum())
    known = cells[~missing(cells)]
    if not isinstance(column, Categories) and len(known) and is_constant(known.astype(float)):
        advice = "; if it holds codes, declare it as categories" if _are_codes(known) else ""
        notes.append(f"Column {name!r} is constant up to rounding and has no effect{advice}.")
    if count:
        notes.append(
            f"Column {name!r} is missing in {count} of {len(cells)} rows: missing cells get a "
            "matrix of their own, nothing is imputed."
        )
    return notes
