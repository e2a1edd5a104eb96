"""Eigenvalues of many small symmetric matrices, functions of them, and their derivatives.

`kernel` is the door from NumPy; `eigcore_native.jax` is the same inside ``jax.jit``. ``threads=0``
means the cores available to the process, by its affinity and by the quota of its container.
Matrices with NaN or infinity give NaN and leave the others alone.
"""

from eigcore_native import _core, quota
from eigcore_native._core import isa
from eigcore_native.ensemble import ensemble
from eigcore_native.kernels import all_finite, kernel, serves, tables
from eigcore_native.losses import descent, mean_loss
from eigcore_native.pairs import eigenpairs, eigenpairs_tridiagonal
from eigcore_native.singular import svd
from eigcore_native.types import Answer

_core.take_at_most(quota.cores() or 2**31 - 1)

__version__ = "0.3.0"
INTERFACE = 2
"""Version of this Python interface; eigcore speaks to one of them only."""

__all__ = [
    "INTERFACE",
    "Answer",
    "all_finite",
    "descent",
    "eigenpairs",
    "eigenpairs_tridiagonal",
    "ensemble",
    "isa",
    "kernel",
    "mean_loss",
    "serves",
    "svd",
    "tables",
]
