"""Fit rows that are read batch by batch: a first model of a sample, then Adam on all rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from eigcore.errors import InvalidOption
from eigcore.fit.context import Callback, Context, backend_named
from eigcore.fit.data.beside import Beside
from eigcore.fit.memory import fit_table
from eigcore.fit.options import OPTIONS, FitOptions
from eigcore.fit.report import FitResult
from eigcore.fit.signature import make_options, takes_options
from eigcore.fit.stream.apart import Apart
from eigcore.fit.stream.checkpoint import Checkpoint, check_checkpoint
from eigcore.fit.stream.descent import Descent, State
from eigcore.fit.stream.sampled import Sampled
from eigcore.fit.stream.source import Source, reading_of
from eigcore.fit.stream.survey import Survey, survey

_MEMBERS, _STEPS = 4, 100
"""Default number of members, and of L-BFGS steps of the first model."""
_MANY = 8
_LARGE = {"knots": 32, "dim": 9, "penalty": 5e-4}
"""Settings for streams of _MANY times the sample, which alone would choose smaller ones."""
_APART = {"checkpoint", "checkpoint_seconds", "drop_rows_without_target", "verbose"}
"""Options that may change when a run resumes, or that the fingerprint of the data covers."""


@takes_options("any", "stream")
def fit_stream(
    source: Any,
    target: str | Sequence[str],
    *,
    weights: str | None = None,
    exposure: str | None = None,
    offset: str | None = None,
    groups: str | None = None,
    time: str | None = None,
    callback: Callback | None = None,
    **options: Any,
) -> FitResult:
    """Fit rows that are read batch by batch; the same as `eigcore.fit.fit` with such a source.

    Memory: four blocks of rows, block_rows · (columns + 2 + targets) · 8 bytes each; the sample;
    the covariance of the terms, at most 128 MiB; and one row group in the reader. None of these
    grows with the number of rows.

    Parameters
    ----------
    source : path, folder or list of paths, list of batches, or a function that returns an iterator
        of batches; see `eigcore.fit.fit`. A table in memory counts as one batch
    target : name of the column to predict, or a list of several
    weights, exposure, offset, groups, time : names of columns, see `eigcore.fit.fit`
    callback : called with a `Progress` after every step; returning True ends the fit
    {options}

    Returns
    -------
    FitResult. After Ctrl-C, once there is a first model, it holds the average of the last iterates,
    which satisfies every constraint.

    Raises
    ------
    InvalidInput
        A source, column, option or checkpoint that cannot be used.
    TypeError
        An option that does not exist.
    """
    made = make_options("fit_stream", options)
    made.check_for("stream")
    context = Context(backend_named(made.backend), made.seed, callback, verbose=made.verbose)
    beside = Beside(weights, exposure, offset, groups, time)
    return fit_source(source, target, beside, made, context)


def fit_source(
    source: Any, target: str | Sequence[str], beside: Beside, options: FitOptions, context: Context
) -> FitResult:
    """Fit a source; see `fit_stream`."""
    beside.check_for_stream()
    for option, given in beside._asdict().items():
        if given is not None and not isinstance(given, str):
            problem = "has one value for each row, and the table is read in batches"
            raise InvalidOption(option, given, "the name of a column of the table", None, problem)
    steps = _STEPS if options.max_iter is None else options.max_iter
    options = replace(options, members=options.members or _MEMBERS, max_iter=steps)
    data = Source.of(source, target, options.drop_rows_without_target, reading_of(options))
    if options.checkpoint is not None:
        check_checkpoint(Path(options.checkpoint), data.files)
    file = _checkpoint(data, beside, options, context)
    record = file.load() if file else None
    if record:
        sampled, state = Sampled.from_record(*record), State.from_record(*record)
    else:
        sampled, state = _first_model(data, beside, options, context), None
    problem = sampled.problem(options, context)
    # with a kernel, BLAS has little to do: its threads would only wait and take up cores
    with threadpool_limits(1 if problem.fast else None, "blas"):
        descent = Descent(problem, data, sampled, file, state)
        descent.finish()
        return descent.result()


def _checkpoint(
    data: Source, beside: Beside, options: FitOptions, context: Context
) -> Checkpoint | None:
    """Return the file to resume from; it records the data and options, which must not change."""
    if options.checkpoint is None:
        return None
    names = [name for name in OPTIONS if name not in _APART]
    made_with = {name: getattr(options, name) for name in names}
    made_with |= beside._asdict() | {"backend": context.backend, "data": data.fingerprint()}
    usual = {name: OPTIONS[name].default for name in names} | Beside()._asdict()
    return Checkpoint(Path(options.checkpoint), options.checkpoint_seconds, made_with, usual)


def _first_model(data: Source, beside: Beside, options: FitOptions, context: Context) -> Sampled:
    """Read everything once, and fit the sampled rows."""
    context.tell("choosing", 0.0, 0, 0, 0, math.nan)
    together = [name for name in (beside.groups, beside.time) if name is not None]
    part = 0.0 if together else options.validation
    found = survey(data, options.sample_rows, part, context.rng("sample"), together)
    count = round(options.validation * len(found.places))
    apart = Apart.of(beside, found.cells, count, options.seed)
    if apart is not None:
        found = replace(found, held=apart.held(found.cells))
    used = {*data.targets, *beside.names.values()}
    declared = data.declared - {*used, *options.drop_columns, *options.categories}
    monotone = {*options.increasing, *options.decreasing} & declared
    orders = {name: data.orders[name] for name in sorted(monotone & data.orders.keys())}
    options = replace(
        options,
        categories=[*options.categories, *sorted(declared)],
        order=orders | (options.order or {}) or None,
    )
    table = {name: cells[~found.held] for name, cells in found.cells.items()}
    first = fit_table(table, data.target, beside, _first_options(found, options), context)
    away = data.count(apart.held) if apart else int(found.held.sum())
    return Sampled.of(found, first, options.drop_rows_without_target, beside, apart, away)


def _first_options(found: Survey, options: FitOptions) -> FitOptions:
    """Options of the first fit: settings that suit all rows, not only the sample."""
    options = replace(options, validation=0.0)
    if found.counts.sum() < _MANY * len(found.places):
        return options
    large = {
        name: value
        for name, value in _LARGE.items()
        if getattr(options, name) is None and not (name == "dim" and options.neuron)
    }
    return replace(options, **large)
