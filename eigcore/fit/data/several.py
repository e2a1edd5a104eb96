"""Several targets: which they are, and their numbers (rows, targets)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from eigcore.encoding.cells import Cells, column_labels, missing, read_columns
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit.data.kinds import is_text
from eigcore.fit.data.names import check_keys, check_names
from eigcore.fit.losses import LOSSES
from eigcore.fit.options import FitOptions
from eigcore.portable.description import Clip

OPEN = (-math.inf, math.inf)
"""Ends that bound nothing."""


def targets_of(cells: Cells, target: Any) -> tuple[Cells, bool]:
    """Return several targets by name, and whether they are columns of the table; else none.

    Several names are those of columns; values are a data frame or mapping, or an array
    (rows, targets), whose targets are called y0, y1, … A frame or mapping may have one column.

    Raises
    ------
    InvalidInput
        Names of which some are no columns.
    """
    rows = len(next(iter(cells.values()), ()))
    if isinstance(target, (list, tuple)) and all(isinstance(each, str) for each in target):
        known = [name for name in target if name in cells]
        if not known or (len(target) == rows and len(known) < rows):
            return {}, False  # texts: classes of the rows
        check_names("target", target, cells)
        return {name: cells[name] for name in target}, True
    if isinstance(target, Mapping) or (np.ndim(target) == 2 and column_labels(target)):
        return read_columns(target), False
    if np.ndim(target) != 2:
        return {}, False
    columns = read_columns(target).values()
    found = {f"y{j}": each for j, each in enumerate(columns)}
    return (found if len(found) > 1 else {}), False


def name_of(target: Any) -> str:
    """Return the name that values of a target have, such as that of a series; else "y"."""
    name = getattr(target, "name", None)
    return name if isinstance(name, str) and name else "y"


def numbers_of(targets: Cells) -> np.ndarray:
    """Return the numbers (rows, targets) float64 of several targets, NaN for missing cells.

    Raises
    ------
    InvalidInput
        Targets of different lengths, or that are no numbers.
    """
    found = []
    for name, cells in targets.items():
        known = cells[~missing(cells)]
        if is_text(known) or known.dtype.kind not in "fiuO" or _holds_booleans(known):
            raise InvalidInput(
                f"Target {name!r} holds no numbers; expected numbers in each of several targets. "
                "Fit classes with one target."
            )
        own = np.full(cells.shape, np.nan)
        own[~missing(cells)] = known.astype(np.float64)
        found.append(own)
    if len({own.shape for own in found}) > 1 or found[0].ndim != 1:
        shapes = {name: own.shape for name, own in zip(targets, found, strict=True)}
        raise InvalidInput(f"Targets have the shapes {shapes}; expected (rows,) for each.")
    return np.stack(found, axis=-1)


def _holds_booleans(cells: np.ndarray) -> bool:
    return any(isinstance(cell, (bool, np.bool_)) for cell in cells[:1].tolist())


def check_several(options: FitOptions) -> None:
    """Raise InvalidOption for what several targets cannot have."""
    plain = [n for n, each in LOSSES.items() if not each.classified]
    if options.loss not in (None, *plain):
        expected = f"one of {', '.join(plain)} for several targets"
        raise InvalidOption("loss", options.loss, expected, "squared", optional=True)
    for option in ("classes", "class_weight"):
        given = getattr(options, option)
        if given is not None:
            expected = "none for several targets, which are numbers"
            raise InvalidOption(option, given, expected, None, "is given")


def ends_of(options: FitOptions, name: str, names: tuple[str, ...]) -> Clip | None:
    """Return `clip` as a model has it: the ends of a target, or those of each of several.

    Raises
    ------
    InvalidOption
        Names of targets that are not there, or one pair of ends for several units.
    """
    given = options.clip
    if given is None:
        return None
    if isinstance(given, Mapping):
        check_keys("clip", given, names or (name,), "target")
        each = tuple(given.get(own, OPEN) for own in names or (name,))
        return each if names else each[0]
    if names:
        example = {names[0]: given}
        problem = f"is {given}, and each of several targets has a unit of its own"
        raise InvalidOption("clip", given, "the ends of some targets by name", example, problem)
    return given
