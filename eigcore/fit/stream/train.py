"""The public function `fit_stream`: rows from disk in, a certified model and a report out."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from eigcore.dispatch.registry import get_backend
from eigcore.fit import FitResult, Progress, fit
from eigcore.fit.member import Run, kernel_runs
from eigcore.fit.stream.checkpoint import Checkpoint
from eigcore.fit.stream.descent import Descent, State
from eigcore.fit.stream.plan import Plan
from eigcore.fit.stream.source import Source
from eigcore.fit.stream.survey import Survey, survey
from eigcore.fit.validation import InvalidOption

_FIRST = {"members": 4, "max_iter": 100}
_MANY = 8
_LARGE = {"knots": 32, "dim": 9, "penalty": 5e-4}
"""Settings from so many times the sample on, which alone would choose smaller ones."""
_OPTIONS = (
    *("increasing", "decreasing", "shape", "neuron", "dim", "knots", "members", "penalty"),
    *("loss", "quantile", "delta", "classes", "categories", "max_iter", "drop_columns"),
)
"""Options of `eigcore.fit.fit` that are passed on to it."""


def fit_stream(
    source: Any,
    target: str,
    *,
    epochs: int | None = None,
    learning_rate: float = 0.02,
    batch_rows: int = 4096,
    block_rows: int = 262_144,
    sample_rows: int = 60_000,
    validation: float = 0.15,
    drop_rows_without_target: bool = False,
    backend: str | None = None,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 60.0,
    callback: Callable[[Progress], bool | None] | None = None,
    **options: Any,
) -> FitResult:
    """Fit an average of eigenvalue neurons to rows that are read batch by batch.

    A first pass counts the rows and keeps a sample; `eigcore.fit.fit` finds encoding, scaling,
    settings and a first model on it. From there Adam descends on mean loss +
    penalty · Σ‖A_{j,b}‖_F², all members on each batch, in the solver's own coordinates, in which
    every point satisfies the constraints (`eigcore.fit.constraints`).

    Memory: a block of rows, block_rows · (columns + 1) · 8 bytes, four times over; the sample; the
    terms' covariance, terms² · 8 bytes; what the reader holds of one row group. None of them grows
    with the number of rows.

    Parameters
    ----------
    source : path, folder or list of paths of .parquet, .arrow, .feather, .csv, .csv.gz files; or a
        list of batches (record batches, data frames or mappings of columns), or a function that
        returns an iterator of batches, the same ones whenever it is called
    target : name of the column to predict
    epochs : how often all rows are read for training; None: until ten million rows were seen,
        at most 100 times
    learning_rate : the longest step of Adam, reached after 2 % of the way; half a cosine follows
    batch_rows : rows per step
    block_rows : rows that are shuffled together. Row groups and record batches of files come in
        random order; rows of a CSV file or of a function come as they stand, and should not be
        sorted
    sample_rows : rows of the sample
    validation : part of the sample that is held out, for the report only
    drop_rows_without_target : leave out rows whose target is missing, instead of raising
    backend, seed : as in `eigcore.fit.fit`
    checkpoint : file to go on from if it exists, and to write to in any case. A run that was cut
        off and goes on gives the same model, bit by bit, on the same machine
    checkpoint_seconds : time between two writes of the file
    callback : called with a Progress after every step; returning True ends the fit
    **options : increasing, decreasing, shape, neuron, dim, knots, members, penalty (for the sampled
        rows; scaled by 1/rows), loss, quantile, delta, classes, categories, max_iter (for the first
        model), drop_columns: as in `eigcore.fit.fit`. Four members by default; with eight times as
        many rows as are sampled 32 knots, order 9 and penalty 5e-4, otherwise chosen on the sample

    Returns
    -------
    FitResult. After Ctrl-C too, once there is a first model: with the average of the last iterates,
    every constraint satisfied.

    Raises
    ------
    InvalidInput
        A source, column, option or checkpoint that cannot be used.
    """
    began = time.monotonic()
    sizes = {
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch_rows": batch_rows,
        "block_rows": block_rows,
        "sample_rows": sample_rows,
    }
    _check(sizes | {"seed": seed}, validation, options)
    options = _FIRST | options
    data = Source.of(source, target, drop_rows_without_target)
    name = get_backend(backend).name
    made_with = sizes | options | {"validation": validation, "seed": seed, "backend": name}
    file = None
    if checkpoint:
        made_with |= {"data": data.fingerprint()}
        file = Checkpoint(Path(checkpoint), checkpoint_seconds, made_with)
    record = file.load() if file else None
    interrupted = False
    if record:
        plan, state = Plan.from_record(*record), State.from_record(*record)
    else:
        found = survey(data, sample_rows, validation, seed)
        table = {name: cells[~found.held] for name, cells in found.cells.items()}
        common = {"seed": seed, "backend": backend, "callback": callback, "validation": 0.0}
        first = fit(table, target, **common, **_settings(found, options))
        interrupted = first.report.interrupted
        plan, state = Plan.of(found, first, drop_rows_without_target), None
    run = Run(plan.loss, name, seed, 0, callback, began, interrupted=interrupted)
    run.fast = kernel_runs(plan.start.static.specs[0], name)
    # beside a kernel BLAS has little to do: its threads would only wait, and be in the way
    with threadpool_limits(1 if run.fast else None, "blas"):
        descent = Descent(run, data, plan, sizes, file, state)
        descent.finish()
        return descent.result()


def _settings(found: Survey, options: dict[str, Any]) -> dict[str, Any]:
    """Options of the first fit."""
    if found.counts.sum() < _MANY * len(found.places):
        return options
    usual = {k: v for k, v in _LARGE.items() if k != "dim" or not options.get("neuron")}
    return usual | {name: value for name, value in options.items() if value is not None}


def _check(sizes: dict[str, Any], validation: float, options: dict[str, Any]) -> None:
    for name, value in sizes.items():
        least = {"sample_rows": 2, "seed": 0}.get(name, 1)
        if name != "learning_rate" and value is not None and not value >= least:
            raise InvalidOption(
                f"{name} is {value}; expected at least {least}. Write {name}={least}, or leave it "
                "out."
            )
    if not 0.0 < sizes["learning_rate"] < math.inf:
        raise InvalidOption(
            f"learning_rate is {sizes['learning_rate']}; expected a positive number. "
            "Write learning_rate=0.02."
        )
    if not 0.0 <= validation < 0.9:
        raise InvalidOption(
            f"The held-out part is {validation}; expected at least 0 and less than 0.9. "
            "Type --holdout 0.2."
        )
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise InvalidOption(
            f"fit_stream has no option {', '.join(unknown)}; expected some of "
            f"{', '.join(_OPTIONS)}. Leave it out."
        )
