"""The quasi-Newton solver, on smooth functions and on functions with kinks."""

from __future__ import annotations

import numpy as np
import pytest

import eigcore
from eigcore.fit import minimize
from eigcore.fit.solvers.lbfgs import Memory, Point, weak_wolfe


def rosenbrock(x):
    a, b = x[:-1], x[1:]
    value = np.sum(100.0 * (b - a**2) ** 2 + (1.0 - a) ** 2)
    slope = np.zeros_like(x)
    slope[:-1] += -400.0 * a * (b - a**2) - 2.0 * (1.0 - a)
    slope[1:] += 200.0 * (b - a**2)
    return float(value), slope


def test_lbfgs_finds_the_minimum_of_rosenbrock():
    found = minimize(rosenbrock, np.full(10, -1.2), max_iter=500, decrease_tol=0.0)
    assert np.allclose(found.x, 1.0, atol=1e-5)
    assert found.reason == "gradient"


def test_lbfgs_solves_an_ill_conditioned_quadratic():
    scale = np.logspace(0, 5, 30)
    found = minimize(
        lambda x: (0.5 * float(x @ (scale * x)), scale * x), np.ones(30), max_iter=400, memory=60
    )
    assert found.value < 1e-12


def test_a_descent_with_the_memory_of_another_one_is_its_continuation():
    def descend(start, steps, memory):
        return minimize(rosenbrock, start, max_iter=steps, memory=memory, decrease_tol=0.0)

    start = np.full(10, -1.2)
    whole, memory = descend(start, 40, 20), Memory()
    half = descend(start, 25, memory)
    copied, pairs = memory.copy(), memory.s.copy()
    assert np.array_equal(descend(half.x, 15, copied).x, whole.x)
    assert np.array_equal(memory.s, pairs)  # another descent may go on from here as well
    assert descend(half.x, 15, 20).value > whole.value


def test_lbfgs_descends_through_kinks():
    # Lewis & Overton 2013, section 5: f = w|x1² − x2| + (1 − x1)² with the kink along a parabola.
    def objective(x):
        kink = x[0] ** 2 - x[1]
        value = 8.0 * abs(kink) + (1.0 - x[0]) ** 2
        slope = 8.0 * np.sign(kink) * np.array([2.0 * x[0], -1.0])
        return value, slope + np.array([-2.0 * (1.0 - x[0]), 0.0])

    found = minimize(objective, np.array([-1.0, 2.0]), max_iter=300, decrease_tol=0.0)
    assert np.allclose(found.x, 1.0, atol=1e-3)


def test_lbfgs_minimises_a_largest_eigenvalue():
    # λ_max of A_0 + x A_1 with A_0 = diag(1, −1), A_1 = [[0, 1], [1, 0]] is √(1 + x²).
    spec = eigcore.EigSpec(features=1, dim=2, index="convex")
    params = np.array([[[1.0, 0.0, -1.0], [0.0, np.sqrt(2.0), 0.0]]])

    def objective(x):
        values, pullback = eigcore.vjp(spec, params, x[None, :])
        return float(values[0]), pullback(np.ones(1))[1][0]

    found = minimize(objective, np.array([3.0]))
    assert found.value == pytest.approx(1.0, abs=1e-10)


def test_weak_wolfe_conditions_hold_at_the_accepted_point():
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.normal(size=6)
        value, slope = rosenbrock(x)
        direction = -slope * rng.uniform(0.1, 2.0)
        new, new_value, new_slope = weak_wolfe(rosenbrock, Point(x, value, slope), direction)
        along = slope @ direction
        step = np.linalg.norm(new - x) / np.linalg.norm(direction)
        assert new_value <= value + 1e-4 * step * along + 1e-12
        assert new_slope @ direction >= 0.9 * along


def test_values_that_are_not_finite_shorten_the_step():
    def objective(x):
        return (np.inf if x[0] <= 0.0 else float(x[0] - np.log(x[0]))), 1.0 - 1.0 / x

    assert minimize(objective, np.array([30.0])).x == pytest.approx(1.0, abs=1e-4)


def test_lbfgs_keeps_the_best_point_when_interrupted():
    calls = []

    def objective(x):
        calls.append(x.copy())
        if len(calls) == 12:
            raise KeyboardInterrupt
        return rosenbrock(x)

    found = minimize(objective, np.full(4, -1.0))
    assert found.reason == "interrupted"
    assert found.value == min(rosenbrock(x)[0] for x in calls[:-1])


def test_a_callback_stops_the_solver():
    found = minimize(rosenbrock, np.full(4, -1.0), callback=lambda i, value, x: i == 3)
    assert (found.reason, found.iterations) == ("stopped", 3)
