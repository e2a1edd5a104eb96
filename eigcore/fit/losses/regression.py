"""Losses for targets of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigcore.errors import InvalidOption
from eigcore.fit.losses.base import Loss, Pair, Scaling, Targets


@dataclass(frozen=True)
class Squared(Loss):
    """(f − y)²."""

    name: ClassVar[str] = "squared"
    metric: ClassVar[str] = "RMSE"

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        residual = value - target
        return np.square(residual), 2.0 * residual

    def scaling(self, target: np.ndarray, weights: np.ndarray | None = None) -> Scaling:
        """Scale to unit variance around the mean."""
        return Scaling.around(np.average(target, weights=weights), target, weights)

    def error(
        self, value: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        """Root mean square error."""
        return float(np.sqrt(self.deviance(value, target, weights)))


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

    def scaling(self, target: np.ndarray, weights: np.ndarray | None = None) -> Scaling:
        """Scale to unit variance around the quantile."""
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

    def scaling(self, target: np.ndarray, weights: np.ndarray | None = None) -> Scaling:
        """Scale to unit variance around the median."""
        return Absolute().scaling(target, weights)

    def deviance(
        self, value: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        """Mean absolute error: the unit of δ is not that of the target."""
        return Absolute().deviance(value, target, weights)


@dataclass(frozen=True)
class Poisson(Loss):
    """eᶠ − y f, for counts and other y ≥ 0 with mean eᶠ; y and eᶠ in units of the mean target."""

    name: ClassVar[str] = "poisson"
    metric: ClassVar[str] = "Poisson deviance"
    link: ClassVar[str] = "log"

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        mean = np.exp(value)
        return mean - target * value, mean - target

    def scaling(self, target: np.ndarray, weights: np.ndarray | None = None) -> Scaling:
        """Shift by the logarithm of the mean. Raises InvalidOption for negative targets."""
        mean = float(np.average(target, weights=weights))
        if not (target >= 0.0).all() or mean <= 0.0:
            raise self._misused(target)
        return Scaling(1.0, float(np.log(mean)))

    def scaled(self, target: np.ndarray, scaling: Scaling) -> np.ndarray:
        """Target (N,) in units of the mean."""
        if not (target >= 0.0).all():
            raise self._misused(target)
        return target / np.exp(scaling.offset)

    def _misused(self, target: np.ndarray) -> InvalidOption:
        found = f"values from {target.min():.6g} to {target.max():.6g}"
        return InvalidOption(
            "loss",
            self.name,
            "values of at least 0, not all of them 0",
            "squared",
            f"is {self.name!r}, and the target has {found}",
        )

    def constant(self, targets: Targets) -> float:
        """Logarithm of the mean."""
        mean = float(np.average(targets.target, weights=targets.weights))
        return float(np.log(max(mean, np.finfo(np.float64).tiny)))

    def working(self, targets: Targets) -> np.ndarray:
        """Logarithm, to first order around the mean 1."""
        return targets.target - 1.0

    def deviance(
        self, value: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        """Mean of 2 (y log(y/μ) − y + μ)."""
        with np.errstate(over="ignore"):
            mean = np.exp(value)
        ratio = np.log(np.where(target > 0.0, target, 1.0)) - value
        deviance = 2.0 * (np.where(target > 0.0, target * ratio, 0.0) - target + mean)
        return float(np.average(deviance, weights=weights))
