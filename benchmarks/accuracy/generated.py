"""A wide table, for speed: many columns of every kind, few of which matter."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.accuracy.data import Part

NAME = "wide"
_NUMERIC, _TEXT, _SHARED, _WEAK = 250, 26, 20, 20
_NOISE = 0.5


def wide(rows: int = 47_000, seed: int = 0) -> Part:
    """Return 276 columns, of which four fifths of the rows are for training.

    Numeric columns are normal with shared causes, lognormal, counts, or mostly 0; some have missing
    cells. 14 columns have an effect, alone or in pairs, and 20 a weak one; a fifth of the
    variance is noise, so that no error is below 1/√5 standard deviations.
    """
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(rows, _SHARED))
    table: dict[str, object] = {}
    for j in range(_NUMERIC):
        z = rng.normal(size=rows)
        cells = (
            0.6 * causes[:, j % _SHARED] + 0.8 * z,
            0.6 * causes[:, j % _SHARED] + 0.8 * z,
            np.exp(z),
            np.floor(4.0 * np.abs(z)),
            np.where(rng.random(rows) < 0.7, 0.0, rng.gamma(2.0, size=rows)),
        )[j % 5]
        table[f"n{j}"] = np.where(rng.random(rows) < 0.1, np.nan, cells) if j % 10 == 7 else cells
    for j in range(_TEXT):
        levels = int(rng.integers(2, 30))
        codes = rng.choice(levels, rows, p=rng.dirichlet(np.full(levels, 2.0)))
        table[f"c{j}"] = pd.Categorical.from_codes(codes, [f"level {i}" for i in range(levels)])
    frame = pd.DataFrame(table)
    signal = _signal(frame, rng)
    target = signal + _NOISE * signal.std() * rng.normal(size=rows)
    cut = rows * 4 // 5
    known, hidden = frame.iloc[:cut], frame.iloc[cut:].reset_index(drop=True)
    return Part(NAME, 0, known, target[:cut], hidden, target[cut:])


def _signal(frame: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """What can be known of the target: (rows,)."""

    def n(j: int) -> np.ndarray:
        return frame[f"n{j}"].fillna(0.0).to_numpy()

    levels = [rng.normal(size=30)[frame[f"c{j}"].cat.codes] for j in (0, 1)]
    alone = np.sin(2.0 * n(0)) + np.abs(n(6)) + 0.5 * np.minimum(n(2), 4.0) + 0.3 * n(3)
    pairs = n(1) * n(5) + (n(4) > 0.0) * n(10) + np.maximum(n(11) + n(15), 0.0)
    weak = sum(0.05 * n(30 + 5 * k) for k in range(_WEAK))
    bent = 0.4 * np.tanh(2.0 * n(20))
    return alone + pairs + weak + bent + 0.5 * (levels[0] + levels[1] * n(16))
