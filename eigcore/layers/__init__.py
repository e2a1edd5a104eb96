"""Layers, a vector in and a vector of eigenvalues out: what those of torch and JAX share."""

from eigcore.layers.description import Layer, layer
from eigcore.layers.initialisation import start

__all__ = ["Layer", "layer", "start"]
