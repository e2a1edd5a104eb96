"""Losses: the cost of a row, its derivative, and the scaling of the target."""

from __future__ import annotations

from eigcore.fit.losses.base import Loss, Pair, Scaling, Targets
from eigcore.fit.losses.classification import Binomial, Logistic, Multinomial
from eigcore.fit.losses.rates import Gamma, Poisson, Tweedie
from eigcore.fit.losses.regression import Absolute, Huber, Quantile, Squared

_NUMBERS = (Squared, Absolute, Huber, Quantile, Poisson, Gamma, Tweedie, Binomial)
_KINDS = (*_NUMBERS, Logistic, Multinomial)
LOSSES: dict[str, Loss] = {kind.name: kind() for kind in _KINDS}
"""One loss of each kind, with its default parameter."""


def make_loss(
    name: str,
    *,
    quantile: float = 0.5,
    delta: float = 0.5,
    classes: int = 2,
    variance_power: float = 1.5,
) -> Loss:
    """Return the loss with a name in `LOSSES` and its parameter (`eigcore.fit.options`)."""
    own: dict[str, Loss] = {
        "quantile": Quantile(quantile),
        "huber": Huber(delta),
        "tweedie": Tweedie(variance_power),
        "multinomial": Multinomial(classes),
    }
    return own.get(name) or LOSSES[name]


__all__ = [
    "LOSSES",
    "Absolute",
    "Binomial",
    "Gamma",
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
    "Tweedie",
    "make_loss",
]
