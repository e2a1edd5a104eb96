"""Contributions relative to a baseline: laws on every kind of model, definitions by force."""

import itertools
import json
import math

import numpy as np
import pytest
from arrays import BACKENDS
from samples import NAMES, SPECS, model, risen, rows

from eigcore import EigSpec, SpectralModel
from eigcore.encoding import Categories, Encoding, Linear, Periodic, PiecewiseLinear
from eigcore.errors import InvalidInput
from eigcore.guarantees import baselines, shapley

METHODS = ("shapley", "integrated")
LINKS = {
    "identity": {},
    "logistic": {"link": "logistic", "classes": ("no", "yes")},
    "log": {"link": "log", "target_scale": 0.5},
    "softmax": {"link": "softmax", "classes": ("a", "b"), "spec": {"outputs": 2}},
}
CASES = [({"spec": spec}, name) for name, spec in SPECS.items()]
CASES += [(options, name) for name, options in LINKS.items()]
every_kind = pytest.mark.parametrize("options", [c for c, _ in CASES], ids=[n for _, n in CASES])
by_method = pytest.mark.parametrize("method", METHODS)


def plain(seed=0, columns=3, dim=4, spec=None, **options):
    """A model of piecewise-linear columns without missing cells."""
    knots = (-1.0, 0.0, 0.5, 2.0)
    encoding = Encoding(tuple(PiecewiseLinear(knots) for _ in range(columns)))
    rng = np.random.default_rng(seed)
    made = EigSpec(encoding.terms, dim, **(spec or {}))
    members = [(made, rng.normal(size=made.params_shape)) for _ in range(2)]
    return SpectralModel(encoding, members, weights=(3, 1), **options)


def value(m, x, base, coalition):
    """f(T): the cells of the coalition from x, the others from the baseline."""
    mixed = [x[j] if j in coalition else base[j] for j in range(len(x))]
    return m.decision(np.array(mixed)[None], codes=True)[0]


@every_kind
@by_method
def test_contributions_add_up_to_the_difference_from_the_baseline(options, method):
    m, x, base = model(1, dims=(4, 4), **options), rows(8, 1), rows(1, 2)
    c = m.explain(x, base, method)
    np.testing.assert_allclose(c.base, m.decision(base)[0], rtol=1e-13)
    np.testing.assert_allclose(c.decision, m.decision(x), rtol=1e-13)
    np.testing.assert_allclose(c.prediction, m.predict(x), rtol=1e-13)
    size = np.abs(c.contributions).sum(-1) + np.abs(c.base) + 1
    total = c.base + c.contributions.sum(-1)
    assert (np.abs(total - m.decision(x)) <= 1e-13 * size).all()
    assert c.contributions.shape == c.error.shape == (*c.decision.shape, len(NAMES))


@every_kind
@by_method
def test_a_monotone_column_never_argues_against_its_side_of_the_baseline(options, method):
    m = risen(model(2, dims=(4, 4), missing=False, **options))
    x, base = rows(60, 3, missing=False), rows(1, 4, missing=False)
    c = m.explain(x, base, method)
    columns = [0, 1]
    if options.get("link") != "softmax":
        columns = [j for j, column in enumerate(m.certify().columns) if column.increasing]
        assert columns == [0, 1]
    for j in columns:
        side = np.sign(x[:, j] - base[0, j]).reshape(-1, *[1] * (c.decision.ndim - 1))
        assert (side * c.contributions[..., j] >= 0).all()
        assert (side * c.contributions[..., j] > 0).any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_every_backend_gives_the_same(method, backend):
    m, x, base = model(3, spec={"outputs": 2}), rows(3, 5), rows(2, 6)
    expected = m.explain(x, base, method, backend="numpy").contributions
    found = m.explain(x, base, method, backend=backend).contributions
    np.testing.assert_allclose(found, expected, atol=1e-11 * np.abs(expected).max())


def recentred(m):
    """The same function from other matrices: a column counted from elsewhere, levels moved."""
    columns, members = list(m.encoding.columns), []
    columns[0] = Linear(columns[0].center - 3.0, columns[0].scale)
    town = m.encoding.slices[3]
    for spec, own in m.members:
        moved = own.copy()
        moved[:, 0] -= own[:, 1] * 3.0 / columns[0].scale
        turn = np.random.default_rng(0).normal(size=own[:, 0].shape)
        moved[:, 0] += turn
        moved[:, 1:][:, town] -= turn[:, None]
        members.append((spec, moved))
    encoding = Encoding(tuple(columns), m.encoding.names, (), m.encoding.projections)
    static = m.static
    return SpectralModel(encoding, members, target_scale=static.scale, target_offset=static.offset)


@by_method
def test_contributions_do_not_depend_on_where_columns_are_counted_from(method):
    m, x, base = model(4, missing=False), rows(6, 7, missing=False), rows(1, 8, missing=False)
    x[:, 3], base[:, 3] = np.abs(x[:, 3]), 1
    other = recentred(m)
    np.testing.assert_allclose(other.decision(x), m.decision(x), rtol=1e-12)
    found, expected = other.explain(x, base, method), m.explain(x, base, method)
    np.testing.assert_allclose(found.contributions, expected.contributions, atol=2e-4)
    if method == "shapley":
        np.testing.assert_allclose(found.contributions, expected.contributions, atol=1e-10)
    assert np.abs(other.explain(x).local - m.explain(x).local).max() > 1


@by_method
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_equal_columns_contribute_equally_and_idle_ones_nothing(spec, method):
    m = plain(5, columns=4, spec=spec)
    members = []
    for made, own in m.members:
        own = own.copy()
        terms = m.encoding.slices
        own[:, 1:][:, terms[1]] = own[:, 1:][:, terms[0]]
        own[:, 1:][:, terms[3]] = 0.0
        members.append((made, own))
    m = SpectralModel(m.encoding, members)
    x, base = np.array([[1.7, 1.7, -0.4, 0.9]]), np.array([[-0.6, -0.6, 0.2, -0.9]])
    c = m.explain(x, base, method).contributions[0]
    np.testing.assert_allclose(c[..., 0], c[..., 1], rtol=1e-10)
    assert np.abs(c[..., 0]).min() > 1e-3
    assert (c[..., 3] == 0).all()
    assert (m.explain(x, x, method).contributions == 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_shapley_values_are_the_mean_gain_over_all_orders(seed):
    m = plain(seed)
    x, base = np.random.default_rng(seed).normal(size=(2, 3))
    expected = np.zeros(3)
    for order in itertools.permutations(range(3)):
        for place, j in enumerate(order):
            gain = value(m, x, base, order[: place + 1]) - value(m, x, base, order[:place])
            expected[j] += gain / math.factorial(3)
    found = m.explain(x[None], base[None]).contributions[0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_pairs_are_the_mean_interaction_over_all_coalitions_of_the_others():
    m = plain(7)
    x, base = np.random.default_rng(7).normal(size=(2, 3))
    found = m.interactions(x[None], base[None])[0]
    for i, j in itertools.combinations(range(3), 2):
        (rest,) = {0, 1, 2} - {i, j}
        index = 0.0
        for T in ((), (rest,)):
            f = [value(m, x, base, (*T, *more)) for more in ((i, j), (i,), (j,), ())]
            index += (f[0] - f[1] - f[2] + f[3]) / 2
        np.testing.assert_allclose(found[i, j], index / 2, atol=1e-12)
    expected = m.explain(x[None], base[None]).contributions[0]
    np.testing.assert_allclose(found.sum(1), expected, atol=1e-12)
    np.testing.assert_array_equal(found, found.T)


@every_kind
def test_interactions_add_up_to_shapley_values(options):
    m, x, base = model(8, dims=(4, 4), **options), rows(4, 1), rows(2, 2)
    found = m.interactions(x, base)
    expected = m.explain(x, base).contributions
    np.testing.assert_allclose(found.sum(-1), expected, atol=1e-11)
    assert np.abs(found[..., 0, 1]).max() > 1e-3


@by_method
def test_an_additive_model_has_the_contributions_of_its_columns(method):
    m = plain(9, dim=1)
    x, base = np.random.default_rng(9).normal(size=(5, 3)), np.zeros((1, 3))
    c = m.explain(x, base, method).contributions
    for j in range(3):
        alone = np.zeros((5, 3))
        alone[:, j] = x[:, j]
        np.testing.assert_allclose(c[:, j], m.decision(alone) - m.decision(base), atol=1e-12)
    off = m.interactions(x, base) * (1 - np.eye(3))
    np.testing.assert_allclose(off, 0.0, atol=1e-12)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_integrated_gradients_are_the_integral_of_the_slopes(spec):
    m = model(1, spec=spec, missing=False, dims=(4,))
    x, base = rows(2, 1, missing=False)
    x[3] = base[3] = 1
    x[4], base[4] = 5.0, 2.0
    points = 4000
    s = (np.arange(points) + 0.5)[:, None] / points
    slopes = m.explain((1 - s) * base + s * x).slopes[..., : len(NAMES)].mean(0)
    expected = np.nan_to_num(slopes) * (x - base)
    c = m.explain(x[None], base[None], "integrated")
    size = np.abs(expected).max()
    np.testing.assert_allclose(c.contributions[0], expected, atol=2e-3 * size)
    assert (c.error < 1e-4 * size).all()


def test_the_error_of_integrated_gradients_is_that_of_their_split(monkeypatch):
    from eigcore.guarantees import integrated

    m = plain(1, dim=5)
    x, base = np.random.default_rng(2).normal(size=(2, 20, 3))
    fine = m.explain(x, base[:1], "integrated").contributions
    monkeypatch.setattr(integrated, "HALVINGS", 1)
    coarse = m.explain(x, base[:1], "integrated")
    far = np.abs(coarse.contributions - fine)
    np.testing.assert_allclose(coarse.contributions.sum(-1), fine.sum(-1), atol=1e-12)
    assert 1e-4 < far.max() <= 2 * coarse.error.max()
    assert (far <= 3 * coarse.error + 1e-3).all()


@by_method
def test_a_background_is_averaged_over_its_rows(method):
    m, x, base = model(2), rows(3, 1), rows(4, 2)
    each = [m.explain(x, base[b : b + 1], method) for b in range(4)]
    c = m.explain(x, base, method)
    expected = np.mean([one.contributions for one in each], axis=0)
    np.testing.assert_allclose(c.contributions, expected, atol=1e-12)
    assert c.base == pytest.approx(np.mean([one.base for one in each]))


def test_missing_cells_and_levels_are_players_like_others():
    columns = (Linear(missing=True), Categories(("u", "v"), missing=True))
    rng = np.random.default_rng(0)
    spec = EigSpec(5, 3)
    m = SpectralModel(Encoding(columns, ("a", "kind")), [(spec, rng.normal(size=(1, 6, 6)))])
    table = {"a": [1.0, np.nan, 1.0], "kind": ["u", "v", None]}
    base = {"a": 1.0, "kind": "u"}
    for method in METHODS:
        c = m.explain(table, base, method).contributions
        assert (c[0] == 0).all()
        assert (c[1] != 0).all()
        assert c[2, 0] == 0
        change = m.decision({"a": [1.0], "kind": [None]}) - m.decision({"a": [1.0], "kind": ["u"]})
        assert c[2, 1] == pytest.approx(change[0])


@by_method
def test_a_sum_is_missing_because_of_its_missing_column(method):
    m, base = model(3), np.array([[1.0, 1.0, 1.0, 0.0, 3.0]])
    x = np.array([[np.nan, 1.0, 1.0, 0.0, 3.0], [np.nan, 1.0, 2.0, 0.0, 3.0]])
    c = m.explain(x, base, method)
    total = m.decision(x) - m.decision(base)
    np.testing.assert_allclose(c.contributions[0], [total[0], 0, 0, 0, 0], atol=1e-12)
    assert (c.contributions[1, [0, 2]] != 0).all()
    assert (c.contributions[1, [1, 3, 4]] == 0).all()


def test_beyond_some_columns_orders_are_sampled_and_the_error_is_told(monkeypatch):
    m, x, base = plain(4, columns=6), *np.random.default_rng(3).normal(size=(2, 30, 6))
    exact = m.explain(x, base[:1])
    assert (exact.error == 0).all()
    monkeypatch.setattr(shapley, "EXACT", 5)
    c = m.explain(x, base[:1], permutations=40)
    np.testing.assert_allclose(c.contributions.sum(-1), exact.contributions.sum(-1), atol=1e-12)
    apart = np.abs(c.contributions - exact.contributions)
    assert np.median(apart / c.error) < 1.2
    assert (apart <= 6 * c.error + 1e-9).mean() > 0.99
    more = m.explain(x, base[:1], permutations=640)
    assert np.abs(more.contributions - exact.contributions).mean() < 0.5 * apart.mean()
    assert more.error.mean() < 0.35 * c.error.mean()
    again = m.explain(x, base[:1], permutations=40)
    np.testing.assert_array_equal(again.contributions, c.contributions)
    other = m.explain(x, base[:1], permutations=40, seed=1)
    assert (other.contributions != c.contributions).any()
    with pytest.raises(InvalidInput, match="6 columns differ from the baseline"):
        m.interactions(x, base[:1])


def test_orders_and_their_reverses_are_exact_for_interactions_of_pairs():
    p, rng = 6, np.random.default_rng(0)
    own, pairs = rng.normal(size=p), np.triu(rng.normal(size=(p, p)), 1)
    orders = shapley._orders(p, 8, 3)
    masks = shapley._prefixes(orders) * 1.0
    values = masks @ own + ((masks @ pairs) * masks).sum(1)
    found, error = shapley._Sampled(orders)(values[None, None, None])
    np.testing.assert_allclose(found[0, 0], own + (pairs + pairs.T).sum(1) / 2, atol=1e-12)
    np.testing.assert_allclose(error, 0.0, atol=1e-12)


def test_the_standard_error_is_that_of_repeated_samples(monkeypatch):
    m, (x, base) = plain(4, columns=6), np.random.default_rng(3).normal(size=(2, 1, 6))
    monkeypatch.setattr(shapley, "EXACT", 5)
    found = [m.explain(x, base, permutations=20, seed=seed) for seed in range(150)]
    spread = np.std([c.contributions for c in found], axis=0)
    told = np.sqrt(np.mean([c.error**2 for c in found], axis=0))
    assert 0.88 < np.exp(np.log(told / spread).mean()) < 1.14


def test_columns_that_never_differ_are_no_players():
    m = plain(2, columns=18)
    x = np.random.default_rng(0).normal(size=(4, 18))
    base = x[:1].copy()
    x[:, 3:] = base[:, 3:]
    c = m.explain(x, base)
    assert (c.error == 0).all()
    assert (c.contributions[:, 3:] == 0).all()
    np.testing.assert_allclose(c.base + c.contributions.sum(-1), m.decision(x), rtol=1e-12)


def test_rows_are_explained_in_chunks(monkeypatch):
    m, x, base = model(1), rows(7, 1), rows(3, 2)
    expected = [m.explain(x, base, method).contributions for method in METHODS]
    pairs = m.interactions(x, base)
    monkeypatch.setattr(shapley, "ROWS", 40)
    monkeypatch.setattr("eigcore.guarantees.integrated.NUMBERS", 3000)
    for method, one in zip(METHODS, expected, strict=True):
        np.testing.assert_allclose(m.explain(x, base, method).contributions, one, atol=1e-12)
        assert m.explain(x[:0], base, method).contributions.shape == (0, 5)
    np.testing.assert_allclose(m.interactions(x, base), pairs, atol=1e-12)


def test_the_mean_case_is_the_typical_row_of_a_sample():
    m, x = model(0), rows(200, 3)
    x[:, 4] = np.where(np.arange(200) % 2, 23.0, 25.0)
    c = m.explain(x[:2], "mean", sample=x)
    base = c.baseline[0]
    np.testing.assert_allclose(base[:3], np.nanmean(x[:, :3], axis=0))
    levels, counts = np.unique(x[:, 3], return_counts=True)
    assert base[3] == levels[counts.argmax()] or np.isnan(levels[counts.argmax()])
    assert min(base[4], 24 - base[4]) < 1e-9  # the hours 23 and 1
    assert m.explain(x, "mean").baseline[0, 0] == base[0]
    empty = m.explain([[np.nan] * 5] * 2, "mean")
    assert np.isnan(empty.baseline).all()


@pytest.mark.parametrize(("case", "sign"), [("highest", 1), ("lowest", -1)])
def test_the_highest_case_has_monotone_columns_at_their_ends(case, sign):
    m = model(2, psd=slice(1, None), missing=False)
    x = rows(100, 3, missing=False)
    c = m.explain(x, case)
    assert (sign * (c.base - m.decision(x)) >= 0).all()
    end = np.max if sign > 0 else np.min
    assert c.baseline[0, 0] == end(x[:, 0])
    assert c.baseline[0, 1] == end(x[:, 1])
    assert c.baseline[0, 2] in x[:, 2]
    assert (sign * c.contributions[:, :2] <= 0).all()


def test_reasons_never_argue_for_the_other_side():
    m, x = model(0), rows(50, 1)
    c = m.explain(x, "mean")
    for row, found in enumerate(c.reasons(3)):
        side = np.sign(c.decision[row] - c.base)
        assert len(found) <= 3
        amounts = [side * reason.contribution for reason in found]
        assert min(amounts) > 0
        assert amounts == sorted(amounts, reverse=True)
        best = np.sort(side * c.contributions[row])[::-1][: len(found)]
        np.testing.assert_allclose(amounts, best)
    for side, sign in (("lower", -1), ("higher", 1)):
        for row, found in enumerate(c.reasons(9, side)):
            assert len(found) == (sign * c.contributions[row] > 0).sum()
            assert all(sign * reason.contribution > 0 for reason in found)


def test_a_reason_tells_the_cells():
    columns = (Linear(missing=True), Categories(("u", "v"), missing=True))
    params = np.array([0.0, 2.0, 5.0, 1.0, 8.0, 3.0])[None, :, None]
    m = SpectralModel(Encoding(columns, ("a", "kind")), [(EigSpec(5, 1), params)])
    c = m.explain({"a": [4.0, None], "kind": ["v", "w"]}, {"a": [1.0], "kind": ["u"]})
    assert c.reasons()[0] == (("kind", 7.0, "v", "u"), ("a", 6.0, 4.0, 1.0))
    assert c.reasons()[1] == (("a", 3.0, None, 1.0),)
    assert c.reasons(side="lower")[1] == (("kind", -1.0, "never seen", "u"),)
    two = m.explain({"a": [4.0], "kind": ["v"]}, {"a": [1.0, 2.0], "kind": ["u", "u"]})
    assert two.reasons()[0][0] == ("kind", 7.0, "v", None)


def test_what_raises_all_scores_alike_is_no_reason_for_a_class():
    spec = EigSpec(2, 1, outputs=2)
    params = np.array([[0.0, 5.0, 1.0], [0.0, 5.0, -1.0]])[..., None]
    m = SpectralModel(None, [(spec, params)], link="softmax", classes=("n", "y"))
    c = m.explain([[1.0, 1.0]], [[0.0, 0.0]])
    assert c.reasons(output=0)[0] == (("x1", 1.0, 1.0, 0.0),)
    assert c.reasons(output=1)[0] == (("x1", -1.0, 1.0, 0.0),)
    assert SpectralModel(None, [(spec, params)]).explain([[1.0, 1.0]], [[0.0, 0.0]]).reasons(
        output=1
    )[0] == (("x0", 5.0, 1.0, 0.0),)


def test_importance_is_the_mean_size_of_contributions():
    m, x = model(1, spec={"outputs": 2}), rows(9)
    c = m.explain(x, "mean")
    expected = np.abs(c.contributions).mean((0, 1))
    assert list(c.importance) == list(NAMES)
    np.testing.assert_allclose(list(c.importance.values()), expected)


def test_contributions_as_json():
    c = model(0).explain(rows(4), "mean")
    plain_json = json.loads(json.dumps(c.to_dict(), allow_nan=False))
    assert plain_json["names"] == list(NAMES)
    np.testing.assert_array_equal(plain_json["contributions"], c.contributions)
    missing = np.isnan(c.table)
    assert (np.array(plain_json["table"], object)[missing] == None).all()  # noqa: E711


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x: m.explain(x, "median"), "baseline is 'median'.*Write baseline=\"mean\""),
        (lambda m, x: m.explain(x, "mean", "lime"), "method is 'lime'"),
        (lambda m, x: m.explain(x[:1], "mean"), "'mean' of one row.*sample=table"),
        (lambda m, x: m.explain(x, x[:0]), "The baseline has no rows"),
        (lambda m, x: m.explain(x, "highest"), '2 outputs.*Write baseline="mean"'),
        (lambda m, x: m.explain(x, "mean").reasons(), r"output is None for 2 output\(s\)"),
        (lambda m, x: m.explain(x, "mean").reasons(output=2), "output is 2 for 2"),
        (lambda m, x: m.explain(x, "mean").reasons(0, output=0), "k=0"),
        (lambda m, x: m.explain(x, "mean").reasons(side="up", output=0), "side='up'"),
        (lambda m, x: m.explain(x, "mean").text(5, output=0), "row is 5 of 4"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_advice(call, message):
    with pytest.raises(InvalidInput, match=message):
        call(model(spec={"outputs": 2}), rows(4))


def test_shap_finds_the_same_values():
    shap = pytest.importorskip("shap", reason="make peers installs SHAP")
    m, (x, base) = plain(3, columns=5), np.random.default_rng(0).normal(size=(2, 7, 5))
    explainer = shap.explainers.Exact(m.decision, shap.maskers.Independent(base, 7))
    found = m.explain(x, base)
    expected = explainer(x)
    np.testing.assert_allclose(found.contributions, expected.values, atol=1e-10)
    np.testing.assert_allclose(found.base, expected.base_values, atol=1e-10)


def test_the_typical_hour_is_the_mean_on_the_circle():
    hour, hours = Periodic(24.0, (0.0, 8.0, 16.0)), np.array([23.0, 1.0, 2.0, np.nan])
    typical = baselines._typical(hour, hours)
    assert min(abs(typical - 0.66), abs(typical - 24.66)) < 0.05
    assert baselines._typical(Linear(), hours) == pytest.approx(26 / 3)
