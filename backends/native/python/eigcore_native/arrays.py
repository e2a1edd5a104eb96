"""Arrays as the kernels want them: float32 or float64, contiguous, aligned, native byte order."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray
FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def ready(a: Any, dtype: np.dtype | None = None) -> Array:
    """Return the same numbers ready for a kernel, copied only where they must be.

    Raises TypeError for arrays that are neither float64 nor float32; `dtype` is the one wanted.
    """
    if a.dtype not in FLOATS and a.dtype.newbyteorder("=") not in FLOATS:
        raise TypeError(f"The arrays should be float64 or float32; got {a.dtype}.")
    wanted = dtype or a.dtype.newbyteorder("=")
    flags = a.flags
    if a.dtype == wanted and flags.c_contiguous and flags.aligned:
        return a
    return np.array(a, dtype=wanted, order="C")
