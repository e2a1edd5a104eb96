"""Losses for targets of classes and of proportions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import xlogy

from eigcore.errors import InvalidOption
from eigcore.fit.data.information import effective
from eigcore.fit.losses.base import Loss, Pair, Scaling, Targets

_STEPS = 60
"""Steps of Newton's method, none longer than 0.5."""


@dataclass(frozen=True)
class Binomial(Loss):
    """log(1 + eᶠ) − y f for proportions y in [0, 1]; f is the log-odds."""

    name: ClassVar[str] = "binomial"
    metric: ClassVar[str] = "binomial deviance"
    link: ClassVar[str] = "logistic"
    kernel: ClassVar[str | None] = "binomial"

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        # log(1 + eᶠ) = max(f, 0) + log(1 + e^−|f|) and σ(|f|) = 1/(1 + e^−|f|) never overflow.
        small = np.exp(-np.abs(value))
        larger = 1.0 / (1.0 + small)
        loss = np.maximum(value, 0.0) + np.log1p(small) - target * value
        return loss, np.where(value >= 0.0, larger, small * larger) - target

    def deviances(self, value: np.ndarray, target: np.ndarray) -> np.ndarray:
        """2 (y log(y/p) + (1 − y) log((1 − y)/(1 − p)))."""
        entropy = xlogy(target, target) + xlogy(1.0 - target, 1.0 - target)
        return 2.0 * (self.rows(value, target)[0] + entropy)

    def scaling(
        self,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> Scaling:
        """No scale. Raises InvalidOption for numbers that are no proportions."""
        if not ((target >= 0.0) & (target <= 1.0)).all():
            found = f"values from {target.min():.6g} to {target.max():.6g}"
            problem = f"is {self.name!r}, and the target has {found}"
            expected = "proportions from 0 to 1, or counts of successes with exposure= their trials"
            raise InvalidOption("loss", self.name, expected, "squared", problem)
        return Scaling(1.0, 0.0)

    def information(self, target: np.ndarray, weights: np.ndarray | None = None) -> float:
        """Effective number of events or of others, whichever is smaller."""
        own = np.ones(len(target)) if weights is None else weights
        return min(effective(own * each, len(own)) for each in (target, 1.0 - target))

    def strata(self, target: np.ndarray) -> np.ndarray | None:
        """Whether successes are in the majority."""
        return (target > 0.5).astype(np.int64)

    def working(self, targets: Targets) -> np.ndarray:
        """Log-odds, to first order around the rate of the second class."""
        rate = float(np.clip(np.average(targets.target, weights=targets.weights), 0.01, 0.99))
        found = np.log(rate / (1.0 - rate)) + (targets.target - rate) / (rate * (1.0 - rate))
        return found if targets.offset is None else found - targets.offset

    def constant(self, targets: Targets) -> float:
        """Log-odds of the rate; with offsets, by Newton's method from there."""
        rate = float(np.average(targets.target, weights=targets.weights))
        with np.errstate(divide="ignore"):
            found = np.log(rate) - np.log1p(-rate)
        for _ in range(_STEPS if targets.offset is not None and np.isfinite(found) else 0):
            p = 0.5 * (1.0 + np.tanh(0.5 * targets.moved(np.full(len(targets.target), found))))
            bend = float(np.average(p * (1.0 - p), weights=targets.weights))
            apart = rate - float(np.average(p, weights=targets.weights))
            found += float(np.clip(apart / max(bend, 1e-12), -0.5, 0.5))
        return float(found)


@dataclass(frozen=True)
class Logistic(Binomial):
    """log(1 + eᶠ) − y f for y in {0, 1}; f is the log-odds of the second class."""

    name: ClassVar[str] = "logistic"
    metric: ClassVar[str] = "log loss"
    classified: ClassVar[bool] = True

    def deviances(self, value: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Log loss, in nats."""
        return self.rows(value, target)[0]

    def right(self, value: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Whether the more probable class (N,) is the right one."""
        return (value > 0.0) == (target > 0.5)


@dataclass(frozen=True)
class Multinomial(Loss):
    """log Σ_c exp f_c − f_y, with one decision f_c per class, for targets of class indices."""

    classes: int = 2
    name: ClassVar[str] = "multinomial"
    metric: ClassVar[str] = "log loss"
    link: ClassVar[str] = "softmax"
    classified: ClassVar[bool] = True

    @property
    def outputs(self) -> int:
        """One decision per class."""
        return self.classes

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        shifted = value - value.max(-1, keepdims=True)
        weights = np.exp(shifted)
        total = weights.sum(-1, keepdims=True)
        own = np.take_along_axis(shifted, target.astype(np.int64)[:, None], axis=-1)
        loss = (np.log(total) - own)[:, 0]
        return loss, weights / total - self._indicators(target)

    def information(self, target: np.ndarray, weights: np.ndarray | None = None) -> float:
        """Effective number of rows outside one class, the least over the classes."""
        own = np.ones(len(target)) if weights is None else weights
        return min(effective(own * (1.0 - each), len(own)) for each in self._indicators(target).T)

    def strata(self, target: np.ndarray) -> np.ndarray | None:
        """Class of each row."""
        return target.astype(np.int64)

    def working(self, targets: Targets) -> np.ndarray:
        """Logarithms of the probabilities, to first order around the rates of the classes."""
        chosen = self._indicators(targets.target)
        rate = np.clip(np.average(chosen, axis=0, weights=targets.weights), 0.01, 0.99)
        return np.log(rate) + (chosen - rate) / rate

    def constant(self, targets: Targets) -> np.ndarray:
        """Logarithms (classes,) of the rates of the classes."""
        rates = np.average(self._indicators(targets.target), axis=0, weights=targets.weights)
        return np.log(np.maximum(rates, np.finfo(np.float64).tiny))

    def right(self, value: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Whether the most probable class (N,) is the right one."""
        return value.argmax(-1) == target

    def _indicators(self, target: np.ndarray) -> np.ndarray:
        return (target[:, None] == np.arange(self.classes)).astype(np.float64)
