"""JAX: CPU, GPU and TPU through the library's own eigensolver, inside its transformations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, NoReturn, final

import eigcore_kernels
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from eigcore.errors import NotDifferentiable
from eigcore.plugin import (
    Answer,
    Backend,
    Capabilities,
    Layout,
    Matrices,
    ModelStatic,
    Places,
    Rule,
    Source,
    Want,
    forward,
    hookimpl,
    window,
)
from eigcore_jax.layer import spectral_layer as spectral_layer

Pairs = tuple[jax.Array, jax.Array]
FLOATS = (jnp.float32, jnp.float64)


@final
class JaxBackend(Backend):
    """Eigenpairs by ``jax.numpy.linalg``; derivatives by ``jax.custom_jvp``."""

    name = "jax"
    plugin_api = 2
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

    def asarray(
        self, a: Any, *, like: Any = None, dtype: Any = None, device: Any = None
    ) -> jax.Array:
        if like is not None:
            a = jnp.asarray(a)
            dtype = like.dtype if jnp.issubdtype(a.dtype, jnp.floating) else dtype
        if dtype is not None:
            dtype = jax.dtypes.canonicalize_dtype(dtype)
        return jnp.asarray(a, dtype=dtype, device=device)

    def to_numpy(self, a: jax.Array) -> np.ndarray:
        return np.asarray(a)

    def is_concrete(self, a: Any) -> bool:
        return not isinstance(a, Tracer)

    def all_finite(self, a: jax.Array) -> bool:
        if not self.is_concrete(a):
            return False
        return math.isfinite(a.item()) if a.size == 1 else bool(np.isfinite(np.asarray(a)).all())

    def place(self, lay: Layout, like: jax.Array) -> Places:
        gather, scatter = lay.gather, lay.scatter
        return Places(
            gather[0], gather[1].astype(like.dtype), scatter[0], scatter[1].astype(like.dtype)
        )

    def eigenpairs(self, M: jax.Array, lo: int, hi: int) -> Pairs:
        return window(self.solve("jax.numpy.linalg.eigh", _eigh, M), lo, hi)

    def eigenvalues(self, M: jax.Array, lo: int, hi: int) -> jax.Array:
        return window(self.solve("jax.numpy.linalg.eigvalsh", _eigvalsh, M), lo, hi)

    def map_rows(
        self, function: Callable[[jax.Array], Any], p: jax.Array, core: int, entries: int
    ) -> Any:
        lead, chunk = p.shape[:-core], self.chunk(p, entries)
        rows = math.prod(lead)
        # a symbolic number of rows (jax.export) cannot be compared
        if not isinstance(rows, int) or rows <= chunk:
            return function(p)
        flat = jnp.reshape(p, (rows, *p.shape[-core:]))
        results = jax.lax.map(function, flat, batch_size=chunk)
        return jax.tree.map(lambda a: jnp.reshape(a, (*lead, *a.shape[1:])), results)

    def kernel(self, rule: Rule, source: Source, want: Want) -> Answer | None:
        if not isinstance(source, Matrices) or not eigcore_kernels.serves(rule, source):
            return None
        p, symbolic = source.p, not all(isinstance(size, int) for size in source.p.shape)
        if symbolic or p.dtype not in FLOATS:
            return None
        asked = "gradient" if want == "pullback" else want
        routine = eigcore_kernels.in_jax(rule, asked)
        if routine is None:
            return None
        if self.is_concrete(p):
            if p.device.platform != "cpu":
                return None
            shape = (*p.shape[: -len(rule.layout.core)], rule.layout.dim, rule.layout.dim)
            found = self.solve(eigcore_kernels.DRIVER, routine, p, shape=shape)
        else:
            composed = partial(_composed, self, rule, asked)
            found = jax.lax.platform_dependent(p, cpu=routine, default=composed)
        if asked == "values":
            return Answer(*found)
        if asked == "vectors":
            return Answer(found[0], vectors=found[1])
        values, gradient = found
        if want == "gradient":
            return Answer(values, gradient=gradient)
        return Answer(values, pullback=lambda g, *_: (rule.cotangent(gradient, g),))

    def call(
        self, function: Callable[..., Any], static: tuple[Any, ...], *arrays: jax.Array
    ) -> Any:
        if self.traced:
            return function(self, *static, *arrays)
        return _jit(function, self, *static)(*arrays)

    def gradient(
        self, function: Callable[..., jax.Array], *arrays: jax.Array
    ) -> tuple[jax.Array, ...]:
        return jax.grad(function, argnums=tuple(range(len(arrays))))(*arrays)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return jax.jit(function)

    def detach(self, a: jax.Array) -> jax.Array:
        return jax.lax.stop_gradient(a)

    def undifferentiable(self, function: Callable[..., Any]) -> Callable[..., Any]:
        constant = jax.custom_jvp(function)
        constant.defjvp(_refuse)
        return constant

    def differentiable(self, rule: Rule) -> Callable[[jax.Array], jax.Array]:
        return _differentiable(self, rule)

    def wrap(self, model: Any) -> tuple[list[jax.Array], Apply]:
        apply = Apply(model.static, dict(model.provenance))
        return [self.asarray(p) for p in model.params], apply

    def unwrap(self, obj: Any) -> tuple[Any, list[np.ndarray], dict[str, Any]] | None:
        pair = isinstance(obj, tuple) and len(obj) == 2
        if not pair or not isinstance(obj[1], Apply):
            return None
        params, apply = obj
        return apply.static, [self.to_numpy(p) for p in params], apply.provenance


@dataclass(frozen=True)
class Apply:
    """The pure function of a model: apply(params, x), predictions (...) with the link included.

    Parameters
    ----------
    static : ModelStatic
        Everything but the parameters.
    provenance : dict
        Where the model comes from.
    """

    static: ModelStatic
    provenance: dict[str, Any] = field(default_factory=dict, compare=False)

    def __call__(self, params: Sequence[jax.Array], x: jax.Array) -> jax.Array:
        return forward(self.static, params, x, "jax")


def _composed(backend: Backend, rule: Rule, want: Want, p: jax.Array) -> tuple[jax.Array, ...]:
    found = rule.composed(backend, p, want)
    return tuple(a for a in found[:3] if a is not None)


@lru_cache(maxsize=1024)
def _jit(function: Callable[..., Any], *static: Any) -> Callable[..., Any]:
    return jax.jit(partial(function, *static))


@lru_cache(maxsize=1024)
def _differentiable(backend: Backend, rule: Rule) -> Callable[[jax.Array], jax.Array]:
    curvature = backend.undifferentiable(partial(rule.curvature, backend))

    @jax.custom_jvp
    def value_and_gradient(p: jax.Array) -> Pairs:
        return rule.value_and_gradient(backend, p)

    @value_and_gradient.defjvp
    def _(primals, tangents):
        value, gradient = value_and_gradient(*primals)
        turn = rule.gradient_tangent(backend, curvature(*primals), *tangents)
        return (value, gradient), (rule.tangent(backend, gradient, *tangents), turn)

    @jax.custom_jvp
    def value(p: jax.Array) -> jax.Array:
        return rule.value(backend, p)

    @value.defjvp
    def _(primals, tangents):
        result, gradient = value_and_gradient(*primals)
        return result, rule.tangent(backend, gradient, *tangents)

    return value


def _refuse(primals: Any, tangents: Any) -> NoReturn:
    raise NotDifferentiable(
        "eigcore gives first and second derivatives of eigenvalues, no third ones and none of "
        "eigenvectors. Use kth_eigenvalue, or wrap the argument in jax.lax.stop_gradient."
    )


def _eigh(M: jax.Array) -> Pairs:
    if 0 in M.shape:
        return jnp.zeros(M.shape[:-1], M.dtype), jnp.zeros_like(M)
    return tuple(jnp.linalg.eigh(M, symmetrize_input=False))


def _eigvalsh(M: jax.Array) -> jax.Array:
    if 0 in M.shape:
        return jnp.zeros(M.shape[:-1], M.dtype)
    return jnp.linalg.eigvalsh(M, symmetrize_input=False)


@hookimpl
def eigcore_backend() -> Backend:
    """Return the backend."""
    return JaxBackend()
