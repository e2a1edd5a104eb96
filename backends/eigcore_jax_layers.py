"""Eigenvalue layers as pairs of pure functions, for JAX and the libraries on top of it."""

import jax
import jax.numpy as jnp

from eigcore.layers import layer, start


def spectral_layer(features, outputs, dim, **options):
    """Return (init, apply) of a layer: a vector in, a vector of eigenvalues out.

    Parameters
    ----------
    features, outputs, dim, **options
        See `eigcore.layers.layer`.

    Returns
    -------
    init : callable
        ``init(key, dtype=None)`` gives the parameters, a dict of arrays with the names and shapes
        of `eigcore.layers.Layer.shapes`.
    apply : callable
        ``apply(params, x, ids=..., values=..., context=...)`` gives (..., outputs), see
        `eigcore.layers.Layer.apply`.

    Raises
    ------
    InvalidSpec
        If the description contradicts itself.
    """
    made = layer(features, outputs, dim, **options)

    def init(key, dtype=None):
        params = {}
        for name, (mean, deviation) in start(made).items():
            key, own = jax.random.split(key)
            noise = jax.random.normal(own, made.shapes[name], dtype)
            scale = jnp.asarray(deviation, noise.dtype)
            params[name] = jnp.asarray(mean, noise.dtype) + scale * noise
        return params

    return init, made.apply
