"""The kernels of eigcore-native inside compiled code, as far as the installed JAX takes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import eigcore_kernels
import jax

from eigcore.plugin import Matrices, Rule, Want

OLDEST = (0, 7, 2)
"""Before, XLA aborts while it compiles some programs with attributes of custom calls: "Could not
convert JSON string to proto" (observed in 0.6.2 to 0.7.1)."""


def _load() -> tuple[Any, str]:
    """Return the module whose kernels XLA knows now or None, and a note on all kernels."""
    if eigcore_kernels.NATIVE is None:
        return None, eigcore_kernels.NOTE
    try:
        if jax.__version_info__ < OLDEST:
            raise ImportError("before JAX 0.7.2 XLA aborts on some programs with them")
        from eigcore_native import jax as native

        jax.default_backend()  # first: it would fail if it met kernels that it does not take
        native._register()  # now, for programs that were exported in another process
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # built for another JAX, or without XLA's header
        return None, (
            f"{eigcore_kernels.NOTE}, but not in compiled functions "
            f"({eigcore_kernels.reason(exc)}), so JAX finds all eigenpairs there. "
            "Type: pip install --upgrade jax eigcore-native (in a clone: make native)"
        )
    return native, eigcore_kernels.NOTE


NATIVE, NOTE = _load()


def kernel(rule: Rule, want: Want, p: Any) -> Callable[[Any], tuple[Any, ...]] | None:
    """Return the kernel from JAX arrays p to the values and the field wanted, also inside jit."""
    if NATIVE is None or not eigcore_kernels.serves(rule, Matrices(p)):
        return None
    name, kind, threads = rule.phi.name, rule.layout.kind, eigcore_kernels.THREADS
    if not eigcore_kernels.has(rule, want) or name == "several":
        return None
    if name != "kth" and kind == "pair":
        return None
    if want == "values":
        return lambda p: (NATIVE.value(rule, p, threads),)
    if want == "gradient":
        return lambda p: NATIVE.value_and_gradient(rule, p, threads)
    return partial(_pair, rule.phi.parameter) if kind == "square" else None


def _pair(k: int, M: jax.Array) -> tuple[jax.Array, jax.Array]:
    values, vectors = NATIVE.eigenpairs(M, k, k, eigcore_kernels.THREADS)
    return values[..., 0], vectors[..., 0]


def pairs(M: jax.Array, lo: int, hi: int) -> Callable[[Any], tuple[Any, Any]] | None:
    """Return the kernel for the eigenpairs lo … hi of arrays like M."""
    if NATIVE is None or not _is_known(M):
        return None
    if not eigcore_kernels.many(math.prod(M.shape[:-2]), M.shape[-1]):
        return None
    return lambda M: NATIVE.eigenpairs(M, lo, hi, eigcore_kernels.THREADS)


def svd(X: jax.Array) -> Callable[[Any], tuple[Any, Any, Any]] | None:
    """Return the kernel for singular value decompositions of arrays like X."""
    if NATIVE is None or not _is_known(X) or 0 in X.shape or not eigcore_kernels.small(X):
        return None
    return lambda X: NATIVE.svd(X, eigcore_kernels.THREADS)


def _is_known(a: jax.Array) -> bool:
    """Whether the shape holds numbers; those of `jax.export` may be symbols."""
    return all(isinstance(n, int) for n in a.shape)
