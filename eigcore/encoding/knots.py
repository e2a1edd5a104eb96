"""Knots at quantiles, and whether a column varies at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.errors import InvalidInput

CLOSE = 64 * float(np.finfo(np.float64).eps)
"""Knots closer than this, relative to their size, become one knot."""


LARGEST = 1e75
"""Squares of the ratio of two numbers between 1 / LARGEST and LARGEST are floats."""


def is_constant(values: np.ndarray) -> bool:
    """Whether numbers (rows,) differ by rounding alone: max x − min x ≤ CLOSE · max |x|.

    True as well without any number. The numbers are finite.
    """
    if not len(values):
        return True
    low, high = float(np.min(values)), float(np.max(values))
    return high - low <= CLOSE * max(abs(low), abs(high))


def quantile_knots(values: Any, count: int) -> tuple[float, ...]:
    """Return knots at the quantiles of a column, from its smallest to its largest value.

    A value so frequent that it fills several quantiles becomes one knot; the knots saved go to
    quantiles of the other values. With at most `count` distinct values, there is a knot at each.

    Parameters
    ----------
    values : (rows,) numbers
        Cells of the column; missing cells (NaN) are left out.
    count : int
        Number of knots, at least 2; there are B pieces between B + 1 knots.

    Returns
    -------
    tuple of float
        At least 2 and at most `count` strictly increasing numbers.

    Raises
    ------
    InvalidInput
        If the finite values are constant (`is_constant`), or count < 2.
    """
    if count < 2:
        raise InvalidInput(f"count is {count}. Expected at least two knots. Write count=2 or more.")
    values = np.asarray(values, dtype=np.float64).ravel()
    values = np.sort(values[np.isfinite(values)])
    distinct = _apart(np.unique(values))
    if len(distinct) < 2:
        raise InvalidInput(
            f"The column is constant up to rounding ({values[:1].tolist()} in {len(values)} finite "
            "cells). Expected at least two different values, with a knot at each. Leave it out."
        )
    if len(distinct) <= count:
        return tuple(distinct.tolist())
    knots = _apart(np.quantile(values, np.linspace(0.0, 1.0, count), method="inverted_cdf"))
    while len(knots) < count:
        rest = values[~np.isin(values, knots)]
        if not len(rest):
            break
        spare = count - len(knots)
        extra = np.quantile(rest, (np.arange(spare) + 0.5) / spare, method="inverted_cdf")
        more = _apart(np.union1d(knots, extra))
        if len(more) <= len(knots):
            break
        knots = more
    return tuple(knots.tolist())


def _apart(knots: np.ndarray) -> np.ndarray:
    """Drop knots that float64 can barely distinguish from the one before."""
    knots = np.unique(knots)
    size = np.abs(knots)
    if (np.diff(knots) > CLOSE * np.maximum(size[1:], size[:-1])).all():
        return knots
    kept: list[float] = []
    for knot in knots.tolist():
        if not kept or knot - kept[-1] > CLOSE * max(abs(knot), abs(kept[-1])):
            kept.append(knot)
    return np.array(kept)
