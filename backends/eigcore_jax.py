"""JAX: CPU, GPU and TPU through the library's own eigensolver, inside its transformations."""

import math
from functools import lru_cache, partial
from typing import final

import eigcore_kernels
import jax
import jax.numpy as jnp
import numpy as np
from eigcore_jax_layers import spectral_layer as spectral_layer
from jax.core import Tracer

import eigcore.dispatch.backend as core
from eigcore import Backend, Capabilities
from eigcore.core import rules
from eigcore.dispatch import tracing
from eigcore.dispatch.backend import Places, window
from eigcore.dispatch.hookspecs import hookimpl
from eigcore.errors import NotDifferentiable
from eigcore.model import forward


@final
class JaxBackend(Backend):
    """Eigenpairs by ``jax.numpy.linalg``; derivatives by ``jax.custom_jvp``."""

    name = "jax"
    plugin_api = 1
    capabilities = Capabilities(
        arrays=("jax", "jaxlib"),
        dtypes=("float64", "float32", "float16", "bfloat16"),
        devices=("cpu", "cuda", "rocm", "tpu"),
        autodiff=True,
        second_order=True,
        compiled=True,
    )
    xp = jnp
    note = f"JAX {jax.__version__}; {eigcore_kernels.NOTE}"

    def asarray(self, a, *, like=None, dtype=None, device=None):
        if like is not None:
            a = jnp.asarray(a)
            dtype = like.dtype if jnp.issubdtype(a.dtype, jnp.floating) else dtype
        if dtype is not None:
            dtype = jax.dtypes.canonicalize_dtype(dtype)
        return jnp.asarray(a, dtype=dtype, device=device)

    def to_numpy(self, a):
        return np.asarray(a)

    def switched_off(self, dtype):
        if dtype != "float64" or jax.config.jax_enable_x64:  # pyright: ignore
            return ""
        return "JAX has float64 switched off. Set JAX_ENABLE_X64=1 before Python starts."

    def is_concrete(self, a):
        return not isinstance(a, Tracer)

    def all_finite(self, a):
        if not self.is_concrete(a):
            return False
        return math.isfinite(a.item()) if a.size == 1 else bool(np.isfinite(np.asarray(a)).all())

    def place(self, lay, like):
        gather, scatter = lay.gather, lay.scatter
        return Places(
            gather[0], gather[1].astype(like.dtype), scatter[0], scatter[1].astype(like.dtype)
        )

    def eigenpairs(self, M, lo, hi):
        return window(self.solve("jax.numpy.linalg.eigh", _eigh, M), lo, hi)

    def eigenvalues(self, M, lo, hi):
        return window(self.solve("jax.numpy.linalg.eigvalsh", _eigvalsh, M), lo, hi)

    def map_rows(self, function, p, bytes_per_entry):
        rows = math.prod(p.shape[:-1])
        chunk = max(1, core.MEMORY_BUDGET // (bytes_per_entry * p.dtype.itemsize))
        # a symbolic number of rows (jax.export) cannot be compared
        if not isinstance(rows, int) or rows <= chunk:
            return function(p)
        results = jax.lax.map(function, p.reshape(rows, p.shape[-1]), batch_size=chunk)
        return jax.tree.map(lambda a: a.reshape(*p.shape[:-1], *a.shape[1:]), results)

    def fused(self, rule, p, *, gradient):
        symbolic = not all(isinstance(size, int) for size in p.shape)
        if (
            symbolic
            or p.dtype not in (jnp.float32, jnp.float64)
            or not eigcore_kernels.serves(rule)
        ):
            return None
        kernel = partial(eigcore_kernels.in_jax, rule, gradient)
        if not self.is_concrete(p):
            composed = partial(rule.composed, self, gradient=gradient)
            return jax.lax.platform_dependent(p, cpu=kernel, default=composed)
        if p.device.platform != "cpu":
            return None
        shape = (*p.shape[:-1], rule.layout.dim, rule.layout.dim)
        return self.solve(eigcore_kernels.DRIVER, kernel, p, shape=shape)

    def call(self, function, static, *arrays):
        if tracing.active():
            return function(self, *static, *arrays)
        return _jit(function, self, *static)(*arrays)

    def gradient(self, function, *arrays):
        return jax.grad(function, argnums=tuple(range(len(arrays))))(*arrays)

    def compiled(self, function):
        return jax.jit(function)

    def detach(self, a):
        return jax.lax.stop_gradient(a)

    def wrap(self, model):
        return [self.asarray(p) for _, p in model.members], partial(_predict, model.static)

    def undifferentiable(self, function):
        constant = jax.custom_jvp(function)
        constant.defjvp(_refuse)
        return constant

    def differentiable(self, rule):
        return _differentiable(self, rule)


@lru_cache(maxsize=1024)
def _jit(function, *static):
    return jax.jit(partial(function, *static))


@lru_cache(maxsize=1024)
def _differentiable(backend, rule):
    curvature = backend.undifferentiable(partial(rule.curvature, backend))

    @jax.custom_jvp
    def value_and_gradient(p):
        return rule.value_and_gradient(backend, p)

    @value_and_gradient.defjvp
    def _(primals, tangents):
        value, gradient = value_and_gradient(*primals)
        turn = rule.gradient_tangent(backend, curvature(*primals), *tangents)
        return (value, gradient), (rules.tangent(gradient, *tangents), turn)

    @jax.custom_jvp
    def value(p):
        return rule.value(backend, p)

    @value.defjvp
    def _(primals, tangents):
        result, gradient = value_and_gradient(*primals)
        return result, rules.tangent(gradient, *tangents)

    return value


def _predict(static, params, x):
    """Predictions (...) for numeric rows x (..., columns), link included."""
    return forward(static, params, x, BACKEND)


def _refuse(primals, tangents):
    raise NotDifferentiable(
        "eigcore gives first and second derivatives of eigenvalues, no third ones and none of "
        "eigenvectors. Use kth_eigenvalue, or wrap the argument in jax.lax.stop_gradient."
    )


def _eigh(M):
    if 0 in M.shape:
        return jnp.zeros(M.shape[:-1], M.dtype), jnp.zeros_like(M)
    return tuple(jnp.linalg.eigh(M, symmetrize_input=False))


def _eigvalsh(M):
    if 0 in M.shape:
        return jnp.zeros(M.shape[:-1], M.dtype)
    return jnp.linalg.eigvalsh(M, symmetrize_input=False)


BACKEND = JaxBackend()


@hookimpl
def eigcore_backend():
    """Return the backend."""
    return BACKEND
