"""Rows with three levels of known effects, and a quick fit, for the tests of what cells mean."""

import numpy as np

QUICK = {"dim": 3, "knots": 8, "penalty": 1e-4, "members": 2, "max_iter": 30, "seed": 0}
EFFECT = np.array([10.0, 30.0, -20.0])
"""What the levels 1, 2 and 3 add to the target."""
BIG = 120_000_000_000_000_000
"""An integer beyond 2⁵³."""


def levels_and_target():
    """Levels, a number and the target, each (300,)."""
    rng = np.random.default_rng(0)
    level, z = rng.integers(1, 4, 300), rng.normal(size=300)
    return level, z, EFFECT[level - 1] + z
