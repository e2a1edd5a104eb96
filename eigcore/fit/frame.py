"""A table made ready for fitting: numbers, categories and gaps told apart.

Nothing is dropped or imputed silently: what was turned into categories, what has gaps and what was
left out is written into `Frame.notes`; what cannot be used raises one error that names the column,
the count, and the option to type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.encoding.read import column_names
from eigcore.errors import InvalidInput
from eigcore.fit.validation import (
    MANY_LEVELS,
    InvalidOption,
    check_column,
    check_known,
    gaps_of,
    listed,
    suggest,
)

CLASSIFIED = ("logistic", "multinomial")
"""Losses that read the target as classes."""


@dataclass(frozen=True)
class Frame:
    """Columns by name, and the target.

    cells : name -> (rows,) float64 with NaN for gaps, or (rows,) object of levels with None for
        gaps
    target : (rows,) float64; the places 0, 1, … in ``classes`` where it is not empty
    classes : the values of a classified target; otherwise empty
    weights : (rows,) float64, positive; None: all equal
    notes : one sentence for everything that was done to the table
    """

    cells: dict[str, np.ndarray]
    target: np.ndarray
    target_name: str
    classes: tuple[Any, ...] = ()
    weights: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, without the target."""
        return tuple(self.cells)

    def text(self, name: str) -> bool:
        """Whether the column is a column of categories."""
        return self.cells[name].dtype == object

    def weights_of(self, which: np.ndarray) -> np.ndarray | None:
        """Weights of some of the rows; None: all equal."""
        return None if self.weights is None else self.weights[which]


def make_frame(
    table: Any,
    target: Any,
    *,
    weights: Any = None,
    loss: str | None = None,
    classes: Sequence[Any] | None = None,
    categories: Sequence[str] = (),
    drop_columns: Sequence[str] = (),
    drop_rows_without_target: bool = False,
    keep_constant: bool = False,
) -> Frame:
    """Read a mapping, data frame or two-dimensional array and check that it can be fitted.

    Parameters
    ----------
    table : mapping or data frame of columns (rows,), or array (rows, columns) named x0, x1, ...
    target : name of a column of ``table``, or values (rows,)
    weights : (rows,) non-negative numbers; rows of weight 0 are left out. None: all equal
    loss : "logistic" or "multinomial" make the target classes; None decides by the target's type.
    classes : all values a classified target may take; None: those that occur.
    categories : names of columns whose numbers are categories.
    drop_columns : columns to leave out.
    drop_rows_without_target : leave out rows whose target is missing, instead of raising.
    keep_constant : keep columns without information, and a constant target, instead of raising.

    Raises
    ------
    InvalidInput
        Whatever cannot be used; the message ends with the option to type.
    """
    raw = _columns(table)
    raw, values, name = _split_target(raw, target)
    check_known(drop_columns, raw, "drop_columns")
    check_known(categories, raw, "categories")
    notes = [f"Left out on request: {', '.join(drop_columns)}."] if drop_columns else []
    raw = {key: cells for key, cells in raw.items() if key not in set(drop_columns)}
    lengths = {len(cells) for cells in raw.values()} | {len(values)}
    if not raw or len(lengths) != 1 or 0 in lengths:
        raise InvalidInput(
            f"The table has {len(raw)} column(s) beside the target and {min(lengths)} row(s); "
            "expected at least one column and one row, all columns equally long. Check the file."
        )
    keep, note = _rows_with_target(values, name, drop_rows_without_target)
    notes += note
    if weights is not None:
        weights = _weights(weights, len(values))
        keep &= weights > 0.0
        weights = weights[keep]
    numbers, found = _target_numbers(values[keep], name, loss, classes, keep_constant)
    cells = {key: _cells(key, column[keep], key in categories) for key, column in raw.items()}
    for key, column in cells.items():
        check_column(key, column, keep_constant, key in categories)
        notes += _column_notes(key, column)
    return Frame(cells, numbers, name, found, weights, tuple(notes))


def check_names(wanted: Sequence[str], frame: Frame, option: str, *, numeric: bool) -> None:
    """Raise InvalidInput for a name that is not a column, or is one of categories.

    option : name of the Python parameter the names came from, as ``"increasing"``.
    """
    check_known(wanted, frame.cells, option)
    for name in wanted:
        if numeric and frame.text(name):
            raise InvalidOption(
                f"Column {name!r} holds text and was asked to be {option}; expected numbers, for "
                "categories have no order. Replace its values by numbers in the table, or leave it "
                f"out of --{option}."
            )


def _columns(table: Any) -> dict[str, np.ndarray]:
    names = column_names(table)
    if names is None:
        array = np.asarray(table)
        if array.ndim != 2:
            raise InvalidInput(
                f"The table has shape {array.shape}; expected (rows, columns), a mapping or a data "
                "frame. Write table.reshape(-1, 1) for a single column."
            )
        return {f"x{j}": array[:, j] for j in range(array.shape[1])}
    names = [str(name) for name in names]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise InvalidInput(
            f"Column name(s) {', '.join(map(repr, double))} occur more than once; expected every "
            "name once. Rename the columns in the table's header."
        )
    columns = {name: np.asarray(_column(table, name)) for name in names}
    flat = {name: cells.shape for name, cells in columns.items() if cells.ndim != 1}
    if flat:
        raise InvalidInput(f"Columns should have shape (rows,); got {flat}. Pass one column each.")
    return columns


def _column(table: Any, name: str) -> Any:
    return table.column(name) if hasattr(table, "column_names") else table[name]


def _split_target(raw: dict[str, np.ndarray], target: Any):
    if not isinstance(target, str):
        return raw, np.asarray(target), "y"
    if target not in raw:
        raise InvalidOption(
            f"Target {target!r} is not a column of the table.{suggest(target, raw)} "
            f"Type --target with one of: {listed(raw)}."
        )
    return {name: cells for name, cells in raw.items() if name != target}, raw[target], target


def _rows_with_target(values: np.ndarray, name: str, drop: bool) -> tuple[np.ndarray, list[str]]:
    gaps = gaps_of(values)
    count = int(gaps.sum())
    if count and (not drop or count == len(values)):
        raise InvalidInput(
            f"Target {name!r} is missing in {count} of {len(values)} rows; expected a value in "
            "every row. Type --drop-rows-without-target to leave those rows out."
        )
    return ~gaps, [f"Left out {count} row(s) without a target."] if count else []


def _weights(weights: Any, rows: int) -> np.ndarray:
    try:
        array = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as exc:
        raise InvalidInput(
            f"weights are not numbers ({exc}); expected {rows} of at least 0. Pass one number per "
            "row, or --weights with a column of numbers."
        ) from exc
    if array.shape != (rows,) or not (np.isfinite(array) & (array >= 0.0)).all() or not array.any():
        raise InvalidInput(
            f"weights have shape {array.shape} and values from {array.min(initial=0.0):.6g}; "
            f"expected {rows} finite numbers of at least 0, not all 0. Pass one number per row."
        )
    return array


def _target_numbers(
    values: np.ndarray,
    name: str,
    loss: str | None,
    classes: Sequence[Any] | None,
    keep_constant: bool,
) -> tuple[np.ndarray, tuple[Any, ...]]:
    cells = _cells(name, values)
    levels = sorted(set(cells.tolist()))
    classified = cells.dtype == object or values.dtype.kind == "b" or classes is not None
    if classified or loss in CLASSIFIED:
        return _codes(values, cells, name, loss, classes)
    if len(levels) < 2 and not keep_constant:
        raise _constant(name, cells)
    if not np.isfinite(cells).all():
        raise InvalidInput(
            f"Target {name!r} is infinite in {int(np.isinf(cells).sum())} row(s); expected "
            "finite numbers. Remove those rows from the table."
        )
    return cells, ()


def _codes(values, cells, name: str, loss: str | None, classes) -> tuple[np.ndarray, tuple]:
    """Places (rows,) of the cells among the classes, and the classes in their own type."""
    levels = sorted(set(cells.tolist()) if classes is None else set(classes))
    if len(levels) < 2:
        raise _constant(name, cells)
    kind = "text" if cells.dtype == object else "numbers"
    if loss not in (None, *CLASSIFIED):
        raise InvalidInput(
            f"Target {name!r} holds {kind} with {len(levels)} different values (such as "
            f"{levels[0]!r}); expected numbers with the loss {loss}. Type --target with a column "
            "of numbers, or --loss logistic or multinomial for classes."
        )
    if loss == "logistic" and len(levels) != 2:
        raise InvalidInput(
            f"Target {name!r} holds {kind} with {len(levels)} different values (such as "
            f"{levels[0]!r}); expected exactly two classes with the logistic loss. Type --loss "
            "multinomial for more."
        )
    many = len(levels) > max(20, 0.5 * len(cells)) or len(levels) > MANY_LEVELS
    if many and classes is None:
        raise InvalidInput(
            f"Target {name!r} holds {kind} with {len(levels)} different values in {len(cells)} "
            f"rows (such as {levels[0]!r}); expected numbers, or at most {MANY_LEVELS} classes "
            "that occur often. Type --target with another column."
        )
    place = {level: code for code, level in enumerate(levels)}
    try:
        codes = np.array([place[cell] for cell in cells.tolist()], dtype=np.float64)
    except KeyError as exc:
        raise InvalidInput(
            f"Target {name!r} holds {exc.args[0]!r}, which is not among the classes {levels}; "
            "expected every class to be named. Write classes=[...]."
        ) from exc
    if cells.dtype != object and classes is None:
        plain = bool if values.dtype.kind == "b" else int if _whole(levels) else float
        levels = [plain(level) for level in levels]
    return codes, tuple(levels)


def _whole(levels: list) -> bool:
    return all(float(level).is_integer() for level in levels)


def _constant(name: str, cells: np.ndarray) -> InvalidInput:
    return InvalidInput(
        f"Target {name!r} has the same value {cells.tolist()[0]!r} in all {len(cells)} rows; "
        "expected it to vary. Type --target with another column."
    )


def _cells(name: str, values: np.ndarray, categories: bool = False) -> np.ndarray:
    """(rows,) of anything -> float64 with NaN, or object of levels with None."""
    if values.dtype.kind in "fiub":
        numbers = values.astype(np.float64)
        return _with_gaps(numbers, np.isnan(numbers), float) if categories else numbers
    if values.dtype.kind in "US":
        values = values.astype(str).astype(object)
    gaps = gaps_of(values)
    if values.dtype.kind != "O":
        raise InvalidInput(
            f"Column {name!r} holds {values.dtype}; expected numbers or text. Convert it in the "
            f"table (a date to days, say), or type --drop-columns {name}."
        )
    if any(isinstance(v, (str, bytes)) for v in values[~gaps]):
        return _with_gaps(values, gaps, str)
    try:
        if categories:
            return _with_gaps(values, gaps, float)
        return np.array([np.nan if g else float(v) for v, g in zip(values, gaps, strict=True)])
    except (TypeError, ValueError) as exc:
        raise InvalidInput(
            f"Column {name!r} holds {type(values[~gaps][0]).__name__} objects; expected "
            f"numbers or text. Convert it in the table, or type --drop-columns {name}."
        ) from exc


def _with_gaps(values: np.ndarray, gaps: np.ndarray, kind: type) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = [None if gap else kind(v) for v, gap in zip(values, gaps, strict=True)]
    return out


def _column_notes(name: str, cells: np.ndarray) -> list[str]:
    gaps = gaps_of(cells)
    notes = []
    if cells.dtype == object:
        levels = len(set(cells[~gaps].tolist()))
        kind = "is text" if any(isinstance(cell, str) for cell in cells) else "holds codes"
        notes.append(f"Column {name!r} {kind}: {levels} categories, one matrix each.")
    if gaps.any():
        notes.append(
            f"Column {name!r} is missing in {int(gaps.sum())} of {len(cells)} rows: missing cells "
            "get a matrix of their own, nothing is imputed."
        )
    return notes
