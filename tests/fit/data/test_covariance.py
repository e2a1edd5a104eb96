"""Matrices in blocks: the products of the whole matrices, without their zeros."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from eigcore.fit.data.covariance import BlockDiagonal, Covariance, is_whole


def parts(sizes):
    ends = np.cumsum([0, *sizes])
    return tuple(slice(a, b) for a, b in pairwise(ends))


@pytest.mark.parametrize(
    ("sizes", "whole"),
    [
        ([64] * 64, True),
        ([65] * 64, False),
        ([2048, 2048], True),
        ([4097], False),
        ([1] * 512, True),
        ([1] * 513, False),
        ([], True),
    ],
)
def test_terms_and_parts_decide_whether_covariances_between_parts_are_kept(sizes, whole):
    assert is_whole(parts(sizes)) == whole


def joined():
    rng = np.random.default_rng(0)
    blocks = [rng.normal(size=shape) for shape in ((2, 3), (1, 1), (4, 2))]
    dense = np.zeros((7, 6))
    dense[:2, :3], dense[2:3, 3:4], dense[3:, 4:] = blocks
    return BlockDiagonal(blocks), dense, rng


def test_products_are_those_of_the_dense_matrix():
    found, dense, rng = joined()
    numbers = rng.normal(size=(6, 5))
    np.testing.assert_allclose(found @ numbers, dense @ numbers, atol=1e-14)
    np.testing.assert_allclose(found.T @ (dense @ numbers), dense.T @ dense @ numbers, atol=1e-13)
    np.testing.assert_array_equal(found.sparse.toarray(), dense)
    rows, columns = rng.normal(size=7), rng.normal(size=6)
    scaled = found.times(rows, columns).sparse.toarray()
    np.testing.assert_allclose(scaled, rows[:, None] * dense * columns, rtol=1e-14)
    keep = np.array([True, False, True, False, True, True])
    np.testing.assert_array_equal(found.some(keep).sparse.toarray(), dense[:, keep])
    wanted = rng.normal(size=(7, 2))
    shortest = np.linalg.pinv(dense) @ wanted
    np.testing.assert_allclose(found.solve(wanted), shortest, atol=1e-12)


def test_only_diagonal_matrices_have_a_diagonal():
    assert joined()[0].diagonal is None
    assert BlockDiagonal([np.ones((1, 1)), np.array([[1.0, 0.0], [2.0, 3.0]])]).diagonal is None
    found = BlockDiagonal([2.0 * np.eye(2), np.eye(1)]).diagonal
    np.testing.assert_array_equal(found, [2.0, 2.0, 1.0])


def test_covariances_of_sums_are_those_of_the_whole():
    sums, dense, rng = joined()
    terms = rng.normal(size=(50, 7))
    whole = Covariance(sums.rows, (terms.T @ terms,), True)
    apart = Covariance(sums.rows, tuple(whole.within(j) for j in range(3)), False)
    wanted = dense.T @ whole.blocks[0] @ dense
    for each in (whole, apart):
        found = each.of_sums(sums)
        np.testing.assert_allclose(found.diagonal, np.diagonal(wanted), rtol=1e-12)
        np.testing.assert_allclose(found.within(2), wanted[4:, 4:], rtol=1e-12, atol=1e-12)
    assert apart.size == 4 + 1 + 16


@pytest.mark.parametrize(
    "blocks",
    [
        [np.eye(3), np.eye(2)],
        [np.diag([1.0, 2.0, 0.5]), np.array([[3.0]])],
        [np.array([[0.25, 0.0], [0.75, 0.0], [0.0, 1.0]]), np.eye(2)],
        [np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0]]), np.eye(2)],  # not in order
        [np.array([[1.0, 0.0], [0.5, 0.0]])],  # a column without rows
        [np.array([[1.0, -1.0], [0.0, 1.0]]), np.array([[-2.0]])],
    ],
)
def test_covariances_of_sums_are_those_of_the_dense_product(blocks):
    sums = BlockDiagonal(blocks)
    dense = sums.sparse.toarray()
    half = np.random.default_rng(0).normal(size=(len(dense), len(dense)))
    given = Covariance(sums.rows, (half @ half.T,), True)
    found = given.of_sums(sums)
    np.testing.assert_allclose(found.blocks[0], dense.T @ (half @ half.T) @ dense, atol=1e-12)
    assert found.parts == sums.columns
