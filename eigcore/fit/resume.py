"""Go on fitting a model that `fit` made: other rows, or more steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Categories
from eigcore.errors import InvalidInput
from eigcore.fit.design import Design, Wishes
from eigcore.fit.frame import make_frame
from eigcore.fit.losses import Goals, Loss, Scaling, make_loss
from eigcore.fit.member import Progress, Run, Settings, fit_member
from eigcore.fit.moments import Moments
from eigcore.fit.solvers.early_stopping import Patience
from eigcore.fit.solvers.lbfgs import Solution
from eigcore.model import SpectralModel


def resume(
    model: SpectralModel,
    table: Any,
    target: Any,
    *,
    weights: Any = None,
    max_iter: int = 120,
    remember: bool = False,
    patience: Patience | None = None,
    backend: str | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
) -> tuple[SpectralModel, tuple[Solution, ...]]:
    """Descend from the matrices of a fitted model; its constraints stay exact.

    Parameters
    ----------
    model : SpectralModel made by `fit` or `resume`, also read from its file
    table, target, weights, patience, backend, callback : as for `fit`
    max_iter : L-BFGS steps per member
    remember : these rows are further ones, beside those the model has seen. Their mean loss is
        joined by that on the rows seen, to second order: a change Δ of W_b changes f by vᵀΔv, for
        terms of unit variance, whose mean square is 2‖Δ‖_F²/(d(d+2)) for traceless Δ and v uniform
        on the sphere.

    Returns
    -------
    The new model, and what the solver found, one per member.

    Raises
    ------
    InvalidInput
        A model of another origin, or a table that does not fit it.
    """
    loss, settings, wishes, pieces = origin(model)
    static, encoding = model.static, model.encoding
    kinds = zip(encoding.names, encoding.columns, strict=True)
    frame = make_frame(
        table,
        target,
        weights=weights,
        loss=loss.name,
        classes=static.classes or None,
        categories=[name for name, column in kinds if isinstance(column, Categories)],
        keep_constant=True,
    )
    name = get_backend(backend).name
    run = Run(loss, name, int(model.provenance["seed"]), max_iter, callback, time.monotonic())
    run.patience = patience
    seen = int(model.provenance["rows"])
    scaling = Scaling(static.scale, static.offset)
    goals = Goals(loss.goal(frame.target, scaling), frame.weights)
    numbers = encoding.table(frame.cells)
    moments = Moments.of(encoding, numbers, loss.working(goals), goals.weights)
    members = []
    kept = zip(model.members, settings, pieces, strict=True)
    for place, ((spec, params), own, most) in enumerate(kept):
        if remember:
            run.hold = 2.0 / (spec.dim * (spec.dim + 2)) * seen / len(frame.target)
        design = Design(encoding, numbers, moments, wishes, most, keep=True)
        coordinates = design.parametrisation(spec.dim)
        start = design.vector(coordinates, params)
        solution, _ = fit_member(run, design, goals, own, place, start)
        members.append(design.member(coordinates, solution.x))
    found = replace(static, specs=tuple(spec for spec, _ in members))
    parameters = [np.asarray(params) for _, params in members]
    rows = len(frame.target) + seen * remember
    provenance = model.provenance | {"rows": rows}
    return SpectralModel.from_static(found, parameters, provenance), tuple(run.solutions)


def origin(model: SpectralModel) -> tuple[Loss, list[Settings], Wishes, list[int]]:
    """Read from a model's provenance how it was fitted."""
    try:
        told = model.provenance
        loss = make_loss(told["loss"], **told["loss_parameters"])
        wishes = told["wishes"]
        wanted = Wishes(
            tuple(wishes["increasing"]),
            tuple(wishes["decreasing"]),
            wishes["shape"],
            tuple(
                (key, tuple(value) if isinstance(value, list) else value)
                for key, value in wishes["neuron"].items()
            ),
            tuple(wishes["without"]),
        )
        settings = [Settings(**each) for each in told["settings"]]
        return loss, settings, wanted, list(told["pieces"])
    except (KeyError, TypeError) as exc:
        raise InvalidInput(
            f"The provenance of the model lacks {exc}; expected a model made by eigcore.fit.fit, "
            "which tells how to go on. Fit the model again."
        ) from exc
