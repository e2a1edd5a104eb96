"""The estimators inside other people's tools, and the code of the page about them."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")

import sklearn  # noqa: E402, TID253
from sklearn.feature_selection import RFE, SelectFromModel  # noqa: E402, TID253
from sklearn.model_selection import GridSearchCV  # noqa: E402, TID253
from sklearn.pipeline import make_pipeline  # noqa: E402, TID253
from sklearn.preprocessing import StandardScaler  # noqa: E402, TID253

from eigcore import EigSpec, SpectralModel  # noqa: E402
from eigcore.encoding import Encoding, Linear, Periodic  # noqa: E402
from eigcore.estimators import TRUSTED, SpectralClassifier, SpectralRegressor  # noqa: E402

QUICK = {"dim": 3, "knots": 2, "penalty": 1e-3, "n_estimators": 1, "max_iter": 30}
SETTINGS = QUICK | {"random_state": 0}
PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text()
FIRST, *BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
HEAVY = {
    "mlflow": "MLflow (heavy: pip install mlflow)",
    "shap": "SHAP (make peers installs it)",
    "pyspark": "Spark (heavy: pip install pyspark, and Java)",
}
"""Packages of the page that are not among the extras."""


def named(code):
    """The first package that a block imports."""
    return re.search(r"(?:import|from) (\w+)", code)[1]


# Intervals ----------------------------------------------------------------------------------------


def test_a_calibrated_regressor_has_intervals_that_its_file_keeps(mixed, tmp_path):
    X, y, _ = mixed
    model = SpectralRegressor(**SETTINGS).fit(X[:150], y[:150]).calibrate(X[150:250], y[150:250])
    ends = model.predict_interval(X[250:], 0.8)
    assert ends.shape == (50, 2)
    assert 0.6 < np.mean((ends[:, 0] <= y[250:]) & (y[250:] <= ends[:, 1])) < 0.95
    model.model_.save(tmp_path / "m.eig")
    loaded = SpectralRegressor.from_model(tmp_path / "m.eig")
    np.testing.assert_array_equal(loaded.predict_interval(X[250:], 0.8), ends)
    wide = model.predict_interval(X[250:], 0.8, box={"a": 0.1})
    assert (np.diff(wide) >= np.diff(ends)).all()
    assert model.fit(X[:150], y[:150]).model_.calibration is None


def test_a_calibrated_classifier_has_sets(mixed):
    X, _, labels = mixed
    model = SpectralClassifier(**SETTINGS).fit(X[:150], labels[:150])
    model = model.calibrate(X[150:250], labels[150:250])
    sets = model.predict_set(X[250:], 0.8)
    assert (sets.shape, sets.dtype) == ((50, 3), bool)
    assert sets[np.arange(50), np.searchsorted(model.classes_, labels[250:])].mean() > 0.65
    assert (model.predict_set(X[250:], 0.8, box={"a": 0.1}) >= sets).all()


def test_mapie_works_with_the_estimators(mixed):
    mapie = pytest.importorskip("mapie.regression", reason="make peers installs MAPIE")
    X, y, _ = mixed
    numbers = X[["a"]].to_numpy()
    model = SpectralRegressor(**SETTINGS).fit(numbers[:150], y[:150])
    split = mapie.SplitConformalRegressor(model, confidence_level=0.8, prefit=True)
    _, theirs = split.conformalize(numbers[150:250], y[150:250]).predict_interval(numbers[250:])
    ours = model.calibrate(numbers[150:250], y[150:250]).predict_interval(numbers[250:], 0.8)
    np.testing.assert_allclose(theirs[:, :, 0], ours, rtol=1e-9)
    cross = mapie.CrossConformalRegressor(SpectralRegressor(**SETTINGS), confidence_level=0.8, cv=3)
    _, ends = cross.fit_conformalize(numbers[:150], y[:150]).predict_interval(numbers[250:])
    assert np.mean((ends[:, 0, 0] <= y[250:]) & (y[250:] <= ends[:, 1, 0])) > 0.6


def test_mapie_finds_the_same_sets(mixed):
    mapie = pytest.importorskip("mapie.classification", reason="make peers installs MAPIE")
    X, _, labels = mixed
    numbers = X[["a"]].to_numpy()
    model = SpectralClassifier(**SETTINGS).fit(numbers[:150], labels[:150])
    split = mapie.SplitConformalClassifier(model, 0.8, prefit=True, conformity_score="lac")
    _, theirs = split.conformalize(numbers[150:250], labels[150:250]).predict_set(numbers[250:])
    ours = model.calibrate(numbers[150:250], labels[150:250]).predict_set(numbers[250:], 0.8)
    theirs = theirs[:, :, 0]
    alone = ~theirs.any(1)  # where MAPIE's set is empty, ours has the most probable class
    np.testing.assert_array_equal(theirs[~alone], ours[~alone])
    assert (ours[alone].sum(1) == 1).all()


# Importances --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SpectralRegressor, SpectralClassifier])
def test_importances_are_shares_that_do_not_depend_on_units(mixed, kind):
    X, y, labels = mixed
    X = X.assign(noise=np.random.default_rng(1).normal(size=300))
    y = labels if kind is SpectralClassifier else y
    found = kind(**SETTINGS).fit(X, y).feature_importances_
    assert found.sum() == pytest.approx(1.0)
    a, b, kinds, *rest = found
    assert min(a, b, kinds) > 2 * max(rest)
    other = X.assign(a=X.a * 1024, b=X.b / 2**20, noise=X.noise * 2.0**30)
    rescaled = kind(**SETTINGS).fit(other, y)
    np.testing.assert_allclose(rescaled.feature_importances_, found, rtol=1e-9)
    assert rescaled.feature_norms_[1] > 1e5 * rescaled.feature_norms_[0]


def test_a_weight_of_two_is_a_row_twice(mixed):
    X, y, _ = mixed
    counts = np.random.default_rng(2).integers(0, 3, 300)
    one = SpectralRegressor(**SETTINGS).fit(X, y, sample_weight=counts)
    two = SpectralRegressor(**SETTINGS).fit(X.loc[X.index.repeat(counts)], y.repeat(counts))
    assert np.array_equal(one.feature_importances_, two.feature_importances_)


def test_a_resumed_fit_measures_its_own_rows_and_a_file_has_none(mixed, tmp_path):
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS).fit(X, y)
    before = fitted.feature_importances_
    fitted.partial_fit(X.assign(kind="u"), y)
    assert before[2] > 0.05
    assert fitted.feature_importances_[2] == pytest.approx(0.0)
    fitted.model_.save(tmp_path / "m.eig")
    assert not hasattr(SpectralRegressor.from_model(tmp_path / "m.eig"), "feature_importances_")


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_rfe_keeps_the_column_that_matters_in_any_unit(scale):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X[:, 0] + 0.05 * X[:, 1]
    X = X * [scale, 1.0, 1 / scale]
    found = RFE(SpectralRegressor(**SETTINGS), n_features_to_select=1).fit(X, y)
    assert found.ranking_.tolist() == [1, 2, 3]
    found = RFE(SpectralClassifier(**SETTINGS), n_features_to_select=1).fit(X, y > 0)
    assert found.support_.tolist() == [True, False, False]


def test_select_from_model_takes_frames_with_text_and_missing_cells(mixed):
    X, y, _ = mixed
    X = X.assign(unit=1e-9 * np.random.default_rng(1).normal(size=300))
    select = SelectFromModel(SpectralRegressor(**SETTINGS), threshold=0.05)
    kept = select.set_output(transform="pandas").fit(X, y).transform(X)
    assert list(kept) == ["a", "b", "kind"]
    again = make_pipeline(select, SpectralRegressor(**SETTINGS)).fit(X, y)
    assert again.score(X, y) > 0.95


# scikit-learn's own machinery ---------------------------------------------------------------------


def test_weights_are_routed_through_a_pipeline_and_a_search(mixed):
    X, y, _ = mixed
    X, weights = X[["a"]], np.random.default_rng(0).integers(0, 3, 300).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        own = SpectralRegressor(**SETTINGS).set_fit_request(sample_weight=True)
        own.set_score_request(sample_weight=True)
        steps = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), own)
        search = GridSearchCV(steps, {"spectralregressor__knots": [2]}, cv=2)
        search.fit(X, y, sample_weight=weights)
    scaled = StandardScaler().fit_transform(X)
    expected = SpectralRegressor(**SETTINGS).fit(scaled, y, weights).predict(scaled)
    assert np.array_equal(search.predict(X), expected)
    assert not np.array_equal(
        SpectralRegressor(**SETTINGS).fit(scaled, y).predict(scaled), expected
    )


def test_everything_that_fit_takes_can_be_requested():
    for kind, names in ((SpectralRegressor, set()), (SpectralClassifier, {"classes"})):
        with sklearn.config_context(enable_metadata_routing=True):
            asked = kind().set_fit_request(sample_weight=True)
            asked.set_partial_fit_request(sample_weight=True, **dict.fromkeys(names, True))
            found = asked.get_metadata_routing()
        beside = {"exposure", "offset"} if kind is SpectralRegressor else set()
        split = {"groups", "time"}
        assert found.fit.requests == {"sample_weight": True} | dict.fromkeys(beside | split)
        wanted = {"sample_weight"} | beside | names
        assert set(found.partial_fit.requests) - split == wanted


def test_a_notebook_shows_parameters_and_what_was_fitted(mixed):
    X, y, _ = mixed
    estimator = SpectralRegressor(**SETTINGS, monotone={"a": 1})
    assert "monotone" in estimator._repr_html_()
    shown = estimator.fit(X, y)._repr_html_()
    assert "Fitted" in shown
    if find_spec("sklearn.callback"):  # scikit-learn 1.9, which shows attributes too
        assert "feature_importances_" in shown
        assert "SpectralModel" in shown
    assert "monotone" in make_pipeline(estimator)._repr_html_()


# skops --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"monotone": {"a": 1}, "early_stopping": True, "warm_start": True},
        {"functional": "smooth", "functional_params": {"alpha": 0.3}},
        {"functional": "top_sum", "functional_params": {"r": 2}, "structure": "tridiagonal"},
        {"functional": "bottom_sum", "functional_params": {"r": 2}},
        {"functional": "softmax", "functional_params": {"t": 0.5}, "loss": "huber"},
        {"functional": "weighted", "functional_params": {"weights": np.ones(3)}},
        {"random_state": np.random.RandomState(0)},
    ],
)
def test_skops_loads_what_it_is_told_to_trust(mixed, options):
    io = pytest.importorskip("skops.io")
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS | options).fit(X, y)
    content = io.dumps(make_pipeline(fitted))
    assert set(io.get_untrusted_types(data=content)) <= set(TRUSTED)
    again = io.loads(content, trusted=TRUSTED)[0]
    assert np.array_equal(again.predict(X), fitted.predict(X))
    assert again.model_.certify() == fitted.model_.certify()
    assert repr(again.report_) == repr(fitted.report_)
    again.set_params(warm_start=True).fit(X, y)


def test_skops_loads_classes_projections_and_every_kind_of_column(mixed):
    io = pytest.importorskip("skops.io")
    X, _, labels = mixed
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(400, 3))
    summed = SpectralRegressor(**SETTINGS, projections=1).fit(Z, np.abs(Z[:, 0] + Z[:, 1]))
    assert summed.model_.encoding.projections
    encoding = Encoding((Periodic(24.0, (1.0, 9.0)), Linear(missing=True)), ("hour", "a"))
    spec = EigSpec(encoding.terms, 3)
    made = SpectralModel(encoding, [(spec, rng.normal(size=spec.params_shape))])
    made = SpectralRegressor.from_model(made)
    for fitted, table in (
        (SpectralClassifier(**SETTINGS).fit(X, labels), X),
        (SpectralClassifier(**SETTINGS).fit(X, labels == "low"), X),
        (summed, Z),
        (made, pd.DataFrame({"hour": [3.0, 22.0], "a": [np.nan, 1.0]})),
    ):
        again = io.loads(io.dumps(fitted), trusted=TRUSTED)
        assert np.array_equal(again.predict(table), fitted.predict(table))


def test_skops_does_not_trust_a_callback_of_somebody():
    io = pytest.importorskip("skops.io")
    content = io.dumps(SpectralRegressor(callback=shutil.rmtree))
    with pytest.raises(TypeError, match="rmtree"):
        io.loads(content, trusted=TRUSTED)


# dask ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of_file", [False, True])
def test_dask_predicts_partitions_of_any_size(mixed, of_file):
    frames = pytest.importorskip("dask.dataframe")
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS).fit(X, y)
    predict = fitted.model_.predict if of_file else fitted.predict
    parts = frames.from_pandas(X, npartitions=3)
    for table in (parts, parts[parts.a > 1.5], parts[parts.a > 100.0]):
        meta = parts._meta.assign(p=0.0)
        found = table.map_partitions(lambda part: part.assign(p=predict(part)), meta=meta).compute()
        assert len(found) == len(table)
        assert np.array_equal(found.p, predict(X.loc[found.index]))
        again = table.assign(p=table.map_partitions(predict, meta=("p", float))).compute()
        assert again.equals(found)


# The page -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def begun():
    """The names of the first block."""
    names = {}
    exec(compile(FIRST, "docs/tools.md", "exec"), names)
    return names


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("code", BLOCKS, ids=named)
def test_the_code_of_the_page_runs(code, begun, tmp_path, monkeypatch):
    for package in re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE):
        pytest.importorskip(package, reason=f"{HEAVY.get(package, package)} is not installed")
    monkeypatch.chdir(tmp_path)
    before = [block for block in BLOCKS if "def predict_frames" in block] if "spark" in code else []
    names = dict(begun)
    for block in (*before, code):
        exec(compile(block, "docs/tools.md", "exec"), names)
