"""Predictions of random-matrix theory: limiting spectra, outliers and risks in high dimension."""

from eigcore.rmt.classical import circular, discrete, marchenko_pastur, semicircle, spiked
from eigcore.rmt.covariance import inversion_bias, sample_covariance
from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.free import free_product, free_sum
from eigcore.rmt.glm import hessian_glm
from eigcore.rmt.hessian import HessianLaw
from eigcore.rmt.losses import Loss, glm_loss
from eigcore.rmt.mixtures import mixture, separable
from eigcore.rmt.preprocessing import (
    Preprocessing,
    SpectralInitialisation,
    optimal_preprocessing,
    spectral_initialisation,
)
from eigcore.rmt.responses import Response, glm_response
from eigcore.rmt.tracy_widom import largest_eigenvalue_p_value, tracy_widom

__all__ = [
    "HessianLaw",
    "Loss",
    "Preprocessing",
    "Response",
    "SpectralInitialisation",
    "circular",
    "discrete",
    "fixed_point",
    "free_product",
    "free_sum",
    "glm_loss",
    "glm_response",
    "hessian_glm",
    "inversion_bias",
    "largest_eigenvalue_p_value",
    "marchenko_pastur",
    "mixture",
    "optimal_preprocessing",
    "sample_covariance",
    "semicircle",
    "separable",
    "spectral_initialisation",
    "spiked",
    "tracy_widom",
]
