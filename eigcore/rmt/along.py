"""Solutions along a grid: few places first, and the others from splines through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from eigcore.errors import NotConverged

FIRST, FACTOR = 12, 2
"""Places that are solved without an initial value, and the refinement from level to level."""


Cold = Callable[[np.ndarray], np.ndarray]
Warm = Callable[[np.ndarray, np.ndarray], np.ndarray]


def along_intervals(x: np.ndarray, intervals: Any, cold: Cold, warm: Warm) -> np.ndarray:
    """Return the unknowns (k, ...) at real places x (k,).

    Parameters
    ----------
    x : (k,) array
        Places in the intervals, in any order.
    intervals : (j, 2) array or None
        Inside each the unknowns are smooth in the angle, which has square roots at the ends; by
        default one around all places.
    cold : callable
        ``cold(i)`` solves at the places of indices i.
    warm : callable
        ``warm(i, start)`` does so from nearby unknowns, or raises NotConverged.
    """
    places, first, back = np.unique(x, return_index=True, return_inverse=True)
    if not len(places):
        return cold(first)
    ends = np.array([[-np.inf, np.inf]]) if intervals is None else intervals
    nearest = np.searchsorted(0.5 * (ends[:-1, 1] + ends[1:, 0]), places)
    found = []
    for j, (lo, hi) in enumerate(
        np.where(np.isinf(ends), np.clip(ends, places[0], places[-1]), ends)
    ):
        own = nearest == j
        angle = np.arccos(np.clip((lo + hi - 2.0 * places[own]) / max(hi - lo, 1e-300), -1, 1))
        if own.any():
            found.append(_along(angle, first[own], cold, warm))
    return np.concatenate(found)[back]


def _along(x: np.ndarray, index: np.ndarray, cold: Cold, warm: Warm) -> np.ndarray:
    step = 1
    while len(x) // step > FACTOR * FIRST:
        step *= FACTOR
    known = np.unique(np.append(np.arange(0, len(x), step), len(x) - 1))
    found = cold(index[known])
    while step > 1:
        step //= FACTOR
        new = np.setdiff1d(np.arange(0, len(x), step), known)
        try:
            own = warm(index[new], CubicSpline(x[known], found)(x[new]))
        except (NotConverged, ValueError):
            own = cold(index[new])
        order = np.argsort(np.concatenate((known, new)))
        known = np.concatenate((known, new))[order]
        found = np.concatenate((found, own))[order]
    return found
