"""Work that NumPy's kernels do on the memory of JAX arrays on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import eigcore_kernels
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from eigcore.plugin import Answer, Backend, Rule, Source, Want
from eigcore_jax import kernels, solvers

ON_CPU = jax.default_backend() == "cpu"
LARGE = 2**12
"""From this many numbers on, calling the kernels of NumPy is faster than compiled code."""


def readable(a: Any) -> bool:
    """Tell whether NumPy can read an array where it is."""
    if isinstance(a, np.ndarray):
        return ON_CPU
    if isinstance(a, Tracer):
        return False
    devices = a.devices()
    return len(devices) == 1 and next(iter(devices)).platform == "cpu"


def is_large(source: Source) -> bool:
    """Whether to call the kernels of NumPy: they read the arrays; compiled code starts sooner."""
    last = source[-1]
    if isinstance(last, Tracer) or last.size < LARGE:
        return False
    return all(map(readable, source.arrays))


def kernel(backend: Backend, rule: Rule, source: Source, want: Want) -> Answer | None:
    """Return `Backend.kernel` of a source that holds numbers, in NumPy's or in JAX's arrays."""
    if not all(map(readable, source.arrays)):
        return None
    if isinstance(source.arrays[0], np.ndarray):
        return eigcore_kernels.kernel(backend, rule, source, want)
    on_numpy = source.with_arrays(*map(np.asarray, source.arrays))
    found = eigcore_kernels.kernel(backend, rule, on_numpy, want)
    if found is None:
        return None
    values, pull = jnp.asarray(found.values), found.pullback
    if pull is None or want != "pullback":
        return Answer(values, _shared(found.vectors), gradient=_shared(found.gradient))

    def pullback(g: Any, *_: Any) -> tuple[Any, ...]:
        if not isinstance(g, Tracer):
            return tuple(map(_shared, pull(np.asarray(g))))
        inner = rule.composed(backend, source.assembled(backend), "pullback").pullback
        return source.pulled_back(backend, inner(g)[0])  # pyright: ignore

    return Answer(values, pullback=pullback)


def whole_batch(function: Callable[[jax.Array], Any], a: jax.Array) -> Any:
    """Return a function of matrices; under `jax.vmap` it is called again with all of them.

    So a choice by their number sees it. The function has no derivative of its own.
    """
    if not isinstance(a, Tracer):
        return function(a)
    mapped = jax.custom_batching.custom_vmap(function)

    @mapped.def_vmap
    def _(size: int, batched: Any, a: jax.Array) -> Any:
        found = mapped(a)
        return found, jax.tree.map(lambda _: True, found)

    return mapped(a)


def eigenpairs(backend: Backend, M: jax.Array, lo: int, hi: int, vectors: bool) -> Any:
    """Return the eigenpairs lo … hi of matrices, values and vectors or None, or None for both.

    Inside compiled code the kernel finds vectors too, still sooner than LAPACK the values.
    """
    if M.dtype not in (jnp.float32, jnp.float64):
        return None
    if isinstance(M, Tracer):
        kernel = kernels.pairs(M, lo, hi)
        if kernel is None:
            return None
        driver = eigcore_kernels.DRIVER if ON_CPU else "jax.numpy.linalg.eigh"
        own = partial(solvers.solved, backend, solvers.eigh, lo=lo, hi=hi)
        either = partial(jax.lax.platform_dependent, cpu=kernel, default=own)
        return backend.solve(driver, either, M)
    if not readable(M):
        return None
    found = eigcore_kernels.eigenpairs(backend, np.asarray(M), lo, hi, vectors)
    return found and tuple(map(_shared, found))


def svd(backend: Backend, X: jax.Array) -> Any:
    """Return thin singular value decompositions."""
    driver, solver = "jax.numpy.linalg.svd", solvers.svd
    if isinstance(X, Tracer):
        kernel = kernels.svd(X)
        if kernel is not None:
            driver = eigcore_kernels.DRIVER if ON_CPU else driver
            solver = partial(jax.lax.platform_dependent, cpu=kernel, default=solvers.svd)
    elif readable(X):
        found = eigcore_kernels.svd(backend, np.asarray(X))
        if found is not None:
            return tuple(map(_shared, found))
    return backend.solve(driver, solver, X)


def _shared(a: np.ndarray | None) -> jax.Array | None:
    return None if a is None else jnp.asarray(a)
