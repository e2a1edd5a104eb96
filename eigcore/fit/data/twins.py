"""Rows that are nearly equal: with them, a random split tells little of new rows.

A row has twins if its k-th neighbour is at most an eighth as far as its 2k-th, for some power k of
two. Where rows fill D dimensions smoothly, that distance grows as k^(1/D), so that few rows have
twins; where cases were seen several times, most have. Columns may be equal by chance, such as
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
"""Columns with at most this many values per row may tell cases apart."""

_MISSING = 10.0
"""Where missing cells are, in standard deviations from the mean."""


def twin_notes(problem: Problem) -> list[str]:
    """Say if rows are split at random, and most of them have twins in all or some columns."""
    together, rng = problem.together, np.random.default_rng(problem.context.seed)
    if together.groups is not None or len(problem) < _FEW:
        return []
    numbers = problem.numbers[rng.permutation(len(problem))[:_OTHERS], :_COLUMNS]
    values = [len(np.unique(column)) for column in numbers.T]
    repeated = np.array(values) <= _REPEATED * len(numbers)
    for chosen in (repeated, ~repeated | repeated):
        if chosen.sum() < 2:
            continue
        some = _standard(numbers[:, chosen])
        found = _twins(some)
        if not (found > _MANY).any():
            continue
        chance = _twins(rng.permuted(some, axis=0))
        clear = (found > _MANY) & (chance < found / 2.0)
        if clear.any():
            names = np.array(problem.encoding.names)[:_COLUMNS][chosen]
            where = "all columns" if chosen.all() else listed(names, 5)
            part = found[clear].max()
            return [
                f"{part:.0%} of the rows nearly equal others in {where}, and rows were hidden at "
                "random to choose settings and to report on. If they show a few cases, each seen "
                "several times, errors on new cases are larger: name them by groups=, or --groups."
            ]
    return []


def _standard(numbers: np.ndarray) -> np.ndarray:
    """Columns (rows, columns) in standard deviations; missing cells are a value of their own."""
    known = ~np.isnan(numbers)
    count = np.maximum(known.sum(0), 1)
    some = np.where(known, numbers, 0.0)
    some /= np.maximum(np.abs(some).max(0), np.finfo(np.float64).tiny)
    some = np.where(known, some - some.sum(0) / count, 0.0)
    deviation = np.sqrt((some**2).sum(0) / count)
    return np.where(known, some / np.where(deviation > 0.0, deviation, 1.0), _MISSING)


def _twins(some: np.ndarray) -> np.ndarray:
    """Part of the rows (rows, columns) that have 1, 2, 4, 8, … twins or more."""
    near = 2 ** np.arange(int(np.log2(len(some) - 1)) + 1)
    distances = np.sort(cdist(some[:_ROWS], some), axis=1)[:, near]
    gaps = distances[:, 1:] > _APART * distances[:, :-1]
    return np.logical_or.accumulate(gaps[:, ::-1], axis=1)[:, ::-1].mean(0)
