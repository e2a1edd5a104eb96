"""The first pass: count the rows, and draw a sample that fits into memory."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eigcore.dispatch.processes import Processes
from eigcore.encoding.cells import Cells, joined
from eigcore.errors import InvalidInput
from eigcore.fit.stream.source import Source
from eigcore.fit.stream.witnesses import Witnesses

ALONE = Processes()
_WITNESS = -1.0
_Rows = tuple[np.ndarray, np.ndarray, Cells]
"""Keys, places (n,) and columns (n,)."""


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
    rng: Callable[[int], np.random.Generator],
    beside: Collection[str] = (),
    processes: Processes = ALONE,
) -> Survey:
    """Read everything once; keep a uniform sample of ``rows`` rows, and hold a part of it out.

    Every row draws a key; the rows with the smallest keys stay. For each column, some rows always
    stay and are never held out, so that no cell is new to the encoding; see `Witnesses`. They are
    at most about a hundred rows per column. Each process reads some of the parts, and all return
    the same.

    Parameters
    ----------
    rng : from the number of a part to its random numbers
    beside : columns that are no inputs, of which no cells need to stay

    Raises
    ------
    InvalidInput
        A source without rows, or batches whose columns differ.
    """
    parts = range(processes.rank, len(source.parts), processes.size)
    apart = {*source.targets}, {*beside}
    each = processes.together(lambda: _read(source, _Pool(rows, *apart), rng, parts))
    counts = np.zeros(len(source.parts), np.int64)
    for rank, found in enumerate(each):
        counts[rank :: processes.size] = found.counts
        source.declared.update(found.declared)
        source.orders.update(found.orders)
    if not counts.sum():
        raise InvalidInput(
            "The source has no rows; expected at least one batch with rows. Check the paths."
        )
    pool = _Pool(rows, *apart)
    begins = np.concatenate([[0], np.cumsum(counts)])
    for rank, found in enumerate(each):
        for keys, places, cells in found.kept:
            # from rows that one process has read to rows of the source
            own = np.cumsum(found.counts)
            number = np.searchsorted(own, places, "right")
            places = places - (own - found.counts)[number]
            pool.keep(keys, places + begins[rank + processes.size * number], cells)
    keys, places, cells = pool.whole()
    held = np.zeros(len(keys), bool)
    held[np.argsort(keys)[len(keys) - round(held_out * len(keys)) :]] = True
    return Survey(counts, cells, places, held & (keys != _WITNESS))


class _Read(NamedTuple):
    """What one process has read: rows of each of its parts, what it keeps, what batches declare."""

    counts: np.ndarray
    kept: list[_Rows]
    declared: set[str]
    orders: dict[str, tuple[Any, ...]]


def _read(
    source: Source, pool: _Pool, rng: Callable[[int], np.random.Generator], parts: range
) -> _Read:
    counts, total = [], 0
    for part in parts:
        begin, draws = total, rng(part)
        for cells in source.read(part):
            size = len(cells[source.targets[0]])
            pool.add(draws.random(size), np.arange(total, total + size), cells)
            total += size
        counts.append(total - begin)
    return _Read(np.array(counts, np.int64), pool.kept, source.declared, source.orders)


class _Pool:
    """The rows with the smallest keys so far, and the witnesses."""

    def __init__(self, most: int, targets: Collection[str], beside: Collection[str]):
        self.most, self.limit, self.kept = most, np.inf, []
        self.witnesses = Witnesses(targets, beside)

    def add(self, keys: np.ndarray, places: np.ndarray, cells: Cells) -> None:
        """Add the next rows: keys, places (n,), columns (n,)."""
        self.witnesses.note(places, cells)
        self.keep(*self._chosen(keys, places, cells))
        kept = sum(len(keys) for keys, *_ in self.kept)
        if kept > 2 * max(self.most, len(self.witnesses.places)):
            keys, places, cells = self._joined()
            if len(keys) > self.most:
                self.limit = np.partition(keys, self.most)[self.most]
            self.kept = [self._chosen(keys, places, cells)]

    def keep(self, keys: np.ndarray, places: np.ndarray, cells: Cells) -> None:
        """Keep rows for now; raise InvalidInput if their columns are not those of the others."""
        if self.kept and set(cells) != set(self.kept[0][2]):
            raise InvalidInput(
                f"One batch has the columns {', '.join(cells)}, another one "
                f"{', '.join(self.kept[0][2])}; expected the same in all. Check the files."
            )
        self.kept.append((keys, places, cells))

    def whole(self) -> _Rows:
        """Return the sample of the rows kept; the keys of witnesses are _WITNESS."""
        keys, places, cells = self._joined()
        self.witnesses.note(places, cells)
        shown = np.isin(places, self.witnesses.places)
        keys[shown] = _WITNESS
        most = max(self.most, int(shown.sum()))
        stay = np.argpartition(keys, most)[:most] if len(keys) > most else np.arange(len(keys))
        return _part((keys, places, cells), np.sort(stay))

    def _chosen(self, *rows: Any) -> _Rows:
        keys, places, _ = rows
        stay = (keys < self.limit) | np.isin(places, self.witnesses.places)
        return _part(rows, np.flatnonzero(stay))

    def _joined(self) -> _Rows:
        """All rows kept, in the order of their places."""
        keys = np.concatenate([keys for keys, _, _ in self.kept])
        places = np.concatenate([places for _, places, _ in self.kept])
        names = self.kept[0][2]
        cells = {name: joined([own[name] for _, _, own in self.kept]) for name in names}
        return _part((keys, places, cells), np.argsort(places))


def _part(rows: _Rows, stay: np.ndarray) -> _Rows:
    keys, places, cells = rows
    return keys[stay], places[stay], {name: column[stay] for name, column in cells.items()}
