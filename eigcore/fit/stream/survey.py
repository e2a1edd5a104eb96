"""The first pass: count the rows, and draw a sample that fits into memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.encoding.cells import Cells, joined
from eigcore.errors import InvalidInput
from eigcore.fit.data.kinds import MANY_LEVELS
from eigcore.fit.stream.source import Source

_WITNESS = -1.0


@dataclass(frozen=True)
class Survey:
    """Results of the first pass.

    counts : (parts,) int64, rows of each part
    cells : columns (k,) of the sampled rows, in the order of the source
    places : (k,) int64, number of each row in the source
    held : (k,) bool, the sampled rows that are held out
    """

    counts: np.ndarray
    cells: Cells
    places: np.ndarray
    held: np.ndarray


def survey(
    source: Source,
    rows: int,
    held_out: float,
    rng: np.random.Generator,
    beside: Collection[str] = (),
) -> Survey:
    """Read everything once; keep a uniform sample of ``rows`` rows, and hold a part of it out.

    Every row draws a key; the rows with the smallest keys stay. For each column, some rows always
    stay and are never held out, so that no cell is new to the encoding: those with the smallest and
    the largest number, and the first one with each category, a missing cell or a second value. They
    are at most about a hundred rows per column.

    beside : columns that are no inputs, of which no cells need to stay

    Raises
    ------
    InvalidInput
        A source without rows, or batches whose columns differ.
    """
    pool, counts, seen = _Pool(rows, source.targets), [], {}
    for part in range(len(source.parts)):
        begin = pool.rows
        for cells in source.read(part):
            keys = rng.random(len(cells[source.targets[0]]))
            inputs = {name: own for name, own in cells.items() if name not in beside}
            keys[_news(inputs, seen)] = _WITNESS
            pool.add(keys, cells)
        counts.append(pool.rows - begin)
    if not pool.rows:
        raise InvalidInput(
            "The source has no rows; expected at least one batch with rows. Check the paths."
        )
    keys, places, cells = pool.result()
    held = np.zeros(len(keys), bool)
    held[np.argsort(keys)[len(keys) - round(held_out * len(keys)) :]] = True
    return Survey(np.array(counts), cells, places, held & (keys != _WITNESS))


class _Pool:
    """The rows with the smallest keys so far."""

    def __init__(self, most: int, targets: Sequence[str]):
        self.most, self.targets, self.rows, self.limit = most, targets, 0, np.inf
        self.kept: list[tuple[np.ndarray, np.ndarray, Cells]] = []
        self.extremes: dict[tuple[str, int], tuple[float, int, Cells]] = {}

    def add(self, keys: np.ndarray, cells: Cells) -> None:
        """Add the next rows: keys (n,), columns (n,)."""
        if self.kept and set(cells) != set(self.kept[0][2]):
            raise InvalidInput(
                f"One batch has the columns {', '.join(cells)}, another one "
                f"{', '.join(self.kept[0][2])}; expected the same in all. Check the files."
            )
        stay = np.flatnonzero(keys < self.limit)
        part = {name: column[stay] for name, column in cells.items()}
        self.kept.append((keys[stay], self.rows + stay, part))
        self._note_extremes(cells)
        self.rows += len(keys)
        if sum(len(entry[0]) for entry in self.kept) > 2 * self.most:
            self.kept = [self.shrink()]
            self.limit = self.kept[0][0].max()

    def shrink(self) -> tuple[np.ndarray, np.ndarray, Cells]:
        """Join the rows kept and drop the largest keys; return them in the order of the source."""
        keys = np.concatenate([entry[0] for entry in self.kept])
        places = np.concatenate([entry[1] for entry in self.kept])
        most = max(self.most, int((keys == _WITNESS).sum()))
        stay = np.argpartition(keys, most)[:most] if len(keys) > most else np.arange(len(keys))
        stay = stay[np.argsort(places[stay])]
        names = self.kept[0][2]
        cells = {name: joined([e[2][name] for e in self.kept])[stay] for name in names}
        return keys[stay], places[stay], cells

    def _note_extremes(self, cells: Cells) -> None:
        for name, column in cells.items():
            if name in self.targets or column.dtype.kind not in "fiu" or not len(column):
                continue
            for side in (-1, 1):
                values = np.where(np.isnan(column), -np.inf, side * column.astype(np.float64))
                row = int(np.argmax(values))
                if values[row] > self.extremes.get((name, side), (-np.inf,))[0]:
                    own = {other: column[row : row + 1] for other, column in cells.items()}
                    self.extremes[name, side] = values[row], self.rows + row, own

    def result(self) -> tuple[np.ndarray, np.ndarray, Cells]:
        """Keys, row numbers and columns of the sample, including the rows that always stay."""
        keys, places, cells = self.shrink()
        rows = {place: own for _, place, own in self.extremes.values()}
        keys[np.isin(places, list(rows))] = _WITNESS
        self.kept = [(keys, places, cells)]
        for place in sorted(rows.keys() - set(places.tolist())):
            self.kept.append((np.array([_WITNESS]), np.array([place]), rows[place]))
        return self.shrink()


def _is_cell(cell: Any) -> bool:
    """Whether a cell may be a level; the first fit refuses the others by name."""
    return cell is None or isinstance(cell, (str, int, float))


def _news(cells: Cells, seen: dict[str, tuple[Any, set]]) -> list[int]:
    """Rows with a value that is new to its column; `seen` is updated."""
    rows = []
    for name, column in cells.items():
        if not len(column):
            continue
        first, known = seen.setdefault(name, (column[0], set()))
        if column.dtype.kind in "OUS":
            shown = set(filter(_is_cell, column.tolist()))
        else:
            column = 1 * (column == first) + 2 * (column != column)  # another, first, missing
            shown = set(np.flatnonzero(np.bincount(column)).tolist())
        for level in sorted(shown - known, key=repr)[: MANY_LEVELS + 2 - len(known)]:
            known.add(level)
            rows.append(int(np.argmax(column == level)))
    return rows
