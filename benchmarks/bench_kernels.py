"""One eigenvalue and its gradient through torch and inside jax.jit, with and without the kernels.

Sides: the framework's own eigvalsh with its derivative (plain), its eigh alone, eigcore-native on
NumPy arrays alone (kernel), eigcore without the kernels (without), eigcore (eigcore). The share
kept is (plain / eigcore) / (eigh / kernel): what is left of the kernel's own ratio.
"""

import eigcore_kernels
import numpy as np
import pytest

import eigcore

SIDES = ["plain", "eigh", "kernel", "without", "eigcore"]
SIZES = [(3, 4096), (5, 4096), (15, 2048), (32, 512), (45, 512), (64, 512), (100, 512)]


def _torch(side, m, k):
    import torch

    M = torch.tensor(m, requires_grad=True)
    if side == "eigh":
        return lambda: torch.linalg.eigh(M.detach())
    if side == "plain":
        return lambda: torch.autograd.grad(torch.linalg.eigvalsh(M)[:, k].sum(), M)
    return lambda: torch.autograd.grad(eigcore.kth_eigenvalue(M, k).sum(), M)


def _jax(side, m, k):
    import jax
    import jax.numpy as jnp

    def plain(M):
        return jnp.linalg.eigvalsh(M)[:, k].sum()

    M = jnp.asarray(m)
    if side == "eigh":
        work = jax.jit(lambda M: jnp.linalg.eigh(M, symmetrize_input=False))
    else:
        ours = lambda M: eigcore.kth_eigenvalue(M, k).sum()
        work = jax.jit(jax.value_and_grad(plain if side == "plain" else ours))
    return lambda: jax.block_until_ready(work(M))


@pytest.fixture
def kernels(side, backend, monkeypatch):
    """Switch the kernels off where they are not wanted; what JAX has compiled is forgotten."""
    if eigcore_kernels.NATIVE is None:
        pytest.skip(eigcore_kernels.NOTE)
    if side == "without":
        monkeypatch.setattr(eigcore_kernels, "NATIVE", None)
    if backend == "jax":
        import jax

        jax.clear_caches()
        yield
        jax.clear_caches()
    else:
        yield


@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("d", "batch"), SIZES)
@pytest.mark.parametrize("side", SIDES)  # varies fastest, so that a case's sides see one load
def bench_kernels(benchmark, one_thread, kernels, backend, d, batch, dtype, side):
    m = np.random.default_rng(d).normal(size=(batch, d, d)).astype(dtype)
    m, k = m + m.mT, d // 2
    if side == "kernel":
        import eigcore_native

        work = lambda: eigcore_native.eigenpairs(m, k, k, vectors=True, threads=1)
    else:
        work = {"torch": _torch, "jax": _jax}[backend](side, m, k)
    work()
    benchmark.group = f"kth_eigenvalue and gradient, {backend} d={d} batch={batch} {dtype}"
    benchmark.extra_info["side"] = side
    benchmark(work)
