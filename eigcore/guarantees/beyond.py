"""What a model does outside the fitted range, and whether something said of it holds there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eigcore.encoding import Encoding
from eigcore.guarantees.domain import Axis
from eigcore.guarantees.text import above, below, exactly
from eigcore.portable.description import Described

Interval = tuple[float, float]
_LOST = 1e-3
"""Part of an interval that rounding inward may cost."""
_SOME = 5
"""Largest number of columns to name."""
_WORDS = (("not", False), ("also", True))
"""Which side of the fitted range a statement is about: not outside, or also there."""


@dataclass(frozen=True)
class Beyond:
    """What a model does outside the fitted range of a column, and where a statement holds.

    Parameters
    ----------
    column, unit : str
    fitted : (float, float)
        The fitted range, in units of the column.
    goes_on : bool
        Whether the model goes on outside; otherwise it stays constant.
    holds : (float, float) or None
        The statement is about numbers between these; None: about all numbers.
    """

    column: str
    unit: str
    fitted: Interval
    goes_on: bool = True
    holds: Interval | None = None

    @property
    def where(self) -> str:
        """The column and its fitted range in words, rounded inward."""
        low, high = above(self.fitted[0]), below(self.fitted[1])
        if float(high) - float(low) < (1.0 - _LOST) * (self.fitted[1] - self.fitted[0]):
            low, high = map(exactly, self.fitted)
        return f"{self.column} ({low} to {high}{f' {self.unit}' * bool(self.unit)})"

    @property
    def covered(self) -> bool:
        """Whether the statement is about numbers outside the fitted range too."""
        return self.holds is None or not _inside(self.holds, self.fitted)


def told(columns: Sequence[Beyond]) -> list[str]:
    """Return where a statement holds, in lines; none if no column goes on."""
    sides = {word: [each for each in columns if each.covered == far] for word, far in _WORDS}
    return [
        f"{word} outside the fitted range of {listed(some)}: the model goes on there"
        for word, some in sides.items()
        if some
    ]


def listed(columns: Sequence[Beyond]) -> str:
    """Name columns and their fitted ranges, at most five."""
    more = f" and {len(columns) - _SOME} more" * (len(columns) > _SOME)
    return ", ".join(each.where for each in columns[:_SOME]) + more


def everywhere(encoding: Encoding) -> tuple[Beyond, ...]:
    """Return the columns that go on, for what holds of all numbers."""
    return tuple(each for each in _ranges(encoding) if each.goes_on)


def within(
    models: Sequence[Described], axes: Sequence[Axis], asked: Collection[str]
) -> tuple[Beyond, ...]:
    """Return the columns that go on, unless the caller's own numbers stay in the fitted range.

    Parameters
    ----------
    models : sequence of SpectralModel
        All with the same names of columns.
    axes : sequence of Axis
        The domain; nothing is said of other columns.
    asked : names of columns
        Those that the caller gave numbers for.
    """
    cuts, found = {axis.name: axis.cuts for axis in axes}, {}
    for own in (each for model in models for each in everywhere(model.encoding)):
        if len(cuts.get(own.column, ())):
            holds = float(cuts[own.column][0]), float(cuts[own.column][-1])
            if own.column not in asked or not _inside(holds, own.fitted):
                found[own.column, own.fitted] = replace(own, holds=holds)
    return tuple(found.values())


def outside(encoding: Encoding, row: np.ndarray) -> tuple[Beyond, ...]:
    """Return the columns whose fitted range a row (columns,) leaves."""
    cells = dict(zip(encoding.names, row.tolist(), strict=True))
    return tuple(
        each
        for each in _ranges(encoding)
        if cells[each.column] < each.fitted[0] or cells[each.column] > each.fitted[1]
    )


def _ranges(encoding: Encoding) -> Iterator[Beyond]:
    for name, unit, column in zip(encoding.names, encoding.units, encoding.columns, strict=True):
        if column.range is not None:
            yield Beyond(name, unit, column.range, column.goes_on)


def _inside(own: Interval, other: Interval) -> bool:
    return other[0] <= own[0] and own[1] <= other[1]
