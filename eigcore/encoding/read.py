"""The only reader of tables: from containers to columns of cells, and from cells to numbers.

A container is a mapping, a data frame (pandas, polars), an arrow table or batch, a record array or
an array. Frames are recognised by their interface (`.columns`, `[name]`); no library is imported.

A column of cells is an array (rows,): either of the numbers or booleans given, with NaN for missing
cells, or of objects (text, and categories that the container declares), with None for missing
cells. None, NaN, NaT, pandas.NA, masked cells and empty text count as missing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eigcore.encoding.columns import Categories
from eigcore.encoding.terms import Column
from eigcore.errors import InvalidInput, NonFiniteInput

if TYPE_CHECKING:
    from eigcore.encoding.encoding import Encoding

Cells = dict[str, np.ndarray]
"""Columns of cells (rows,) by name."""
NAN = float("nan")
_NONE, _EMPTY = np.array(None), np.array("", dtype=object)
DOTS = "…"


# From containers to cells ---------------------------------------------------------------------


def column_names(data: Any) -> list[str] | None:
    """Names of the columns of a mapping, frame, arrow table or record array; else None."""
    names: Any = getattr(data, "columns", None)
    if isinstance(data, Mapping):
        names = data
    elif getattr(getattr(data, "dtype", None), "names", None):
        names = data.dtype.names
    elif hasattr(data, "column_names"):
        names = data.column_names
    return [str(name) for name in names] if isinstance(names, Iterable) else None


def columns_of(data: Any) -> list[Any]:
    """Columns of a container with `column_names`, in their order and in its own type."""
    if hasattr(data, "iloc"):  # by position: names need not be text, nor distinct
        return [data.iloc[:, place] for place in range(data.shape[1])]
    if hasattr(data, "column_names"):
        return [data.column(place) for place in range(len(data.column_names))]
    names: Any = data if isinstance(data, Mapping) else column_names(data)
    return [data[name] for name in names]


def read_columns(data: Any) -> Cells:
    """Columns of cells by name; those of an array (rows, columns) are called x0, x1 and so on.

    Raises
    ------
    InvalidInput
        Names that occur twice, or an array with another number of axes.
    """
    names = column_names(data)
    if names is None:
        array = data if isinstance(data, np.ma.MaskedArray) else np.asarray(data)
        if array.ndim != 2:
            raise InvalidInput(
                f"The table has shape {array.shape}; expected (rows, columns), a mapping or a data "
                "frame. Write table.reshape(-1, 1) for a single column."
            )
        return {f"x{j}": cells_of(array[:, j]) for j in range(array.shape[1])}
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise InvalidInput(
            f"Column name(s) {', '.join(map(repr, double))} occur more than once; expected every "
            "name once. Rename the columns in the table's header."
        )
    return {name: cells_of(each) for name, each in zip(names, columns_of(data), strict=True)}


def cells_of(column: Any) -> np.ndarray:
    """Cells (rows,) of one column in any container; see the docstring of this module."""
    mask, kind = None, getattr(column, "type", None)
    if str(kind).startswith("decimal"):
        column = column.cast("float64")
    elif str(kind).startswith("dictionary"):
        # in chunked columns, NumPy gets the last level for missing cells, as in plain arrays before
        # https://github.com/apache/arrow/pull/10101
        return cells_of(column.cast(column.type.value_type)).astype(object)
    if isinstance(column, np.ma.MaskedArray):
        mask, column = np.ma.getmaskarray(column), column.data
        column = column.astype(np.float64 if column.dtype.kind in "fiub" else object)
    cells = np.asarray(column)
    if _declares_categories(column):
        cells = cells.astype(object)
    if cells.dtype.kind in "US":
        cells = cells.astype(str).astype(object)
    if cells.dtype.kind == "O":
        absent = missing(cells) if mask is None else missing(cells) | mask
        if absent.any():
            cells = np.where(absent, _NONE, cells)
    elif mask is not None:
        cells = np.where(mask, NAN, cells)
    return cells


def missing(cells: np.ndarray) -> np.ndarray:
    """Whether each cell is missing: (rows,) -> (rows,) bool."""
    if cells.dtype.kind == "f":
        return np.isnan(cells)
    if cells.dtype.kind in "mM":
        return np.isnat(cells)
    if cells.dtype.kind != "O":
        return np.zeros(cells.shape, dtype=bool)
    try:
        return (cells == _NONE) | (cells != cells) | (cells == _EMPTY)
    except (TypeError, ValueError):  # pandas.NA: its truth value is ambiguous
        flat = [_is_missing(cell) for cell in cells.ravel().tolist()]
        return np.array(flat, dtype=bool).reshape(cells.shape)


def _is_missing(cell: Any) -> bool:
    if cell is None or (isinstance(cell, str) and not cell):
        return True
    try:
        return bool(cell != cell)
    except (TypeError, ValueError):
        return type(cell).__name__ == "NAType"


def declared_categories(data: Any) -> list[bool]:
    """Whether the container declares each column as categories."""
    if column_names(data) is None:
        return []
    return [_declares_categories(column) for column in columns_of(data)]


def _declares_categories(column: Any) -> bool:
    kind = str(getattr(column, "dtype", getattr(column, "type", ""))).lower()
    return kind.startswith(("category", "categorical", "enum", "dictionary"))


# From cells to numbers ------------------------------------------------------------------------


def to_table(encoding: Encoding, data: Any) -> np.ndarray:
    """See `Encoding.table`."""
    names = column_names(data)
    if names is None:
        array = data if isinstance(data, np.ma.MaskedArray) else np.asarray(data)
        if array.dtype.kind in "fiub":
            return _numbers_table(encoding, array)
        if array.ndim != 2:
            raise InvalidInput(
                f"The table is an array of {array.dtype} with shape {array.shape}; expected a "
                "two-dimensional array, a mapping or a data frame. Pass table.reshape(-1, 1) for a "
                "single column."
            )
        encoding.check_width(array.shape)
        cells = [cells_of(column) for column in array.T]
    else:
        _check_names(encoding.names, names)
        columns = columns_of(data)
        cells = [cells_of(columns[names.index(name)]) for name in encoding.names]
    _check_lengths(encoding.names, cells)
    triples = zip(encoding.columns, encoding.names, cells, strict=True)
    return np.stack([column_numbers(*triple) for triple in triples], axis=-1)


def _numbers_table(encoding: Encoding, array: np.ndarray) -> np.ndarray:
    encoding.check_width(array.shape)
    table = array.astype(np.float64)
    if isinstance(table, np.ma.MaskedArray):
        table = table.filled(NAN)
    parts = zip(encoding.columns, encoding.names, np.moveaxis(table, -1, 0), strict=True)
    for column, name, cells in parts:
        check_numbers(column, name, cells.ravel())
    return table


def _check_names(wanted: Sequence[str], given: list[str]) -> None:
    lost = [name for name in wanted if name not in given]
    if not lost:
        return
    extra = [name for name in given if name not in wanted]
    near = {name: difflib.get_close_matches(name, extra, n=1) for name in lost}
    hints = "".join(f" Is {hit[0]!r} meant as {name!r}?" for name, hit in near.items() if hit)
    raise InvalidInput(
        f"The table lacks the column(s) {', '.join(map(repr, lost))}. "
        f"The model needs {', '.join(wanted)}; the table also has "
        f"{', '.join(extra[:20]) or 'nothing else'}{DOTS if len(extra) > 20 else ''}.{hints} "
        "Rename or add the column(s)."
    )


def _check_lengths(names: Sequence[str], cells: list[np.ndarray]) -> None:
    shapes = {name: cell.shape for name, cell in zip(names, cells, strict=True)}
    if any(len(shape) != 1 for shape in shapes.values()) or len(set(shapes.values())) > 1:
        raise InvalidInput(
            f"The columns have the shapes {shapes}; expected one axis each, all of one length. "
            "Pass one array (rows,) per column."
        )


def column_numbers(column: Column, name: str, cells: np.ndarray) -> np.ndarray:
    """Cells (rows,) -> (rows,) float64: numbers as they are, levels as codes, missing as NaN."""
    if isinstance(column, Categories):
        numbers = _codes(column, name, cells)
    elif cells.dtype.kind in "fiub":
        numbers = cells.astype(np.float64)
    elif cells.dtype.kind == "O":
        rows = enumerate(cells.tolist())
        numbers = np.array([_number(cell, name, row) for row, cell in rows], dtype=np.float64)
    else:
        first = repr(cells[0].item()) if len(cells) else "nothing"
        raise InvalidInput(
            f"Column {name!r} holds {cells.dtype} (first cell {first}); expected numbers. Convert "
            "the column, a date to days for example."
        )
    check_numbers(column, name, numbers)
    return numbers


def _number(cell: Any, name: str, row: int) -> float:
    if cell is None:
        return NAN
    try:
        if isinstance(cell, (str, bytes)):
            raise TypeError("text")
        return float(cell)
    except (TypeError, ValueError) as exc:
        raise InvalidInput(
            f"Column {name!r} holds {cell!r} in row {row}; expected numbers. Convert the column, "
            "with None or NaN for missing cells."
        ) from exc


def _codes(column: Categories, name: str, cells: np.ndarray) -> np.ndarray:
    code = {level: float(place) for place, level in enumerate(column.levels)}
    text = {isinstance(level, str) for level in column.levels}
    found: dict[Any, float] = {None: NAN, **code}
    out = np.empty(len(cells))
    for row, cell in enumerate(cells.tolist()):
        try:
            out[row] = found[cell]
            continue
        except (KeyError, TypeError):
            pass
        if cell != cell:  # NaN, which equals no key
            out[row] = NAN
            continue
        if text == {True} and str(cell) in code:
            out[row] = found[cell] = code[str(cell)]
            continue
        if text != {True, False} and isinstance(cell, str) not in text:
            kind = "text" if True in text else "numbers"
            raise InvalidInput(
                f"Column {name!r} holds {cell!r} in row {row}. Its categories are {kind}, like "
                f"{column.levels[0]!r}; convert the column to the same."
            )
        out[row] = found[cell] = code.get(cell, -1.0)
    return out


def check_numbers(column: Column, name: str, numbers: np.ndarray) -> None:
    """Raise for infinite cells, missing cells without a term, and impossible codes."""
    _check_none(
        np.isinf(numbers), name, "infinite cell(s)", "Expected finite numbers; remove or cap them."
    )
    if not column.missing:
        advice = (
            "The column had none when the model was made. Fill or drop these rows, or fit the "
            "model to data with missing cells."
        )
        _check_none(np.isnan(numbers), name, "missing cell(s)", advice)
    if not isinstance(column, Categories):
        return
    top = len(column.levels) - 1
    outside = (numbers < -1) | (numbers > top) | (numbers != np.round(numbers))
    wrong = ~np.isnan(numbers) & outside
    if wrong.any():
        raise InvalidInput(
            f"Column {name!r} holds {numbers[wrong][0]} in row {int(np.argmax(wrong))}. In a "
            f"numeric array a category is a code from 0 to {top}, or -1 for a level never seen; "
            "pass a mapping or a data frame to use levels."
        )


def _check_none(bad: np.ndarray, name: str, what: str, advice: str) -> None:
    if bad.any():
        raise NonFiniteInput(
            f"Column {name!r} has {int(bad.sum())} {what}, the first in row "
            f"{int(np.argmax(bad))}. {advice}"
        )
