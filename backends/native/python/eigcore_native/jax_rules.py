"""`eigcore_native.rules` inside jax.jit on the CPU."""

import jax.numpy as jnp
import numpy as np
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
    factor = _factor(rule, p)
    rows, options = _rows(rule, p * factor)
    return jax_ffi.value_packed(rows, **options, threads=threads) / factor[..., 0]


def value_and_gradient(rule, p, threads=0):
    """λ_k of packed rows and its gradient: p (..., K) -> (...), (..., K); P/m at ties."""
    factor = _factor(rule, p)
    rows, options = _rows(rule, p * factor)
    values, gradient = jax_ffi.value_and_gradient_packed(rows, **options, threads=threads)
    return values / factor[..., 0], _gradient(rule, gradient).reshape(p.shape)


def _factor(rule, p):
    """Power of two (..., 1) that makes room for the factors √2 and 2 of another packing."""
    if serves(rule) in ("packed", "band"):
        return jnp.ones((*p.shape[:-1], 1), p.dtype)
    return jnp.where(abs(p).max(-1, keepdims=True) > 1, 0.25, 1.0).astype(p.dtype)


def _rows(rule, p):
    """Bring p into the packing of the kernels; the second result are their options."""
    kind, d = serves(rule), rule.layout.dim
    band = kind in ("band", "pair")
    if kind == "pair":
        rows = jnp.zeros(p.shape, p.dtype).at[..., ::2].set(p[..., :d])
        p = rows.at[..., 1::2].set(p[..., d:] / SQRT_HALF)
    if kind == "full":
        rows, cols = np.tril_indices(d)
        scale = np.where(rows == cols, 0.5, 0.5 / SQRT_HALF).astype(p.dtype)
        p = (p[..., rows * d + cols] + p[..., cols * d + rows]) * scale
    return p, {"k": rule.phi.parameter, "dim": d, "band": band}


def _gradient(rule, gradient):
    """Bring the gradient back into the layout of the rule."""
    kind, d = serves(rule), rule.layout.dim
    if kind == "pair":
        halves = (gradient[..., ::2], gradient[..., 1::2] / SQRT_HALF)
        return jnp.concatenate(halves, axis=-1).astype(gradient.dtype)
    if kind == "full":
        rows, cols = np.tril_indices(d)
        entry = np.zeros((d, d), np.int64)
        entry[rows, cols] = entry[cols, rows] = np.arange(len(rows))
        scale = np.where(np.eye(d, dtype=bool), 1.0, SQRT_HALF).astype(gradient.dtype)
        return gradient[..., entry] * scale
    return gradient
