"""Matrices of any library as float64 in NumPy, for work that has no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput, NonFiniteInput


def hosted(a: Any, what: str, axes: int = 2) -> np.ndarray:
    """Return a finite array with so many axes, none empty, as float64 in NumPy."""
    backend = infer(a)
    a = backend.asarray(a)
    if backend.dtype_name(a) in ("float16", "bfloat16"):
        a = backend.asarray(a, dtype="float32")
    return checked(np.asarray(backend.to_numpy(a), np.float64), what, axes)


def checked(a: np.ndarray, what: str, axes: int) -> np.ndarray:
    """Raise unless an array has so many axes, none empty, and finite entries."""
    if a.ndim != axes or 0 in a.shape:
        letters = ", ".join("mnkl"[:axes]) if axes > 1 else "n,"
        raise InvalidInput(
            f"{what} has shape {a.shape}; expected ({letters}), not empty. Type: numpy.reshape"
        )
    if not np.isfinite(a).all():
        raise NonFiniteInput(
            f"{what} holds {int((~np.isfinite(a)).sum())} entries that are NaN or infinite; "
            "expected finite numbers. Replace them first."
        )
    return a


def returned(a: np.ndarray, like: Array) -> Array:
    """Return a result in the library, dtype and device of an array."""
    backend: Backend = infer(like)
    like = backend.asarray(like)
    floating = "float" in backend.dtype_name(like)
    return backend.asarray(a, like=like) if floating else backend.asarray(a)
