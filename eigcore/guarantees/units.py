"""From bounds of the decision to bounds of the prediction, rounded outward (math.md, section 5).

|Δdecision| ≤ δ gives |Δp| ≤ tanh(δ/4) for the link "logistic", since σ(z + δ/2) − σ(z − δ/2) is
largest at z = 0; a ratio ≤ e^δ for "log". With "softmax" the log-odds of a class change by at most
the change of its own score minus the least change of another one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.guarantees.slopes import EPS
from eigcore.portable.description import ModelStatic
from eigcore.portable.predict import link_inverse

Ends = tuple[np.ndarray, np.ndarray]
"""Lower and upper ends."""


def floats(value: Any) -> np.ndarray:
    """Return numbers as float64; NaN for what holds none, so that checks of ranges refuse it."""
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array(np.nan)


def prediction_ends(link: str, low: np.ndarray, high: np.ndarray) -> Ends:
    """Return ends of the prediction for ends of the decision, (...) or (..., classes) each."""
    if link == "identity":
        return low, high
    numpy, slip = get_backend("numpy"), np.full(low.shape, 8 * EPS)
    with np.errstate(over="ignore", under="ignore"):
        if link == "softmax":
            # p_c falls in every other score: smallest at its own lowest and the others' highest
            lower, upper = np.empty_like(low), np.empty_like(high)
            for c in range(low.shape[-1]):
                own = np.arange(low.shape[-1]) == c
                lower[..., c] = link_inverse(link, np.where(own, low, high), numpy)[..., c]
                upper[..., c] = link_inverse(link, np.where(own, high, low), numpy)[..., c]
            spread = high.max(-1, keepdims=True) - low.min(-1, keepdims=True)
            slip = slip * (low.shape[-1] + np.minimum(spread, 800.0))
        else:
            lower, upper = (link_inverse(link, side, numpy) for side in (low, high))
        lower, upper = outward(lower * (1 - slip), upper * (1 + slip))
    lower = np.maximum(lower, 0.0)
    return lower, upper if link == "log" else np.minimum(upper, 1.0)


def clipped_ends(static: ModelStatic, low: np.ndarray, high: np.ndarray) -> Ends:
    """Return ends of the prediction of a model, between the ends of its `clip`."""
    lower, upper = prediction_ends(static.link, low, high)
    if static.clip is None:
        return lower, upper
    return np.clip(lower, *static.ends), np.clip(upper, *static.ends)


def prediction_change(link: str, low: np.ndarray, high: np.ndarray) -> Ends:
    """Return ends of the prediction's change, a ratio for "log", for ends of the decision's change.

    Parameters
    ----------
    link : {"identity", "logistic", "log", "softmax"}
    low, high : (...) float64, or (..., classes) for "softmax"
    """
    if link == "identity":
        return low, high
    if link == "log":
        return prediction_ends(link, low, high)
    if link == "softmax":
        least, largest = _others(low, high)
        low, high = low - largest, high - least
    ends = np.tanh(np.minimum(low, 0.0) / 4), np.tanh(np.maximum(high, 0.0) / 4)
    lower, upper = outward(*(end * (1 + 8 * EPS) for end in ends))
    lower, upper = np.where(low >= 0, 0.0, lower), np.where(high <= 0, 0.0, upper)
    return np.maximum(lower, -1.0), np.minimum(upper, 1.0)


def _others(low: np.ndarray, high: np.ndarray) -> Ends:
    """Return the least `low` and the largest `high` among the other classes: (..., classes)."""
    classes = low.shape[-1]
    others = ~np.eye(classes, dtype=bool)
    least = np.where(others, low[..., None, :], np.inf).min(-1)
    return least, np.where(others, high[..., None, :], -np.inf).max(-1)


def outward(low: np.ndarray, high: np.ndarray) -> Ends:
    """Return the next float64 below `low` and above `high`; infinite ends become finite inside."""
    largest = np.finfo(np.float64).max
    return np.nextafter(np.minimum(low, largest), -np.inf), np.nextafter(high, np.inf)
