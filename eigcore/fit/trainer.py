"""The public function `fit`: a table in, a certified model and a report out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from eigcore.encoding import Encoding
from eigcore.errors import InvalidInput
from eigcore.fit import starts
from eigcore.fit.choose import MANY, Asked, choose
from eigcore.fit.constraints import SHAPES
from eigcore.fit.design import Design, Wishes, encode
from eigcore.fit.frame import Frame, check_names, make_frame
from eigcore.fit.linear import linear_predictions
from eigcore.fit.member import (
    Progress,
    Run,
    Settings,
    first_guess,
    fit_member,
    piece_counts,
    working_target,
)
from eigcore.fit.moments import Moments
from eigcore.fit.objectives import LOSSES, Scaling
from eigcore.fit.refusals import InvalidOption
from eigcore.fit.report import METRICS, Report, errors
from eigcore.model import SpectralModel
from eigcore.registry import get_backend
from eigcore.rows import Rows

_LONG = 20.0
"""Seconds of a budget from which members descend longer, instead of being more."""
_DESCENT = 0.9
"""Part of a budget after which no descent goes on; the rest is for the report."""


@dataclass(frozen=True)
class FitResult:
    """A fitted model.

    model : SpectralModel
    report : errors beside a linear model's, settings, notes
    history : objective after every step, one tuple per member
    """

    model: SpectralModel
    report: Report
    history: tuple[tuple[float, ...], ...]


def fit(
    table: Any,
    target: Any,
    *,
    increasing: Sequence[str] = (),
    decreasing: Sequence[str] = (),
    shape: str | None = None,
    dim: int | None = None,
    knots: int | None = None,
    members: int | None = None,
    penalty: float | None = None,
    loss: str | None = None,
    backend: str | None = None,
    seed: int = 0,
    max_iter: int | None = None,
    validation: float = 0.15,
    drop_columns: Sequence[str] = (),
    drop_rows_without_target: bool = False,
    callback: Callable[[Progress], None] | None = None,
    budget_seconds: float | None = None,
) -> FitResult:
    """Fit an average of eigenvalue neurons to a table.

    Full-batch L-BFGS on mean loss + penalty · Σ‖A_{j,b}‖_F², for terms of unit variance (math.md,
    sections 2b and 7). Whatever is left at None is chosen inside the fitted rows.

    Parameters
    ----------
    table : mapping or data frame of columns (rows,), or array (rows, columns) named x0, x1, ...
        Text columns become categories; gaps (NaN, None) get a matrix of their own.
    target : name of a column, or values (rows,)
    increasing, decreasing : names of numeric columns in which the model must be monotone
    shape : None, "convex" or "concave": jointly in all numeric columns
    dim : order of the matrices
    knots : pieces per numeric column; 0 for linear columns
    members : how many neurons are averaged; with a budget, as many as fit into it
    penalty : weight of the squared norms, in units of the loss on a standardised target
    loss : "squared", "absolute" or "logistic"; None: "logistic" for a target of two texts or
        booleans, otherwise "squared"
    backend : name of the backend that computes values and gradients; None: the default one
    seed : everything random follows from it
    max_iter : L-BFGS steps per member; None: 120, or 250 for many rows where a kernel runs them
    validation : part of the rows that is held out, for the report only
    drop_columns, drop_rows_without_target : what to leave out
    callback : called with a Progress after every step
    budget_seconds : use about this time: members are added until it is used up, or, where
        `members` is given, cut short. The result then depends on the machine

    Returns
    -------
    FitResult. After Ctrl-C too: with the members finished so far, every constraint satisfied.

    Raises
    ------
    InvalidInput
        A table, column or option that cannot be used.
    """
    began = time.monotonic()
    frame = make_frame(
        table,
        target,
        loss=loss,
        drop_columns=drop_columns,
        drop_rows_without_target=drop_rows_without_target,
    )
    loss = loss or ("logistic" if frame.classes else "squared")
    wishes = _wishes(frame, increasing, decreasing, shape)
    asked = Asked(knots, dim, penalty, members)
    _check_options(asked, loss, validation, max_iter)
    fitted = _split(len(frame.target), validation, seed)
    limited = budget_seconds is not None
    deadline = began + _DESCENT * budget_seconds if limited else np.inf
    run = Run(loss, get_backend(backend).name, seed, max_iter or 0, callback, began, deadline)
    run.open_ended = limited and members is None
    if max_iter is None:
        long = budget_seconds is None or budget_seconds >= _LONG
        run.max_iter = 250 if long and run.fast and fitted.sum() >= MANY else 120
    scaling = Scaling.of(frame.target[fitted], loss)
    train, goal = np.flatnonzero(fitted), (frame.target - scaling.offset) / scaling.scale
    # beside a kernel BLAS has little to do: its threads would only wait, and be in the way
    with threadpool_limits(1 if run.fast else None, "blas"):
        settings = choose(run, frame, train, goal, wishes, asked)
        shared, parts = _members(run, frame, train, goal, wishes, settings)
    model = _model(shared, parts, scaling, frame, run, loss, len(train))
    report = _report(run, frame, shared, model, fitted, scaling, settings, len(parts), began)
    return FitResult(model, report, tuple(run.history))


def _wishes(frame: Frame, increasing, decreasing, shape: Any) -> Wishes:
    check_names(increasing, frame, "increasing", numeric=True)
    check_names(decreasing, frame, "decreasing", numeric=True)
    both = sorted(set(increasing) & set(decreasing))
    if both:
        raise InvalidOption(
            f"Column {both[0]!r} is asked to be increasing and decreasing; expected one of them. "
            f"Take it out of --increasing or --decreasing, or type --drop-columns {both[0]}."
        )
    if shape not in SHAPES:
        raise InvalidOption(
            f"shape is {shape!r}; expected convex, concave or nothing. Type --shape convex."
        )
    return Wishes(tuple(increasing), tuple(decreasing), shape)


def _check_options(asked: Asked, loss: str, validation: float, max_iter: int | None) -> None:
    limits = {
        "dim": (asked.dim, 1, "--dim 5"),
        "knots": (asked.knots, 0, "--knots 16"),
        "members": (asked.members, 1, "--members 5"),
        "penalty": (asked.penalty, 0, "--penalty 0.004"),
        "max_iter": (max_iter, 0, "max_iter=120"),
    }
    for name, (value, least, example) in limits.items():
        if value is not None and not value >= least:
            raise InvalidOption(f"{name} is {value}; expected at least {least}. Type {example}.")
    if loss not in LOSSES:
        known = ", ".join(LOSSES)
        raise InvalidOption(f"loss is {loss!r}; expected one of {known}. Type --loss squared.")
    if not 0.0 <= validation < 0.9:
        raise InvalidOption(
            f"The held-out part is {validation}; expected at least 0 and less than 0.9. "
            "Type --holdout 0.2."
        )


def _split(rows: int, validation: float, seed: int) -> np.ndarray:
    """(rows,) bool: the rows to fit on."""
    held = round(validation * rows)
    if rows - held < 2:
        raise InvalidInput(
            f"The table has {rows} row(s), {held} of them held out; expected at least 2 to fit on. "
            "Add rows, or type --holdout 0."
        )
    fitted = np.ones(rows, dtype=bool)
    fitted[np.random.default_rng([seed, 2_000_003]).permutation(rows)[:held]] = False
    return fitted


def _members(
    run: Run, frame: Frame, train: np.ndarray, goal: np.ndarray, wishes: Wishes, settings: Settings
) -> tuple[Encoding, list]:
    """Fit the members one after another; at least one comes back, whatever happens."""
    sizes = piece_counts(settings.knots, settings.members)
    shared = encode(frame, train, max(sizes) if settings.knots else 0, wishes.shape)
    numbers = shared.table(frame.cells)[train]
    moments = Moments.of(shared, numbers, working_target(goal[train], run.loss))
    found: list = []
    took = 0.0
    try:
        for member, pieces in enumerate(sizes):
            begin = time.monotonic()
            if run.interrupted or (found and run.left() < 0.5 * took):
                break
            design = Design(shared, numbers, moments, wishes, pieces)
            solution, coordinates = fit_member(run, design, goal[train], settings, member)
            run.interrupted |= solution.reason == "interrupted"
            # A member cut short counts only if it is nearly as good as the others.
            best = min((value for value, _ in found), default=np.inf)
            if solution.reason != "interrupted" or solution.value <= 1.1 * best:
                found.append((solution.value, design.member(coordinates, solution.x)))
            took = time.monotonic() - begin
    except KeyboardInterrupt:
        run.interrupted = True
    if not found:
        design = Design(shared, numbers, moments, wishes, sizes[0])
        found.append((0.0, _additive(run, design, settings)))
    return shared, [member for _, member in found]


def _additive(run: Run, design: Design, settings: Settings):
    """Return the additive model as a member: what is left when Ctrl-C came before any descent."""
    coordinates = design.parametrisation(settings.dim)
    p = first_guess(design, coordinates)
    rng = np.random.default_rng(run.seed)
    return design.member(coordinates, starts.gapped(coordinates, p, rng))


def _model(shared, parts, scaling, frame: Frame, run: Run, loss: str, rows: int) -> SpectralModel:
    return SpectralModel(
        shared,
        members=tuple(parts),
        target_scale=scaling.scale,
        target_offset=scaling.offset,
        link="logistic" if loss == "logistic" else "identity",
        target_name=frame.target_name,
        classes=frame.classes,
        provenance={"seed": run.seed, "rows": rows, "loss": loss, "backend": run.backend},
    )


def _average(run: Run, shared: Encoding, model: SpectralModel, numbers: np.ndarray) -> np.ndarray:
    """Mean (rows,) of the members' values."""
    rows = Rows(shared, numbers, run.backend, run.dtype(0))
    parts = [rows.vjp(spec, params)[0] for spec, params in model.members]
    stack = np.stack([rows.backend.to_numpy(part) for part in parts])
    return stack.astype(np.float64).mean(0)


def _report(run, frame, shared, model, fitted, scaling, settings, made, began) -> Report:
    train, goal = np.flatnonzero(fitted), (frame.target - scaling.offset) / scaling.scale
    numbers = shared.table(frame.cells)
    plain = linear_predictions(shared, numbers, train, goal, run.loss)
    linear = scaling.offset + scaling.scale * plain
    value = scaling.offset + scaling.scale * _average(run, shared, model, numbers)
    return Report(
        target=frame.target_name,
        loss=run.loss,
        metric=METRICS[run.loss],
        rows=len(train),
        rows_held_out=int((~fitted).sum()),
        model=errors(value, frame.target, fitted, run.loss),
        linear=errors(linear, frame.target, fitted, run.loss),
        settings=settings._replace(members=made),
        seconds=time.monotonic() - began,
        interrupted=run.interrupted,
        notes=frame.notes,
    )
