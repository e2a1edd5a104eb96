"""Adam: step lengths, and a minimum under noise."""

from __future__ import annotations

import numpy as np
import pytest

from eigcore.fit.solvers.adam import Adam, rate


def test_the_rate_warms_up_and_goes_to_zero():
    rates = [rate(0.5, progress) for progress in np.linspace(0.0, 1.0, 101)]
    assert np.argmax(rates) == 2
    assert max(rates) == 0.5
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)


def test_adam_finds_the_minimum_of_a_noisy_quadratic():
    rng = np.random.default_rng(0)
    scale, goal = np.logspace(0, 2, 10), rng.normal(size=10)
    state, steps = Adam.at(np.zeros(10)), 2000
    for count in range(1, steps + 1):
        noise = 0.2 * rng.normal(size=10)
        state.step(scale * (state.x - goal + noise), rate(0.05, count / steps), count)
    assert np.abs(state.average - goal).max() < 0.05


def test_the_first_step_of_adam_has_the_length_asked_for():
    state = Adam.at(np.zeros(2))
    state.step(np.array([3.0, -1e-3]), 0.1, 1)
    np.testing.assert_allclose(state.x, [-0.1, 0.1], rtol=1e-4)
