"""Block power iteration, and the Gram matrix of a stream, against dense eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest

import eigcore
from eigcore.errors import InvalidInput
from eigcore.operators import block_power, extreme_eigenvalues, gram, operator, stream_gram
from eigcore.spectra import top_vectors

RNG = np.random.default_rng(0)
Q = np.linalg.qr(RNG.normal(size=(60, 60)))[0]
VALUES = np.concatenate([np.linspace(-1, 1, 56), [-9.0, 5.0, 5.0, 7.0]])
M = (Q * VALUES) @ Q.T


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_the_largest_in_modulus_with_bounds_that_hold(name):
    pytest.importorskip(name)
    library = eigcore.get_backend(name)
    found = block_power(operator(library.asarray(M)), 4)
    np.testing.assert_allclose(found.values, [-9, 5, 5, 7], atol=1e-12)
    V = library.to_numpy(found.vectors)
    np.testing.assert_allclose(V.T @ V, np.eye(4), atol=1e-12)
    residuals = np.linalg.norm(M @ V - V * found.values, axis=0)
    np.testing.assert_allclose(found.bounds, residuals, atol=1e-13)
    assert found.bounds.max() < 1e-7


def test_few_steps_have_honest_bounds():
    found = block_power(operator(M), 2, steps=2)
    assert found.bounds.max() > 1e-6
    for value, bound in zip(found.values, found.bounds, strict=True):
        assert abs(VALUES - value).min() <= bound


def test_more_vectors_than_the_rank():
    found = block_power(operator(np.diag([3.0, 2.0, 0.0, 0.0, 0.0])), 4)
    np.testing.assert_allclose(found.values, [0, 0, 2, 3], atol=1e-12)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(4), atol=1e-12)


def test_a_stream_is_the_gram_matrix_of_its_rows():
    X = RNG.normal(size=(200, 12)) * np.arange(1, 13)
    passes = []

    def blocks():
        passes.append(1)
        return np.array_split(X, 7)

    H = stream_gram(blocks)
    np.testing.assert_allclose(H @ np.eye(12), X.T @ X / 200, atol=1e-12)
    found, expected = block_power(H, 2), extreme_eigenvalues(gram(X), 2)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-10)
    # one pass for the vectors, one for the bounds
    V = top_vectors(blocks(), rows=200, k=2)
    passes.clear()
    rough = block_power(H, 2, start=V, steps=1)
    assert len(passes) == 1
    true = np.linalg.eigvalsh(X.T @ X / 200)
    for value, bound in zip(rough.values, rough.bounds, strict=True):
        assert abs(true - value).min() <= bound < 0.3 * value


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: block_power(operator(M), 0), "from 1 to 60"),
        (lambda: block_power(operator(M), steps=0), "steps=100"),
        (lambda: block_power(operator(M), 3, start=Q[:, :2]), "at least k = 3"),
        (lambda: stream_gram(iter([M])), "read once"),
        (lambda: stream_gram([]), "no blocks"),
        (lambda: stream_gram([M[0]]), "expected \\(b, P\\)"),
        (lambda: stream_gram([M, M[:, :3]]) @ M, "equal widths"),
    ],
)
def test_what_is_out_of_range_is_told(call, said):
    with pytest.raises(InvalidInput, match=said):
        call()
