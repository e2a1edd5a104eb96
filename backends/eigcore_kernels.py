"""The C++ kernels of eigcore-native, where it is installed, for the backends of this folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from eigcore.plugin import Answer, Backend, Encoded, Matrices, Pencil, Rule, Source, Want

INTERFACE = 2
"""Version of eigcore-native's Python interface that is spoken here."""
KINDS = {Matrices: "rows", Pencil: "pencil", Encoded: "encoded"}
FEW = 32
"""Up to so many features the kernel forms the matrices of a pencil faster than BLAS does."""
THREADS = int(os.environ.get("EIGCORE_NUM_THREADS", "0"))
"""Threads of a kernel; 0 means the cores available to the process."""


def _load() -> tuple[Any, str, str]:
    """Return the module of kernels or None, the name of the driver, and a note."""
    advice = "Type: pip install eigcore-native (in a clone: make native)"
    try:
        if os.environ.get("EIGCORE_NATIVE") == "0":
            raise ImportError("switched off: unset EIGCORE_NATIVE")
        import eigcore_native
        from eigcore_native import kernels
    except Exception as exc:
        why = str(exc) if isinstance(exc, ImportError) else f"it fails with {exc!r}"
    else:
        isa, version = eigcore_native.isa, eigcore_native.__version__
        if getattr(eigcore_native, "INTERFACE", None) == INTERFACE:
            return kernels, f"eigcore-native {isa}", f"eigcore-native {version}, {isa}"
        why = f"version {version} is made for another eigcore"
        advice = "Type: pip install --upgrade eigcore-native (in a clone: make native)"
    note = f"no eigcore-native ({why}), so LAPACK finds all eigenpairs where one is needed. "
    return None, "", note + advice


NATIVE, DRIVER, NOTE = _load()


def serves(rule: Rule, source: Source) -> bool:
    """Tell whether one kernel serves a rule and a source of NumPy arrays."""
    if NATIVE is None or not NATIVE.serves(rule, KINDS[type(source)]):
        return False
    if isinstance(source, Pencil):
        return source.params.shape[0] == 1 and source.x.shape[-1] <= FEW
    return True


def kernel(
    backend: Backend, rule: Rule, source: Source, want: Want, threads: int | None = None
) -> Answer | None:
    """Return `Backend.kernel` of NumPy arrays, noted for `eigcore.trace` as of this backend."""
    if not serves(rule, source):
        return None
    threads = THREADS if threads is None else threads
    arrays, batch = _unpacked(rule, source)

    def routine(*_: Any) -> Answer:
        asked = "pullback" if want == "gradient" else want
        values, vectors, pullback = NATIVE.kernel(rule, KINDS[type(source)], arrays, asked, threads)
        if want != "gradient":
            return Answer(values, vectors, None, pullback)
        return Answer(values, gradient=pullback(np.ones_like(values))[0])

    d = rule.layout.dim
    return backend.solve(DRIVER, routine, arrays[-1], shape=(*batch, d, d))


def _unpacked(rule: Rule, source: Source) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Return the arrays of a source as the kernels take them, and the shape of the values."""
    if isinstance(source, Matrices):
        return (source.p,), source.p.shape[: -len(rule.layout.core)]
    if isinstance(source, Pencil):
        return tuple(source), source.x.shape[:-1]
    bins = source.bins
    return (bins.indices, bins.fractions, bins.runs, source.params), (len(bins.indices),)


def in_jax(rule: Rule, want: Want) -> Callable[[Any], tuple[Any, ...]] | None:
    """Return the kernel from JAX arrays p to the values and what is wanted, in or out of jit."""
    from eigcore_native import jax

    if want == "values":
        return lambda p: (jax.value(rule, p, THREADS),)
    if want == "gradient":
        return lambda p: jax.value_and_gradient(rule, p, THREADS)
    return None


def all_finite(a: np.ndarray) -> bool:
    """Tell whether all numbers of a float array are finite."""
    return bool(np.isfinite(a).all()) if NATIVE is None else NATIVE.all_finite(a)
