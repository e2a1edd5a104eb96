"""Eigenvalue layers as pairs of pure functions, for JAX and the libraries on top of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from eigcore.plugin import layer, start


def spectral_layer(
    features: int, outputs: int, dim: int, **options: Any
) -> tuple[Callable[..., dict[str, jax.Array]], Callable[..., jax.Array]]:
    """Return (init, apply) of a layer, which maps a vector to a vector of eigenvalues.

    Parameters
    ----------
    features, outputs, dim, **options
        See `eigcore.layers.layer`.

    Returns
    -------
    init : callable
        ``init(key, dtype=None)`` returns the parameters, a dict of arrays with the names and shapes
        of `eigcore.layers.Layer.shapes`.
    apply : callable
        ``apply(params, x, ids=..., values=..., context=...)`` returns (..., outputs), see
        `eigcore.layers.Layer.apply`.

    Raises
    ------
    InvalidSpec
        If the description contradicts itself.
    """
    made = layer(features, outputs, dim, **options)

    def init(key: jax.Array, dtype: Any = None) -> dict[str, jax.Array]:
        params = {}
        for name, (mean, deviation) in start(made).items():
            key, own = jax.random.split(key)
            noise = jax.random.normal(own, made.shapes[name], dtype)
            scale = jnp.asarray(deviation, noise.dtype)
            params[name] = jnp.asarray(mean, noise.dtype) + scale * noise
        return params

    return init, made.apply
