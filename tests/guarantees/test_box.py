import numpy as np
import pytest
from guarantees.domains import FUNCTIONALS, made
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import NAMES, model, rows, small

from eigcore.encoding import Linear, PiecewiseLinear
from eigcore.errors import InvalidInput
from eigcore.guarantees.units import prediction_change, prediction_ends

MOVING = np.array([1.0, 1.0, 1.0, 0.0, 1.0])


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(FUNCTIONALS), st.integers(0, 10**6), st.floats(-3, 1))
def test_no_point_of_a_box_with_ends_leaves_its_interval(variant, seed, log_size):
    m, rng = made(variant, seed % 1000), np.random.default_rng(seed)
    x = rows(8, seed)
    lower = x - MOVING * 10**log_size * rng.random(x.shape) * (rng.random(x.shape) < 0.8)
    upper = x + MOVING * 10**log_size * rng.random(x.shape) * (rng.random(x.shape) < 0.8)
    local = m.certify(x=x, lower=lower, upper=upper).local
    t = np.clip(rng.uniform(-0.5, 1.5, (60, *x.shape)), 0, 1)
    for points in lower + t * (upper - lower):
        found = m.predict(np.where(MOVING > 0, np.clip(points, lower, upper), x))
        assert (found >= local.lower).all()
        assert (found <= local.upper).all()


def test_a_radius_is_the_box_with_equal_sides():
    m, x = model(), rows(6)
    half = 0.25 * MOVING
    a = m.certify(x=x, radius=0.25).local
    b = m.certify(x=x, lower=x - half, upper=x + half).local
    np.testing.assert_allclose(a.lower, b.lower, rtol=1e-9)
    np.testing.assert_allclose(a.upper, b.upper, rtol=1e-9)
    assert b.radius is None


def test_one_side_of_a_monotone_column_moves_one_end():
    m, x = model(psd=slice(3, 7)), rows(10, missing=False)
    local = m.certify(x=x, upper={"age": x[:, 1] + np.arange(10)}).local
    shift = np.arange(10)[:, None] * [0, 1, 0, 0, 0]
    np.testing.assert_allclose(local.lower, m.predict(x), atol=1e-9)
    np.testing.assert_allclose(local.upper, m.predict(x + shift), atol=1e-9)
    wide = m.certify(x=x[:1], lower={"age": -7.0}).local
    assert wide.upper[0] == pytest.approx(m.predict(x[:1])[0], abs=1e-9)
    assert wide.lower[0] == pytest.approx(m.predict([[*x[0, :1], -7.0, *x[0, 2:]]])[0])
    assert "of each row" in str(m.certify(x=x, upper={"age": 40.0}))


def test_a_decided_row_stays_on_its_side_up_to_the_scale():
    m = model(link="logistic", target_scale=0.5, target_offset=0.0)
    x, rng = rows(12), np.random.default_rng(0)
    lower, upper = x - 0.3 * MOVING * [1, 0, 1, 0, 0], x + 0.1 * MOVING
    local = m.certify(x=x, lower=lower, upper=upper).local
    assert (local.scale > 0).all()
    side = m.predict(x) > 0.5
    for _ in range(50):
        t = rng.integers(0, 2, x.shape)
        moved = x + local.scale[:, None] * np.where(t > 0, upper - x, lower - x)
        np.testing.assert_array_equal(m.predict(moved) > 0.5, side)


@pytest.mark.parametrize("threshold", [0.7, 1.1, 3.0])
def test_the_scale_is_at_most_one_percent_below_what_is_true(threshold):
    line = small(Linear(), [(0, 0, 1, 1.0)])
    local = line.certify(x=[[0.0]], radius=1.0, threshold=threshold).local
    assert threshold / 1.0101 <= local.scale[0] <= threshold


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lower": {"age": 1.0}}, "without x"),
        ({"x": np.zeros((1, 5)), "radius": 0.1, "lower": {"age": 0.0}}, "beside radius"),
        ({"x": np.zeros((1, 5)), "lower": {"age": 1.0}}, "lower ≤ x ≤ upper"),
        ({"x": np.zeros((1, 5)), "upper": {"age": -1.0}}, "row 0"),
        ({"x": np.zeros((1, 5)), "upper": {"town": 2.0}}, "categories"),
        ({"x": np.zeros((1, 5)), "upper": {"sice": 2.0}}, "mapping"),
        ({"x": np.zeros((1, 5)), "upper": [1.0, 2.0]}, "array"),
        ({"x": np.zeros((1, 5)), "upper": {"age": 1e80}}, "below"),
    ],
)
def test_wrong_ends_are_clear_errors(options, words):
    with pytest.raises(InvalidInput, match=words):
        model().certify(**options)


# -- radius ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [2, np.inf])
@pytest.mark.parametrize("options", [{}, {"spec": {"outputs": 3}, "link": "softmax"}])
def test_no_point_of_the_ball_changes_the_decision(norm, options):
    options = {"link": "logistic", "target_scale": 0.5, "target_offset": 0.0} | options
    units = {"size": 1.0, "age": 2.0, "hour": 5.0}
    wide = np.array([units.get(n, 0.0) for n in NAMES])
    for seed in range(4):
        m, x, rng = model(seed, **options), rows(12, seed), np.random.default_rng(seed)
        found = m.radius(x, norm=norm, units=units)
        assert (found.radius > 0).all()
        for _ in range(60):
            step = rng.normal(size=x.shape) * (rng.random(x.shape) < 0.5) * (wide > 0)
            step = step / np.maximum(np.linalg.norm(step, norm, axis=1), 1e-9)[:, None]
            p, q = m.predict(x), m.predict(x + 0.999999 * step * wide * found.radius[:, None])
            if q.ndim == 1:
                np.testing.assert_array_equal(p > 0.5, q > 0.5)
            else:
                np.testing.assert_array_equal(p.argmax(-1), q.argmax(-1))


def test_the_round_ball_is_at_least_the_one_in_the_box_and_exact_for_a_line():
    from samples import linear_model

    m, x = model(link="logistic", target_scale=0.5, target_offset=0.0), rows(12)
    assert (m.radius(x).radius >= m.radius(x, norm=np.inf).radius).all()
    m = linear_model(columns=2, index="convex")
    spec, values = m.members[0]
    flat = np.zeros_like(values)
    flat[:, 1], flat[:, 2] = 3 * packed_eye(spec), 4 * packed_eye(spec)
    line = m.with_params([flat])
    found = line.radius([[1.0, 1.0]], threshold=0.0)
    assert found.radius[0] == pytest.approx(7 / 5, rel=1e-6)
    boxed = line.radius([[1.0, 1.0]], threshold=0.0, norm=np.inf)
    assert boxed.radius[0] == pytest.approx(1.0, rel=0.02)


def test_a_ball_ends_where_a_steep_piece_or_another_member_ends_it():
    bent = small(PiecewiseLinear((0.0, 1.0, 2.0)), [(0, 0, 2, 1.0), (0, 0, 3, 10.0)])
    assert bent.radius([[0.5]], threshold=2.0).radius[0] <= 0.6
    two = small(Linear(), [(0, 0, 1, 1.0), (1, 0, 1, 1.0)], members=2)
    assert two.radius([[0.0]], threshold=1.0).radius[0] == pytest.approx(1.0, rel=1e-6)


def packed_eye(spec):
    from eigcore.core.canonical import pack

    return pack(spec, np.eye(spec.dim))


def test_wrong_balls_are_clear_errors():
    m, x = model(), rows(2)
    for options, words in (
        ({"norm": 1}, "norm"),
        ({}, "threshold"),
        ({"threshold": 3.0, "units": {"town": 1.0}}, "units"),
        ({"threshold": 3.0, "units": -1.0}, "units"),
    ):
        with pytest.raises(InvalidInput, match=words):
            m.radius(x, **options)


# -- units -----------------------------------------------------------------------------------------


def test_ends_of_predictions_enclose_what_cannot_be_represented():
    low, high = prediction_ends("log", np.array([-800.0, 705.0]), np.array([-800.0, 800.0]))
    assert low[0] == 0.0
    assert high[0] > 0.0
    assert np.isfinite(low).all()
    assert high[1] == np.inf
    low, high = prediction_ends("logistic", np.array([-800.0, 40.0]), np.array([-800.0, 800.0]))
    assert low[0] == 0.0
    assert 0 < high[0] < 1e-300
    assert low[1] < 1.0
    assert high[1] == 1.0
    low, _ = prediction_ends("log", np.array([800.0]), np.array([800.0]))
    assert np.isfinite(low[0])


def test_changes_of_predictions_are_those_of_the_worst_point():
    low, high = prediction_change("logistic", np.array(-1.0), np.array(2.0))
    assert high == pytest.approx(np.tanh(0.5))
    assert low == pytest.approx(-np.tanh(0.25))
    z = np.linspace(-8, 8, 4001)
    sigma = 1 / (1 + np.exp(-z))
    steps = 1 / (1 + np.exp(-(z + 2))) - sigma
    assert steps.max() <= high <= steps.max() + 1e-6
    low, high = prediction_change("logistic", np.array(1.0), np.array(2.0))
    assert low <= 0
    low, high = prediction_change("softmax", np.full(3, -0.5), np.full(3, 0.5))
    np.testing.assert_allclose(high, np.tanh(0.25), rtol=1e-12)
    low, high = prediction_change("log", np.array(-1.0), np.array(2.0))
    assert (low, high) == pytest.approx((np.exp(-1), np.exp(2)))
