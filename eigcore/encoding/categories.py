"""Columns of categories: one matrix per level, levels of any type (math.md, section 2b)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eigcore.encoding.terms import LEVEL, NAN, Column, Pieces, Term, blank, numbers_of
from eigcore.errors import InvalidSpec

UNSEEN = ("neutral", "refuse")
"""What a level never seen may be; the first is the default."""


@dataclass(frozen=True)
class Categories(Column):
    """One term per level: 1 where the cell is that level; zeros for a level never seen.

    Levels keep their type. The code of a level is its place, 0 … L−1; −1 stands for a level never
    seen.

    Parameters
    ----------
    levels : tuple of str, int, float or bool
        At least one, all different.
    missing : bool
        Whether missing cells have a term of their own; otherwise they are an error.
    unseen : {"neutral", "refuse"}
        Whether a level never seen acts like zero matrices, or is an error.
    ordered : bool
        Whether the order of the levels has a meaning: certificates then ask whether the model
        rises or falls from level to level.
    of : str, optional
        The levels are special codes in the numeric column of this name, where they count as
        missing; other cells are missing here. Default: none.

    Raises
    ------
    InvalidSpec
        If there is no level, a level occurs twice, or unseen has another value.
    """

    levels: tuple[str | int | float, ...]
    missing: bool = False
    unseen: str = "neutral"
    ordered: bool = False
    of: str | None = None
    kind: ClassVar[str] = "categories"
    numeric: ClassVar[bool] = False

    def __post_init__(self) -> None:
        levels = tuple(map(_level, self.levels))
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "missing", bool(self.missing))
        object.__setattr__(self, "ordered", bool(self.ordered))
        if not levels or len(set(levels)) != len(levels):
            raise InvalidSpec(
                f"Categories.levels is {levels}. Expected at least one level, each once. Write "
                'levels=("north", "south"), for example.'
            )
        if self.unseen not in UNSEEN:
            raise InvalidSpec(
                f'Categories.unseen is {self.unseen!r}. Expected "neutral" or "refuse". Write '
                'unseen="neutral" to predict rows with new levels.'
            )

    def numbers(self, dtype: Any = np.float64) -> np.ndarray:
        """Numbers (levels,) of a dtype that stand for the levels; NaN for text."""
        return np.array([_number(level) for level in self.levels], dtype)

    def lost(self, dtype: Any, text: bool = True) -> str | int | float | None:
        """Return a level that numbers of this dtype cannot hold, or tell apart; None if they can.

        text : whether text counts
        """
        numbers = self.numbers(dtype)
        seen: set[float] = set()
        for level, number in zip(self.levels, numbers.tolist(), strict=True):
            if (text or not isinstance(level, str)) and (number != number or number in seen):
                return level
            seen.add(number)
        return None

    def constants(self) -> list[Term]:
        """See `Column.constants`."""
        fill, extra = blank(self.missing)
        levels = [
            Term(form=LEVEL, origin=float(c), low=0.0, high=0.0, fill=fill, number=_number(level))
            for c, level in enumerate(self.levels)
        ]
        return [*levels, *extra]

    def to_dict(self) -> dict[str, Any]:
        """See `Column.to_dict`."""
        found = super().to_dict()
        usual = {"unseen": UNSEEN[0], "ordered": False}  # as in files older than these fields
        return {key: value for key, value in found.items() if usual.get(key, ...) != value}

    def pieces(self, matrices: np.ndarray) -> Pieces:
        """See `Column.pieces`."""
        return Pieces(np.zeros(0), np.asarray(matrices)[:0])


def _level(value: Any) -> str | int | float:
    """Return a level as a plain Python value of its own kind."""
    if isinstance(value, str):
        return str(value)
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, int) else numbers_of((value,), "a level")[0]


def _number(level: str | int | float) -> float:
    """Return the number that a floating array holds for a level; NaN for text and huge ones."""
    try:
        return NAN if isinstance(level, str) or float(level) != level else float(level)
    except OverflowError:
        return NAN
