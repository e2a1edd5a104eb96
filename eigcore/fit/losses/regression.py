"""Losses for targets of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigcore.fit.losses.base import Loss, Pair, Scaling


@dataclass(frozen=True)
class Squared(Loss):
    """(f − y)²."""

    name: ClassVar[str] = "squared"
    kernel: ClassVar[str | None] = "squared"
    metric: ClassVar[str] = "RMSE"

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        residual = value - target
        return np.square(residual), 2.0 * residual

    def scaling(
        self,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> Scaling:
        """Scale to unit variance around the mean."""
        target = target if offset is None else target - offset
        return Scaling.around(np.average(target, weights=weights), target, weights)

    def error(
        self,
        value: np.ndarray,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> float:
        """Root mean square error."""
        return float(np.sqrt(self.deviance(value, target, weights, offset)))


@dataclass(frozen=True)
class Quantile(Loss):
    """max(τ (y − f), (τ − 1)(y − f)): its minimum is the τ-quantile (Koenker & Bassett 1978).

    The subgradient at f = y is zero.
    """

    quantile: float = 0.5
    name: ClassVar[str] = "quantile"
    metric: ClassVar[str] = "pinball loss"

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        residual = value - target
        slope = np.where(residual > 0.0, 1.0 - self.quantile, -self.quantile) * (residual != 0.0)
        return slope * residual, slope

    def scaling(
        self,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> Scaling:
        """Scale to unit variance around the quantile."""
        target = target if offset is None else target - offset
        center = np.quantile(target, self.quantile, method="inverted_cdf", weights=weights)
        return Scaling.around(float(center), target, weights)


@dataclass(frozen=True)
class Absolute(Quantile):
    """|f − y|; the subgradient at f = y is zero."""

    name: ClassVar[str] = "absolute"
    metric: ClassVar[str] = "MAE"

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        residual = value - target
        return np.abs(residual), np.sign(residual)


@dataclass(frozen=True)
class Huber(Loss):
    """(f − y)²/2 up to |f − y| = δ, then δ(|f − y| − δ/2) (Huber 1964).

    delta : in standard deviations of the target
    """

    delta: float = 0.5
    name: ClassVar[str] = "huber"
    metric: ClassVar[str] = "MAE"

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        residual = value - target
        slope = np.clip(residual, -self.delta, self.delta)
        return slope * (residual - 0.5 * slope), slope

    def scaling(
        self,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> Scaling:
        """Scale to unit variance around the median."""
        target = target if offset is None else target - offset
        return Absolute().scaling(target, weights)

    def deviances(self, value: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Absolute errors: the unit of δ is not that of the target."""
        return np.abs(value - target)
