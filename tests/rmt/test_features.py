"""Random features: closed limits, double descent, other formulas, simulations."""

import numpy as np
import pytest
from everywhere import same_everywhere

import eigcore
from eigcore import rmt
from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.rmt.fourier import grouped_risk


def problem(n=60, m=40, p=15, seed=0):
    rng = np.random.default_rng(seed)
    X, Z = (rng.normal(size=(k, p)) / np.sqrt(p) for k in (n, m))
    w = rng.normal(size=p)
    y, z = (np.sin(2 * A @ w) + 0.3 * rng.normal(size=len(A)) for A in (X, Z))
    return X, Z, y, z


def kernels(X, Z, name="relu"):
    return rmt.kernel(name, X), rmt.kernel(name, X, Z), rmt.kernel(name, Z)


def textbook(K, cross, test, y, z, d, gamma):
    """The formulas of rmt-reference.md, section 3 as they stand, δ by plain iteration."""
    n, m, delta = len(y), len(z), 1.0
    for _ in range(100000):
        Q = np.linalg.inv(d / n * K / (1 + delta) + gamma * np.eye(n))
        last, delta = delta, np.trace(K @ Q) / n
        if abs(delta - last) < 1e-14 * delta:
            break
    Kb, Kx, Kt = (d / n * A / (1 + delta) for A in (K, cross, test))
    Q = np.linalg.inv(Kb + gamma * np.eye(n))
    left = 1 - np.trace(Kb @ Q @ Kb @ Q) / d
    inner = np.trace(Q @ Kb @ Q) / d / left * Kb + np.eye(n)
    train = gamma**2 / n * y @ Q @ inner @ Q @ y
    spread = np.trace(Kt) - np.trace((np.eye(n) + gamma * Q) @ Kx @ Kx.T @ Q)
    risk = np.sum((z - Kx.T @ Q @ y) ** 2) + y @ Q @ Kb @ Q @ y / d / left * spread
    return train, risk / m


@pytest.mark.parametrize("width", [20, 59, 60, 200])
@pytest.mark.parametrize("gamma", [1e-3, 0.1])
def test_one_effective_ridge_says_what_the_fixed_point_of_the_text_says(width, gamma):
    X, Z, y, z = problem()
    given = kernels(X, Z)
    found = rmt.random_features_risk(*given, y, z, width, gamma)
    np.testing.assert_allclose(found[:2], textbook(*given, y, z, width, gamma), rtol=1e-8)
    diagonal = rmt.random_features_risk(*given[:2], np.diagonal(given[2]), y, z, width, gamma)
    assert diagonal.test == pytest.approx(float(found.test), rel=1e-12)


@pytest.mark.parametrize("width", [20, 200])
def test_the_ridgeless_limit_is_the_limit(width):
    X, Z, y, z = problem()
    given = kernels(X, Z)
    limit = rmt.random_features_risk(*given, y, z, width, 0.0)
    near = rmt.random_features_risk(*given, y, z, width, 1e-10)
    np.testing.assert_allclose(limit[:2], near[:2], rtol=1e-5, atol=1e-12)
    if width < len(y):  # the formula of the text, with θ
        K, n = given[0], len(y)
        theta = limit.kappa * width / n
        S = np.linalg.inv(width / n * K / theta + np.eye(n))
        assert theta == pytest.approx(np.trace(K @ S) / n, rel=1e-9)
        Kb = width / n * K / theta
        inner = np.trace(S @ Kb @ S) / width / (1 - np.trace(Kb @ S @ Kb @ S) / width) * Kb
        assert limit.train == pytest.approx(y @ S @ (inner + np.eye(n)) @ S @ y / n, rel=1e-9)
    else:
        assert limit.train == 0


def test_many_features_are_the_kernel_itself():
    X, Z, y, z = problem()
    K, cross, test = kernels(X, Z)
    found = rmt.random_features_risk(K, cross, test, y, z, 1e9, 1e9 * 0.01 / len(y))
    fit = np.linalg.solve(K + 0.01 * np.eye(len(y)), y)
    assert found.test == pytest.approx(np.mean((z - cross.T @ fit) ** 2), rel=1e-5)
    assert found.train == pytest.approx(np.mean((y - K @ fit) ** 2), rel=1e-5)


def test_double_descent():
    X, Z, y, z = problem()
    given = kernels(X, Z)
    risks = [float(rmt.random_features_risk(*given, y, z, d, 0.0).test) for d in (20, 57, 63, 500)]
    assert risks[1] > 3 * risks[0]
    assert risks[2] > 3 * risks[3]


@pytest.mark.parametrize("width", [30, 150])
def test_a_simulation_lies_in_its_band(width):
    X, Z, y, z = problem(100, 60)
    gamma, n, rng = 0.01, 100, np.random.default_rng(1)
    risks = []
    for _ in range(40):
        W = rng.normal(size=(width, X.shape[1]))
        F, Fz = np.maximum(X @ W.T, 0), np.maximum(Z @ W.T, 0)
        fit = np.linalg.solve(F @ F.T / n + gamma * np.eye(n), y) / n
        risks.append((np.mean((y - F @ F.T @ fit) ** 2), np.mean((z - Fz @ F.T @ fit) ** 2)))
    found = np.array(rmt.random_features_risk(*kernels(X, Z), y, z, width, gamma)[:2])
    # four standard errors of the mean, and 5 % for terms of order 1/width
    band = 4 * np.std(risks, axis=0) / np.sqrt(40) + 0.05 * found
    assert (abs(np.mean(risks, axis=0) - found) < band).all()


def test_fourier_features_lie_in_their_band():
    X, Z, y, z = problem(100, 60)
    gamma, n, width, rng = 0.01, 100, 60, np.random.default_rng(1)
    risks = []
    for _ in range(40):
        W = rng.normal(size=(width, X.shape[1]))
        F, Fz = (np.hstack([np.cos(A @ W.T), np.sin(A @ W.T)]) for A in (X, Z))
        fit = np.linalg.solve(F @ F.T / n + gamma * np.eye(n), y) / n
        risks.append((np.mean((y - F @ F.T @ fit) ** 2), np.mean((z - Fz @ F.T @ fit) ** 2)))
    found = np.array(rmt.random_fourier_risk(X, Z, y, z, width, gamma)[:2])
    band = 4 * np.std(risks, axis=0) / np.sqrt(40) + 0.08 * found
    assert (abs(np.mean(risks, axis=0) - found) < band).all()


def test_one_group_of_features_is_the_single_formula():
    X, Z, y, z = problem()
    K, cross, test = kernels(X, Z, "cos")
    width, gamma = np.asarray(40.0), np.asarray(0.02)
    group = grouped_risk(
        eigcore.get_backend("numpy"), (K,), (cross,), [np.trace(test)], y, z, width, gamma
    )
    single = rmt.random_features_risk(K, cross, test, y, z, width, gamma)
    np.testing.assert_allclose(group[:2], single[:2], rtol=1e-10)


def test_the_pair_of_fourier_features_solves_its_equations():
    X, Z, y, z = problem()
    width, gamma, n = 50, 1e-3, 60
    delta = rmt.random_fourier_risk(X, Z, y, z, width, gamma).delta
    K = [rmt.kernel(name, X) for name in ("cos", "sin")]
    inverse = width / n * sum(k / (1 + d) for k, d in zip(K, delta, strict=True))
    Q = np.linalg.inv(inverse + gamma * np.eye(n))
    np.testing.assert_allclose(delta, [np.trace(k @ Q) / n for k in K], rtol=1e-10)


@pytest.mark.parametrize("width", [12, 31])
def test_the_ridgeless_limit_of_fourier_features_is_the_limit(width):
    X, Z, y, z = problem()
    X, Z = 3 * X, 3 * Z  # kernels far from singular
    limit = rmt.random_fourier_risk(X, Z, y, z, width, 0.0)
    near = rmt.random_fourier_risk(X, Z, y, z, width, 1e-9)
    np.testing.assert_allclose(limit[:2], near[:2], rtol=1e-4, atol=1e-10)
    scale = 1e-9 if 2 * width < len(y) else 1.0
    np.testing.assert_allclose(limit.delta, scale * near.delta, rtol=1e-4)
    if 2 * width > len(y):
        assert limit.train == 0


@pytest.mark.parametrize("width", [4.0, 9.0])
def test_features_are_the_same_everywhere(width):
    X, Z, y, z = problem(6, 3, 3)
    K, cross, test = kernels(X, Z, "gaussian")

    def total(*given):
        found = rmt.random_features_risk(*given)
        return found.train + found.test

    K = K + 0.3 * np.eye(6)
    same_everywhere(total, K, cross, test, y, z, width, 0.05, followed=(0, 1, 3, 5, 6))


def test_fourier_features_are_the_same_everywhere():
    X, Z, y, z = problem(6, 3, 3)

    def total(*given):
        found = rmt.random_fourier_risk(*given)
        return found.train + found.test

    same_everywhere(total, X, Z, y, z, 5.0, 0.05, followed=(0, 5))


def test_wrong_inputs_are_named():
    X, Z, y, z = problem(6, 3, 3)
    K, cross, test = kernels(X, Z)
    with pytest.raises(InvalidInput, match=r"K_cross has shape \(3, 6\); expected \(6, 3\)"):
        rmt.random_features_risk(K, cross.T, test, y, z, 5, 0.1)
    with pytest.raises(InvalidInput, match="width has an entry 0"):
        rmt.random_features_risk(K, cross, test, y, z, 0, 0.1)
    with pytest.raises(InvalidInput, match=r"gamma is 0, width is 6 .* Write gamma="):
        rmt.random_features_risk(K, cross, test, y, z, 6, 0.0)
    with pytest.raises(InvalidInput, match="K has rank 1 of 6"):
        rmt.random_features_risk(np.ones((6, 6)), cross, test, y, z, 9, 0.0)
    with pytest.raises(InvalidInput, match="negative eigenvalues"):
        rmt.random_features_risk(-K, cross, test, y, z, 9, 0.1)
    with pytest.raises(NonFiniteInput, match="y_test"):
        rmt.random_features_risk(K, cross, test, y, z * np.nan, 9, 0.1)
    with pytest.raises(InvalidInput, match="as many cosines and sines"):
        rmt.random_fourier_risk(X, Z, y, z, 3, 0.0)
    with pytest.raises(InvalidInput, match=r"X_test has shape \(3, 2\); expected \(3, 3\)"):
        rmt.random_fourier_risk(X, Z[:, :2], y, z, 5, 0.1)
