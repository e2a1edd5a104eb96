"""Predictions of random-matrix theory: limiting spectra, outliers and risks in high dimension."""

from eigcore.rmt.fixed_point import fixed_point

__all__ = ["fixed_point"]
