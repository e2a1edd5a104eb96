"""Randomised singular value decomposition, beside the exact one."""

import numpy as np
import pytest
import scipy.sparse
from arrays import BACKENDS, KINDS, host, on, torch

from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.operators import randomised_svd


@pytest.fixture(name="A", scope="module")
def falling():
    rng = np.random.default_rng(0)
    Q, P = (np.linalg.qr(rng.normal(size=(n, 30)))[0] for n in (60, 40))
    return (Q * 0.5 ** np.arange(30)) @ P.T


@pytest.mark.parametrize("backend", BACKENDS)
def test_values_vectors_and_error_are_the_exact_ones(backend, A):
    for matrix, shape in ((A, (60, 5)), (A.T, (40, 5))):
        found = randomised_svd(on(backend, matrix), 5)
        assert isinstance(found.U, KINDS[backend])
        U, s, Vt = map(host, found[:3])
        assert U.shape == shape
        exact = np.linalg.svd(matrix)[1]
        np.testing.assert_allclose(s, exact[:5], atol=1e-12)
        np.testing.assert_allclose(U.T @ U, np.eye(5), atol=1e-13)
        np.testing.assert_allclose(Vt @ Vt.T, np.eye(5), atol=1e-13)
        left = np.linalg.norm(matrix - (U * s) @ Vt)
        assert found.error == pytest.approx(left, abs=1e-7)
        assert left == pytest.approx((exact[5:] ** 2).sum() ** 0.5, rel=1e-6)


def test_without_steps_it_meets_the_published_bound_and_steps_help(A):
    slow = (
        np.diag(1 / np.arange(1.0, 61))
        @ np.linalg.qr(np.random.default_rng(1).normal(size=(60, 60)))[0]
    )
    s = np.linalg.svd(slow)[1]
    k, p = 5, 5
    bound = (1 + (k / (p - 1)) ** 0.5) * s[k] + np.e * (k + p) ** 0.5 / p * np.linalg.norm(s[k:])
    errors = [abs(randomised_svd(slow, k, p, steps).s - s[:k]).max() for steps in (0, 2, 8)]
    assert errors[2] < errors[1] < errors[0] < bound
    assert errors[1] < 0.05 * errors[0]


def test_sparse_matrices_dtypes_and_what_has_no_graph(A):
    sparse = scipy.sparse.random_array((80, 50), density=0.1, rng=np.random.default_rng(2))
    found = randomised_svd(sparse, 50)
    np.testing.assert_allclose(found.s, np.linalg.svd(sparse.toarray())[1], atol=1e-12)
    assert found.error < 1e-6
    T = torch.tensor(A, dtype=torch.float32, requires_grad=True)
    found = randomised_svd(T, 3)
    assert found.s.dtype is torch.float32
    assert not found.U.requires_grad
    assert randomised_svd(0 * A, 2).s.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: randomised_svd(np.eye(3), 4), "from 1 to 3"),
        (lambda: randomised_svd(np.eye(3), 1, steps=-1), "steps=2"),
        (lambda: randomised_svd(np.ones(3), 1), "shape"),
    ],
)
def test_what_is_out_of_range_is_told(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()


def test_numbers_that_are_not_finite_are_told():
    bad = np.diag([1.0, np.nan])
    for matrix in (bad, scipy.sparse.csr_array(bad)):
        with pytest.raises(NonFiniteInput, match="A holds NaN"):
            randomised_svd(matrix, 1)
