"""Read a table and its target: columns of cells, checked, without the rows that were dropped.

Nothing is dropped or imputed silently. Notes tell what was left out, which columns became
categories and which have missing cells. A column that cannot be used raises an error that names
the column, the number of rows, and the option to type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.encoding import Categories, Column, Linear
from eigcore.encoding.read import Cells, cells_of, declared_categories, missing, read_columns
from eigcore.errors import InvalidInput, InvalidOption, InvalidTable
from eigcore.fit.data.names import check_names, listed, nearest
from eigcore.fit.data.weights import read_weights
from eigcore.fit.options import FitOptions

MANY_LEVELS = 100
"""A column of text with more levels than this, or than half the rows, looks like identifiers."""
TO_LEAVE_OUT = "to leave it out"


@dataclass(frozen=True, eq=False)
class Table:
    """A table and its target, as read.

    cells : cells (rows,) of each column by name, without the target
    target : cells (rows,) of the target, none of them missing
    target_name : name of the target; "y" where values were passed
    weights : (rows,) float64, positive; None: all equal
    categories : names of columns that hold categories, even if their cells are numbers
    notes : one sentence for each thing that was done
    """

    cells: Cells
    target: np.ndarray
    target_name: str
    weights: np.ndarray | None
    categories: frozenset[str]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, table: Any, target: Any, weights: Any, options: FitOptions) -> Table:
        """Read a mapping, data frame or two-dimensional array, and its target.

        Parameters
        ----------
        table, target, weights : as for `eigcore.fit.fit`
        options : drop_columns, categories and drop_rows_without_target are used

        Raises
        ------
        InvalidInput
            A table, target or weights that cannot be used.
        """
        cells = read_columns(table)
        declared = [
            key for key, is_one in zip(cells, declared_categories(table), strict=False) if is_one
        ]
        cells, values, name = _split(cells, target)
        dropped = options.drop_columns
        _check_named(cells, target, options)
        notes = [f"Left out on request: {', '.join(dropped)}."] if dropped else []
        cells = {key: column for key, column in cells.items() if key not in dropped}
        _check_lengths(cells, values)
        keep, left_out = _with_target(values, name, options.drop_rows_without_target)
        if weights is not None:
            weights = read_weights(weights, len(values))
            keep &= weights > 0.0
            weights = weights[keep]
        return cls(
            {key: column[keep] for key, column in cells.items()},
            values[keep],
            name,
            weights,
            frozenset((*options.categories, *declared)),
            (*notes, *left_out),
        )

    def columns(self, keep_constant: bool) -> list[Column]:
        """Return the simplest encoding of each column: its levels, or a linear column.

        Raises
        ------
        InvalidInput
            A column that cannot be used, or that is constant, unless ``keep_constant``.
        """
        found = []
        for name, cells in self.cells.items():
            column = _describe(name, cells, name in self.categories)
            check_column(name, cells, column, keep_constant, name in self.categories)
            found.append(column)
        return found


def _split(cells: Cells, target: Any) -> tuple[Cells, np.ndarray, str]:
    """Separate the columns from the target; return also its cells and its name."""
    if not isinstance(target, str):
        return cells, cells_of(target), "y"
    if target not in cells:
        near = nearest(target, cells)
        hint = f" (did you mean {near!r}?)" if near else ""
        raise InvalidOption(
            "target",
            target,
            f"one of {listed(cells)}",
            near,
            f"is {target!r}, which is not a column of the table{hint}",
        )
    return {name: each for name, each in cells.items() if name != target}, cells[target], target


def _check_named(cells: Cells, target: Any, options: FitOptions) -> None:
    """Check the names of columns in the options of a fit."""
    elsewhere = {target: "the target"} if isinstance(target, str) else {}
    check_names("drop_columns", options.drop_columns, cells, elsewhere)
    elsewhere |= dict.fromkeys(options.drop_columns, "left out on request")
    if cells and set(cells) <= set(elsewhere):
        raise InvalidOption(
            "drop_columns",
            options.drop_columns,
            "at least one column to stay",
            list(options.drop_columns[1:]) or None,
            "names all columns beside the target",
        )
    for option in ("categories", "increasing", "decreasing"):
        check_names(option, getattr(options, option), cells, elsewhere)


def _check_lengths(cells: Cells, target: np.ndarray) -> None:
    shapes = {name: column.shape for name, column in cells.items() if column.ndim != 1}
    if shapes or target.ndim != 1:
        found = shapes or {"target": target.shape}
        raise InvalidInput(
            f"Columns have the shapes {found}; expected (rows,). Pass one array (rows,) for each."
        )
    lengths = {f"column {name!r}": len(column) for name, column in cells.items()}
    lengths["the target"] = len(target)
    if len(set(lengths.values())) > 1:
        different = {rows: name for name, rows in reversed(lengths.items())}
        found = ", ".join(f"{rows} in {name}" for rows, name in reversed(different.items()))
        raise InvalidInput(
            f"The numbers of rows differ: {found}; expected one cell of each column and of the "
            "target per row. Pass columns and a target of the same rows."
        )
    if not cells or not len(target):
        raise InvalidInput(
            f"The table has {len(cells)} column(s) beside the target and {len(target)} row(s); "
            "expected at least one column and one row. Pass another table."
        )


def _with_target(cells: np.ndarray, name: str, drop: bool) -> tuple[np.ndarray, list[str]]:
    """Return which rows (rows,) bool have a target, and the notes."""
    absent = missing(cells)
    count = int(absent.sum())
    if count == len(cells):
        raise InvalidInput(
            f"Target {name!r} is missing in all {count} rows; expected a value in every row. Pass "
            "another target."
        )
    if count and not drop:
        raise missing_target(name, count, len(cells))
    return ~absent, [f"Left out {count} row(s) without a target."] if count else []


def missing_target(name: str, count: int, rows: int) -> InvalidTable:
    """Return the error for rows without a target."""
    return InvalidTable(
        f"Target {name!r} is missing in {count} of {rows} rows; expected a value in every row.",
        "drop_rows_without_target",
        True,
        "to leave those rows out",
    )


def _describe(name: str, cells: np.ndarray, categories: bool) -> Column:
    """Return categories for text or declared categories, a linear column for numbers."""
    absent = missing(cells)
    some = bool(absent.any())
    known = cells[~absent]
    if cells.dtype.kind not in "fiubO":
        raise InvalidTable(
            f"Column {name!r} holds {cells.dtype}; expected numbers or text. Convert it in the "
            "table, a date to days for example.",
            "drop_columns",
            [name],
            TO_LEAVE_OUT,
        )
    if is_text(known):
        return _levels({str(each) for each in known.tolist()}, some)
    try:
        numbers = known.astype(np.float64)
    except (TypeError, ValueError) as exc:
        raise InvalidTable(
            f"Column {name!r} holds {type(known[0]).__name__} objects; expected numbers or text. "
            "Convert it in the table.",
            "drop_columns",
            [name],
            TO_LEAVE_OUT,
        ) from exc
    return _levels(set(numbers.tolist()), some) if categories else Linear(missing=some)


def _levels(levels: set[str] | set[float], some_missing: bool) -> Column:
    if not levels:
        return Linear(missing=True)
    return Categories(tuple(sorted(levels)), missing=some_missing)


def is_text(cells: np.ndarray) -> bool:
    """Whether any of these cells, none of them missing, is text."""
    return cells.dtype == object and any(isinstance(each, (str, bytes)) for each in cells.tolist())


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
        infinite = int(np.isinf(numbers).sum())
        if infinite:
            raise InvalidTable(
                f"Column {name!r} is infinite in {infinite} of {rows} rows; expected finite "
                "numbers or empty cells. Correct the table.",
                *leave_out,
            )
        constant = np.ptp(numbers) == 0.0
    if constant and not absent.any() and not keep_constant:
        raise InvalidTable(
            f"Column {name!r} is constant ({cells[0]!s} in all {rows} rows); expected at "
            "least two different values.",
            *leave_out,
        )


def _check_words(name: str, texts: np.ndarray, levels: int, rows: int) -> None:
    """Raise if missing cells are written as words, or if text looks like identifiers."""
    words = [text for text in texts if not _is_number(text)]
    if 0 < len(words) < 0.5 * len(texts):
        raise InvalidTable(
            f"Column {name!r} holds numbers, but {len(words)} cell(s) are text, such as "
            f"{words[0]!r}; expected numbers or empty cells. Empty those cells in the table.",
            "drop_columns",
            [name],
            TO_LEAVE_OUT,
        )
    if levels > MANY_LEVELS or (levels > 20 and levels > 0.5 * rows):
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
    if isinstance(column, Categories):
        kind = "is text" if isinstance(column.levels[0], str) else "holds codes"
        notes.append(f"Column {name!r} {kind}: {len(column.levels)} categories, one matrix each.")
    count = int(missing(cells).sum())
    if count:
        notes.append(
            f"Column {name!r} is missing in {count} of {len(cells)} rows: missing cells get a "
            "matrix of their own, nothing is imputed."
        )
    return notes
