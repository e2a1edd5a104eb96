"""Fit rows that are read batch by batch: a first model of a sample, then Adam on all rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from eigcore.dispatch.launch import connected
from eigcore.dispatch.processes import Processes
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit.blas import few_threads
from eigcore.fit.context import Callback, Context, backend_named
from eigcore.fit.data.beside import Beside
from eigcore.fit.memory import fit_table
from eigcore.fit.options import OPTIONS, FitOptions
from eigcore.fit.report import FitResult
from eigcore.fit.signature import make_options, takes_options
from eigcore.fit.stream.apart import Apart
from eigcore.fit.stream.checkpoint import Checkpoint, check_checkpoint
from eigcore.fit.stream.descent import Descent, State
from eigcore.fit.stream.sampled import Record, Sampled
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
    processes: str | None = None,
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
    processes : name of the backend whose processes share the fit, such as "torch" for those that
        torchrun started, which all call this function alike; None: this process alone. All find
        the same model as one process does, to rounding; process 0 alone calls the callback and
        writes the checkpoint
    {options}

    Returns
    -------
    FitResult. After Ctrl-C, once there is a first model, it holds the average of the last iterates,
    which satisfies every constraint.

    Raises
    ------
    InvalidInput
        A source, column, option or checkpoint that cannot be used.
    LostProcess
        One of the processes has ended. The checkpoint is that of the last time it was due.
    TypeError
        An option that does not exist.
    """
    made = make_options("fit_stream", options)
    made.check_for("stream")
    with connected(processes) as all_of_them:
        context = Context(
            backend_named(made.backend),
            made.seed,
            callback,
            verbose=made.verbose,
            processes=all_of_them,
        )
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
    processes = context.processes
    _check_same(data, processes)
    saved = processes.together(partial(_saved, data, beside, options, context))
    file, record = saved[processes.rank][0], saved[0][1]
    if record:
        sampled, state = Sampled.from_record(*record), State.from_record(*record)
    else:
        sampled, state = _first_model(data, beside, options, context), None
    problem = sampled.problem(options, context)
    with few_threads(problem.fast):
        descent = Descent(problem, data, sampled, file, state)
        descent.finish()
        return descent.result()


def _check_same(data: Source, processes: Processes) -> None:
    """Raise InvalidInput where processes find other files, or other parts of them."""
    seen = [(path.name, path.stat().st_size) for path in data.files], len(data.parts)
    for rank, other in enumerate(processes.gathered(seen)):
        if other != seen:
            raise InvalidInput(
                f"Process {rank} finds other files than process {processes.rank}; expected the "
                "same table under the same path for all. Put it where every machine can read it."
            )


def _saved(
    data: Source, beside: Beside, options: FitOptions, context: Context
) -> tuple[Checkpoint | None, Record | None]:
    """Return the file of process 0 and what is in it; neither in the others.

    It records the data and options, which must not change.
    """
    if options.checkpoint is None or context.processes.rank:
        return None, None
    path = Path(options.checkpoint)
    check_checkpoint(path, data.files)
    names = [name for name in OPTIONS if name not in _APART]
    made_with = {name: getattr(options, name) for name in names}
    made_with |= beside._asdict() | {"backend": context.backend, "data": data.fingerprint()}
    usual = {name: OPTIONS[name].default for name in names} | Beside()._asdict()
    file = Checkpoint(path, options.checkpoint_seconds, made_with, usual)
    return file, file.load()


def _first_model(data: Source, beside: Beside, options: FitOptions, context: Context) -> Sampled:
    """Read everything once; process 0 fits the sampled rows."""
    context.tell("choosing", 0.0, 0, 0, 0, math.nan)
    processes = context.processes
    together = [name for name in (beside.groups, beside.time) if name is not None]
    part, draws = 0.0 if together else options.validation, partial(context.rng, "sample")
    found = survey(data, options.sample_rows, part, draws, together, processes)
    count = round(options.validation * len(found.places))
    apart = Apart.of(beside, found.cells, count, options.seed)
    away = int(found.held.sum())
    if apart is not None:
        found = replace(found, held=apart.held(found.cells))
        own = range(processes.rank, len(data.parts), processes.size)
        away = sum(processes.together(lambda: data.count(apart.held, own)))

    def told() -> tuple[Record, bool, bool] | None:
        nonlocal sampled
        if processes.rank:
            return None
        first = _fitted(found, data, beside, options, context)
        dropped = options.drop_rows_without_target
        sampled = Sampled.of(found, first, dropped, beside, apart, away)
        return sampled.record(), context.interrupted, context.stopped

    sampled: Any = None
    record, context.interrupted, context.stopped = processes.together(told)[0]
    return Sampled.from_record(*record) if sampled is None else sampled


def _fitted(
    found: Survey, data: Source, beside: Beside, options: FitOptions, context: Context
) -> FitResult:
    """Fit the rows of a survey that are not held out."""
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
    return fit_table(table, data.target, beside, _first_options(found, options), context)


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
    return replace(options, preset="default", **large)  # no preset has anything left to choose
