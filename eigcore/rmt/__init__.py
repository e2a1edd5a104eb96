"""Predictions of random-matrix theory: limiting spectra, outliers and risks in high dimension."""

from eigcore.rmt.activations import hermite, mixture_coefficients
from eigcore.rmt.deep import deep_ck, deep_ntk
from eigcore.rmt.equivalents import linear_equivalent, linearise_kernel
from eigcore.rmt.features import random_features_risk
from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.flow import gradient_flow_risk
from eigcore.rmt.fourier import random_fourier_risk
from eigcore.rmt.kernels import kernel
from eigcore.rmt.ridge import best_ridge, ridge_risk, scaling_exponent

__all__ = [
    "best_ridge",
    "deep_ck",
    "deep_ntk",
    "fixed_point",
    "gradient_flow_risk",
    "hermite",
    "kernel",
    "linear_equivalent",
    "linearise_kernel",
    "mixture_coefficients",
    "random_features_risk",
    "random_fourier_risk",
    "ridge_risk",
    "scaling_exponent",
]
