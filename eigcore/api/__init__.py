"""The public functions: choose a backend, check the arrays, apply the rules."""

from eigcore.api.iterative import newton_schulz
from eigcore.api.matrices import (
    eigenvalues,
    kth_eigenpair,
    kth_eigenvalue,
    kth_eigenvalue_tridiagonal,
    smooth_kth_eigenvalue,
)
from eigcore.api.models import evaluate, evaluate_packed, jvp, vjp
from eigcore.api.spectral import matrix_function, spectral_map, spectral_value

__all__ = [
    "eigenvalues",
    "evaluate",
    "evaluate_packed",
    "jvp",
    "kth_eigenpair",
    "kth_eigenvalue",
    "kth_eigenvalue_tridiagonal",
    "matrix_function",
    "newton_schulz",
    "smooth_kth_eigenvalue",
    "spectral_map",
    "spectral_value",
    "vjp",
]
