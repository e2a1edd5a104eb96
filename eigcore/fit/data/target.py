"""The target of a fit: numbers, or class indices, in the coordinates of a loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from eigcore.encoding import is_constant
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.kinds import MANY_LEVELS, by_kind, is_text, levels_of
from eigcore.fit.data.scale import check_target
from eigcore.fit.data.several import check_several
from eigcore.fit.data.table import Table
from eigcore.fit.losses import Loss, Scaling, Several, Targets, make_loss
from eigcore.fit.options import FitOptions

CLASSIFIED = ("logistic", "multinomial")
"""Losses that read the target as classes."""


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
    offset : (rows,) added to the decision, in the unit of the target; None: zeros
    class_weights : the weight of each class, which `weights` contain; empty: all 1
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
        if table.names:
            loss = Several(loss, table.names, tuple(loss.scaling(y).scale for y in values.T))
        weights, exposure, offset, unit = table.beside
        for option in ("exposure", "offset"):
            given = getattr(table.beside, option)
            if given is not None and (loss.outputs > 1 or (classes and option == "exposure")):
                expected = "none for classes or several targets, which no number divides or moves"
                raise InvalidOption(option, given, expected, None, "is given")
        if options.clip is not None and loss.outputs > 1:
            expected = "none for three classes or more, whose probabilities have the sum 1"
            raise InvalidOption("clip", options.clip, expected, None, "is given")
        if exposure is not None:
            values = values / exposure
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
        """Note what an exposure means, and that numbers 0 and 1 are fitted as numbers."""
        if beside.exposure is not None:
            return [
                f"Target {self.name!r} is divided by the exposure, which weighs the rows: errors "
                "and predictions are per unit of exposure. For totals, write "
                "predict(..., exposure=...), or type --exposure."
            ]
        told = options.loss is not None or self.classes or self.names
        if told or not set(self.values) <= {0.0, 1.0}:
            return []
        return [
            f"Target {self.name!r} holds the numbers 0 and 1, and was fitted as a number (loss "
            "squared): predictions can leave the range from 0 to 1. For probabilities, choose the "
            'loss logistic: loss="logistic", or --loss logistic.'
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
        offset = None if self.offset is None else self.offset / self.scaling.scale
        return Targets(self.loss.scaled(self.values, self.scaling), self.weights, offset)

    @property
    def observed(self) -> Targets:
        """Values in their own unit, weights, and offsets."""
        return Targets(self.values, self.weights, self.offset)

    @cached_property
    def working(self) -> np.ndarray:
        """Numbers (rows,) or (rows, outputs) that least squares fits instead of the targets."""
        return self.loss.working(self.targets)

    def part(self, rows: np.ndarray | slice) -> Target:
        """Return the target of some of the rows, in the same scaling."""
        return self.of_rows(*self.observed.part(rows))

    def of_rows(
        self, values: np.ndarray, weights: np.ndarray | None, offset: np.ndarray | None
    ) -> Target:
        """Return the target of other rows (n,), in the same scaling."""
        return replace(self, values=values, weights=weights, offset=offset)


def class_weights(
    options: FitOptions,
    name: str,
    codes: np.ndarray,
    weights: np.ndarray | None,
    classes: Sequence[Any],
) -> tuple[float, ...]:
    """Return the weight of each class, of codes (rows,); empty without `class_weight`."""
    given = options.class_weight
    if given is None:
        return ()
    if not classes:
        expected = "none for a target of numbers"
        problem = f"is given, and target {name!r} holds numbers"
        raise InvalidOption("class_weight", given, expected, None, problem)
    if given == "balanced":
        sums = np.bincount(codes.astype(np.int64), weights, len(classes))
        return tuple((sums.sum() / (len(classes) * np.where(sums > 0.0, sums, np.inf))).tolist())
    unknown = [label for label in given if label not in classes]
    if unknown:
        problem = f"names {unknown[0]!r}, which is no class of target {name!r}"
        example = dict.fromkeys(classes[-1:], 2.0)
        raise InvalidOption("class_weight", given, f"some of {list(classes)}", example, problem)
    return tuple(float(given.get(label, 1.0)) for label in classes)


def usual_loss(classes: int) -> str:
    """Name the loss for a target of so many classes; none: of numbers."""
    return {0: "squared", 2: "logistic"}.get(classes, "multinomial")


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
        return _codes(cells, table, options)
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
        raise _constant(name, plain)
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


def _codes(
    cells: np.ndarray, table: Table, options: FitOptions
) -> tuple[np.ndarray, tuple[Any, ...]]:
    """Class indices (rows,) of the cells, and the classes in their own type."""
    given, name = options.classes, table.target_name
    own = levels_of(f"Target {name!r}", cells, ())
    levels = list(own) if given is None else sorted(set(given), key=by_kind)
    if len(levels) < 2:
        raise _constant(name, cells)
    _check_levels(cells, levels, name, options)
    place = {level: code for code, level in enumerate(levels)}
    try:
        codes = np.array([place[cell] for cell in cells.tolist()], dtype=np.float64)
    except KeyError as exc:
        found = list(own)
        raise InvalidOption(
            "classes",
            list(given or ()),
            "every class of the target to be named",
            None if _are_many(found, cells) else found,
            f"are {levels}, and target {name!r} holds {exc.args[0]!r}, which is not among them",
        ) from exc
    if given is None and all(isinstance(c, float) and c.is_integer() for c in levels):
        levels = list(map(int, levels))
    return codes, tuple(levels)


def _check_levels(cells: np.ndarray, levels: Sequence[Any], name: str, options: FitOptions) -> None:
    kind = "text" if is_text(cells) else "numbers"
    found = (
        f"is {options.loss!r}, and target {name!r} holds {kind} with {len(levels)} different "
        f"values (such as {levels[0]!r})"
    )
    many = _are_many(levels, cells) and options.classes is None
    few = f"at most {MANY_LEVELS} classes that occur often"
    if many and kind == "text":
        raise InvalidInput(
            f"Target {name!r} holds {kind} with {len(levels)} different values in {len(cells)} "
            f"rows (such as {levels[0]!r}); expected numbers, or {few}. Pass another target."
        )
    if options.loss not in (None, *CLASSIFIED):
        usual = usual_loss(len(levels))
        raise InvalidOption("loss", options.loss, "a target of numbers", usual, found)
    if options.loss == "logistic" and len(levels) != 2:
        usual = usual_loss(0 if many else len(levels))
        raise InvalidOption("loss", options.loss, "exactly two classes", usual, found)
    if many:
        raise InvalidOption("loss", options.loss, few, usual_loss(0), found)


def _are_many(levels: Sequence[Any], cells: np.ndarray) -> bool:
    return len(levels) > max(20, 0.5 * len(cells)) or len(levels) > MANY_LEVELS


def _constant(name: str, cells: np.ndarray) -> InvalidInput:
    return InvalidInput(
        f"Target {name!r} has the same value {cells.tolist()[0]!r} in all {len(cells)} rows, up "
        "to rounding; expected it to vary. Pass another target."
    )
