"""The laws. Importing this package registers them."""

from eigcore.testing.laws import (
    autodiff,
    declarations,
    derivatives,
    descents,
    eigenpairs,
    exactness,
    inputs,
    nonfinite,
    nonsymmetric,
    smoothing,
    spectral,
    symmetries,
)

__all__ = [
    "autodiff",
    "declarations",
    "derivatives",
    "descents",
    "eigenpairs",
    "exactness",
    "inputs",
    "nonfinite",
    "nonsymmetric",
    "smoothing",
    "spectral",
    "symmetries",
]
