"""Targets of classes: their codes, their weights, and the loss that suits them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit.data.kinds import MANY_LEVELS, by_kind, is_text, levels_of
from eigcore.fit.data.table import Table
from eigcore.fit.options import FitOptions

CLASSIFIED = ("logistic", "multinomial")
"""Losses that read the target as classes."""


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
    # a command has the text of a class, whatever its type
    texts = {f"{label:g}" if isinstance(label, float) else str(label): label for label in classes}
    given = {texts.get(label, label): weight for label, weight in given.items()}
    unknown = [label for label in given if label not in classes]
    if unknown:
        problem = f"names {unknown[0]!r}, which is no class of target {name!r}"
        example = dict.fromkeys(classes[-1:], 2.0)
        raise InvalidOption("class_weight", given, f"some of {list(classes)}", example, problem)
    return tuple(float(given.get(label, 1.0)) for label in classes)


def usual_loss(classes: int) -> str:
    """Name the loss for a target of so many classes; none: of numbers."""
    return {0: "squared", 2: "logistic"}.get(classes, "multinomial")


def codes_of(
    cells: np.ndarray, table: Table, options: FitOptions
) -> tuple[np.ndarray, tuple[Any, ...]]:
    """Return class indices (rows,) of the cells, and the classes in their own type."""
    given, name = options.classes, table.target_name
    own = levels_of(f"Target {name!r}", cells, ())
    levels = list(own) if given is None else sorted(set(given), key=by_kind)
    if len(levels) < 2:
        raise constant(name, cells)
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


def constant(name: str, cells: np.ndarray) -> InvalidInput:
    """Return the error for a target without any information."""
    return InvalidInput(
        f"Target {name!r} has the same value {cells.tolist()[0]!r} in all {len(cells)} rows, up "
        "to rounding; expected it to vary. Pass another target."
    )
