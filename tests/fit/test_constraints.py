"""Additive columns and shapes of single columns: fitted, certified, saved, resumed, streamed."""

import numpy as np
import pytest
from samples import problem_for

from eigcore import SpectralModel
from eigcore.encoding.cells import declared_orders
from eigcore.errors import InvalidOption
from eigcore.estimators import SpectralRegressor
from eigcore.fit import fit, fit_stream, resume

QUICK = {"knots": 4, "dim": 3, "members": 2, "penalty": 1e-3, "max_iter": 20, "validation": 0}


@pytest.fixture(scope="module")
def bent():
    """load bends up, temp bends down, and z turns the effect of load."""
    rng = np.random.default_rng(0)
    rows = 200
    load, temp, z = rng.uniform(-2, 2, (3, rows))
    kind = rng.choice(["a", "b", "c"], rows)
    y = load**2 - temp**2 + z * load + (kind == "a") + 0.05 * rng.normal(size=rows)
    return {"load": load, "temp": temp, "z": z, "kind": kind}, y


def proven(model):
    return {column.name: column for column in model.certify().columns}


def effects(model, table, name, values):
    """Change of the prediction along one column, for ten settings of the others: (10, values)."""
    count = len(values)
    rows = {n: np.repeat(np.asarray(each)[:10], count) for n, each in table.items()}
    found = model.predict(rows | {name: np.tile(values, 10)}).reshape(10, count)
    return found - found[:, :1]


def test_an_additive_column_has_one_effect_everywhere(bent, tmp_path):
    table, y = bent
    free = fit(table, y, **QUICK).model
    fit(table, y, **QUICK, additive=["z", "kind"]).model.save(tmp_path / "m.eig")
    model = SpectralModel.load(tmp_path / "m.eig")
    again = resume(model, {n: c[::-1] for n, c in table.items()}, y[::-1], max_iter=3)[0]
    for name, values in (("z", np.linspace(-3, 3, 9)), ("kind", np.array(["c", "a", "b"]))):
        assert np.ptp(effects(free, table, name, values), axis=0).max() > 0.1
        for each in (model, again):
            assert np.ptp(effects(each, table, name, values), axis=0).max() < 1e-9
            assert each.interaction(name).bound == 0.0
    assert [each.additive for each in proven(model).values()] == [False, False, True, True]
    assert "slope bound only" in str(model.certify())
    assert "between two levels, additive" in str(model.certify())


def test_one_column_is_convex_and_another_concave_whatever_the_rest(bent, tmp_path):
    table, y = bent
    result = fit(table, y, **QUICK, shape={"load": "convex", "temp": "concave"})
    result.model.save(tmp_path / "m.eig")
    model = SpectralModel.load(tmp_path / "m.eig")
    again = resume(model, table, y, max_iter=2)[0]
    grid = np.linspace(-3, 3, 25)
    for each in (model, again):
        assert np.diff(effects(each, table, "load", grid), 2).min() > -1e-9
        assert np.diff(effects(each, table, "temp", grid), 2).max() < 1e-9
        assert np.diff(effects(each, table, "load", grid), 2).max() > 0.1
        columns = proven(each)
        assert (columns["load"].convex, columns["load"].additive) == (True, False)
        assert (columns["temp"].concave, columns["temp"].additive) == (True, True)
        assert not columns["z"].convex
        assert not each.certify().convex
    assert any(note.startswith("Additive: temp, since") for note in result.report.notes)
    assert np.sqrt(np.mean((model.predict(table) - y) ** 2)) < 0.5
    assert {claim["kind"] for claim in model.prove().claims} >= {"convex"}


def test_a_column_can_rise_and_bend_and_others_stay_free(bent):
    table, y = bent
    options = QUICK | {"max_iter": 5}
    shape = {"load": "concave"}
    model = fit(
        table, y, **options, shape=shape, increasing=["load"], tails={"z": "constant"}
    ).model
    columns = proven(model)
    assert columns["load"].increasing
    assert columns["load"].concave
    assert columns["z"].convex is columns["z"].concave is False
    inside = model.predict({n: c[:1] for n, c in table.items()} | {"z": [2.0]})
    assert inside == model.predict({n: c[:1] for n, c in table.items()} | {"z": [9.0]})


def test_additive_columns_keep_any_shape_beside_any_eigenvalue(bent):
    table, y = bent
    shape = {"load": "convex", "temp": "concave"}
    told = {"shape": shape, "additive": ["load", "temp"], "neuron": {"index": "middle"}}
    columns = proven(fit(table, y, **QUICK | {"max_iter": 5}, **told).model)
    assert columns["load"].convex
    assert columns["temp"].concave
    assert columns["load"].additive


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"shape": {"lod": "convex"}}, r"shape names 'lod', .* \(did you mean 'load'\?\)"),
        ({"shape": {"kind": "convex"}}, "shape names 'kind', which is not a numeric column"),
        ({"shape": {"load": "round"}}, "shape is .*; expected one of convex, concave, or a mapp"),
        ({"additive": ["q"]}, "additive names 'q'"),
        (
            {"shape": {"load": "convex"}, "neuron": {"index": "middle"}},
            "neuron has the index 'middle' and the shape is",
        ),
        (
            {"shape": {"load": "convex"}, "neuron": {"functional": "bottom_sum", "r": 1}},
            "neuron has the functional 'bottom_sum'",
        ),
        ({"shape": {"load": "convex"}, "tails": {"load": "constant"}}, "tails is .* beside shape"),
        ({"shape": {"load": "convex"}, "tails": "constant"}, "tails is 'constant' beside shape"),
        ({"missing": "lowest"}, "increasing is .* beside a place of missing cells"),
        ({"missing": {"load": "lowest"}}, "increasing is .* Write increasing=.'load'."),
        ({"missing": {"z": "lowest"}, "increasing": ["load"]}, "missing names 'z', which is neith"),
        (
            {"missing": "highest", "increasing": ["z"], "tails": "linear"},
            "missing names 'z', whose predictions go on without end",
        ),
    ],
)
def test_what_cannot_be_combined_is_refused(bent, told, words):
    with pytest.raises(InvalidOption, match=words):
        problem_for(*bent, **told)


@pytest.fixture(scope="module")
def gaps():
    """y rises with a and falls with b; missing cells are like a = 1 and b = 0.3."""
    rng = np.random.default_rng(1)
    a, b = rng.uniform(-2, 2, (2, 240))
    y = a - b + 0.3 * a * (b > 0) + 0.05 * rng.normal(size=240)
    y[:40] += 1.0 - a[:40]
    y[40:90] += b[40:90] - 0.3
    a[:40], b[40:90] = np.nan, np.nan
    return {"a": a, "b": b}, y


WAYS = {"increasing": ["a"], "decreasing": ["b"]}


@pytest.mark.parametrize("knots", [0, 5])
def test_missing_cells_stand_where_they_were_told(gaps, knots, tmp_path):
    table, y = gaps
    told = QUICK | WAYS | {"knots": knots, "missing": {"a": "highest", "b": "between"}}
    fit(table, y, **told).model.save(tmp_path / "m.eig")
    model = SpectralModel.load(tmp_path / "m.eig")
    again = resume(model, table, y, max_iter=2)[0]
    grid = np.append(np.linspace(-9, 9, 30), np.nan)
    for each in (model, again):
        a, b = (effects(each, table, name, grid) for name in ("a", "b"))
        assert (a[:, -1] >= a[:, -2]).all()
        assert (b[:, -1] > b[:, -2]).all()
        assert (b[:, -1] < b[:, 0]).all()
        columns = proven(each)
        assert columns["a"].missing.highest
        assert columns["b"].missing.between
        moved = b[:, -1] - b[:, -2]  # from the largest b, where predictions are lowest
        assert (columns["b"].missing.low <= moved).all()
        assert (moved <= columns["b"].missing.high).all()
    text = str(model.certify())
    assert "never falls among known values; missing: never below them" in text
    assert "never rises among known values; missing: between them" in text
    # the place between is that of a value with the same target
    assert model.provenance["constraints"]["missing"]["b"] == pytest.approx(0.3, abs=0.5)


def test_the_text_says_how_far_a_free_missing_cell_is(gaps):
    table, y = gaps
    model = fit(table, y, **QUICK, **WAYS, additive=["a"]).model
    place = proven(model)["a"].missing
    moved = model.predict({"a": [np.nan], "b": [0.0]}) - model.predict({"a": [-2.0], "b": [0.0]})
    assert place.low <= moved[0] <= place.high
    assert place.high - place.low < 1e-9  # additive: known exactly
    assert place.between
    assert moved[0] == pytest.approx(3.0, abs=0.5)
    free = proven(model)["b"].missing
    assert free.lowest is free.highest is False
    assert free.between or f"more than at {free.start!r}" in str(model.certify())


@pytest.fixture(scope="module")
def grades():
    rng = np.random.default_rng(2)
    names = ["low", "mid", "high", "top", "unused"]
    grade, z = rng.integers(0, 4, 160), rng.normal(size=160)
    y = np.array([0.0, 2.0, 1.5, 3.0])[grade] * (1 + 0.3 * z)
    return names, {"grade": np.array(names, object)[grade], "z": z}, y


def test_ordered_levels_rise_one_after_another(grades, tmp_path):
    names, table, y = grades
    told = QUICK | {"increasing": ["grade"], "order": {"grade": names}}
    fit(table, y, **told).model.save(tmp_path / "m.eig")
    model = SpectralModel.load(tmp_path / "m.eig")
    again = resume(model, table, y, max_iter=2)[0]
    for each in (model, again):
        steps = np.diff(effects(each, table, "grade", np.array(names, object)))
        assert steps.min() >= 0.0
        assert steps.max() > 1.0
        assert steps[:, -1].max() < 1e-9  # no row tells the last level from the one before
        assert proven(each)["grade"].increasing
        assert not proven(each)["grade"].decreasing
    assert "never falls from level to level" in str(model.certify())
    free = fit(table, y, **QUICK).model
    assert np.diff(effects(free, table, "grade", np.array(names[:4], object))).min() < -0.1
    assert not proven(free)["grade"].increasing


def test_data_frames_declare_an_order(grades):
    pd = pytest.importorskip("pandas")
    names, table, y = grades
    frame = pd.DataFrame(table)
    frame["grade"] = pd.Categorical(frame["grade"], categories=names, ordered=True)
    short = QUICK | {"members": 1, "max_iter": 2}
    model = fit(frame, y, **short, decreasing=["grade"], additive=["grade"]).model
    column = proven(model)["grade"]
    assert model.encoding.columns[0].levels == tuple(names)
    assert (column.decreasing, column.additive) == (True, True)
    assert not fit(frame, y, **short).model.encoding.columns[0].ordered
    told = {"knots": 2, "dim": 2, "n_estimators": 1, "penalty": 1e-3, "max_iter": 2}
    one = SpectralRegressor(**told, monotone={"grade": 1}).fit(frame, y)
    assert proven(one.model_)["grade"].increasing
    batches = [frame[:80].assign(y=y[:80]), frame[80:].assign(y=y[80:])]
    streamed = {"knots": 2, "dim": 2, "members": 1, "penalty": 1e-3, "epochs": 1}
    result = fit_stream(batches, "y", increasing=["grade"], **streamed)
    assert proven(result.model)["grade"].increasing
    polars = pytest.importorskip("polars")
    enum = polars.DataFrame({"g": polars.Series(list(table["grade"]), dtype=polars.Enum(names))})
    assert declared_orders(enum) == {"g": tuple(names)}


def test_an_order_has_every_level(grades):
    _, table, y = grades
    told = {"increasing": ["grade"], "order": {"grade": ["low", "mid", "top"]}}
    with pytest.raises(InvalidOption, match="order has no place for the level 'high'"):
        problem_for(table, y, **told)
    with pytest.raises(InvalidOption, match="increasing names 'grade', which holds categories"):
        problem_for(table, y, increasing=["grade"])
    codes = {"n": np.arange(160) % 3}
    told = {"increasing": ["n"], "order": {"n": ["2", "0", "1"]}}  # as typed in the command
    column = problem_for(codes, y, **told).encoding.columns[0]
    assert column.levels == (2, 0, 1)


@pytest.fixture(scope="module")
def coded():
    """Income from 0 to 10, where -9 is worth 20, -8 is worth -5, and an empty cell 2."""
    rng = np.random.default_rng(3)
    income, z = rng.uniform(0, 10, 200), rng.normal(size=200)
    kind = np.arange(200) % 8
    worth = np.select([kind == 0, kind == 1, kind == 2], [20.0, -5.0, 2.0], income)
    income = np.select([kind == 0, kind == 1, kind == 2], [-9.0, -8.0, np.nan], income)
    return {"income": income, "z": z}, worth + z


PROBE = {"income": [-9, -8, None, 0.0, 10.0], "z": [0.0] * 5}


def test_special_codes_are_kinds_of_missing_cells(coded, tmp_path):
    table, y = coded
    told = {"codes": {"income": [-9, -8]}, "increasing": ["income"]}
    result = fit(table, y, **QUICK, **told)
    result.model.save(tmp_path / "m.eig")
    model = SpectralModel.load(tmp_path / "m.eig")
    again = resume(model, table, y, max_iter=2)[0]
    array = np.array([PROBE["income"], PROBE["z"]], dtype=float).T
    for each in (model, again):
        np.testing.assert_allclose(each.predict(PROBE), [20, -5, 2, 0, 10], atol=1.0)
        np.testing.assert_array_equal(each.predict(array), each.predict(PROBE))
        np.testing.assert_array_equal(
            each.predict(each.encoding.table(array), codes=True), each.predict(PROBE)
        )
        assert proven(each)["income"].increasing
    assert any("code(s) -9, -8 are missing cells" in note for note in result.report.notes)
    assert model.encoding.columns[0].knots[0] >= 0.0  # no code among the numbers
    assert model.encoding.unseen(PROBE) == {}
    found = model.range({"z": (0.0, 0.0)})  # from the first knot to the last, without codes
    assert -1.0 < found.lower < 1.0
    assert 9.0 < found.upper < 11.0


def test_codes_are_for_numbers(coded):
    table, y = coded
    with pytest.raises(InvalidOption, match=r"codes names 'incom', .*did you mean 'income'"):
        problem_for(table, y, codes={"incom": [-9]})
    with pytest.raises(InvalidOption, match=r"codes is .*; expected a mapping of columns to"):
        problem_for(table, y, codes={"income": ["x"]})
    own = table | {"income (code)": table["z"]}
    with pytest.raises(InvalidOption, match=r"has a column 'income .code.' already"):
        problem_for(own, y, codes={"income": [-9]})
    one = SpectralRegressor(
        knots=3, dim=2, n_estimators=1, penalty=1e-3, max_iter=9, codes={0: [-9, -8]}
    )
    one.fit(np.stack(list(table.values()), 1), y)
    array = np.array([PROBE["income"], PROBE["z"]], dtype=float).T
    np.testing.assert_allclose(one.predict(array), [20, -5, 2, 0, 10], atol=2.0)
    assert one.n_features_in_ == 2


def test_a_stream_keeps_additive_and_shaped_columns(bent):
    table, y = bent
    options = {"dim": 3, "knots": 4, "penalty": 1e-3, "members": 1, "epochs": 1, "batch_rows": 50}
    told = {"shape": {"load": "convex"}, "additive": ["z", "kind"]}
    told |= {"decreasing": ["temp"], "missing": {"temp": "lowest"}}
    temp = np.where(np.arange(len(y)) % 5, table["temp"], np.nan)
    result = fit_stream([table | {"temp": temp, "y": y}], "y", **options, **told)
    columns = proven(result.model)
    assert columns["temp"].missing.lowest
    assert columns["load"].convex
    assert columns["z"].additive
    assert columns["kind"].additive


def test_estimators_name_columns_by_label_or_place(bent):
    table, y = bent
    X = np.stack([table[name] for name in ("load", "temp", "z")], 1)
    told = {"knots": 3, "dim": 2, "n_estimators": 1, "penalty": 1e-3, "max_iter": 3}
    X[:9, 1] = np.nan
    told |= {"monotone": {1: -1}, "missing": {1: "highest"}}
    model = SpectralRegressor(**told, shape={0: "convex"}, additive=[-1], tails={2: "linear"})
    columns = proven(model.fit(X, y).model_)
    assert columns["x0"].convex
    assert columns["x2"].additive
    assert columns["x1"].missing.highest
    again = SpectralRegressor.from_model(model.model_).set_params(warm_start=True, max_iter=1)
    again.set_params(shape={"x0": "convex"}, additive=["x2"]).fit(X, y)
    with pytest.raises(ValueError, match="additive is"):
        again.set_params(additive=["x1"]).fit(X, y)
    with pytest.raises(ValueError, match=r"shape .*names 7"):
        SpectralRegressor(shape={7: "convex"}).fit(X, y)
