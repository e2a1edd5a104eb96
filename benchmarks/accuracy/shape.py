"""Count on a dense grid how often a model breaks the shape that is declared for the data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.accuracy.data import Part

_LINES, _POINTS = 100, 101
_ROUNDING = 1e-6
"""Steps smaller than this, relative to the spread of the target, are rounding (trees: float32)."""


def violations(
    predict: Callable[[pd.DataFrame], np.ndarray], part: Part, seed: int = 0
) -> tuple[int, int]:
    """Return (number of violations, number of checks).

    Along 100 lines per monotone column, through rows of the data, 101 points over the column's
    range: a step in the wrong direction is a violation. Along 100 segments between two rows, in the
    columns of a convex or concave shape: a second difference of the wrong sign is one.
    """
    rng = np.random.default_rng(seed)
    rows = pd.concat([part.train, part.test], ignore_index=True)
    spread = 1.0 if part.classes else float(part.known.std())
    steps = [
        sign * np.diff(_along_column(predict, rows, column, rng))
        for column, sign in part.monotone.items()
    ]
    if part.shape:
        sign = 1.0 if part.shape == "convex" else -1.0
        values = _along_segments(predict, rows, list(part.shape_columns), rng)
        steps.append(sign * np.diff(values, n=2))
    return (
        sum(int((step < -_ROUNDING * spread).sum()) for step in steps),
        sum(step.size for step in steps),
    )


def _along_column(predict, rows: pd.DataFrame, column: str, rng) -> np.ndarray:
    grid = np.linspace(rows[column].min(), rows[column].max(), _POINTS)
    lines = rows.iloc[np.repeat(rng.integers(len(rows), size=_LINES), _POINTS)]
    lines = lines.assign(**{column: np.tile(grid, _LINES)})
    return predict(lines).reshape(_LINES, _POINTS)


def _along_segments(predict, rows: pd.DataFrame, columns: list[str], rng) -> np.ndarray:
    ends = rows[columns].to_numpy(np.float64)[rng.integers(len(rows), size=(2, _LINES))]
    t = np.linspace(0.0, 1.0, _POINTS)[None, :, None]
    points = (1.0 - t) * ends[0][:, None] + t * ends[1][:, None]
    lines = rows.iloc[np.repeat(rng.integers(len(rows), size=_LINES), _POINTS)]
    flat = points.reshape(-1, len(columns))
    lines = lines.assign(**{column: flat[:, j] for j, column in enumerate(columns)})
    return predict(lines).reshape(_LINES, _POINTS)
