"""Arrays as the kernels want them: float32 or float64, contiguous, aligned, native byte order."""

import math

import numpy as np

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def real(array, name, dtype=None):
    """Return the same values ready for a kernel, copied only where they must be.

    array : any shape; integers become float64; dtype : the dtype wanted, None for the array's own.
    Raises `TypeError` for any other dtype.
    """
    a = np.asarray(array)
    wanted = dtype or (a.dtype if a.dtype in _FLOATS else None)
    if wanted is None:
        if a.dtype.kind in "biu":
            wanted = np.dtype(np.float64)
        elif a.dtype.kind == "f" and a.dtype.newbyteorder("=") in _FLOATS:
            wanted = a.dtype.newbyteorder("=")
        else:
            raise TypeError(
                f"{name} should be float32 or float64; got {a.dtype}. "
                f"Convert it with {name}.astype('float64')."
            )
    flags = a.flags
    if a.dtype == wanted and flags.c_contiguous and flags.aligned:
        return a
    return np.array(a, dtype=wanted, order="C")


def order_from_packed(size, name):
    """K = d (d + 1) / 2 -> d."""
    d = (math.isqrt(8 * size + 1) - 1) // 2
    if d * (d + 1) // 2 != size:
        raise ValueError(
            f"{name} should have trailing length d (d + 1) / 2 for some d; got {size}."
        )
    return d


def check_index(k, d):
    """k in -d ... d - 1 -> 0 ... d - 1."""
    k = int(k)
    if not -d <= k < d:
        raise IndexError(
            f"k should lie between {-d} and {d - 1} for matrices of order {d}; got {k}."
        )
    return k + d if k < 0 else k
