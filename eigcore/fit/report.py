"""What a fit found out, as plain numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eigcore.fit.losses import Goals, Logistic, Loss, Multinomial
from eigcore.fit.member import Settings


@dataclass(frozen=True)
class Errors:
    """Errors of one model: (train, held-out) each; NaN where there are no such rows."""

    train: float
    held_out: float
    train_accuracy: float | None = None
    held_out_accuracy: float | None = None


@dataclass(frozen=True)
class Report:
    """Result of a fit, beside the linear model on the same rows.

    metric : what is measured, in units of the target, or "log loss" in nats
    rows, rows_held_out : rows fitted on, rows only reported on
    settings : knots, dim, penalty, members, chosen inside the fitted rows
    seconds : wall-clock time
    interrupted : Ctrl-C came before the end; the model is the best until then
    notes : what was done to the table
    """

    target: str
    loss: str
    metric: str
    rows: int
    rows_held_out: int
    model: Errors
    linear: Errors
    settings: Settings
    seconds: float
    interrupted: bool
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN becomes None."""
        record = asdict(self) | {"settings": self.settings._asdict(), "notes": list(self.notes)}
        for name in ("model", "linear"):
            record[name] = {
                k: None if v is None or np.isnan(v) else v for k, v in record[name].items()
            }
        return record


def errors(value: np.ndarray, goals: Goals, fitted: np.ndarray, loss: Loss) -> Errors:
    """Compare decisions with the target.

    Parameters
    ----------
    value : (rows,) or (rows, outputs) decisions in target units; scores where there are classes
    goals : target and weights of all rows, in target units
    fitted : (rows,) bool, the rows fitted on
    loss : Loss
    """
    parts = [(value[part], goals.part(part)) for part in (fitted, ~fitted)]
    plain = [loss.error(own, *goal) if len(own) else float("nan") for own, goal in parts]
    if not isinstance(loss, (Logistic, Multinomial)):
        return Errors(*plain)
    return Errors(*plain, *(_accuracy(loss.right(own, goal.target), goal) for own, goal in parts))


def _accuracy(right: np.ndarray, goals: Goals) -> float:
    return float(np.average(right, weights=goals.weights)) if len(right) else float("nan")
