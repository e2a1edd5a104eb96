"""Losses: the cost of a row, its derivative, and the scaling of the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eigcore.fit.losses.base import Loss, Pair, Scaling, Targets
from eigcore.fit.losses.classification import Binomial, Logistic, Multinomial
from eigcore.fit.losses.rates import Gamma, Poisson, Tweedie
from eigcore.fit.losses.regression import Absolute, Huber, Quantile, Squared
from eigcore.fit.losses.several import Several, each_target

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
    several: Mapping[str, Any] | None = None,
) -> Loss:
    """Return the loss with a name in `LOSSES` and its parameter (`eigcore.fit.options`).

    several : names and units of the targets, if there are several
    """
    own: dict[str, Loss] = {
        "quantile": Quantile(quantile),
        "huber": Huber(delta),
        "tweedie": Tweedie(variance_power),
        "multinomial": Multinomial(classes),
    }
    found = own.get(name) or LOSSES[name]
    if several is None:
        return found
    return Several(found, tuple(several["names"]), tuple(several["units"]))


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
    "Several",
    "Squared",
    "Targets",
    "Tweedie",
    "each_target",
    "make_loss",
]
