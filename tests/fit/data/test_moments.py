"""Means and covariances of terms."""

from __future__ import annotations

import numpy as np
import pytest
from samples import encoding, rows

import eigcore
from eigcore.encoding import Encoding, Periodic
from eigcore.fit.data import covariance, moments
from eigcore.fit.data.covariance import BlockDiagonal
from eigcore.fit.data.moments import Moments


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_from_histograms_are_those_of_the_terms(weighted):
    rng = np.random.default_rng(0)
    e, x = encoding(), rows(500)
    columns = tuple(c for c in e.columns if not isinstance(c, Periodic))
    e = Encoding(columns, e.names[:4], projections=e.projections[:1])
    x, y = x[:, :4], rng.normal(size=(500, 2))
    weights = rng.random(500) if weighted else np.ones(500)
    terms = e(x, eigcore.get_backend("numpy"), codes=True)
    found = Moments.of(e, x, y, weights if weighted else None)
    mean = np.average(terms, axis=0, weights=weights)
    middle = np.average(y, axis=0, weights=weights)
    share = weights / weights.sum()
    np.testing.assert_allclose(found.mean, mean, atol=1e-13)
    np.testing.assert_allclose(
        found.covariance.blocks[0], (terms - mean).T @ (share[:, None] * (terms - mean)), atol=1e-12
    )
    np.testing.assert_allclose(
        found.cross, (terms - mean).T @ (share[:, None] * (y - middle)), atol=1e-12
    )
    sums = rng.random((e.terms, 3)) * (rng.random((e.terms, 3)) < 0.5)
    of_sums = found.of_sums(BlockDiagonal([sums]))
    wanted = sums.T @ found.covariance.blocks[0] @ sums
    np.testing.assert_allclose(of_sums.covariance.blocks[0], wanted, atol=1e-12)
    np.testing.assert_allclose(of_sums.mean, mean @ sums, atol=1e-12)


def test_moments_of_periodic_columns_and_of_constant_terms():
    e, x = encoding(), rows(300, missing=False)
    x[:, 0] = 2.0
    terms = e(x, eigcore.get_backend("numpy"), codes=True)
    found = Moments.of(e, x, x[:, 1])
    covariance = found.covariance.blocks[0]
    np.testing.assert_allclose(covariance, np.cov(terms.T, bias=True), atol=1e-12)
    assert not covariance[e.slices[0]].any()


@pytest.mark.parametrize("missing", [False, True])
def test_blocks_of_a_wide_table_are_those_of_the_whole_covariance(missing, monkeypatch):
    e, x = encoding(), rows(300, missing=missing)
    y, weights = np.random.default_rng(1).normal(size=(2, 300))
    weights = weights**2
    whole = Moments.of(e, x, y, weights)
    assert whole.covariance.whole
    few = (covariance, "_MOST_PRODUCTS", 1), (moments, "_FEW_PARTS", 0), (moments, "_CHUNK", 70)
    for each in few:
        monkeypatch.setattr(*each)
    wide = Moments.of(e, x, y, weights)
    assert not wide.covariance.whole
    np.testing.assert_allclose(wide.mean, whole.mean, atol=1e-13)
    np.testing.assert_allclose(wide.cross, whole.cross, atol=1e-13)
    np.testing.assert_allclose(wide.covariance.diagonal, whole.covariance.diagonal, atol=1e-13)
    for part in range(len(e.parts)):
        wanted = whole.covariance.within(part)
        np.testing.assert_allclose(wide.covariance.within(part), wanted, atol=1e-13)
    sums = BlockDiagonal([np.ones((column.terms, 2)) for column in e.parts])
    found, wanted = wide.of_sums(sums), whole.of_sums(sums)
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-13)
    np.testing.assert_allclose(found.covariance.within(1), wanted.covariance.within(1), atol=1e-12)
