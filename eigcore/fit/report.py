"""Report of a fit: errors beside those of a linear model, settings and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from eigcore.fit.balance import decisions
from eigcore.fit.edges import edge_notes
from eigcore.fit.linear import linear_decisions
from eigcore.fit.losses import Logistic, Loss, Multinomial, Targets
from eigcore.fit.members.member import Settings
from eigcore.fit.metrics import metrics
from eigcore.fit.problem import Problem
from eigcore.fit.solvers.lbfgs import Solution
from eigcore.model import SpectralModel
from eigcore.portable.predict import decision_ends


@dataclass(frozen=True)
class Errors:
    """Errors of one model on fitted and on held-out rows; NaN without such rows.

    train, held_out : what `Report.metric` names
    train_accuracy, held_out_accuracy : part of the rows with the right class; None: no classes
    metrics : name -> (on fitted rows, on held-out rows), see `eigcore.fit.metrics.metrics`
    """

    train: float
    held_out: float
    train_accuracy: float | None = None
    held_out_accuracy: float | None = None
    metrics: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """Result of a fit, beside the linear model on the same rows.

    metric : what is measured, in units of the target, or "log loss" in nats
    rows, rows_held_out : number of fitted rows, and of held-out rows
    settings : knots, dim, penalty of most members, and how many there are; chosen on the fitted
        rows only
    seconds : wall-clock time
    interrupted : Ctrl-C ended the fit; the model is the best one found before
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
            known = {key: _plain(value) for key, value in record[name].items() if key != "metrics"}
            pairs = record[name]["metrics"].items()
            named = {k: {"train": _plain(p[0]), "held_out": _plain(p[1])} for k, p in pairs}
            record[name] = known | {"metrics": named}
        return record


@dataclass(frozen=True)
class FitResult:
    """A fitted model.

    model : SpectralModel
    report : errors beside a linear model's, settings, notes
    solutions : results of the solver, one per descent
    """

    model: SpectralModel
    report: Report
    solutions: tuple[Solution, ...]

    def __repr__(self) -> str:
        r = self.report
        return (
            f"FitResult({r.target}: {r.metric} {r.model.held_out:.4g} on {r.rows_held_out} held "
            f"out, {r.model.train:.4g} on {r.rows} fitted rows; linear model "
            f"{r.linear.held_out:.4g}, {r.linear.train:.4g}; {self.chosen}; {r.seconds:.1f} s)"
        )

    @property
    def chosen(self) -> str:
        """The settings of all members in words."""
        members = self.model.provenance["settings"]
        dims, knots, penalties = (
            sorted({each[name] for each in members}) for name in ("dim", "knots", "penalty")
        )
        order = f"order {dims[0]}" if len(dims) == 1 else f"orders {dims[0]} to {dims[-1]}"
        pieces = f"{'up to ' * (len(knots) > 1)}{knots[-1]} pieces per column"
        penalty = f"penalty {penalties[0]:.2g}"
        if len(penalties) > 1:
            penalty = f"penalties {penalties[0]:.2g} to {penalties[-1]:.2g}"
        columns = pieces if knots[-1] else "linear columns"
        return f"{len(members)} neuron(s) of {order}, {columns}, {penalty}"

    @property
    def history(self) -> tuple[tuple[float, ...], ...]:
        """Objective after every step, one tuple per descent."""
        return tuple(solution.values for solution in self.solutions)


def report(
    whole: Problem, fitted: np.ndarray, model: SpectralModel, settings: Sequence[Settings]
) -> Report:
    """Compare a model with a linear one.

    Parameters
    ----------
    whole : all rows, including those held out
    fitted : (rows,) bool, the fitted rows
    model : of the problem's columns
    settings : of its members
    """
    target, context = whole.target, whole.context
    scale, offset = target.scaling
    linear = offset + scale * linear_decisions(whole.part(fitted), whole.numbers)
    held = target.observed.part(~fitted)
    edge = edge_notes(model, whole.numbers[~fitted], held, target.loss, "held-out rows", True)
    return Report(
        target=target.name,
        loss=target.loss.name,
        metric=target.loss.metric,
        rows=int(fitted.sum()),
        rows_held_out=int((~fitted).sum()),
        model=errors_of(model, whole, fitted),
        linear=_errors(linear, target.observed, fitted, target.loss),
        settings=max(settings, key=list(settings).count),
        seconds=context.seconds,
        interrupted=context.interrupted,
        notes=(*whole.notes, *edge),
    )


def errors_of(model: SpectralModel, problem: Problem, fitted: np.ndarray) -> Errors:
    """Errors of a model on the rows of a problem; fitted: (rows,) bool."""
    targets, (low, high) = problem.target.observed, decision_ends(model.static)
    value = np.clip(targets.moved(decisions(model, problem)), low, high)
    return _errors(
        value if targets.offset is None else value - targets.offset, targets, fitted, problem.loss
    )


def _errors(value: np.ndarray, targets: Targets, fitted: np.ndarray, loss: Loss) -> Errors:
    """Compare decisions (rows,) or (rows, outputs) with the target, both in its unit."""
    parts = [(value[part], targets.part(part)) for part in (fitted, ~fitted)]
    plain = [loss.error(own, *wanted) if len(own) else float("nan") for own, wanted in parts]
    measured = [metrics(loss, *each) if len(each[0]) else {} for each in parts]
    known, held = measured
    named = {name: (each, held.get(name, float("nan"))) for name, each in known.items()}
    if not isinstance(loss, (Logistic, Multinomial)):
        return Errors(*plain, metrics=named)
    right = [
        (loss.right(wanted.moved(own), wanted.target), wanted.weights) for own, wanted in parts
    ]
    return Errors(*plain, *(_accuracy(*each) for each in right), metrics=named)


def _accuracy(right: np.ndarray, weights: np.ndarray | None) -> float:
    return float(np.average(right, weights=weights)) if len(right) else float("nan")


def _plain(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else value
