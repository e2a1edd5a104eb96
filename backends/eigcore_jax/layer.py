"""Eigenvalue layers as pairs of pure functions, for JAX and the libraries on top of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from eigcore.errors import InvalidSpec
from eigcore.plugin import Layer, layer, layer_options, start


@dataclass(frozen=True)
class Init:
    """``init(key, dtype=None)`` draws the parameters of a layer; equal layers have equal ones."""

    layer: Layer
    param_dtype: Any
    gain: float

    def __call__(self, key: jax.Array, dtype: Any = None) -> dict[str, jax.Array]:
        """Return arrays with the names and shapes of `Layer.shapes`, by default in param_dtype."""
        dtype = self.param_dtype if dtype is None else dtype
        params = {}
        for name, (mean, deviation) in start(self.layer, self.gain).items():
            key, own = jax.random.split(key)
            noise = jax.random.normal(own, self.layer.shapes[name], dtype)
            scale = jnp.asarray(deviation, noise.dtype)
            params[name] = jnp.asarray(mean, noise.dtype) + scale * noise
        return params


@dataclass(frozen=True)
class Apply:
    """``apply(params, x, ...)`` is `eigcore.layers.Layer.apply`, in a dtype if one was given."""

    layer: Layer
    dtype: Any
    nonfinite: str

    def __call__(self, params: Mapping[str, jax.Array], x: Any = None, **given: Any) -> jax.Array:
        """Return (..., outputs)."""
        if self.dtype is not None:
            params = {name: jnp.asarray(a, self.dtype) for name, a in params.items()}
            x = x if x is None else jnp.asarray(x, self.dtype)
            real = [name for name in ("values", "context") if given.get(name) is not None]
            given |= {name: jnp.asarray(given[name], self.dtype) for name in real}
        return self.layer.apply(params, x, **{"nonfinite": self.nonfinite} | given)


def spectral_layer(
    features: int,
    outputs: int,
    dim: int,
    *,
    dtype: Any = None,
    param_dtype: Any = None,
    gain: float = 1.0,
    nonfinite: str = "raise",
    **options: Any,
) -> tuple[Init, Apply]:
    """Return (init, apply) of a layer, which maps a vector to a vector of eigenvalues.

    Both can be hashed, and are equal for equal layers: as static arguments of ``jax.jit``, equal
    layers share one trace.

    Parameters
    ----------
    features, outputs, dim, **options
        See `eigcore.layers.layer`.
    dtype : optional
        Convert parameters and inputs to it, as layers of flax do; float16 and bfloat16 are computed
        in float32. Default: nothing is converted.
    param_dtype : optional
        Of the parameters; default: that of JAX.
    gain : float
        Standard deviation of the outputs at the start, see `eigcore.layers.start`.
    nonfinite : {"raise", "propagate"}
        Whether rows that are NaN or infinite are an error in eager calls, as for
        `eigcore.evaluate`.

    Returns
    -------
    init : callable
        ``init(key, dtype=param_dtype)`` returns the parameters, a dict of arrays with the names and
        shapes of `eigcore.layers.Layer.shapes`.
    apply : callable
        ``apply(params, x, ids=..., values=..., context=...)`` returns (..., outputs), see
        `eigcore.layers.Layer.apply`.

    Raises
    ------
    InvalidSpec
        If the description contradicts itself.
    """
    made = layer(features, outputs, dim, **options)
    gain, nonfinite = layer_options(gain, nonfinite)
    dtype, param_dtype = _real("dtype", dtype), _real("param_dtype", param_dtype)
    return Init(made, param_dtype, gain), Apply(made, dtype, nonfinite)


def _real(name: str, dtype: Any) -> Any:
    """Return a dtype of real floating-point numbers, or None."""
    if dtype is not None and not jnp.issubdtype(dtype, jnp.floating):
        raise InvalidSpec(
            f"{name} is {dtype!r:.80}; expected one of real floating-point numbers. Write "
            f"{name}=jnp.float32."
        )
    return None if dtype is None else jnp.dtype(dtype)
