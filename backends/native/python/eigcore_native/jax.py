"""The kernels inside ``jax.jit`` on the CPU: compiled handlers, no Python callback.

Only matrices themselves are a source here. Leading axes are batch, so ``vmap`` only adds one. The
functions have no derivative of their own: `value_and_gradient` is what a ``custom_jvp`` or
``custom_vjp`` is made of. XLA reports dtypes other than float64 and float32 as an error when the
function runs.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src.export import _export

from eigcore_native import _core, functionals
from eigcore_native.types import Rule

STABLE = VALUE, VALUE_AND_GRADIENT, EIGENPAIRS, SVD, COMPOSED_VALUE, COMPOSED_VALUE_AND_GRADIENT = (
    "eigcore_value",
    "eigcore_value_and_gradient",
    "eigcore_eigenpairs",
    "eigcore_svd",
    "eigcore_composed_value",
    "eigcore_composed_value_and_gradient",
)
SQRT_HALF = 0.5**0.5
MANUAL = [
    name
    for name in ("manual_axis_type", "vma")
    if name in inspect.signature(jax.ShapeDtypeStruct).parameters
]
"""What newer versions of JAX call the axes of `jax.shard_map` that an array varies over."""

# jax.export refuses kernels that nobody promised to keep; eigcore keeps these, with their
# attributes. There is no public way to say so once
# (https://docs.jax.dev/en/latest/export/export.html#compatibility-guarantees-for-custom-calls).
getattr(_export, "_CUSTOM_CALL_TARGETS_GUARANTEED_STABLE", set()).update(STABLE)


def value(rule: Rule, p: jax.Array, threads: int = 0) -> jax.Array:
    """Return λ_k or φ of rows that `eigcore_native.serves`; NaN where a row is not finite.

    Parameters
    ----------
    rule : Rule
    p : (..., K) array, or (..., d, d) for the layout "square"
        In the layout "pair" for λ_k only.
    threads : int
        0 means the cores available to the process.

    Returns
    -------
    (...) array

    Raises
    ------
    ImportError
        The kernels were built without XLA's header.
    """
    rows, factor = _to_rows(rule, p)
    name = VALUE if rule.phi.name == "kth" else COMPOSED_VALUE
    values = _call(name, rows, _shape(rows.shape[:-1], rows), **_options(rule, threads))
    return values if factor is None else values / factor[..., 0]


def value_and_gradient(rule: Rule, p: jax.Array, threads: int = 0) -> tuple[jax.Array, jax.Array]:
    """Return λ_k or φ (...) of rows and its gradient, of the shape of p; at ties P/m.

    Parameters and errors as in `value`; the gradient as in `eigcore_native.types.Answer`.
    """
    rows, factor = _to_rows(rule, p)
    results = _shape(rows.shape[:-1], rows), _shape(rows.shape, rows)
    name = VALUE_AND_GRADIENT if rule.phi.name == "kth" else COMPOSED_VALUE_AND_GRADIENT
    values, gradient = _call(name, rows, results, **_options(rule, threads))
    if factor is None:
        return values, gradient.reshape(p.shape)
    beside = (gradient[..., 1::2] / SQRT_HALF).astype(p.dtype)
    return values / factor[..., 0], jnp.concatenate((gradient[..., ::2], beside), axis=-1)


def eigenpairs(M: jax.Array, lo: int, hi: int, threads: int = 0) -> tuple[jax.Array, jax.Array]:
    """Return values (..., m), ascending, and orthonormal vectors (..., d, m), m = hi − lo + 1.

    As `eigcore_native.eigenpairs`. Raises `ImportError` as `value`.
    """
    *lead, d, _ = M.shape
    m = hi - lo + 1
    results = _shape((*lead, m), M), _shape((*lead, d, m), M)
    return _call(EIGENPAIRS, M, results, lo=lo, hi=hi, threads=threads)


def svd(X: jax.Array, threads: int = 0) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return U (..., m, n), s (..., n), descending, and Vt (..., n, n), for m ≥ n, n up to 64.

    As `eigcore_native.svd`. Raises `ImportError` as `value`.
    """
    *lead, _, n = X.shape
    results = _shape(X.shape, X), _shape((*lead, n), X), _shape((*lead, n, n), X)
    return _call(SVD, X, results, threads=threads)


def _to_rows(rule: Rule, p: jax.Array) -> tuple[jax.Array, jax.Array | None]:
    """Rows as the handlers read them; for "pair" times a power of two (..., 1).

    The handlers know no "pair": it becomes a band. The power makes room for the factor √2 of it.
    """
    d = rule.layout.dim
    if rule.layout.kind == "square":
        return p.reshape(*p.shape[:-2], d * d), None
    if rule.layout.kind != "pair":
        return p, None
    factor = jnp.where(abs(p).max(-1, keepdims=True) > 1, 0.25, 1.0).astype(p.dtype)
    rows = jnp.zeros(p.shape, p.dtype).at[..., ::2].set(p[..., :d] * factor)
    return rows.at[..., 1::2].set(p[..., d:] * factor / SQRT_HALF), factor


def _options(rule: Rule, threads: int) -> dict[str, Any]:
    lay = rule.layout
    band = lay.kind == "pair" or (lay.bandwidth == 1 and lay.dim > 2)
    known = {"dim": lay.dim, "band": band, "threads": threads}
    if rule.phi.name == "kth":
        return {"k": rule.phi.parameter, **known}
    kind, weights, pivot, number = functionals.described(rule)
    known |= {"weights": np.array(weights or [0.0] * lay.dim), "number": np.float64(number)}
    return {"kind": kind, "pivot": pivot, **known}


def _call(name: str, argument: jax.Array, results: Any, **attributes: Any) -> Any:
    _register()
    exact = {key: np.int64(a) if type(a) is int else a for key, a in attributes.items()}
    return jax.ffi.ffi_call(name, results, vmap_method="broadcast_all")(argument, **exact)


@functools.cache
def _register() -> None:
    if not _core.xla_handlers:
        raise ImportError(
            "eigcore-native was built without XLA's header. Install jaxlib, then type: "
            "pip install --force-reinstall --no-binary eigcore-native eigcore-native"
        )
    jax.default_backend()  # first: it would fail if it met kernels that it does not take
    for name, handler in _core.xla_handlers.items():
        jax.ffi.register_ffi_target(name, handler, platform="cpu")


def _shape(shape: tuple[int, ...], like: jax.Array) -> jax.ShapeDtypeStruct:
    given = jax.typeof(like)
    options = {name: getattr(given, name) for name in MANUAL}
    if MANUAL and not given.sharding.mesh.empty:
        spec = jax.sharding.PartitionSpec(*given.sharding.spec[: len(shape)])
        options["sharding"] = jax.sharding.NamedSharding(given.sharding.mesh, spec)
    return jax.ShapeDtypeStruct(shape, like.dtype, **options)
