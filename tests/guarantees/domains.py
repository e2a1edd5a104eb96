"""Random domains of the models in `samples`, and random points of them."""

import numpy as np
from samples import NAMES, model

FUNCTIONALS = [
    {},
    {"index": 0},
    {"index": -1},
    {"index": 1, "structure": "tridiagonal"},
    {"structure": "diagonal"},
    {"structure": "banded:2"},
    {"functional": "smooth", "alpha": 0.7},
    {"functional": "softmax", "t": 0.5},
    {"functional": "top_sum", "r": 2},
    {"functional": "bottom_sum", "r": 3},
    {"functional": "weighted", "weights": (-1.0, 0.5, 2.0, 0.0)},
    {"functional": "weighted", "weights": (0.0, 0.5, 1.0, 2.0)},
    {"outputs": 2},
]
LEVELS = (0, 1, 2, 9)
"""9 was never seen."""


def made(variant, seed, **options):
    dims = (4, 4) if "weights" in variant else (5, 4)
    return model(seed, spec=variant, dims=dims, **options)


def domain(rng, missing=True):
    """Ends of all columns, some with missing cells."""
    found = {}
    for name, wide in zip(NAMES, (6, 5, 5, None, 40), strict=True):
        if name == "town":
            picked = rng.choice(LEVELS, size=rng.integers(1, 5), replace=False).tolist()
        else:
            middle, half = rng.uniform(-1, 2), wide * rng.random() / 2
            picked = [middle - half, middle + half]
        found[name] = [*picked, None] if missing and rng.random() < 0.3 else picked
    return found


def inside(rng, bounds, count):
    """Random rows of a domain, many of them at its ends."""
    rows = np.empty((count, len(NAMES)))
    for j, name in enumerate(NAMES):
        values = [v for v in bounds[name] if v is not None]
        if name == "town":
            rows[:, j] = rng.choice(values, count)
        else:
            low, high = values
            t = np.clip(rng.uniform(-0.3, 1.3, count), 0.0, 1.0)
            rows[:, j] = np.clip(low + t * (high - low), low, high)
        if None in bounds[name]:
            rows[rng.random(count) < 0.3, j] = np.nan
    return rows
