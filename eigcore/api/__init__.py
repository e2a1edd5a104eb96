"""The public functions: choose a backend, check the arrays, apply the rules."""

from eigcore.api.matrices import (
    eigenvalues,
    kth_eigenpair,
    kth_eigenvalue,
    kth_eigenvalue_tridiagonal,
    smooth_kth_eigenvalue,
)
from eigcore.api.models import evaluate, evaluate_packed, jvp, vjp

__all__ = [
    "eigenvalues",
    "evaluate",
    "evaluate_packed",
    "jvp",
    "kth_eigenpair",
    "kth_eigenvalue",
    "kth_eigenvalue_tridiagonal",
    "smooth_kth_eigenvalue",
    "vjp",
]
