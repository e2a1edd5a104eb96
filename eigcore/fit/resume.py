"""Resume the fit of a model that `fit` made: with other rows, or for more steps."""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from eigcore.errors import InvalidInput, InvalidOption, Unbalanced
from eigcore.fit.balance import balanced, unbalanced
from eigcore.fit.checks import Flag
from eigcore.fit.context import Callback, Context, backend_named
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.table import Table
from eigcore.fit.data.target import Target
from eigcore.fit.members.design import Design, Member
from eigcore.fit.members.member import fit_member
from eigcore.fit.members.neutral import averaged_again
from eigcore.fit.options import EarlyStopping, FitOptions
from eigcore.fit.origin import Origin, origin
from eigcore.fit.problem import Problem
from eigcore.fit.signature import names_options
from eigcore.fit.solvers.lbfgs import Solution
from eigcore.fit.units import in_own_units, in_standard_units, scaling_of
from eigcore.model import SpectralModel

_MOST = 2.0**52
"""Largest weight of earlier rows, in units of that of new ones."""


@names_options
def resume(
    model: SpectralModel,
    table: Any,
    target: Any,
    *,
    weights: Any = None,
    exposure: Any = None,
    offset: Any = None,
    groups: Any = None,
    time: Any = None,
    cv: Any = None,
    max_iter: int = 120,
    remember: bool = False,
    early_stopping: EarlyStopping | None = None,
    backend: str | None = None,
    callback: Callback | None = None,
    verbose: bool = False,
) -> tuple[SpectralModel, tuple[Solution, ...]]:
    """Descend from the matrices of a fitted model; its constraints stay exact.

    Parameters
    ----------
    model : SpectralModel
        Made by `fit` or `resume`; a model read from its file will do.
    table, target, weights, exposure, offset, early_stopping, backend, callback, verbose : as for
        `fit`; exposure and offset are needed if the fit had them. Weights of classes stay
    groups, time, cv : as for `fit`, for early stopping
    max_iter : L-BFGS steps per member
    remember : count these rows, by their weights, beside those the model was fitted to before. The
        mean loss on the earlier rows then joins the objective, to second order: a change Δ of W_b
        changes f by vᵀΔv, for terms of unit variance, whose mean square is 2‖Δ‖_F²/(d(d+2)) for
        traceless Δ and v uniform on the sphere.

    Returns
    -------
    The new model, and the Solution of each member.

    Warns
    -----
    Unbalanced
        If bounded predictions cannot have the mean of the target.

    Raises
    ------
    InvalidInput
        A model that `fit` did not make, or a table that does not match it.
    TypeError
        An option that does not exist.
    """
    _check_model(model)
    before, model = model, unbalanced(model)
    if not Flag().accepts(remember):
        raise InvalidOption("remember", remember, Flag().expected(), True)
    known = origin(model)
    options = FitOptions(
        max_iter=max_iter,
        early_stopping=early_stopping,
        backend=backend,
        seed=known.seed,
        keep_constant=True,
        verbose=verbose,
    )
    context = Context(backend_named(backend), known.seed, callback, verbose=options.verbose)
    given = Beside(weights, exposure, offset, groups, time, cv)
    _check_beside(known, given)
    read = Table.of(table, target, given, options)
    model = in_standard_units(model)
    problem = _problem(model, known, read, options, context)
    # earlier rows that weigh more than a float can tell let nothing move
    hold = min(known.weight / problem.weight, _MOST) if remember else 0.0
    each = [_go_on(model, known, problem, number, hold) for number in range(len(model.members))]
    solutions, members = zip(*each, strict=True)
    static = replace(model.static, specs=tuple(spec for spec, _ in members))
    total = min(problem.weight + known.weight * remember, sys.float_info.max)
    provenance = model.provenance | {
        "rows": len(problem) + known.rows * remember,
        "weight": total,
    }
    found = SpectralModel.from_static(static, [params for _, params in members], provenance)
    found = in_own_units(found)
    pairs = zip(model.encoding.names, problem.numbers.T, strict=True)
    whole = [name for name, column in pairs if not np.isnan(column).any()]
    found = found.with_params(averaged_again(found, problem.moments.mean, whole))
    found, notes = balanced(found, problem, before if remember else None, hold)
    for note in notes:
        warnings.warn(note, Unbalanced, stacklevel=2)
    return found, solutions


def _check_model(model: Any) -> None:
    if isinstance(model, SpectralModel):
        return
    what, advice = f"of type {type(model).__name__}", "Pass the model of a fit: result.model."
    if isinstance(model, (str, os.PathLike)):
        what = repr(os.fspath(model))
        advice = f"Write SpectralModel.load({what})."
    raise InvalidInput(f"model is {what}; expected a SpectralModel. {advice}")


def _check_beside(known: Origin, given: Beside) -> None:
    """Raise InvalidOption unless exposure and offset are given as they were to the fit."""
    for option in ("exposure", "offset"):
        before, now = option in known.beside, getattr(given, option)
        if before and now is None:
            problem = "is left out, and the model was fitted with one"
            expected = "one number for each row"
            raise InvalidOption(option, None, expected, known.beside[option], problem)
        if now is not None and not before:
            problem = "is given, and the model was fitted without one"
            raise InvalidOption(option, now, "none", None, problem)


def _problem(
    model: SpectralModel, known: Origin, table: Table, options: FitOptions, context: Context
) -> Problem:
    """Return a table as a problem with the encoding, loss and scaling of a fitted model."""
    static = model.static
    shares = dict(zip(static.classes, known.class_weights, strict=False)) or None
    told = {"loss": known.loss.name, "classes": static.classes or None, "class_weight": shares}
    own = replace(options, **told)
    values = Target.of(table, own)
    if values.names != static.targets:
        names = list(static.targets) or static.target_name
        problem = f"is {table.target_name!r}, and the model predicts {static.target_name!r}"
        raise InvalidOption("target", table.target_name, "the same targets", names, problem)
    scaling = scaling_of(model)
    return Problem(
        model.encoding,
        model.encoding.table(table.cells),
        replace(values, loss=known.loss, scaling=scaling, rest=known.rest),
        table.together,
        known.constraints,
        options,
        context,
    )


def _go_on(
    model: SpectralModel, known: Origin, problem: Problem, number: int, hold: float
) -> tuple[Solution, Member]:
    """Descend from one member; hold: weight of the earlier rows divided by that of the problem."""
    spec, params = model.members[number]
    design = Design(problem, known.pieces[number], keep=True)
    coordinates = design.parametrisation(spec.dim, weights=spec.weights)
    start = design.vector(coordinates, np.asarray(params))
    weight = 2.0 / (spec.dim * (spec.dim + 2)) * hold
    solution, _ = fit_member(design, known.settings[number], number, start, weight)
    return solution, design.member(coordinates, solution.x)
