"""Tolerances of the laws: one constant, one formula, one error message."""

from __future__ import annotations

from typing import Any

import numpy as np

C = 30
"""The constant of the tests of LAPACK: the error of an eigenvalue is at most C·d·ε·‖M‖."""

DIFFERENCE = 2e-6
"""Error of a central difference with step `STEP` in float64, relative to ‖M‖/gap."""

STEP = 1e-5
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def bound(d: int, dtype: str, norm: Any = 1.0) -> Any:
    """Return C·d·ε·‖M‖, the error allowed in a number computed from matrices of order d.

    Parameters
    ----------
    d : int
    dtype : {"float64", "float32", "float16", "bfloat16"}
        Element type of the computation; ε is the distance from 1 to the next number.
    norm : float or (...) array
        ‖M‖₂, or the factor to which the error is proportional, such as ‖M‖₂/gap for a gradient.
    """
    return C * max(d, 1) * EPS[dtype] * norm


def agree(what: str, got: Any, expected: Any, allowed: Any) -> None:
    """Assert that two NumPy arrays have equal shapes and differ by at most `allowed` everywhere.

    NaN agrees only with NaN.
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
    """Raise AssertionError with a message that says what was expected, unless a statement holds."""
    if not statement:
        raise AssertionError(message)
