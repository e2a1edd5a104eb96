"""Gradient flow: ends that are known, and a simulation."""

import math

import numpy as np
import pytest
from everywhere import same_everywhere

from eigcore import rmt
from eigcore.errors import InvalidInput


def simulated(rho, p, n, t, rate, gamma, sigma, rng):
    """Error, score and size of the weights of one draw at the times t."""
    mu = np.zeros(p)
    mu[0] = math.sqrt(rho)
    y = np.repeat([-1, 1], n // 2)
    X = np.outer(mu, y) + rng.normal(size=(p, n))
    values, U = np.linalg.eigh(X @ X.T / n)
    start = U.T @ (sigma * rng.normal(size=p) / math.sqrt(p))
    speed = np.maximum(values, 0) + gamma
    kept = np.exp(-rate * t[:, None] * speed)
    grown = np.where(speed > 1e-12, (1 - kept) / np.maximum(speed, 1e-12), rate * t[:, None])
    w = (kept * start + grown * (U.T @ X @ y / n)) @ U.T
    mean, size = w @ mu, np.sum(w**2, axis=1)
    errors = [math.erfc(a / math.sqrt(2 * b)) / 2 for a, b in zip(mean, size, strict=True)]
    return np.array([errors, mean, size])


@pytest.mark.parametrize(
    ("rho", "c", "gamma", "sigma"),
    [(1.5, 0.5, 0.0, 0.3), (1.0, 2.0, 0.0, 0.5), (3.0, 2.0, 0.1, 0.5)],
)
def test_a_simulation_lies_in_its_band(rho, c, gamma, sigma):
    p, draws, t, rate = 120, 10, np.array([1.0, 10.0, 50.0, 500.0]), 0.1
    rng = np.random.default_rng(0)
    found = np.array(rmt.gradient_flow_risk(rho, c, t, rate=rate, gamma=gamma, sigma=sigma))
    each = [simulated(rho, p, int(p / c), t, rate, gamma, sigma, rng) for _ in range(draws)]
    # fluctuations of order n^(−1/2): four standard errors and 4 % for the mean of few draws
    band = 4 * np.std(each, axis=0) / math.sqrt(draws) + 0.04 * found
    assert (abs(np.mean(each, axis=0) - found) < band).all()


@pytest.mark.parametrize("rho", [0.3, math.sqrt(0.5), 0.7072, 2.0])
def test_the_end_of_the_flow_is_least_squares(rho):
    """E = ρ/(1 + ρ) is exact for c < 1, through the phase transition ρ = √c."""
    c = 0.5
    found = rmt.gradient_flow_risk(rho, c, np.inf)
    assert found.mean == pytest.approx(rho / (1 + rho), rel=1e-9)
    # ‖w‖² of least squares: (ρ + c)/ρ ∫ x⁻² ω(dx) = ρ/(1+ρ)² · 1 + c/(1−c)/(1+ρ)
    size = rho / (1 + rho) ** 2 + c / (1 - c) / (1 + rho)
    assert found.variance == pytest.approx(size, rel=1e-9)


def test_the_beginning_is_chance_and_its_derivative_the_gradient():
    found = rmt.gradient_flow_risk(2.0, 0.7, [0.0, 1e-6], sigma=0.4)
    assert found.test[0] == 0.5
    assert found.variance[0] == pytest.approx(0.16, rel=1e-12)
    assert found.mean[1] / 1e-6 == pytest.approx(2.0, rel=1e-5)  # μᵀ X y/n = ρ
    over = rmt.gradient_flow_risk(2.0, 3.0, np.inf, sigma=0.4)
    zero = rmt.gradient_flow_risk(2.0, 3.0, np.inf)
    assert over.variance - zero.variance == pytest.approx(0.16 * (1 - 1 / 3), rel=1e-12)


def test_early_stopping_helps_a_weak_signal():
    t = np.linspace(1, 400, 60)
    errors = rmt.gradient_flow_risk(1.0, 0.8, t, rate=0.1, sigma=0.5).test
    assert errors.min() < errors[-1] - 0.02
    assert 0 < errors.argmin() < 59


def test_the_flow_is_the_same_everywhere():
    def total(rho, c, t, rate, gamma, sigma):
        found = rmt.gradient_flow_risk(rho, c, t, rate=rate, gamma=gamma, sigma=sigma)
        return found.test.sum() + found.variance.sum()

    same_everywhere(total, 1.5, 0.6, [0.5, 7.0], 0.3, 0.1, 0.5)


def test_wrong_numbers_are_named():
    for given, word in (
        ({"strength": 0.0}, "strength"),
        ({"c": 0.0}, "c has an entry 0"),
        ({"t": -1.0}, "t has a negative"),
        ({"gamma": -1.0}, "gamma"),
        ({"c": [1.0, 2.0]}, "expected a number"),
    ):
        with pytest.raises(InvalidInput, match=word):
            rmt.gradient_flow_risk(**{"strength": 1.0, "c": 1.0, "t": 1.0, **given})
