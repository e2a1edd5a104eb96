"""Transformations for optax, and steps J⁺ r, that are functions of singular values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from eigcore.errors import InvalidInput
from eigcore.plugin import (
    Backend,
    clip_numbers,
    clipped,
    moved_only_if,
    number,
    residual_weights,
    sven_numbers,
)


def spectral_clip(c: float = 1.0, scale: float = 1.0, decay: float = 0.0) -> Any:
    """Return a transformation of optax that clips the singular values of updates (SPECTRA).

    Put it before the rate: ``optax.chain(optax.scale_by_adam(), spectral_clip(1.0, decay=0.1),
    optax.scale_by_learning_rate(1e-3))`` moves X by −λη X − a η H_c(U), which keeps ‖X‖₂ ≤ ac/λ
    (arXiv 2603.14315). First in a chain, it clips gradients. Arrays with one axis stay as they are.

    Parameters
    ----------
    c, scale, decay : float
        Largest singular value of an update, a and λ.

    Returns
    -------
    optax.GradientTransformation

    Raises
    ------
    InvalidInput
        A number that is not positive, or a negative `decay`.
    """
    import optax

    c, scale, decay = clip_numbers(c, scale, decay)

    def moved(update: jax.Array, X: jax.Array | None) -> jax.Array:
        if update.ndim < 2 or not update.size:
            return update
        flat = jnp.reshape(update, (update.shape[0], -1))
        own = scale * jnp.reshape(clipped(_backend(), flat, c), update.shape)
        return own if X is None else own + decay * X

    def change(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        if decay and params is None:
            raise InvalidInput(
                "spectral_clip with decay needs the parameters. "
                "Type: update(gradients, state, params)"
            )
        if not decay:
            return jax.tree.map(partial(moved, X=None), updates), state
        return jax.tree.map(moved, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), change)


def sven_step(
    residuals: Callable[[Any], jax.Array],
    params: Any,
    rate: float = 1.0,
    k: int | None = None,
    rtol: float = 1e-3,
) -> tuple[Any, jax.Array]:
    """Return the parameters after the step −η J_k⁺ r, and r (arXiv 2604.01279).

    Parameters
    ----------
    residuals : function
        Parameters -> r (B,).
    params : pytree of arrays
    rate : float
        η.
    k : int, optional
        Number of singular values; default all.
    rtol : float
        Singular values below this share of the largest are left out; 0 for those that are zero.

    Returns
    -------
    params : pytree
    r : (B,) array, before the step

    Raises
    ------
    InvalidInput
        Numbers out of range, or residuals with other than one axis.
    NonFiniteInput
        Residuals that are not finite; inside `jax.jit` the parameters are NaN instead.
    """
    k, rtol = sven_numbers(k, rtol)
    if not isinstance(rate, jax.Array):
        rate = number("rate", rate, 1.0, 0.0)
    r, pull = jax.vjp(residuals, params)
    if r.ndim != 1:
        raise InvalidInput(
            f"The residuals have shape {r.shape}; expected (B,). Return (model(x) - y).ravel()"
        )
    rows = jax.vmap(lambda e: pull(e)[0])(jnp.eye(len(r), dtype=r.dtype))
    flat = [jnp.reshape(a, (len(r), -1)) for a in jax.tree.leaves(rows)]
    gram = sum(jnp.tensordot(a, a, axes=(1, 1)) for a in flat)
    w = residual_weights(_backend(), gram, r, k or len(r), rtol)
    moved_only_if(_backend().all_finite(w) or not _backend().is_concrete(w))
    moves = pull(w)[0]
    return jax.tree.map(lambda p, move: p - rate * move, params, moves), r


def _backend() -> Backend:
    from eigcore_jax import BACKEND

    return BACKEND
