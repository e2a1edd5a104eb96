"""Rows that a sample must contain, so that no cell is new to its encoding."""

from __future__ import annotations

from collections.abc import Collection
from heapq import nsmallest
from typing import Any

import numpy as np

from eigcore.encoding.cells import Cells
from eigcore.fit.data.kinds import MANY_LEVELS

_LEVELS = MANY_LEVELS + 2


class Witnesses:
    """The first row with each level of a column, or with what matters of its numbers.

    That is: one value, another one, a missing cell and, but for targets, the smallest and the
    largest. Of more than _LEVELS levels those count whose `repr` comes first. So the witnesses of
    all rows are among those of any parts of them, whatever the parts.

    targets, beside : names of columns to predict, and of those that are no inputs: these have none
    levels : column -> level -> place of the row in the source
    numbers : column -> what it shows -> the cell, and the place
    """

    def __init__(self, targets: Collection[str], beside: Collection[str] = ()):
        self.targets, self.beside = targets, beside
        self.levels: dict[str, dict[Any, int]] = {}
        self.numbers: dict[str, dict[str, tuple[Any, int]]] = {}

    @property
    def places(self) -> np.ndarray:
        """Places (n,) of all of them, ascending."""
        levels = [place for each in self.levels.values() for place in each.values()]
        numbers = [place for each in self.numbers.values() for _, place in each.values()]
        return np.unique(np.array(levels + numbers, np.int64))

    def note(self, places: np.ndarray, cells: Cells) -> None:
        """Note the next rows: their places (n,), and columns (n,)."""
        for name, column in cells.items():
            if name in self.beside:
                continue
            if column.dtype.kind in "OUS":
                self._note_levels(name, column, places)
            elif len(column):
                self._note_numbers(name, column, places)

    def _note_levels(self, name: str, column: np.ndarray, places: np.ndarray) -> None:
        known = self.levels.setdefault(name, {})
        new = set(filter(_is_cell, column.tolist())) - known.keys()
        for level in nsmallest(_LEVELS, new, key=_order):
            known[level] = int(places[np.argmax(column == level)])
        for level in sorted(known, key=_order)[_LEVELS:]:
            del known[level]

    def _note_numbers(self, name: str, column: np.ndarray, places: np.ndarray) -> None:
        known = self.numbers.setdefault(name, {})
        gone = column != column

        def first(what: str, rows: np.ndarray) -> None:
            if rows.any():
                known[what] = column[np.argmax(rows)], int(places[np.argmax(rows)])

        if "missing" not in known:
            first("missing", gone)
        if "one" not in known:
            first("one", ~gone)
        if "one" in known and "another" not in known:
            first("another", ~gone & (column != known["one"][0]))
        if name in self.targets or column.dtype.kind not in "fiu" or gone.all():
            return
        for what, side in (("smallest", -1), ("largest", 1)):
            values = np.where(gone, -np.inf, side * column.astype(np.float64))
            row = int(np.argmax(values))
            if what not in known or values[row] > known[what][0]:
                known[what] = values[row], int(places[row])


def _is_cell(cell: Any) -> bool:
    """Whether a cell may be a level; the first fit refuses the others by name."""
    return cell is None or isinstance(cell, (str, int, float))


def _order(level: Any) -> tuple[bool, str]:
    return level is not None, repr(level)
