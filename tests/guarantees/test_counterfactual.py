"""Counterfactuals: the change turns the decision, and no smaller one does."""

import math

import numpy as np
import pytest
from samples import linear_model, model, rows, small

from eigcore import EigSpec, SpectralModel
from eigcore.encoding import Categories, Encoding, Linear, PiecewiseLinear
from eigcore.errors import InvalidInput

FREE = ["age", "rooms", "town"]
QUICK = {"budget_seconds": 60.0, "max_boxes": 3000, "tol": 0.05}


def sizes(found, cells, names, norm):
    """Distances of rows from the row of a counterfactual, by its own units."""
    costs = []
    for name, column in zip(names, cells.T, strict=True):
        start = found.row[name]
        if name == "town":
            costs.append((column != start).astype(float))
        else:
            costs.append(np.abs(column - start) / found.units.get(name, 1.0))
    return np.linalg.norm(np.stack(costs, 1), norm, axis=1)


SMOOTH = {"functional": "smooth", "alpha": 0.5}


@pytest.mark.parametrize(("norm", "spec"), [(1, {}), (2, {}), (math.inf, {}), (2, SMOOTH)])
def test_no_smaller_change_turns_the_decision(norm, spec):
    m = model(3, missing=False, dims=(3,), spec=spec)
    x = rows(1, 2, missing=False)[0]
    x[3] = 1
    before = m.predict(x)
    reached = m.range({"age": (0, 3), "rooms": (-1, 2)} | _others(x)).upper
    threshold = before + 0.5 * (reached - before)
    found = m.counterfactual(x, threshold, columns=FREE, norm=norm, **QUICK)
    after = np.array([found.point[name] for name in m.encoding.names])
    side = np.sign(threshold - before)
    assert side * (m.predict(after) - threshold) > 0
    assert found.changed_prediction == m.predict(after)
    np.testing.assert_allclose(found.size, sizes(found, after[None], m.encoding.names, norm)[0])
    assert found.size * 0.7 < found.bound <= found.size
    assert set(found.changes) <= set(FREE)
    attack = np.repeat(x[None], 20_000, axis=0)
    rng = np.random.default_rng(0)
    scale = rng.uniform(0, 1.5 * found.size, 20_000)
    attack[:, 1] += rng.normal(size=20_000) * scale * found.units["age"]
    attack[:, 2] += rng.normal(size=20_000) * scale * found.units["rooms"]
    attack[:, 1] = np.clip(attack[:, 1], min(0, x[1]), max(3, x[1]))
    attack[:, 2] = np.clip(attack[:, 2], min(-1, x[2]), max(2, x[2]))
    attack[:, 3] = np.where(rng.random(20_000) < 0.3, rng.integers(0, 3, 20_000), x[3])
    near = sizes(found, attack, m.encoding.names, norm) < found.bound
    assert near.sum() > 1000
    assert (side * (m.predict(attack[near]) - threshold) <= 0).all()


def _others(x):
    return {"size": x[0], "town": [0, 1, 2], "hour": x[4]}


def test_a_linear_model_has_its_closed_form():
    spec = EigSpec(2, 1)  # f = 3a − b: the cheapest way up is a alone, or both by their slopes
    params = np.array([[[0.0], [3.0], [-1.0]]])
    m = SpectralModel(Encoding((Linear(), Linear()), ("a", "b")), [(spec, params)])
    options = {"bounds": {"a": (-9, 9), "b": (-9, 9)}, "tol": 0.01}
    x = {"a": 1.0, "b": 0.0}
    for norm, wanted in ((1, 1.0), (2, 3 / math.sqrt(10)), (math.inf, 0.75)):
        found = m.counterfactual(x, 6.0, norm=norm, **options)
        assert found.bound <= wanted * (1 + 1e-12)
        assert found.size == pytest.approx(wanted, rel=0.011)
        assert found.size >= wanted * (1 - 1e-12)
    down = m.counterfactual(x, 0.0, units={"a": 10.0}, columns=["a"], bounds={"a": (-9, 9)})
    assert down.size == pytest.approx(0.1)
    assert down.changes == {"a": (1.0, pytest.approx(0.0, abs=1e-9))}
    assert str(down).startswith("a from 1 to ")


def both(link="identity", missing=True):
    """A number and a level: f = t + (10 for level b), −5 where t is missing."""
    columns = PiecewiseLinear((0.0, 1.0, 2.0), "clamped", missing), Categories(("a", "b"))
    e = Encoding(columns, ("t", "town"))
    params = np.zeros((1, e.terms + 1, 1))
    params[0, 1 : 1 + columns[0].terms, 0] = [1.0, 1.0, -5.0][: columns[0].terms]
    params[0, -1, 0] = 10.0
    classes = ("no", "yes") if link == "logistic" else ()
    return SpectralModel(e, [(EigSpec(e.terms, 1), params)], link=link, classes=classes)


def test_levels_and_missing_cells_count_as_one():
    found = both().counterfactual({"t": 0.5, "town": "a"}, 5.0)
    assert found.changes == {"town": ("a", "b")}
    assert found.size == found.bound == 1.0
    gone = both().counterfactual({"t": None, "town": "a"}, 1.5)
    assert gone.size == gone.bound == len(gone.changes) == 1
    come = both().counterfactual({"t": None, "town": "a"}, 1.5, columns=["t"])
    assert come.row["t"] is None
    assert come.point["t"] > 1.5
    assert "from a missing cell to" in str(come)
    none = both().counterfactual({"t": 0.5, "town": "a"}, 5.0, columns=["t"])
    assert none.bound == none.size == none.gap == math.inf
    assert none.point == {}
    assert "proven" in str(none)


def test_classes_are_targets():
    m = both("logistic", missing=False).with_params([both(missing=False).params[0] - 3.0])
    x = {"t": 1.0, "town": "a"}
    start = m.decision({n: [v] for n, v in x.items()})[0]
    wanted, other = ("yes", "no") if start <= 0 else ("no", "yes")
    found = m.counterfactual(x, wanted)
    assert (m.decision({n: [v] for n, v in found.point.items()})[0] > 0) == (wanted == "yes")
    assert found.threshold == 0.5
    assert m.counterfactual(x).changes == found.changes
    with pytest.raises(InvalidInput, match=f"side of '{other}' already"):
        m.counterfactual(x, other)


def three():
    """A model of three classes, a row, and the classes from the most probable to the least."""
    m = model(11, missing=False, dims=(3,), spec={"outputs": 3}, link="softmax", classes=(*"abc",))
    x = rows(1, 2, missing=False)[0]
    x[3] = 1
    return m, x, [m.static.classes[c] for c in np.argsort(-m.predict(x))]


def test_a_class_becomes_the_most_probable_and_no_smaller_change_does_it():
    m, x, order = three()
    bounds = {"age": (0, 3), "rooms": (-1, 2), "town": [0, 1, 2]}
    rng = np.random.default_rng(0)
    attack = np.repeat(x[None], 20_000, axis=0)
    attack[:, 1] = rng.uniform(min(0, x[1]), max(3, x[1]), 20_000)
    attack[:, 2] = rng.uniform(min(-1, x[2]), max(2, x[2]), 20_000)
    attack[:, 3] = np.where(rng.random(20_000) < 0.3, rng.integers(0, 3, 20_000), x[3])
    classes = m.predict(attack).argmax(1)
    for target, possible in zip(order[1:], (True, False), strict=True):
        place = m.static.classes.index(target)
        found = m.counterfactual(x, target, columns=FREE, bounds=bounds, norm=2, tol=0.25)
        near = sizes(found, attack, m.encoding.names, 2) < found.bound
        assert near.sum() > 100
        assert (classes[near] != place).all()
        assert found.classes == (order[0], target)
        assert found.prediction == m.predict(x)[place]
        assert (found.bound < math.inf) == (found.point != {}) == possible
        if possible:
            after = np.array([found.point[name] for name in m.encoding.names])
            assert m.predict(after).argmax() == place
            assert found.changed_prediction == m.predict(after)[place]
            assert found.size * 0.7 < found.bound <= found.size
            assert f"the probability of {target!r} goes from" in str(found)


def test_one_output_of_several_is_moved():
    m = model(4, missing=False, dims=(3,), spec={"outputs": 2})
    x = rows(1, 2, missing=False)[0]
    x[3] = 1
    before = m.predict(x)
    found = m.counterfactual(x, before[1] + 2.0, output=1, columns=FREE, **QUICK)
    after = np.array([found.point[name] for name in m.encoding.names])
    assert m.predict(after)[1] > before[1] + 2.0
    assert (found.prediction, found.changed_prediction) == (before[1], m.predict(after)[1])


def test_each_of_several_targets_has_ends_of_its_own():
    column = PiecewiseLinear((0.0, 1.0, 2.0))
    values = [(0, output, piece, 1.0) for output in (0, 1) for piece in (1, 2)]
    m = small(column, values, outputs=2)
    clip = ((-math.inf, math.inf), (-1.0, 0.25))
    m = SpectralModel(m.encoding, [(m.static.specs[0], m.params[0])], clip=clip, targets=("u", "v"))
    assert m.counterfactual({"t": 0.0}, 0.5, output=0).changed_prediction > 0.5
    with pytest.raises(InvalidInput, match="stay between -1 and"):
        m.counterfactual({"t": 0.0}, 0.5, output=1)


@pytest.mark.parametrize("norm", [1, 2, math.inf])
@pytest.mark.parametrize("seed", range(3))
def test_counts_move_in_whole_numbers(norm, seed):
    """Every row of whole numbers is tried: none nearer than `bound` turns the decision."""
    count = PiecewiseLinear((0.0, 3.0, 9.0), "clamped")
    e = Encoding((count, count, PiecewiseLinear((0.5, 2.0, 4.0))), ("a", "b", "part"))
    spec = EigSpec(e.terms, 3)
    values = np.random.default_rng(seed).normal(size=spec.params_shape)
    m = SpectralModel(e, [(spec, values)])
    x = {"a": 4.0, "b": 5.0, "part": 2.0}
    ends = m.range({"part": 2.0})
    threshold = (m.predict(x)[0] + (ends.lower, ends.upper)[seed % 2]) / 2
    found = m.counterfactual(x, threshold, columns=["a", "b"], norm=norm)
    grid = np.array([(a, b, 2.0) for a in range(10) for b in range(10)])
    turned = (m.predict(grid) > threshold) != (m.predict(x) > threshold)
    assert turned.any()
    units = [found.units["a"], found.units["b"]]
    far = np.linalg.norm((grid[turned, :2] - (4, 5)) / units, norm, axis=1)
    assert found.bound <= far.min() <= found.size <= found.bound * 1.01
    assert all(float(found.point[name]).is_integer() for name in ("a", "b"))
    free = m.counterfactual(x, threshold, columns=["a", "b"], norm=norm, whole=["b"])
    assert free.bound <= found.size
    assert free.point["b"].is_integer()
    assert not m.counterfactual(x, threshold, whole=[]).point["a"].is_integer() or seed


def test_whole_columns_are_told_by_their_knots_and_the_row():
    m = both()
    x = {"t": 0.5, "town": "a"}
    assert m.counterfactual(x, 1.2, columns=["t"]).point["t"] == pytest.approx(1.2)
    assert m.counterfactual(x | {"t": 0.0}, 1.2, columns=["t"]).point["t"] == 2.0
    assert m.counterfactual(x | {"t": 0.0}, 1.2, columns=["t"], whole=()).point["t"] < 1.3
    for wrong in (["t"], "t", ["town"]):
        with pytest.raises(InvalidInput, match=r"hold a whole number in x: there are none"):
            m.counterfactual(x, 1.2, whole=wrong)


def test_a_peak_between_whole_numbers_is_none():
    m = small(PiecewiseLinear((0.0, 2.5, 5.0), "clamped"), [(0, 0, 1, 2.5), (0, 0, 2, -2.5)])
    found = m.counterfactual({"t": 0.0}, 2.2, whole=["t"])
    assert (found.point, found.bound) == ({}, math.inf)
    for options in ({}, {"whole": []}):  # 2.5 is a knot: by default the column is not whole
        assert m.counterfactual({"t": 0.0}, 2.2, **options).point["t"] == pytest.approx(2.2)
    assert m.counterfactual({"t": 0.0}, 1.8, whole=["t"]).point["t"] == 2.0


def test_a_row_keeps_its_special_code():
    age = PiecewiseLinear((0.0, 50.0, 120.0), "clamped", True)
    codes = Categories((99.0, 7.0), True, of="age")
    e = Encoding((age, PiecewiseLinear((0.0, 1.0)), codes), ("age", "more", "age (code)"))
    spec = EigSpec(e.terms, 1)
    m = SpectralModel(e, [(spec, np.arange(1.0, e.terms + 2)[None, :, None])], target_name="price")
    found = m.counterfactual({"age": 99.0, "more": 0.0}, m.predict({"age": 99, "more": 0.5})[0])
    assert found.row == {"age": 99.0, "more": 0.0}
    assert found.point == {"age": 99.0, "more": 1.0}
    assert m.predict(found.point)[0] == found.changed_prediction
    assert str(found).startswith("more from 0 to 1: price goes from ")
    assert "where 1 is more by 0.5" in str(found)


def test_a_search_that_is_cut_short_stays_valid():
    m = model(3, missing=False, dims=(4,))
    x = rows(1, 2, missing=False)[0]
    x[3] = 0
    options = {"bounds": {"size": (-4, 6)}, "tol": 0.0}
    short, long = (
        m.counterfactual(x, m.predict(x) + 5.0, max_boxes=n, **options) for n in (300, 1500)
    )
    assert short.stopped == long.stopped == "boxes"
    assert short.bound <= long.bound <= long.size <= short.size


M = linear_model()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: M.counterfactual([1.0, 2, 3]), "target is None.*Write target="),
        (lambda: M.counterfactual([1.0, 2, 3], 0.0), "has no knots"),
        (lambda: M.counterfactual([1.0, 2, 3], 0.0, norm=3), "Write norm=1"),
        (lambda: M.counterfactual(np.zeros((2, 3)), 0.0), "x has 2 rows"),
        (lambda: M.counterfactual([1.0, 2, 3], 0.0, columns=["x9"]), "Expected some of x0"),
        (lambda: M.counterfactual([1.0, 2, 3], 0.0, units={"x0": 0.0}), "positive numbers"),
        (
            lambda: M.counterfactual([1.0, 2, 3], 0.0, columns=["x0"], bounds={"x1": (0, 1)}),
            "columns that may change",
        ),
        (
            lambda: both("logistic").counterfactual({"t": 1.0, "town": "a"}, "maybe"),
            "a class, one",
        ),
        (lambda: both("logistic").counterfactual({"t": 1.0, "town": "a"}, 2.0), "between 0 and 1"),
        (lambda: model(spec={"outputs": 2}).counterfactual(rows(1)[0], 0.0), "output=0"),
        (lambda: three()[0].counterfactual(three()[1], three()[2][0]), "on its side already"),
        (lambda: three()[0].counterfactual(three()[1], "maybe"), "of another class"),
    ],
)
def test_what_has_no_counterfactual_is_refused_with_advice(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
