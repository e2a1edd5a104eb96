"""Predictions of random-matrix theory: limiting spectra, outliers and risks in high dimension."""

from eigcore.rmt.classical import circular, discrete, marchenko_pastur, semicircle, spiked
from eigcore.rmt.covariance import inversion_bias, sample_covariance
from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.free import free_product, free_sum
from eigcore.rmt.mixtures import mixture, separable
from eigcore.rmt.tracy_widom import largest_eigenvalue_p_value, tracy_widom

__all__ = [
    "circular",
    "discrete",
    "fixed_point",
    "free_product",
    "free_sum",
    "inversion_bias",
    "largest_eigenvalue_p_value",
    "marchenko_pastur",
    "mixture",
    "sample_covariance",
    "semicircle",
    "separable",
    "spiked",
    "tracy_widom",
]
