"""Layers map a vector to a vector of eigenvalues: the common part for torch and JAX."""

from eigcore.layers.description import Layer, layer
from eigcore.layers.initialisation import start

__all__ = ["Layer", "layer", "start"]
