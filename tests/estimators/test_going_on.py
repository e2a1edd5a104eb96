"""Estimators that go on from a fitted model, and that stop early."""

from __future__ import annotations

import threading

import numpy as np
import pytest

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")

from eigcore.errors import InvalidInput, InvalidOption  # noqa: E402
from eigcore.estimators import SpectralClassifier, SpectralRegressor  # noqa: E402

QUICK = {"dim": 3, "knots": 2, "penalty": 1e-3, "n_estimators": 1, "max_iter": 60}
SETTINGS = QUICK | {"random_state": 0}


def test_warm_start_goes_on_where_the_last_fit_ended(mixed):
    X, y, _ = mixed
    options = SETTINGS | {"max_iter": 8, "n_estimators": 2, "monotone": {"a": 1}}
    fitted = SpectralRegressor(**options, warm_start=True).fit(X, y)
    before = [curve[-1] for curve in fitted.loss_curve_]
    fitted.fit(X, y)
    again = [curve[0] for curve in fitted.loss_curve_]
    assert np.allclose(again, before, rtol=1e-3)
    assert np.less(again, np.multiply(before, 1.0 + 1e-4)).all()  # the best point, if not the last
    assert all(curve[-1] < curve[0] for curve in fitted.loss_curve_)
    assert fitted.model_.certify().columns[0].increasing


@pytest.mark.parametrize(
    "changed", [{"monotone": {"a": 1}}, {"shape": "convex"}, {"dim": 4}, {"loss": "absolute"}]
)
def test_going_on_with_other_constraints_is_an_error(mixed, changed):
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS, monotone={"a": -1}, warm_start=True).fit(X, y)
    fitted.set_params(**changed)
    (name,) = changed
    for go_on in (fitted.fit, fitted.partial_fit):
        with pytest.raises(InvalidInput, match=f"(?s)^{name} is .*Put {name} back, or fit anew"):
            go_on(X, y)
    assert not fitted.model_.certify().columns[0].increasing
    fitted.set_params(warm_start=False).fit(X, y)
    assert fitted.model_.certify().columns[0].increasing == (changed == {"monotone": {"a": 1}})


def test_going_on_with_the_same_arrays_is_no_error(mixed):
    X, y, _ = mixed
    weights = {"functional": "weighted", "functional_params": {"weights": np.ones(3)}}
    fitted = SpectralRegressor(**SETTINGS | weights, warm_start=True).fit(X, y)
    before = fitted.loss_curve_[0][-1]
    assert fitted.fit(X, y).loss_curve_[0][-1] <= before
    fitted.set_params(functional_params={"weights": np.array([0.0, 0.0, 1.0])})
    with pytest.raises(InvalidInput, match="Put functional_params back"):
        fitted.fit(X, y)


def test_every_part_of_counts_is_checked(mixed):
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS, loss="poisson").partial_fit(X, np.abs(y))
    with pytest.raises(
        InvalidInput, match=r"loss is 'poisson', and .*expected values of at least 0"
    ):
        fitted.partial_fit(X, -np.abs(y))


def test_an_end_before_the_first_descent_is_no_convergence(mixed):
    X, y, _ = mixed

    def interrupt(_):
        raise KeyboardInterrupt

    fitted = SpectralRegressor(n_estimators=1, callback=interrupt).fit(X, y)
    assert not fitted.converged_
    assert fitted.message_ == "The fit ended before the first descent: the model is additive."
    assert np.isfinite(fitted.predict(X)).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"budget": -1},
        {"validation_fraction": 1.5},
        {"n_iter_no_change": 0},
        {"tol": -1.0},
        {"knots": 2.5},
        {"dim": "3"},
        {"n_estimators": 0},
        {"penalty": np.nan},
        {"loss": "logistic"},
        {"quantile": 1.0},
    ],
)
def test_wrong_parameters_are_named(mixed, wrong):
    X, y, _ = mixed
    (name,) = wrong
    with pytest.raises(ValueError, match=f"'{name}' parameter of SpectralRegressor must be"):
        SpectralRegressor(**SETTINGS | wrong).fit(X, y)


def test_a_callback_need_not_be_copyable(mixed):
    class Locked:
        def __init__(self):
            self.lock = threading.Lock()

        def hear(self, _):
            return False

    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS, callback=Locked().hear)
    assert fitted.fit(X, y).partial_fit(X, y).n_iter_ >= 1


def test_the_report_is_of_a_fit_from_nothing(mixed):
    X, y, _ = mixed
    fitted = SpectralRegressor(**SETTINGS | {"max_iter": 5}, warm_start=True).fit(X, y)
    assert fitted.report_.rows == 300
    assert not hasattr(fitted.fit(X, y), "report_")


def test_partial_fit_learns_from_batches_without_forgetting():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(1500, 3))
    y = X[:, 0] + np.abs(X[:, 1]) + X[:, 0] * X[:, 2] + 0.1 * rng.normal(size=1500)
    fitted = SpectralRegressor(**SETTINGS | {"knots": 4})
    scores = []
    for start in range(0, 1000, 50):
        fitted.partial_fit(X[start : start + 50], y[start : start + 50])
        scores.append(fitted.score(X[1000:], y[1000:]))
    assert scores[-1] > scores[0] + 0.05
    assert min(np.diff(scores)) > -0.03
    assert fitted.model_.provenance["rows"] == 1000


def test_partial_fit_of_classes_is_told_all_of_them_at_first(mixed):
    X, _, labels = mixed
    order = np.argsort(labels, kind="stable")
    first, rest = order[:100], order[100:]
    fitted = SpectralClassifier(**SETTINGS)
    fitted.partial_fit(X.iloc[first], labels[first], classes=["low", "middle", "top"])
    fitted.partial_fit(X.iloc[rest], labels[rest])
    assert fitted.predict_proba(X).shape == (300, 3)
    with pytest.raises(ValueError, match="unknown to the first call"):
        fitted.partial_fit(X.head(2), ["high", "low"])
    fitted.partial_fit(X.head(2), labels[:2], classes=["top", "low", "middle"])
    with pytest.raises(InvalidOption) as caught:
        fitted.partial_fit(X.head(2), labels[:2], classes=["low", "high"])
    assert (
        "classes are ['high', 'low'] now; expected none, or those of the first call, ['low', "
        in (str(caught.value))
    )


def test_early_stopping_watches_hidden_rows_and_keeps_the_best_point(mixed):
    X, y, _ = mixed
    noisy = y + np.random.default_rng(7).normal(size=300)
    options = SETTINGS | {"dim": 6, "knots": 16, "penalty": 0.0, "max_iter": 200}
    stopped = SpectralRegressor(**options, early_stopping=True, n_iter_no_change=5).fit(X, noisy)
    free = SpectralRegressor(**options).fit(X, noisy)
    assert stopped.n_iter_ < free.n_iter_
    assert stopped.converged_
    assert "validation loss no longer falls" in stopped.message_
    curve = stopped.validation_curve_[0]
    assert len(curve) - 1 - int(curve.argmin()) <= 6
    assert np.abs(stopped.predict(X) - y).mean() < np.abs(free.predict(X) - y).mean()


def test_earlier_rows_count_by_their_weight_however_they_are_merged():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (400, 2)).astype(float)
    y, once = 2 * X[:, 0] - X[:, 1], np.unique(X, axis=0)
    merged = SpectralRegressor(**SETTINGS).fit(X, y)
    apart = SpectralRegressor(**SETTINGS).fit(X + 1e-9 * rng.normal(size=X.shape), y)
    moved = []
    for fitted in (merged, apart):
        before = fitted.predict(once)
        assert fitted.report_.rows == fitted.model_.provenance["rows"] == 400
        fitted.partial_fit(once, np.full(len(once), 50.0))
        assert fitted.model_.provenance["rows"] == 400 + len(once)
        assert fitted.model_.provenance["weight"] == 400.0 + len(once)
        moved.append(np.abs(fitted.predict(once) - before).mean())
    assert moved[0] == pytest.approx(moved[1], rel=0.05)


def test_weights_of_all_rows_count_beside_those_of_later_ones():
    X = np.stack(np.meshgrid(np.arange(4.0), np.arange(4.0)), -1).reshape(-1, 2)
    y, later = 2 * X[:, 0] - X[:, 1], np.full(16, 50.0)
    weighted = SpectralRegressor(**SETTINGS).fit(X, y, sample_weight=np.full(16, 100.0))
    repeated = SpectralRegressor(**SETTINGS).fit(np.repeat(X, 100, 0), np.repeat(y, 100))
    found = [each.partial_fit(X, later).predict(X) for each in (weighted, repeated)]
    assert np.array_equal(*found)
    even = SpectralRegressor(**SETTINGS).fit(X, y).partial_fit(X, later).predict(X)
    assert np.abs(found[0] - y).mean() < 0.5 * np.abs(even - y).mean()


def test_weights_near_the_largest_float_add_up():
    X = np.repeat(np.random.default_rng(0).normal(size=(40, 2)), 2, axis=0)
    heavy = SpectralRegressor(**SETTINGS).fit(X, X[:, 0], sample_weight=np.full(80, 1e308))
    heavy.partial_fit(X, X[:, 0], sample_weight=np.full(80, 1e308))
    plain = SpectralRegressor(**SETTINGS).fit(X, X[:, 0]).partial_fit(X, X[:, 0])
    assert np.allclose(heavy.predict(X), plain.predict(X), atol=1e-6)


def test_labels_of_a_series_of_signs_count(mixed):
    X, y, _ = mixed
    signs = pd.Series([1, 0], index=["a", "b"])
    fitted = SpectralRegressor(**SETTINGS, monotone=signs, warm_start=True).fit(X, y)
    fitted.set_params(monotone=signs.copy()).fit(X, y)
    fitted.set_params(monotone=pd.Series([1, 0], index=["b", "a"]))
    with pytest.raises(InvalidInput, match=r"monotone is \{'b': 1, 'a': 0\} and was \{'a': 1, 'b"):
        fitted.fit(X, y)


def _of_text():
    rng = np.random.default_rng(0)
    X = np.empty((60, 2), object)
    X[:, 0], X[:, 1] = rng.normal(size=60), rng.choice(["u", "v"], 60)
    return X, X[:, 0].astype(float)


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"categorical_features": [1]},
        {"categorical_features": "x1", "monotone": [1, 0]},
        SETTINGS | {"functional": "smooth", "functional_params": {"alpha": 0.5}},
    ],
)
def test_a_loaded_model_goes_on_with_the_parameters_that_it_has(same):
    X, y = _of_text()
    own = {"functional": "smooth", "functional_params": {"alpha": 0.5}, "monotone": [1, 0]}
    fitted = SpectralRegressor(**SETTINGS | own, categorical_features=[1]).fit(X, y)
    loaded = SpectralRegressor.from_model(fitted.model_, **same)
    assert np.array_equal(loaded.predict(X), fitted.predict(X))
    assert loaded.partial_fit(X, y).model_.provenance["rows"] == 120
    assert loaded.model_.certify().columns[0].increasing


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"dim": 4}, "dim is 4 and the model has 3"),
        ({"loss": "absolute"}, "loss is 'absolute' and the model has 'squared'"),
        ({"structure": "diagonal"}, "structure is 'diagonal' and the model has 'dense'"),
        ({"monotone": {0: 1}}, "monotone is {0: 1} and the model has {}"),
        ({"categorical_features": [0]}, r"is \[0\] and the model has \['x1'\]"),
        ({"selection": 0.1}, "selection is 0.1 and the file does not record it"),
    ],
)
def test_a_loaded_model_goes_on_with_no_other_parameters(other, words):
    X, y = _of_text()
    fitted = SpectralRegressor(**SETTINGS | {"max_iter": 5}, categorical_features=[1]).fit(X, y)
    loaded = SpectralRegressor.from_model(fitted.model_, warm_start=True, **other)
    for go_on in (loaded.fit, loaded.partial_fit):
        with pytest.raises(InvalidInput, match=words):
            go_on(X, y)
