"""Which rows belong together: what may be hidden from a fit while other rows are fitted.

Hidden rows choose settings, end descents early, and are reported on. Their errors are those of new
rows only if no row of the fit belongs to them: a split at random assumes that each row stands for
itself. Whole groups, or the newest rows, are hidden instead if the caller says so, or rows
that a splitter of scikit-learn hides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eigcore.encoding.cells import cells_of, missing
from eigcore.errors import InvalidOption, InvalidTable
from eigcore.fit.data.beside import Beside

_KNOWN, _HIDDEN = 1, 2
_NEARLY = 0.8
"""Pairs with at least this part of the most rows to fit take turns in early stopping."""
Split = tuple[np.ndarray, np.ndarray]
"""Numbers of the rows to fit, and of the hidden rows."""


@dataclass(frozen=True, eq=False)
class Together:
    """The groups of some rows: a group is fitted, or hidden, as a whole.

    What has the same time is a group as well.

    rows : how many there are
    groups : (rows,) int, number of the group of each row; None: every row stands for itself
    forward : groups are in the order of time; only older ones are fitted beside hidden ones
    roles : (rows, pairs) int8, what each pair of a splitter does with a row: 1 fits, 2 hides it
    """

    rows: int
    groups: np.ndarray | None = None
    forward: bool = False
    roles: np.ndarray | None = None

    @classmethod
    def of(cls, beside: Beside, target: np.ndarray, keep: np.ndarray) -> Together:
        """Read groups, time and cv of all rows, and return what they say of those to keep.

        Parameters
        ----------
        target : (rows,) cells of the target, for splitters
        keep : (rows,) bool

        Raises
        ------
        InvalidOption
            Values that cannot be used, or time beside another of the three.
        """
        forward = beside.time is not None
        for other in ("groups", "cv"):
            if forward and getattr(beside, other) is not None:
                raise InvalidOption(other, None, "one of them", None, "is given beside time")
        groups = None
        if forward:
            groups = _codes("time", times_of(beside.time), len(keep))[keep]
        elif beside.groups is not None:
            groups = _codes("groups", cells_of(beside.groups), len(keep))[keep]
        if beside.cv is None:
            return cls(int(keep.sum()), groups, forward)
        roles = _roles(beside.cv, target, groups, keep)
        return cls(len(roles), np.arange(len(roles)) if groups is None else groups, False, roles)

    @property
    def option(self) -> str:
        """Option that says which rows belong together."""
        return "time" if self.forward else "groups" if self.roles is None else "cv"

    @property
    def count(self) -> int:
        """Number of groups; without groups, of rows."""
        return self.rows if self.clusters is None else len(np.unique(self.clusters))

    @property
    def clusters(self) -> np.ndarray | None:
        """Number (rows,) of the group of each row; None: errors of all rows are independent."""
        return None if self.forward else self.groups

    def part(self, rows: np.ndarray | slice) -> Together:
        """Return what is said of some of the rows."""
        count = len(np.arange(self.rows)[rows])
        groups, roles = (None if each is None else each[rows] for each in (self.groups, self.roles))
        return Together(count, groups, self.forward, roles)

    def apart(self, count: int, rng: np.random.Generator, number: int | None = None) -> Split:
        """Split off about ``count`` rows: random ones, random groups, or the newest ones.

        With a splitter these are the rows that its last pair hides; or, for member ``number``,
        those of a pair that fits many rows, by turns.

        Raises
        ------
        InvalidTable
            If all rows are one group, or no pair is left.
        """
        if self.roles is not None:
            pairs = self.pairs()
            most = max(len(known) for known, _ in pairs)
            large = [pair for pair in pairs if len(pair[0]) >= _NEARLY * most]
            return pairs[-1] if number is None else large[number % len(large)]
        listed, places = self._listed(rng, newest=True)
        cut = self._cuts(places, [count])[0]
        return np.sort(listed[cut:]), np.sort(listed[:cut])

    def rest(self) -> Together:
        """Return what is left after the last pair of a splitter was used."""
        return self if self.roles is None else replace(self, roles=self.roles[:, :-1])

    def once(self, rows: int, rng: np.random.Generator, strata: np.ndarray | None = None) -> Split:
        """Split at most so many rows: fit three quarters of them, and hide the others.

        strata : see `folds`
        """
        if self.roles is not None:
            return self.pairs()[-1]
        if self.forward:
            some = np.sort(rng.permutation(self.rows)[:rows])
            listed, places = self.part(some)._listed(rng)
            listed = some[listed]
        else:
            listed, places = (each[:rows] for each in self._listed(rng, strata=strata))
        cut = self._cuts(places, [len(listed) * 3 // 4])[0]
        return listed[:cut], listed[cut:]

    def folds(
        self, count: int, rng: np.random.Generator, strata: np.ndarray | None = None
    ) -> list[Split]:
        """Split the rows about ``count`` times: each is hidden once, or each of the newer half.

        strata : (rows,) int, kinds of rows of which each fold has nearly the same part; not by time
        """
        if self.roles is not None:
            return self.pairs()
        listed, places = self._listed(rng, strata=strata)
        begin = len(listed) // 2 if self.forward else 0
        sizes = [len(part) for part in np.array_split(listed[begin:], count)]
        parts = np.split(listed, self._cuts(places, begin + np.cumsum([0, *sizes[:-1]])))
        return [
            (np.concatenate(parts[:place] + parts[place + 1 :] * (not self.forward)), parts[place])
            for place in range(self.forward, len(parts))
        ]

    def _listed(
        self, rng: np.random.Generator, newest: bool = False, strata: np.ndarray | None = None
    ) -> Split:
        """Rows (rows,), group by group, at random or by time; and the place of each group."""
        if self.groups is None:
            return _mixed(rng, self.rows, strata), np.arange(self.rows)
        found, codes = np.unique(self.groups, return_inverse=True)
        places = codes if self.forward else rng.permutation(len(found))[codes]
        if strata is not None and not self.forward:
            # groups with about as many events are of one kind
            kinds = np.log2(1.0 + np.bincount(codes, strata)).astype(np.int64)
            places = np.argsort(_mixed(rng, len(found), kinds))[codes]
        places = -places if newest and self.forward else places
        listed = np.argsort(places, kind="stable")
        return listed, places[listed]

    def _cuts(self, places: np.ndarray, wanted: Iterable[int]) -> list[int]:
        """Return where to cut rows of groups: between two groups, near each place wanted inside."""
        between = np.flatnonzero(np.diff(places)) + 1
        if not len(between):
            words = "the same time" if self.forward else "the same group"
            raise InvalidTable(
                f"All {len(places)} rows that are left to split have {words}; expected at least "
                "two, one to hide and one to fit, beside those held out.",
                self.option,
                None,
            )
        inside = [place for place in wanted if 0 < place < len(places)]
        return sorted({int(between[np.abs(between - place).argmin()]) for place in inside})

    def pairs(self) -> list[Split]:
        """Pairs of a splitter in these rows; raise InvalidTable if there is none."""
        assert self.roles is not None
        split = [
            (np.flatnonzero(own == _KNOWN), np.flatnonzero(own == _HIDDEN)) for own in self.roles.T
        ]
        found = [pair for pair in split if all(map(len, pair))]
        if not found:
            raise InvalidTable(
                "No pair of cv is left to choose settings by: the report and a calibration take "
                "one each, the last ones; expected one more.",
                "validation",
                0.0,
                "to hold no rows out",
            )
        return found


def _mixed(rng: np.random.Generator, count: int, strata: np.ndarray | None) -> np.ndarray:
    """Random order (count,) of which every section has nearly the same part of each stratum."""
    mixed = rng.permutation(count)
    if strata is None:
        return mixed
    place = np.empty(count)
    for each in np.unique(strata):
        own = mixed[strata[mixed] == each]
        place[own] = (np.arange(len(own)) + rng.random()) / len(own)
    return mixed[np.argsort(place[mixed], kind="stable")]


def _codes(option: str, cells: np.ndarray, rows: int) -> np.ndarray:
    """Number the distinct cells (rows,), in their order."""
    problem = None
    if cells.shape != (rows,):
        problem = f"has the shape {cells.shape}"
    elif missing(cells).any():
        problem = f"has {int(missing(cells).sum())} missing cell(s)"
    if problem:
        raise InvalidOption(option, cells, f"one value for each of the {rows} rows", None, problem)
    if cells.dtype.kind == "O":
        cells = np.array([f"{type(cell).__name__} {cell}" for cell in cells.tolist()])
    return np.unique(cells, return_inverse=True)[1]


def times_of(given: Any) -> np.ndarray:
    """Return numbers, or dates that also text may hold, as values that sort by time."""
    cells = cells_of(given)
    if cells.dtype.kind != "O":
        return cells
    try:
        return np.array(cells, dtype="datetime64[us]")
    except (TypeError, ValueError) as exc:
        expected = "numbers, dates, or text such as 2026-01-31"
        raise InvalidOption("time", given, expected, None, f"cannot be sorted ({exc})") from exc


def _roles(cv: Any, target: np.ndarray, groups: np.ndarray | None, keep: np.ndarray) -> np.ndarray:
    """Return the roles (kept rows, pairs) of a splitter of kept rows, or of pairs of all rows."""
    splits = hasattr(cv, "split")
    rows = int(keep.sum()) if splits else len(keep)
    problem = "is neither a splitter nor pairs"
    try:
        pairs = list(cv.split(np.zeros((rows, 1)), target[keep], groups) if splits else cv)
        roles = np.zeros((rows, len(pairs)), dtype=np.int8)
        for own, pair in zip(roles.T, pairs, strict=True):
            for role, chosen in zip((_KNOWN, _HIDDEN), pair, strict=True):
                own[np.asarray(chosen)] = role
    except (IndexError, TypeError, ValueError) as exc:
        roles, problem = np.zeros((rows, 0)), f"cannot split the {rows} rows ({exc})"
    if not (roles == _KNOWN).any(0).all() or not (roles == _HIDDEN).any(0).all():
        problem = "has a pair without rows to fit, or to hide"
    elif roles.size:
        return roles if splits else roles[keep]
    expected = (
        "a splitter of scikit-learn, such as KFold(5), with groups= if it splits by groups; or "
        "pairs of row numbers: those to fit, those to hide"
    )
    raise InvalidOption("cv", cv, expected, None, problem)
