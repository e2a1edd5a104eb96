"""Simulated networks beside the theory: the first gradient step, weights of other laws."""

import numpy as np
import pytest

from eigcore import rmt

SLOPES = {"tanh": lambda t: 1 / np.cosh(t) ** 2, "relu": lambda t: 1.0 * (t > 0)}
VALUES = {"tanh": np.tanh, "relu": lambda t: np.maximum(t, 0.0)}


def gap(activation, d, mean_slope, seed=0):
    """Relative distance of the first gradient from a rank-one matrix, in the spectral norm."""
    rng = np.random.default_rng(seed)
    X, W = rng.normal(size=(d, d)), rng.normal(size=(d, d)) / np.sqrt(d)
    a, beta = rng.choice([-1, 1], size=d) / np.sqrt(d), rng.normal(size=d) / np.sqrt(d)
    y, H = X @ beta, X @ W
    residual = y - VALUES[activation](H) @ a / np.sqrt(d)
    G = X.T @ (residual[:, None] * SLOPES[activation](H) * a) / d**1.5
    R = mean_slope * np.outer(X.T @ y, a) / d**1.5
    return np.linalg.norm(G - R, 2) / np.linalg.norm(R, 2)


@pytest.mark.parametrize("activation", SLOPES)
def test_the_first_gradient_step_has_rank_one(activation):
    """G_0 → E φ'(ξ) / (n √N) · X y aᵀ (Ba et al. 2022); E φ' is the first Hermite coefficient."""
    mean_slope = float(rmt.hermite(activation, 1)[1])
    near, far = gap(activation, 800, mean_slope), gap(activation, 100, mean_slope)
    assert near < 0.2
    assert near < 0.6 * far  # as d^(−1/2)
    assert gap(activation, 800, 1.0) > 0.3


def test_the_kernel_does_not_depend_on_the_law_of_the_weights():
    """Ternary weights of variance 1 give the kernel of Gaussian ones, in the same band."""
    rng, N = np.random.default_rng(0), 20_000
    X = rng.normal(size=(80, 200)) / np.sqrt(200)
    K = rmt.kernel("relu", X)
    weights = {
        "gaussian": rng.normal(size=(200, N)),
        "ternary": rng.choice([-1.0, 0.0, 1.0], size=(200, N), p=[0.25, 0.5, 0.25]) * np.sqrt(2),
    }
    off = {}
    for name, W in weights.items():
        features = VALUES["relu"](X @ W)
        off[name] = np.linalg.norm(features @ features.T / N - K, 2)
    assert off["gaussian"] < 0.1 * np.linalg.norm(K, 2)
    assert off["ternary"] < 1.5 * off["gaussian"]
