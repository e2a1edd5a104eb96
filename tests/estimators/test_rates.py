"""Exposures, offsets and weights of classes in scikit-learn."""

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")
metrics = pytest.importorskip("sklearn.metrics")
selection = pytest.importorskip("sklearn.model_selection")

from eigcore.errors import InvalidOption  # noqa: E402
from eigcore.estimators import SpectralClassifier, SpectralRegressor  # noqa: E402

QUICK = {"dim": 2, "knots": 2, "penalty": 1e-2, "n_estimators": 1, "max_iter": 10}


@pytest.fixture(scope="module")
def claims():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    years = rng.choice([0.25, 0.5, 1.0], 120)
    return X, years, rng.poisson(years * np.exp(X[:, 0])), rng.uniform(0.5, 2.0, 120)


def test_exposure_and_offset_reach_fit_predict_score_and_routing(claims):
    X, years, y, weights = claims
    model = SpectralRegressor(loss="poisson", random_state=0, **QUICK)
    model.fit(X, y, sample_weight=weights, exposure=years)
    rate = model.predict(X)
    assert (weights * years) @ rate == pytest.approx(weights @ y, rel=1e-9)
    assert np.allclose(model.predict(X, exposure=years), rate * years)
    assert np.allclose(model.predict(X, offset=np.ones(120)), rate * np.e)
    wanted = metrics.d2_tweedie_score(y / years, rate, power=1, sample_weight=weights * years)
    assert model.score(X, y, sample_weight=weights, exposure=years) == pytest.approx(wanted)
    twice = SpectralRegressor(loss="poisson", random_state=0, **QUICK)
    repeated = [np.concatenate([each, each]) for each in (X, y, weights / 2, years)]
    twice.fit(*repeated[:3], exposure=repeated[3])
    assert np.array_equal(twice.predict(X), rate)
    model.partial_fit(X[:20], y[:20], exposure=years[:20])
    with pytest.raises(InvalidOption, match="exposure is left out, and the model was fitted with"):
        model.partial_fit(X[:20], y[:20])
    with pytest.raises(InvalidOption, match="exposure is all 0; expected one finite number"):
        model.fit(X, y, exposure=np.zeros(120))
    with sklearn.config_context(enable_metadata_routing=True):
        routed = SpectralRegressor(loss="poisson", random_state=0, **QUICK)
        routed.set_fit_request(exposure=True).set_score_request(exposure=True)
        found = selection.cross_validate(routed, X, y, params={"exposure": years}, cv=2)
    assert np.isfinite(found["test_score"]).all()


def test_weights_of_classes_are_those_of_scikit_learn(claims):
    X, _, y, _ = claims
    bad = y > 1
    even = SpectralClassifier(class_weight="balanced", random_state=0, **QUICK).fit(X, bad)
    own = np.where(bad, 0.5 / bad.mean(), 0.5 / (1 - bad.mean()))
    given = SpectralClassifier(class_weight={True: 2.0}, random_state=0, **QUICK).fit(X, bad)
    plain = SpectralClassifier(random_state=0, **QUICK)
    plain.fit(X, bad, sample_weight=np.where(bad, 2.0, 1.0))
    assert np.average(even.predict_proba(X)[:, 1], weights=own) == pytest.approx(0.5, rel=1e-6)
    assert np.allclose(given.predict_proba(X), plain.predict_proba(X))
    with pytest.raises(ValueError, match="class_weight"):
        SpectralClassifier(class_weight="even").fit(X, bad)
