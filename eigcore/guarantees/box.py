"""Local certificates: guarantees inside a box around a row (math.md, section 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.encoding import LARGEST
from eigcore.errors import InvalidInput
from eigcore.guarantees.interval import Ends, decision_interval
from eigcore.guarantees.slopes import EPS
from eigcore.portable.description import Described
from eigcore.portable.predict import link_inverse

Settled = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Ends of the decision, (rows,) or (rows, outputs) each -> (rows,) or (rows, outputs) bool."""
DOUBLINGS, BISECTIONS = 20, 20
"""Largest number of steps in the search for the largest box."""


@dataclass(frozen=True)
class LocalCertificate:
    """Guarantees inside a box around each row.

    Parameters
    ----------
    radius : dict
        Column name -> radius of the box, in units of the column.
    lower, upper : (rows,) or (rows, outputs) float64
        The interval of the prediction, in units of the target.
    decision_lower, decision_upper : (rows,) or (rows, outputs) float64
        The interval of the decision, before the link.
    threshold : float or None
        In units of the prediction.
    decided : (rows,) or (rows, outputs) bool, or None
        Proven: inside the box the prediction stays on one side of the threshold; with the link
        "softmax", the most probable class stays the same.
    scale : (rows,) float64, or None
        The largest multiple of the box for which `decided` was proven, 0 if there is none.
    """

    radius: dict[str, float]
    lower: np.ndarray
    upper: np.ndarray
    decision_lower: np.ndarray
    decision_upper: np.ndarray
    threshold: float | None = None
    decided: np.ndarray | None = None
    scale: np.ndarray | None = None


def local(
    model: Described, x: Any, radii: np.ndarray, threshold: float | None = None
) -> LocalCertificate:
    """Certify boxes around rows.

    Parameters
    ----------
    model : SpectralModel
    x : table or (columns,) array
        See `Encoding.table`.
    radii : (columns,) float64
        Radii, in units of the columns.
    threshold : float, optional
        As for `eigcore.guarantees.certificate.certify`.

    Raises
    ------
    InvalidInput
        If the prediction can never take the value `threshold`.
    """
    table = np.atleast_2d(model.encoding.table(x))
    table = table.reshape(-1, table.shape[-1])
    if (far := np.abs(np.nan_to_num(table)).max(0, initial=0.0) > LARGEST).any():
        name = model.encoding.names[int(np.argmax(far))]
        raise InvalidInput(
            f"Column {name!r} of x holds a number beyond {LARGEST:g}; expected smaller ones, whose "
            "boxes can be certified. Leave those rows out."
        )
    low, high = (_squeeze(a) for a in decision_interval(model, table, _spread(radii, table)))
    link = model.static.link
    lower, upper = _through_link(link, low, high)
    if threshold is None and link == "logistic":
        threshold = 0.5
    settled = _settled(link, threshold)
    decided = scale = None
    if settled is not None:
        decided = settled(low, high)
        if decided.ndim == 1:
            scale = certified_scale(model, table, radii, settled)
    named = dict(zip(model.encoding.names, radii.tolist(), strict=True))
    return LocalCertificate(named, lower, upper, low, high, threshold, decided, scale)


def _settled(link: str, threshold: float | None) -> Settled | None:
    """Return the test, on the ends of the decision, that the answer cannot change; or None."""
    if link == "softmax":
        if threshold is not None:
            raise InvalidInput(
                f"threshold is {threshold}, but the link is 'softmax'. Expected none: there, "
                '"decided" means that the most probable class stays the same. Write '
                "model.certify(x=..., radius=...)."
            )
        return _same_class
    if threshold is None:
        return None
    level = _to_decision(link, threshold)
    return lambda low, high: (low > level) | (high < level)


def _same_class(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether the lowest score of one class exceeds the highest of all others: (rows,) bool."""
    top = low.argmax(-1)[:, None]
    others = high.copy()
    np.put_along_axis(others, top, -np.inf, axis=-1)
    return np.take_along_axis(low, top, axis=-1)[:, 0] > others.max(-1)


def certified_scale(
    model: Described, table: np.ndarray, radii: np.ndarray, settled: Settled
) -> np.ndarray:
    """Return the multiple of the box inside which the answer provably stays `settled`: (rows,).

    It is found by bisection. The multiple returned was itself proven; it is at most 1 % below the
    largest multiple that can be proven.
    """

    def safe(scale: np.ndarray) -> np.ndarray:
        radius = _spread(radii, table) * scale[:, None]
        return settled(*(_squeeze(a) for a in decision_interval(model, table, radius)))

    good, bad = np.zeros(len(table)), np.ones(len(table))
    for _ in range(DOUBLINGS):
        grows = safe(bad) & (bad > good)
        good, bad = np.where(grows, bad, good), np.where(grows, 2 * bad, bad)
        if not grows.any():
            break
    for _ in range(BISECTIONS):
        middle = np.where(good > 0, (good + bad) / 2, bad / 16)
        proven = safe(middle)
        good, bad = np.where(proven, middle, good), np.where(proven, bad, middle)
        if ((bad <= 1.01 * good) | (bad < 1e-12)).all():
            break
    return good


def _spread(radii: np.ndarray, table: np.ndarray) -> np.ndarray:
    return np.broadcast_to(radii, table.shape)


def _squeeze(values: np.ndarray) -> np.ndarray:
    return values[:, 0] if values.shape[1] == 1 else values


def _through_link(link: str, low: np.ndarray, high: np.ndarray) -> Ends:
    """Return the ends of the prediction for those of the decision."""
    if link == "identity":
        return low, high
    numpy = get_backend("numpy")
    if link == "softmax":
        # p_c falls in every other score: it is smallest at its own lowest and the others' highest
        lower, upper = np.empty_like(low), np.empty_like(high)
        for c in range(low.shape[-1]):
            own = np.arange(low.shape[-1]) == c
            lower[:, c] = link_inverse(link, np.where(own, low, high), numpy)[:, c]
            upper[:, c] = link_inverse(link, np.where(own, high, low), numpy)[:, c]
    else:
        with np.errstate(over="ignore"):
            lower, upper = (link_inverse(link, side, numpy) for side in (low, high))
    slip = 8 * EPS * (1 if link != "softmax" else low.shape[-1])
    lower, upper = lower * (1 - slip), upper * (1 + slip)
    return lower, upper if link == "log" else np.minimum(upper, 1.0)


def _to_decision(link: str, threshold: float) -> float:
    legal = {"identity": True, "log": threshold > 0, "logistic": 0 < threshold < 1}[link]
    if not legal:
        raise InvalidInput(
            f"threshold is {threshold}, but the link is {link!r}. Expected a value that the "
            'prediction can take: between 0 and 1 for "logistic", positive for "log". Write '
            "threshold=0.5, for example."
        )
    if link == "log":
        return float(np.log(threshold))
    return float(np.log(threshold / (1 - threshold))) if link == "logistic" else float(threshold)
