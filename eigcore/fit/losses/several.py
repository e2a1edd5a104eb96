"""A loss for several targets of numbers: the sum of one loss for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.fit.losses.base import Loss, Pair, Scaling, Targets


@dataclass(frozen=True)
class Several(Loss):
    """Σ_t loss(f_t, y_t): the targets share the encoding and the settings, nothing else.

    Targets and decisions have the shape (N, targets), scales and offsets (targets,).

    own : loss of each target; its link is the identity
    names : of the targets
    units : of the targets, in which errors are told, so that they can be averaged
    """

    own: Loss
    names: tuple[str, ...]
    units: tuple[float, ...]

    @property
    def name(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Name of the loss of each target."""
        return self.own.name

    @property
    def metric(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Name of what `error` measures."""
        return f"{self.own.metric} in standard deviations"

    @property
    def outputs(self) -> int:
        """One decision per target."""
        return len(self.names)

    @property
    def parameters(self) -> dict[str, Any]:
        """See `Loss.parameters`."""
        more = {"names": list(self.names), "units": list(self.units)}
        return self.own.parameters | {"several": more}

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """See `Loss.rows`."""
        loss, slope = self.own.rows(value, target)
        return loss.sum(-1), slope

    def scaling(
        self,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> Scaling:
        """Scale each target on its own."""
        each: Any = zip(*(self.own.scaling(own, weights) for own in target.T), strict=True)
        return Scaling(*map(np.array, each))

    def information(self, target: np.ndarray, weights: np.ndarray | None = None) -> float:
        """Effective number of observations, the least over the targets."""
        return min(self.own.information(own, weights) for own in target.T)

    def constant(self, targets: Targets) -> np.ndarray:
        """Best constant decisions (targets,)."""
        return np.asarray(self.scaling(*targets).offset)

    def error(
        self,
        value: np.ndarray,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> float:
        """Mean error of the targets, each in its unit."""
        pairs = zip(value.T, target.T, self.units, strict=True)
        return float(np.mean([self.own.error(v, y, weights) / unit for v, y, unit in pairs]))


def each_target(loss: Loss, value: np.ndarray, targets: Targets) -> list[tuple[Any, ...]]:
    """Return loss, decisions (N,) and Targets of every target of several (N, targets)."""
    pairs = zip(value.T, targets.target.T, strict=True)
    own = loss.own if isinstance(loss, Several) else loss
    return [(own, v, Targets(y, targets.weights)) for v, y in pairs]
