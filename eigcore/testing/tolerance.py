"""How exact is exact enough: one constant, one formula, one sentence when it is missed."""

from __future__ import annotations

from typing import Any

import numpy as np

C = 30
"""The constant of LAPACK's own tests: an eigenvalue may be off by C·d·ε·‖M‖."""

DIFFERENCE = 2e-6
"""What a central difference with step `STEP` in float64 is good for, relative to ‖M‖/gap."""

STEP = 1e-5
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def bound(d: int, dtype: str, norm: Any = 1.0) -> Any:
    """Return C·d·ε·‖M‖, the error allowed in a number computed from matrices of order d.

    Parameters
    ----------
    d : int
    dtype : {"float64", "float32", "float16", "bfloat16"}
        Element type of the computation; ε is its unit of the last place of one.
    norm : float or (...) array
        ‖M‖₂, or what the error of a derived number is proportional to: ‖M‖₂/gap for a gradient.
    """
    return C * max(d, 1) * EPS[dtype] * norm


def agree(what: str, got: Any, expected: Any, allowed: Any) -> None:
    """Assert that two NumPy arrays have one shape and differ by at most `allowed` everywhere.

    NaN agrees with NaN only.
    """
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, (
        f"{what} has shape {got.shape}, but should have {expected.shape}."
    )
    allowed = np.broadcast_to(allowed, got.shape)
    both_nan = np.isnan(got) & np.isnan(expected)
    off = np.where(both_nan, 0.0, abs(np.where(both_nan, 0, got) - np.where(both_nan, 0, expected)))
    bad = ~(off <= allowed)
    if bad.any():
        worst = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off) * bad), off.shape)
        place = f" at {tuple(map(int, worst))}" if worst else ""
        raise AssertionError(
            f"{what} is {got[worst]:.17g}{place}, but should be {expected[worst]:.17g}: off by "
            f"{off[worst]:.3g}, allowed {allowed[worst]:.3g} ({int(bad.sum())} of {off.size} miss)."
        )


def holds(statement: Any, message: str) -> None:
    """Assert a statement, with a sentence that says what was expected instead."""
    if not statement:
        raise AssertionError(message)
