"""Kernels of random layers: closed forms, series, derivatives."""

import math

import numpy as np
import pytest
from arrays import host, on
from everywhere import same_everywhere

import eigcore
from eigcore import rmt
from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.rmt.activations import ACTIVATIONS, rule
from eigcore.rmt.kernels import CLOSED, DERIVATIVES, of_gram

SMOOTH = ("linear", "square", "erf", "cos", "sin", "gaussian")


def rows(n=5, p=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p))


def by_quadrature(name, x, y):
    """E φ(wᵀx) φ(wᵀy) in polar coordinates: the jumps are at known angles."""
    a, b = np.linalg.norm(x), np.linalg.norm(y)
    omega = math.acos(np.clip(x @ y / (a * b), -1, 1))
    cuts = np.sort(
        np.mod(
            [math.pi / 2, 3 * math.pi / 2, omega - math.pi / 2, omega + math.pi / 2], 2 * math.pi
        )
    )
    nodes, weights = np.polynomial.legendre.leggauss(60)
    r, rw = (nodes + 1) * 6, 6 * weights
    total, phi = 0.0, ACTIVATIONS[name].value
    for lo, hi in zip(cuts, [*cuts[1:], cuts[0] + 2 * math.pi], strict=True):
        angle = lo + (hi - lo) * (nodes + 1) / 2
        u = a * r[:, None] * np.cos(angle)
        v = b * r[:, None] * np.cos(angle - omega)
        density = (rw * r * np.exp(-r * r / 2))[:, None] * weights * (hi - lo) / 2 / (2 * math.pi)
        total += np.sum(density * phi(np, u) * phi(np, v))
    return total


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_are_the_expectation(name):
    X, Y = rows(3), rows(4, seed=1)
    expected = [[by_quadrature(name, x, y) for y in Y] for x in X]
    np.testing.assert_allclose(rmt.kernel(name, X, Y), expected, rtol=1e-8, atol=1e-10)


def test_tanh_and_functions_are_the_expectation_too():
    X = rows(3)
    expected = [[by_quadrature("tanh", x, y) for y in X] for x in X]
    np.testing.assert_allclose(rmt.kernel("tanh", X, tolerance=1e-4), expected, atol=1e-9)
    for name in SMOOTH:
        found = rmt.kernel(lambda t, name=name: ACTIVATIONS[name].value(np, t), X / 2)
        np.testing.assert_allclose(found, rmt.kernel(name, X / 2), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CLOSED)
def test_the_diagonal_is_the_mean_square_and_duplicates_are_exact(name):
    X = np.concatenate([rows(3), 2 * rows(3), -rows(1)])
    K = rmt.kernel(name, X)
    assert np.isfinite(K).all()
    t, w = rule()
    squares = [w @ ACTIVATIONS[name].value(np, r * t) ** 2 for r in np.linalg.norm(X, axis=1)]
    np.testing.assert_allclose(np.diagonal(K), squares, rtol=1e-12)
    assert np.linalg.eigvalsh(K).min() > -1e-10 * np.abs(K).max()


def test_relu_halves_a_vector_and_forgets_its_opposite():
    x = np.array([[3.0, 4.0]])
    np.testing.assert_allclose(rmt.kernel("relu", x, [[3.0, 4.0], [-3.0, -4.0]]), [[12.5, 0]])


@pytest.mark.parametrize("name", DERIVATIVES)
def test_the_kernel_of_the_derivative_is_the_derivative_by_the_inner_product(name):
    numpy_backend = eigcore.get_backend("numpy")
    G = rows(4, 3) @ rows(4, 3).T
    a, h = np.diagonal(G), 1e-4
    off = ~np.eye(4, dtype=bool)

    def at(g):
        return of_gram(numpy_backend, name, g, a, a)

    expected = (8 * (at(G + h) - at(G - h)) - at(G + 2 * h) + at(G - 2 * h)) / (12 * h)
    found = of_gram(numpy_backend, name, G, a, a, derivative=True)
    np.testing.assert_allclose(found[off], expected[off], rtol=1e-7, atol=1e-9)


def test_the_series_has_the_kernel_of_the_derivative_too():
    numpy_backend = eigcore.get_backend("numpy")
    X = rows(4) / 2
    G = X @ X.T
    a = np.diagonal(G)
    for name in ("erf", "sin", "gaussian", "square"):
        phi = ACTIVATIONS[name].value
        found = of_gram(numpy_backend, lambda t, f=phi: f(np, t), G, a, a, derivative=True)
        expected = of_gram(numpy_backend, name, G, a, a, derivative=True)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["relu", "abs", "erf", "cos", "gaussian", "tanh"])
def test_kernels_are_the_same_everywhere(name):
    weights = np.random.default_rng(3).normal(size=(4, 4))
    same_everywhere(
        lambda X: (rmt.kernel(name, X, tolerance=1e-3) * on_like(X, weights)).sum(), rows(4) / 2
    )


def on_like(X, weights):
    return on("jax" if "jax" in type(X).__module__ else type(X).__module__.split(".")[0], weights)


def test_sign_and_step_are_the_same_everywhere_off_the_diagonal():
    for name in ("sign", "step"):
        same_everywhere(
            lambda X, Y, f=name: (rmt.kernel(f, X, Y) ** 2).sum(), rows(3), rows(3, seed=1)
        )


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_gradients_at_equal_and_zero_rows_are_finite(backend):
    X = np.concatenate([rows(2), rows(2), np.zeros((1, 3))])
    for name in ("relu", "abs", "tanh"):
        (found,) = eigcore.get_backend(backend).gradient(
            lambda X, f=name: rmt.kernel(f, X, tolerance=1e-2).sum(), on(backend, X)
        )
        assert np.isfinite(host(found)).all(), name


def test_batches_of_rows():
    X, Y = rows(10).reshape(2, 5, 3), rows(4)
    found = rmt.kernel("relu", X, Y)
    assert found.shape == (2, 5, 4)
    np.testing.assert_allclose(found[1], rmt.kernel("relu", X[1], Y))


def test_a_rough_function_is_refused_with_its_error():
    with pytest.raises(InvalidInput, match=r"off by .* accept it: tolerance="):
        rmt.kernel(lambda t: np.maximum(t, 0), rows())
    near = rmt.kernel(lambda t: np.maximum(t, 0), rows(), tolerance=1e-2)
    np.testing.assert_allclose(near, rmt.kernel("relu", rows()), atol=1e-2)


def test_wrong_inputs_are_named():
    with pytest.raises(InvalidInput, match=r"shapes \(5, 3\) and \(5, 2\)"):
        rmt.kernel("relu", rows(), rows(p=2))
    with pytest.raises(NonFiniteInput, match="X has NaN"):
        rmt.kernel("relu", [[math.nan, 1.0]])
