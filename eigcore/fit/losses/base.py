"""The base class of losses, and the coordinates in which they compare decisions and targets.

Each row has a decision f. Target and f are in the coordinates of the loss (`Loss.scaled`), and
predictions are link⁻¹(offset + scale · f) (`Scaling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np

from eigcore.encoding import is_constant
from eigcore.fit.data.information import effective

Pair = tuple[np.ndarray, np.ndarray]


class Scaling(NamedTuple):
    """Decision in units of the target = offset + scale · (mean value of the members).

    scale, offset : float, or (targets,) for several targets
    """

    scale: Any
    offset: Any

    @classmethod
    def around(cls, center: float, target: np.ndarray, weights: np.ndarray | None) -> Scaling:
        """Scale to unit variance around a centre; a constant target keeps its unit."""
        if is_constant(target):
            return cls(1.0, float(center))
        mean = np.average(target, weights=weights)
        variance = np.average((target - mean) ** 2, weights=weights)
        return cls(float(np.sqrt(variance)) or 1.0, float(center))


class Targets(NamedTuple):
    """Target values of some rows, to compare decisions with.

    target : (N,) in the coordinates of a loss
    weights : (N,) row weights; None: all equal
    offset : (N,) added to the decision of each row; None: zeros
    """

    target: np.ndarray
    weights: np.ndarray | None = None
    offset: np.ndarray | None = None

    def part(self, rows: np.ndarray | slice) -> Targets:
        """Return the targets of some of the rows."""
        target, weights, offset = (None if each is None else each[rows] for each in self)
        return Targets(cast(np.ndarray, target), weights, offset)

    @classmethod
    def joined(cls, parts: Sequence[Targets]) -> Targets:
        """Return the targets of all rows of the parts, one after the other."""
        fields: Any = zip(*parts, strict=True)
        found: Any = (None if each[0] is None else np.concatenate(each) for each in fields)
        return cls(*found)

    def moved(self, value: np.ndarray) -> np.ndarray:
        """Decisions with the offset of each row."""
        return value if self.offset is None else value + self.offset


@dataclass(frozen=True)
class Loss:
    """A loss of the decisions of rows. Calling it gives the mean and its derivative.

    name : as in ``fit(loss=name)``
    metric : name of what `error` measures
    link : link of the fitted model
    classified : whether the target consists of classes
    kernel : what `eigcore.core.sources.MeanLoss` calls it; None: a kernel knows it not
    """

    name: ClassVar[str]
    metric: ClassVar[str]
    link: ClassVar[str] = "identity"
    classified: ClassVar[bool] = False
    kernel: ClassVar[str | None] = None

    @property
    def outputs(self) -> int:
        """Decisions per row."""
        return 1

    @property
    def parameters(self) -> dict[str, Any]:
        """Arguments of `eigcore.fit.losses.make_loss` beside the name, as JSON values."""
        return asdict(self)

    def rows(self, value: np.ndarray, target: np.ndarray) -> Pair:
        """Loss (N,) of each row, and its derivative by the decisions, shaped like ``value``."""
        raise NotImplementedError

    def __call__(
        self,
        value: np.ndarray,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> tuple[float, np.ndarray]:
        """Weighted mean over the rows, and its derivative by each decision.

        Parameters
        ----------
        value : (N,) or, with several decisions per row, (N, outputs)
        target : (N,)
        weights : (N,) non-negative, with a positive sum; None: all equal
        offset : (N,) added to the decisions; None: zeros
        """
        # a value too large to exponentiate is an infinite loss, which shortens the step
        with np.errstate(over="ignore", invalid="ignore"):
            loss, slope = self.rows(value if offset is None else value + offset, target)
        if weights is None:
            # not a dot product: waiting for the threads of BLAS takes longer than this
            return float(loss.mean()), slope / len(loss)
        share = weights / weights.sum()
        return float((share * loss).sum()), (slope.T * share).T

    def scaling(
        self,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> Scaling:
        """Relate decisions to the unit of the target; target, offset (N,) in their own unit."""
        return Scaling(1.0, 0.0)

    def scaled(self, target: np.ndarray, scaling: Scaling) -> np.ndarray:
        """Target (N,) in the coordinates of the loss."""
        return (target - scaling.offset) / scaling.scale

    def information(self, target: np.ndarray, weights: np.ndarray | None = None) -> float:
        """Effective number of observations among rows with these targets (N,) and weights.

        In general (Σw)²/Σw² rows; of what is rare only the events count, see
        `eigcore.fit.data.information`.
        """
        return effective(weights, len(target))

    def strata(self, target: np.ndarray) -> np.ndarray | None:
        """Number (N,) int ≥ 0 of the kind of each row, which every fold has its part of."""
        return None

    def moments(self, value: np.ndarray) -> Pair | None:
        """Mean and variance (N,) of targets at these decisions, the variance up to a factor.

        None where the loss says nothing of them, or where targets are bounded.
        """
        return None

    def working(self, targets: Targets) -> np.ndarray:
        """Numbers (N,) or (N, outputs) that least squares fits in place of the targets."""
        return targets.target if targets.offset is None else targets.target - targets.offset

    def constant(self, targets: Targets) -> float | np.ndarray:
        """Best constant decision, () or (outputs,), in the unit of the target."""
        return self.scaling(*targets).offset

    def deviances(self, value: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Deviance (N,) of each row; value and target in the unit of the target."""
        return self.rows(value, target)[0]

    def deviance(
        self,
        value: np.ndarray,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> float:
        """Mean deviance; value = offset + scale · f, and target (N,) in its own unit."""
        with np.errstate(over="ignore", invalid="ignore"):
            each = self.deviances(value if offset is None else value + offset, target)
            return float(np.average(each, weights=weights))

    def error(
        self,
        value: np.ndarray,
        target: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> float:
        """Mean error, as `metric` names it; see `deviance` for the arguments."""
        return self.deviance(value, target, weights, offset)
