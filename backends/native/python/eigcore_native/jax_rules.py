"""`eigcore_native.rules` inside jax.jit on the CPU."""

import jax.numpy as jnp
from jax._src.export import _export

from eigcore_native import jax_ffi
from eigcore_native.rules import SQRT_HALF, serves

# jax.export refuses kernels that nobody promised to keep; eigcore keeps these. There is no public
# way to say so once (https://docs.jax.dev/en/latest/export/export.html#compatibility-guarantees-for-custom-calls).
getattr(_export, "_CUSTOM_CALL_TARGETS_GUARANTEED_STABLE", set()).update(
    ("eigcore_value", "eigcore_value_and_gradient")
)


def value(rule, p, threads=0):
    """λ_k of packed rows: p (..., K) -> (...); NaN where a row is not finite."""
    if serves(rule) != "pair":
        return jax_ffi.value_packed(p, **_options(rule, threads))
    band, factor = _band(p)
    return jax_ffi.value_packed(band, **_options(rule, threads)) / factor[..., 0]


def value_and_gradient(rule, p, threads=0):
    """λ_k of packed rows and its gradient: p (..., K) -> (...), (..., K); P/m at ties."""
    if serves(rule) != "pair":
        return jax_ffi.value_and_gradient_packed(p, **_options(rule, threads))
    band, factor = _band(p)
    values, gradient = jax_ffi.value_and_gradient_packed(band, **_options(rule, threads))
    beside = (gradient[..., 1::2] / SQRT_HALF).astype(p.dtype)
    return values / factor[..., 0], jnp.concatenate((gradient[..., ::2], beside), axis=-1)


def _options(rule, threads):
    band = serves(rule) in ("band", "pair")
    return {"k": rule.phi.parameter, "dim": rule.layout.dim, "band": band, "threads": threads}


def _band(p):
    """Rows (..., 2 d − 1) of the layout "pair" as "band", times a power of two (..., 1).

    The power makes room for the factor √2 of the packing.
    """
    d = (p.shape[-1] + 1) // 2
    factor = jnp.where(abs(p).max(-1, keepdims=True) > 1, 0.25, 1.0).astype(p.dtype)
    rows = jnp.zeros(p.shape, p.dtype).at[..., ::2].set(p[..., :d] * factor)
    return rows.at[..., 1::2].set(p[..., d:] * factor / SQRT_HALF), factor
