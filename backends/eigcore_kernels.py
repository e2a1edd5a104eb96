"""The C++ kernels of eigcore-native, where it is installed, for the backends of this folder."""

import os

from eigcore import tracing

try:
    if os.environ.get("EIGCORE_NATIVE") == "0":
        raise ImportError("switched off: unset EIGCORE_NATIVE")
    import eigcore_native
    from eigcore_native import rules as kernels
except ImportError as exc:
    kernels = None
    DRIVER = ""
    NOTE = (
        f"no eigcore-native ({exc}), so LAPACK finds all eigenpairs where one is needed. "
        "Type: pip install eigcore-native (in a clone: make native)"
    )
else:
    DRIVER = f"eigcore-native {eigcore_native.isa}"
    NOTE = f"eigcore-native {eigcore_native.__version__}, {eigcore_native.isa}"

THREADS = int(os.environ.get("EIGCORE_NUM_THREADS", "0"))
"""Threads of a kernel; 0 means the cores available to the process."""


def serves(rule):
    """Tell whether there is a kernel for a rule."""
    return kernels is not None and kernels.serves(rule) is not None


def solve(backend, rule, p, gradient, threads=None):
    """Run the kernel on NumPy rows p (..., K), noted for `eigcore.trace`."""
    assert kernels is not None
    routine = kernels.value_and_gradient if gradient else kernels.value
    threads, d = THREADS if threads is None else threads, rule.layout.dim
    if not tracing.active():
        return routine(rule, p, threads)
    shape = (*p.shape[:-1], d, d)
    return backend.solve(DRIVER, lambda q: routine(rule, q, threads), p, shape=shape)


def in_jax(rule, gradient, p):
    """Run the kernel on JAX rows p (..., K), inside or outside jit, on the CPU."""
    from eigcore_native import jax_rules

    return (jax_rules.value_and_gradient if gradient else jax_rules.value)(rule, p, THREADS)


def rows(backend, rule):
    """Return the kernel of `Backend.fused_rows` on NumPy arrays, or None."""
    if kernels is None or not kernels.serves_rows(rule):
        return None
    routine = kernels.rows

    def run(places, params):
        if not tracing.active():
            return routine(rule, places, params, THREADS)
        shape = (len(places.indices), rule.layout.dim, rule.layout.dim)
        return backend.solve(
            DRIVER, lambda a: routine(rule, places, a, THREADS), params, shape=shape
        )

    return run
