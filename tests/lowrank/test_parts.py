"""Concatenation, completion, ridge leverage and Nyström."""

import numpy as np
import pytest

from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.lowrank import (
    complete,
    concatenate,
    effective_dimension,
    error_bounds,
    nystrom,
    ridge_leverage,
    sequential_nystrom,
)


def blocks(seed=0):
    """Six blocks of width 4 in two subspaces of dimension 3 of R^20, and noise."""
    rng = np.random.default_rng(seed)
    bases = [np.linalg.qr(rng.normal(size=(20, 3)))[0] for _ in range(2)]
    made = [bases[i % 2] @ rng.normal(size=(3, 4)) for i in range(6)]
    return [a + 0.02 * rng.normal(size=a.shape) for a in made]


def true_error(parts, rank):
    s = np.linalg.svd(np.concatenate(parts, axis=1), compute_uv=False) ** 2
    return (s[rank:].sum() / s.sum()) ** 0.5


def test_bounds_are_bounds_and_the_incremental_one_is_exact_while_nothing_is_cut():
    parts = blocks()
    for rank in (1, 3, 6, 9, 15):
        exact = true_error(parts, rank)
        found = error_bounds(parts, rank)
        assert all(bound >= exact - 1e-9 for bound in found.values())
        if rank == 15:
            assert found["incremental"] == pytest.approx(exact, abs=1e-9)
    assert error_bounds(parts, 6)["incremental"] == pytest.approx(true_error(parts, 6), rel=0.1)
    assert error_bounds(parts, 8)["whole"] < 1


def test_groups_keep_the_error():
    parts = blocks()
    groups = concatenate(parts, rank=3, error=0.1)
    assert [g.blocks for g in groups] == [(0, 2, 4), (1, 3, 5)]
    for group in groups:
        exact = true_error([parts[i] for i in group.blocks], 3)
        assert group.factors.relative_error == pytest.approx(exact)
        assert exact <= group.bound + 1e-12 <= 0.1
    assert len(concatenate(parts, rank=3, error=0.0)) == 6
    with pytest.raises(InvalidInput, match="equal numbers"):
        concatenate([np.ones((2, 2)), np.ones((3, 2))], 1, 0.1)


def test_half_of_the_entries_are_enough():
    rng = np.random.default_rng(0)
    M = rng.normal(size=(80, 4)) @ rng.normal(size=(4, 60))
    mask = rng.random(M.shape) < 0.5
    found = complete(np.where(mask, M, np.nan), mask, rank=4, sweeps=25)
    assert np.linalg.norm(found.B @ found.A - M) < 1e-6 * np.linalg.norm(M)
    assert found.sweeps <= 25
    with pytest.raises(InvalidInput, match="no entry"):
        complete(M, mask & (np.arange(60) > 0), rank=4)
    with pytest.raises(NonFiniteInput, match="seen"):
        complete(np.where(mask, M, np.nan), mask | True, rank=4)


def kernel():
    x = np.linspace(0, 1, 80)
    return np.exp(-(((x[:, None] - x) / 0.2) ** 2))


def test_leverage_sums_to_the_effective_dimension():
    K, gamma = kernel(), 0.1
    expected = np.diag(K @ np.linalg.inv(K + gamma * np.eye(80)))
    np.testing.assert_allclose(ridge_leverage(K, gamma), expected, atol=1e-12)
    assert effective_dimension(K, gamma) == pytest.approx(expected.sum())
    with pytest.raises(InvalidInput, match="gamma=1"):
        ridge_leverage(K, 0)
    with pytest.raises(InvalidInput, match="positive semidefinite"):
        ridge_leverage(-K, 1.0)


def test_nystrom_is_between_zero_and_the_kernel():
    K, gamma = kernel(), 0.1
    found = nystrom(K, gamma)
    lam = np.linalg.eigvalsh(K - found.F @ found.F.T)
    assert lam[0] > -1e-10
    assert lam[-1] == pytest.approx(found.bound, abs=1e-10)
    assert found.bound <= 2 * gamma
    assert len(found.columns) < 80


def test_a_stream_keeps_few_rows_that_stand_for_all():
    def laplace(X, Z):
        return np.exp(-abs((X[:, None] - Z) / 0.2).sum(-1))

    X, gamma = np.random.default_rng(0).random((600, 1)), 0.5
    K = laplace(X, X)
    size = effective_dimension(K, gamma)
    found = sequential_nystrom(np.array_split(X, 20), laplace, gamma)
    np.testing.assert_array_equal(found.rows, X[found.places])
    F = found.features(X)
    lam = np.linalg.eigvalsh(K - F @ F.T)
    assert -1e-10 < lam[0] < 0.1 < lam[-1] <= 2 * gamma  # γ/(1 − ε)
    assert len(found.rows) <= found.most < 5 * size < 300
    assert found.weights.sum() == pytest.approx(600, rel=0.2)
    # twice the rows and twice γ have the same effective dimension
    twice = np.array_split(np.concatenate([X, X]), 40)
    assert sequential_nystrom(twice, laplace, 2 * gamma).most < 5 * size
    none = sequential_nystrom([X], laplace, 1e9)
    assert none.features(X).shape == (600, len(none.rows))


@pytest.mark.parametrize(
    ("stream", "kernel", "options", "message"),
    [
        ([], None, {}, "no blocks"),
        ([np.eye(3), np.eye(2)], None, {}, "equal widths"),
        ([np.eye(3)], lambda X, Z: X[:2], {}, "shape"),
        ([np.eye(3)], lambda X, Z: -9 * X @ Z.T, {}, "semidefinite"),
        ([np.eye(3)], None, {"accuracy": 1}, "accuracy=0.5"),
        ([np.eye(3)], None, {"copies": 0}, "copies=10"),
        ([np.eye(3)], None, {"gamma": 0}, "gamma=1.0"),
    ],
)
def test_streams_and_kernels_that_are_none(stream, kernel, options, message):
    with pytest.raises(InvalidInput, match=message):
        sequential_nystrom(stream, kernel or (lambda X, Z: X @ Z.T), **{"gamma": 1.0, **options})
