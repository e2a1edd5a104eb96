"""Which arguments count as numbers: those of Python and of NumPy, but no truth values."""

from __future__ import annotations

import numbers
from typing import Any, TypeGuard


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether a value is an integer."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_real(value: Any) -> TypeGuard[float]:
    """Whether a value is a real number."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
