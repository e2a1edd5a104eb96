"""The kernels inside jax.jit on the CPU: compiled handlers, no Python callback.

Leading axes are batch, so ``vmap`` only adds one. These functions have no derivative of their own:
`value_and_gradient_packed` is what a ``custom_jvp`` or ``custom_vjp`` is made of. Arrays are
float64 or float32; XLA reports any other dtype as an error when the function runs.
"""

import functools
import math

import jax
import numpy as np

from eigcore_native import _core
from eigcore_native._arrays import check_index


def value_packed(p, k, dim=None, *, band=False, threads=0):
    """Return λ_k (...) of packed rows p (..., K), or (..., 2 d − 1) if band.

    Rows of length dim² are whole matrices, of which the symmetric part is meant.
    Raises `ValueError` for a length that is no packed size, `IndexError` for k outside −d … d − 1,
    `ImportError` if the kernels were built without XLA's header.
    """
    d = _dim(p.shape[-1], dim, band)
    out = jax.ShapeDtypeStruct(p.shape[:-1], p.dtype)
    return _call("eigcore_value", out, p, **_selection(k, d, band, threads))


def value_and_gradient_packed(p, k, dim=None, *, band=False, threads=0):
    """Return λ_k (...) and its gradient, of p's shape; at ties P/m, P the cluster's projector.

    p : (..., K) packed rows, (..., 2 d − 1) if band, or (..., dim²) whole matrices, whose gradient
    is v vᵀ. Errors as in `value_packed`.
    """
    d = _dim(p.shape[-1], dim, band)
    out = jax.ShapeDtypeStruct(p.shape[:-1], p.dtype), jax.ShapeDtypeStruct(p.shape, p.dtype)
    return _call("eigcore_value_and_gradient", out, p, **_selection(k, d, band, threads))


def eigenpairs(M, lo, hi, *, threads=0):
    """Return ascending values (..., m) and orthonormal vectors (..., d, m), m = hi − lo + 1.

    M : (..., d, d), of which the symmetric part is meant. Raises `IndexError` for lo or hi outside
    −d … d − 1, `ImportError` if the kernels were built without XLA's header.
    """
    return _pairs("eigcore_eigenpairs", M.shape[:-1], lo, hi, threads, M)


def eigenpairs_tridiagonal(diag, off, lo, hi, *, threads=0):
    """Return ascending values (..., m) and orthonormal vectors (..., d, m), m = hi − lo + 1.

    diag : (..., d), off : (..., d − 1). Errors as in `eigenpairs`.
    """
    return _pairs("eigcore_eigenpairs_tridiagonal", diag.shape, lo, hi, threads, diag, off)


@functools.cache
def _register():
    if not _core.xla_handlers:
        raise ImportError(
            "eigcore-native was built without XLA's header. Install jaxlib, then type: "
            "pip install --force-reinstall --no-binary eigcore-native eigcore-native"
        )
    for name, handler in _core.xla_handlers.items():
        jax.ffi.register_ffi_target(name, handler, platform="cpu")


def _call(name, results, *arguments, **attributes):
    _register()
    call = jax.ffi.ffi_call(name, results, vmap_method="broadcast_all")
    return call(*arguments, **attributes)


def _selection(k, d, band, threads):
    k = np.int64(check_index(k, d))
    return {"k": k, "dim": np.int64(d), "band": band, "threads": np.int64(threads)}


def _pairs(name, lead, lo, hi, threads, *arrays):
    *batch, d = lead
    lo, hi = check_index(lo, d), check_index(hi, d)
    shapes = (*batch, hi - lo + 1), (*lead, hi - lo + 1)
    out = tuple(jax.ShapeDtypeStruct(shape, arrays[0].dtype) for shape in shapes)
    return _call(name, out, *arrays, lo=np.int64(lo), hi=np.int64(hi), threads=np.int64(threads))


def _dim(size, dim, band):
    if dim and size == dim * dim and not band:
        return dim
    d = (size + 1) // 2 if band else (math.isqrt(8 * size + 1) - 1) // 2
    right = size == (2 * d - 1 if band else d * (d + 1) // 2)
    if not right or d == 0 or (dim is not None and d != dim):
        raise ValueError(f"p should have the trailing length of order dim = {dim}; got {size}.")
    return d
