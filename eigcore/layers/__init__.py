"""Layers map a vector to a vector of eigenvalues: the common part for torch and JAX."""

from eigcore.layers.description import Layer
from eigcore.layers.initialisation import start
from eigcore.layers.making import layer, layer_options

__all__ = ["Layer", "layer", "layer_options", "start"]
