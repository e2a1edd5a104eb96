"""The only way from cells to numbers: columns by name, levels as codes, missing cells as NaN."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eigcore.encoding.categories import Categories
from eigcore.encoding.cells import (
    NAN,
    apart,
    as_array,
    cells_of,
    check_labels,
    column_labels,
    columns_of,
    in_memory,
    unmasked,
)
from eigcore.encoding.levels import UNSEEN_CODE, is_number, level_codes
from eigcore.encoding.terms import Column
from eigcore.errors import InvalidInput, MissingCells, NonFiniteInput

if TYPE_CHECKING:
    from eigcore.encoding.encoding import Encoding

DOTS = "…"


def to_table(encoding: Encoding, data: Any, codes: bool = False) -> np.ndarray:
    """See `Encoding.table`."""
    data = in_memory(data)
    data = data if codes else _labelled(encoding, data)
    if column_labels(data) is not None:
        columns, shape = _named(encoding, encoding.names, data), (-1,)
    else:
        array = as_array(data)
        if array.dtype.kind == "O" and array.ndim != 2:
            array = cells_of(array.ravel()).reshape(array.shape)
        if array.ndim != 2 and array.dtype.kind not in "fiub":
            raise InvalidInput(
                f"The table is an array of {array.dtype} with shape {array.shape}; expected a "
                "two-dimensional array, a mapping or a data frame. Pass table.reshape(-1, 1) for a "
                "single column."
            )
        encoding.check_width(array.shape)
        if codes:
            return checked(encoding, data)
        columns, shape = np.moveaxis(array, -1, 0), array.shape[:-1]
        columns = [column.ravel() for column in columns]
    cells = [cells_of(column) for column in columns]
    _check_lengths(encoding.names, cells)
    triples = zip(encoding.columns, encoding.names, cells, strict=True)
    numbers = np.stack([column_numbers(*triple) for triple in triples], axis=-1)
    return numbers.reshape((*shape, len(columns)))


def by_name(encoding: Encoding, data: Any) -> dict[str, np.ndarray]:
    """Return the cells of each column; special codes are apart, in columns of their own."""
    columns = map(cells_of, _named(encoding, encoding.names, data))
    return dict(zip(encoding.names, columns, strict=True))


def checked(encoding: Encoding, numbers: Any) -> np.ndarray:
    """Return numbers (..., columns) as float64, with codes for levels, after the checks of a table.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `Encoding.table`, or for impossible codes.
    """
    array = np.asarray(unmasked(numbers))
    encoding.check_width(array.shape)
    table = array.astype(np.float64)
    parts = zip(encoding.columns, encoding.names, np.moveaxis(table, -1, 0), strict=True)
    for column, name, cells in parts:
        check_numbers(column, name, cells.ravel())
    return table


def unseen_levels(encoding: Encoding, data: Any) -> dict[str, dict[Any, int]]:
    """See `Encoding.unseen`."""
    kinds = zip(encoding.names, encoding.columns, strict=True)
    levels = {name: column for name, column in kinds if isinstance(column, Categories)}
    data = _labelled(encoding, in_memory(data))
    if column_labels(data) is None:
        array = as_array(data)
        columns = [array[..., encoding.names.index(name)].ravel() for name in levels]
    else:
        columns = _named(encoding, tuple(levels), data)
    found = {}
    for (name, column), cells in zip(levels.items(), map(cells_of, columns), strict=True):
        new = cells[level_codes(column, name, cells, refuse=False) == UNSEEN_CODE]
        if len(new):
            found[name] = dict(Counter(new.tolist()))
    return found


def _sources(encoding: Encoding) -> dict[str, Categories]:
    """Return the columns of special codes, which tables need not have, by name."""
    pairs = zip(encoding.names, encoding.columns, strict=True)
    return {name: each for name, each in pairs if isinstance(each, Categories) and each.of}


def _labelled(encoding: Encoding, data: Any) -> Any:
    """Return an array (rows, columns) that lacks the columns of codes as a mapping; else data."""
    special = _sources(encoding)
    own = [name for name in encoding.names if name not in special]
    if not special or column_labels(data) is not None:
        return data
    array = as_array(data)
    fits = array.ndim == 2 and array.shape[1] == len(own)
    return dict(zip(own, array.T, strict=True)) if fits else data


def _named(encoding: Encoding, names: Sequence[str], data: Any) -> list[Any]:
    """Return columns of a container by their names, as text; single cells are one row."""
    labels = column_labels(data) or []
    check_labels(labels)
    given = list(map(str, labels))
    special = {name: each for name, each in _sources(encoding).items() if name not in given}
    _check_names([name for name in names if name not in special], given)
    needed = {*names, *(each.of for each in special.values())}
    pairs = zip(given, columns_of(data), strict=True)
    columns: dict[str | None, Any] = {name: each for name, each in pairs if name in needed}
    single = all(isinstance(each, str) or not np.iterable(each) for each in columns.values())
    columns = {name: [cell] for name, cell in columns.items()} if single else columns
    for name, each in special.items():
        if each.of in columns:
            columns[each.of], columns[name] = apart(cells_of(columns[each.of]), each.levels)
    return [columns[name] for name in names]


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
        numbers = level_codes(column, name, cells)
    elif cells.dtype.kind in "fiub":
        numbers = cells.astype(np.float64)
    elif cells.dtype.kind == "O":
        rows = list(enumerate(cells.tolist()))
        # among numbers that are text, the one cell that is none is what is wrong
        rows.sort(key=lambda each: not isinstance(each[1], str) or is_number(each[1]))
        numbers = np.empty(len(cells))
        for row, cell in rows:
            numbers[row] = _number(cell, name, row)
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
    except (TypeError, ValueError, OverflowError) as exc:
        shown = repr(cell) if not isinstance(cell, int) else "an integer beyond 1e308"
        raise InvalidInput(
            f"Column {name!r} holds {shown} in row {row}; expected numbers. Convert the column, "
            "with None or NaN for missing cells."
        ) from exc


def check_numbers(column: Column, name: str, numbers: np.ndarray) -> None:
    """Raise for infinite cells, missing cells without a term, and impossible codes."""
    _check_none(
        np.isinf(numbers), name, "infinite cell(s)", "Expected finite numbers; remove or cap them."
    )
    if not column.missing:
        advice = (
            "The column had none when the model was made. Fill or drop these rows, or fit to data "
            "with missing cells."
        )
        fit = "on_missing", "neutral", "at a fit of a table in memory"
        _check_none(np.isnan(numbers), name, "missing cell(s)", advice, fit)
    if column.outside == "refuse" and column.range is not None:
        _check_range(column.range, name, numbers)
    if not isinstance(column, Categories):
        return
    top = len(column.levels) - 1
    if column.unseen == "refuse" and (numbers == UNSEEN_CODE).any():
        raise InvalidInput(
            f"Column {name!r} holds the code -1, a level never seen, in row "
            f"{int(np.argmax(numbers == UNSEEN_CODE))}. Expected levels of the fitted rows, since "
            "the model was fitted with on_unseen='refuse'. Leave these rows out."
        )
    outside = (numbers < -1) | (numbers > top) | (numbers != np.round(numbers))
    wrong = ~np.isnan(numbers) & outside
    if wrong.any():
        raise InvalidInput(
            f"Column {name!r} holds {numbers[wrong][0]} in row {int(np.argmax(wrong))}. In a "
            f"array of codes a category is a code from 0 to {top}, or -1 for a level never seen; "
            "leave codes=True out to pass levels."
        )


def _check_range(ends: tuple[float, float], name: str, numbers: np.ndarray) -> None:
    """Raise InvalidInput for numbers (rows,) outside the range of a column that refuses them."""
    beyond = (numbers < ends[0]) | (numbers > ends[1])
    if beyond.any():
        row = int(np.argmax(beyond))
        raise InvalidInput(
            f"Column {name!r} holds {numbers[row]:g} in row {row}, one of {int(beyond.sum())} "
            f"number(s) outside the range. Expected numbers from {ends[0]:g} to {ends[1]:g}, as in "
            "the fitted rows, since the model was fitted with tails='refuse'. Leave these rows out."
        )


def outside_range(encoding: Encoding, data: Any) -> dict[str, int]:
    """See `Encoding.outside`."""
    numbers = to_table(encoding.permissive, data).reshape(-1, len(encoding.columns))
    found = {}
    for name, column, cells in zip(encoding.names, encoding.columns, numbers.T, strict=True):
        if column.range is not None:
            found[name] = int(((cells < column.range[0]) | (cells > column.range[1])).sum())
    return {name: count for name, count in found.items() if count}


def outside_message(encoding: Encoding, found: dict[str, int]) -> str:
    """Return a sentence about numbers outside the range, from `Encoding.outside`."""
    told = []
    for name, count in found.items():
        low, high = encoding.columns[encoding.names.index(name)].range or (0.0, 0.0)
        told.append(f"{count} cell(s) of column {name!r} (fitted from {low:g} to {high:g})")
    columns = {name: encoding.columns[encoding.names.index(name)] for name in found}
    flat = [repr(name) for name, column in columns.items() if not column.goes_on]
    where = f" in {', '.join(flat)}" * (len(flat) < len(found))
    stays = f"stays constant{where}; fitted with --tails linear it goes on"
    meaning = f"There the model {stays if flat else 'goes on'}."
    return f"Numbers outside the range of the fitted rows: {'; '.join(told)}. {meaning}"


def _check_none(
    bad: np.ndarray, name: str, what: str, advice: str, fit: tuple[str, ...] = ()
) -> None:
    """Raise NonFiniteInput if any is bad; fit: the option that helps, as of InvalidTable."""
    if bad.any():
        told = (
            f"Column {name!r} has {int(bad.sum())} {what}, the first in row "
            f"{int(np.argmax(bad))}. {advice}"
        )
        raise MissingCells(told, *fit) if fit else NonFiniteInput(told)
