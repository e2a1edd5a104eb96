"""Solvers of GPUs may return wrong pairs without an error; here a solver of the CPU does so.

The faults are those of https://github.com/pytorch/pytorch/issues/192483 and
https://github.com/ROCm/rocm-libraries/issues/9118: vectors of another matrix of the batch when
batch sizes vary between calls.
"""

import numpy as np
import pytest
from torch_cases import torch

import eigcore
from eigcore.core.verified import wrong
from eigcore.testing.hard import HARD

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
solvers = pytest.importorskip("eigcore_jax.solvers")
cuda = pytest.importorskip("eigcore_torch.cuda")
BACKEND = eigcore.get_backend("numpy")


def exchanged(xp, found):
    """Vectors of the neighbour in the batch."""
    return found[0], xp.concatenate((found[1][1:], found[1][:1]))


def repeated(xp, found):
    """The first pair instead of the second one."""
    lam, V = found
    return (
        xp.concatenate((lam[..., :1], lam[..., :1], lam[..., 2:]), axis=-1),
        xp.concatenate((V[..., :1], V[..., :1], V[..., 2:]), axis=-1),
    )


def long(xp, found):
    """Vectors that are not unit."""
    return found[0], 1.001 * found[1]


def lost(xp, found):
    """Nothing."""
    return xp.nan * found[0], xp.nan * found[1]


FAULTS = [exchanged, repeated, long, lost]


@pytest.mark.parametrize("case", HARD, ids=lambda case: case.label)
def test_solutions_of_lapack_pass(case):
    M = np.asarray(case.M, case.dtype)
    d, eps = M.shape[-1], float(np.finfo(M.dtype).eps)
    assert not wrong(BACKEND, M, *np.linalg.eigh(M), eps=eps).any()
    assert not wrong(BACKEND, M, np.linalg.eigvalsh(M), eps=eps).any()
    for k in (0, d // 2, d - 1):
        lam, V = np.linalg.eigh(M)
        assert not wrong(BACKEND, M, lam, V[..., k : k + 1], lo=k, eps=eps).any()


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_seen_at_every_scale(fault, scale):
    M = scale * symmetric(5, 4)
    lam, V = fault(np, np.linalg.eigh(M))
    assert wrong(BACKEND, M, lam, V, eps=2.0**-52).all()


def test_values_alone_are_held_to_trace_and_squares():
    M = symmetric(5, 4)
    lam = np.linalg.eigvalsh(M)
    diagonal = np.sort(np.diagonal(M, axis1=1, axis2=2))
    shifted = lam + np.eye(4)[3] * 1e-10
    turned = -lam[:, ::-1]  # the same squares
    for values in (diagonal, shifted, turned):
        assert wrong(BACKEND, M, values, eps=2.0**-52).all()


def symmetric(*shape):
    M = np.random.default_rng(0).normal(size=(*shape, shape[-1]))
    return M + M.mT


def when_sizes_vary(good, fault, xp):
    """`good`, whose results have a fault from the second batch size on."""
    sizes = set()

    def solver(M):
        sizes.add(len(M))
        return good(M) if len(sizes) == 1 else fault(xp, good(M))

    return solver


@pytest.fixture(params=FAULTS, ids=lambda fault: fault.__name__)
def lying_torch(request, monkeypatch):
    """torch whose CPU is checked as a GPU is, has no kernels, and lies."""
    for name in ("is_small", "host.eigenpairs", "host.kernel", "host.serves"):
        monkeypatch.setattr(f"eigcore_torch.{name}", lambda *_, **__: None)
    monkeypatch.setattr("eigcore_torch.cuda.is_checked", lambda _: True)
    solver = when_sizes_vary(torch.linalg.eigh, request.param, torch)
    monkeypatch.setattr(torch.linalg, "eigh", solver)


@pytest.fixture(params=FAULTS, ids=lambda fault: fault.__name__)
def lying_jax(request, monkeypatch):
    """JAX whose CPU is checked as a GPU is, has no kernels, and lies."""
    jax.clear_caches()
    monkeypatch.setattr("eigcore_jax.host.eigenpairs", lambda *_, **__: None)
    monkeypatch.setattr("eigcore_jax.JaxBackend.kernel", lambda *_: None)
    monkeypatch.setattr("eigcore_jax.solvers.solved", solvers.checked)
    solver = when_sizes_vary(solvers.eigh, request.param, jnp)
    solver.__name__ = "eigh"
    monkeypatch.setattr("eigcore_jax.solvers.eigh", solver)
    yield
    jax.clear_caches()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.usefixtures("lying_torch")
def test_torch_mends_what_a_solver_spoils(dtype):
    tolerance = 1e-12 if dtype == torch.float64 else 1e-4
    for size in (3, 7):
        M = torch.as_tensor(symmetric(size, 5), dtype=dtype)
        G = projectors(M.double().numpy(), 2)
        value, vector = eigcore.kth_eigenpair(M, 2)
        residual = M @ vector[..., None] - value[:, None, None] * vector[..., None]
        assert abs(residual).max() < tolerance * 10
        leaf = M.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(eigcore.kth_eigenvalue(leaf, 2).sum(), leaf)
        np.testing.assert_allclose(gradient.numpy(), G, atol=tolerance)
        mapped = torch.func.vmap(torch.func.grad(lambda m: eigcore.kth_eigenvalue(m, 2)))
        np.testing.assert_allclose(mapped(M).numpy(), G, atol=tolerance)


@pytest.mark.usefixtures("lying_jax")
def test_jax_mends_what_a_solver_spoils():
    def middle(M):
        return eigcore.kth_eigenvalue(M, 2)

    for size in (3, 7):
        M = jnp.asarray(symmetric(size, 5))
        np.testing.assert_allclose(middle(M), np.linalg.eigvalsh(M)[:, 2], atol=1e-12)
        gradient = jax.jit(jax.vmap(jax.grad(middle)))(M)
        np.testing.assert_allclose(gradient, projectors(np.asarray(M), 2), atol=1e-12)


def projectors(M, k):
    v = np.linalg.eigh(M)[1][..., k]
    return v[..., :, None] * v[..., None, :]


def test_what_two_routines_spoil_becomes_nan(monkeypatch):
    M = torch.as_tensor(symmetric(4, 5))
    backend = eigcore.get_backend("torch")
    lam, V = torch.linalg.eigh(M)
    wrong_svd = (torch.zeros(1, 5, 5), torch.zeros(1, 5), torch.zeros(1, 5, 5))
    monkeypatch.setattr(type(backend), "svd", lambda self, X: [a.double() for a in wrong_svd])
    spoilt = V.clone()
    spoilt[1] = V[0]
    values, vectors = cuda.checked(backend, M, (lam.clone(), spoilt), 1, 2)
    assert values[1].isnan().all()
    assert vectors[1].isnan().all()
    for row in (0, 2, 3):
        assert torch.equal(values[row], lam[row, 1:3])
        assert torch.equal(vectors[row], V[row, :, 1:3])


@pytest.mark.parametrize("functional", ["kth", "pair", "smooth"])
def test_programs_of_jax_check_on_gpus_alone(functional):
    export = pytest.importorskip("jax.export")

    def value(M):
        if functional == "smooth":
            return eigcore.smooth_kth_eigenvalue(M, 2, 0.5)
        return eigcore.kth_eigenvalue(M, 2) if functional == "kth" else eigcore.kth_eigenpair(M, 2)

    M = jnp.asarray(symmetric(3, 5))
    for platform, found in (("cuda", 1), ("rocm", 1), ("cpu", 0), ("tpu", 0)):
        program = export.export(jax.jit(value), platforms=(platform,))(M).mlir_module()
        assert program.count("stablehlo.while") == found, platform
