"""How much work a fit puts into its settings and members: the three presets."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

FEWEST, FEW = 100, 600
"""Information up to which the most folds are fitted, and up to which rows count as few."""


class Effort(NamedTuple):
    """The work of one preset; an option of the fit that is given comes first.

    splits : folds for information up to FEWEST, up to FEW, and above
    averages : neurons that are fitted for each candidate on few rows, and on more
    members : how many neurons the model averages; None: the usual number
    steps : most steps of a member
    orders : whether orders above the usual one are candidates
    refined : whether a penalty on jumps and sums of columns are tried
    """

    splits: tuple[int, int, int]
    averages: tuple[int, int]
    members: int | None
    steps: int
    orders: bool
    refined: bool

    def folds(self, information: float) -> int:
        """Number of folds; see `eigcore.fit.problem.Problem.information`."""
        return self.splits[bisect_left((FEWEST, FEW), information)]

    def neurons(self, information: float) -> int:
        """Number of neurons whose average is validated, where a kernel makes them cheap."""
        return self.averages[information > FEW]


EFFORTS = {
    "quick": Effort((5, 3, 3), (1, 1), 4, 60, orders=False, refined=False),
    "default": Effort((10, 5, 3), (1, 3), None, 250, orders=True, refined=True),
    "best": Effort((10, 10, 5), (3, 3), 24, 60, orders=True, refined=True),
}
"""Presets by name."""
