"""Symmetric matrices known by their products with vectors: Lanczos, spectral density, extremes."""

from eigcore.operators.density import Estimate, SpectralDensity, spectral_density
from eigcore.operators.extremes import Extremes, extreme_eigenvalues
from eigcore.operators.hessian import fisher, gauss_newton, hessian
from eigcore.operators.lanczos import Lanczos, lanczos
from eigcore.operators.operator import Operator, gram, operator
from eigcore.operators.power import block_power, stream_gram
from eigcore.operators.randomised import Svd, randomised_svd

__all__ = [
    "Estimate",
    "Extremes",
    "Lanczos",
    "Operator",
    "SpectralDensity",
    "Svd",
    "block_power",
    "extreme_eigenvalues",
    "fisher",
    "gauss_newton",
    "gram",
    "hessian",
    "lanczos",
    "operator",
    "randomised_svd",
    "spectral_density",
    "stream_gram",
]
