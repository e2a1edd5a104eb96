"""Models as pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
from jax import export

from eigcore.plugin import ModelStatic, forward


@dataclass(frozen=True)
class Apply:
    """The pure function of a model: apply(params, x) returns predictions (...), after the link.

    With ``codes=True``, category columns of x hold codes instead of levels.

    Parameters
    ----------
    static : ModelStatic
        Everything but the parameters.
    provenance : dict
        Where the model comes from.
    """

    static: ModelStatic
    provenance: dict[str, Any] = field(default_factory=dict, compare=False)

    def __call__(self, params: Sequence[jax.Array], x: jax.Array, codes: bool = False) -> jax.Array:
        return forward(self.static, params, x, "jax", codes)


def frozen(params: Sequence[jax.Array], apply: Apply) -> bytes:
    """Return what `jax.export` serialises: any number of rows, codes for categories."""
    (rows,) = export.symbolic_shape("rows")
    cells = jax.ShapeDtypeStruct((rows, len(apply.static.encoding.columns)), params[0].dtype)
    function = jax.jit(partial(apply, params, codes=True))
    return bytes(export.export(function)(cells).serialize())
