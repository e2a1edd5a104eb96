import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import NAMES, encoding, linear_model, model, params, rows, small

from eigcore import EigSpec, SpectralModel
from eigcore.core.canonical import matrices, pack
from eigcore.encoding import Categories, Encoding, Linear, Projection
from eigcore.errors import InvalidInput

NUMERIC = [0, 1, 2, 4]
FUNCTIONALS = [
    {},
    {"index": 0},
    {"index": -1},
    {"functional": "smooth", "alpha": 0.7},
    {"functional": "softmax", "t": 0.5},
    {"functional": "top_sum", "r": 2},
    {"functional": "bottom_sum", "r": 3},
    {"structure": "tridiagonal"},
    {"outputs": 2},
]
SIGNED = {"functional": "weighted", "weights": (-1.0, 0.5, 2.0, 0.0)}
variants = st.sampled_from([*FUNCTIONALS, SIGNED])


def made(variant, seed, **options):
    dims = (4, 4) if "weights" in variant else (5, 4)
    return model(seed, spec=variant, dims=dims, **options)


def slack(values):
    return 1e-9 * (1 + np.abs(values).max())


@settings(deadline=None, max_examples=30)
@given(variants, st.integers(0, 1000), st.floats(-3, 3))
def test_no_change_of_one_column_exceeds_its_bound(variant, seed, log_size):
    m, rng = made(variant, seed), np.random.default_rng(seed)
    certificate, x = m.certify(), rows(40, seed, missing=False)
    before = m.decision(x)
    for j in NUMERIC:
        step = rng.normal(size=40) * 10**log_size
        moved = x.copy()
        moved[:, j] += step
        change = np.abs(m.decision(moved) - before)
        change = change.max(-1) if change.ndim == 2 else change
        limit = certificate.columns[j].bound * np.abs(moved[:, j] - x[:, j])
        assert (change <= limit + slack(before)).all()
    moved = x.copy()
    moved[:, 3] = rng.integers(-1, 3, size=40)
    moved[rng.random(40) < 0.3, 3] = np.nan
    assert np.abs(m.decision(moved) - before).max() <= certificate.columns[3].bound + slack(before)


@settings(deadline=None, max_examples=30)
@given(variants, st.integers(0, 1000), st.floats(-3, 3))
def test_no_change_of_all_columns_exceeds_l1_l2_and_box(variant, seed, log_size):
    m, rng = made(variant, seed), np.random.default_rng(seed)
    x = rows(60, seed, missing=False)
    step = np.zeros_like(x)
    step[:, NUMERIC] = rng.normal(size=(60, 4)) * 10**log_size
    radius = np.abs(step).max(0)
    certificate = m.certify(radius=radius)
    change = np.abs(m.decision(x + step) - m.decision(x))
    change = change.max(-1) if change.ndim == 2 else change
    tolerance = slack(m.decision(x)) + 1e-12 * radius.max() * certificate.l2
    assert (change <= certificate.l1 * np.abs(step).sum(-1) + tolerance).all()
    assert (change <= certificate.l2 * np.linalg.norm(step, axis=-1) + tolerance).all()
    assert change.max() <= certificate.box + tolerance
    assert certificate.l2_reached.value <= certificate.l2 <= certificate.l2_simple


@settings(deadline=None, max_examples=30)
@given(variants, st.integers(0, 1000), st.floats(-4, 2), st.sampled_from(["identity", "logistic"]))
def test_no_point_of_a_box_leaves_its_interval(variant, seed, log_size, link):
    m, rng = made(variant, seed, link=link, target_scale=0.3), np.random.default_rng(seed)
    x = rows(8, seed)
    radius = {n: 10**log_size * rng.random() for n in NAMES if n != "town"}
    local = m.certify(x=x, radius=radius).local
    half = np.array([radius.get(n, 0.0) for n in NAMES])
    corners = rng.choice([-1.0, 1.0], size=(50, 8, 5))
    inside = rng.uniform(-1, 1, size=(50, 8, 5))
    for shift in (corners, inside, inside * 0):
        found = m.predict(x + half * shift)
        assert (found >= local.lower).all()
        assert (found <= local.upper).all()


def test_intervals_are_exact_for_one_monotone_column():
    m = model(psd=slice(3, 7))
    assert m.certify().columns[1].increasing
    x = rows(20, missing=False)
    local = m.certify(x=x, radius={"age": 0.8}).local
    shift = np.array([0, 0.8, 0, 0, 0])
    np.testing.assert_allclose(local.lower, m.predict(x - shift), atol=1e-9)
    np.testing.assert_allclose(local.upper, m.predict(x + shift), atol=1e-9)


def test_local_intervals_are_inside_the_global_ones_and_grow_with_the_box():
    m, x = model(), rows(10)
    widths = []
    for size in (0.0, 0.01, 0.1, 1.0):
        c = m.certify(x=x, radius=size)
        assert (c.local.upper - m.predict(x) <= m.certify(radius=size).box + 1e-9).all()
        widths.append(c.local.upper - c.local.lower)
    assert (np.diff(widths, axis=0) >= 0).all()
    assert widths[0].max() < 1e-10


def test_columns_of_a_projection_move_against_each_other():
    difference = Projection(("a", "b"), (1.0, -1.0), Linear(), (0.0, 0.0))
    m = small(Encoding((Linear(), Linear()), ("a", "b"), ("", ""), (difference,)), [(0, 0, 3, 1.0)])
    assert m.decision([[1.0, -1.0]])[0] == 2.0
    assert m.certify(radius=1.0).box == pytest.approx(2.0)


def test_a_linear_column_attains_its_bound():
    spec = EigSpec(1, 3, index="convex")
    A = np.zeros((1, 2, 3, 3))
    A[0, 1] = np.diag([-1.0, 0.5, 2.0])
    m = SpectralModel(Encoding((Linear(5.0, 4.0),)), [(spec, pack(spec, A))], target_scale=10)
    assert m.feature_norms["x0"] == pytest.approx(10 * 2 / 4, rel=1e-12)
    assert m.predict([[13.0]])[0] - m.predict([[9.0]])[0] == pytest.approx(4 * 5.0)


def test_l2_uses_the_sharper_formula_where_columns_are_linear():
    spec = EigSpec(2, 2)
    A = np.zeros((1, 3, 2, 2))
    A[0, 1], A[0, 2] = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
    c = SpectralModel(None, [(spec, pack(spec, A))]).certify()
    assert c.l2_simple == pytest.approx(2**0.5)
    assert c.l2 == pytest.approx(1.0)
    assert c.l2_reached.value == pytest.approx(1.0)
    assert c.l1 == pytest.approx(1.0)


def test_the_average_of_members_has_at_most_the_average_bound():
    m = model(dims=(3, 4, 5))
    single = [
        SpectralModel(m.encoding, [member], target_scale=3.0).feature_norms for member in m.members
    ]
    for name, bound in m.feature_norms.items():
        assert bound <= np.mean([norms[name] for norms in single]) * (1 + 1e-12)


# -- classification --------------------------------------------------------------------------------


def test_a_decided_row_cannot_cross_the_threshold_inside_the_certified_scale():
    m = model(link="logistic", target_scale=0.5, target_offset=0.0)
    x, rng = rows(12), np.random.default_rng(0)
    radius = {"size": 0.1, "age": 0.05, "hour": 0.2}
    local = m.certify(x=x, radius=radius).local
    assert local.threshold == 0.5
    assert ((local.scale >= 1) == local.decided).all()
    assert (local.scale > 0).all()
    assert local.scale.max() < 1e6
    half = np.array([radius.get(n, 0.0) for n in NAMES]) * local.scale[:, None]
    side = m.predict(x) > 0.5
    for _ in range(50):
        moved = x + half * rng.choice([-1.0, 1.0], size=x.shape)
        np.testing.assert_array_equal(m.predict(moved) > 0.5, side)


def test_thresholds_are_in_units_of_the_prediction():
    m, x = model(link="log", target_scale=0.1, target_offset=1.0), rows(5)
    local = m.certify(x=x, radius=1e-6, threshold=float(m.predict(x)[0] * 1.5)).local
    assert local.decided[0]
    with pytest.raises(InvalidInput, match="positive"):
        m.certify(x=x, radius=0.1, threshold=-1.0)


# -- form ------------------------------------------------------------------------------------------


def test_the_text_names_columns_units_and_guarantees():
    text = str(model(psd=slice(3, 7)).certify(x=rows(12), radius=0.1))
    for words in ("price", "size [m2]", "never falls", "between two levels", "2 more rows"):
        assert words in text
    assert "jointly convex" in str(linear_model(index="convex").certify())


def test_a_certificate_is_json():
    for variant in ({}, {"outputs": 2}):
        found = model(spec=variant, link="logistic").certify(x=rows(2), radius=0.1).to_dict()
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert [c["name"] for c in found["columns"]] == list(NAMES)


def test_one_row_and_tables_are_accepted():
    m, x = model(), rows(1, missing=False)
    one = m.certify(x=x[0], radius=0.1).local
    assert one.lower.shape == (1,)
    table = {n: x[:, j] for j, n in enumerate(NAMES)} | {"town": [1]}
    x[0, 3] = 1
    np.testing.assert_array_equal(
        m.certify(x=table, radius=0.1).local.lower, m.certify(x=x, radius=0.1).local.lower
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"x": np.zeros((1, 5))}, "without radius"),
        ({"radius": {"sice": 1.0}}, "sice"),
        ({"radius": -1.0}, "a number from 0 to"),
        ({"radius": [1.0, 2.0]}, "each of the 5"),
        ({"radius": {"town": 1.0}}, "category columns town"),
    ],
)
def test_wrong_requests_are_clear_errors(options, words):
    with pytest.raises(InvalidInput, match=words):
        model().certify(**options)


def test_the_bound_of_very_many_levels_is_that_of_the_worst_pair(monkeypatch):
    e = Encoding((Categories(tuple(range(100))),), ("code",))
    spec = EigSpec(e.terms, 4, outputs=2)
    own = [params(spec, np.random.default_rng(seed)) for seed in range(2)]
    m = SpectralModel(e, [(spec, each) for each in own], weights=(3, 1), target_scale=2.0)
    worst = np.zeros((101, 101, 2))
    for each, weight in zip(own, (1.5, 0.5), strict=True):
        levels = np.concatenate([matrices(spec, each[:, 1:]), np.zeros((2, 1, 4, 4))], axis=1)
        change = np.linalg.norm(levels[:, :, None] - levels[:, None], 2, axis=(-2, -1))
        worst += weight * np.moveaxis(change, 0, -1)
    assert m.feature_norms["code"] == pytest.approx(worst.max(), rel=1e-12)
    for few in (1, 2, 40):
        monkeypatch.setattr("eigcore.guarantees.slopes.LEVELS", few)
        assert worst.max() <= m.feature_norms["code"] <= 2 * worst.max()


def test_the_encoding_of_the_samples_has_every_kind_of_column():
    assert {c.kind for c in encoding().columns} == {
        "linear",
        "piecewise_linear",
        "categories",
        "periodic",
    }


def test_a_threshold_without_rows_is_an_error():
    with pytest.raises(InvalidInput, match=r"threshold without x\. .*radius=0.1, threshold=80.0\)"):
        model().certify(threshold=80.0)
