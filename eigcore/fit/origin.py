"""How a model was fitted: written into its provenance, and read from it to resume a fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from eigcore.errors import InvalidInput
from eigcore.fit.constraints import Constraints
from eigcore.fit.losses import Loss, make_loss
from eigcore.fit.members.member import Settings
from eigcore.fit.problem import Problem
from eigcore.model import SpectralModel

_CONSTRAINTS, _BEFORE = "constraints", "wishes"
"""The key of the constraints in files, now and before."""


class Origin(NamedTuple):
    """How a model was fitted.

    seed, rows : seed of the fit, rows fitted so far
    weight : sum of their weights
    settings, pieces : of each member
    beside : names of the exposure and the offset, if the fit had any, or those of each target
    class_weights : of each class; empty: all 1
    rest : see `eigcore.fit.data.target.Target`
    """

    loss: Loss
    constraints: Constraints
    seed: int
    rows: int
    weight: float
    settings: list[Settings]
    pieces: list[int]
    beside: dict[str, Any]
    class_weights: list[float]
    rest: float = 0.0


def provenance(
    problem: Problem, settings: Sequence[Settings], pieces: Sequence[int]
) -> dict[str, Any]:
    """Return what the file of a model records about its fit; `origin` reads it.

    problem : the rows fitted
    settings, pieces : of each member
    """
    shares = problem.target.class_weights
    return {
        "seed": problem.context.seed,
        "rows": problem.rows,
        "weight": problem.weight,
        "loss": problem.loss.name,
        "loss_parameters": problem.loss.parameters,
        "backend": problem.context.backend,
        "settings": [each._asdict() for each in settings],
        "pieces": list(pieces),
        _CONSTRAINTS: problem.constraints.to_dict(),
        **dict(problem.beside),
        **({"class_weights": list(shares)} if shares else {}),
        **({"rest": problem.target.rest} if problem.target.rest else {}),
    }


def origin(model: SpectralModel) -> Origin:
    """Read how a model was fitted, also from files with older keys.

    Raises
    ------
    InvalidInput
        A model that `eigcore.fit` did not make.
    """
    told = model.provenance
    try:
        constraints = told[_BEFORE if _BEFORE in told else _CONSTRAINTS]
        return Origin(
            make_loss(told["loss"], **told["loss_parameters"]),
            Constraints.from_dict(constraints),
            int(told["seed"]),
            int(told["rows"]),
            float(told.get("weight", told["rows"])),
            [Settings(**each) for each in told["settings"]],
            list(told["pieces"]),
            {name: told[name] for name in ("exposure", "offset") if name in told},
            list(told.get("class_weights", ())),
            float(told.get("rest", 0.0)),
        )
    except (KeyError, TypeError) as exc:
        raise InvalidInput(
            f"The provenance of the model lacks {exc}; expected a model made by eigcore.fit, which "
            "records how it was fitted. Fit the model again."
        ) from exc
