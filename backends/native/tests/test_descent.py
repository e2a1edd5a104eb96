"""Descents on the mean loss of encoded rows: where they end, and what ends them."""

import signal
import time

import numpy as np
import pytest
from door import rule
from eigcore_native import descent, mean_loss
from scipy.linalg import block_diag
from test_encoded import encoded_case
from test_mean_loss import task

LIMITS = 40, 10, 1e-7, 0.0


def case(d=5, splits=(5,), dtype=np.float64, **changes):
    """A descent, the map of its vector, the mean loss, and point, s, y, curvature, added."""
    given, _ = task(dtype, **changes)
    indices, fractions, runs, params, _ = encoded_case(dtype, d)
    given["bins"] = indices, fractions, runs
    rng, terms, K = np.random.default_rng(2), params.shape[1] - 1, params.shape[2]
    sizes = np.diff([0, *splits, terms])
    factors = [np.eye(n) + 0.2 * rng.normal(size=(n, n)) / np.sqrt(n) for n in sizes]
    n = (terms + 1) * K
    pairs = *np.zeros((2, 6, n), np.float32), np.zeros(6)
    start = rng.normal(size=n)
    which = rule("packed", d, 1)
    made = descent((factors, range(terms), (), ()), which, *given.values())
    return made, block_diag(1.0, *factors), mean_loss(which, **given), (start, *pairs, 0)


@pytest.mark.parametrize(("d", "splits"), [(2, ()), (3, (1, 2)), (5, (5,)), (7, ()), (9, (3, 4))])
def test_the_first_step_goes_against_the_slope_and_is_remembered(d, splits):
    made, along, loss, state = case(d, splits)
    slopes, points = [], [state[0].copy()]
    found = made(*state, 1, *LIMITS[1:])
    points.append(state[0])
    for point, value in zip(points, found.values, strict=True):
        W, slope = along @ point.reshape(len(along), -1), np.empty((len(along), d * (d + 1) // 2))
        assert loss(W, slope) == pytest.approx(value, rel=1e-13)
        slopes.append((along.T @ slope).ravel())
    (before, after), moved = slopes, np.linalg.norm(points[1] - points[0])
    _, s, y, curvature, _ = state
    np.testing.assert_allclose(s[0], -before / np.linalg.norm(before), rtol=1e-5, atol=1e-7)
    turned = (after - before) / moved
    np.testing.assert_allclose(y[0], turned, rtol=1e-4, atol=1e-6 * np.abs(turned).max())
    assert curvature[0] == pytest.approx(turned @ (points[1] - points[0]) / moved, rel=1e-9)
    assert found.added == 1


def test_each_step_descends():
    made, *_, state = case()
    found = made(*state, *LIMITS)
    assert all(np.diff(found.values) <= 0.0)
    assert found.evaluations >= len(found.values) > 20


def test_threads_change_nothing_but_rounding():
    first, second = case(), case()
    one, two = (
        made(*state, 8, *LIMITS[1:], None, n)
        for n, (made, *_, state) in enumerate((first, second), 1)
    )
    assert one.values == pytest.approx(two.values, rel=1e-9)


def test_a_descent_goes_on_with_its_pairs():
    made, *_, state = case()
    whole = made(*state, 20, *LIMITS[1:])
    other, *_, apart = case()
    half = other(*apart, 13, *LIMITS[1:])
    rest = other(*apart[:-1], half.added, 7, *LIMITS[1:])
    assert half.values + rest.values[1:] == whole.values
    assert rest.added == whole.added == 20
    assert np.array_equal(apart[1], state[1])


def test_what_is_called_after_a_step_may_end_the_descent():
    made, _, _, state = case()
    seen = []
    found = made(*state, *LIMITS, lambda step, value: seen.append((step, value)) or step == 2)
    assert found.reason == "stopped"
    assert seen == [*enumerate(found.values)][1:]

    def fails(step, value):
        raise RuntimeError("the callback's own")

    with pytest.raises(RuntimeError, match="own"):
        made(*state, *LIMITS, fails)

    def interrupts(step, value):
        raise KeyboardInterrupt

    assert made(*state, *LIMITS, interrupts).reason == "interrupted"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError])
def test_a_signal_ends_a_descent_without_a_callback(error):
    given, _ = task()
    repeat = 200
    for name in ("target", "share", "offset"):
        given[name] = np.tile(given[name], repeat)
    indices, fractions, runs = given["bins"]
    given["bins"] = np.tile(indices, (repeat, 1)), np.tile(fractions, (repeat, 1)), runs
    made = descent(([np.eye(18)], range(18), (), ()), rule("packed", 5, 2), *given.values())
    pairs = *np.zeros((2, 6, 19 * 15), np.float32), np.zeros(6)
    point = np.random.default_rng(0).normal(size=19 * 15)

    def raises(*_):
        raise error

    before = signal.signal(signal.SIGALRM, raises)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    began = time.monotonic()
    try:
        if error is KeyboardInterrupt:
            found = made(point, *pairs, 0, 10**6, 10, -1.0, -1.0)
            assert found.reason == "interrupted"
            assert found.value <= min(found.values, default=np.inf)
        else:
            with pytest.raises(TimeoutError):
                made(point, *pairs, 0, 10**6, 10, -1.0, -1.0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < 5.0


def test_points_that_are_not_finite_are_infinitely_bad():
    made, _, _, state = case()
    state[0][:] = np.nan
    found = made(*state, *LIMITS)
    assert (found.value, found.evaluations) == (np.inf, 1)


def test_shapes_that_do_not_belong_together_are_refused():
    made, _, _, (point, s, y, curvature, added) = case()
    for wrong, error in [
        ((point[1:], s, y, curvature, added), "a vector of 285 numbers"),
        ((point, s[:-1], y, curvature, added), "pairs of its size"),
        ((point, s, y, curvature, -1), "added"),
        ((point, s[:0], y[:0], curvature[:0], 1), "room for the pairs"),
    ]:
        with pytest.raises(ValueError, match=error):
            made(*wrong, *LIMITS)
    given, _ = task()
    state = point, s, y, curvature, added
    everything, one = [np.eye(18)], [np.ones((18, 1))]
    for coordinates, error in [
        (([np.eye(17)], range(17), (), ()), "coordinates of 18 terms"),
        (([np.ones((18, 2))], range(18), (), ()), "square factors"),
        ((everything, range(18), (), one), "one column of the join"),
        ((everything, [0, 0, *range(2, 18)], (), ()), "each block once"),
        ((everything, range(1, 19), (), ()), "each block once"),
        (([], (), [0], [np.ones(18)]), "matrices along"),
    ]:
        with pytest.raises(ValueError, match=error):
            descent(coordinates, rule("packed", 5, 2), *given.values())(*state, *LIMITS)
