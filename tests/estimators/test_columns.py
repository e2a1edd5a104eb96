"""Tables and targets of scikit-learn: labels, missing cells, and options that go together."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")

from eigcore.errors import InvalidInput, InvalidOption  # noqa: E402
from eigcore.estimators import SpectralClassifier, SpectralRegressor  # noqa: E402

SETTINGS = {"dim": 3, "knots": 2, "penalty": 1e-3, "n_estimators": 1, "max_iter": 20}
SETTINGS |= {"random_state": 0}


@pytest.fixture
def numbers():
    """An array of two columns, and a target."""
    X = np.random.default_rng(0).normal(size=(60, 2))
    return X, X[:, 0] - 2 * X[:, 1]


@pytest.mark.parametrize("labels", [["x0", "x1"], [0, 1], [1, 2], ["a", "b"]])
def test_an_estimator_of_a_model_reads_labels_as_the_model_does(numbers, labels):
    X, y = numbers
    frame = pd.DataFrame(X, columns=labels)
    fitted = SpectralRegressor(**SETTINGS).fit(frame, y)
    loaded = SpectralRegressor.from_model(fitted.model_)
    with warnings.catch_warnings(action="error"):
        assert np.array_equal(loaded.predict(frame), fitted.predict(frame))
    turned = frame[labels[::-1]]
    if labels == ["a", "b"]:
        with pytest.raises(ValueError, match="feature names should match"):
            loaded.predict(turned)
    else:
        assert np.array_equal(loaded.predict(turned), fitted.predict(frame))


def test_other_labels_than_those_of_the_model_are_an_error(numbers):
    X, y = numbers
    loaded = SpectralRegressor.from_model(SpectralRegressor(**SETTINGS).fit(X, y).model_)
    with warnings.catch_warnings(action="error"):
        assert np.isfinite(loaded.predict(X)).all()
    with (
        pytest.warns(UserWarning, match="fitted without feature names"),
        pytest.raises(InvalidInput, match="X has the columns a, b; expected those of the fit, x0"),
    ):
        loaded.predict(pd.DataFrame(X, columns=["a", "b"]))


def test_labels_that_occur_twice_are_named(numbers):
    X, y = numbers
    with pytest.raises(InvalidInput, match=r"Column name\(s\) 'a' occur more than once"):
        SpectralRegressor(**SETTINGS).fit(pd.DataFrame(X, columns=["a", "a"]), y)


@pytest.mark.parametrize("kind", ["string", "object", "category", "boolean", "Int64", "list"])
def test_missing_cells_of_a_target_are_told_in_every_container(numbers, kind):
    X, y = numbers
    labels = pd.Series(y > 0)
    if kind not in ("boolean", "Int64"):
        labels = labels.map({True: "yes", False: "no"})
    if kind == "list":
        target = [pd.NA, *labels[1:]]
    else:
        target = labels.astype(kind).mask(np.arange(60) == 0)
    estimator = SpectralRegressor if kind == "Int64" else SpectralClassifier
    with pytest.raises(ValueError, match="contains NaN"):
        estimator(**SETTINGS).fit(X, target)


@pytest.mark.parametrize(
    ("wrong", "advice", "right"),
    [
        ({"shape": "convex", "index": "middle"}, "Write index='convex'.", {"index": "convex"}),
        (
            {"functional_params": {"alpha": 0.1}},
            "Write functional='smooth', functional_params={'alpha': 0.1}.",
            {"functional": "smooth"},
        ),
        (
            {"functional_params": {"t": 2.0}},
            "Write functional='softmax', functional_params={'t': 2.0}.",
            {"functional": "softmax"},
        ),
        (
            {"functional_params": {"t": -2.0}},
            "Write functional='softmax', functional_params={'t': 1.0}.",
            {"functional": "softmax", "functional_params": {"t": 1.0}},
        ),
    ],
)
def test_advice_about_a_neuron_helps(numbers, wrong, advice, right):
    X, y = numbers
    with pytest.raises(InvalidOption) as caught:
        SpectralRegressor(**SETTINGS | wrong).fit(X, y)
    assert str(caught.value).endswith(advice)
    SpectralRegressor(**SETTINGS | wrong | right).fit(X, y)
