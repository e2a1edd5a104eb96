"""Deep kernels: the exact recursion, its equivalent, and the slips of public code."""

import math

import numpy as np
import pytest
from everywhere import same_everywhere

from eigcore import rmt
from eigcore.errors import InvalidInput, NonFiniteInput


def norm(M):
    return np.linalg.norm(M, 2)


def mixture(p=800, n=400, seed=0):
    """Two classes of different means and sizes: rows, labels, and the true parameters."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], n // 2)
    means = np.zeros((2, p))
    means[0, 0], means[1, 0] = 2 / math.sqrt(p), -2 / math.sqrt(p)
    size = np.array([1.0, 1 + 8 / math.sqrt(p)])
    X = means[labels] + rng.normal(size=(n, p)) * np.sqrt(size[labels] / p)[:, None]
    return X, labels, {"means": means, "covariances": size[:, None, None] * np.eye(p) / p}


@pytest.fixture(scope="module")
def data():
    return mixture()


@pytest.mark.parametrize(
    ("depth", "size", "band"), [(1, 1.18, 0.05), (2, 0.35, 0.04), (3, 0.11, 0.02)]
)
@pytest.mark.parametrize("known", [True, False])
def test_the_conjugate_kernel_of_relu_is_near_its_equivalent(data, depth, size, band, known):
    X, labels, parameters = data
    found = rmt.deep_ck(["relu"] * depth, X, labels, **(parameters if known else {}))
    exact = found.exact()
    assert norm(exact) > size
    assert norm(exact - found.equivalent) < band
    # public code takes τ₀⁴ α₃ off the diagonal once more
    slip = found.scales[0] ** 4 * found.coefficients[-1][2] * np.eye(len(X))
    assert norm(exact - found.equivalent + slip) > 1.9 * norm(exact - found.equivalent)


def test_the_equivalent_improves_with_size():
    errors = []
    for p in (200, 800):
        X, labels, parameters = mixture(p, p // 2)
        found = rmt.deep_ck(["relu", "tanh"], X, labels, **parameters)
        errors.append(norm(found.exact() - found.equivalent))
    assert errors[1] < 0.7 * errors[0]


def test_one_layer_has_twice_the_trace_term_and_depth_raises_both_ratios():
    X = mixture(50, 20)[0]
    found = rmt.deep_ck(["relu", "gaussian", "relu"], X)
    alpha = np.stack(found.coefficients)
    np.testing.assert_array_equal(alpha[0], [1, 0, 0])
    assert alpha[1, 2] == pytest.approx(2 * alpha[1, 1])
    relu = np.stack(rmt.deep_ck(["relu"] * 4, X).coefficients)
    assert (np.diff(relu[:, 1] / relu[:, 0]) > 0).all()
    assert (np.diff(relu[:, 2] / relu[:, 0]) > 0).all()


@pytest.mark.parametrize("name", ["abs", "cos", "gaussian", "square"])
def test_even_activations_forget_the_linear_term(name):
    found = rmt.deep_ck([name, "relu"], mixture(50, 20)[0])
    assert found.coefficients[1][0] == pytest.approx(0, abs=1e-24)
    assert found.coefficients[2][0] == pytest.approx(0, abs=1e-24)
    assert found.coefficients[2][1] > 0


def test_the_coefficients_of_relu_are_known():
    """E φ' = 1/2, E φ'' = 1/√(2π)/τ, and ½ E (φ_c²)'' from the moments of half a normal."""
    X, _, _ = mixture(50, 20)
    found = rmt.deep_ck(["relu", "relu"], X)
    tau0, tau1 = found.scales[:2]
    assert tau1**2 == pytest.approx(tau0**2 * (0.5 - 1 / (2 * math.pi)))
    second = 1 / (2 * math.pi) / tau0**2
    np.testing.assert_allclose(found.coefficients[1], [0.25, second / 4, second / 2])
    # the fourth coefficient: ½ E(ξ² − 1)(φ − m)²/τ² = ½ − m²/τ² /2 · … = (1 − 1/π)/2
    alpha4 = 0.5 - 1 / (2 * math.pi)
    late = 1 / (2 * math.pi) / tau1**2
    expected = [1 / 16, second / 16 + late * alpha4**2 / 4, second / 8 + late * 0.25**2 / 2]
    np.testing.assert_allclose(found.coefficients[2], expected)


def test_scales_are_squared_on_the_diagonal():
    X = 1.6 * np.random.default_rng(0).normal(size=(100, 400)) / 20
    for build in (rmt.deep_ck, rmt.deep_ntk):
        found = build(["tanh", "relu"], X)
        expected = np.mean(np.diagonal(found.exact()))
        assert np.mean(np.diagonal(found.equivalent)) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", ["relu", "erf"])
def test_the_tangent_kernel_is_near_its_equivalent(data, name):
    X, labels, parameters = data
    for depth in (1, 2, 3):
        found = rmt.deep_ntk([name] * depth, X, labels, **parameters)
        exact = found.exact()
        assert norm(exact - found.equivalent) < 0.17 * norm(exact), depth
        assert np.mean(np.diagonal(exact)) == pytest.approx(found.scales[-1] ** 2, rel=0.02)


def test_the_tangent_recursion_uses_the_layer_before():
    """κ² by hand: E φ'² at the old scale, and κ₀ squared."""
    X = mixture(50, 20)[0]
    found = rmt.deep_ntk(["sin", "sin"], X)
    tau = rmt.deep_ck(["sin", "sin"], X).scales
    square = tau[0] ** 2
    for before, after in ((tau[0], tau[1]), (tau[1], tau[2])):
        square = after**2 + square * (1 + math.exp(-2 * before**2)) / 2
    assert found.scales[0] == pytest.approx(tau[0])
    assert found.scales[-1] ** 2 == pytest.approx(square)


def test_the_tangent_coefficients_of_relu_are_known():
    """Each layer uses β and α of the layer before: β₃ gains β₁ E₂² α₁ with both old."""
    X = mixture(50, 20)[0]
    conjugate, tangent = (build(["relu", "relu"], X) for build in (rmt.deep_ck, rmt.deep_ntk))
    _, one, two = conjugate.coefficients
    q0, q1 = (1 / (2 * math.pi) / tau**2 for tau in conjugate.scales[:2])
    first = [one[0] + 0.25, one[1], one[2] + q0]
    second = [two[0] + first[0] / 4, two[1] + first[1] / 4]
    second.append(two[2] + first[2] / 4 + first[0] * q1 * 0.25)
    np.testing.assert_allclose(tangent.coefficients[1], first)
    np.testing.assert_allclose(tangent.coefficients[2], second)


def test_the_tangent_kernel_of_linear_layers_counts_them():
    X = mixture(50, 20)[0]
    found = rmt.deep_ntk(["linear"] * 3, X)
    np.testing.assert_allclose(found.exact(), 4 * X @ X.T, atol=1e-12)
    np.testing.assert_allclose(found.coefficients[-1], [4, 0, 0], atol=1e-20)


def test_functions_and_names_agree():
    X = mixture(50, 20)[0]
    for build in (rmt.deep_ck, rmt.deep_ntk):
        named, own = build(["sin"] * 2, X), build([np.sin] * 2, X)
        np.testing.assert_allclose(own.equivalent, named.equivalent, atol=1e-12)
        np.testing.assert_allclose(own.exact(), named.exact(), atol=1e-11)


def test_deep_kernels_are_the_same_everywhere():
    X = mixture(6, 8)[0]
    labels = [0, 1] * 4

    def total(X):
        found = rmt.deep_ntk(["relu"], X, labels)
        return (found.equivalent**2).sum() + found.exact().sum()

    same_everywhere(total, X)


def test_wrong_inputs_are_named():
    X = np.ones((4, 2))
    with pytest.raises(InvalidInput, match=r"Write \['relu', 'relu'\]"):
        rmt.deep_ck("relu", X)
    with pytest.raises(InvalidInput, match="labels should be 4 integers"):
        rmt.deep_ck(["relu"], X, [0, 2, 2, 0])
    with pytest.raises(InvalidInput, match="means has shape"):
        rmt.deep_ck(["relu"], X, means=np.ones(2))
    with pytest.raises(InvalidInput, match="Layer 2 is constant"):
        rmt.deep_ck(["relu", lambda t: 0 * t], np.eye(4))
    with pytest.raises(InvalidInput, match="squared norm of X"):
        rmt.deep_ck(["relu"], X)
    with pytest.raises(InvalidInput, match="class 1 has one row"):
        rmt.deep_ck(["relu"], np.eye(4), [0, 0, 0, 1])
    with pytest.raises(InvalidInput, match="'sign' has no kernel"):
        rmt.deep_ntk(["sign"], np.eye(4))
    with pytest.raises(NonFiniteInput):
        rmt.deep_ck(["relu"], X * np.nan)
