"""Columns of every kind and targets of every kind, from a seed alone."""

import numpy as np

STREAM = {
    "dim": 3,
    "knots": 4,
    "members": 2,
    "penalty": 1e-3,
    "max_iter": 12,
    "validation": 0.0,
    "epochs": 2,
    "batch_rows": 64,
    "block_rows": 300,
    "sample_rows": 400,
    "increasing": ["a"],
}
"""Options of the stream whose checkpoint is kept."""


def table(seed, rows=240):
    """Columns of every kind, and targets of every kind."""
    rng = np.random.default_rng(seed)
    a, b, c, d = rng.normal(size=(4, rows)).round(3)
    c[rng.random(rows) < 0.1] = np.nan
    kind = rng.choice(["oak", "elm", "ash"], size=rows).astype(object)
    kind[rng.random(rows) < 0.05] = None
    code = rng.choice([1.0, 2.0, 5.0], size=rows)
    y = a + np.abs(b) + 0.5 * (kind == "elm") + 0.3 * np.abs(a + d) + 0.1 * rng.normal(size=rows)
    columns = {"a": a, "b": b, "c": c, "d": d, "kind": kind, "code": code}
    targets = {
        "y": y.round(4),
        "count": rng.poisson(np.exp(0.3 * y)).astype(float),
        "label": np.where(y > np.median(y), "yes", "no").astype(object),
        "class": np.where(y > 2, "high", np.where(y > 0.5, "middle", "low")).astype(object),
        "flag": y > 1.0,
    }
    return columns, targets


def batches():
    """The batches of the stream whose checkpoint is kept."""
    columns, targets = table(3, 1000)
    cells = columns | {"y": targets["y"]}
    return [{key: c[at : at + 250] for key, c in cells.items()} for at in range(0, 1000, 250)]
