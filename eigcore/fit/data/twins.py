"""Rows that are nearly equal: with them, a random split tells little of new rows.

A row has twins if its k-th neighbour is at most an eighth as far as its 2k-th, for some power k of
two. Where rows fill D dimensions smoothly, that distance grows as k^(1/D), so that few rows have
twins; where units were seen several times, most have. Columns may be equal by chance, such as
a few levels: then rows have twins as well after each column is shuffled on its own.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from eigcore.fit.data.names import listed
from eigcore.fit.problem import Problem

_ROWS, _OTHERS, _COLUMNS = 200, 5000, 100
"""Rows and columns that are looked at, at most, and rows that are looked for their neighbours."""
_FEW = 20
"""From this many rows on twins are looked for."""
_APART, _MANY = 8.0, 0.5
"""Ratio of distances, and the part of the rows with twins from which on they are told of."""
_REPEATED = 0.5
"""Columns with at most this many values per row may belong to units."""


def twin_notes(problem: Problem) -> list[str]:
    """Say if rows are split at random, and most of them have twins in all or some columns."""
    together, rng = problem.together, np.random.default_rng(problem.context.seed)
    if together.units is not None or len(problem) < _FEW:
        return []
    numbers = problem.numbers[rng.permutation(len(problem))[:_OTHERS], :_COLUMNS]
    values = [len(np.unique(column)) for column in numbers.T]
    repeated = np.array(values) <= _REPEATED * len(numbers)
    for chosen in (repeated, ~repeated | repeated):
        if chosen.sum() < 2:
            continue
        some = _standard(numbers[:, chosen])
        found = _twins(some)
        if found > _MANY and _twins(rng.permuted(some, axis=0)) < found / 2.0:
            names = np.array(problem.encoding.names)[:_COLUMNS][chosen]
            where = "all columns" if chosen.all() else listed(names, 5)
            return [
                f"{found:.0%} of the rows nearly equal others in {where}, and rows were hidden at "
                "random to choose settings and to report on: if such rows belong to one unit, "
                "errors on new units are larger. Name the column of units: groups=, or --groups."
            ]
    return []


def _standard(numbers: np.ndarray) -> np.ndarray:
    """Columns (rows, columns) in standard deviations; missing cells are a value of their own."""
    with np.errstate(all="ignore"):
        spread = np.nanmax(np.abs(numbers), axis=0)
        some = numbers / np.where(spread > 0.0, spread, 1.0)
        some = (some - np.nanmean(some, axis=0)) / np.nanstd(some, axis=0)
    return np.nan_to_num(some, nan=10.0, posinf=0.0, neginf=0.0)


def _twins(some: np.ndarray) -> float:
    """Part of the rows (rows, columns) that have twins."""
    near = 2 ** np.arange(int(np.log2(len(some) - 1)) + 1)
    distances = np.partition(cdist(some[:_ROWS], some), near, axis=1)[:, near]
    return float((distances[:, 1:] > _APART * distances[:, :-1]).any(1).mean())
