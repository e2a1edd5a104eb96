"""The public functions of arrays: values."""

import numpy as np
import pytest
from arrays import BACKENDS, SPEC, host, model, on, symmetric

import eigcore
from eigcore import EigSpec
from eigcore.dispatch.backend import MEMORY_BUDGET


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("structure", ["dense", "tridiagonal", "banded:2", "diagonal"])
def test_a_model_is_the_eigenvalue_of_its_pencil(structure, backend):
    spec = EigSpec(3, 5, outputs=2, index=-2, structure=structure)
    params, x = model(spec, (4,))
    A = np.zeros((2, 4, 5, 5))
    A[..., spec.rows, spec.cols] = params * np.where(spec.rows == spec.cols, 1, np.sqrt(0.5))
    A = A + np.swapaxes(np.tril(A, -1), -1, -2)
    pencil = A[:, 0] + np.einsum("bi,mide->bmde", x, A[:, 1:])
    wanted = np.linalg.eigvalsh(pencil)[..., 3]
    values = eigcore.evaluate(spec, on(backend, params), on(backend, x))
    np.testing.assert_allclose(host(values), wanted, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_a_square_matrix_the_symmetric_part_is_meant(backend):
    raw = on(backend, [[1.0, 5.0], [0.0, 2.0]])
    # eigenvalues of [[1, 2.5], [2.5, 2]], math.md section 1
    np.testing.assert_allclose(host(eigcore.kth_eigenvalue(raw, 0)), 1.5 - 0.5 * np.sqrt(26))
    np.testing.assert_allclose(host(eigcore.kth_eigenvalue(raw, 1)), 1.5 + 0.5 * np.sqrt(26))


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_eigenpair_solves_its_equation_with_a_unit_vector(backend):
    M = symmetric(3, 2, 6, 6)
    for k in (0, 3, -1):
        values, vectors = map(host, eigcore.kth_eigenpair(on(backend, M), k))
        np.testing.assert_allclose(values, np.linalg.eigvalsh(M)[..., k], atol=1e-12)
        residual = np.einsum("...ij,...j->...i", M, vectors) - values[..., None] * vectors
        assert abs(residual).max() < 1e-13 * 6 * abs(M).max()
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("d", [2, 3, 31, 40])
def test_tridiagonal_equals_dense(d, backend):
    rng = np.random.default_rng(d)
    diag, off = rng.normal(size=(2, 3, d)), rng.normal(size=(2, 3, d - 1))
    dense = np.zeros((2, 3, d, d))
    i = np.arange(d)
    dense[..., i, i] = diag
    dense[..., i[1:], i[:-1]] = dense[..., i[:-1], i[1:]] = off
    for k in (0, d // 2, -1):
        values = eigcore.kth_eigenvalue_tridiagonal(on(backend, diag), on(backend, off), k)
        np.testing.assert_allclose(host(values), np.linalg.eigvalsh(dense)[..., k], atol=1e-13 * d)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_smoothed_eigenvalue_has_the_value_of_the_oracle(backend):
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    M = on(backend, Q @ np.diag([1.0, 2.0, 2.0, 3.0]) @ Q.T)
    for k, wanted in ((3, 3.0), (2, 2.125), (1, 1.875)):
        np.testing.assert_allclose(host(eigcore.smooth_kth_eigenvalue(M, k, 0.5)), wanted)
        np.testing.assert_allclose(host(eigcore.smooth_kth_eigenvalue(M, k - 4, 0.5)), wanted)


@pytest.mark.parametrize("backend", BACKENDS)
def test_non_contiguous_and_broadcast_arrays_are_fine(backend):
    params, x = model(batch=(6,))
    wanted = eigcore.evaluate(SPEC, params, x)
    big = on(backend, np.repeat(np.concatenate((x, x), axis=1), 2, axis=0))
    values = eigcore.evaluate(SPEC, on(backend, params), big[::2, :3])
    np.testing.assert_allclose(host(values), wanted, atol=1e-13)
    same = on(backend, np.broadcast_to(symmetric(4, 4), (3, 4, 4)))
    assert np.ptp(host(eigcore.kth_eigenvalue(same, 1))) == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_large_batches_are_cut_into_chunks(backend, monkeypatch):
    M = symmetric(50, 6, 6)
    wanted = np.linalg.eigvalsh(M)[:, 2]
    assert MEMORY_BUDGET == 256 * 2**20
    monkeypatch.setattr("eigcore_kernels.NATIVE", None)  # they need no chunks
    monkeypatch.setattr("eigcore.dispatch.backend.MEMORY_BUDGET", 6 * 6 * 5 * 8 * 7)
    with eigcore.trace() as calls:
        values = eigcore.kth_eigenvalue(on(backend, M), 2)
    np.testing.assert_allclose(host(values), wanted, atol=1e-13)
    if backend != "jax":
        assert [call.shape for call in calls] == [(7, 6, 6)] * 7 + [(1, 6, 6)]
