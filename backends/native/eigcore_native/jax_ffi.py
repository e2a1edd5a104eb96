"""The kernels inside jax.jit on the CPU: compiled handlers, no Python callback. Leading axes are batch, so vmap only adds one.

These functions have no derivative of their own: value_and_gradient is what a custom_jvp or custom_vjp is made of.
"""

import functools
import math

import jax
import numpy as np

from eigcore_native import _core
from eigcore_native._arrays import check_index


@functools.cache
def _register():
    if not _core.xla_handlers:
        raise ImportError("eigcore-native was built without XLA's header. Install jaxlib, then: pip install --force-reinstall --no-binary :all: eigcore-native")
    for name, handler in _core.xla_handlers.items():
        jax.ffi.register_ffi_target(name, handler, platform="cpu")


def _call(name, results, *arguments, **attributes):
    _register()
    return jax.ffi.ffi_call(name, results, vmap_method="broadcast_all")(*arguments, **attributes)


def _dim(size, dim, band):
    d = (size + 1) // 2 if band else (math.isqrt(8 * size + 1) - 1) // 2
    if size != (2 * d - 1 if band else d * (d + 1) // 2) or d == 0 or (dim is not None and d != dim):
        raise ValueError(f"p should have the trailing length of order dim = {dim}; got {size}.")
    return d


def value_packed(p, k, dim=None, *, band=False, threads=0):
    """p : (..., K) packed, or (..., 2 d - 1) if band -> lambda_k (...)."""
    d = _dim(p.shape[-1], dim, band)
    out = jax.ShapeDtypeStruct(p.shape[:-1], p.dtype)
    return _call("eigcore_value", out, p, k=np.int64(check_index(k, d)), dim=np.int64(d), band=band, threads=np.int64(threads))


def value_and_gradient_packed(p, k, dim=None, *, band=False, threads=0):
    """p : (..., K) packed, or (..., 2 d - 1) if band -> lambda_k (...), gradient (shape of p); P / m at ties."""
    d = _dim(p.shape[-1], dim, band)
    out = jax.ShapeDtypeStruct(p.shape[:-1], p.dtype), jax.ShapeDtypeStruct(p.shape, p.dtype)
    return _call("eigcore_value_and_gradient", out, p, k=np.int64(check_index(k, d)), dim=np.int64(d), band=band, threads=np.int64(threads))


def eigenpairs(M, lo, hi, *, threads=0):
    """M : (..., d, d) -> values (..., m) ascending, orthonormal vectors (..., d, m)."""
    d = M.shape[-1]
    lo, hi = check_index(lo, d), check_index(hi, d)
    out = jax.ShapeDtypeStruct((*M.shape[:-2], hi - lo + 1), M.dtype), jax.ShapeDtypeStruct((*M.shape[:-1], hi - lo + 1), M.dtype)
    return _call("eigcore_eigenpairs", out, M, lo=np.int64(lo), hi=np.int64(hi), threads=np.int64(threads))


def eigenpairs_tridiagonal(diag, off, lo, hi, *, threads=0):
    """diag : (..., d), off : (..., d - 1) -> values (..., m) ascending, orthonormal vectors (..., d, m)."""
    d = diag.shape[-1]
    lo, hi = check_index(lo, d), check_index(hi, d)
    out = jax.ShapeDtypeStruct((*diag.shape[:-1], hi - lo + 1), diag.dtype), jax.ShapeDtypeStruct((*diag.shape, hi - lo + 1), diag.dtype)
    return _call("eigcore_eigenpairs_tridiagonal", out, diag, off, lo=np.int64(lo), hi=np.int64(hi), threads=np.int64(threads))
