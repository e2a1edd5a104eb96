"""Errors of a model on a table, beside those of simple models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Encoding
from eigcore.fit.constraints import Constraints
from eigcore.fit.context import Context
from eigcore.fit.data.target import Target
from eigcore.fit.data.together import Together
from eigcore.fit.linear import linear_decisions
from eigcore.fit.losses import Logistic, Multinomial
from eigcore.fit.metrics import metrics
from eigcore.fit.options import FitOptions
from eigcore.fit.problem import Problem
from eigcore.portable.predict import link_inverse
from eigcore.report.scores import Seen

FOLDS = 5
"""Parts of the table; simple models predict each part from the others."""
ENOUGH = 2 * FOLDS
"""Rows from which on simple models are compared."""


def errors(seen: Seen) -> dict[str, dict[str, float]]:
    """Return name of each measure -> name of each model -> number on the table.

    The constant and the linear model predict each fifth of the table from the other four; below
    `ENOUGH` rows there are none.
    """
    offset = 0.0 if seen.offset is None else seen.offset
    found = {"this model": _measures(seen, (seen.bounded.T - offset).T)}
    if len(seen) >= ENOUGH:
        own = _problem(seen)
        empty = replace(own, encoding=Encoding(()), numbers=own.numbers[:, :0])
        for name, problem in (("linear model", own), ("best constant", empty)):
            found[name] = _measures(seen, _crossed(problem))
    names = dict.fromkeys(name for own in found.values() for name in own)
    return {name: {model: own[name] for model, own in found.items()} for name in names}


def _measures(seen: Seen, decision: np.ndarray) -> dict[str, float]:
    """Return the loss that was minimised, the metrics of its link, and what everybody knows."""
    targets, loss = seen.targets, seen.loss
    found = {loss.metric: loss.error(decision, *targets)} | metrics(loss, decision, targets)
    moved = (decision.T + (0.0 if seen.offset is None else seen.offset)).T
    if isinstance(loss, (Logistic, Multinomial)):
        return found | {"accuracy": float(np.mean(loss.right(moved, targets.target)))}
    off = targets.target - link_inverse(seen.model.static.link, moved, get_backend("numpy"))
    w = targets.weights
    return found | {
        "RMSE": float(np.sqrt(np.average(off**2, weights=w))),
        "MAE": float(np.average(np.abs(off), weights=w)),
    }


def _problem(seen: Seen) -> Problem:
    options, encoding = FitOptions(validation=0.0, keep_constant=True), seen.model.encoding
    y, w, offset = seen.targets
    target = Target(seen.target, y, w, seen.loss, classes=seen.classes, offset=offset)
    constraints = Constraints.of(options, encoding, len(seen.classes))
    own = Together(len(seen.table))
    return Problem(encoding, seen.table, target, own, constraints, options, Context("numpy"))


def _crossed(problem: Problem) -> np.ndarray:
    """Return decisions in units of the target, each from the rows of the other folds."""
    folds = np.random.default_rng(0).permutation(len(problem)) % FOLDS
    outputs = problem.loss.outputs
    value = np.empty((len(problem), outputs)[: 1 + (outputs > 1)])
    for fold in range(FOLDS):
        known = problem.part(folds != fold)
        scale, offset = scaling = known.target.own_scaling
        known = replace(known, target=replace(known.target, scaling=scaling))
        own = folds == fold
        value[own] = offset + scale * linear_decisions(known, problem.numbers[own])
    return value
