"""Matrices of any library as float64 in NumPy, for work that has no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.api.inputs import prepared
from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.parts import concrete as concrete
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput, NonFiniteInput

LARGEST = 1e150
"""Sums of squares of larger numbers may overflow."""


def hosted(a: Any, what: str, axes: int = 2) -> np.ndarray:
    """Return a finite array with so many axes, none empty, as float64 in NumPy."""
    return checked(numbers(a, what), what, axes)


def numbers(a: Any, what: str) -> np.ndarray:
    """Return an array of real numbers as float64 in NumPy."""
    backend, (a,), _ = prepared(None, a)
    concrete(backend, a, what)
    return np.asarray(backend.to_numpy(a), np.float64)


def checked(a: np.ndarray, what: str, axes: int = 2) -> np.ndarray:
    """Raise unless an array has so many axes, none empty, and finite entries."""
    if a.ndim != axes or 0 in a.shape:
        letters = ", ".join("mnkl"[:axes]) if axes > 1 else "n,"
        way = "array.ravel()" if axes == 1 else "array.reshape(rows, -1)"
        raise InvalidInput(
            f"{what} has shape {a.shape}; expected ({letters}), not empty. Type: {way}"
        )
    if not np.isfinite(a).all():
        raise NonFiniteInput(
            f"{what} holds {int((~np.isfinite(a)).sum())} entries that are NaN or infinite; "
            "expected finite numbers. Replace them first."
        )
    if abs(a).max() > LARGEST:
        raise InvalidInput(
            f"{what} holds numbers up to {abs(a).max():.3g}, whose squares overflow; expected at "
            f"most {LARGEST:.0e}. Divide it first."
        )
    return a


def returned(a: np.ndarray, like: Array) -> Array:
    """Return a result in the library, dtype and device of an array."""
    backend: Backend = infer(like)
    like = backend.asarray(like)
    floating = "float" in backend.dtype_name(like)
    return backend.asarray(a, like=like) if floating else backend.asarray(a)
