"""The only reader of containers: mappings, frames, arrow tables, record arrays, arrays, lists.

Frames are recognised by their interface (`.columns`, `[name]`); no library is imported.

A column of cells is an array (rows,): either of the numbers or booleans given, with NaN for missing
cells, or of objects (text, and categories that the container declares), with None for missing
cells. None, NaN, NaT, pandas.NA, masked cells, nulls of any container and empty text count as
missing. Cells keep their type: integers to the last digit, text with its zeros.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from eigcore.errors import InvalidInput

Cells = dict[str, np.ndarray]
"""Columns of cells (rows,) by name."""
NAN = float("nan")
EXACT = 2**53
"""Up to this size, float64 holds every integer."""
CATEGORIES = ("category", "categorical", "enum", "dictionary")
"""How the names of types begin that declare categories."""
LOSING = (
    *CATEGORIES,
    "decimal",
    "list",
    "array",
    "struct",
    "map",
    "int128",
    "uint128",
    "dense_",
    "sparse_",
)
"""How the names of types begin that NumPy reads with a loss, or not at all; the last are unions."""
_NONE, _EMPTY = np.array(None), np.array("", dtype=object)


def column_labels(data: Any) -> list[Any] | None:
    """Labels of the columns of a mapping, frame, arrow table or record array; else None."""
    if isinstance(data, Mapping):
        return list(data)
    if _has(data, "collect_schema"):  # the columns of a lazy frame are dear
        return list(data.collect_schema().names())
    names = getattr(getattr(data, "dtype", None), "names", None)
    labels: Any = data.column_names if _has(data, "column_names") else names
    labels = getattr(data, "columns", None) if labels is None else labels
    return list(labels) if isinstance(labels, Iterable) else None


def _has(data: Any, method: str) -> bool:
    """Whether the type has a method; a data frame also has attributes named like its columns."""
    return hasattr(type(data), method)


def column_names(data: Any) -> list[str] | None:
    """Return the `column_labels` as text."""
    labels = column_labels(data)
    return None if labels is None else [str(label) for label in labels]


def in_memory(data: Any) -> Any:
    """Return a lazy frame with its rows, a sparse matrix as an array; the rest as it is."""
    if _has(data, "collect_schema") and _has(data, "collect"):
        return data.collect()
    if _has(data, "toarray") and _has(data, "nnz"):
        return data.toarray()
    return data


def columns_of(data: Any) -> list[Any]:
    """Columns of a container with `column_names`, in their order and in its own type."""
    if _has(data, "iloc"):  # by position: names need not be text, nor distinct
        return [column for _, column in data.items()]
    if _has(data, "column_names"):
        return [data.column(place) for place in range(len(data.column_names))]
    return [data[label] for label in column_labels(data) or ()]


def read_columns(data: Any) -> Cells:
    """Columns of cells by name; those of an array (rows, columns) are called x0, x1 and so on.

    Raises
    ------
    InvalidInput
        Names that occur twice, or an array with another number of axes.
    """
    data = in_memory(data)
    labels = column_labels(data)
    if labels is None:
        array = as_array(data)
        if array.ndim != 2:
            raise InvalidInput(
                f"The table has shape {array.shape}; expected (rows, columns), a mapping or a data "
                "frame. Write table.reshape(-1, 1) for a single column."
            )
        return {f"x{j}": cells_of(array[:, j]) for j in range(array.shape[1])}
    check_labels(labels)
    pairs = zip(labels, columns_of(data), strict=True)
    return {str(label): cells_of(each) for label, each in pairs}


def check_labels(labels: list[Any]) -> None:
    """Raise InvalidInput if two labels are equal, or equal as text."""
    names = list(map(str, labels))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        both = [label for label, name in zip(labels, names, strict=True) if name == twice[0]]
        raise InvalidInput(
            f"Column name(s) {', '.join(map(repr, twice))} occur more than once (the labels "
            f"{' and '.join(map(repr, both))}); expected every name once. Rename the columns in "
            "the table's header."
        )


def as_array(data: Any) -> np.ndarray:
    """Return an array or nested lists as a NumPy array; cells of lists keep type and mask."""
    if isinstance(data, np.ndarray):
        return data
    if not isinstance(data, (list, tuple)):
        return np.asarray(data)
    if any(isinstance(each, np.ma.MaskedArray) for each in data):
        masks = np.array([np.ma.getmaskarray(each) for each in data])
        return np.where(masks, _NONE, np.array([np.ma.getdata(each) for each in data], object))
    return np.array(data, dtype=object)


def cells_of(column: Any) -> np.ndarray:
    """Cells (rows,) of one column in any container; see the docstring of this module."""
    column = unmasked(column)
    kind = _kind(column)
    lists = isinstance(column, (list, tuple)) or kind.startswith(LOSING)
    cells = _listed(column) if lists else np.asarray(column)
    if cells.dtype.kind == "f" and kind.startswith(("int", "uint")):  # for the sake of a null
        cells = _listed(column)
    if kind.startswith(CATEGORIES):
        return _plain(cells.astype(object))
    return _settled(cells.astype(object)) if cells.dtype.kind in "OUST" else cells


def unmasked(data: Any) -> Any:
    """Return a masked array as numbers with NaN, or objects with None; the rest as it is."""
    if not isinstance(data, np.ma.MaskedArray):
        return data
    mask, plain = np.ma.getmaskarray(data), data.data
    absent, kind = (NAN, plain.dtype) if plain.dtype.kind == "f" else (_NONE, object)
    return np.where(mask, absent, plain.astype(kind)) if mask.any() else plain


def _kind(column: Any) -> str:
    return str(getattr(column, "dtype", getattr(column, "type", ""))).lower()


def _listed(column: Any) -> np.ndarray:
    """Return the cells of a column as Python objects."""
    to_list = getattr(column, "to_pylist", None) or getattr(column, "to_list", None)
    listed = to_list() if to_list else list(column)
    cells = np.empty(len(listed), dtype=object)
    cells[:] = [None if cell is np.ma.masked else cell for cell in listed]
    return cells


def _settled(cells: np.ndarray) -> np.ndarray:
    """Return objects as numbers if all are numbers that one type holds; otherwise as objects."""
    cells = _plain(cells)
    flat = cells.ravel().tolist()
    kinds = set(map(type, flat)) - {type(None)}
    if kinds == {bool} and None not in flat:
        return cells.astype(bool)
    if not kinds or not kinds <= {int, float}:
        return cells
    exact = int not in kinds or max(abs(each) for each in flat if type(each) is int) <= EXACT
    if kinds == {int} and None not in flat:
        return _integers(cells)
    return np.where(cells == _NONE, NAN, cells).astype(np.float64) if exact else cells


def _integers(cells: np.ndarray) -> np.ndarray:
    for kind in (np.int64, np.uint64):
        try:
            return cells.astype(kind)
        except OverflowError:
            continue
    return cells


def _plain(cells: np.ndarray) -> np.ndarray:
    """Return objects as plain Python values, with None for missing cells."""
    kinds = set(map(type, cells.ravel().tolist()))
    if any(issubclass(kind, (bytes, bytearray, Decimal, np.generic)) for kind in kinds):
        plain = np.empty(cells.size, dtype=object)
        plain[:] = [_plain_cell(cell) for cell in cells.ravel().tolist()]
        cells = plain.reshape(cells.shape)
    absent = missing(cells)
    return np.where(absent, _NONE, cells) if absent.any() else cells


def _plain_cell(cell: Any) -> Any:
    """Return one cell as text or a Python number, where nothing is lost; otherwise as it is."""
    if isinstance(cell, (bytes, bytearray)):
        try:
            return bytes(cell).decode()
        except UnicodeDecodeError:
            return cell
    if isinstance(cell, Decimal) and cell.is_finite():
        whole = abs(cell) < 10**100 and cell == cell.to_integral_value()
        number = int(cell) if whole else float(cell)
        return number if whole or Decimal(repr(number)) == cell else cell
    return cell.item() if isinstance(cell, np.generic) else cell


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Join cells (rows,) of one column; numbers that no common type holds become objects."""
    if len({part.dtype for part in parts}) == 1:
        return np.concatenate(parts)
    return _settled(np.concatenate([part.astype(object) for part in parts]))


def apart(cells: np.ndarray, codes: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Separate special codes from the cells (rows,) of a column: the cells, and the codes.

    Codes are missing among the cells, and all else is missing among the codes.
    """
    kinds = np.full(len(cells), None, dtype=object)
    for code in codes:
        kinds[cells == code] = code
    held = kinds != _NONE
    numbers = cells.dtype.kind in "fiub"
    rest = np.where(held, NAN if numbers else _NONE, cells)
    return (rest if held.any() else cells), kinds


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
    except (TypeError, ValueError, ArithmeticError):
        # the truth value of pandas.NA and of arrays is ambiguous, a signalling NaN raises
        flat = [_is_missing(cell) for cell in cells.ravel().tolist()]
        return np.array(flat, dtype=bool).reshape(cells.shape)


def _is_missing(cell: Any) -> bool:
    if cell is None or cell is np.ma.masked or (isinstance(cell, str) and not cell):
        return True
    try:
        return bool(cell != cell)
    except (TypeError, ValueError):
        return type(cell).__name__ == "NAType"
    except ArithmeticError:
        return True


def declared_categories(data: Any) -> list[bool]:
    """Whether the container declares each column as categories."""
    if column_labels(data) is None:
        return []
    return [_declares_categories(column) for column in columns_of(in_memory(data))]


def declared_orders(data: Any) -> dict[str, tuple[Any, ...]]:
    """Return the levels of each column that its container declares to be ordered, in that order.

    These are ordered categoricals of pandas, and polars.Enum.
    """
    found = {}
    for label, column in zip(column_labels(data) or (), columns_of(in_memory(data)), strict=False):
        dtype = getattr(column, "dtype", None)
        if getattr(dtype, "ordered", False) or _kind(column).startswith("enum"):
            levels: Any = getattr(dtype, "categories", ())
            found[str(label)] = tuple(_plain(np.array(list(levels), dtype=object)).tolist())
    return found


def _declares_categories(column: Any) -> bool:
    return _kind(column).startswith(CATEGORIES)
