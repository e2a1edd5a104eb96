"""Solvers of JAX, which fail on empty batches themselves."""

from __future__ import annotations

import jax
import jax.numpy as jnp


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
