"""Metrics of a model, by their names: those that suit the loss."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from eigcore.fit.losses import Loss, Several, Targets, each_target

_LEAST = 1e-300
"""A deviance up to this is that of a constant target."""
_TENTH = 10
"""The part of the rows that a lift is of, as a divisor."""


def metrics(loss: Loss, value: np.ndarray, targets: Targets) -> dict[str, float]:
    """Measure decisions against targets, both in the unit of the target.

    Parameters
    ----------
    loss : Loss
    value : (rows,) or (rows, outputs)
    targets : Targets of these rows

    Returns
    -------
    Name -> number, by the link of the loss. NaN where a number does not exist, such as AUC with one
    class:

    - several targets: those of each, "R² of price";
    - all: D² = 1 − deviance / deviance of the best constant, called R² for squared loss;
    - links other than the identity: the mean deviance, or log loss, under its name;
    - "log" and "logistic": observed/expected, the ratio of the sums of targets and predictions;
      lift, the mean target in the tenth with the largest predictions over that of all; calibration
      slope, b of the best decision a + b f, 1 where f needs no stretching, infinite where f
      separates the classes (Cox, Biometrika 1958);
    - "log": Gini, 1 − 2 · the area under the Lorenz curve of the targets, in the order of the
      predictions;
    - "logistic": AUC, Brier (mean squared error of the probability), and KS, the largest distance
      of the distributions of the decisions in the two classes.
    """
    if isinstance(loss, Several):
        each = zip(loss.names, each_target(loss, value, targets), strict=True)
        every = {name: metrics(*own) for name, own in each}
        return {f"{m} of {name}": v for name, own in every.items() for m, v in own.items()}
    found = {"R²" if loss.name == "squared" else "D²": explained(loss, value, targets)}
    if loss.link != "identity":
        found[loss.metric] = loss.error(value, *targets)
    if loss.link not in ("log", "logistic"):
        return found
    y, value = targets.target, targets.moved(value)
    w = np.ones(len(y)) if targets.weights is None else targets.weights
    with np.errstate(over="ignore"):
        mean = np.exp(value) if loss.link == "log" else 0.5 * (1.0 + np.tanh(0.5 * value))
    found["observed/expected"] = _ratio(float(w @ y), float(w @ mean))
    found["lift"] = _ratio(_top(value, w, y), float(np.average(y, weights=w)))
    found["calibration slope"] = _calibration_slope(loss, value, y, w)
    if loss.link == "log":
        return found | {"Gini": 2.0 * _area(value, w, w * y) - 1.0}
    brier = float(np.average((mean - y) ** 2, weights=w))
    distance = _distance(value, w * (1.0 - y), w * y)
    return found | {"AUC": _area(value, w * (1.0 - y), w * y), "Brier": brier, "KS": distance}


def explained(loss: Loss, value: np.ndarray, targets: Targets) -> float:
    """D², the explained part of the deviance; see `metrics`. For a constant target: 1 or 0.

    For several targets it is the mean.
    """
    if targets.target.ndim > 1:
        return float(np.mean([explained(*own) for own in each_target(loss, value, targets)]))
    constant = np.broadcast_to(loss.constant(targets), value.shape)
    own, most = (loss.deviance(each, *targets) for each in (value, constant))
    if most > _LEAST:
        return 1.0 - own / most
    return 1.0 if own == 0.0 else 0.0


def _shares(value: np.ndarray, *masses: np.ndarray) -> list[np.ndarray]:
    """Distributions of masses (rows,) over increasing values, from 0 to 1, ties together."""
    place = np.unique(value, return_inverse=True)[1]
    with np.errstate(invalid="ignore"):
        sums = [np.concatenate([[0.0], np.cumsum(np.bincount(place, each))]) for each in masses]
        return [each / each[-1] for each in sums]


def _area(value: np.ndarray, below: np.ndarray, above: np.ndarray) -> float:
    """Chance that a row drawn by `above` has a larger value than one by `below`, ties by half."""
    low, high = _shares(value, below, above)
    return float(np.sum(np.diff(high) * (low[:-1] + low[1:])) / 2.0)


def _distance(value: np.ndarray, below: np.ndarray, above: np.ndarray) -> float:
    low, high = _shares(value, below, above)
    return float(np.abs(low - high).max())


def _top(value: np.ndarray, w: np.ndarray, y: np.ndarray) -> float:
    """Mean target in the tenth of the weight with the largest values, ties by their mean."""
    place = np.unique(-value, return_inverse=True)[1]
    weight, total = np.bincount(place, w), np.bincount(place, w * y)
    tenth = w.sum() / _TENTH
    inside = np.clip(tenth - (np.cumsum(weight) - weight), 0.0, weight)
    return float(inside @ (total / np.where(weight > 0.0, weight, 1.0)) / tenth)


def _calibration_slope(loss: Loss, value: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """Return b of the a + b f with the least loss; a convex problem in standard units of f."""
    mean, scale = np.average(value, weights=w), value.std()
    if not scale > 0.0 or not np.ptp(y) > 0.0:
        return float("nan")
    if loss.link == "logistic" and value[y > 0.0].min() >= value[y < 1.0].max():
        return float("inf")
    unit = (value - mean) / scale

    def objective(line: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope = loss(line[0] + line[1] * unit, y, w)
        return total, np.array([slope.sum(), slope @ unit])

    with np.errstate(all="ignore"):
        found = minimize(objective, [mean, scale], jac=True, method="BFGS")
    return float(found.x[1] / scale)


def _ratio(one: float, other: float) -> float:
    return one / other if other > 0.0 else float("nan")
