"""Means and covariances of terms."""

from __future__ import annotations

import numpy as np
import pytest
from samples import encoding, rows

import eigcore
from eigcore.encoding import Encoding, Periodic
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
        found.covariance, (terms - mean).T @ (share[:, None] * (terms - mean)), atol=1e-12
    )
    np.testing.assert_allclose(
        found.cross, (terms - mean).T @ (share[:, None] * (y - middle)), atol=1e-12
    )
    sums = rng.random((e.terms, 3)) * (rng.random((e.terms, 3)) < 0.5)
    of_sums = found.of_sums(sums)
    np.testing.assert_allclose(of_sums.covariance, sums.T @ found.covariance @ sums, atol=1e-12)
    np.testing.assert_allclose(of_sums.mean, mean @ sums, atol=1e-12)


def test_moments_of_periodic_columns_and_of_constant_terms():
    e, x = encoding(), rows(300, missing=False)
    x[:, 0] = 2.0
    terms = e(x, eigcore.get_backend("numpy"), codes=True)
    found = Moments.of(e, x, x[:, 1])
    np.testing.assert_allclose(found.covariance, np.cov(terms.T, bias=True), atol=1e-12)
    assert not found.covariance[e.slices[0]].any()
