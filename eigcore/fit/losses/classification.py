"""Losses for targets of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigcore.fit.losses.base import Loss, Pair, Targets


@dataclass(frozen=True)
class Logistic(Loss):
    """log(1 + eᶠ) − y f for y in {0, 1}; f is the log-odds of the second class."""

    name: ClassVar[str] = "logistic"
    metric: ClassVar[str] = "log loss"
    link: ClassVar[str] = "logistic"
    classified: ClassVar[bool] = True

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        # σ(f) = (1 + tanh(f/2))/2 never overflows.
        probability = 0.5 * (1.0 + np.tanh(0.5 * value))
        return np.logaddexp(0.0, value) - target * value, probability - target

    def working(self, targets: Targets) -> np.ndarray:
        """Log-odds, to first order around the rate of the second class."""
        rate = float(np.clip(np.average(targets.target, weights=targets.weights), 0.01, 0.99))
        return np.log(rate / (1.0 - rate)) + (targets.target - rate) / (rate * (1.0 - rate))

    def constant(self, targets: Targets) -> float:
        """Log-odds of the rate of the second class."""
        rate = np.average(targets.target, weights=targets.weights)
        with np.errstate(divide="ignore"):
            return float(np.log(rate) - np.log1p(-rate))

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
