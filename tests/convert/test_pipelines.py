"""Estimators in scikit-learn's pipelines predict in ONNX what they predict here."""

import sys

import numpy as np
import pytest
from samples import model

from eigcore import EigSpec, SpectralModel
from eigcore.convert import register_estimators
from eigcore.encoding import Categories, Encoding
from eigcore.errors import MissingPackage, NotSupported

pytest.importorskip("sklearn", reason="needs scikit-learn")
from eigcore.estimators import SpectralClassifier, SpectralRegressor

QUICK = {"dim": 3, "knots": 4, "n_estimators": 2, "penalty": 1e-3, "max_iter": 8}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
X[:, 2] = RNG.integers(0, 3, size=80)
Y = X[:, 0] ** 2 + X[:, 1] * (X[:, 2] == 1)
CLOSE = {"rtol": 1e-6, "atol": 1e-6}


@pytest.fixture(scope="module")
def session():
    """Write an estimator with skl2onnx and load it into onnxruntime."""
    skl2onnx = pytest.importorskip("skl2onnx", reason="needs skl2onnx")
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    register_estimators()

    def made(estimator, x=X, zipmap=False, **options):
        if hasattr(estimator, "classes_"):
            options["options"] = {"zipmap": zipmap}
        text = skl2onnx.to_onnx(estimator, x[:1], **options).SerializeToString()
        run = runtime.InferenceSession(text).run
        return lambda x: run(None, {"X": x})

    return made


@pytest.mark.parametrize("opset", [13, 21])
def test_a_pipeline_with_a_regressor(session, opset):
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    encoder = make_column_transformer(
        (OneHotEncoder(), [2]), (StandardScaler(), [0]), remainder="passthrough"
    )
    fitted = make_pipeline(encoder, SpectralRegressor(**QUICK)).fit(X, Y)
    found = session(fitted, target_opset=opset)(X)[0]
    np.testing.assert_allclose(found[:, 0], fitted.predict(X), **CLOSE)


def test_missing_cells_levels_and_columns_left_out(session):
    """Column 1 is constant, so the model has no terms for it; column 2 holds levels."""
    x = X.copy()
    x[:, 1], x[::7, 0], x[5:9, 2] = 4.0, np.nan, np.nan
    fitted = SpectralRegressor(**QUICK, categorical_features=[2]).fit(x, Y)
    new = np.vstack([x, [[np.nan, 4.0, 7.0]]])  # a level never seen
    with pytest.warns(match="no fitted row"):
        expected = fitted.predict(new)
    np.testing.assert_allclose(session(fitted)(new)[0][:, 0], expected, **CLOSE)


@pytest.mark.parametrize("labels", [[False, True], ["a", "b", "c"], [3, 5, 9]], ids=str)
def test_a_classifier(session, labels):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    y = np.array(labels)[X[:, 2].astype(int) % len(labels)]
    fitted = make_pipeline(StandardScaler(), SpectralClassifier(**QUICK)).fit(X, y)
    label, shares = session(fitted)(X)
    np.testing.assert_array_equal(label, fitted.predict(X))
    np.testing.assert_allclose(shares, fitted.predict_proba(X), **CLOSE)


def test_numbers_of_single_precision_give_the_same(session):
    """Probabilities as a dict for each row, skl2onnx's own default, are of that kind."""
    x = X.astype(np.float32)
    fitted = SpectralClassifier(**QUICK).fit(x, X[:, 2].astype(int))
    _, dicts = session(fitted, x, zipmap=True)(x)
    expected = fitted.predict_proba(x)
    np.testing.assert_allclose([list(row.values()) for row in dicts], expected, rtol=1e-5)


def test_what_onnx_cannot_say(session):
    with pytest.raises(NotSupported, match="target_opset is 12; expected at least 13"):
        session(SpectralRegressor.from_model(model()), np.zeros((1, 5)), target_opset=12)
    spec = EigSpec(2, 2)
    towns = SpectralModel(
        Encoding((Categories(("north", "south")),)), [(spec, np.zeros(spec.params_shape))]
    )
    with pytest.raises(NotSupported, match="OrdinalEncoder"):
        session(SpectralRegressor.from_model(towns), np.zeros((1, 1)))
    fitted = SpectralClassifier(**QUICK).fit(X, X[:, 2])
    fitted.classes_ = np.array([0.5, 1.5, 2.5])
    with pytest.raises(NotSupported, match="whole numbers or text"):
        session(fitted)


def test_without_skl2onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(MissingPackage, match="pip install skl2onnx"):
        register_estimators()
