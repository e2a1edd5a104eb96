"""Predictions of random-matrix theory: limiting spectra, outliers and risks in high dimension."""

from eigcore.rmt.activations import hermite, mixture_coefficients
from eigcore.rmt.batch import Laws
from eigcore.rmt.circle import circular
from eigcore.rmt.classical import discrete, marchenko_pastur, semicircle, spiked
from eigcore.rmt.covariance import inversion_bias, sample_covariance
from eigcore.rmt.deep import deep_ck, deep_ntk
from eigcore.rmt.equivalents import linear_equivalent, linearise_kernel
from eigcore.rmt.features import random_features_risk
from eigcore.rmt.fitting import Fit, fit_law
from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.flow import gradient_flow_risk
from eigcore.rmt.fluctuations import linear_statistics
from eigcore.rmt.fourier import random_fourier_risk
from eigcore.rmt.free import free_product, free_sum
from eigcore.rmt.glm import hessian_glm
from eigcore.rmt.hessian import HessianLaw
from eigcore.rmt.kernels import kernel
from eigcore.rmt.losses import Loss, glm_loss
from eigcore.rmt.mixtures import mixture
from eigcore.rmt.overlay import Overlay, overlay
from eigcore.rmt.preprocessing import (
    Preprocessing,
    SpectralInitialisation,
    optimal_preprocessing,
    spectral_initialisation,
)
from eigcore.rmt.responses import Response, glm_response
from eigcore.rmt.ridge import best_ridge, ridge_risk, scaling_exponent
from eigcore.rmt.separable import separable
from eigcore.rmt.tracy_widom import largest_eigenvalue_p_value, tracy_widom

__all__ = [
    "Fit",
    "HessianLaw",
    "Laws",
    "Loss",
    "Overlay",
    "Preprocessing",
    "Response",
    "SpectralInitialisation",
    "best_ridge",
    "circular",
    "deep_ck",
    "deep_ntk",
    "discrete",
    "fit_law",
    "fixed_point",
    "free_product",
    "free_sum",
    "glm_loss",
    "glm_response",
    "gradient_flow_risk",
    "hermite",
    "hessian_glm",
    "inversion_bias",
    "kernel",
    "largest_eigenvalue_p_value",
    "linear_equivalent",
    "linear_statistics",
    "linearise_kernel",
    "marchenko_pastur",
    "mixture",
    "mixture_coefficients",
    "optimal_preprocessing",
    "overlay",
    "random_features_risk",
    "random_fourier_risk",
    "ridge_risk",
    "sample_covariance",
    "scaling_exponent",
    "semicircle",
    "separable",
    "spectral_initialisation",
    "spiked",
    "tracy_widom",
]
