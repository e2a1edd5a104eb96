"""Predictions of random-matrix theory: limiting spectra, outliers and risks in high dimension."""

from eigcore.rmt.activations import hermite, mixture_coefficients
from eigcore.rmt.classical import circular, discrete, marchenko_pastur, semicircle, spiked
from eigcore.rmt.covariance import inversion_bias, sample_covariance
from eigcore.rmt.deep import deep_ck, deep_ntk
from eigcore.rmt.equivalents import linear_equivalent, linearise_kernel
from eigcore.rmt.features import random_features_risk
from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.flow import gradient_flow_risk
from eigcore.rmt.fourier import random_fourier_risk
from eigcore.rmt.free import free_product, free_sum
from eigcore.rmt.kernels import kernel
from eigcore.rmt.mixtures import mixture, separable
from eigcore.rmt.ridge import best_ridge, ridge_risk, scaling_exponent
from eigcore.rmt.tracy_widom import largest_eigenvalue_p_value, tracy_widom

__all__ = [
    "best_ridge",
    "circular",
    "deep_ck",
    "deep_ntk",
    "discrete",
    "fixed_point",
    "free_product",
    "free_sum",
    "gradient_flow_risk",
    "hermite",
    "inversion_bias",
    "kernel",
    "largest_eigenvalue_p_value",
    "linear_equivalent",
    "linearise_kernel",
    "marchenko_pastur",
    "mixture",
    "mixture_coefficients",
    "random_features_risk",
    "random_fourier_risk",
    "ridge_risk",
    "sample_covariance",
    "scaling_exponent",
    "semicircle",
    "separable",
    "spiked",
    "tracy_widom",
]
