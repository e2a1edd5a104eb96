"""Ridge regression in high dimension, against the Marchenko–Pastur law and simulations."""

import numpy as np
import pytest
from everywhere import same_everywhere

import eigcore
from eigcore import rmt
from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.rmt.ridge import effective_ridge


def isotropic(c, gamma, size, noise):
    """Excess test risk and train error for C = I, by m(z); rmt-reference.md, section 3."""

    def m(z):
        b = 1 - c - z
        roots = np.roots([c * z, -b, 1])
        return max(roots.real)  # z < 0: the positive root of c z m² − (1 − c − z) m + 1

    h = 1e-4 * gamma
    value = m(-gamma)
    slope = (8 * (m(-gamma + h) - m(-gamma - h)) - m(-gamma + 2 * h) + m(-gamma - 2 * h)) / (12 * h)
    excess = gamma**2 * size * slope + noise * c * (value - gamma * slope)
    inner = size * (value - gamma * slope) + noise * (c * slope + (1 - c) / gamma**2)
    return value, excess, gamma**2 * inner


def power_law(p=400, a=1.5):
    s = np.arange(1, p + 1.0) ** -a
    return s, np.random.default_rng(0).normal(size=p) ** 2 / p


def test_the_oracle_of_an_isotropic_problem():
    p, n = 150, 300
    risk = rmt.ridge_risk(np.ones(p), np.full(p, 1 / p), 0.5, 0.1, n)
    value, excess, train = isotropic(p / n, 0.1, 1.0, 0.5)
    assert value == pytest.approx(1.483315, abs=5e-7)
    assert risk.test - 0.5 == pytest.approx(excess, abs=1e-8)
    assert risk.train == pytest.approx(train, abs=1e-8)
    assert risk.test - 0.5 == pytest.approx(0.31904, abs=1e-5)
    assert risk.train == pytest.approx(0.27001, abs=1e-5)
    # κ⁻¹ is the companion transform c m − (1 − c)/z at z = −γ
    assert 1 / risk.kappa == pytest.approx(0.5 * value + 0.5 / 0.1, rel=1e-12)


@pytest.mark.parametrize("c", [0.2, 0.9, 1.0, 3.0])
@pytest.mark.parametrize("gamma", [0.01, 1.0])
def test_isotropic_risks_at_other_ratios(c, gamma):
    n = 200
    p = round(c * n)
    risk = rmt.ridge_risk(np.ones(p), np.full(p, 2 / p), 0.3, gamma, n)
    value, excess, train = isotropic(p / n, gamma, 2.0, 0.3)
    assert risk.test - 0.3 == pytest.approx(excess, rel=1e-7)
    assert risk.train == pytest.approx(train, rel=1e-7)
    assert 1 / risk.kappa == pytest.approx(p / n * value + (1 - p / n) / gamma, rel=1e-9)
    assert risk.gcv == pytest.approx(float(risk.test), rel=1e-12)


def test_ridgeless_limits_and_the_peak_of_double_descent():
    p, size, noise = 120, 1.5, 0.4
    n = np.array([40, 60, 119, 120, 121, 240, 1200])
    risk = rmt.ridge_risk(np.ones(p), np.full(p, size / p), noise, 0.0, n)
    c = p / n
    with np.errstate(divide="ignore"):
        over = size * (1 - 1 / c) + noise / (c - 1)
        under = noise * c / (1 - c)
    expected = noise + np.where(c > 1, over, np.where(c < 1, under, np.inf))
    np.testing.assert_allclose(risk.test, expected, rtol=1e-10)
    np.testing.assert_allclose(risk.train, np.where(c < 1, noise * (1 - c), 0.0), atol=1e-12)
    np.testing.assert_allclose(risk.gcv, risk.test)


@pytest.mark.parametrize("gamma", [0.0, 1e-14, 1e-6, 1.0, 1e6])
@pytest.mark.parametrize("n", [10, 100, 1000])
def test_the_effective_ridge_solves_its_equation_at_every_scale(gamma, n):
    s = np.arange(1, 401.0) ** -6.0
    for scale in (1e-9, 1.0, 1e9):
        kappa = effective_ridge(
            eigcore.get_backend("numpy"), scale * s, np.asarray(scale * gamma), np.asarray(1.0 * n)
        )
        df1 = np.sum(scale * s / (scale * s + kappa))
        left = abs(kappa * (1 - df1 / n) - scale * gamma)
        assert left <= 1e-10 * max(kappa, scale * gamma) + 1e-30 * scale


def test_a_simulation_with_a_general_covariance_lies_in_its_band():
    s, b = power_law()
    rng, n, gamma, noise = np.random.default_rng(1), 200, 1e-3, 0.1
    beta, p, risks = np.sqrt(b), len(s), []
    for _ in range(20):
        X = rng.normal(size=(n, p)) * np.sqrt(s)
        y = X @ beta + np.sqrt(noise) * rng.normal(size=n)
        found = X.T @ np.linalg.solve(X @ X.T / n + gamma * np.eye(n), y) / n
        test = np.sum(s * (found - beta) ** 2) + noise
        risks.append((np.mean((y - X @ found) ** 2), test))
    risk = rmt.ridge_risk(s, b, noise, gamma, n)
    # the mean of 20 draws: four standard errors, and 2 % for terms of order 1/n
    band = 4 * np.std(risks, axis=0) / np.sqrt(20) + 0.02 * np.array([risk.train, risk.test])
    assert (abs(np.mean(risks, axis=0) - [risk.train, risk.test]) < band).all()
    assert np.mean(risks, axis=0)[1] - noise > 0  # excess, as the noise is included in `test`


def test_grids_and_batches_broadcast():
    s, b = power_law(30)
    gammas, n = np.array([[0.01], [0.1]]), np.array([10, 20, 50])
    risk = rmt.ridge_risk(s, b, 0.2, gammas, n)
    assert risk.test.shape == (2, 3)
    alone = rmt.ridge_risk(s, b, 0.2, 0.1, 50)
    np.testing.assert_allclose(risk.test[1, 2], alone.test)
    several = rmt.ridge_risk(np.stack([s, 2 * s]), b, 0.2, 0.1, 50)
    np.testing.assert_allclose(several.test[0], alone.test)


@pytest.mark.parametrize("gamma", [0.05, 0.0])
def test_risks_are_the_same_everywhere(gamma):
    s, b = power_law(12)

    def total(s, b, noise, gamma, n):
        risk = rmt.ridge_risk(s, b, noise, gamma, n)
        return risk.test + 2 * risk.train + risk.kappa

    followed = range(5) if gamma else (0, 1, 2, 4)
    same_everywhere(total, s, b, 0.3, gamma, 8.0, followed=followed)


def test_the_best_ridge_of_an_isotropic_problem_is_known():
    best = rmt.best_ridge(np.ones(150), np.full(150, 2 / 150), 0.5, 300)
    assert best.gamma == pytest.approx(0.5 * 0.5 / 2, rel=1e-10)


def test_the_best_ridge_is_a_minimum():
    s, b = power_law(100)
    best = rmt.best_ridge(s, b, 0.05, 60)
    near = rmt.ridge_risk(s, b, 0.05, float(best.gamma) * np.array([0.9, 1.0, 1.1]), 60).test
    assert near[1] < min(near[0], near[2])
    assert near[1] == pytest.approx(float(best.risk.test), rel=1e-12)
    grid = rmt.ridge_risk(s, b, 0.05, np.geomspace(1e-8, 1e3, 200), 60).test
    assert best.risk.test <= grid.min() + 1e-14


def test_without_noise_and_with_enough_rows_no_ridge_is_best():
    best = rmt.best_ridge(np.ones(20), np.ones(20), 0.0, 40)
    assert best.gamma == 0
    assert best.risk.test == pytest.approx(0, abs=1e-14)


def test_the_best_ridge_is_the_same_everywhere():
    s, b = power_law(12)

    def both(*given):
        best = rmt.best_ridge(*given)
        return best.gamma + best.risk.test

    same_everywhere(both, s, 1 + b, 0.3, 8.0)


def test_scaling_laws_of_power_laws():
    # eigenvalues k⁻ᵃ, signal s b = k⁻ʳ: κ ∝ n⁻ᵃ and, without noise, risk ∝ n⁻⁽ʳ⁻¹⁾ if r − 1 < 2a
    a, r = 1.5, 1.8
    k = np.arange(1, 200001.0)
    n = np.array([200, 300, 450, 700])
    risk = rmt.ridge_risk(k**-a, k ** (a - r), 0.0, 0.0, n)
    assert rmt.scaling_exponent(n, risk.kappa) == pytest.approx(a, abs=0.03)
    assert rmt.scaling_exponent(n, risk.test) == pytest.approx(r - 1, abs=0.03)


def test_scaling_law_of_exponential_eigenvalues_is_log_n_over_n():
    n = np.array([1e3, 1e4, 1e5, 1e6])
    risk = rmt.ridge_risk(np.exp(-np.arange(60.0)), np.zeros(60), 1.0, 1 / n, n)
    ratio = (risk.test - 1) * n / np.log(n)
    assert np.ptp(ratio) < 0.15 * ratio.mean()


def test_wrong_numbers_are_named():
    ones = np.ones(3)
    for bad, word in (
        ((-ones, ones, 1, 1, 5), "eigenvalues"),
        ((ones, -ones, 1, 1, 5), "beta_squared"),
        ((ones, ones, -1, 1, 5), "sigma_squared"),
        ((ones, ones, 1, -1, 5), "gamma"),
        ((ones, ones, 1, 1, 0), "n has an entry 0"),
        ((ones, np.ones(4), 1, 1, 5), "shapes"),
    ):
        with pytest.raises(InvalidInput, match=word):
            rmt.ridge_risk(*bad)
    with pytest.raises(NonFiniteInput, match="gamma has NaN"):
        rmt.ridge_risk(ones, ones, 1.0, np.nan, 5)
    with pytest.raises(InvalidInput, match="Predict with the mean"):
        rmt.best_ridge(ones, 0 * ones, 1.0, 5)
    with pytest.raises(InvalidInput, match="one problem"):
        rmt.best_ridge(ones, ones, 1.0, np.array([5, 6]))
    with pytest.raises(InvalidInput, match="at least 2"):
        rmt.scaling_exponent([1.0], [1.0])


def test_without_noise_the_peak_is_gone():
    """At n = p least norm finds β itself, and no ridge does better."""
    risk = rmt.ridge_risk([1.0] * 10, [0.1] * 10, 0.0, 0.0, [9, 10, 11])
    np.testing.assert_allclose(risk.test, [0.1, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(risk.gcv, risk.test, atol=1e-12)
    near = rmt.ridge_risk([1.0] * 10, [0.1] * 10, 0.0, 1e-10, 10).test
    assert 0 < near < 1e-4
    best = rmt.best_ridge([1.0] * 150, [1 / 150] * 150, 0.0, 150)
    assert float(best.gamma) == float(best.risk.test) == 0
