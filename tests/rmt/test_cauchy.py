"""Sums over a spectrum, their interpolation off it, and solutions along a grid."""

import numpy as np
import pytest

from eigcore import get_backend, rmt
from eigcore.errors import NotConverged
from eigcore.rmt import hessian_equation as equation
from eigcore.rmt.along import along_intervals
from eigcore.rmt.cauchy import Coupled, branches, clusters, sums
from eigcore.rmt.fixed_point import fixed_point

RNG = np.random.default_rng(0)
T = np.sort(RNG.gamma(2.0, size=50) + 0.1)
MASS = 0.3 * RNG.dirichlet(np.ones(50))


def test_sums_in_real_arithmetic_are_the_complex_ones():
    u = RNG.normal(size=9) + 1j * np.abs(RNG.normal(size=9))
    first, second = sums(T, MASS, MASS * T, u).T
    apart = T - u[:, None]
    np.testing.assert_allclose(first, (MASS / apart).sum(-1), rtol=1e-13)
    np.testing.assert_allclose(second, (MASS * T / apart**2).sum(-1), rtol=1e-12)


def test_an_equation_is_that_of_the_theorem_and_sums_each_entry_once(monkeypatch):
    g, weight = RNG.normal(size=7), np.full(7, 1 / 7)
    z, d = RNG.normal(size=5) + 1j, RNG.normal(size=5) + 0.5j
    p = equation.Parts(g, weight, None, None, T, MASS / 0.3, None, np.array(0.3))
    made = equation.coupled(p, z)
    np.testing.assert_allclose(made.image(d), equation.image(np, p, d, z), rtol=1e-12)
    np.testing.assert_allclose(made.slope(d), equation.image_slope(np, p, d, z), rtol=1e-12)
    m = equation.transform(np, p, d, z)
    solved = equation.solve_on_host(p, z, d)
    m = equation.transform(np, p, solved, z)
    np.testing.assert_allclose(equation.transform_on_host(p, solved, z), m, rtol=1e-10)
    computed = []
    real = Coupled._computed
    monkeypatch.setattr(
        Coupled, "_computed", lambda self, d, z: (computed.append(len(d)), real(self, d, z))[1]
    )
    moved = d.copy()
    moved[2] += 1.0
    np.testing.assert_allclose(made.image(moved)[2], equation.image(np, p, moved, z)[2], rtol=1e-12)
    assert computed in ([1], [5])  # the solution above was another object
    made.slope(moved)
    made.slope(d)
    assert sum(computed) <= 6


@pytest.mark.parametrize("t", [T[:6], np.array([1.0, 1.001, 4.0]), np.array([1.0])])
def test_a_branch_has_the_place_of_each_sum(t):
    mass = np.full(len(t), 1e-4 / len(t))
    for branch in branches(t, mass):
        y = np.linspace(branch.heights[0], branch.heights[-1], 41)[1:-1]
        u, square = branch.solved(y)
        assert (np.diff(u) > 0).all()
        np.testing.assert_allclose((mass * t / (t - u[:, None])).sum(-1), y, rtol=1e-9)
        exact = (mass * t**2 / (t - u[:, None]) ** 2).sum(-1)
        np.testing.assert_allclose(square, exact, rtol=1e-8)
        far = branch.heights[[0, -1]] + np.array([-1.0, 1.0]) * np.abs(branch.heights[[0, -1]])
        assert np.isinf(branch.solved(far)[1]).all()


def test_clusters_end_where_the_sum_exceeds_one_already():
    around = clusters(T, MASS / 100)
    assert len(around) > 1
    for end in around.reshape(-1):
        assert 1 < (MASS / 100 / (T - end) ** 2).sum() < 1.5


def test_a_grid_is_solved_in_any_order_and_mostly_from_neighbours():
    x = RNG.permutation(np.concatenate((np.linspace(0, 1, 400), np.linspace(2, 5, 30), [0.5])))
    cold = []

    def exact(i):
        return np.sqrt(x[i] * (1 - x[i]) + 0j)

    def from_afar(i):
        cold.extend(i)
        return exact(i)

    def nearby(i, start):
        assert np.abs(start - exact(i)).max() < 0.05
        return exact(i)

    found = along_intervals(x, np.array([[0.0, 1.0], [2.0, 5.0]]), from_afar, nearby)
    np.testing.assert_array_equal(found, exact(np.arange(len(x))))
    assert len(cold) < 80

    def failing(i, start):
        raise NotConverged("no")

    again = along_intervals(x, None, from_afar, failing)
    np.testing.assert_array_equal(again, found)


def test_a_density_does_not_depend_on_its_grid():
    t = RNG.gamma(2.0, size=300) + 0.1
    law = rmt.hessian_glm("logistic", "logistic", None, t / 20, t / 30, t, 0.3)
    x = np.linspace(0.01, 2.0, 500)
    some = x[[3, 77, 200, 201, 444]]
    np.testing.assert_allclose(law.density(x)[[3, 77, 200, 201, 444]], law.density(some), rtol=1e-9)
    z = some + 0.01j
    d = equation.descend(law.parts, z)
    np.testing.assert_allclose(d, equation.image(np, law.parts, d, z), rtol=1e-10)


def test_a_slope_by_differences_is_refined_where_it_is_needed():
    # a triple root: the difference quotient of first order would be all rounding
    backend = get_backend("numpy")
    found = fixed_point(
        backend, lambda d: d - (d - 1.0) ** 3, np.array([1.5]), promised=1e-12, most=100
    )
    np.testing.assert_allclose(found, 1.0, atol=1e-3)
