"""The scale of numbers: a fit squares them, and slopes divide a target by a column."""

from __future__ import annotations

import numpy as np

from eigcore.encoding import LARGEST, is_constant
from eigcore.errors import InvalidInput, InvalidTable


def check_numbers(name: str, numbers: np.ndarray, rows: int) -> None:
    """Raise InvalidTable for infinite cells of a column, and for cells of an extreme scale.

    numbers : (cells,) of the column that are not missing, among so many rows
    """
    leave_out = ("drop_columns", [name], "to leave it out")
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        raise InvalidTable(
            f"Column {name!r} is infinite in {infinite} of {rows} rows; expected finite "
            "numbers or empty cells. Correct the table.",
            *leave_out,
        )
    if found := _extreme(numbers):
        raise InvalidTable(f"Column {name!r} {found} Use another unit.", *leave_out)


def check_target(name: str, numbers: np.ndarray) -> None:
    """Raise InvalidInput for an infinite target (rows,), and for one of an extreme scale."""
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        raise InvalidInput(
            f"Target {name!r} is infinite in {infinite} row(s); expected finite numbers. Remove "
            "those rows from the table."
        )
    if found := _extreme(numbers):
        raise InvalidInput(f"Target {name!r} {found} Use another unit in the table.")


def _extreme(numbers: np.ndarray) -> str | None:
    """Say what is wrong with the scale of numbers; None: nothing."""
    if not len(numbers):
        return None
    low, high = float(np.min(numbers)), float(np.max(numbers))
    largest, range_ = max(abs(low), abs(high)), high - low
    expected = f"expected numbers up to {LARGEST:g}, and a range of at least {1 / LARGEST:g}."
    if largest > LARGEST:
        return f"holds numbers as large as {largest:.3g}; {expected}"
    small = range_ < 1 / LARGEST and not is_constant(numbers)
    return f"has a range of {range_:.3g}; {expected}" if small else None
