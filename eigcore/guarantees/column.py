"""What is proven of one column, wherever the others are (math.md, sections 2, 2b and 9)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from eigcore.encoding import Categories, Periodic
from eigcore.errors import InvalidInput
from eigcore.guarantees.changes import change_ends
from eigcore.guarantees.codes import codes_of
from eigcore.guarantees.domain import fitted_range
from eigcore.guarantees.reached import Reached
from eigcore.guarantees.signs import above, cell_terms, definite, ordered, scalar
from eigcore.guarantees.slopes import (
    MemberSlopes,
    category_change,
    column_slopes,
    projections_of,
)
from eigcore.portable.description import Described


@dataclass(frozen=True)
class Missing:
    """Where a missing cell stands beside the known values of a monotone column.

    Parameters
    ----------
    lowest, highest, between : bool
        Proven: the prediction with a missing cell is never above (never below) that with any known
        value; it is never outside what known values give.
    start : number, or a level
        The known value at the end of the range where predictions are lowest.
    low, high : float
        Proven ends of the change of the decision from `start` to a missing cell; infinite where a
        projection with unbounded tails leaves none.
    """

    lowest: bool
    highest: bool
    between: bool
    start: Any
    low: float
    high: float


@dataclass(frozen=True)
class ColumnCertificate:
    """Guarantees for one column while all others are constant, at any values.

    Parameters
    ----------
    name, unit, kind : str
    bound : float
        |change of the decision| ≤ bound · |change of the column|, in units of the target per unit
        of the column; for categories, the largest change from one level to another.
    reached : Reached
        A quotient of that kind, and the two rows; it shows how tight the bound is.
    increasing, decreasing : bool
        Proven: the prediction never falls (never rises) when the column grows; for ordered
        categories, from level to level.
    slack : float
        If one of these is proven: the largest slope of the wrong sign that the matrices allow. It
        is 0.0 for a model made by `fit`, and of the size of rounding for one whose matrices were
        projected onto the semidefinite cone in float64, or are exactly singular without rows of
        zeros (docs/proofs.md).
    convex, concave : bool
        Proven: the decision is convex (concave) in this column.
    additive : bool
        Proven: the decision is a function of this column plus one of the others: no interaction.
    missing : Missing or None
        Where a missing cell stands, if the column is increasing or decreasing and can be missing.
    codes : tuple
        Special codes of the column: they are kinds of missing cells, of which nothing is said here.
    """

    name: str
    unit: str
    kind: str
    bound: float
    reached: Reached
    increasing: bool
    decreasing: bool
    slack: float
    convex: bool
    concave: bool
    additive: bool
    missing: Missing | None = None
    codes: tuple[Any, ...] = ()


def column_of(
    model: Described, members: list[MemberSlopes], j: int, found: Reached
) -> ColumnCertificate:
    """Return what is proven of column j; `found` is what two rows reach."""
    encoding = model.encoding
    column, name, unit = encoding.columns[j], encoding.names[j], encoding.units[j]
    through = [(j, 1.0), *projections_of(encoding, j)]
    additive = len(through) == 1 and scalar(members, encoding.slices[j])
    if isinstance(column, Categories):
        bound = category_change(encoding, members, j)
        up, down = (_steps(model, members, j, sign) for sign in (1, -1))
        place = _missing(model, members, j, up) if column.missing and (up or down) else None
        proven = (up, down, 0.0, False, False, additive, place)
        return ColumnCertificate(name, unit, column.kind, bound, found, *proven)
    bound = column_slopes(encoding, members, j)
    up, slack_up = _one_way(members, through, +1)
    down, slack_down = _one_way(members, through, -1)
    if model.static.link == "softmax" and up != down:
        # the probability of a class depends on all scores: if all rise, it may still fall
        up = down = False
    slack = slack_up if up else slack_down if down else 0.0
    period = isinstance(column, Periodic)
    affine = all(encoding.parts[p].affine for p, _ in through)
    convex, concave = (
        all((getattr(m.shape, what) or additive) and (affine or m.shape.monotone) for m in members)
        and (affine or all(ordered(members, p, sign, period) for p, _ in through))
        for what, sign in (("convex", +1), ("concave", -1))
    )
    place = _missing(model, members, j, up, slack) if column.missing and (up or down) else None
    codes = codes_of(encoding, name)[1]
    proven = (up, down, slack, convex, concave, additive, place, codes)
    return ColumnCertificate(name, unit, column.kind, bound, found, *proven)


def _one_way(
    members: list[MemberSlopes], through: list[tuple[int, float]], sign: int
) -> tuple[bool, float]:
    """Whether a column is monotone through all its parts; return also the sum of their slack."""
    each = [definite(members, p, sign if w > 0 else -sign) for p, w in through]
    slack = sum(abs(w) * found for (_, found), (_, w) in zip(each, through, strict=True))
    return all(proven for proven, _ in each), slack


def _steps(model: Described, members: list[MemberSlopes], j: int, sign: int) -> bool:
    """Whether sign · (A_{i+1} − A_i) ⪰ 0 for all neighbouring levels i of ordered categories."""
    column: Any = model.encoding.columns[j]
    able = column.ordered and model.static.link != "softmax"
    if not able or not all(m.shape.monotone for m in members):
        return False
    levels = [cell_terms(members, j, float(place)) for place in range(len(column.levels))]
    pairs = pairwise(levels[::sign])
    return all(above(members, later, sooner) for sooner, later in pairs)


def _missing(
    model: Described, members: list[MemberSlopes], j: int, up: bool, slack: float = 0.0
) -> Missing:
    """Return where a missing cell stands beside the known values of column j."""
    encoding = model.encoding
    column: Any = encoding.columns[j]
    if isinstance(column, Categories):
        values, ends = (column.levels[0], column.levels[-1]), (0.0, len(column.levels) - 1.0)
    else:
        values = ends = fitted_range(column) or (column.center, column.center)
    way = 1 if up else -1
    (start, _), (least, most) = values[::way], ends[::way]
    try:
        moved = change_ends(model, encoding.names[j], start, None)
        low, high = float(np.min(moved[0])), float(np.max(moved[1]))
    except InvalidInput:  # through a projection that goes on without end
        low, high = -np.inf, np.inf
    # the ends must be extreme: no slack, and beyond them constant, so end slopes are zero
    slopes = [m.slopes[j] for m in members if column.numeric]
    bounded = not slack and not any(S[[0, -1]].any() for S in slopes)
    bounded = bounded and not projections_of(encoding, j)
    below = over = lowest = highest = False
    if bounded:
        first, last, gone = (cell_terms(members, j, cell) for cell in (least, most, None))
        over, below = above(members, gone, first), above(members, last, gone)
        lowest, highest = above(members, first, gone), above(members, gone, last)
    return Missing(lowest, highest, over and below, start, low, high)
