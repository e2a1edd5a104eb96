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

from eigcore.encoding.table import column_names
from eigcore.errors import InvalidInput
from eigcore.fit.refusals import InvalidOption, check_column, check_known, gaps_of, listed, suggest


@dataclass(frozen=True)
class Frame:
    """Columns by name, and the target.

    cells : name -> (rows,) float64 with NaN for gaps, or (rows,) object of str with None for gaps
    target : (rows,) float64; 0 and 1 where ``classes`` is not empty
    classes : the two values of a classified target, in the order 0, 1; otherwise empty
    notes : one sentence for everything that was done to the table
    """

    cells: dict[str, np.ndarray]
    target: np.ndarray
    target_name: str
    classes: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, without the target."""
        return tuple(self.cells)

    def text(self, name: str) -> bool:
        """Whether the column is a column of categories."""
        return self.cells[name].dtype == object

    def rows(self, which: np.ndarray) -> Frame:
        """Return the frame with some of the rows."""
        cells = {name: values[which] for name, values in self.cells.items()}
        return Frame(cells, self.target[which], self.target_name, self.classes, self.notes)


def make_frame(
    table: Any,
    target: Any,
    *,
    loss: str | None = None,
    drop_columns: Sequence[str] = (),
    drop_rows_without_target: bool = False,
) -> Frame:
    """Read a mapping, data frame or two-dimensional array and check that it can be fitted.

    Parameters
    ----------
    table : mapping or data frame of columns (rows,), or array (rows, columns) named x0, x1, ...
    target : name of a column of ``table``, or values (rows,)
    loss : "logistic" makes the target two classes; None decides by the target's type.
    drop_columns : columns to leave out.
    drop_rows_without_target : leave out rows whose target is missing, instead of raising.

    Raises
    ------
    InvalidInput
        Whatever cannot be used; the message ends with the option to type.
    """
    raw = _columns(table)
    raw, values, name = _split_target(raw, target)
    check_known(drop_columns, raw, "drop_columns")
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
    numbers, classes = _target_numbers(values[keep], name, loss)
    cells = {key: _cells(key, column[keep]) for key, column in raw.items()}
    for key, column in cells.items():
        check_column(key, column)
        notes += _column_notes(key, column)
    return Frame(cells, numbers, name, classes, tuple(notes))


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


def _target_numbers(values: np.ndarray, name: str, loss: str | None):
    cells = _cells(name, values)
    levels = sorted(set(cells.tolist()))
    if len(levels) < 2:
        raise InvalidInput(
            f"Target {name!r} has the same value {levels[0]!r} in all {len(cells)} rows; expected "
            "it to vary. Type --target with another column."
        )
    classified = cells.dtype == object or values.dtype.kind == "b" or loss == "logistic"
    if not classified:
        if not np.isfinite(cells).all():
            raise InvalidInput(
                f"Target {name!r} is infinite in {int(np.isinf(cells).sum())} row(s); expected "
                "finite numbers. Remove those rows from the table."
            )
        return cells, ()
    if len(levels) != 2 or loss not in (None, "logistic"):
        kind = "text" if cells.dtype == object else "numbers"
        advice = "another column" if loss in (None, "logistic") else "a column of numbers"
        raise InvalidInput(
            f"Target {name!r} holds {kind} with {len(levels)} different values (such as "
            f"{levels[0]!r}); expected numbers, or exactly two classes with the logistic loss. "
            f"Type --target with {advice}, or --loss logistic for two classes."
        )
    target = (cells == levels[1]).astype(np.float64)
    if cells.dtype != object:
        kind = bool if values.dtype.kind == "b" else int if cells[0].is_integer() else float
        levels = [kind(level) for level in levels]
    return target, tuple(levels)


def _cells(name: str, values: np.ndarray) -> np.ndarray:
    """(rows,) of anything -> float64 with NaN, or object of str with None."""
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    if values.dtype.kind in "US":
        values = values.astype(str).astype(object)
    gaps = gaps_of(values)
    if values.dtype.kind != "O":
        raise InvalidInput(
            f"Column {name!r} holds {values.dtype}; expected numbers or text. Convert it in the "
            f"table (a date to days, say), or type --drop-columns {name}."
        )
    if not any(isinstance(v, (str, bytes)) for v in values[~gaps]):
        try:
            return np.array([np.nan if g else float(v) for v, g in zip(values, gaps, strict=True)])
        except (TypeError, ValueError) as exc:
            raise InvalidInput(
                f"Column {name!r} holds {type(values[~gaps][0]).__name__} objects; expected "
                f"numbers or text. Convert it in the table, or type --drop-columns {name}."
            ) from exc
    out = np.empty(len(values), dtype=object)
    out[:] = [None if g else str(v) for v, g in zip(values, gaps, strict=True)]
    return out


def _column_notes(name: str, cells: np.ndarray) -> list[str]:
    gaps = gaps_of(cells)
    notes = []
    if cells.dtype == object:
        levels = len(set(cells[~gaps].tolist()))
        notes.append(f"Column {name!r} is text: {levels} categories, one matrix each.")
    if gaps.any():
        notes.append(
            f"Column {name!r} is missing in {int(gaps.sum())} of {len(cells)} rows: missing cells "
            "get a matrix of their own, nothing is imputed."
        )
    return notes
