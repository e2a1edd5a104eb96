"""Diagnostics of weight matrices: spectra, power-law tails, shape metrics, outliers, probes."""

from eigcore.spectra.density import ESD, esd, farms
from eigcore.spectra.metrics import Metrics, metrics, smoothed, trend
from eigcore.spectra.outliers import Outliers, outliers
from eigcore.spectra.power_law import PowerLaw, power_law
from eigcore.spectra.probe import Probe, spectral_probe
from eigcore.spectra.stream import top_vector, top_vectors

__all__ = [
    "ESD",
    "Metrics",
    "Outliers",
    "PowerLaw",
    "Probe",
    "esd",
    "farms",
    "metrics",
    "outliers",
    "power_law",
    "smoothed",
    "spectral_probe",
    "top_vector",
    "top_vectors",
    "trend",
]
