"""The public function `fit`: a table in, a certified model and a report out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Encoding
from eigcore.encoding.rows import Rows
from eigcore.errors import InvalidInput, InvalidSpec
from eigcore.fit import initialisation as starts
from eigcore.fit.constraints import SHAPES
from eigcore.fit.design import Design, Wishes, encode
from eigcore.fit.frame import Frame, check_names, make_frame
from eigcore.fit.linear import linear_predictions
from eigcore.fit.losses import Goals, Loss, Scaling, make_loss
from eigcore.fit.member import (
    Progress,
    Run,
    Settings,
    begin,
    first_guess,
    fit_member,
    kernel_runs,
    piece_counts,
)
from eigcore.fit.moments import Moments
from eigcore.fit.report import Report, errors
from eigcore.fit.search.candidates import SOME, Asked
from eigcore.fit.search.projections import directions
from eigcore.fit.search.race import choose
from eigcore.fit.search.selection import dropped
from eigcore.fit.solvers.early_stopping import Patience
from eigcore.fit.solvers.lbfgs import Solution
from eigcore.fit.validation import InvalidOption
from eigcore.guarantees.slopes import shape_of
from eigcore.model import SpectralModel

_NEURON = {"index", "structure", "functional", "alpha", "r", "t", "weights"}
"""Fields of EigSpec that a caller may set."""
_LONG = 20.0
"""Seconds of a budget from which members descend longer, instead of being more."""
_DESCENT = 0.9
"""Part of a budget after which no descent goes on; the rest is for the report."""


@dataclass(frozen=True)
class FitResult:
    """A fitted model.

    model : SpectralModel
    report : errors beside a linear model's, settings, notes
    solutions : what the solver found, one per member
    """

    model: SpectralModel
    report: Report
    solutions: tuple[Solution, ...]

    @property
    def history(self) -> tuple[tuple[float, ...], ...]:
        """Objective after every step, one tuple per member."""
        return tuple(solution.values for solution in self.solutions)


def fit(
    table: Any,
    target: Any,
    *,
    weights: Any = None,
    increasing: Sequence[str] = (),
    decreasing: Sequence[str] = (),
    shape: str | None = None,
    neuron: Mapping[str, Any] | None = None,
    dim: int | None = None,
    knots: int | None = None,
    members: int | None = None,
    penalty: float | None = None,
    selection: float = 0.0,
    projections: int | None = None,
    loss: str | None = None,
    quantile: float = 0.5,
    delta: float = 0.5,
    classes: Sequence[Any] | None = None,
    backend: str | None = None,
    seed: int = 0,
    max_iter: int | None = None,
    patience: Patience | None = None,
    validation: float = 0.15,
    categories: Sequence[str] = (),
    drop_columns: Sequence[str] = (),
    drop_rows_without_target: bool = False,
    keep_constant: bool = False,
    callback: Callable[[Progress], bool | None] | None = None,
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
    weights : (rows,) non-negative weights of the rows in every mean; None: all equal
    increasing, decreasing : names of numeric columns in which the model must be monotone
    shape : None, "convex" or "concave": jointly in all numeric columns
    neuron : further fields of EigSpec: index, structure, functional and its parameter
    dim : order of the matrices
    knots : pieces per numeric column; 0 for linear columns
    members : how many neurons are averaged; with a budget, as many as fit into it
    penalty : weight of the squared norms, in units of the loss on a standardised target
    selection : weight of the sum of the columns' spectral norms; columns it makes zero are left
        out, exactly. Try 0.1; 0: no selection
    projections : how many weighted sums of two numeric columns, none of them monotone, get a shape
        function of their own; None: as many as validation says, from 2500 rows on and without
        selection
    loss : "squared", "absolute", "huber", "quantile", "poisson", "logistic" or "multinomial";
        None: for a target of text or booleans "logistic" (two classes) or "multinomial" (more),
        otherwise "squared"
    quantile : which one the loss "quantile" estimates
    delta : from how many standard deviations of the target the loss "huber" is linear
    classes : all values a classified target may take; None: those that occur
    backend : name of the backend that computes values and gradients; None: the default one
    seed : everything random follows from it
    max_iter : L-BFGS steps per member; None: 120, or 250 up to 2500 rows where a kernel runs them
    patience : stop each member early, on rows hidden from it; None: no early stopping
    validation : part of the rows that is held out, for the report only
    categories : names of columns whose numbers are categories
    drop_columns, drop_rows_without_target : what to leave out
    keep_constant : keep columns without information, and a constant target, instead of raising
    callback : called with a Progress after every step; returning True ends the fit
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
        weights=weights,
        loss=loss,
        classes=classes,
        categories=categories,
        drop_columns=drop_columns,
        drop_rows_without_target=drop_rows_without_target,
        keep_constant=keep_constant,
    )
    kind = make_loss(
        loss or _usual_loss(frame), quantile=quantile, delta=delta, classes=len(frame.classes)
    )
    if selection and projections is None:
        projections = 0
    wishes = _wishes(frame, increasing, decreasing, shape, neuron or {}, kind)
    asked = Asked(knots, dim, penalty, members)
    _check_options(
        asked, wishes, validation, max_iter, selection, projections, budget_seconds, seed
    )
    fitted = _split(len(frame.target), validation, seed, least=1 if keep_constant else 2)
    limited = budget_seconds is not None
    deadline = began + _DESCENT * budget_seconds if limited else np.inf
    run = Run(kind, get_backend(backend).name, seed, max_iter or 0, callback, began, deadline)
    run.fast = wishes.allows(dim or 5) and kernel_runs(wishes.spec(1, dim or 5), run.backend)
    run.open_ended, run.patience = limited and members is None, patience
    if max_iter is None:
        long = run.fast and (budget_seconds is None or budget_seconds >= _LONG)
        run.max_iter = 250 if long and fitted.sum() <= SOME else 120
    train = np.flatnonzero(fitted)
    scaling = kind.scaling(frame.target[train], frame.weights_of(train))
    goals = Goals(kind.goal(frame.target, scaling), frame.weights)
    # beside a kernel BLAS has little to do: its threads would only wait, and be in the way
    with threadpool_limits(1 if run.fast else None, "blas"):
        plan = choose(run, frame, train, goals, wishes, asked)
        found = directions(run, frame, train, goals, wishes, plan[0], projections)
        wishes = replace(wishes, directions=found)
        wishes = _selected(run, frame, train, goals, wishes, plan[0], selection)
        shared, parts, plan, pieces = _members(run, frame, train, goals, wishes, plan)
    provenance = {
        "seed": seed,
        "rows": len(train),
        "loss": kind.name,
        "loss_parameters": asdict(kind),
        "backend": run.backend,
        "settings": [each._asdict() for each in plan],
        "pieces": pieces,
        "wishes": asdict(wishes) | {"neuron": dict(wishes.neuron), "directions": []},
    }
    model = _model(shared, parts, scaling, frame, kind, provenance)
    if shared.projections:
        sums = ", ".join(each.label for each in shared.projections)
        frame = replace(frame, notes=(*frame.notes, f"Sums with a shape of their own: {sums}."))
    if wishes.without:
        note = f"Left out by selection, without any effect: {', '.join(wishes.without)}."
        frame = replace(frame, notes=(*frame.notes, note))
    report = _report(run, frame, model, fitted, scaling, goals, plan, began)
    return FitResult(model, report, tuple(run.solutions))


def _usual_loss(frame: Frame) -> str:
    return {0: "squared", 2: "logistic"}.get(len(frame.classes), "multinomial")


def _wishes(
    frame: Frame, increasing, decreasing, shape: Any, neuron: Mapping[str, Any], loss: Loss
) -> Wishes:
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
    if loss.outputs > 1 and (increasing or decreasing or shape):
        raise InvalidOption(
            "The loss multinomial was asked for a monotone or convex model. A class's probability "
            "depends on the scores of all classes, so that no shape of the scores guarantees one "
            "of the probabilities; expected neither. Fit two classes (--loss logistic), one "
            "against the rest, or leave the wishes out."
        )
    unknown = sorted(set(neuron) - _NEURON)
    if unknown or (shape and neuron.get("index", shape) != shape):
        raise InvalidOption(
            f"neuron is {dict(neuron)!r} with shape {shape!r}; expected fields among "
            f"{', '.join(sorted(_NEURON))}, and no index beside a shape. Write "
            'neuron={"structure": "tridiagonal"}.'
        )
    plain = {key: np.asarray(value).tolist() for key, value in neuron.items()}
    return Wishes(tuple(increasing), tuple(decreasing), shape, tuple(plain.items()))


def _check_options(
    asked: Asked,
    wishes: Wishes,
    validation: float,
    max_iter: int | None,
    selection: float,
    projections: int | None,
    budget: float | None,
    seed: int,
) -> None:
    limits = {
        "dim": (asked.dim, 1, "--dim 5"),
        "knots": (asked.knots, 0, "--knots 16"),
        "members": (asked.members, 1, "--members 5"),
        "penalty": (asked.penalty, 0, "--penalty 0.004"),
        "max_iter": (max_iter, 0, "max_iter=120"),
        "selection": (selection, 0, "--selection 0.1"),
        "projections": (projections, 0, "--projections 4"),
        "budget_seconds": (budget, 1e-3, "--budget 30"),
        "seed": (seed, 0, "--seed 0"),
    }
    for name, (value, least, example) in limits.items():
        if value is not None and not least <= value < np.inf:
            raise InvalidOption(
                f"{name} is {value}; expected a finite number of at least {least}. Type {example}."
            )
    if not 0.0 <= validation < 0.9:
        raise InvalidOption(
            f"The held-out part is {validation}; expected at least 0 and less than 0.9. "
            "Type --holdout 0.2."
        )
    _check_neuron(asked, wishes)


def _check_neuron(asked: Asked, wishes: Wishes) -> None:
    """Raise where the matrices cannot have the order, or φ not the monotonicity or shape, asked."""
    order = asked.dim or wishes.order(5)
    try:
        spec = wishes.spec(1, order)
    except (InvalidSpec, TypeError) as exc:
        raise InvalidOption(
            f"dim={order} and neuron={dict(wishes.neuron)} do not make a model: {exc}"
        ) from exc
    known = shape_of(spec)
    monotone = bool(wishes.increasing or wishes.decreasing)
    needed = (monotone or wishes.shape is not None) and not known.monotone
    if needed or (wishes.shape and not getattr(known, wishes.shape)):
        raise InvalidOption(
            f"The functional {spec.functional!r} of neuron={dict(wishes.neuron)} does not make a "
            "model monotone or of the shape asked for, whatever its matrices; expected one that "
            "does (math.md, section 2). Leave the functional out."
        )


def _split(rows: int, validation: float, seed: int, least: int = 2) -> np.ndarray:
    """(rows,) bool: the rows to fit on."""
    held = round(validation * rows)
    if rows - held < least:
        raise InvalidInput(
            f"The table has {rows} row(s), {held} of them held out; expected at least 2 to fit on. "
            "Add rows, or type --holdout 0."
        )
    fitted = np.ones(rows, dtype=bool)
    fitted[np.random.default_rng([seed, 2_000_003]).permutation(rows)[:held]] = False
    return fitted


def _selected(
    run: Run, frame: Frame, train, goals: Goals, wishes: Wishes, settings: Settings, strength: float
) -> Wishes:
    """Return the wishes without the columns that selection leaves out."""
    if not strength or run.interrupted:
        return wishes
    pieces = max(1, settings.knots)
    shared = encode(frame, train, settings.knots, wishes)
    numbers, own = shared.table(frame.cells)[train], goals.part(train)
    moments = Moments.of(shared, numbers, run.loss.working(own), own.weights)
    design = Design(shared, numbers, moments, wishes, pieces)
    try:
        return replace(wishes, without=dropped(run, design, own, settings, strength))
    except KeyboardInterrupt:
        run.interrupted = True
        return wishes


def _members(
    run: Run, frame: Frame, train: np.ndarray, goals: Goals, wishes: Wishes, plan: list[Settings]
) -> tuple[Encoding, list, list[Settings], list[int]]:
    """Fit the members one after another; at least one comes back, whatever happens.

    Returns the shared encoding, the members, their settings, and the pieces per column of each.
    """
    sizes = piece_counts(plan)
    # A linear member is one piece that goes on outside the knots: then all of them go on.
    shared = encode(frame, train, max(sizes), wishes, linear_tails=min(sizes) == 0)
    numbers, own = shared.table(frame.cells)[train], goals.part(train)
    moments = Moments.of(shared, numbers, run.loss.working(own), own.weights)
    found: list = []
    took = 0.0
    try:
        for member, (settings, pieces) in enumerate(zip(plan, sizes, strict=True)):
            begun = time.monotonic()
            if run.interrupted or (found and (run.stopped or run.left() < 0.5 * took)):
                break
            design = Design(shared, numbers, moments, wishes, max(pieces, 1))
            solution, coordinates = fit_member(run, design, own, settings, member)
            run.interrupted |= solution.reason == "interrupted"
            # A member cut short counts only if it is nearly as good as the others.
            best = min((value for value, *_ in found), default=np.inf)
            if solution.reason != "interrupted" or solution.value <= 1.1 * best:
                part = design.member(coordinates, solution.x)
                found.append((solution.value, part, settings, max(pieces, 1)))
            took = time.monotonic() - begun
    except KeyboardInterrupt:
        run.interrupted = True
    if not found:
        design = Design(shared, numbers, moments, wishes, max(sizes[0], 1))
        found.append((0.0, _additive(run, design, plan[0]), plan[0], max(sizes[0], 1)))
    _, parts, settings, pieces = (list(each) for each in zip(*found, strict=True))
    return shared, parts, [each._replace(members=len(parts)) for each in settings], pieces


def _additive(run: Run, design: Design, settings: Settings):
    """Return the additive model as a member: what is left when Ctrl-C came before any descent."""
    coordinates = design.parametrisation(settings.dim)
    p = first_guess(design, coordinates, settings.penalty)
    rng = np.random.default_rng(run.seed)
    return design.member(coordinates, begin(starts.gapped, coordinates, p, rng))


def _model(shared, parts, scaling: Scaling, frame: Frame, loss: Loss, provenance) -> SpectralModel:
    return SpectralModel(
        shared,
        members=tuple(parts),
        target_scale=scaling.scale,
        target_offset=scaling.offset,
        link=loss.link,
        target_name=frame.target_name,
        classes=frame.classes,
        provenance=provenance,
    )


def _average(run: Run, model: SpectralModel, numbers: np.ndarray) -> np.ndarray:
    """Mean (rows,) or (rows, outputs) of the members' values."""
    rows = Rows(model.encoding, numbers, run.backend, run.dtype(0))
    total = np.zeros((len(numbers), model.outputs))
    for spec, params in model.members:
        single = replace(spec, outputs=1)
        parts = [rows.vjp(single, pencil[None])[0] for pencil in params]
        total += np.stack([rows.backend.to_numpy(part) for part in parts], axis=-1)
    mean = total / len(model.members)
    return mean[:, 0] if model.outputs == 1 else mean


def _report(run, frame, model, fitted, scaling, goals: Goals, plan, began) -> Report:
    numbers = model.encoding.table(frame.cells)
    plain = linear_predictions(model.encoding, numbers, np.flatnonzero(fitted), goals, run.loss)
    known = Goals(frame.target, frame.weights)
    value = scaling.offset + scaling.scale * _average(run, model, numbers)
    linear = scaling.offset + scaling.scale * plain
    return Report(
        target=frame.target_name,
        loss=run.loss.name,
        metric=run.loss.metric,
        rows=int(fitted.sum()),
        rows_held_out=int((~fitted).sum()),
        model=errors(value, known, fitted, run.loss),
        linear=errors(linear, known, fitted, run.loss),
        settings=max(plan, key=plan.count),
        seconds=time.monotonic() - began,
        interrupted=run.interrupted,
        notes=frame.notes,
    )
