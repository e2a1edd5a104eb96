"""How far the decision can move along a column, from one value of it."""

from __future__ import annotations

import numpy as np

from eigcore.encoding import Categories
from eigcore.guarantees.changes import change_ends
from eigcore.guarantees.curve import Curve
from eigcore.guarantees.slopes import EPS
from eigcore.portable.description import Described


def reach(
    model: Described, found: Curve, start: int, output: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return certified ends of the change of the decision from one point of a curve to each.

    Parameters
    ----------
    model : SpectralModel
    found : Curve
        Of a column of the model.
    start : int
        The point where the change begins.
    output : int

    Returns
    -------
    low, high : (points,) float64
        They hold for the mean over the rows of the curve, and for all rows if the column is in no
        projection.
        Slopes between neighbouring points add up; from level to level the change is bounded at
        once (`eigcore.guarantees.changes.change_ends`). Rounding included.
    """
    j = model.encoding.names.index(found.column)
    if isinstance(model.encoding.columns[j], Categories):
        return _levels(model, found, start, output)
    steps = np.diff(np.array(found.grid))
    low, high = (
        (end if end.ndim == 1 else end[:, output]) * steps for end in (found.low, found.high)
    )
    slip = 4 * len(found.grid) * EPS * np.maximum(np.abs(low), np.abs(high))
    low, high = low - slip, high + slip
    below, above = (
        np.concatenate([-np.cumsum(back[:start][::-1])[::-1], [0.0], np.cumsum(on[start:])])
        for back, on in ((high, low), (low, high))
    )
    return below, above


def _levels(
    model: Described, found: Curve, start: int, output: int
) -> tuple[np.ndarray, np.ndarray]:
    ends = np.zeros((2, len(found.grid)))
    for place, level in enumerate(found.grid):
        if place != start:
            own = change_ends(model, found.column, found.grid[start], level)
            ends[:, place] = [end[output] for end in own]
    return ends[0], ends[1]
