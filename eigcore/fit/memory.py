"""Fit a table that is in memory: choose settings, fit the members, report."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from eigcore.calibration.interval import calibration_of
from eigcore.fit.balance import balanced
from eigcore.fit.blas import few_threads
from eigcore.fit.context import Context
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.names import listed
from eigcore.fit.data.twins import twin_notes
from eigcore.fit.members.neutral import with_meaning
from eigcore.fit.members.sequence import Ensemble, fit_members
from eigcore.fit.members.widening import widened
from eigcore.fit.options import FitOptions
from eigcore.fit.problem import Problem
from eigcore.fit.report import FitResult, report
from eigcore.fit.search.projections import find_sums
from eigcore.fit.search.race import choose
from eigcore.fit.search.screening import screened
from eigcore.fit.search.selection import without_useless
from eigcore.model import SpectralModel


def fit_table(
    table: Any, target: Any, beside: Beside, options: FitOptions, context: Context
) -> FitResult:
    """Fit the rows that are not held out; for the parameters see `eigcore.fit.fit`."""
    try:
        context.tell("choosing", 0.0, 0, 0, 0, math.nan)
    except KeyboardInterrupt:
        context.interrupted = True
    whole, kept = Problem.of(table, target, beside, options, context).set_aside()
    whole, fitted = whole.split()
    train = whole.part(fitted)
    with few_threads(train.fast):
        some = screened(train)
        plan, told, fold, neurons, names, steps = choose(some)
        some = replace(some.going_on(names), sums=find_sums(some, plan[0], fold))
        del fold  # and with it the designs of all candidates
        some = without_useless(some, plan[0])
        if steps:
            some = replace(some, options=replace(options, max_iter=steps))
        found = fit_members(some, plan, neurons)
    model, mean = widened(found.model(), found.problem.moments.mean, train)
    model, lacks = balanced(with_meaning(model, mean, options), train)
    if len(kept):
        model = calibrated(model, kept.numbers, kept.target.values)
    notes = (*told, *_notes(found, train), *twin_notes(train), *lacks)
    whole = replace(whole, notes=(*whole.notes, *notes))
    return FitResult(model, report(whole, fitted, model, found.settings), tuple(found.ended))


def calibrated(model: SpectralModel, numbers: np.ndarray, values: np.ndarray) -> SpectralModel:
    """Return the model with intervals from rows that were kept from its fit."""
    classes = model.static.classes
    target = [classes[int(place)] for place in values] if classes else values
    return model.with_calibration(calibration_of(model, numbers, target, codes=True))


def _notes(found: Ensemble, train: Problem) -> list[str]:
    notes, problem = [], found.problem
    names = train.encoding.names
    if gone := [name for name in names if name not in problem.encoding.names]:
        notes.append(
            f"{len(gone)} of {len(names)} columns show no effect and are left out: "
            f"{listed(gone, 5)}. With selection=0 all stay."
        )
    if problem.encoding.projections:
        sums = ", ".join(each.label for each in problem.encoding.projections)
        notes.append(f"Sums with a shape of their own: {sums}.")
    if problem.constraints.without:
        labels = ", ".join(problem.constraints.without)
        notes.append(f"Left out by selection, without any effect: {labels}.")
    return notes
