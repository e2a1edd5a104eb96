import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import NAMES, linear_model, model, rows

from eigcore import EigSpec, SpectralModel
from eigcore.core.canonical import matrices, pack
from eigcore.errors import NonFiniteInput

VARIANTS = [
    {},
    {"index": 0},
    {"structure": "tridiagonal"},
    {"functional": "smooth", "alpha": 0.8},
    {"functional": "softmax", "t": 0.5},
    {"functional": "top_sum", "r": 2},
    {"outputs": 2},
]


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(VARIANTS), st.integers(0, 1000))
def test_contributions_add_up_to_the_decision(variant, seed):
    m, x = model(seed, spec=variant, link="logistic"), rows(20, seed)
    e = m.explain(x)
    scale = np.abs(m.decision(x)).max()
    total = e.intercept + e.remainder + e.contributions.sum(-1)
    np.testing.assert_allclose(total, m.decision(x), atol=1e-12 * scale)
    np.testing.assert_allclose(e.decision, m.decision(x), atol=1e-12 * scale)
    np.testing.assert_allclose(e.prediction, m.predict(x), rtol=1e-9)
    if variant.get("functional") not in ("smooth", "softmax"):
        assert (e.remainder == 0).all()


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(VARIANTS), st.integers(0, 1000))
def test_slopes_are_the_change_of_the_decision(variant, seed):
    m, x = model(seed, spec=variant), rows(15, seed, missing=False)
    e, step = m.explain(x), 1e-6
    gaps = e.gaps.reshape(15, -1).min(-1)
    for j in (0, 1, 2, 4):
        ahead = x.copy()
        ahead[:, j] += step
        slope = (m.decision(ahead) - m.decision(x)) / step
        tolerance = 1e-3 * (1 + 1 / np.minimum(gaps, 1))
        tolerance = tolerance if slope.ndim == 1 else tolerance[:, None]
        assert (np.abs(slope - e.slopes[..., j]) < tolerance).all()
    assert np.isnan(e.slopes[..., 3]).all()


def test_a_missing_cell_contributes_its_own_matrix_and_has_no_slope():
    m, x = model(dims=(4,)), rows(3, missing=False)
    x[1, 0] = np.nan
    e = m.explain(x)
    assert np.isnan(e.slopes[1, 0])
    assert e.contributions[1, 0] != 0


def test_slopes_never_exceed_the_certified_norms():
    m = model(dims=(3, 5))
    e = m.explain(rows(300))
    for j, name in enumerate(NAMES):
        steepest = np.nanmax(np.abs(e.slopes[:, j]), initial=0.0)
        assert steepest <= m.feature_norms[name] * (1 + 1e-12)
        assert e.importance[name]["mean_slope"] <= e.importance[name]["worst_slope"]


def test_at_a_tie_the_contributions_are_the_average_over_the_cluster():
    spec = EigSpec(2, 3, index=1)
    A = np.zeros((1, 3, 3, 3))
    A[0, 0] = np.diag([0.0, 0.0, 1.0])
    A[0, 1] = np.diag([1.0, 3.0, 0.0])
    A[0, 2] = np.diag([0.0, 0.0, 5.0])
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    m = SpectralModel(None, [(spec, pack(spec, turn @ A @ turn.T))])
    e = m.explain([[0.0, 1.0]])
    np.testing.assert_allclose(e.slopes, [[2.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(e.decision, [0.0], atol=1e-12)
    np.testing.assert_allclose(e.gaps[0, 0], [0.0, 6.0], atol=1e-12)


def test_gaps_are_distances_to_the_neighbours_in_target_units():
    m = linear_model(dim=4, index="convex")
    m = SpectralModel(m.encoding, m.members, target_scale=7.0)
    x = np.random.default_rng(0).normal(size=(5, 3))
    spec, p = m.members[0]
    values = np.linalg.eigvalsh(matrices(spec, p[0, 0] + x @ p[0, 1:]))
    gaps = m.explain(x).gaps
    assert gaps.shape == (5, 1, 2)
    np.testing.assert_allclose(gaps[:, 0, 0], 7 * (values[:, 3] - values[:, 2]), rtol=1e-9)
    assert np.isinf(gaps[:, 0, 1]).all()


SUMS = {
    "top_sum": ({"r": 2}, [(3, 0)], []),
    "bottom_sum": ({"r": 2}, [], [(2, 0)]),
    "weighted": ({"weights": (1.0, 1.0, 3.0, 0.0, 2.0)}, [(2, 0), (4, 0)], [(3, 0)]),
    "whole": ({"r": 5}, [], []),
    "smooth": ({"alpha": 0.5}, [], []),
    "softmax": ({"t": 0.5}, [], []),
}


@pytest.mark.parametrize("name", SUMS)
def test_gaps_are_where_the_slope_of_this_functional_would_jump(name):
    options, up, down = SUMS[name]
    functional = "top_sum" if name == "whole" else name
    m = linear_model(dim=5, functional=functional, **options)
    x = np.random.default_rng(0).normal(size=(6, 3))
    spec, p = m.members[0]
    values = np.linalg.eigvalsh(matrices(spec, p[0, 0] + x @ p[0, 1:]))
    gap = np.diff(values)
    e = m.explain(x)
    for side, places in enumerate((up, down)):
        each = [gap[:, j - 1] for j, _ in places]
        expected = np.min(each, axis=0) if each else np.full(6, np.inf)
        np.testing.assert_allclose(e.gaps[:, 0, side], expected, rtol=1e-9)
    np.testing.assert_array_equal(e.kink, e.gaps.min((1, 2)))


def test_the_slope_of_a_sum_jumps_where_its_gap_closes():
    spec = EigSpec(1, 3, functional="top_sum", r=2)
    A = np.zeros((1, 2, 3, 3))
    A[0, 0], A[0, 1] = np.diag([0.0, 1.0, 5.0]), np.diag([3.0, -1.0, 0.0])
    m = SpectralModel(None, [(spec, pack(spec, A))], target_scale=2.0)
    e = m.explain([[0.1], [0.25 + 1e-6], [0.4], [2.0]])
    np.testing.assert_allclose(e.kink, [2 * 0.6, 8e-6, 2 * 0.6, 2 * 6.0], rtol=1e-6)
    np.testing.assert_allclose(e.slopes[:, 0], [-2.0, 6.0, 6.0, 6.0])


def test_the_active_subspace_is_that_of_the_mean_squared_slopes():
    m, x = linear_model(dim=1), np.random.default_rng(0).normal(size=(20, 3))
    slope = m.members[0][1][0, 1:, 0]
    values, directions = m.explain(x).active_subspace()
    np.testing.assert_allclose(values, [slope @ slope, 0, 0], atol=1e-12)
    np.testing.assert_allclose(np.abs(directions[:, 0]), np.abs(slope) / np.linalg.norm(slope))
    units = np.array([1.0, 5.0, 0.1])
    values, directions = m.explain(x).active_subspace(units)
    scaled = slope * units
    np.testing.assert_allclose(values[0], scaled @ scaled)
    mixed = model(spec={"outputs": 2})
    values, directions = mixed.explain(rows(40)).active_subspace()
    slopes = np.nan_to_num(mixed.explain(rows(40)).slopes[..., :5]).reshape(-1, 5)
    np.testing.assert_allclose(values.sum(), (slopes**2).sum() / len(slopes))
    assert (np.diff(values) <= 0).all()
    assert np.abs(directions[3, 0]) < 1e-12  # a category has no slope


def test_the_local_split_has_its_earlier_name_too():
    e = model().explain(rows(3))
    assert e.contributions is e.local
    assert e.to_dict()["contributions"] == e.to_dict()["local"]


@pytest.mark.parametrize("outputs", [1, 2])
def test_shapes_and_json(outputs):
    m = model(spec={"outputs": outputs})
    e = m.explain(rows(4))
    axis = () if outputs == 1 else (2,)
    assert e.prediction.shape == e.intercept.shape == e.remainder.shape == (4, *axis)
    assert e.contributions.shape == e.slopes.shape == (4, *axis, len(m.encoding.labels))
    assert e.gaps.shape == (4, 2, *axis, 2)
    text = json.dumps(e.to_dict(), allow_nan=False)
    assert json.loads(text)["importance"].keys() == set(m.encoding.labels)
    assert m.explain(rows(1)[0]).contributions.shape == (1, *axis, len(m.encoding.labels))
    assert m.explain(rows(1)[:0]).prediction.shape == (0, *axis)


def test_large_tables_are_explained_in_chunks(monkeypatch):
    m, x = model(), rows(50)
    expected = m.explain(x)
    monkeypatch.setattr("eigcore.guarantees.explanation.ENTRIES", 100)
    np.testing.assert_allclose(m.explain(x).contributions, expected.contributions, atol=1e-12)


def test_what_cannot_be_predicted_cannot_be_explained():
    with pytest.raises(NonFiniteInput, match="'size' has 1 missing"):
        model(missing=False).explain([[np.nan, 0, 0, 0, 0]])
