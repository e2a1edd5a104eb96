import numpy as np
import pytest

from eigcore import rmt
from eigcore.errors import InvalidInput

X = np.linspace(0.3, 3.0, 9)
Z = np.array([0.5 + 0.1j, 1.0 + 1e-6j, -0.3 + 0j, 90.0 + 0j])
LEFT, RIGHT = np.array([1.0, 4.0, 4.0]), np.array([0.5, 3.0])
C = np.array([[1.0, 2.0, 4.0], [3.0, 0.5, 2.0]])


@pytest.mark.parametrize("c", [0.2, 1.7])
def test_both_equations_of_a_separable_law_hold(c):
    law = rmt.separable(LEFT, RIGHT, c)
    d = law.solution(Z)
    other = -np.mean(RIGHT / (1 + d[:, None] * RIGHT), axis=-1) / Z
    ahead = 1 + other[:, None] * LEFT
    assert abs(d + c / Z * np.mean(LEFT / ahead, axis=-1)).max() < 1e-10
    assert abs(law.stieltjes(Z) + np.mean(1 / ahead, axis=-1) / Z).max() < 1e-10


@pytest.mark.parametrize("c", [0.05, 0.5, 2.0])
def test_without_covariance_between_columns_it_is_the_sample_covariance(c):
    law, known = rmt.separable([1.0, 4.0], [1.0], c), rmt.sample_covariance([1.0, 4.0], c)
    np.testing.assert_allclose(law.support(), known.support(), atol=1e-8)
    np.testing.assert_allclose(law.density(X), known.density(X), atol=1e-10)
    assert law.atoms() == known.atoms()


def test_rows_and_columns_exchange():
    # Xᵀ X / n has the non-zero eigenvalues of X Xᵀ / n
    c, z = 0.5, 0.7 + 0.2j
    m = rmt.separable(LEFT, RIGHT, c).stieltjes(z)
    other = rmt.separable(RIGHT, LEFT, 1 / c).stieltjes(z / c) / c
    assert abs(other - (c * m - (1 - c) / z)) < 1e-10


def test_the_equations_of_a_mixture_hold():
    c, shares = 0.3, np.array([0.3, 0.7])
    law = rmt.mixture(C, shares, c)
    g = law.solution(Z)
    other = -1 / (Z[:, None] * (1 + g))
    ahead = 1 + (shares * other) @ C
    for a in range(2):
        assert abs(g[:, a] + c / Z * np.mean(C[a] / ahead, axis=-1)).max() < 1e-10
    assert abs(law.stieltjes(Z) + np.mean(1 / ahead, axis=-1) / Z).max() < 1e-10


def test_equal_classes_are_one_class_and_matrices_are_their_eigenvalues():
    same = rmt.mixture([[1.0, 4.0]] * 2, [0.3, 0.7], 0.05)
    np.testing.assert_allclose(
        same.support(), rmt.sample_covariance([1.0, 4.0], 0.05).support(), atol=1e-8
    )
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    matrices = np.stack([Q @ np.diag(one) @ Q.T for one in C])
    one, other = rmt.mixture(C, [0.3, 0.7], 0.2), rmt.mixture(matrices, [0.3, 0.7], 0.2)
    np.testing.assert_allclose(one.density(X), other.density(X), atol=1e-10)


def test_the_rank_of_a_mixture_is_limited_by_samples_and_by_dimensions():
    # class 1 has two samples for each three dimensions but lives in one of the two, class 2 in both
    law = rmt.mixture([[1.0, 0.0], [1.0, 2.0]], [0.5, 0.5], 0.75)
    assert law.atoms() == []
    law = rmt.mixture([[1.0, 0.0], [1.0, 2.0]], [0.8, 0.2], 1.0)
    rank = np.linalg.matrix_rank(
        rmt.mixture(np.repeat([[1.0, 0.0], [1.0, 2.0]], 50, axis=1), [0.8, 0.2], 1.0).sample(
            1, np.random.default_rng(0)
        )
    )
    [(place, mass)] = law.atoms()
    assert place == 0
    assert abs(mass - (1 - rank / 100)) < 1e-12


@pytest.mark.parametrize(
    "law",
    [
        rmt.separable(LEFT, RIGHT, 0.4),
        rmt.mixture(np.repeat(C, 130, axis=1), [0.3, 0.7], 0.4),
    ],
    ids=["separable", "mixture"],
)
def test_a_simulation_has_the_law(law):
    values = np.linalg.eigvalsh(law.sample(1000, np.random.default_rng(0)))
    x = np.quantile(values, [0.1, 0.3, 0.5, 0.7, 0.9])
    assert abs((values[:, None] <= x).mean(axis=0) - law.cdf(x)).max() < 6 / len(values)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rmt.separable([1.0], [-1.0], 0.5), "right reaches"),
        (lambda: rmt.separable([1.0], [1.0], 0), "c is 0.0"),
        (lambda: rmt.mixture([1.0], [1.0], 0.5), "shape"),
        (lambda: rmt.mixture([[1.0]], [0.5], 0.5), "proportions"),
        (lambda: rmt.mixture([[[1.0, 2.0], [2.0, 1.0]]], [1.0], 0.5), "covariances reaches"),
    ],
)
def test_wrong_input_is_one_clear_error(call, said):
    with pytest.raises(InvalidInput, match=said):
        call()


@pytest.mark.parametrize(
    "law",
    [
        rmt.sample_covariance([1.0, 1.0, 3.0, 7.0], 0.1),
        rmt.sample_covariance([1.0, 1.0, 3.0, 7.0], 2.5),
        rmt.separable([1.0, 3.0], [0.5, 1.0, 4.0], 0.3),
        rmt.mixture([[1.0, 2.0, 4.0], [3.0, 0.5, 2.0]], [0.3, 0.7], 0.4),
    ],
    ids=["wide gap", "more columns", "separable", "mixture"],
)
def test_on_the_support_the_equation_holds_to_its_promise(law):
    """At height 0, the residual |step(δ) − δ| / (1 + |δ|) is at most 1e-8, and Im δ > 0."""
    z = np.concatenate([np.linspace(lo, hi, 42)[1:-1] for lo, hi in law.support()]) + 0j
    d = law.started(z)
    left = abs(law._step(d, z, *law.parameters) - d) / (1 + abs(d))
    assert left.max() <= 1e-8
    assert (d.imag > 0).all()
