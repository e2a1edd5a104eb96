"""The C++ kernels of eigcore-native, where it is installed, for the backends of this folder."""

import os
from functools import partial

from eigcore.core import rules
from eigcore.dispatch import tracing

VERSION = "0.1"
"""Of eigcore-native, up to the second point; others may take other arguments."""

try:
    if os.environ.get("EIGCORE_NATIVE") == "0":
        raise ImportError("switched off: unset EIGCORE_NATIVE")
    import eigcore_native

    found = str(getattr(eigcore_native, "__version__", "unknown"))
    if found.split(".")[:2] != VERSION.split("."):
        raise ImportError(f"version {found} is installed, {VERSION} is expected")
    from eigcore_native import rules as kernels

    isa = eigcore_native.isa
except Exception as exc:  # a library that fails to load fails in its own way
    kernels = None
    DRIVER = ""
    reason = str(exc) if isinstance(exc, ImportError) else f"{type(exc).__name__}: {exc}"
    NOTE = (
        f"no eigcore-native ({reason}), so LAPACK finds all eigenpairs where one is needed. Type: "
        f'pip install --upgrade "eigcore-native=={VERSION}.*" (in a clone: make native)'
    )
else:
    DRIVER = f"eigcore-native {isa}"
    NOTE = f"eigcore-native {found}, {isa}"

THREADS = int(os.environ.get("EIGCORE_NUM_THREADS", "0"))
"""Threads of a kernel; 0 means the cores available to the process."""


FEW = 32
"""Up to so many features the kernel forms the matrices faster than BLAS does."""


def serves(rule):
    """Tell whether there is a kernel for a rule."""
    return kernels is not None and kernels.serves(rule) is not None


def solve(backend, rule, p, gradient, threads=None):
    """Run the kernel of `Backend.fused` on NumPy rows p (..., K)."""
    assert kernels is not None
    routine = kernels.value_and_gradient if gradient else kernels.value
    threads = THREADS if threads is None else threads
    return _run(backend, rule, p.shape[:-1], lambda q: routine(rule, q, threads), p)


def with_pullback(backend, rule, p, threads=None):
    """Return the kernel from NumPy rows (..., K) to values and their pullback, or None."""
    if not serves(rule):
        return None
    threads = THREADS if threads is None else threads
    routine = partial(_value_and_pullback, rule, threads)
    return lambda p: _run(backend, rule, p.shape[:-1], routine, p)


def of_matrices(backend, rule, M, threads=None):
    """Return `with_pullback` for whole matrices (..., d, d)."""
    kernel = with_pullback(backend, rule, M, threads)
    if kernel is None:
        return None
    shape, rows = M.shape, (*M.shape[:-2], M.shape[-1] ** 2)

    def run(M):
        values, pullback = kernel(M.reshape(rows))
        return values, lambda g: (pullback(g)[0].reshape(shape),)

    return run


def _value_and_pullback(rule, threads, p):
    assert kernels is not None
    values, vectors, tied = kernels.value_and_vectors(rule, p, threads)
    if tied is None:
        pullback = partial(kernels.pullback, rule, vectors, threads=threads)
        return values, lambda g: (pullback(g),)
    values, gradient = kernels.value_and_gradient(rule, p, threads)
    return values, lambda g: (rules.cotangent(gradient, g),)


def pencil(backend, rule, params, x, threads=None):
    """Return the kernel of `Backend.fused_pencil` for NumPy arrays, or None."""
    few = params.shape[0] == 1 and x.shape[-1] <= FEW
    if not few or kernels is None or not kernels.serves_pencil(rule):
        return None
    threads = THREADS if threads is None else threads
    routine = partial(kernels.affine, rule, threads=threads)
    return lambda params, x: _run(backend, rule, x.shape[:-1], routine, params, x)


def _run(backend, rule, batch, routine, *arrays):
    """Call a kernel, noted for `eigcore.trace`."""
    if not tracing.active():
        return routine(*arrays)
    d = rule.layout.dim
    return backend.solve(DRIVER, routine, *arrays, shape=(*batch, d, d))


def in_jax(rule, gradient, p):
    """Run the kernel on JAX rows p (..., K), inside or outside jit, on the CPU."""
    from eigcore_native import jax_rules

    return (jax_rules.value_and_gradient if gradient else jax_rules.value)(rule, p, THREADS)


def all_finite(backend, a):
    """Return `Backend.all_finite` of a NumPy array."""
    return backend.all_finite(a) if kernels is None else kernels.all_finite(a)


def rows(backend, rule):
    """Return the kernel of `Backend.fused_rows` on NumPy arrays, or None."""
    if kernels is None or not kernels.serves_rows(rule):
        return None
    routine = partial(kernels.rows, rule, threads=THREADS)

    def run(places, params):
        batch = (len(places.indices),)
        return _run(backend, rule, batch, lambda a: routine(places, a), params)

    return run
