"""Supports whose gaps and bulks are too thin for a grid; the closed form is that of covariances."""

import numpy as np
import pytest

from eigcore import rmt

T = [1.0, 4.0]
C = 0.4091672179717956
"""Between the two bulks of `sample_covariance(T, C)` is a gap of 1e-4 of the hull."""
THIN = 1e-6
"""Each bulk of `sample_covariance(T, THIN)` is 1e-3 of the hull."""


def laws(c):
    return {
        "separable": lambda: rmt.separable(T, [1.0], c),
        "two_separable": lambda: rmt.separable(T, [1.0, 1.0, 0.0, 0.0], 0.5 * c),
        "mixture": lambda: rmt.mixture([T], [1.0], c),
        "two_classes": lambda: rmt.mixture([T, T], [0.3, 0.7], c),
        "product": lambda: rmt.free_product(rmt.marchenko_pastur(c), rmt.discrete(T)),
        "other_product": lambda: rmt.free_product(rmt.discrete(T), rmt.marchenko_pastur(c)),
    }


@pytest.mark.parametrize("c", [C, THIN])
@pytest.mark.parametrize("name", laws(C))
def test_a_narrow_gap_and_thin_bulks_are_those_of_sample_covariances(name, c):
    law, want = laws(c)[name](), rmt.sample_covariance(T, c).support()
    assert want.shape == (2, 2)
    scale = 0.5 if name == "two_separable" else 1.0
    np.testing.assert_allclose(law.support(), scale * want, rtol=0, atol=1e-8)


def test_the_narrow_gap_is_narrow():
    (low, first), (second, high) = rmt.sample_covariance(T, C).support()
    assert 0 < second - first < 1.01e-4 * (high - low)


def test_covariance_between_columns_has_the_same_narrow_gap():
    want = rmt.sample_covariance(T, C).support()
    np.testing.assert_allclose(rmt.separable([1.0], T, 1 / C).support(), want / C, atol=1e-8)


def sum_edges(sigma):
    """Edges of ±1 plus a semicircle: z(w) = w + σ² w/(w² − 1), at z′ = 0."""
    s = sigma**2
    # (w² − 1)² = s (w² + 1)
    half = 1 + s / 2
    squares = np.array([half - np.sqrt(half**2 - 1 + s), half + np.sqrt(half**2 - 1 + s)])
    w = np.sqrt(squares[squares > 0])
    edges = w + s * w / (w**2 - 1)
    return np.sort(np.concatenate((edges, -edges))).reshape(-1, 2)


@pytest.mark.parametrize("sigma", [0.999, 0.001])
def test_a_sum_has_a_narrow_gap_and_thin_bulks(sigma):
    law = rmt.free_sum(rmt.discrete([-1.0, 1.0]), rmt.semicircle(sigma))
    np.testing.assert_allclose(law.support(), sum_edges(sigma), rtol=0, atol=1e-8)


def test_a_bulk_of_little_mass_is_found():
    law = rmt.free_sum(rmt.discrete([-1.0, 5.0], [1 - 1e-4, 1e-4]), rmt.semicircle(0.01))
    assert len(law.support()) == 2
    low, high = law.support()[1]
    assert low < 5.0 < high
    assert law.cdf(3.0) == pytest.approx(1 - 1e-4, abs=1e-9)


def test_a_law_without_a_gap_has_none():
    assert rmt.separable(T, [1.0], 1.01 * C).support().shape == (1, 2)
    assert rmt.mixture([T], [1.0], 1.01 * C).support().shape == (1, 2)
    closed = rmt.free_sum(rmt.discrete([-1.0, 1.0]), rmt.semicircle(1.001))
    assert closed.support().shape == (1, 2)
