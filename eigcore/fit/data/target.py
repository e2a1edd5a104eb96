"""The target of a fit: numbers, or class indices, in the coordinates of a loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from eigcore.encoding import is_constant
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.classes import CLASSIFIED, class_weights, codes_of, constant, usual_loss
from eigcore.fit.data.kinds import is_text
from eigcore.fit.data.scale import check_target
from eigcore.fit.data.several import check_several, ends_of
from eigcore.fit.data.table import Table
from eigcore.fit.losses import Loss, Scaling, Several, Targets, make_loss
from eigcore.fit.options import FitOptions

_DECLARED = ("increasing", "decreasing", "shape", "dominates")
"""Options that say in which direction, or how, predictions change."""
_APART = 50.0
"""Largest difference of offsets for a log link."""
_FAR = 5.0
"""Most by which the decision of equal eigenvalues is away from the mean."""


@dataclass(frozen=True, eq=False)
class Target:
    """The target of some rows.

    name : of the target
    values : (rows,) float64 in its own unit, per unit of exposure, or class indices 0, 1, … where
        there are classes; (rows, targets) of several targets
    weights : (rows,) row weights; None: all equal
    loss : loss to minimise
    scaling : how decisions relate to values
    classes : values of a target of classes, sorted; otherwise empty
    unit : the weight of a row of weight 1, as it was given
    offset : (rows,) or (rows, targets), added to the decision, in the unit of the target; None:
        zeros
    class_weights : the weight of each class, which `weights` contain; empty: all 1
    rest : part of the offset of the scaling that values do not contain, in coordinates of the loss:
        the decision where all eigenvalues are equal, if their weights have the sum 0
    """

    name: str
    values: np.ndarray
    weights: np.ndarray | None
    loss: Loss
    scaling: Scaling = Scaling(1.0, 0.0)  # noqa: RUF009 (immutable)
    classes: tuple[Any, ...] = ()
    unit: float = 1.0
    offset: np.ndarray | None = None
    class_weights: tuple[float, ...] = ()
    rest: float = 0.0

    @classmethod
    def of(cls, table: Table, options: FitOptions) -> Target:
        """Read the target of a table; its scaling is that of all rows.

        Raises
        ------
        InvalidInput
            A target that cannot be used, at all or with this loss.
        """
        values, classes = _numbers(table, options)
        loss = make_loss(
            options.loss or usual_loss(len(classes)),
            quantile=options.quantile,
            delta=options.delta,
            classes=len(classes),
            variance_power=options.variance_power,
        )
        weights, exposure, offset, unit = table.beside
        values = per_unit(values, exposure)
        if table.names:
            loss = Several.of(loss, table.names, values, weights)
        _check_beside(table, loss, bool(classes))
        offset = widened(offset, values)
        ends_of(options, table.target_name, table.names)
        if options.clip is not None and len(classes) > 2:
            expected = "none for three classes or more, whose probabilities have the sum 1"
            raise InvalidOption("clip", options.clip, expected, None, "is given")
        shares = class_weights(options, table.target_name, values, weights, classes)
        if shares:
            own = np.take(shares, values.astype(np.int64))
            weights = own if weights is None else own * weights
        found = cls(
            table.target_name,
            values,
            weights,
            loss,
            classes=classes,
            unit=unit,
            offset=offset,
            class_weights=shares,
        )
        return replace(found, scaling=found.own_scaling)

    def notes(self, options: FitOptions, beside: Beside) -> list[str]:
        """Note what an exposure means, which class is meant, and if 0 and 1 are numbers."""
        if beside.exposure is not None:
            return [
                f"Target {self.name!r} is divided by the exposure, which weighs the rows: errors "
                "and predictions are per unit of exposure. For totals, write "
                "predict(..., exposure=...), or type --exposure."
            ]
        if len(self.classes) == 2 and isinstance(self.classes[1], str):
            first, second = self.classes
            told = (
                f"Directions and shapes are those of the probability of {second!r}, the second "
                f"class by name; that of {first!r} goes the other way."
            )
            return [told] if any(getattr(options, name) for name in _DECLARED) else []
        if options.loss is not None or self.classes:
            return []
        each = zip(self.names or (self.name,), np.atleast_2d(self.values.T), strict=True)
        usual = "binomial" if self.names else "logistic"
        return [
            f"Target {name!r} holds the numbers 0 and 1, and was fitted as a number (loss "
            "squared): predictions can leave the range from 0 to 1. For probabilities, choose the "
            f'loss {usual}: loss="{usual}", or --loss {usual}.'
            for name, values in each
            if set(values) <= {0.0, 1.0}
        ]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of several targets; empty: there is one."""
        return self.loss.names if isinstance(self.loss, Several) else ()

    @property
    def own_scaling(self) -> Scaling:
        """Scaling that these rows determine."""
        return self.loss.scaling(self.values, self.weights, self.offset)

    @cached_property
    def targets(self) -> Targets:
        """Values in the coordinates of the loss, and weights."""
        found = self._plain
        if not self.rest:
            return found
        return found._replace(offset=found.moved(np.full(len(self.values), self.rest)))

    @cached_property
    def _plain(self) -> Targets:
        scale, offset = self.scaling
        own = None if self.offset is None else self.offset / scale
        scaled = self.loss.scaled(self.values, Scaling(scale, offset - scale * self.rest))
        return Targets(scaled, self.weights, own)

    @property
    def observed(self) -> Targets:
        """Values in their own unit, weights, and offsets."""
        return Targets(self.values, self.weights, self.offset)

    @cached_property
    def working(self) -> np.ndarray:
        """Numbers (rows,) or (rows, outputs) that least squares fits instead of the targets."""
        found = self.loss.working(self._plain)
        return found - self.rest if self.rest else found

    def resting(self, sign: int, fitted: np.ndarray) -> Target:
        """Return the target for eigenvalues whose weights have the sum 0.

        The decision where all eigenvalues are equal is at the end of the targets, but no further
        than five units of the loss from their mean, so that a linear model mostly has the sign.

        Parameters
        ----------
        sign : of the weighted sum of eigenvalues
        fitted : (rows,) bool, the rows that determine the end
        """
        known = self.part(fitted)
        own = sign * known.working
        rest = float(np.average(own, weights=known.weights)) - _FAR
        rest = sign * (max(rest, float(own.min())) if self.loss.link == "identity" else rest)
        scale, offset = self.scaling
        return replace(self, rest=rest, scaling=Scaling(scale, offset + scale * rest))

    def part(self, rows: np.ndarray | slice) -> Target:
        """Return the target of some of the rows, in the same scaling."""
        return self.of_rows(*self.observed.part(rows))

    def of_rows(
        self, values: np.ndarray, weights: np.ndarray | None, offset: np.ndarray | None
    ) -> Target:
        """Return the target of other rows (n,), in the same scaling."""
        return replace(self, values=values, weights=weights, offset=offset)


def per_unit(values: np.ndarray, exposure: np.ndarray | None) -> np.ndarray:
    """Return values (rows,) or (rows, targets) per unit of exposure (rows,), NaN at exposure 0."""
    if exposure is None:
        return values
    return (values.T / np.where(exposure > 0.0, exposure, np.nan)).T


def widened(offset: np.ndarray | None, values: np.ndarray) -> np.ndarray | None:
    """Return an offset (rows,) for each of the targets: in the shape of their values."""
    if offset is None or offset.ndim == values.ndim:
        return offset
    return np.repeat(offset[:, None], values.shape[1], axis=1)


def _check_beside(table: Table, loss: Loss, classified: bool) -> None:
    """Raise InvalidOption for an exposure or an offset that a target cannot have."""
    outputs, offset = loss.outputs, table.beside.offset
    if offset is not None and loss.link == "log" and np.ptp(offset) > _APART:
        low, high = offset.min(), offset.max()
        apart = f"factors that differ by e^{high - low:.0f}"
        problem = f"holds {low:.6g} to {high:.6g}, logarithms of {apart}"
        expected = "logarithms of known factors; for the time at risk choose exposure, not offset"
        raise InvalidOption("offset", offset, expected, None, problem)
    if classified and table.beside.exposure is not None:
        expected = "none for classes, which no number divides"
        raise InvalidOption("exposure", table.beside.exposure, expected, None, "is given")
    if outputs > 1 and offset is not None and not table.names:
        expected = "none for several classes"
        raise InvalidOption("offset", offset, expected, None, "is given")
    if offset is not None and offset.ndim == 1 and table.names and loss.link == "identity":
        expected = "one for each target, in its unit, as {target: column}"
        raise InvalidOption("offset", offset, expected, None, "is one for all targets")


def _numbers(table: Table, options: FitOptions) -> tuple[np.ndarray, tuple[Any, ...]]:
    cells, name = table.target, table.target_name
    if table.names:
        return _several(table, options), ()
    if cells.dtype.kind not in "fiubO":
        raise InvalidInput(
            f"Target {name!r} holds {cells.dtype}; expected numbers or text. Convert it, a date to "
            "days for example."
        )
    classified = is_text(cells) or _is_boolean(cells) or options.classes is not None
    if classified or options.loss in CLASSIFIED:
        return codes_of(cells, table, options)
    return _checked(name, _floats(cells, name), options), ()


def _several(table: Table, options: FitOptions) -> np.ndarray:
    """Return the numbers (rows, targets) of several targets, checked."""
    check_several(options)
    for name, own in zip(table.names, table.target.T, strict=True):
        _checked(name, own, options)
    return table.target


def _checked(name: str, plain: np.ndarray, options: FitOptions) -> np.ndarray:
    """Return a target (rows,) of numbers; raise InvalidInput for one that cannot be used."""
    check_target(name, plain)
    if is_constant(plain) and not options.keep_constant:
        raise constant(name, plain)
    return plain


def _floats(cells: np.ndarray, name: str) -> np.ndarray:
    try:
        return cells.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as exc:
        raise InvalidInput(
            f"Target {name!r} holds {type(cells[0]).__name__} objects; expected numbers or text. "
            "Convert it in the table."
        ) from exc


def _is_boolean(cells: np.ndarray) -> bool:
    return set(map(type, cells[:1].tolist())) == {bool} and set(map(type, cells.tolist())) == {bool}
