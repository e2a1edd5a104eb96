"""The eigenvalues that were found, and their distance from a law."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eigcore.dispatch.registry import get_backend, infer
from eigcore.errors import InvalidInput
from eigcore.rmt.inputs import floats
from eigcore.rmt.law import Law

NODES = 1000
"""Places at which a density is integrated."""


def on_numpy(eigenvalues: Any) -> np.ndarray:
    """Return eigenvalues (p,) of any backend on NumPy, ascending."""
    own = infer(eigenvalues)
    given = own.to_numpy(eigenvalues) if hasattr(eigenvalues, "dtype") else eigenvalues
    values = floats(get_backend("numpy"), given)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InvalidInput(
            f"eigenvalues has shape {values.shape}; expected at least two finite numbers (p,). "
            "Type: numpy.linalg.eigvalsh(matrix)"
        )
    return _snapped(values)


def _snapped(values: np.ndarray) -> np.ndarray:
    """Return values ascending, with 0 for those that rounding made of zeros."""
    values = np.sort(values)
    return np.where(np.abs(values) < 1e-12 * np.abs(values).max(), 0.0, values)


def distance(values: Sequence[float] | np.ndarray, law: Law) -> float:
    """Return the largest difference between the empirical distribution function and the law's."""
    values = _snapped(np.asarray(values))
    size = np.abs(values).max()
    below, left = (_below(law, at) for at in (values, values - 1e-9 * size))
    p = len(values)
    upper = np.searchsorted(values, values + 1e-9 * size, side="right") / p
    lower = np.searchsorted(values, values - 1e-9 * size, side="left") / p
    return float(max(np.max(upper - below), np.max(left - lower), 0.0))


def _below(law: Law, x: np.ndarray) -> np.ndarray:
    """Return the law's distribution function (k,), by the midpoint rule, to 1e-6 or so.

    It needs no square root at the edges, unlike `Law.cdf`.
    """
    total = sum(np.where(x >= float(a), float(mass), 0.0) for a, mass in law.host.atoms()) + 0 * x
    angle = (np.arange(NODES) + 0.5) * np.pi / NODES
    for lo, hi in np.asarray(law.host.support()).tolist():
        place = lo + (hi - lo) * (1 - np.cos(angle)) / 2
        step = np.asarray(law.host.density(place)) * np.sin(angle) * (hi - lo) * np.pi / 2 / NODES
        at = np.arccos(np.clip(1 - 2 * (x - lo) / (hi - lo), -1, 1)) * NODES / np.pi
        total += np.interp(at, np.arange(NODES + 1), np.concatenate([[0.0], np.cumsum(step)]))
    return total
