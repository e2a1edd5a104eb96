"""What a fit found out, as plain numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eigcore.fit.member import Settings

METRICS = {"squared": "RMSE", "absolute": "MAE", "logistic": "log loss"}


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

    metric : "RMSE" or "MAE" in units of the target, or "log loss" in nats
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


def errors(value: np.ndarray, target: np.ndarray, fitted: np.ndarray, loss: str) -> Errors:
    """Compare predictions with the target.

    Parameters
    ----------
    value : (rows,) predictions in target units; logits for the logistic loss
    target : (rows,) in target units; 0 or 1 for the logistic loss
    fitted : (rows,) bool, the rows fitted on
    """
    parts = (fitted, ~fitted)
    plain = [_error(value[part], target[part], loss) for part in parts]
    if loss != "logistic":
        return Errors(*plain)
    return Errors(*plain, *(_accuracy(value[part], target[part]) for part in parts))


def _error(value: np.ndarray, target: np.ndarray, loss: str) -> float:
    if not len(value):
        return float("nan")
    if loss == "squared":
        return float(np.sqrt(np.mean((value - target) ** 2)))
    if loss == "absolute":
        return float(np.mean(np.abs(value - target)))
    return float(np.mean(np.logaddexp(0.0, value) - target * value))


def _accuracy(value: np.ndarray, target: np.ndarray) -> float:
    return float(np.mean((value > 0.0) == (target > 0.5))) if len(value) else float("nan")
