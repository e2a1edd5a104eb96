"""The arithmetic of a whole model, from table to prediction, written once for all backends.

`SpectralModel.predict`, the torch module and the jax function all call `forward`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eigcore.api import evaluate
from eigcore.api.inputs import taken
from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput
from eigcore.portable.description import ModelStatic

Forward = Callable[..., Array]
"""`decision` or `forward`."""


def decision(
    static: ModelStatic, params: Sequence[Array], x: Array, backend: Backend, codes: bool = False
) -> Array:
    """Return the decision: offset + scale · Σ_m w_m f_m(encoding(x)).

    This pure function runs on every backend; the framework can differentiate and compile it.

    Parameters
    ----------
    static : ModelStatic
    params : sequence of (outputs, features + 1, K) arrays, one per member
    x : (..., columns) array of the backend's library
        float16 and bfloat16 are computed in float32; integers become float64.
    backend : Backend
    codes : bool
        Whether category columns of x hold codes, as from `Encoding.table`, instead of levels.

    Returns
    -------
    (...) array, or (..., outputs) where outputs > 1, in units of the target

    Raises
    ------
    InvalidInput
        If x is no array, if numbers of its dtype cannot hold the levels of a category column, or if
        x is a float64 array of NumPy that the backend would shorten.
    """
    if not hasattr(x, "dtype"):
        raise InvalidInput(
            f"x is of type {type(x).__name__}; expected an array (rows, columns). Use "
            "model.predict for tables."
        )
    x = taken(backend, x)
    name = backend.dtype_name(x)
    if "float" not in name:
        return decision(static, params, backend.asarray(x, dtype="float64"), backend, codes)
    if "16" in name:
        wide = decision(static, params, backend.asarray(x, dtype="float32"), backend, codes)
        return backend.asarray(wide, like=x)
    terms = static.encoding(x, backend, codes)
    pairs = zip(static.specs, _members(static, params, backend, terms), strict=True)
    return combine(static, [evaluate(spec, own, terms, backend=backend) for spec, own in pairs])


def _members(
    static: ModelStatic, params: Sequence[Array], backend: Backend, like: Array
) -> list[Array]:
    if len(params) != len(static.specs):
        raise InvalidInput(
            f"There are {len(params)} parameter array(s) for {len(static.specs)} member(s). Pass "
            "one array (outputs, features + 1, K) per member, those of this model."
        )
    return [backend.asarray(member, like=like) for member in params]


def combine(static: ModelStatic, values: Sequence[Array]) -> Array:
    """Return the decision from the values of the members: offset + scale · Σ_m w_m values_m."""
    pairs = zip(static.weights, values, strict=True)
    return static.offset + static.scale * sum(weight * value for weight, value in pairs)


def forward(
    static: ModelStatic,
    params: Sequence[Array],
    x: Array,
    backend: str | Backend,
    codes: bool = False,
) -> Array:
    """Return the prediction, the inverse link of `decision`; same arguments and shapes."""
    chosen = get_backend(backend)
    return answer(static, decision(static, params, x, chosen, codes), chosen)


def answer(static: ModelStatic, z: Array, backend: Backend) -> Array:
    """Return the prediction from the decision z: the inverse link, between the ends of `clip`."""
    found = link_inverse(static.link, z, backend)
    if static.clip is None:
        return found
    xp, (low, high) = backend.xp, static.ends
    if static.targets:
        low, high = (backend.asarray(each, like=found) for each in (low, high))
    return xp.where(found < low, low, xp.where(found > high, high, found))


def decision_ends(static: ModelStatic) -> tuple[Any, Any]:
    """Return the decisions from which on `clip` has an effect; infinite where it has none.

    Numbers, or (targets,) each of several.
    """
    if static.targets:
        each = [_decision_ends(static.link, *pair) for pair in np.broadcast(*static.ends)]
        low, high = np.array(each).T
        return low, high
    return _decision_ends(static.link, *static.ends)


def _decision_ends(link: str, low: float, high: float) -> tuple[float, float]:
    if link == "log":
        return (math.log(low) if low > 0.0 else -math.inf), math.log(high)
    if link == "logistic":
        least = math.log(low / (1.0 - low)) if low > 0.0 else -math.inf
        return least, (math.log(high / (1.0 - high)) if high < 1.0 else math.inf)
    return low, high


def link_inverse(link: str, z: Array, backend: Backend) -> Array:
    """Return the prediction from the decision z, without overflow.

    z, 1 / (1 + e^(−z)), e^z, or e^z / Σ e^z over the last axis, for the links "identity",
    "logistic", "log" and "softmax". All but the last increase in z.
    """
    xp = backend.xp
    if link == "identity":
        return z
    if link == "log":
        return xp.exp(z)
    if link == "softmax":
        # softmax does not depend on the shift, so the shift is a constant for its derivative
        powers = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
        return powers / xp.sum(powers, axis=-1, keepdims=True)
    # both branches of `where` need valid arguments, or the gradient would be NaN
    low, high = xp.exp(xp.where(z < 0.0, z, 0.0)), xp.exp(xp.where(z < 0.0, 0.0, -z))
    return xp.where(z < 0.0, low / (1.0 + low), 1.0 / (1.0 + high))
