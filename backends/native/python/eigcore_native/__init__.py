"""One eigenvalue of many small symmetric matrices, and what it is differentiated with.

`eigcore_native.kernels` is the door from NumPy, `eigcore_native.jax` the same inside ``jax.jit``.
"""

from eigcore_native._core import isa

__version__ = "0.2.0"
INTERFACE = 2
"""Version of the functions of `eigcore_native.kernels` and `eigcore_native.jax`."""

__all__ = ["INTERFACE", "isa"]
