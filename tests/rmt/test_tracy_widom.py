import numpy as np
import pytest
from arrays import host, jnp, torch

from eigcore import rmt
from eigcore.errors import InvalidInput, NotSupported

jax = pytest.importorskip("jax")
# Bornemann, Markov Processes and Related Fields 16 (2010), table 10: mean and variance
MOMENTS = {1: (-1.206533574582, 1.607781034581), 2: (-1.771086807411, 0.813194792832)}


@pytest.mark.parametrize("beta", [1, 2])
def test_mean_and_variance_are_those_of_the_literature(beta):
    nodes, weights = np.polynomial.legendre.leggauss(150)
    x = 1 + 11 * nodes
    mass = rmt.tracy_widom(beta).density(x) * weights * 11
    mean = (mass * x).sum()
    assert abs(mass.sum() - 1) < 1e-10
    np.testing.assert_allclose([mean, (mass * x**2).sum() - mean**2], MOMENTS[beta], atol=1e-9)


def test_values_of_the_literature():
    one, two = rmt.tracy_widom(1), rmt.tracy_widom(2)
    np.testing.assert_allclose(two.cdf([-2.0, 0.0]), [0.41322414250512, 0.96937282835526], 1e-10)
    np.testing.assert_allclose(one.quantile([0.9, 0.95, 0.99]), [0.45014, 0.97931, 2.02345], 1e-4)
    np.testing.assert_allclose(one.cdf(one.quantile([0.01, 0.5])), [0.01, 0.5], atol=1e-10)
    assert abs(one.cdf(-20.0)) < 1e-12
    assert one.cdf(40.0) == 1.0


def test_the_survival_function_is_exact_relative_to_itself_far_out():
    # F₁: e^(−(2/3) s^(3/2)) / (4 √π s^(3/4)) (1 + O(s^(−3/2)))
    s = np.array([6.0, 10.0, 14.0])
    tail = np.exp(-2 / 3 * s**1.5) / (4 * np.sqrt(np.pi) * s**0.75)
    ratio = rmt.tracy_widom(1).survival(s) / tail
    assert (abs(ratio - 1) < 2 / s**1.5).all()


def test_the_derivative_of_the_distribution_is_its_density():
    x = torch.tensor([-2.0, 0.5], dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(rmt.tracy_widom(1).cdf(x).sum(), x)
    np.testing.assert_allclose(found, rmt.tracy_widom(1).density(host(x)), rtol=1e-10)
    slope = jax.grad(rmt.tracy_widom(2).survival)(jnp.asarray(0.5))
    np.testing.assert_allclose(-slope, rmt.tracy_widom(2).density(0.5), rtol=1e-10)
    again = jax.grad(rmt.tracy_widom(2).quantile)(jnp.asarray(0.5))
    x = rmt.tracy_widom(2).quantile(0.5)
    np.testing.assert_allclose(again, 1 / rmt.tracy_widom(2).density(x), rtol=1e-9)


def test_p_values_of_white_noise_are_uniform():
    law, rng = rmt.marchenko_pastur(0.5), np.random.default_rng(0)
    top = [np.linalg.eigvalsh(law.sample(60, rng))[-1] for _ in range(400)]
    p = rmt.largest_eigenvalue_p_value(np.array(top), law, 60)
    # Kolmogorov's distance of 400 uniform numbers: 1.63 / √400 at level 0.01
    assert abs(np.sort(p) - (np.arange(400) + 0.5) / 400).max() < 1.63 / 20


def test_the_scales_of_three_laws_agree_where_the_laws_do():
    known = rmt.marchenko_pastur(0.5).fluctuation(10**8)
    np.testing.assert_allclose(rmt.sample_covariance([1.0], 0.5).fluctuation(10**8), known, 1e-6)
    c = 0.5  # rmt-reference.md, section 1
    scale = c ** (-1 / 6) * (1 + c**0.5) ** (4 / 3) * (10**8) ** (-2 / 3)
    np.testing.assert_allclose(known, [(1 + c**0.5) ** 2, scale], rtol=1e-6)
    np.testing.assert_allclose(rmt.semicircle(2.0).fluctuation(1000), [4.0, 0.02])
    signal = rmt.largest_eigenvalue_p_value(4.0, rmt.marchenko_pastur(0.5), 400)
    assert signal < 1e-10


def test_wrong_requests_are_one_clear_error():
    with pytest.raises(InvalidInput, match="beta is 3"):
        rmt.tracy_widom(3)
    with pytest.raises(InvalidInput, match="probabilities"):
        rmt.tracy_widom(1).quantile(1.0)
    with pytest.raises(NotSupported, match="not known"):
        rmt.largest_eigenvalue_p_value(4.0, rmt.separable([1.0], [1.0], 0.5), 100)
