"""Predictions of random-matrix theory: limiting spectra, outliers and risks in high dimension."""

from eigcore.rmt.classical import circular, discrete, marchenko_pastur, semicircle, spiked
from eigcore.rmt.covariance import inversion_bias, sample_covariance
from eigcore.rmt.fitting import Fit, fit_law
from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.fluctuations import linear_statistics
from eigcore.rmt.free import free_product, free_sum
from eigcore.rmt.mixtures import mixture, separable
from eigcore.rmt.overlay import Overlay, overlay
from eigcore.rmt.tracy_widom import largest_eigenvalue_p_value, tracy_widom

__all__ = [
    "Fit",
    "Overlay",
    "circular",
    "discrete",
    "fit_law",
    "fixed_point",
    "free_product",
    "free_sum",
    "inversion_bias",
    "largest_eigenvalue_p_value",
    "linear_statistics",
    "marchenko_pastur",
    "mixture",
    "overlay",
    "sample_covariance",
    "semicircle",
    "separable",
    "spiked",
    "tracy_widom",
]
