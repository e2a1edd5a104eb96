"""What a call of eigcore costs beyond the framework's own eigensolver: batch 1, d = 5."""

import numpy as np
import pytest

import eigcore


def _call(backend, side):
    M = np.random.default_rng(0).normal(size=(1, 5, 5))
    library = eigcore.get_backend(backend.removesuffix(" jit"))
    a = library.asarray(M + M.mT)
    own = library.xp.linalg.eigvalsh
    call = own if side == "plain" else (lambda a: eigcore.kth_eigenvalue(a, 2))
    if backend == "jax jit":
        import jax

        call = jax.jit(call)
    if backend.startswith("jax"):
        return lambda: call(a).block_until_ready()
    return lambda: call(a)


@pytest.mark.parametrize("side", ["plain", "eigcore"])
@pytest.mark.parametrize("backend", ["numpy", "torch", "jax", "jax jit"])
def bench_overhead(benchmark, one_thread, backend, side):
    work = _call(backend, side)
    work()
    benchmark.group = f"overhead {backend} kth_eigenvalue beside eigvalsh, d=5 batch=1"
    benchmark.extra_info["side"] = side
    benchmark(work)
