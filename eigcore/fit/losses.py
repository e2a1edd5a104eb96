"""Losses: what a row costs, its derivative, and how the target is prepared for it.

A decision f belongs to each row; target and f are in the coordinates of the loss (`Loss.goal`),
where predictions are link⁻¹(offset + scale · f) (`Scaling`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from eigcore.fit.validation import InvalidOption

Pair = tuple[np.ndarray, np.ndarray]


class Scaling(NamedTuple):
    """Decision = offset + scale · (eigenvalue): what the target was divided by."""

    scale: float
    offset: float

    @classmethod
    def around(cls, center: float, target: np.ndarray, weights: np.ndarray | None) -> Scaling:
        """Unit variance around a centre; a constant target keeps its unit."""
        mean = np.average(target, weights=weights)
        variance = np.average((target - mean) ** 2, weights=weights)
        return cls(float(np.sqrt(variance)) or 1.0, float(center))


class Goals(NamedTuple):
    """What rows are fitted to.

    target : (N,) in the coordinates of a loss
    weights : (N,) of the rows in means, None: all equal
    """

    target: np.ndarray
    weights: np.ndarray | None = None

    def part(self, rows: np.ndarray | slice) -> Goals:
        """Return the goals of some of the rows."""
        return Goals(self.target[rows], None if self.weights is None else self.weights[rows])


@dataclass(frozen=True)
class Loss:
    """A loss of one decision per row. Calling it gives the mean and its derivative.

    name : as in ``fit(loss=name)``
    metric : what `error` measures
    link : link of the fitted model
    """

    name: ClassVar[str]
    metric: ClassVar[str]
    link: ClassVar[str] = "identity"
    classified: ClassVar[bool] = False

    @property
    def outputs(self) -> int:
        """Decisions per row."""
        return 1

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """Loss (N,) of each row and its derivative by the decision, like ``value``."""
        raise NotImplementedError

    def __call__(
        self, value: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
    ) -> tuple[float, np.ndarray]:
        """Weighted mean over the rows, and its derivative by each decision.

        Parameters
        ----------
        value : (N,) or, with several decisions per row, (N, outputs)
        target : (N,)
        weights : (N,) non-negative, with a positive sum; None: all equal
        """
        # a value too large to exponentiate is an infinite loss, which shortens the step
        with np.errstate(over="ignore", invalid="ignore"):
            loss, slope = self.rows(value, target)
        if weights is None:
            # not a dot product: threads of BLAS wait for each other longer than this takes
            return float(loss.mean()), slope / len(loss)
        share = weights / weights.sum()
        return float((share * loss).sum()), (slope.T * share).T

    def scaling(self, target: np.ndarray, weights: np.ndarray | None = None) -> Scaling:
        """How decisions relate to target units; target (N,) in target units."""
        return Scaling(1.0, 0.0)

    def goal(self, target: np.ndarray, scaling: Scaling) -> np.ndarray:
        """Target (N,) in the coordinates of the loss."""
        return (target - scaling.offset) / scaling.scale

    def working(self, goals: Goals) -> np.ndarray:
        """Numbers (N,) or (N, outputs) that least squares may fit in place of the goals."""
        return goals.target

    def error(
        self, value: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        """Mean error in target units: value = offset + scale · decision."""
        return self(value, target, weights)[0]


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
        """Unit variance around the mean."""
        return Scaling.around(np.average(target, weights=weights), target, weights)

    def error(
        self, value: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        """Root of the mean square."""
        return float(np.sqrt(self(value, target, weights)[0]))


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
        """Unit variance around the quantile."""
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
        """Unit variance around the median."""
        return Absolute().scaling(target, weights)

    def error(
        self, value: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        """Mean absolute error."""
        return Absolute().error(value, target, weights)


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
        """Around the logarithm of the mean."""
        mean = float(np.average(target, weights=weights))
        if not (target >= 0.0).all() or mean <= 0.0:
            raise self._refused(target)
        return Scaling(1.0, float(np.log(mean)))

    def goal(self, target: np.ndarray, scaling: Scaling) -> np.ndarray:
        """Units of the mean."""
        if not (target >= 0.0).all():
            raise self._refused(target)
        return target / np.exp(scaling.offset)

    def _refused(self, target: np.ndarray) -> InvalidOption:
        return InvalidOption(
            f"The target has values from {target.min():.6g} to {target.max():.6g}; the loss "
            "poisson expects values of at least 0, not all of them 0. Type --loss squared."
        )

    def working(self, goals: Goals) -> np.ndarray:
        """First order of the logarithm around the mean 1."""
        return goals.target - 1.0

    def error(
        self, value: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        """Mean of 2 (y log(y/μ) − y + μ)."""
        with np.errstate(over="ignore"):
            mean = np.exp(value)
        ratio = np.log(np.where(target > 0.0, target, 1.0)) - value
        deviance = 2.0 * (np.where(target > 0.0, target * ratio, 0.0) - target + mean)
        return float(np.average(deviance, weights=weights))


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

    def working(self, goals: Goals) -> np.ndarray:
        """First order of the log-odds around the rate."""
        rate = float(np.clip(np.average(goals.target, weights=goals.weights), 0.01, 0.99))
        return np.log(rate / (1.0 - rate)) + (goals.target - rate) / (rate * (1.0 - rate))

    def right(self, value: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Whether the more probable class (N,) is the right one."""
        return (value > 0.0) == (target > 0.5)


@dataclass(frozen=True)
class Multinomial(Loss):
    """log Σ_c exp f_c − f_y, one decision f_c per class, for targets that are codes."""

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

    def working(self, goals: Goals) -> np.ndarray:
        """First order of the logarithms of the probabilities around the rates."""
        chosen = self._indicators(goals.target)
        rate = np.clip(np.average(chosen, axis=0, weights=goals.weights), 0.01, 0.99)
        return np.log(rate) + (chosen - rate) / rate

    def right(self, value: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Whether the most probable class (N,) is the right one."""
        return value.argmax(-1) == target

    def _indicators(self, target: np.ndarray) -> np.ndarray:
        return (target[:, None] == np.arange(self.classes)).astype(np.float64)


_KINDS = (Squared, Absolute, Huber, Quantile, Poisson, Logistic, Multinomial)
LOSSES: dict[str, Loss] = {kind.name: kind() for kind in _KINDS}
"""One loss of each kind, with its default parameter."""


def make_loss(name: str, *, quantile: float = 0.5, delta: float = 0.5, classes: int = 2) -> Loss:
    """Return the loss of a name, with its parameter.

    Raises
    ------
    InvalidOption
        If the name is unknown or the parameter out of its range.
    """
    if name not in LOSSES:
        raise InvalidOption(
            f"loss is {name!r}; expected one of {', '.join(LOSSES)}. Type --loss squared."
        )
    if not 0.0 < quantile < 1.0:
        raise InvalidOption(
            f"quantile is {quantile}; expected more than 0 and less than 1. Type --quantile 0.9."
        )
    if not delta > 0.0:
        raise InvalidOption(
            f"delta is {delta}; expected a positive number of standard deviations of the target. "
            "Type --delta 0.5."
        )
    own = {"quantile": Quantile(quantile), "huber": Huber(delta)}
    return own.get(name) or (Multinomial(classes) if name == "multinomial" else LOSSES[name])
