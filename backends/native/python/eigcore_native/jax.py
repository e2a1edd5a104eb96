"""The kernels inside jax.jit on the CPU: compiled handlers, no Python callback.

Leading axes are batch, so ``vmap`` only adds one. These functions have no derivative of their own:
`value_and_gradient` is what a ``custom_jvp`` is made of.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np
from jax._src.export import _export

from eigcore_native import _core
from eigcore_native.gradients import ROOT
from eigcore_native.kernels import kind_of

STABLE = ("eigcore_value", "eigcore_value_and_gradient", "eigcore_eigenpairs")
# jax.export refuses kernels that nobody promised to keep; eigcore keeps these. There is no public
# way to say so once (https://docs.jax.dev/en/latest/export/export.html#compatibility-guarantees-for-custom-calls).
getattr(_export, "_CUSTOM_CALL_TARGETS_GUARANTEED_STABLE", set()).update(STABLE)


def value(rule: Any, p: jax.Array, threads: int = 0) -> jax.Array:
    """λ_k of matrices p in the layout of a rule: (...); NaN where a row is not finite."""
    rows, factor = _rows(rule, p)
    out = jax.ShapeDtypeStruct(rows.shape[:-1], p.dtype)
    values = _call(STABLE[0], out, rows, **_options(rule, threads))
    return values if factor is None else values / factor


def value_and_gradient(rule: Any, p: jax.Array, threads: int = 0) -> tuple[jax.Array, jax.Array]:
    """λ_k of matrices p and its gradient, P/m at ties: (...), like p."""
    rows, factor = _rows(rule, p)
    out = jax.ShapeDtypeStruct(rows.shape[:-1], p.dtype), jax.ShapeDtypeStruct(rows.shape, p.dtype)
    values, gradient = _call(STABLE[1], out, rows, **_options(rule, threads))
    if factor is None:
        return values, gradient.reshape(p.shape)
    beside = (gradient[..., 1::2] * ROOT).astype(p.dtype)
    return values / factor, jax.numpy.concatenate((gradient[..., ::2], beside), axis=-1)


def eigenpairs(M: jax.Array, lo: int, hi: int, threads: int = 0) -> tuple[jax.Array, jax.Array]:
    """Return values (..., m), ascending, and orthonormal vectors (..., d, m), m = hi − lo + 1.

    M : (..., d, d), of which the symmetric part is meant.
    """
    *lead, d, _ = M.shape
    m = hi - lo + 1
    shapes = (*lead, m), (*lead, d, m)
    out = tuple(jax.ShapeDtypeStruct(shape, M.dtype) for shape in shapes)
    window = {"lo": np.int64(lo), "hi": np.int64(hi), "threads": np.int64(threads)}
    return _call(STABLE[2], out, M, **window)


@functools.cache
def _register() -> None:
    if not _core.xla_handlers:
        raise ImportError(
            "eigcore-native was built without XLA's header. Install jaxlib, then type: "
            "pip install --force-reinstall --no-binary eigcore-native eigcore-native"
        )
    for name, handler in _core.xla_handlers.items():
        jax.ffi.register_ffi_target(name, handler, platform="cpu")


def _call(name: str, results: Any, *arguments: jax.Array, **attributes: Any) -> Any:
    _register()
    call = jax.ffi.ffi_call(name, results, vmap_method="broadcast_all")
    return call(*arguments, **attributes)


def _options(rule: Any, threads: int) -> dict[str, Any]:
    band = kind_of(rule) in ("band", "pair")
    numbers = {"k": rule.phi.parameter, "dim": rule.layout.dim, "threads": threads}
    return {"band": band} | {name: np.int64(number) for name, number in numbers.items()}


def _rows(rule: Any, p: jax.Array) -> tuple[jax.Array, jax.Array | None]:
    """Rows (..., K) as the handlers read them, and by what their values are to be divided."""
    kind, d = kind_of(rule), rule.layout.dim
    if kind == "square":
        return p.reshape(*p.shape[:-2], d * d), None
    if kind != "pair":
        return p, None
    # a power of two makes room for the factor √2 of the packing
    factor = jax.numpy.where(abs(p).max(-1, keepdims=True) > 1, 0.25, 1.0).astype(p.dtype)
    rows = jax.numpy.zeros(p.shape, p.dtype).at[..., ::2].set(p[..., :d] * factor)
    return rows.at[..., 1::2].set(p[..., d:] * factor * ROOT), factor[..., 0]
