"""Losses: what a row costs, its derivative, and how the target is prepared for it."""

from __future__ import annotations

from eigcore.fit.losses.base import Loss, Pair, Scaling, Targets
from eigcore.fit.losses.classification import Logistic, Multinomial
from eigcore.fit.losses.regression import Absolute, Huber, Poisson, Quantile, Squared

_KINDS = (Squared, Absolute, Huber, Quantile, Poisson, Logistic, Multinomial)
LOSSES: dict[str, Loss] = {kind.name: kind() for kind in _KINDS}
"""One loss of each kind, with its default parameter."""


def make_loss(name: str, *, quantile: float = 0.5, delta: float = 0.5, classes: int = 2) -> Loss:
    """Return the loss of a name in `LOSSES`, with its parameter (`eigcore.fit.options`)."""
    own = {"quantile": Quantile(quantile), "huber": Huber(delta)}
    return own.get(name) or (Multinomial(classes) if name == "multinomial" else LOSSES[name])


__all__ = [
    "LOSSES",
    "Absolute",
    "Huber",
    "Logistic",
    "Loss",
    "Multinomial",
    "Pair",
    "Poisson",
    "Quantile",
    "Scaling",
    "Squared",
    "Targets",
    "make_loss",
]
