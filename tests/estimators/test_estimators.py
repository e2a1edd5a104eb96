"""The scikit-learn estimators: the protocol's own checks, tables, constraints, classes."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")

from sklearn.base import clone  # noqa: E402, TID253
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402, TID253
from sklearn.pipeline import make_pipeline  # noqa: E402, TID253
from sklearn.preprocessing import StandardScaler  # noqa: E402, TID253
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402, TID253

import eigcore  # noqa: E402
from eigcore.errors import InvalidInput, ModelFileError, NonFiniteInput, UnseenLevels  # noqa: E402
from eigcore.estimators import SpectralClassifier, SpectralRegressor  # noqa: E402
from eigcore.estimators.columns import as_numbers  # noqa: E402

QUICK = {"dim": 3, "knots": 2, "penalty": 1e-3, "n_estimators": 1, "max_iter": 60}
SETTINGS = QUICK | {"random_state": 0}


# The settings are fixed here for speed; with all of them chosen the checks pass too (8 minutes).
@parametrize_with_checks(
    [
        SpectralRegressor(**QUICK),
        SpectralClassifier(**QUICK),
        SpectralRegressor(**QUICK, loss="huber", structure="tridiagonal", early_stopping=True),
    ]
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


# Tables ---------------------------------------------------------------------------------------


def test_missing_cells_and_categories_are_handled_by_the_encoding(mixed):
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS).fit(X, y)
    assert fitted.score(X, y) > 0.97
    assert fitted.model_.encoding.names == tuple(X.columns)
    kinds = [column.kind for column in fitted.model_.encoding.columns]
    assert kinds[2:] == ["categories"] * 3
    assert fitted.feature_names_in_.tolist() == list(X.columns)
    # a frame's columns are checked by scikit-learn: names, and their order
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(X[["b", "a", "kind", "code", "text"]])


def test_levels_never_seen_get_no_matrix_and_missing_cells_never_seen_are_errors(mixed):
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS).fit(X, y)
    new = X.head(3).assign(kind="never")
    assert np.isfinite(fitted.predict(new)).all()
    with pytest.raises(NonFiniteInput, match="'a' has 3 missing"):
        fitted.predict(X.head(3).assign(a=np.nan))


def test_empty_text_is_missing_in_the_fit_and_later(mixed):
    X, y, _ = mixed
    X, y = X.assign(text=np.where(X.index < 100, "", X.text)), y + 3.0 * (X.index < 100)
    fitted = SpectralRegressor(**SETTINGS).fit(X, y)
    assert fitted.score(X, y) > 0.97
    same = fitted.predict(X.assign(text=X.text.astype(object).where(X.text != "", None)))
    assert np.array_equal(fitted.predict(X), same)


def test_categories_of_text_and_numbers_keep_their_types(mixed):
    X, y, _ = mixed
    levels = np.array([1, "u", "v"], dtype=object)[X.code.astype(int) % 3]
    X, y = X.assign(code=pd.Categorical(levels)), y + 3.0 * (levels == 1)
    fitted = SpectralRegressor(**SETTINGS).fit(X, y)
    assert fitted.model_.encoding.columns[3].levels == (1, "u", "v")
    assert fitted.score(X, y) > 0.97
    assert fitted.model_.encoding.unseen(X.head(3).assign(code=2)) == {"code": {2: 3}}


@pytest.mark.parametrize("categorical", [[1], [False, True], np.array([1]), ["x1", 1], "x1"])
def test_columns_of_codes_in_an_array(categorical):
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=200), rng.integers(0, 5, 200)])
    y = X[:, 0] + np.array([3.0, -1.0, 4.0, 1.0, -5.0])[X[:, 1].astype(int)]
    options = SETTINGS | {"categorical_features": categorical}
    coded = SpectralRegressor(**options).fit(X, y)
    assert coded.score(X, y) > 0.999
    assert coded.model_.encoding.columns[1].levels == (0.0, 1.0, 2.0, 3.0, 4.0)
    text = X.astype(object)
    text[:, 1] = [f"level {code}" for code in X[:, 1]]
    named = SpectralRegressor(**options).fit(text, y)
    assert named.score(text, y) > 0.999


def test_columns_without_information_have_no_effect(mixed):
    X, y, _ = mixed
    more = X.assign(same=3.0, empty=np.nan, words="one", none=pd.Series([None] * 300, dtype=object))
    fitted = SpectralRegressor(**SETTINGS).fit(more, y)
    assert np.isfinite(fitted.predict(more)).all()
    assert fitted.feature_norms_[-4:].tolist() == [0.0] * 4
    assert (fitted.feature_norms_[:5] > 0.0).all()
    constant = SpectralRegressor(**SETTINGS | {"max_iter": 200}).fit(X, np.full(300, 7.0))
    assert np.allclose(constant.predict(X), 7.0)


def test_other_frames_are_frames_too(mixed):
    arrow = pytest.importorskip("pyarrow")
    X, y, _ = mixed
    numbers = X[["a", "b"]]
    fitted = SpectralRegressor(**SETTINGS).fit(numbers, y)
    table = arrow.Table.from_pandas(numbers)
    again = SpectralRegressor(**SETTINGS).fit(table, y)
    assert np.allclose(again.predict(table), fitted.predict(numbers))


def test_float32_stays_float32():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(100, 2)).astype(np.float32)
    y = X[:, 0] > 0.1 * X[:, 1]
    regressor = SpectralRegressor(**SETTINGS).fit(X, X[:, 0])
    classifier = SpectralClassifier(**SETTINGS).fit(X, y)
    for values in (
        regressor.predict(X),
        regressor.predict(pd.DataFrame(X).to_numpy()),
        classifier.predict_proba(X),
        classifier.decision_function(X),
    ):
        assert values.dtype == np.float32
    assert regressor.predict(X.astype(float)).dtype == np.float64
    assert classifier.predict(X).dtype == bool


def test_order_of_rows_and_repeated_rows_do_not_matter():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(60, 2)), rng.normal(size=60)
    counts = rng.integers(0, 4, 60)
    shuffled = rng.permutation(60)
    one = SpectralRegressor(**SETTINGS).fit(X, y, sample_weight=counts)
    two = SpectralRegressor(**SETTINGS).fit(X[shuffled], y[shuffled], counts[shuffled])
    three = SpectralRegressor(**SETTINGS).fit(X.repeat(counts, 0), y.repeat(counts))
    assert np.array_equal(one.predict(X), two.predict(X))
    assert np.array_equal(one.predict(X), three.predict(X))


# Constraints ------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", ["dense", "tridiagonal", "banded:1", "diagonal"])
@pytest.mark.parametrize("monotone", [{"a": 1, "b": -1}, [1, -1, 0, 0, 0]])
def test_monotone_columns_are_proven_for_every_structure(mixed, structure, monotone):
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS, structure=structure, monotone=monotone).fit(X, y)
    a, b, *_ = fitted.model_.certify().columns
    assert a.increasing
    assert b.decreasing
    assert fitted.model_.members[0][0].structure == structure
    grid = X.sample(200, replace=True, random_state=0).assign(a=np.linspace(-4, 4, 200))
    grid = grid.assign(**{name: grid[name].iloc[0] for name in X.columns[1:]})
    assert (np.diff(fitted.predict(grid)) >= 0).all()


@pytest.mark.parametrize(
    ("options", "convex"),
    [
        ({"shape": "convex"}, True),
        ({"shape": "convex", "monotone": {"a": 1}}, True),
        ({"functional": "softmax", "functional_params": {"t": 0.5}, "shape": "convex"}, True),
        ({"functional": "top_sum", "functional_params": {"r": 2}, "shape": "convex"}, True),
        ({"index": "convex", "knots": 0}, True),
        ({"index": 0}, False),
        ({"functional": "smooth", "functional_params": {"alpha": 0.3}}, False),
        ({"functional": "weighted", "functional_params": {"weights": [1, -2, 1]}}, False),
    ],
)
def test_shapes_and_functionals_reach_the_model(mixed, options, convex):
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS | options).fit(X, y)
    spec, _ = fitted.model_.members[0]
    assert spec.functional == options.get("functional", "kth")
    assert fitted.model_.certify().convex == convex
    assert fitted.score(X, y) > (0.5 if convex else 0.9)


def test_a_classifier_of_two_is_monotone_and_one_of_three_promises_nothing(mixed):
    X, y, labels = mixed
    fitted = SpectralClassifier(**SETTINGS, monotone={"a": 1}).fit(X, y > 1.0)
    assert fitted.model_.certify().columns[0].increasing
    with pytest.raises(InvalidInput, match="depends on the decisions of all classes"):
        SpectralClassifier(**SETTINGS, monotone={"a": 1}).fit(X, labels)


# Classes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_three_classes_on_every_backend_and_from_the_file(mixed, backend, tmp_path):
    if backend != "numpy":
        pytest.importorskip(backend)
    X, _, labels = mixed
    fitted = SpectralClassifier(**SETTINGS).fit(X, labels)
    assert fitted.classes_.tolist() == ["low", "middle", "top"]
    assert fitted.score(X, labels) > 0.93
    probability = fitted.predict_proba(X)
    assert np.allclose(probability.sum(1), 1.0)
    assert np.allclose(fitted.model_.predict(X, backend=backend), probability, atol=1e-5)
    fitted.model_.save(tmp_path / "m.eig")
    again = SpectralClassifier.from_model(tmp_path / "m.eig", backend=backend)
    assert again.predict(X).tolist() == fitted.predict(X).tolist()
    assert np.allclose(again.decision_function(X), fitted.decision_function(X), atol=1e-4)


@pytest.mark.parametrize("labels", [[False, True], [0, 1], [3, 7, 11], ["b", "a"], [1.0, 2.0, 5.0]])
def test_labels_keep_their_type(labels):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(90, 2))
    place = np.digitize(X[:, 0], [-0.4, 0.4] if len(labels) == 3 else [0.0])
    y = np.array(labels)[place]
    fitted = SpectralClassifier(**SETTINGS).fit(X, y)
    assert fitted.predict(X).dtype == y.dtype
    assert fitted.score(X, y) > 0.95
    assert list(fitted.model_.static.classes) == sorted(labels)


def test_local_certificates_of_classes_hold_for_every_point_tried(mixed):
    X, _, labels = mixed
    X = X[["a", "b"]].fillna(0.0)
    model = SpectralClassifier(**SETTINGS).fit(X, labels).model_
    rows = X.head(40).to_numpy()
    found = model.certify(x=rows, radius=0.2).local
    rng = np.random.default_rng(5)
    for _ in range(40):
        inside = model.predict(rows + rng.uniform(-0.2, 0.2, rows.shape))
        assert (inside >= found.lower).all()
        assert (inside <= found.upper).all()
        same = inside.argmax(-1) == model.predict(rows).argmax(-1)
        assert same[found.decided].all()
    assert 0 < found.decided.sum() < 40
    assert ((found.scale > 1.0) == found.decided).mean() > 0.95
    with pytest.raises(InvalidInput, match="Expected none"):
        model.certify(x=rows, radius=0.2, threshold=0.5)


def test_no_direction_of_a_probability_is_claimed_from_scores_that_all_rise():
    from eigcore.core.canonical import pack
    from eigcore.core.spec import EigSpec

    spec = EigSpec(features=1, dim=2, outputs=2)
    steep = [pack(spec, np.array([np.zeros((2, 2)), slope * np.eye(2)])) for slope in (1.0, 3.0)]
    options = {"link": "softmax", "classes": ("no", "yes")}
    model = eigcore.SpectralModel(None, [(spec, np.array(steep))], **options)
    column = model.certify().columns[0]
    assert not column.increasing
    assert np.diff(model.predict(np.array([[0.0], [1.0]]))[:, 0]) < 0


# Features in and out --------------------------------------------------------------------------


def test_transform_splits_the_decision_into_named_columns(mixed):
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS).set_output(transform="pandas").fit(X, y)
    parts = fitted.transform(X)
    assert list(parts.columns) == list(X.columns)
    assert parts.index.equals(X.index)
    story = fitted.model_.explain(X)
    assert np.allclose(parts.sum(axis=1) + story.intercept + story.remainder, fitted.predict(X))


def test_transform_names_classes_and_projections(mixed):
    X, _, labels = mixed
    fitted = SpectralClassifier(**SETTINGS).set_output(transform="pandas").fit(X, labels)
    parts = fitted.transform(X)
    assert parts.columns[0] == "low: a"
    assert parts.shape == (300, 3 * 5)
    decision = fitted.model_.explain(X)
    assert np.allclose(parts["top: b"], decision.contributions[:, 2, 1])
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(400, 3))
    summed = SpectralRegressor(**SETTINGS, projections=1).fit(Z, np.abs(Z[:, 0] + Z[:, 1]))
    names = summed.get_feature_names_out()
    assert list(names[:3]) == ["x0", "x1", "x2"]
    assert len(names) == summed.transform(Z).shape[1] == 4


def test_float32_is_kept_beside_categories(mixed):
    X, y, _ = mixed
    single = X.astype({"a": np.float32, "b": np.float32})
    fitted = SpectralRegressor(**SETTINGS).fit(single, y)
    assert fitted.predict(single).dtype == fitted.transform(single).dtype == np.float32
    assert fitted.predict(X).dtype == np.float64


# What is told ---------------------------------------------------------------------------------


def test_fitted_attributes_diagnose(mixed):
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS | {"n_estimators": 2, "max_iter": 5}).fit(X, y)
    assert [len(curve) for curve in fitted.loss_curve_] == [6, 6]
    assert fitted.n_iter_ == 5
    assert not fitted.converged_
    assert fitted.message_ == "2 members ended: 2 reached max_iter."
    assert fitted.gap_ > 0.0
    norms = fitted.model_.feature_norms
    assert fitted.feature_norms_.tolist() == [norms[name] for name in X.columns]
    assert fitted.report_.settings.members == 2


def test_a_callable_hears_every_step_and_can_end_the_fit(mixed):
    X, y, _ = mixed
    heard = []

    def callback(step):
        heard.append(step)
        return step.iteration == 3

    fitted = SpectralRegressor(**SETTINGS, callback=callback).fit(X, y)
    assert list(dict.fromkeys(step.iteration for step in heard)) == [0, 1, 2, 3]
    assert fitted.n_iter_ == 3
    assert "a callback ended the fit" in fitted.message_


def test_scikit_learns_callbacks_hear_every_step_and_can_end_the_fit(mixed):
    pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9 has no callbacks")
    X, y, _ = mixed

    class Three:
        heard: list = []  # noqa: RUF012

        def setup(self, estimator, context):
            self.heard.append("setup")

        def teardown(self, estimator, context):
            self.heard.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            self.heard.append(context.task_name)

        def on_fit_task_end(self, estimator, context, *, metadata=None):
            return metadata is not None and metadata["iteration"] == 3

    callback = Three()
    fitted = SpectralRegressor(**SETTINGS).set_callbacks(callback).fit(X, y)
    assert Three.heard == ["setup", "fit", *["fitting"] * 3, "teardown"]
    assert fitted.n_iter_ == 3


def test_scikit_learns_own_callbacks_work(mixed):
    callback = pytest.importorskip("sklearn.callback", reason="there since scikit-learn 1.9")
    X, y, _ = mixed
    monitor = callback.ScoringMonitor(scoring="r2")
    fitted = SpectralRegressor(**SETTINGS).set_callbacks(monitor).fit(X, y)
    assert monitor.get_logs().data[-1]["r2"] == pytest.approx(fitted.score(X, y))


def test_random_state_takes_every_form(mixed):
    X, y, _ = mixed

    def predicted(state):
        return SpectralRegressor(**QUICK, random_state=state).fit(X, y).predict(X)

    for make in (lambda: 5, lambda: np.random.RandomState(5), lambda: np.random.default_rng(5)):
        assert np.array_equal(predicted(make()), predicted(make()))
    assert not np.array_equal(predicted(5), predicted(6))
    assert not np.array_equal(predicted(None), predicted(None))
    with pytest.raises(ValueError, match="cannot be used to seed"):
        predicted("five")


# Around it ------------------------------------------------------------------------------------


def test_searches_pipelines_clones_and_pickles_work(mixed):
    X, y, _ = mixed
    numbers = X[["a"]].to_numpy()
    pipeline = make_pipeline(StandardScaler(), SpectralRegressor(**SETTINGS))
    assert cross_val_score(pipeline, numbers, y, cv=2).shape == (2,)
    search = GridSearchCV(SpectralRegressor(**SETTINGS), {"dim": [1, 3]}, cv=2).fit(numbers, y)
    assert search.best_params_["dim"] in (1, 3)
    fitted = SpectralRegressor(**SETTINGS).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict(X), fitted.predict(X))
    assert clone(fitted).get_params() == fitted.get_params()


def test_a_model_file_becomes_an_estimator_of_its_kind(mixed, tmp_path):
    X, y, labels = mixed
    fitted = SpectralRegressor(**SETTINGS).fit(X, y)
    fitted.model_.save(tmp_path / "m.eig")
    again = SpectralRegressor.from_model(tmp_path / "m.eig")
    assert np.array_equal(again.predict(X), fitted.predict(X))
    assert again.feature_names_in_.tolist() == list(X.columns)
    assert np.array_equal(again.feature_norms_, fitted.feature_norms_)
    told = r"y holds text, such as '\w+'; expected numbers\. For classes, write SpectralClassifier"
    with pytest.raises(InvalidInput, match=told):
        SpectralRegressor(**SETTINGS).fit(X, labels)
    with pytest.raises(InvalidInput, match=r"SpectralRegressor\.from_model"):
        SpectralClassifier.from_model(fitted.model_)
    with pytest.raises(InvalidInput, match=r"SpectralClassifier\.from_model"):
        SpectralRegressor.from_model(SpectralClassifier(**SETTINGS).fit(X, labels).model_)
    with pytest.raises(ModelFileError):
        SpectralRegressor.from_model(tmp_path / "none.eig")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"monotone": {"aa": 1}},
            "monotone names 'aa', which is not a column of X (did you mean 'a'?)",
        ),
        ({"monotone": "area"}, "monotone is 'area'; expected -1 (never rises)"),
        ({"monotone": [1, 0]}, "has shape (2,), and there are 5 columns"),
        ({"monotone": {"a": 2}}, "expected -1"),
        ({"monotone": {"kind": 1}}, "others have no order"),
        (
            {"categorical_features": ["zz"]},
            "categorical_features names 'zz', which is not a column of X",
        ),
        ({"structure": "cyclic"}, "structure is 'cyclic'"),
        ({"functional": "smooth"}, "functional_params={'alpha': 0.1}"),
        (
            {"functional_params": {"zz": 1}},
            "functional_params is {'zz': 1}; expected a mapping of fields among alpha, r, t, weigh",
        ),
        ({"functional_params": {"index": 0}}, "functional_params is {'index': 0}"),
        ({"categorical_features": 99}, "categorical_features is 99; expected names or places"),
        ({"categorical_features": {0: 1}}, "categorical_features is {0: 1}; expected names or"),
        ({"quantile": 0.9}, "loss is 'squared' beside a quantile of 0.9; expected quantile"),
        ({"shape": "convex", "index": 0}, "the neuron has the index 0 and the shape is 'convex'"),
        (
            {"shape": "convex", "functional": "bottom_sum", "functional_params": {"r": 1}},
            "keeps a model convex",
        ),
        (
            {
                "monotone": {"a": 1},
                "functional": "weighted",
                "functional_params": {"weights": (1, -1, 1)},
            },
            "cannot guarantee a monotone",
        ),
        ({"backend": "abacus"}, "abacus"),
        ({"index": 5}, "Write index='middle'"),
        ({"monotone": [1, np.nan, 0, 0, 0]}, "monotone is {'b': nan}"),
        ({"monotone": {"a": 1, 0: -1}}, "names 0, which is not a column of X"),
        (
            {"categorical_features": [True]},
            "categorical_features has 1 truth values; expected one for each of the 5",
        ),
    ],
)
def test_what_cannot_be_meant_is_one_error_in_words_of_the_parameters(mixed, options, words):
    X, y, _ = mixed
    with pytest.raises(eigcore.errors.EigcoreError) as caught:
        SpectralRegressor(**SETTINGS | options).fit(X, y)
    text = str(caught.value)
    assert words in text
    assert not re.search(r"increasing|categories=|neuron=|--", text)


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    pytest.importorskip("sklearn.callback", reason="there since scikit-learn 1.9")
    pytest.importorskip("rich")
    page = (Path(__file__).parents[2] / "docs" / "estimators.md").read_text()
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "docs/estimators.md", "exec"), names)
    assert names["model"].score(names["houses"], names["price"]) > 0.98
    proven = {column.name: column for column in names["again"].model_.certify().columns}
    assert proven["area"].increasing
    assert proven["age"].decreasing


@pytest.mark.parametrize("kind", [SpectralRegressor, SpectralClassifier])
def test_every_parameter_and_fitted_attribute_is_documented(kind, mixed):
    X, y, _ = mixed
    fitted = kind(**QUICK).fit(X, y > 1.0)
    attributes = [name for name in vars(fitted) if name.endswith("_") and name[0] != "_"]
    for name in (*fitted.get_params(), *attributes):
        assert re.search(rf"^(\w+, )*{name}\b", kind.__doc__, re.MULTILINE), name


def test_without_scikit_learn_one_error_says_what_to_type():
    script = (
        "import sys\n"
        "sys.modules['sklearn'] = None\n"
        "try:\n"
        "    import eigcore.estimators\n"
        "except ImportError as exc:\n"
        "    print(exc)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert 'Type: pip install "eigcore[sklearn]"' in done.stdout


def test_levels_never_seen_are_told_or_refused(mixed):
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS).fit(X, y)
    new = X.head(2).assign(text=["n", " x"])
    with pytest.warns(UnseenLevels, match="2 cell.s. of column 'text', such as 'n', ' x'"):
        fitted.predict(new)
    strict = SpectralRegressor(on_unseen="refuse", on_missing="neutral", **SETTINGS).fit(X, y)
    with pytest.raises(InvalidInput, match="Levels that no fitted row has"):
        strict.predict(new)
    assert np.isfinite(strict.predict(X.head(2).assign(a=np.nan))).all()


def test_a_parameter_that_does_not_exist_is_named_beside_the_nearest():
    with pytest.raises(TypeError, match=r"SpectralRegressor\(\) has no .* mean 'monotone'\?"):
        SpectralRegressor(monotonic={"a": 1})


@pytest.mark.parametrize("table", [{"a": [1.0, 2.0, 3.0]}, np.zeros(3, [("a", float)])])
def test_tables_that_scikit_learn_does_not_read_are_one_clear_error(table):
    with pytest.raises(InvalidInput, match=r"^X is a (dict|record array); .*pandas\.DataFrame"):
        SpectralRegressor().fit(table, [1.0, 2.0, 3.0])


def test_only_float64_columns_in_the_order_of_the_model_become_one_array():
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    np.testing.assert_array_equal(as_numbers({"a": a, "b": b}, ("a", "b")), [[1, 3], [2, 4]])
    assert as_numbers({"b": b, "a": a}, ("a", "b")) is None
    assert as_numbers({"a": a, "b": b.astype(np.float32)}, ("a", "b")) is None
