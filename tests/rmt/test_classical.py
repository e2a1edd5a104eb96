import math

import numpy as np
import pytest

from eigcore import rmt
from eigcore.errors import InvalidInput, NotSupported


@pytest.mark.parametrize("c", [0.1, 0.9, 1.0, 4.0])
def test_marchenko_pastur_has_its_edges_its_density_and_its_atom(c):
    law = rmt.marchenko_pastur(c)
    lo, hi = (1 - math.sqrt(c)) ** 2, (1 + math.sqrt(c)) ** 2
    np.testing.assert_allclose(law.support(), [[lo, hi]], atol=1e-15)
    x = np.linspace(lo, hi, 9)[1:-1]
    expected = np.sqrt((x - lo) * (hi - x)) / (2 * np.pi * c * x)
    np.testing.assert_allclose(law.density(x), expected, rtol=1e-12)
    np.testing.assert_array_equal(law.density([lo - 0.01, hi + 0.01, hi]), 0)
    assert law.atoms() == ([(0.0, 1 - 1 / c)] if c > 1 else [])
    np.testing.assert_allclose(law.cdf([-1.0, hi]), [0, 1], atol=1e-10)


@pytest.mark.parametrize("z", [-0.1, 5.0, 0.5 + 0.1j, 0.5 - 0.1j, -3 + 1e-9j])
def test_the_transform_solves_the_quadratic_equation(z):
    c = 0.5
    m = rmt.marchenko_pastur(c).stieltjes(z)
    assert abs(c * z * m**2 - (1 - c - z) * m + 1) < 1e-12
    assert np.imag(m) * np.imag(z) >= 0


def test_the_transform_at_the_point_of_the_notes():
    assert abs(float(rmt.marchenko_pastur(0.5).stieltjes(-0.1)) - 1.483315) < 1e-6


def test_moments_of_marchenko_pastur_are_narayana_polynomials():
    c = 0.7
    expected = [
        sum(math.comb(k, j) * math.comb(k - 1, j) / (j + 1) * c**j for j in range(k))
        for k in range(1, 7)
    ]
    np.testing.assert_allclose(rmt.marchenko_pastur(c).moments(6), expected, rtol=1e-12)


def test_the_semicircle_has_catalan_moments_and_its_distribution():
    law = rmt.semicircle(0.5)
    np.testing.assert_allclose(law.moments(6), [0, 0.25, 0, 2 / 16, 0, 5 / 64], atol=1e-13)
    x = np.linspace(-0.9, 0.9, 7)
    expected = 0.5 + x * np.sqrt(1 - x**2) / np.pi + np.arcsin(x) / np.pi
    np.testing.assert_allclose(law.cdf(x), expected, rtol=1e-12)
    np.testing.assert_allclose(law.quantile(expected), x, atol=1e-10)


def test_the_circular_law_is_uniform_on_its_disc():
    law = rmt.circular(2.0)
    np.testing.assert_allclose(law.density([1 + 1j, 2 + 1j]), [1 / (4 * np.pi), 0])
    np.testing.assert_allclose(law.stieltjes([4.0, 1j]), [-0.25, 0.25j])
    np.testing.assert_allclose(law.cdf(law.quantile([0.2, 1.0])), [0.2, 1.0])
    found = np.abs(np.linalg.eigvals(law.sample(200, np.random.default_rng(0))))
    assert abs((found < 1).mean() - 0.25) < 0.05
    assert abs(found.max() - 2) < 0.25
    assert not law.moments(3).any()


def test_spikes_and_overlaps_of_the_notes():
    law = rmt.spiked([0.8, 0.4, 3.0], 0.25)
    np.testing.assert_allclose(law.spikes() / 4, [1 + 1 / 12, 0.590625], rtol=1e-12)
    np.testing.assert_allclose(law.overlaps()[:2], [13 / 28, 0], rtol=1e-12)
    assert law.spikes().min() > law.support()[0, 1]


def test_a_weak_direction_of_little_variance_is_a_spike_on_the_left():
    law = rmt.spiked([-0.8], 0.25)
    assert law.spikes()[0] < law.support()[0, 0]


def test_a_simulated_spike_lies_in_its_band():
    law = rmt.spiked([2.0], 0.25)
    top = [
        np.linalg.eigvalsh(law.sample(1600, np.random.default_rng(seed)))[-1] for seed in range(3)
    ]
    # standard deviation of a spike: sqrt(2 (1 − c/ℓ²) / n) (1 + ℓ), here 0.10
    assert abs(np.mean(top) - law.spikes()[0]) < 3 * 0.10 / 3**0.5


def test_a_discrete_law_is_its_atoms():
    law = rmt.discrete([1.0, 3.0], [0.25, 0.75])
    np.testing.assert_allclose(law.cdf([0.5, 1.0, 3.0]), [0, 0.25, 1])
    np.testing.assert_allclose(law.quantile([0.2, 0.9]), [1, 3])
    np.testing.assert_allclose(law.moments(2), [2.5, 7.0], rtol=1e-12)
    assert law.density(1.0) == 0
    np.testing.assert_array_equal(np.diag(law.sample(4, np.random.default_rng(0))), [1, 3, 3, 3])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rmt.marchenko_pastur(0.0), "c is 0.0"),
        (lambda: rmt.marchenko_pastur([[0.5]]), "c is"),
        (lambda: rmt.marchenko_pastur("half"), "no array"),
        (lambda: rmt.marchenko_pastur(0.25).stieltjes(1.0), "density"),
        (lambda: rmt.marchenko_pastur(2.0).stieltjes(0.0), "lies on the support"),
        (lambda: rmt.marchenko_pastur(0.25).quantile(1.5), "probabilities"),
        (lambda: rmt.semicircle(-1.0), "sigma"),
        (lambda: rmt.circular(0.0), "radius"),
        (lambda: rmt.spiked([-1.0], 0.5), "strengths"),
        (lambda: rmt.spiked([1.0] * 9, 0.5).sample(10, np.random.default_rng(0)), "9 spikes"),
        (lambda: rmt.discrete([1.0, 2.0], [0.5, 0.6]), "weights"),
    ],
)
def test_wrong_input_is_one_clear_error(call, said):
    with pytest.raises(InvalidInput, match=said):
        call()


@pytest.mark.parametrize("asked", ["spikes", "overlaps"])
def test_laws_without_spikes_say_so(asked):
    with pytest.raises(NotSupported, match=f"no {asked}"):
        getattr(rmt.semicircle(1.0), asked)()
