"""Predictions of random-matrix theory: limiting spectra, outliers and risks in high dimension."""

from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.glm import hessian_glm
from eigcore.rmt.hessian import HessianLaw
from eigcore.rmt.losses import Loss, glm_loss
from eigcore.rmt.preprocessing import (
    Preprocessing,
    SpectralInitialisation,
    optimal_preprocessing,
    spectral_initialisation,
)
from eigcore.rmt.responses import Response, glm_response

__all__ = [
    "HessianLaw",
    "Loss",
    "Preprocessing",
    "Response",
    "SpectralInitialisation",
    "fixed_point",
    "glm_loss",
    "glm_response",
    "hessian_glm",
    "optimal_preprocessing",
    "spectral_initialisation",
]
