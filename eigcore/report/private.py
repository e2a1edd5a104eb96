"""Cells told as bins of several rows, so that a page holds no row of a table."""

from __future__ import annotations

import numpy as np

from eigcore.report.numerals import plain

LEAST = 5
"""Smallest number of rows in a bin."""
BINS = 10
DIGITS = 3
"""Significant digits of the ends of bins."""


def edges(values: np.ndarray, count: int = BINS) -> list[float]:
    """Return rounded numbers that part numbers (rows,) into bins of at least `LEAST` rows.

    The bins are tenths of the rows where there are enough different values. If nearly all rows have
    the smallest one, it has a bin of its own.
    """
    known = np.sort(values[np.isfinite(values)])
    if len(known) < 2 * LEAST:
        return []
    found, before = [], 0
    ends = [np.quantile(known, share / count) for share in range(1, count)]
    if ends[-1] == known[0]:
        ends = list(known[known > known[0]][:1])
    for end in ends:
        edge = float(f"{end:.{DIGITS}g}")
        under = int(np.searchsorted(known, edge))
        if under - before >= LEAST and len(known) - under >= LEAST:
            found.append(edge)
            before = under
    return found


def number(values: np.ndarray, value: float, ends: list[float]) -> str:
    """Return the bin of a number (of values, with `edges`) in words."""
    if np.isnan(value):
        return "missing" if np.isnan(values).sum() >= LEAST else "a rare cell"
    if not ends:
        return "a number"
    place = int(np.searchsorted(ends, value, side="right"))
    if place == 0:
        return f"below {plain(ends[0])}"
    if place == len(ends):
        return f"{plain(ends[-1])} or more"
    return f"{plain(ends[place - 1])} to {plain(ends[place])}"


def level(codes: np.ndarray, code: float, levels: tuple) -> str:
    """Return the level of a cell (of codes), unless fewer than `LEAST` rows have it."""
    same = np.isnan(codes) if np.isnan(code) else codes == code
    if same.sum() < LEAST:
        return "a rare cell"
    if np.isnan(code):
        return "missing"
    return str(levels[int(code)]) if code >= 0 else "a level never seen"
