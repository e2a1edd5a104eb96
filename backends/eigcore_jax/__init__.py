"""JAX: CPU, GPU and TPU through its own eigensolver, inside its transformations."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
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
    Encoded,
    Ensemble,
    Layout,
    Matrices,
    Pencil,
    Places,
    Rule,
    Source,
    Want,
    hookimpl,
    values_of,
)
from eigcore_jax import host, kernels, solvers
from eigcore_jax.compression import JaxNetwork
from eigcore_jax.compression import factored as factored
from eigcore_jax.encoding import stable_encoding as stable_encoding
from eigcore_jax.layer import spectral_layer as spectral_layer
from eigcore_jax.model import Apply as Apply
from eigcore_jax.model import frozen
from eigcore_jax.optimisers import spectral_clip as spectral_clip
from eigcore_jax.optimisers import sven_step as sven_step
from eigcore_jax.program import Factors as Factors

Pairs = tuple[jax.Array, jax.Array]
FLOATS = (jnp.float32, jnp.float64)
ARRAY = type(jnp.zeros(()))


@final
class JaxBackend(Backend):
    """Eigenpairs by ``jax.numpy.linalg``; derivatives by ``jax.custom_jvp``."""

    name = "jax"
    plugin_api = 3
    capabilities = Capabilities(
        arrays=("jax", "jaxlib"),
        dtypes=("float64", "float32", "float16", "bfloat16"),
        devices=("cpu", "cuda", "rocm", "tpu"),
        autodiff=True,
        second_order=True,
        compiled=True,
    )
    xp = jnp
    note = f"JAX {jax.__version__}; {kernels.NOTE}"

    def asarray(
        self, a: Any, *, like: Any = None, dtype: Any = None, device: Any = None
    ) -> jax.Array:
        # short ways first: isinstance and jnp.asarray run much Python code
        if dtype is device is None and type(a) is ARRAY and (like is None or a.dtype == like.dtype):
            return a
        if like is dtype is device is None and isinstance(a, jax.Array):
            return a
        if like is not None:
            a = jnp.asarray(a)
            dtype = like.dtype if jnp.issubdtype(a.dtype, jnp.floating) else dtype
        if dtype is not None:
            dtype = jax.dtypes.canonicalize_dtype(dtype)
        return jnp.asarray(a, dtype=dtype, device=device)

    def to_numpy(self, a: jax.Array) -> np.ndarray:
        return np.asarray(a)

    def switched_off(self, dtype: str) -> str:
        if dtype != "float64" or jax.config.jax_enable_x64:  # pyright: ignore
            return ""
        return "JAX has float64 switched off. Set JAX_ENABLE_X64=1 before Python starts."

    def is_concrete(self, a: Any) -> bool:
        return not isinstance(a, Tracer)

    def all_finite(self, a: jax.Array) -> bool:
        if isinstance(a, Tracer):
            return False
        numbers = np.asarray(a)
        return (
            math.isfinite(numbers.item()) if numbers.size == 1 else bool(np.isfinite(numbers).all())
        )

    def place(self, lay: Layout, like: jax.Array) -> Places:
        gather, scatter = lay.gather, lay.scatter
        return Places(
            gather[0], gather[1].astype(like.dtype), scatter[0], scatter[1].astype(like.dtype)
        )

    def eigenpairs(self, M: jax.Array, lo: int, hi: int) -> Pairs:
        return host.whole_batch(partial(self._window, lo=lo, hi=hi, vectors=True), M)

    def eigenvalues(self, M: jax.Array, lo: int, hi: int) -> jax.Array:
        return host.whole_batch(partial(self._window, lo=lo, hi=hi, vectors=False), M)

    def _window(self, M: jax.Array, lo: int, hi: int, vectors: bool) -> Any:
        found = host.eigenpairs(self, M, lo, hi, vectors)
        if found:
            return found if vectors else found[0]
        solver = solvers.eigh if vectors else solvers.eigvalsh
        own = partial(solvers.solved, self, solver, lo=lo, hi=hi)
        return self.solve(f"jax.numpy.linalg.{solver.__name__}", own, M)

    def svd(self, X: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        return host.whole_batch(partial(host.svd, self), X)

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
        hosted = want == "pullback" or isinstance(source, Pencil)
        if isinstance(source, Encoded) or (hosted and host.is_large(source)):
            return host.kernel(self, rule, source, want)
        p = source.p if isinstance(source, Matrices) else None
        if p is None or p.dtype not in FLOATS or not all(isinstance(n, int) for n in p.shape):
            return None  # a symbolic number of rows (jax.export) has no kernel
        asked = "gradient" if want == "pullback" else want
        found = self._compiled(rule, p, asked)
        if found is None or want != "pullback":
            return found
        gradient = found.gradient
        return Answer(found.values, pullback=lambda g, *_: (rule.cotangent(self, gradient, g),))

    def one_pass(self, model: Ensemble) -> Callable[[np.ndarray], np.ndarray | None] | None:
        return eigcore_kernels.one_pass(self, model)

    def _compiled(self, rule: Rule, p: jax.Array, want: Want) -> Answer | None:
        """Return the answer of the kernel inside compiled code, chosen during lowering."""
        kernel = kernels.kernel(rule, want, p)
        if kernel is None:
            return None
        if not self.is_concrete(p):
            composed = partial(_composed, self, rule, want)
            either = partial(jax.lax.platform_dependent, cpu=kernel, default=composed)
            return _answer(want, host.whole_batch(either, p))
        if not host.readable(p):
            return None
        d, lead = rule.layout.dim, p.shape[: p.ndim - len(rule.layout.core)]
        return _answer(want, self.solve(eigcore_kernels.DRIVER, kernel, p, shape=(*lead, d, d)))

    def evaluate(self, rule: Rule, source: Source) -> jax.Array:
        if not host.is_large(source):
            if self.traced or isinstance(source, Encoded):
                return super().evaluate(rule, source)
            return _jit(values_of, self, rule, type(source))(*source)  # a short call: no detour
        found = host.kernel(self, rule, source, "values")
        return rule.value(self, source.assembled(self)) if found is None else found.values

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

    def hessian_products(
        self, function: Callable[..., jax.Array], outputs: Any = lambda arrays, *_: arrays
    ) -> Callable[..., tuple[jax.Array, ...]]:
        @jax.jit
        def products(arrays: Any, vectors: Any, *more: Any) -> Any:
            at, pull = jax.vjp(lambda own: outputs(own, *more), arrays)
            push = jax.linearize(lambda own: outputs(own, *more), arrays)[1]
            bend = jax.linearize(jax.grad(lambda own: function(own, *more)), at)[1]
            return jax.vmap(lambda v: pull(bend(push(v)))[0])(vectors)

        return products

    def network(self, model: Any, apply: Callable[..., Any] | None) -> JaxNetwork:
        return JaxNetwork(model, apply)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return jax.jit(function)

    def detach(self, a: jax.Array) -> jax.Array:
        return a if self.is_concrete(a) else jax.lax.stop_gradient(a)

    def undifferentiable(self, function: Callable[..., Any]) -> Callable[..., Any]:
        constant = jax.custom_jvp(function)
        constant.defjvp(_refuse)
        return constant

    def differentiable(self, rule: Rule) -> Callable[[jax.Array], jax.Array]:
        return _differentiable(self, rule)

    def wrap(self, model: Any) -> tuple[list[jax.Array], Apply]:
        if off := self.switched_off("float64"):
            warnings.warn(f"The parameters are shortened to float32. {off}", stacklevel=4)
        apply = Apply(model.static, dict(model.provenance))
        return [self.asarray(p) for p in model.params], apply

    def program(self, model: Any) -> bytes:
        params, apply = self.wrap(model)
        return frozen(params, apply)

    def unwrap(self, obj: Any) -> tuple[Any, list[np.ndarray], dict[str, Any]] | None:
        pair = isinstance(obj, tuple) and len(obj) == 2
        if not pair or not isinstance(obj[1], Apply):
            return None
        params, apply = obj
        return apply.static, [self.to_numpy(p) for p in params], apply.provenance


def _answer(want: Want, found: tuple[jax.Array, ...]) -> Answer:
    if want == "values":
        return Answer(found[0])
    if want == "vectors":
        return Answer(found[0], vectors=found[1])
    return Answer(found[0], gradient=found[1])


def _composed(backend: Backend, rule: Rule, want: Want, p: jax.Array) -> tuple[jax.Array, ...]:
    found = rule.composed(backend, p, want)
    return tuple(a for a in (found.values, found.vectors, found.gradient) if a is not None)


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
        "eigcore has first and second derivatives of eigenvalues and norms, but no third ones "
        "and none of eigenvectors. Use kth_eigenvalue, or wrap the argument in "
        "jax.lax.stop_gradient."
    )


BACKEND = JaxBackend()


@hookimpl
def eigcore_backend() -> Backend:
    """Return the backend."""
    return BACKEND
