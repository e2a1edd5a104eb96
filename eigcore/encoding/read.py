"""Whatever holds a table → float64, with one clear error where that cannot be done.

Data frames are recognised by what they offer (`.columns`, `[name]`), so no data-frame library is
imported.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eigcore.encoding.columns import Categories
from eigcore.encoding.terms import Column
from eigcore.errors import InvalidInput, NonFiniteInput

if TYPE_CHECKING:
    from eigcore.encoding.encoding import Encoding

NAN = float("nan")
DOTS = "…"


def to_table(encoding: Encoding, data: Any) -> np.ndarray:
    """See `Encoding.table`."""
    names = column_names(data)
    if names is None:
        array = np.asarray(data)
        if array.dtype.kind in "fiub":
            encoding.check_width(array.shape)
            table = array.astype(np.float64)
            for column, name, cells in zip(
                encoding.columns, encoding.names, np.moveaxis(table, -1, 0), strict=True
            ):
                check_cells(column, name, cells.ravel())
            return table
        if array.ndim != 2:
            raise InvalidInput(
                f"The table is an array of {array.dtype} with shape {array.shape}. Pass a 2-D "
                "array, a dict of columns "
                "or a data frame."
            )
        encoding.check_width(array.shape)
        cells = list(array.T)
    else:
        _check_names(encoding.names, names)
        cells = [_cells(data, name) for name in encoding.names]
    _check_lengths(encoding.names, cells)
    columns = zip(encoding.columns, encoding.names, cells, strict=True)
    return np.stack([column_numbers(*triple) for triple in columns], axis=-1)


def column_names(data: Any) -> list[str] | None:
    """Names of the columns of a mapping, frame, arrow table or record array; None for others."""
    if isinstance(data, Mapping):
        return list(data)
    if getattr(getattr(data, "dtype", None), "names", None):
        return list(data.dtype.names)
    if hasattr(data, "column_names"):
        return list(data.column_names)
    names = getattr(data, "columns", None)
    return list(names) if isinstance(names, Iterable) else None


def _cells(data: Any, name: str) -> np.ndarray:
    column = data.column(name) if hasattr(data, "column_names") else data[name]
    return column if isinstance(column, np.ma.MaskedArray) else np.asarray(column)


def _check_names(wanted: tuple[str, ...], given: list[str]) -> None:
    lost = [name for name in wanted if name not in given]
    if not lost:
        return
    extra = [str(name) for name in given if name not in wanted]
    near = {name: difflib.get_close_matches(name, extra, n=1) for name in lost}
    hints = "".join(f" Is {hit[0]!r} meant as {name!r}?" for name, hit in near.items() if hit)
    raise InvalidInput(
        f"The table lacks the column(s) {', '.join(map(repr, lost))}. "
        f"The model needs {', '.join(wanted)}; the table also has "
        f"{', '.join(extra[:20]) or 'nothing else'}{DOTS if len(extra) > 20 else ''}.{hints} "
        "Rename or add the column(s)."
    )


def _check_lengths(names: tuple[str, ...], cells: list[np.ndarray]) -> None:
    shapes = {name: cell.shape for name, cell in zip(names, cells, strict=True)}
    if any(len(shape) != 1 for shape in shapes.values()) or len(set(shapes.values())) > 1:
        raise InvalidInput(
            f"The columns have the shapes {shapes}. Each should be one-dimensional, all of one "
            "length."
        )


def column_numbers(column: Column, name: str, cells: np.ndarray) -> np.ndarray:
    """(rows,) cells -> (rows,) float64: numbers as they are, levels as codes, missing as NaN."""
    if isinstance(cells, np.ma.MaskedArray):
        cells, gaps = cells.data.astype(object), np.ma.getmaskarray(cells)
        cells[gaps] = None
    if isinstance(column, Categories):
        numbers = _codes(column, name, cells)
    elif cells.dtype.kind in "fiub":
        numbers = cells.astype(np.float64)
    elif cells.dtype.kind == "O":
        numbers = np.array(
            [_number(cell, name, row) for row, cell in enumerate(cells)], dtype=np.float64
        )
    else:
        first = repr(cells[0].item()) if len(cells) else "nothing"
        raise InvalidInput(
            f"Column {name!r} holds {cells.dtype} (first cell {first}). The model expects numbers "
            "there; convert it."
        )
    check_cells(column, name, numbers)
    return numbers


def is_missing(cell: Any) -> bool:
    """True for None, NaN, NaT, pandas.NA and empty text."""
    if cell is None or (isinstance(cell, str) and not cell):
        return True
    try:
        return bool(cell != cell)
    except TypeError:  # pandas.NA: its truth value is ambiguous
        return True


def _number(cell: Any, name: str, row: int) -> float:
    if is_missing(cell):
        return NAN
    try:
        if isinstance(cell, (str, bytes)):
            raise TypeError("text")
        return float(cell)
    except (TypeError, ValueError) as exc:
        raise InvalidInput(
            f"Column {name!r} holds {cell!r} in row {row}. The model expects numbers there; "
            "convert the column, "
            "with None or NaN for missing cells."
        ) from exc


def _codes(column: Categories, name: str, cells: np.ndarray) -> np.ndarray:
    code = {level: float(place) for place, level in enumerate(column.levels)}
    text = {isinstance(level, str) for level in column.levels}
    found: dict[Any, float] = dict(code)
    out = np.empty(len(cells))
    for row, cell in enumerate(cells.tolist()):
        try:
            out[row] = found[cell]
            continue
        except (KeyError, TypeError):
            pass
        if is_missing(cell):
            out[row] = NAN
            continue
        if text == {True} and str(cell) in code:
            out[row] = found[cell] = code[str(cell)]
            continue
        if text != {True, False} and isinstance(cell, str) not in text:
            kind = "text" if True in text else "numbers"
            raise InvalidInput(
                f"Column {name!r} holds {cell!r} in row {row}. Its categories are {kind}, like "
                f"{column.levels[0]!r}; "
                "convert the column to the same."
            )
        out[row] = found[cell] = code.get(cell, -1.0)
    return out


def check_cells(column: Column, name: str, numbers: np.ndarray) -> None:
    """Raise for infinite cells, missing cells nobody has a term for, and impossible codes."""
    _refuse(
        np.isinf(numbers), name, "infinite cell(s)", "Expected finite numbers; remove or cap them."
    )
    if not column.missing:
        advice = (
            "The column had none when the model was made (missing=False); fill or drop these "
            "rows, or fit the model "
            "on data with missing cells."
        )
        _refuse(np.isnan(numbers), name, "missing cell(s)", advice)
    if isinstance(column, Categories):
        top = len(column.levels) - 1
        wrong = ~np.isnan(numbers) & (
            (numbers < -1) | (numbers > top) | (numbers != np.round(numbers))
        )
        if wrong.any():
            raise InvalidInput(
                f"Column {name!r} holds {numbers[wrong][0]} in row {int(np.argmax(wrong))}. In a "
                "numeric array a category "
                f"is a code from 0 to {top}, or -1 for a level never seen; pass a dict or data "
                "frame to use levels."
            )


def _refuse(bad: np.ndarray, name: str, what: str, advice: str) -> None:
    if bad.any():
        raise NonFiniteInput(
            f"Column {name!r} has {int(bad.sum())} {what}, the first in row "
            f"{int(np.argmax(bad))}. {advice}"
        )
