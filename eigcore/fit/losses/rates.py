"""Losses with a log link, for counts, rates and amounts: their mean is eᶠ.

Each is the deviance of an exponential dispersion model whose variance is φ μ^p, up to terms without
f (Jørgensen, "The Theory of Dispersion Models", 1997, chapter 4): p = 1 for Poisson, 2 for gamma,
between them sums of a Poisson number of gamma amounts. Target and eᶠ are in units of the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigcore.errors import InvalidOption
from eigcore.fit.data.information import effective
from eigcore.fit.losses.base import Loss, Pair, Scaling, Targets

_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Rate(Loss):
    """What the losses with a log link share.

    power : p, the exponent of the variance
    zeros : whether the target may be 0
    """

    link: ClassVar[str] = "log"
    zeros: ClassVar[bool] = True

    @property
    def power(self) -> float:
        """The exponent p of the variance."""
        raise NotImplementedError

    def scaling(
        self,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> Scaling:
        """Shift by the best constant. Raises InvalidOption for targets out of range."""
        self._check(target)
        if not target.any():
            raise self._misused(target)
        return Scaling(1.0, self.constant(Targets(target, weights, offset)))

    def scaled(self, target: np.ndarray, scaling: Scaling) -> np.ndarray:
        """Target (N,) in units of the mean."""
        self._check(target)
        return target / np.exp(scaling.offset)

    def _check(self, target: np.ndarray) -> None:
        if not ((target >= 0.0) if self.zeros else (target > 0.0)).all():
            raise self._misused(target)

    def _misused(self, target: np.ndarray) -> InvalidOption:
        found = f"values from {target.min():.6g} to {target.max():.6g}"
        return InvalidOption(
            "loss",
            self.name,
            "values of at least 0, not all of them 0" if self.zeros else "values above 0",
            "squared" if self.zeros or target.min() < 0.0 else "tweedie",
            f"is {self.name!r}, and the target has {found}",
        )

    def information(self, target: np.ndarray, weights: np.ndarray | None = None) -> float:
        """(Σwy)²/Σ(wy)², where targets may be 0: the number of claims, if each row has one or none.

        With an exposure, the weights contain it, and w y is the total of the row.
        """
        if not self.zeros:
            return super().information(target, weights)
        return effective(target if weights is None else weights * target, len(target))

    def strata(self, target: np.ndarray) -> np.ndarray | None:
        """Whether the target is above 0."""
        return (target > 0.0).astype(np.int64) if self.zeros else None

    def moments(self, value: np.ndarray) -> Pair | None:
        """e^f and e^(p f)."""
        with np.errstate(over="ignore"):
            return np.exp(value), np.exp(self.power * value)

    def constant(self, targets: Targets) -> float:
        """Σ w y e^((1−p) o) = e^f Σ w e^((2−p) o): logarithm of the mean without offsets o."""
        y, w, o = targets.target, targets.weights, targets.offset
        first, second = y, np.ones_like(y)
        if o is not None:
            first, second = y * np.exp((1.0 - self.power) * o), np.exp((2.0 - self.power) * o)
        mean = np.average(first, weights=w) / np.average(second, weights=w)
        return float(np.log(max(float(mean), _TINY)))

    def working(self, targets: Targets) -> np.ndarray:
        """Logarithm, to first order around the mean 1."""
        y = targets.target if targets.offset is None else targets.target * np.exp(-targets.offset)
        return y - 1.0


@dataclass(frozen=True)
class Poisson(Rate):
    """eᶠ − y f, for counts and other y ≥ 0."""

    name: ClassVar[str] = "poisson"
    metric: ClassVar[str] = "Poisson deviance"

    @property
    def power(self) -> float:
        """See `Rate.power`."""
        return 1.0

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        mean = np.exp(value)
        return mean - target * value, mean - target

    def deviances(self, value: np.ndarray, target: np.ndarray) -> np.ndarray:
        """2 (y log(y/μ) − y + μ)."""
        ratio = np.log(np.where(target > 0.0, target, 1.0)) - value
        return 2.0 * (np.where(target > 0.0, target * ratio, 0.0) - target + np.exp(value))


@dataclass(frozen=True)
class Gamma(Rate):
    """y e^(−f) + f, for amounts y > 0 whose standard deviation is proportional to their mean."""

    name: ClassVar[str] = "gamma"
    metric: ClassVar[str] = "gamma deviance"
    zeros: ClassVar[bool] = False

    @property
    def power(self) -> float:
        """See `Rate.power`."""
        return 2.0

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        ratio = target * np.exp(-value)
        return ratio + value, 1.0 - ratio

    def deviances(self, value: np.ndarray, target: np.ndarray) -> np.ndarray:
        """2 (y/μ − 1 − log(y/μ))."""
        return 2.0 * (target * np.exp(-value) - 1.0 - np.log(target) + value)


@dataclass(frozen=True)
class Tweedie(Rate):
    """y e^((1−p) f) / (p − 1) + e^((2−p) f) / (2 − p), for amounts y ≥ 0 with many zeros.

    variance_power : p, between 1 and 2
    """

    variance_power: float = 1.5
    name: ClassVar[str] = "tweedie"
    metric: ClassVar[str] = "Tweedie deviance"

    @property
    def power(self) -> float:
        """See `Rate.power`."""
        return self.variance_power

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        p = self.power
        # 0 · ∞ is 0 here
        first = np.where(target > 0.0, target * np.exp((1.0 - p) * value), 0.0)
        second = np.exp((2.0 - p) * value)
        return first / (p - 1.0) + second / (2.0 - p), second - first

    def deviances(self, value: np.ndarray, target: np.ndarray) -> np.ndarray:
        """2 (y^(2−p) / ((1−p)(2−p)) − y μ^(1−p) / (1−p) + μ^(2−p) / (2−p))."""
        p = self.power
        return 2.0 * (self.rows(value, target)[0] - target ** (2.0 - p) / ((p - 1.0) * (2.0 - p)))
