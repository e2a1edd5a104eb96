"""Accuracy against trees, networks and the literature: ``python -m benchmarks.accuracy``."""
