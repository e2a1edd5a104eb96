"""Local certificates: guarantees inside a box around a row (math.md, section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.encoding import LARGEST, Categories
from eigcore.errors import InvalidInput
from eigcore.guarantees.box_checker import NEVER_SEEN
from eigcore.guarantees.interval import decision_interval
from eigcore.guarantees.slopes import EPS
from eigcore.guarantees.units import clipped_ends, floats
from eigcore.portable.description import Described

Settled = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Ends of the decision, (rows,) or (rows, outputs) each -> (rows,) or (rows, outputs) bool."""
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
    """

    radius: dict[str, float] | None
    lower: np.ndarray
    upper: np.ndarray
    decision_lower: np.ndarray
    decision_upper: np.ndarray
    threshold: float | None = None
    decided: np.ndarray | None = None
    scale: np.ndarray | None = None


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
        below, above = sides_of(model, table, *ends)
    else:
        named = dict(zip(model.encoding.names, radii.tolist(), strict=True))
        below = above = np.broadcast_to(radii, table.shape)
    low, high = (_squeeze(a) for a in decision_interval(model, table, below, above))
    link = model.static.link
    lower, upper = clipped_ends(model.static, low, high)
    if threshold is None and link == "logistic":
        threshold = 0.5
    settled = settled_by(link, threshold)
    decided = scale = None
    if settled is not None:
        decided = settled(low, high)
        if decided.ndim == 1:
            scale = certified_scale(model, table, below, above, settled)
    return LocalCertificate(named, lower, upper, low, high, threshold, decided, scale)


def local_table(model: Described, x: Any) -> np.ndarray:
    """Return rows (rows, columns) that can be certified; raise InvalidInput for others."""
    table = np.atleast_2d(model.encoding.table(x))
    table = table.reshape(-1, table.shape[-1])
    if (far := np.abs(np.nan_to_num(table)).max(0, initial=0.0) > LARGEST).any():
        name = model.encoding.names[int(np.argmax(far))]
        raise InvalidInput(
            f"Column {name!r} of x holds a number beyond {LARGEST:g}; expected smaller ones, whose "
            "boxes can be certified. Leave those rows out."
        )
    return table


def named_row(model: Described, row: list[float]) -> dict[str, Any]:
    """Return a row of numbers and codes as the caller writes it; None is a missing cell."""
    found: dict[str, Any] = {}
    columns = zip(model.encoding.names, model.encoding.columns, row, strict=True)
    for name, column, value in columns:
        if isinstance(column, Categories) and not np.isnan(value):
            found[name] = column.levels[int(value)] if value >= 0 else NEVER_SEEN
        else:
            found[name] = None if np.isnan(value) else value
    return found


def settled_by(link: str, threshold: float | None) -> Settled | None:
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
    level = to_decision(link, threshold)
    slip = 0.0 if link == "identity" else 8 * EPS * (1 + abs(level))
    return lambda low, high: (low > level + slip) | (high < level - slip)


def _same_class(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether the lowest score of one class exceeds the highest of all others: (rows,) bool."""
    top = low.argmax(-1)[:, None]
    others = high.copy()
    np.put_along_axis(others, top, -np.inf, axis=-1)
    return np.take_along_axis(low, top, axis=-1)[:, 0] > others.max(-1)


def certified_scale(
    model: Described, table: np.ndarray, below: np.ndarray, above: np.ndarray, settled: Settled
) -> np.ndarray:
    """Return the multiple of the box inside which the answer provably stays `settled`: (rows,).

    It is found by bisection. The multiple returned was itself proven; it is at most 1 % below the
    largest multiple that can be proven.
    """

    def safe(scale: np.ndarray) -> np.ndarray:
        sides = (side * scale[:, None] for side in (below, above))
        return settled(*(_squeeze(a) for a in decision_interval(model, table, *sides)))

    return largest(safe, len(table), BISECTIONS, close=1.01, least=1e-12)


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


def sides_of(
    model: Described, table: np.ndarray, lower: Any, upper: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far each cell may fall and rise, from ends of boxes: (rows, columns) each.

    Ends are arrays (columns,) or (rows, columns), or mappings of column names to numbers or (rows,)
    arrays. What is left out, None or NaN, does not move.
    """
    low, high = (
        _end(model, table, end, name) for end, name in ((lower, "lower"), (upper, "upper"))
    )
    with np.errstate(invalid="ignore"):
        below, above = table - low, high - table
    below, above = (np.where(np.isnan(side), 0.0, side) for side in (below, above))
    fixed = ~np.array([column.numeric for column in model.encoding.columns])
    for sides, name, end in ((below, "lower", low), (above, "upper", high)):
        wrong = (sides < 0) | (sides > LARGEST) | (fixed & ~np.isnan(end) & (end != table))
        if wrong.any():
            row, j = np.argwhere(wrong)[0]
            raise InvalidInput(
                f"{name} is {end[row, j]} for column {model.encoding.names[j]!r} in row {row}, "
                f"where x is {table[row, j]}. Expected lower ≤ x ≤ upper, below {LARGEST:g}, and "
                "no ends for categories. Leave the column out, and it does not move."
            )
    return (np.nextafter(below, np.inf) * (below > 0), np.nextafter(above, np.inf) * (above > 0))


def _end(model: Described, table: np.ndarray, end: Any, name: str) -> np.ndarray:
    names = model.encoding.names
    found = np.full(table.shape, np.nan)
    if end is None:
        return found
    try:
        if not isinstance(end, Mapping):
            return np.broadcast_to(np.asarray(end, dtype=np.float64), table.shape)
        for column, values in end.items():
            found[:, names.index(column)] = values
    except (TypeError, ValueError):
        raise InvalidInput(
            f"{name} is {end!r}. Expected a mapping of column names to numbers, or an array "
            f"({len(names)},) or {table.shape}. Write {name}={{{names[0]!r}: 1.0}}."
        ) from None
    return found


def _squeeze(values: np.ndarray) -> np.ndarray:
    return values[:, 0] if values.shape[1] == 1 else values


def to_decision(link: str, threshold: float) -> float:
    """Return the decision whose prediction is `threshold`; raise InvalidInput if there is none."""
    number = floats(threshold)
    low, high = {"log": (0.0, np.inf), "logistic": (0.0, 1.0)}.get(link, (-np.inf, np.inf))
    if number.ndim or not low < number < high:
        raise InvalidInput(
            f"threshold is {threshold!r}, but the link is {link!r}. Expected a value that the "
            'prediction can take: between 0 and 1 for "logistic", positive for "log". Write '
            "threshold=0.5, for example."
        )
    if link == "log":
        return float(np.log(number))
    return float(np.log(number / (1 - number))) if link == "logistic" else float(number)
