import itertools

import numpy as np
import pytest
from guarantees.domains import FUNCTIONALS, made
from guarantees.test_codes import coded
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import NAMES, linear_model, model, params, rows, small

from eigcore import EigSpec, SpectralModel
from eigcore.core.canonical import pack
from eigcore.encoding import Categories, Encoding, Linear, PiecewiseLinear, Projection
from eigcore.errors import InvalidInput

NUMERIC = ("size", "age", "rooms", "hour")
variants = st.sampled_from(FUNCTIONALS)
seeds = st.integers(0, 10**6)


def moved(m, x, column, start, end):
    """f(end, rest) − f(start, rest), and the same of predictions, for every row."""
    a, b = x.copy(), x.copy()
    a[:, NAMES.index(column)], b[:, NAMES.index(column)] = start, end
    return m.decision(b) - m.decision(a), m.predict(b) - m.predict(a)


def holds(found, change):
    assert (change >= found.low - 1e-12).all()
    assert (change <= found.high + 1e-12).all()


@settings(deadline=None, max_examples=40)
@given(variants, seeds, st.sampled_from(NAMES), st.floats(-1, 2))
def test_no_change_leaves_its_ends(variant, seed, column, log_size):
    m, rng = made(variant, seed % 1000), np.random.default_rng(seed)
    if column == "town":
        start, end = rng.choice([0, 1, 2, 9], size=2)
    else:
        start, end = rng.normal(size=2) * 10**log_size
    found = m.change(column, start, end)
    holds(found, moved(m, rows(200, seed), column, start, end)[0])


def alone(variant, seed):
    """A model whose only projection has one column, and whose cells may be missing."""
    own = PiecewiseLinear((-1.0, 0.0, 2.0), "linear", True)
    z = Projection(("a",), (0.7,), PiecewiseLinear((-1.0, 0.5), "linear", True), (0.3,))
    e = Encoding((own, Categories((0, 1), True)), ("a", "c"), (), (z,))
    spec, rng = EigSpec(e.terms, 4, **variant), np.random.default_rng(seed)
    return SpectralModel(e, [(spec, params(spec, rng))])


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(FUNCTIONALS[:-1]), seeds, st.booleans(), st.floats(-5, 5))
def test_missing_cells_and_values_change_each_other(variant, seed, back, value):
    m, rng = alone(variant, seed), np.random.default_rng(seed)
    for column, own, other in (("a", 0, rng.integers(-1, 2, 30)), ("c", 1, rng.normal(size=30))):
        there = value if column == "a" else float(rng.integers(0, 2))
        start, end = (there, None) if back else (None, there)
        x = np.empty((2, 30, 2))
        x[:, :, 1 - own] = other
        x[0, :, own], x[1, :, own] = (np.nan if v is None else v for v in (start, end))
        change = m.decision(x[1]) - m.decision(x[0])
        holds(m.change(column, start, end), change)


def test_a_missing_cell_of_an_endless_projection_is_refused():
    with pytest.raises(InvalidInput, match="grows without end"):
        model().change("size", None, 1.0)
    assert model().change("age", None, 1.0).high > 0
    assert model().change("size", None, None).size < 1e-9


def test_a_projection_that_may_be_missing_may_stay_where_it_is():
    z = Projection(("a", "b"), (1.0, 1.0), Linear(0.0, 1.0, True))
    e = Encoding((Linear(), Linear(0.0, 1.0, True)), ("a", "b"), (), (z,))
    m = small(e, [(0, 0, 4, 1.0)])
    assert np.ptp(m.decision([[0.0, np.nan], [1.0, np.nan]])) == 0.0
    found, bands, more = m.change("a", 0, 1), m.slope_bands("a"), m.dominance("a", "b", 0.5)
    assert (found.low, found.high) == pytest.approx((0.0, 1.0))
    assert found.low <= 0.0
    assert (bands.lower[0], bands.upper[0]) == pytest.approx((0.0, 1.0))
    assert bands.lower[0] <= 0.0
    assert more.low <= 0.0


def test_the_largest_change_goes_all_the_way_through_a_projection():
    e = Encoding((Linear(),), ("a",), (), (Projection(("a",), (2.0,), Linear()),))
    m = small(e, [(0, 0, 2, 1.0)])
    assert m.largest_change("a", (0, 3)).high == pytest.approx(6.0)


def test_levels_never_seen_and_missing_cells_interact_too():
    turned = np.diag([1.0, -1.0])
    for missing, level in ((True, 3), (False, 1)):
        e, A = Encoding((Categories(("u", "v"), missing),), ("c",)), np.zeros((1, 4, 2, 2))
        A[0, level] = turned
        if not missing:
            A = A[:, :3]
            A[0, 2] = turned
        spec = EigSpec(e.terms, 2)
        m = SpectralModel(e, [(spec, pack(spec, A))])
        assert m.interaction("c").bound == pytest.approx(2.0)


def test_a_change_is_attained_where_the_rest_allows_it():
    spec = EigSpec(2, 3, index="convex")
    A = np.zeros((1, 3, 3, 3))
    A[0, 1], A[0, 2] = np.diag([3.0, 1.0, -2.0]), np.diag([50.0, 0.0, -50.0])
    m = SpectralModel(None, [(spec, pack(spec, A))])
    found = m.change("x0", 1, 2)
    assert found.high == pytest.approx(m.decision([[2, 9.0]])[0] - m.decision([[1, 9.0]])[0])
    assert found.low == pytest.approx(m.decision([[2, -9.0]])[0] - m.decision([[1, -9.0]])[0])
    assert (found.high, found.low) == pytest.approx((3, -2))


def test_the_summed_matrix_is_tighter_than_the_pieces():
    m = model(missing=False)
    bands = m.slope_bands("age")
    found = m.change("age", -1, 4)
    lengths = np.array([1.0, 1.0, 2.0, 1.0])
    assert found.high < bands.upper @ lengths
    assert found.low > bands.lower @ lengths


@settings(deadline=None, max_examples=30)
@given(variants, seeds, st.sampled_from(NUMERIC))
def test_slopes_stay_inside_their_bands(variant, seed, column):
    m = made(variant, seed % 1000)
    bands = m.slope_bands(column)
    edges = bands.edges
    finite = edges[np.isfinite(edges)] if np.isfinite(edges).any() else np.zeros(1)
    edges = np.where(
        np.isneginf(edges), finite[0] - 3, np.where(np.isposinf(edges), finite[-1] + 3, edges)
    )
    for b, (low, high) in enumerate(itertools.pairwise(edges)):
        start, end = np.sort(np.random.default_rng(seed).uniform(low, high, 2))
        change = moved(m, rows(50, seed), column, start, end)[0]
        assert (change >= bands.lower[b] * (end - start) - 1e-9).all()
        assert (change <= bands.upper[b] * (end - start) + 1e-9).all()


@settings(deadline=None, max_examples=30)
@given(variants, seeds, st.sampled_from(NAMES))
def test_no_change_of_a_column_exceeds_its_largest_change(variant, seed, column):
    m, rng = made(variant, seed % 1000), np.random.default_rng(seed)
    over = None if column == "town" else np.sort(rng.uniform(-3, 5, 2)).tolist()
    found = m.largest_change(column, over)
    pick = (
        (lambda: rng.choice([0, 1, 2, 9, np.nan])) if over is None else lambda: rng.uniform(*over)
    )
    for _ in range(5):
        start, end = pick(), pick()
        change = moved(m, rows(60, seed), column, start, end)[0]
        holds(found, change)
        assert np.abs(change).max() <= found.size + 1e-12


def test_the_largest_change_names_its_values_and_is_attained():
    spec = EigSpec(4, 1)
    A = np.array([0.0, 1.0, -4.0, 2.0, 0.5]).reshape(1, 5, 1, 1)
    e = Encoding((Categories(("a", "b", "c"), missing=True),), ("town",))
    found = SpectralModel(e, [(spec, pack(spec, A))]).largest_change("town")
    assert {found.start, found.end} == {"b", "c"}
    assert found.size == pytest.approx(6)
    assert "any change" in str(found)
    A = np.array([0.0, 1.0, 2.0, 1.0, -9.0]).reshape(1, 5, 1, 1)
    never = SpectralModel(e, [(spec, pack(spec, A))]).largest_change("town")
    assert {never.start, never.end} == {"b", None}
    A = np.array([0.0, 1.0, 2.0, 1.0, 1.0]).reshape(1, 5, 1, 1)
    never = SpectralModel(e, [(spec, pack(spec, A))]).largest_change("town")
    assert {never.start, never.end} == {"b", "a level never seen"}


@settings(deadline=None, max_examples=40)
@given(seeds, st.sampled_from(["identity", "logistic", "log"]), st.floats(-2, 1))
def test_changes_of_the_prediction_hold(seed, link, log_scale):
    m = model(seed % 1000, link=link, target_scale=10**log_scale, target_offset=0.0)
    x, rng = rows(200, seed), np.random.default_rng(seed)
    start, end = rng.normal(size=2)
    found = m.change("age", start, end)
    decision, prediction = moved(m, x, "age", start, end)
    low, high = found.prediction
    if link == "log":
        prediction = np.exp(decision)
    assert (prediction >= low * (1 - 1e-9) - 1e-12).all()
    assert (prediction <= high * (1 + 1e-9) + 1e-12).all()
    assert ("ratio" in str(found)) == (link == "log")


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_changes_of_probabilities_of_classes_hold(seed):
    m = model(seed % 1000, spec={"outputs": 3}, link="softmax", target_scale=0.2)
    start, end = np.random.default_rng(seed).normal(size=2)
    low, high = m.change("age", start, end).prediction
    change = moved(m, rows(200, seed), "age", start, end)[1]
    assert (change >= low).all()
    assert (change <= high).all()
    assert (high < 1).all()


def test_an_additive_column_has_no_interaction_and_others_have_the_spread():
    spec = EigSpec(2, 3)
    A = np.zeros((1, 3, 3, 3))
    A[0, 0], A[0, 1], A[0, 2] = np.diag([1.0, 2, 3]), 0.7 * np.eye(3), np.diag([3.0, 1.0, -2.0])
    m = SpectralModel(None, [(spec, pack(spec, A))])
    assert m.interaction("x0") == m.interaction("x0").__class__("x0", 0.0, True)
    assert not m.interaction("x1").additive
    assert m.interaction("x1").bound == pytest.approx(5)
    A[0, 1, 0, 0] = np.nextafter(0.7, 1)
    assert not SpectralModel(None, [(spec, pack(spec, A))]).interaction("x0").additive


@settings(deadline=None, max_examples=30)
@given(variants, seeds, st.sampled_from(NAMES))
def test_effects_differ_by_at_most_the_interaction(variant, seed, column):
    m, rng = made(variant, seed % 1000), np.random.default_rng(seed)
    start, end = (0, 2) if column == "town" else np.sort(rng.normal(size=2))
    effects = moved(m, rows(100, seed, missing=False), column, start, end)[0]
    step = 1.0 if column == "town" else end - start
    limit = m.interaction(column).bound * step
    assert (np.ptp(effects, axis=0) <= limit + 1e-9).all()


@settings(deadline=None, max_examples=25)
@given(variants, seeds, st.floats(-2, 2))
def test_slopes_differ_by_at_least_the_dominance(variant, seed, factor):
    m, rng = made(variant, seed % 1000), np.random.default_rng(seed)
    found = m.dominance("age", "size", factor)
    x = rows(200, seed, missing=False)
    step = 1e-7
    slopes = []
    for column in ("age", "size"):
        y = x.copy()
        y[:, NAMES.index(column)] += step
        slopes.append((m.decision(y) - m.decision(x)) / step)
    assert (slopes[0] - factor * slopes[1] >= found.low - 1e-4).all()
    assert rng is not None


def test_dominance_is_proven_where_matrices_dominate():
    m = linear_model(columns=2)
    spec, values = m.members[0]
    A = np.zeros((1, 3, 4, 4))
    A[0, 0], A[0, 1], A[0, 2] = np.diag([1.0, 2, 3, 4]), 2 * np.eye(4), np.diag([1.0, 0.5, 0, 0.9])
    m = m.with_params([pack(spec, A)])
    assert m.dominance("x0", "x1").proven
    assert m.dominance("x0", "x1", 1.9).low == pytest.approx(0.1)
    assert not m.dominance("x0", "x1", 2.1).proven
    assert not m.dominance("x1", "x0", 0.1).proven
    assert values is not None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.change("sice", 1, 2), "sice"),
        (lambda m: m.slope_bands("town"), "town"),
        (lambda m: m.dominance("age", "age"), "two different"),
        (lambda m: m.largest_change("size"), "linear and has no knots"),
        (lambda m: m.largest_change("size", (0, 1, None)), "part of a projection"),
    ],
)
def test_wrong_requests_are_clear_errors(call, words):
    with pytest.raises(InvalidInput, match=words):
        call(model())


def test_members_add_up_and_linear_limits_hold():
    e = Encoding((Linear(0.0, 1.0, limits=(0.0, 1.0)),), ("t",))
    spec = EigSpec(1, 1)
    one = [(spec, pack(spec, np.array([0.0, s]).reshape(1, 2, 1, 1))) for s in (1.0, 3.0)]
    m = SpectralModel(e, one, weights=(1, 3))
    assert m.change("t", -5, 9).high == pytest.approx(2.5)
    assert m.largest_change("t").size == pytest.approx(2.5)
    np.testing.assert_allclose(m.slope_bands("t").upper, [0, 2.5, 0], atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"outputs": 2}])
def test_a_change_in_a_domain_is_that_of_the_worst_rest(options):
    e = Encoding((Linear(), Categories((0, 1, 2)), PiecewiseLinear((0.0, 1.0, 3.0))), tuple("abc"))
    spec = EigSpec(e.terms, 3, **options)
    rng, count = np.random.default_rng(6), 20_000
    m = SpectralModel(e, [(spec, params(spec, rng)) for _ in range(3)])
    x = np.stack([rng.uniform(-1, 2, count), rng.choice([0, 2], count), np.zeros(count)], 1)
    other = x.copy()
    x[:, 2], other[:, 2] = 0.5, 2.5
    seen = m.decision(other) - m.decision(x)
    domain = {"a": (-1, 2), "b": [0, 2]}
    found = m.change("c", 0.5, 2.5, domain, tol=0.05, budget_seconds=60)
    wide = m.change("c", 0.5, 2.5)
    assert (found.low <= seen).all()
    assert (seen <= found.high).all()
    width = np.subtract(found.high, found.low)
    assert (width < 1.1 * np.ptp(seen, axis=0)).all()
    assert (width < 0.7 * np.subtract(wide.high, wide.low)).all()
    with pytest.raises(InvalidInput, match="'c' is named by the domain"):
        m.change("c", 0.5, 2.5, {"c": (0, 1)})
    with pytest.raises(InvalidInput, match="'size' is part of a projection"):
        model().change("size", 0, 1, {})


def test_a_step_over_the_peak_of_a_projection_may_begin_between_its_knots():
    up_and_down = PiecewiseLinear((0.0, 1.0, 1.3), "clamped")
    peak = Projection(("a", "b"), (1.0, 1.0), up_and_down, (0.0, 0.0))
    e = Encoding((Linear(), Linear()), ("a", "b"), ("", ""), (peak,))
    m = small(e, [(0, 0, 3, 1.0), (0, 0, 4, -0.3)])
    found = m.change("a", 0.0, 1.2)
    seen = m.decision([[1.2, -0.2]])[0] - m.decision([[0.0, -0.2]])[0]
    assert found.high >= seen == pytest.approx(1.0)


def test_a_change_says_of_which_rows_it_is_proven():
    m = coded()
    told = str(m.change("age", 98, 99))
    assert told.startswith("age, from 98 to the special code 99, whatever the rest: change of the ")
    told = str(m.change("age", 98, None, {"more": (0, 1)}))
    assert told.startswith("age, from 98 to a missing cell, while more is from 0 to 1, all others ")
    assert "whatever the rest" not in told
    told = str(m.change("more", 0, 1, {}))
    assert "more, from 0 to 1, all others within their knots and levels: change of the pred" in told


def test_printed_ends_of_a_change_are_rounded_outward():
    m = small(Linear(), [(0, 0, 1, 0.1234567)])
    assert "prediction 0.123456 to 0.123457;" in str(m.change("t", 0, 1))
    odds = SpectralModel(m.encoding, m.members, link="logistic", classes=("n", "y"))
    assert "change of the prediction 0 to 0.0308" in str(odds.change("t", 0, 1))
