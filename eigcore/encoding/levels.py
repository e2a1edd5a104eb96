"""From cells to the codes of levels, whatever writes them: numbers, text, truth values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from eigcore.encoding.categories import Categories
from eigcore.encoding.cells import NAN
from eigcore.errors import InvalidInput

UNSEEN_CODE = -1.0
"""The code of a level never seen."""
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_CODE = re.compile(r"\s*[+-]?0\d+\s*", re.ASCII)
"""A whole number with a zero in front: a code, which no number stands for."""
_TRUTH = {"true": True, "false": False}
_LONGEST = 100


def level_codes(
    column: Categories, name: str, cells: np.ndarray, refuse: bool = True
) -> np.ndarray:
    """Return the code of each cell (rows,): NaN where it is missing, −1 for a level never seen.

    name : of the column, for errors
    refuse : whether a column may refuse levels never seen

    Raises
    ------
    InvalidInput
        Cells that cannot be levels, floats that cannot hold the levels, or levels never seen in a
        column that refuses them.
    """
    if cells.dtype.kind in "fiub":
        own, rows, place = np.unique(cells, return_index=True, return_inverse=True)
        if cells.dtype.kind == "f" and not np.isnan(own).all():
            lost = column.lost(cells.dtype, text=False)
            if lost is not None:
                raise lost_level(name, lost, str(cells.dtype))
        out = _code_by_cell(column, name, own, rows)[place]
    else:
        out = _code_by_cell(column, name, cells, range(len(cells)))
    if refuse and column.unseen == "refuse" and (out == UNSEEN_CODE).any():
        told = unseen_message({name: dict(Counter(cells[out == UNSEEN_CODE].tolist()))})
        raise InvalidInput(
            f"{told} Expected levels of the fitted rows, since the model was fitted with on_unseen="
            "'refuse'. Correct the cells, or leave these rows out."
        )
    return out


def _code_by_cell(
    column: Categories, name: str, cells: np.ndarray, rows: Sequence[int] | np.ndarray
) -> np.ndarray:
    """Return the codes of cells that stand in these rows."""
    place = _places(column, cells.dtype)
    kinds = set(map(type, column.levels))
    found: dict[Any, float] = {None: NAN}
    out = np.empty(len(cells))
    for number, cell in enumerate(cells.tolist()):
        if type(cell) in (str, int, float) and cell in found:
            out[number] = found[cell]
        elif cell is None or cell != cell:
            out[number] = NAN
        elif not isinstance(cell, (str, int, float)):
            raise _unlike_levels(name, int(rows[number]), cell, column)
        else:
            own = next((place[key] for key in _readings(cell, kinds) if key in place), None)
            if own is None and _is_unlike(cell, kinds):
                raise _unlike_levels(name, int(rows[number]), cell, column)
            out[number] = found[cell] = UNSEEN_CODE if own is None else own
    return out


def _places(column: Categories, dtype: np.dtype) -> dict[Any, float]:
    """Code of each level, by the level, as text, and by the number of this dtype that holds it."""
    levels = column.levels
    found: dict[Any, float] = {as_text(level): float(code) for code, level in enumerate(levels)}
    if dtype.kind == "f":
        numbers = column.numbers(dtype).tolist()
        found |= {own: float(code) for code, own in enumerate(numbers) if own == own}
    return found | {level: float(code) for code, level in enumerate(levels)}


def _readings(cell: str | float, kinds: set[type]) -> list[Any]:
    """Return what a cell may be: itself, its text, and the number or truth value that it writes.

    kinds : types of the levels; only where they are numbers does text write one
    """
    found = [cell, as_text(cell)]
    if not isinstance(cell, str) or not kinds - {str}:
        return found
    if bool in kinds and cell.strip().lower() in _TRUTH:
        found.append(_TRUTH[cell.strip().lower()])
    if _NUMBER.fullmatch(cell) and not _CODE.fullmatch(cell):
        exact = Decimal(cell.strip())
        whole = exact.adjusted() < _LONGEST and exact == exact.to_integral_value()
        found.append(int(exact) if whole else float(exact))
    return found


def _is_unlike(cell: str | float, kinds: set[type]) -> bool:
    """Whether a cell that is no level is of another kind than levels of these types."""
    if not isinstance(cell, str):
        return kinds == {str}
    truth = bool in kinds and cell.strip().lower() in _TRUTH
    return str not in kinds and not truth and not is_number(cell)


def as_text(level: str | float) -> str:
    """Return a level as it is written in files, 1 and 1.0 alike.

    A column of whole numbers with missing cells holds 1.0. No column has two levels that are equal
    as text.
    """
    whole = isinstance(level, float) and level.is_integer()
    return str(int(level) if whole else level)


def is_number(text: str) -> bool:
    """Whether text, from a file, is a number."""
    try:
        return "_" not in text and float(text) == float(text)
    except ValueError:
        return False


def lost_level(name: str, level: Any, dtype: str) -> InvalidInput:
    """Return the error for numbers of a dtype that cannot hold, or tell apart, the levels."""
    return InvalidInput(
        f"Column {name!r} has categories such as {level!r}, which {dtype} numbers cannot hold "
        "or tell apart. Expected their codes, as encoding.table(data) gives them. Write "
        "codes=True beside an array of codes, or pass a mapping or a data frame of integers or "
        "text."
    )


def _unlike_levels(name: str, row: int, cell: Any, column: Categories) -> InvalidInput:
    kind = "text" if any(isinstance(level, str) for level in column.levels) else "numbers"
    return InvalidInput(
        f"Column {name!r} holds {cell!r} in row {row}. Its categories are {kind}, like "
        f"{column.levels[0]!r}; convert the column to the same."
    )


def unseen_message(found: dict[str, dict[Any, int]]) -> str:
    """Return a sentence about levels never seen, from `Encoding.unseen`."""
    each = "; ".join(
        f"{sum(levels.values())} cell(s) of column {name!r}, such as "
        f"{', '.join(map(repr, list(levels)[:3]))}"
        for name, levels in found.items()
    )
    return f"Levels that no fitted row has: {each}."
