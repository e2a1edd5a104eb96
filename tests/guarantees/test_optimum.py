import itertools
import re

import numpy as np
import pytest
from guarantees.domains import FUNCTIONALS, LEVELS, domain, inside, made
from hypothesis import example, given, settings
from hypothesis import strategies as st
from samples import NAMES, encoding, linear_model, model, params, small

from eigcore import EigSpec, SpectralModel
from eigcore.core.canonical import pack
from eigcore.encoding import Categories, Encoding, Linear, Periodic, PiecewiseLinear, Projection
from eigcore.errors import InvalidInput
from eigcore.guarantees import search
from eigcore.guarantees.cells import Cells
from eigcore.guarantees.domain import axes
from eigcore.guarantees.ends import upper_ends
from eigcore.guarantees.objective import Objective

QUICK = {"max_boxes": 100, "budget_seconds": 5.0}
LINKS = st.sampled_from(["identity", "logistic", "log"])


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(FUNCTIONALS), st.integers(0, 10**6), LINKS)
def test_no_point_of_a_domain_leaves_the_range(variant, seed, link):
    m, rng = made(variant, seed % 1000, link=link, target_scale=0.3), np.random.default_rng(seed)
    bounds = domain(rng)
    found, x = m.range(bounds, **QUICK), inside(rng, bounds, 300)
    decision, prediction = m.decision(x), m.predict(x)
    assert (decision >= found.lower).all()
    assert (decision <= found.upper).all()
    assert (prediction >= found.predicted_lower).all()
    assert (prediction <= found.predicted_upper).all()


@settings(deadline=None, max_examples=12)
@given(st.sampled_from(FUNCTIONALS), st.integers(0, 10**6), st.booleans())
def test_the_point_is_in_the_domain_and_reaches_the_value(variant, seed, largest):
    m, rng = made(variant, seed % 1000), np.random.default_rng(seed)
    bounds = domain(rng)
    found = (m.maximize if largest else m.minimize)(bounds, output=0, **QUICK)
    for name, value in found.point.items():
        allowed = bounds[name]
        if value is None or name == "town":
            assert value in allowed
        else:
            assert allowed[0] <= value <= allowed[1]
    row = {name: np.array([value], dtype=object) for name, value in found.point.items()}
    reached = np.asarray(m.decision(row)).reshape(1, -1)[0, 0]
    assert reached == pytest.approx(found.value, abs=1e-12)
    assert (found.bound >= found.value) if largest else (found.bound <= found.value)
    assert found.gap == abs(found.bound - found.value)


@settings(deadline=None, max_examples=12)
@given(st.sampled_from(FUNCTIONALS), st.integers(0, 10**6))
def test_no_search_at_all_is_sound_too(variant, seed):
    m, rng = made(variant, seed % 1000), np.random.default_rng(seed)
    bounds = domain(rng)
    x = inside(rng, bounds, 500)
    for limits in ({"max_boxes": 1}, {"budget_seconds": 0.0}):
        found = m.range(bounds, **limits)
        assert (m.decision(x) >= found.lower).all()
        assert (m.decision(x) <= found.upper).all()


def descended(cells, cell, rng, leaf=False):
    """A cell some splits below another; with `leaf`, a value of it."""
    while (halves := cells.children[cell]) is not None and (leaf or rng.random() < 0.8):
        cell = halves[rng.integers(2)]
    if not leaf:
        if cells.divisible(np.array([cell]))[0] and rng.random() < 0.5:
            cells.split(cell)
        return cell
    value = rng.choice([cells.low[cell], cells.high[cell], rng.uniform(*ends(cells, cell))])
    return np.nan if cells.missing[cell] else value


def ends(cells, cell):
    return np.nan_to_num([cells.low[cell], cells.high[cell]])


@settings(deadline=None, max_examples=26)
@example(FUNCTIONALS[10], 25, 1.0)
@example(FUNCTIONALS[10], 25, -1.0)
@given(st.sampled_from(FUNCTIONALS), st.integers(0, 10**6), st.sampled_from([-1.0, 1.0]))
def test_no_row_of_any_box_exceeds_its_end(variant, seed, sign):
    m, rng = made(variant, seed % 1000), np.random.default_rng(seed)
    objective = Objective([(m, 0, sign)], axes([m], domain(rng, missing=bool(seed % 2))))
    cells = [Cells(objective, j) for j in range(len(NAMES))]
    boxes = np.array([[descended(c, c.root, rng) for c in cells] for _ in range(20)])
    upper = upper_ends(objective, cells, boxes).upper
    for _ in range(8):
        own = [zip(cells, box, strict=True) for box in boxes]
        points = np.array([[descended(c, b, rng, leaf=True) for c, b in row] for row in own])
        assert (objective.values(points) <= upper).all()


def test_a_box_in_which_a_projection_bends_has_no_centre_bound():
    bent = PiecewiseLinear((-1.0, 0.0, 1.0), "clamped")
    e = Encoding((Linear(),), ("a",), (), (Projection(("a",), (1.0,), bent),))
    m = small(e, [(0, 0, 3, 10.0)])
    objective = Objective([(m, 0, 1.0)], axes([m], {"a": (-1.0, 1.0)}))
    cells = [Cells(objective, 0)]
    assert upper_ends(objective, cells, np.array([[cells[0].root]])).upper[0] >= 10.0


def grid_model(index, seed=0, members=1):
    """Two piecewise linear columns, whose range a fine grid finds."""
    columns = (PiecewiseLinear((0.0, 0.4, 1.0)), PiecewiseLinear((0.0, 0.7, 1.0)))
    e, rng = Encoding(columns, ("a", "b")), np.random.default_rng(seed)
    spec = EigSpec(e.terms, 4, index=index)
    return SpectralModel(e, [(spec, params(spec, rng)) for _ in range(members)])


@pytest.mark.parametrize("index", [0, 1, 2, 3])
@pytest.mark.parametrize("members", [1, 2])
def test_the_ends_are_those_of_a_fine_grid(index, members):
    m = grid_model(index, seed=index, members=members)
    found = m.range()
    side = np.linspace(0, 1, 401)
    values = m.decision(np.array(list(itertools.product(side, side))))
    spread = np.ptp(values)
    assert found.gap <= 2e-6 * spread
    assert found.lower == pytest.approx(values.min(), abs=5e-3 * spread)
    assert found.upper == pytest.approx(values.max(), abs=5e-3 * spread)
    assert found.lower <= values.min()
    assert found.upper >= values.max()


def test_monotone_columns_are_exact_at_once():
    e = encoding(missing=False)
    e = Encoding(e.columns[:3], NAMES[:3])
    spec, rng = EigSpec(e.terms, 5), np.random.default_rng(0)
    m = SpectralModel(e, [(spec, params(spec, rng, psd=slice(1, None)))])
    bounds = {"size": (-1, 2), "age": (-3, 4), "rooms": (-2, 3)}
    low, high = m.minimize(bounds), m.maximize(bounds)
    assert low.boxes == high.boxes == 1
    assert low.value == pytest.approx(m.decision([[-1, -3, -2]])[0], rel=1e-12)
    assert high.value == pytest.approx(m.decision([[2, 4, 3]])[0], rel=1e-12)
    assert high.gap < 1e-10 * high.value


def test_a_convex_function_has_its_maximum_at_a_corner_and_its_minimum_inside():
    m = linear_model(seed=3, index="convex", columns=2)
    bounds = {"x0": (-1, 1), "x1": (-1, 1)}
    corners = m.decision(np.array(list(itertools.product((-1.0, 1.0), repeat=2))))
    assert m.maximize(bounds).bound == pytest.approx(corners.max(), rel=1e-6)
    low = m.minimize(bounds, tol=1e-9)
    assert low.gap <= 1e-8
    near = m.decision(np.random.default_rng(0).uniform(-1, 1, (2000, 2)))
    assert low.bound <= near.min()


def test_every_level_is_tried_and_missing_cells_if_they_are_allowed():
    e = Encoding((Categories(tuple("abcde"), missing=True), Linear()), ("c", "t"))
    spec = EigSpec(e.terms, 1)
    A = np.array([0.0, 1.0, 5.0, 2.0, -4.0, 3.0, 7.0, 0.0]).reshape(1, 8, 1, 1)
    m = SpectralModel(e, [(spec, pack(spec, A))])
    assert m.maximize(fixed={"t": 0}).point == {"c": "b", "t": 0.0}
    assert m.minimize(fixed={"t": 0}).point["c"] == "d"
    assert m.maximize({"c": ["a", None]}, fixed={"t": 0}).point["c"] is None
    assert m.maximize({"c": ["a", "never"]}, fixed={"t": 0}).value == 1.0
    assert m.minimize({"c": ["a", "never"]}, fixed={"t": 0}).point["c"] == "never"
    for level, value in zip("abcde", A.ravel()[1:], strict=False):
        assert m.range({"c": level, "t": 0}).upper == pytest.approx(value, abs=1e-12)


def test_a_knot_inside_the_domain_is_seen():
    e = Encoding((PiecewiseLinear((0.0, 0.5, 1.0)),), ("t",))
    spec = EigSpec(e.terms, 1)
    A = np.array([0.0, 0.0, 1.0, -1.0, 0.0]).reshape(1, 5, 1, 1)
    m = SpectralModel(e, [(spec, pack(spec, A))])
    top = m.maximize({"t": (0.1, 0.9)})
    assert top.point == {"t": 0.5}
    assert top.value == 1.0


def periodic_model():
    e = Encoding((Periodic(24.0, (1.0, 7.0, 20.0)), Linear()), ("hour", "t"))
    spec = EigSpec(e.terms, 3)
    return SpectralModel(e, [(spec, params(spec, np.random.default_rng(0)))])


def test_periodic_columns_turn():
    m = periodic_model()
    whole = m.range({"hour": (0, 24), "t": 0.5})
    late = m.range({"hour": (240.5, 300.5), "t": 0.5})
    assert late.upper == pytest.approx(whole.upper, abs=1e-4)
    hours = np.linspace(20, 31, 500)
    found = m.decision(np.column_stack([hours, np.full(500, 0.5)])).max()
    night = m.range({"hour": (20, 31), "t": 0.5})
    assert found <= night.upper <= found + 1e-3
    assert night.upper < whole.upper or found > whole.upper - 1e-3


def test_a_periodic_column_in_a_projection_does_not_turn():
    m = model(missing=False)
    fixed = {"size": 1.0, "age": 1.0, "rooms": 0.0, "town": 1}
    hours = np.linspace(0, 200, 2000)
    x = np.column_stack([*(np.full(2000, v) for v in fixed.values()), hours])
    found = m.range({"hour": (0, 200)} | fixed, **QUICK)
    assert found.lower <= m.decision(x).min()
    assert found.upper >= m.decision(x).max()


def test_a_softmax_range_holds_for_probabilities_and_margins_are_joint():
    m = model(spec={"outputs": 3}, link="softmax", target_scale=0.3)
    rng = np.random.default_rng(0)
    bounds = domain(rng)
    x = inside(rng, bounds, 1000)
    found = m.range(bounds, **QUICK)
    assert (m.predict(x) >= found.predicted_lower).all()
    assert (m.predict(x) <= found.predicted_upper).all()
    assert found.minima[0].predicted is None
    scores = m.decision(x)
    joint = m.minimize(bounds, output=1, minus=2, max_boxes=1000)
    assert joint.bound <= (scores[:, 1] - scores[:, 2]).min()
    assert joint.bound > found.lower[1] - found.upper[2]
    assert joint.predicted is None


def root(m, bounds, sign=1.0):
    """The end of the whole domain as one box, without any value met."""
    objective = Objective([(m, 0, sign)], axes([m], bounds))
    return search.Search(objective, search.Limits()).upper[0]


@pytest.mark.parametrize(("corner", "half"), [(0.0, 0.05), (0.0, 0.5), (1.0, 0.3), (1.0, 0.8)])
@pytest.mark.parametrize("sign", [1, -1])
def test_one_box_bounds_two_states_to_second_order(corner, half, sign):
    spec = EigSpec(1, 2, index="convex" if sign > 0 else "concave")
    A = sign * np.array([[[0.0, 0.0], [0.0, -1.0]], [[0.0, 1.0], [1.0, corner]]])[None]
    m = SpectralModel(None, [(spec, pack(spec, A))])
    bound = root(m, {"x0": (-half, half)}, sign)
    b = 1 - corner * half  # ±λ(τ) of [[0, τ], [τ, cτ − 1]] at τ = half
    true = ((b**2 + 4 * half**2) ** 0.5 - b) / 2
    assert bound >= true
    if half < 0.1:
        assert bound <= 1.2 * true


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(FUNCTIONALS), st.integers(0, 10**6), st.sampled_from([1.0, 0.1, 1e-3]))
def test_no_point_of_a_box_exceeds_its_end(variant, seed, width):
    m, rng = made(variant, seed % 1000), np.random.default_rng(seed)
    bounds = domain(rng)
    for name in ("size", "age", "rooms", "hour"):
        bounds[name][1] = bounds[name][0] + width * (bounds[name][1] - bounds[name][0])
    values = m.decision(inside(rng, bounds, 300)).reshape(300, -1)[:, 0]
    for sign in (1.0, -1.0):
        assert (sign * values).max() <= root(m, bounds, sign)


def test_each_output_has_its_own_range():
    m = model(spec={"outputs": 2})
    fixed = {"size": 1, "rooms": 0.5, "hour": 3, "town": 0}
    found = m.range(fixed)
    for o in (0, 1):
        own = [(EigSpec(s.features, s.dim), p[o : o + 1]) for s, p in m.members]
        single = SpectralModel(m.encoding, own, target_scale=3.0, target_offset=10.0).range(fixed)
        assert (found.lower[o], found.upper[o]) == pytest.approx((single.lower, single.upper))
    assert abs(found.upper[0] - found.upper[1]) > 1e-3


def test_quantiles_do_not_cross_where_the_difference_is_positive():
    lower = model(seed=1)
    far = SpectralModel(
        lower.encoding, lower.members, target_scale=3.0, target_offset=12.0, target_name="price"
    )
    bounds = domain(np.random.default_rng(0))
    here = {"size": 1, "rooms": 0.5, "hour": 3, "town": 0, "age": (0.0, 0.3)}
    same = far.difference(lower, here, **QUICK)
    assert 0 < same.lower <= 2.0 <= same.upper
    other = model(seed=2)
    found = other.difference(lower, bounds, **QUICK)
    x = inside(np.random.default_rng(1), bounds, 1000)
    apart = other.decision(x) - lower.decision(x)
    assert (apart >= found.lower).all()
    assert (apart <= found.upper).all()
    assert found.predicted_lower is None


def test_models_with_other_knots_levels_and_order_are_compared():
    spec = EigSpec(5, 3)
    first = Encoding((PiecewiseLinear((0.0, 1.0), "clamped"), Categories("abc")), ("t", "c"))
    one = EigSpec(first.terms, 3)
    second = Encoding((Categories("cbda"), PiecewiseLinear((0.2, 0.9), "clamped")), ("c", "t"))
    two = EigSpec(second.terms, 3)
    rng = np.random.default_rng(0)
    a = SpectralModel(first, [(one, params(one, rng))])
    b = SpectralModel(second, [(two, params(two, rng))])
    found = a.difference(b)
    assert spec.features == second.terms
    t = rng.uniform(0, 1, 500)
    for level in "abcd":
        table = {"t": t, "c": np.full(500, level)}
        with pytest.warns() if level == "d" else pytest.MonkeyPatch.context():
            apart = a.decision(table) - b.decision(table)
        assert (apart >= found.lower).all()
        assert (apart <= found.upper).all()
    assert found.gap < 1e-5


def test_ctrl_c_returns_what_is_proven(monkeypatch):
    m, bounds = model(), domain(np.random.default_rng(3))
    steps = iter(range(100))
    step = search.Search._step

    def interrupted(self):
        if next(steps) == 2:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(search.Search, "_step", interrupted)
    monkeypatch.setattr(search, "BATCH", 4)
    found = m.maximize(bounds)
    assert found.stopped == "interrupted"
    assert found.bound >= m.decision(inside(np.random.default_rng(0), bounds, 2000)).max()
    assert "interrupted" in str(found)


def test_the_words_say_how_far_the_optimum_may_be_off():
    m = model(link="logistic", target_scale=0.2, target_offset=0.0)
    found = m.maximize({"size": (0, 1)}, fixed={"town": 1}, max_boxes=3)
    assert found.stopped == "boxes"
    for words in ("optimal within", "decision", "prediction", "limit of boxes", "town = 1"):
        assert words in str(found)
    assert "prediction from" in str(m.range({"size": (0, 1)}, max_boxes=3))
    plain = small(Linear(limits=(0.0, 1.0)), [(0, 0, 1, 0.1234567891)])
    told = str(plain.range())
    assert re.match(r"prediction from -1\.\d+e-14 to 0\.12345679\nminimum: prediction 0, ", told)
    assert "decision" not in told
    assert str(plain.difference(plain)).startswith("decision from ")


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"sice": (0, 1)}, "sice"),
        ({}, "linear and has no knots"),
        ({"size": (2, 1)}, "low ≤ high"),
        ({"size": (0, np.inf)}, "below"),
        ({"size": (0, 1, 2)}, r"\(low, high\)"),
        ({"size": ("a", "b")}, "numbers"),
        ({"size": 1, "town": []}, "at least one level"),
        ({"size": 1, "age": (0, None)}, None),
    ],
)
def test_wrong_domains_are_clear_errors(bounds, words):
    m = model()
    if words is None:
        assert m.range(bounds, **QUICK).upper
        return
    with pytest.raises(InvalidInput, match=words):
        m.range(bounds)


def test_missing_cells_need_a_term():
    with pytest.raises(InvalidInput, match="missing cells in column 'age'"):
        model(missing=False).range({"size": (0, 1), "age": (0, 1, None)})


def test_an_output_must_be_named_and_the_links_agree():
    two = model(spec={"outputs": 2})
    with pytest.raises(InvalidInput, match="output"):
        two.maximize({"size": 1})
    with pytest.raises(InvalidInput, match="link"):
        two.difference(model())


def test_unseen_levels_are_levels():
    assert 9 in LEVELS
