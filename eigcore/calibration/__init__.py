"""Intervals that contain the target as often as promised, by split conformal prediction."""
