"""The weights of rows: one number for each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eigcore.encoding.cells import unmasked
from eigcore.errors import InvalidOption


def read_weights(weights: Any, rows: int) -> tuple[np.ndarray, float]:
    """Return weights (rows,) and their unit; raise InvalidOption for what cannot be weights."""
    try:
        array = np.asarray(unmasked(weights), dtype=np.float64)
    except (TypeError, ValueError) as exc:
        raise _bad_weights(weights, rows, f"are not numbers ({exc})") from exc
    if array.shape != (rows,):
        raise _bad_weights(weights, rows, f"have the shape {array.shape}")
    if not (np.isfinite(array) & (array >= 0.0)).all() or not array.any():
        found = "missing or infinite ones" if not np.isfinite(array).all() else f"{array.min():.6g}"
        raise _bad_weights(weights, rows, f"hold {found}" if array.any() else "are all 0")
    # by a power of two, which changes no digit of a mean: sums of any weights are finite
    power = int(np.frexp(array.max())[1]) - 1
    return np.ldexp(array, -power), math.ldexp(1.0, power)


def _bad_weights(weights: Any, rows: int, problem: str) -> InvalidOption:
    expected = f"one finite number of at least 0 for each of the {rows} rows, not all of them 0"
    return InvalidOption("weights", weights, expected, None, problem)
