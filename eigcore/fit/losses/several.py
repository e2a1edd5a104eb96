"""A loss for several targets of numbers: the sum of one loss for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.errors import InvalidOption
from eigcore.fit.losses.base import Loss, Pair, Scaling, Targets


@dataclass(frozen=True)
class Several(Loss):
    """Σ_t loss(f_t, y_t): the targets share the encoding and the settings, nothing else.

    Targets and decisions have the shape (N, targets), scales and offsets (targets,).

    own : loss of each target
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
    def link(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Link of every target."""
        return self.own.link

    @property
    def metric(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Name of what `error` measures."""
        unit = "in standard deviations" if self.link == "identity" else "over that of constants"
        return f"{self.own.metric} {unit}"

    @classmethod
    def of(
        cls, own: Loss, names: tuple[str, ...], values: np.ndarray, weights: np.ndarray | None
    ) -> Several:
        """Return the loss of targets (N, targets), whose units follow from values and weights (N,).

        Errors of numbers are told in standard deviations, others over those of constants.
        """

        def unit(target: np.ndarray) -> float:
            if own.link == "identity":
                return own.scaling(target, weights).scale
            own.scaling(target)  # raises for targets out of range
            constant = np.broadcast_to(own.constant(Targets(target, weights)), target.shape)
            return own.error(constant, target, weights) or 1.0

        found = []
        for name, target in zip(names, values.T, strict=True):
            try:
                found.append(unit(target))
            except InvalidOption as exc:
                problem = str(exc.problem).replace("the target", f"target {name!r}")
                told = (exc.option, exc.value, exc.expected, exc.example, problem)
                raise InvalidOption(*told) from exc
        return cls(own, names, tuple(found))

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

    def strata(self, target: np.ndarray) -> np.ndarray | None:
        """One kind for each combination of those of the targets."""
        each = [self.own.strata(own) for own in target.T]
        known = [kinds for kinds in each if kinds is not None]
        return np.unique(np.stack(known), axis=1, return_inverse=True)[1] if known else None

    def scaled(self, target: np.ndarray, scaling: Scaling) -> np.ndarray:
        """Targets (N, targets) in the coordinates of their loss."""
        pairs = zip(target.T, map(Scaling._make, zip(*scaling, strict=True)), strict=True)
        return np.stack([self.own.scaled(*pair) for pair in pairs], axis=-1)

    def working(self, targets: Targets) -> np.ndarray:
        """Numbers (N, targets) that least squares fits in place of the targets."""
        each = [self.own.working(own) for own in apart(targets)]
        return np.stack(each, axis=-1)

    def scaling(
        self,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> Scaling:
        """Scale each target on its own."""
        alone = apart(Targets(target, weights, offset))
        each: Any = zip(*(self.own.scaling(*own) for own in alone), strict=True)
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
        pairs = zip(value.T, apart(Targets(target, weights, offset)), self.units, strict=True)
        return float(np.mean([self.own.error(v, *own) / unit for v, own, unit in pairs]))


def each_target(loss: Loss, value: np.ndarray, targets: Targets) -> list[tuple[Any, ...]]:
    """Return loss, decisions (N,) and Targets of every target of several (N, targets)."""
    own = loss.own if isinstance(loss, Several) else loss
    return [(own, *pair) for pair in zip(value.T, apart(targets), strict=True)]


def apart(targets: Targets) -> list[Targets]:
    """Return the Targets of every target of several, (N, targets) with offsets of that shape."""
    values, weights, offset = targets
    offsets = [None] * values.shape[1] if offset is None else offset.T
    return [Targets(y, weights, o) for y, o in zip(values.T, offsets, strict=True)]
