"""One eigenpair, or a few, of many small symmetric matrices; for the backends of eigcore.

Eigenvalues are numbered from the smallest, from zero. ``threads=0`` means the cores available to
the process. Rows with NaN or infinity give NaN and leave the others alone.
"""

from eigcore_native._core import available_cores, isa
from eigcore_native.kernels import all_finite, kernel, serves
from eigcore_native.windows import eigenpairs, eigenpairs_tridiagonal

__version__ = "0.2.0"
INTERFACE = 2
"""Version of this Python interface; eigcore speaks to one of them only."""
__all__ = [
    "INTERFACE",
    "all_finite",
    "available_cores",
    "eigenpairs",
    "eigenpairs_tridiagonal",
    "isa",
    "kernel",
    "serves",
]
