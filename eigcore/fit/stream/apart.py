"""Which rows of a stream are held out where rows belong together: whole groups, or the newest."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from eigcore.encoding.cells import Cells, missing
from eigcore.errors import InvalidOption, InvalidTable
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.names import check_names
from eigcore.fit.data.together import times_of

_BYTES = 7
"""Length of the key of a group, so that it is a whole number of JSON and of int64."""


@dataclass(frozen=True)
class Apart:
    """A rule that says of each row, alone, whether it is held out.

    Groups have keys, which depend on their cell and the seed: those up to a limit are held out.
    So is what is newer than a time.

    column : name of the column of groups or times
    forward : whether it holds times
    limit : largest key that is held out, or the newest time that is fitted (numbers, or text)
    spared : keys of groups that are fitted all the same
    seed : of the keys
    """

    column: str
    forward: bool
    limit: Any
    spared: tuple[int, ...] = ()
    seed: int = 0

    @classmethod
    def of(cls, beside: Beside, cells: Cells, count: int, seed: int) -> Apart | None:
        """Return the rule that holds out about so many of some rows; None without groups or time.

        A group with the first missing cell of a column is fitted, so that no held-out row has a
        missing cell in a column that had none.

        Raises
        ------
        InvalidOption
            Groups beside time, missing cells in them, or a column that is not there.
        InvalidTable
            If all rows are one group, or of one time.
        """
        if beside.groups is not None and beside.time is not None:
            problem = "is given beside time"
            raise InvalidOption("groups", beside.groups, "one of them", None, problem)
        forward = beside.time is not None
        name = beside.time if forward else beside.groups
        if name is None or not count:
            return None
        check_names("time" if forward else "groups", name, cells)
        rule = cls(name, forward, 0, seed=seed)
        own = rule._values(cells)
        firsts = [np.argmax(missing(each)) for each in cells.values() if missing(each).any()]
        spared = () if forward else tuple(sorted({int(own[row]) for row in firsts}))
        ordered = np.sort(own[~np.isin(own, spared)])
        cuts = np.flatnonzero(ordered[1:] > ordered[:-1]) + 1
        if not forward and spared and len(ordered):
            cuts = np.append(cuts, len(ordered))
        if not len(cuts):
            raise InvalidTable(
                f"All {len(own)} rows of the sample have {'one time' if forward else 'one group'}; "
                "expected at least two, one to hold out and one to fit.",
                "time" if forward else "groups",
                None,
            )
        wanted = len(ordered) - count if forward else count
        last = ordered[cuts[np.abs(cuts - wanted).argmin()] - 1]
        limit = str(last) if isinstance(last, np.datetime64) else last.item()
        return cls(name, forward, limit, spared, seed)

    def held(self, cells: Cells) -> np.ndarray:
        """Return which rows (rows,) bool of a batch are held out."""
        own = self._values(cells)
        if not self.forward:
            return (own <= self.limit) & ~np.isin(own, self.spared)
        dated = own.dtype.kind == "M"
        return own > (np.datetime64(self.limit) if dated else self.limit)

    def _values(self, cells: Cells) -> np.ndarray:
        """Times, or keys (rows,) int64 of groups."""
        own = cells[self.column]
        if missing(own).any():
            option = "time" if self.forward else "groups"
            problem = f"has {int(missing(own).sum())} missing cell(s) in a batch"
            raise InvalidOption(option, self.column, "one value for each row", None, problem)
        if self.forward:
            return times_of(own)
        known, places = np.unique(_texts(own), return_inverse=True)
        salt = self.seed.to_bytes(16, "little")[:16]
        keys = [blake2b(t.encode(), digest_size=_BYTES, salt=salt).digest() for t in known.tolist()]
        return np.array([int.from_bytes(key, "little") for key in keys], dtype=np.int64)[places]


def _texts(cells: np.ndarray) -> np.ndarray:
    """Return groups as texts, equal ones for equal numbers."""
    if cells.dtype.kind in "fiub":
        return cells.astype(np.float64).astype(str)
    return np.array([f"{type(cell).__name__} {cell}" for cell in cells.tolist()])
