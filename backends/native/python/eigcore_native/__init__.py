"""One eigenpair of many small symmetric matrices.

Eigenvalues are numbered from the smallest, from zero; negative numbers count from the largest.
Packed matrices are lower triangles by rows with off-diagonal entries times √2. ``threads=0`` means
the cores available to the process. Rows with NaN or infinity give NaN and leave the others alone.
"""

from eigcore_native._core import available_cores, isa
from eigcore_native.eigen import (
    Eigenpair,
    eigenpair,
    eigenpair_packed,
    eigenpair_tridiagonal,
    eigenpairs,
    eigenpairs_tridiagonal,
    value_and_gradient,
    value_and_gradient_band,
    value_and_gradient_packed,
    value_vjp,
)
from eigcore_native.encoded import (
    EncodedGradient,
    encoded_gradient,
    encoded_value,
    encoded_value_and_gradient,
    prefix_tables,
    prefix_tables_vjp,
)
from eigcore_native.pencil import pencil, pencil_vjp

__version__ = "0.1.0"
__all__ = [
    "Eigenpair",
    "EncodedGradient",
    "available_cores",
    "eigenpair",
    "eigenpair_packed",
    "eigenpair_tridiagonal",
    "eigenpairs",
    "eigenpairs_tridiagonal",
    "encoded_gradient",
    "encoded_value",
    "encoded_value_and_gradient",
    "isa",
    "pencil",
    "pencil_vjp",
    "prefix_tables",
    "prefix_tables_vjp",
    "value_and_gradient",
    "value_and_gradient_band",
    "value_and_gradient_packed",
    "value_vjp",
]
