"""Losses: the cost of a row, its derivative, and the scaling of the target."""

from __future__ import annotations

from eigcore.fit.losses.base import Loss, Pair, Scaling, Targets
from eigcore.fit.losses.classification import Logistic, Multinomial
from eigcore.fit.losses.regression import Absolute, Huber, Poisson, Quantile, Squared

_KINDS = (Squared, Absolute, Huber, Quantile, Poisson, Logistic, Multinomial)
LOSSES: dict[str, Loss] = {kind.name: kind() for kind in _KINDS}
"""One loss of each kind, with its default parameter."""


def make_loss(name: str, *, quantile: float = 0.5, delta: float = 0.5, classes: int = 2) -> Loss:
    """Return the loss with a name in `LOSSES` and its parameter (`eigcore.fit.options`)."""
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
