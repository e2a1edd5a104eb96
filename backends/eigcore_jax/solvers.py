"""Solvers of JAX, which fail on empty batches themselves; those of GPUs are checked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from eigcore.plugin import Backend, by_singular_values, window, wrong


def eigh(M: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return eigenvalues and vectors of matrices (..., d, d)."""
    if 0 in M.shape:
        return jnp.zeros(M.shape[:-1], M.dtype), jnp.zeros_like(M)
    return tuple(jnp.linalg.eigh(M, symmetrize_input=False))


def svd(X: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return U, s and Vt of matrices (..., m, n), m ≥ n."""
    if 0 in X.shape:
        square = jnp.zeros((*X.shape[:-2], X.shape[-1], X.shape[-1]), X.dtype)
        return jnp.zeros_like(X), square[..., 0], square
    return tuple(jnp.linalg.svd(X, full_matrices=False))


def eigvalsh(M: jax.Array) -> jax.Array:
    """Return eigenvalues of matrices (..., d, d)."""
    if 0 in M.shape:
        return jnp.zeros(M.shape[:-1], M.dtype)
    return jnp.linalg.eigvalsh(M, symmetrize_input=False)


def solved(backend: Backend, solver: Callable[..., Any], M: jax.Array, lo: int, hi: int) -> Any:
    """Return the window of `eigh` or `eigvalsh`, checked on a GPU."""

    def plain(M: jax.Array) -> Any:
        return window(solver(M), lo, hi)

    proven = partial(checked, backend, solver, lo=lo, hi=hi)
    if isinstance(M, Tracer):
        return jax.lax.platform_dependent(M, cuda=proven, rocm=proven, default=plain)
    return proven(M) if next(iter(M.devices())).platform == "gpu" else plain(M)


@jax.default_matmul_precision("highest")
def checked(backend: Backend, solver: Callable[..., Any], M: jax.Array, lo: int, hi: int) -> Any:
    """Return the window of a full solution, found again by another routine where it is wrong.

    What is wrong then too becomes NaN. A loop of at most one step, since `jax.vmap` makes both
    branches of a condition run.
    """
    found = solver(M)
    single = not isinstance(found, tuple)

    def failing(values: jax.Array, *vectors: jax.Array) -> jax.Array:
        seen = [V[..., lo : hi + 1] for V in vectors]
        return wrong(backend, M, values, *seen, lo=lo, eps=float(jnp.finfo(M.dtype).eps))

    def again(state: Any) -> Any:
        other = by_singular_values(backend, svd, M)
        pick = [jnp.where(_under(state[1], a), b, a) for a, b in zip(state[0], other, strict=False)]
        return tuple(pick), failing(*pick), False

    parts = (found,) if single else found
    start = parts, failing(*parts), True
    parts, bad, _ = jax.lax.while_loop(lambda s: jnp.any(s[1]) & s[2], again, start)
    parts = tuple(jnp.where(_under(bad, a), jnp.nan, a) for a in parts)
    return window(parts[0] if single else parts, lo, hi)


def _under(rows: jax.Array, a: jax.Array) -> jax.Array:
    return jnp.reshape(rows, (*rows.shape, *[1] * (a.ndim - rows.ndim)))
