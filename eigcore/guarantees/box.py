"""Local certificates: guarantees inside a box around a row (math.md, section 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.guarantees.asked import around, ends_of, local_table, sides_of
from eigcore.guarantees.attained import in_boxes
from eigcore.guarantees.interval import decision_interval
from eigcore.guarantees.margins import EndsOf, Settled, proof_of, same_class, squeezed
from eigcore.guarantees.reached import Reached
from eigcore.guarantees.slopes import EPS
from eigcore.guarantees.units import clipped_ends, floats
from eigcore.portable.description import Described

DOUBLINGS, BISECTIONS = 30, 20
"""Largest number of steps in the search for the largest box."""


@dataclass(frozen=True)
class LocalCertificate:
    """Guarantees inside a box around each row.

    Parameters
    ----------
    radius : dict or None
        Column name -> radius of the box, in units of the column; None for boxes with ends.
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
    reached : tuple of (rows) tuples of (outputs) Reached
        How far apart the decisions of two rows in the box are: from the lowest to the highest that
        a search found. It shows how tight the interval of the decision is.
    outputs : tuple
        Class or target of each output; empty if there is one.
    """

    radius: dict[str, float] | None
    lower: np.ndarray
    upper: np.ndarray
    decision_lower: np.ndarray
    decision_upper: np.ndarray
    threshold: float | None = None
    decided: np.ndarray | None = None
    scale: np.ndarray | None = None
    reached: tuple[tuple[Reached, ...], ...] = ()
    outputs: tuple[Any, ...] = ()

    def width(self, row: int) -> np.ndarray:
        """Return the width of the interval of the decision: (outputs,), rounded up."""
        wide = np.atleast_1d(self.decision_upper[row] - self.decision_lower[row])
        return np.nextafter(wide, np.inf)


def local(
    model: Described,
    x: Any,
    radii: np.ndarray | None,
    threshold: float | None = None,
    ends: tuple[Any, Any] = (None, None),
) -> LocalCertificate:
    """Certify boxes around rows.

    Parameters
    ----------
    model : SpectralModel
    x : table or (columns,) array
        See `Encoding.table`.
    radii : (columns,) float64, or None
        Radii, in units of the columns.
    ends : lower and upper ends, without radii; see `eigcore.guarantees.certificate.certify`
    threshold : float, optional
        As for `eigcore.guarantees.certificate.certify`.

    Raises
    ------
    InvalidInput
        If the prediction can never take the value `threshold`, or a row is outside its ends.
    """
    table = local_table(model, x)
    named = None
    if radii is None:
        inside = ends_of(model, table, *ends)
        below, above = sides_of(table, *inside)
    else:
        named = dict(zip(model.encoding.names, radii.tolist(), strict=True))
        below = above = np.broadcast_to(radii, table.shape)
        inside = around(table, below, -1)
    low, high = (squeezed(a) for a in decision_interval(model, table, below, above))
    link = model.static.link
    lower, upper = clipped_ends(model.static, low, high)
    if threshold is None and link == "logistic":
        threshold = 0.5
    settled = settled_by(link, threshold)
    decided = scale = None
    if settled is not None:
        decided = proof_of(model, table, settled)(_ends(table, below, above))
        if decided.ndim == 1:
            scale = certified_scale(model, table, below, above, settled)
    reached = in_boxes(model, table, *inside)
    names = (model.static.classes or model.static.targets) if model.outputs > 1 else ()
    return LocalCertificate(
        named, lower, upper, low, high, threshold, decided, scale, reached, names
    )


def settled_by(link: str, threshold: float | None) -> Settled | None:
    """Return the test, on the ends of the decision, that the answer cannot change; or None."""
    if link == "softmax":
        if threshold is not None:
            raise InvalidInput(
                f"threshold is {threshold}, but the link is 'softmax'. Expected none: there, "
                '"decided" means that the most probable class stays the same. Write '
                "model.certify(x=..., radius=...)."
            )
        return same_class
    if threshold is None:
        return None
    level = to_decision(link, threshold)
    slip = 0.0 if link == "identity" else 8 * EPS * (1 + abs(level))
    return lambda low, high: (low > level + slip) | (high < level - slip)


def certified_scale(
    model: Described, table: np.ndarray, below: np.ndarray, above: np.ndarray, settled: Settled
) -> np.ndarray:
    """Return the multiple of the box inside which the answer provably stays `settled`: (rows,).

    It is found by bisection. The multiple returned was itself proven; it is at most 1 % below the
    largest multiple that can be proven.
    """
    proven = proof_of(model, table, settled)

    def safe(scale: np.ndarray) -> np.ndarray:
        return proven(_ends(table, below * scale[:, None], above * scale[:, None]))

    return largest(safe, len(table), BISECTIONS, close=1.01, least=1e-12)


def _ends(table: np.ndarray, below: np.ndarray, above: np.ndarray) -> EndsOf:
    return lambda each, rows: decision_interval(each, table[rows], below[rows], above[rows])


def largest(
    safe: Callable[[np.ndarray], np.ndarray], rows: int, steps: int, close: float, least: float
) -> np.ndarray:
    """Return the largest number (rows,) at which `safe` is seen to hold, by doubling and halving.

    It stops where the smallest number seen to fail is within a factor `close` of it, or below
    `least`.
    """
    good, bad = np.zeros(rows), np.ones(rows)
    for _ in range(DOUBLINGS):
        grows = safe(bad) & (bad > good)
        good, bad = np.where(grows, bad, good), np.where(grows, 2 * bad, bad)
        if not grows.any():
            break
    for _ in range(steps):
        middle = np.where(good > 0, (good + bad) / 2, bad / 16)
        proven = safe(middle)
        good, bad = np.where(proven, middle, good), np.where(proven, bad, middle)
        if ((bad <= close * good) | (bad < least)).all():
            break
    return good


def to_decision(link: str, threshold: float, name: str = "threshold") -> float:
    """Return the decision whose prediction is `threshold`; raise InvalidInput if there is none.

    name : what the caller calls the threshold
    """
    number = floats(threshold)
    low, high = {"log": (0.0, np.inf), "logistic": (0.0, 1.0)}.get(link, (-np.inf, np.inf))
    if number.ndim or not low < number < high:
        raise InvalidInput(
            f"{name} is {threshold!r}, but the link is {link!r}. Expected a value that the "
            'prediction can take: between 0 and 1 for "logistic", positive for "log". Write '
            f"{name}=0.5, for example."
        )
    if link == "log":
        return float(np.log(number))
    return float(np.log(number / (1 - number))) if link == "logistic" else float(number)
