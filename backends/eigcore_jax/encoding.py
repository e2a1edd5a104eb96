"""Stable positional encodings of graphs as a pair of pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax

from eigcore.plugin import Encoder


@dataclass(frozen=True)
class Init:
    """``init(key, dtype=None)`` draws the parameters; equal layers have equal ones."""

    encoder: Encoder

    def __call__(self, key: jax.Array, dtype: Any = None) -> dict[str, jax.Array]:
        """Return arrays with the names and shapes of `Encoder.shapes`."""
        params, shapes = {}, self.encoder.shapes
        for name, (mean, deviation) in self.encoder.start.items():
            key, own = jax.random.split(key)
            params[name] = mean + deviation * jax.random.normal(own, shapes[name], dtype)
        return params


@dataclass(frozen=True)
class Apply:
    """``apply(params, L)`` is `eigcore.graph.Encoder.apply`."""

    encoder: Encoder

    def __call__(self, params: Mapping[str, jax.Array], L: jax.Array) -> jax.Array:
        """Return (..., n, features)."""
        return self.encoder.apply(params, L)


def stable_encoding(d: int, features: int, maps: int = 8, hidden: int = 16) -> tuple[Init, Apply]:
    """Return (init, apply) of a layer from Laplacians to features of nodes.

    Both can be hashed, and are equal for equal layers: as static arguments of ``jax.jit``, equal
    layers share one trace.

    Parameters
    ----------
    d, features, maps, hidden : int
        See `eigcore.graph.Encoder`.

    Returns
    -------
    init : callable
        ``init(key, dtype=None)`` returns the parameters, a dict of arrays.
    apply : callable
        ``apply(params, L)`` returns (..., n, features).

    Raises
    ------
    InvalidSpec
        A number that is not a positive integer.
    """
    made = Encoder(d, features, maps, hidden)
    return Init(made), Apply(made)
