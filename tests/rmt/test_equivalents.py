"""Linear equivalents of activations and kernels, in both regimes."""

import math

import numpy as np
import pytest
from everywhere import same_everywhere

from eigcore import rmt
from eigcore.errors import InvalidInput
from eigcore.rmt.activations import ACTIVATIONS


def norm(M):
    return np.linalg.norm(M, 2)


def sphere(n, p, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, p))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


@pytest.mark.parametrize("name", ["relu", "abs", "erf", "tanh", "gaussian", "square"])
def test_the_equivalent_on_the_sphere_is_that_of_the_text(name):
    X = sphere(300, 400)
    n, p = X.shape
    a = rmt.hermite(name, 2)
    nu = np.trace(rmt.kernel(name, X)) / n
    text = a[0] ** 2 + a[1] ** 2 * X @ X.T + a[2] ** 2 / p
    text = text + (nu - a[0] ** 2 - a[1] ** 2) * np.eye(n)
    found = rmt.linear_equivalent(name, X)
    assert norm(found.kernel - text) < 2e-2 * a[2] ** 2 + 1e-10
    assert found.intercept == pytest.approx(a[0])
    assert found.slope == pytest.approx(a[1])
    assert found.residual**2 == pytest.approx(nu - a[0] ** 2 - a[1] ** 2, abs=1e-12)


@pytest.mark.parametrize("name", ["relu", "erf", "gaussian"])
def test_the_error_falls_with_size_as_the_theorem_says(name):
    errors = []
    for p in (100, 400):
        X = sphere(p, p)
        errors.append(norm(rmt.kernel(name, X) - rmt.linear_equivalent(name, X).kernel))
    assert errors[1] < 0.65 * errors[0]  # n^(−1/2) would be 0.5
    assert errors[1] < 0.02


def test_rows_of_varying_norms():
    rng = np.random.default_rng(0)
    X = 1.3 * rng.normal(size=(300, 400)) / 20
    found = rmt.linear_equivalent("relu", X).kernel
    assert norm(rmt.kernel("relu", X) - found) < 0.04


@pytest.mark.parametrize("name", ["erf", "tanh", "gaussian", "cos"])
def test_small_arguments_are_linearised_at_zero(name):
    X = sphere(200, 200)
    found = rmt.linear_equivalent(name, X, "lln")
    K = rmt.kernel(name, X / math.sqrt(200))
    assert norm(K - found.kernel) < 2e-2
    zero = np.zeros(1)
    assert found.intercept == pytest.approx(ACTIVATIONS[name].value(np, zero)[0], abs=1e-12)
    assert found.slope == pytest.approx(ACTIVATIONS[name].derivative(np, zero)[0], abs=1e-10)
    assert found.residual == 0


def test_the_regimes_differ():
    """tanh is t²/4-like at no scale: near 0 it is t, at scale 1 it is less steep."""
    X = sphere(50, 60)
    small, wide = (rmt.linear_equivalent("tanh", X, r).slope for r in ("lln", "clt"))
    assert small == pytest.approx(1, abs=1e-10)
    assert wide == pytest.approx(0.6057, abs=1e-3)


@pytest.mark.parametrize("of", ["product", "distance"])
def test_smooth_kernels_of_products_and_distances(of):
    errors = []
    for p in (100, 400):
        X = np.random.default_rng(0).normal(size=(p // 2, p)) / math.sqrt(p)
        G = X @ X.T
        d = np.diagonal(G)
        K = np.exp(-(G if of == "product" else d[:, None] + d - 2 * G) / 2)
        found = rmt.linearise_kernel(lambda t: np.exp(-t / 2), X, of)
        errors.append(norm(K - found))
    assert errors[1] < 0.7 * errors[0]
    assert errors[1] < 0.06


def test_a_quadratic_kernel_is_linearised_by_its_coefficients():
    X = sphere(40, 30)
    found = rmt.linearise_kernel(lambda t: 2 + 3 * t + 5 * t * t, X)
    G = X @ X.T
    spread = np.mean((G**2)[~np.eye(40, dtype=bool)])
    expected = 2 + 5 * spread + 3 * G + 5 * np.eye(40)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_equivalents_are_the_same_everywhere():
    X = np.random.default_rng(0).normal(size=(4, 5)) / 2
    same_everywhere(lambda X: (rmt.linear_equivalent("relu", X).kernel ** 2).sum(), X)
    same_everywhere(lambda X: (rmt.linear_equivalent("gaussian", X, "lln").kernel ** 2).sum(), X)
    same_everywhere(
        lambda X: (rmt.linearise_kernel(lambda t: 1 / (1 + t) ** 2, X, "distance") ** 2).sum(), X
    )


def test_wrong_inputs_are_named():
    X = sphere(3, 4)
    with pytest.raises(InvalidInput, match="regime is 'both'"):
        rmt.linear_equivalent("relu", X, "both")
    with pytest.raises(InvalidInput, match="no derivative at 0"):
        rmt.linear_equivalent("relu", X, "lln")
    with pytest.raises(InvalidInput, match="not smooth at 0"):
        rmt.linearise_kernel(np.abs, X)
    with pytest.raises(InvalidInput, match="of is 'angle'"):
        rmt.linearise_kernel(np.exp, X, "angle")
    with pytest.raises(InvalidInput, match="norm of X"):
        rmt.linear_equivalent("relu", 0 * X)
