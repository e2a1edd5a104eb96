"""Metrics, by their names, against scikit-learn; notes about a target of 0 and 1."""

import numpy as np
import pytest

from eigcore.fit import fit
from eigcore.fit.losses import LOSSES, Targets, make_loss
from eigcore.fit.metrics import metrics

known = pytest.importorskip("sklearn.metrics")
linear_model = pytest.importorskip("sklearn.linear_model")
QUICK = {"dim": 2, "knots": 2, "penalty": 1e-2, "members": 1, "max_iter": 3}


def test_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    f = np.round(rng.normal(size=200), 1)  # with ties
    w = rng.uniform(0.5, 2.0, 200)
    u = {"sample_weight": w}
    y = (rng.random(200) < 1 / (1 + np.exp(-f))).astype(float)
    p = 1 / (1 + np.exp(-f))
    found = metrics(LOSSES["logistic"], f, Targets(y, w))
    assert found["AUC"] == pytest.approx(known.roc_auc_score(y, p, **u))
    assert found["Brier"] == pytest.approx(known.brier_score_loss(y, p, **u))
    assert found["D²"] == pytest.approx(known.d2_log_loss_score(y, p, **u))
    below, above, _ = known.roc_curve(y, p, drop_intermediate=False, **u)
    assert found["KS"] == pytest.approx(np.abs(below - above).max())
    assert found["observed/expected"] == pytest.approx((w @ y) / (w @ p))
    assert found["log loss"] == pytest.approx(known.log_loss(y, p, **u))
    line = linear_model.LogisticRegression(C=np.inf, tol=1e-10).fit(f[:, None], y, **u)
    assert found["calibration slope"] == pytest.approx(line.coef_[0, 0], rel=1e-4)
    twice = metrics(LOSSES["logistic"], 2 * f + 1, Targets(y, w))
    assert twice["calibration slope"] == pytest.approx(line.coef_[0, 0] / 2, rel=1e-4)
    counts = rng.poisson(np.exp(f)).astype(float)
    found = metrics(LOSSES["poisson"], f, Targets(counts, w))
    assert found["D²"] == pytest.approx(known.d2_tweedie_score(counts, np.exp(f), power=1, **u))
    assert found["Poisson deviance"] == pytest.approx(
        known.mean_poisson_deviance(counts, np.exp(f), **u)
    )
    line = linear_model.PoissonRegressor(alpha=0, tol=1e-9).fit(f[:, None], counts, **u)
    assert found["calibration slope"] == pytest.approx(line.coef_[0], rel=1e-4)
    plain = metrics(LOSSES["poisson"], np.arange(200.0) / 50, Targets(counts))
    assert plain["lift"] == pytest.approx(counts[180:].mean() / counts.mean())
    tied = metrics(LOSSES["poisson"], np.zeros(200), Targets(counts))
    assert tied["lift"] == pytest.approx(1.0)
    assert np.isnan(tied["calibration slope"])
    order = np.argsort(f, kind="stable")
    lorenz, share = np.cumsum((w * counts)[order]) / (w @ counts), np.cumsum(w[order]) / w.sum()
    assert found["Gini"] == pytest.approx(1 - 2 * np.trapezoid(lorenz, share), abs=0.02)
    found = metrics(LOSSES["squared"], f, Targets(counts, w))
    assert found == {"R²": pytest.approx(known.r2_score(counts, f, **u))}
    nine = make_loss("quantile", quantile=0.9)
    wanted = known.d2_pinball_score(counts, f, alpha=0.9)
    assert metrics(nine, f, Targets(counts))["D²"] == pytest.approx(wanted)


def test_what_does_not_exist_is_no_number_and_no_error():
    one = metrics(LOSSES["logistic"], np.zeros(3), Targets(np.ones(3)))
    assert np.isnan(one["AUC"])
    assert one["D²"] == 0.0
    none = metrics(LOSSES["poisson"], np.zeros(3), Targets(np.zeros(3)))
    assert none["observed/expected"] == 0.0
    assert metrics(LOSSES["squared"], np.ones(3), Targets(np.ones(3))) == {"R²": 1.0}


def test_the_report_names_its_metrics_and_json_has_no_nan():
    rng = np.random.default_rng(1)
    table = {"a": rng.normal(size=60)}
    report = fit(table, table["a"] > 0.3, **QUICK, validation=0).report.to_dict()
    names = {"D²", "log loss", "AUC", "Brier", "KS", "lift", "observed/expected"}
    assert set(report["model"]["metrics"]) == names | {"calibration slope"}
    assert report["linear"]["metrics"]["calibration slope"]["train"] is None  # it separates
    assert report["model"]["metrics"]["AUC"]["train"] > 0.9
    assert report["linear"]["metrics"]["AUC"] == {"train": pytest.approx(1.0), "held_out": None}


def test_numbers_0_and_1_are_told_apart_from_classes():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 1))
    y = (X[:, 0] > 0).astype(int)
    notes = fit(X, y, **QUICK).report.notes
    assert any('loss="logistic", or --loss logistic' in note for note in notes)
    assert not fit(X, y, **QUICK, loss="logistic").report.notes
    assert not fit(X, y + 1.0, **QUICK).report.notes
    from eigcore.estimators import SpectralRegressor

    quick = {"dim": 2, "knots": 2, "penalty": 1e-2, "n_estimators": 1, "max_iter": 3}
    own = SpectralRegressor(**quick).fit(X, y)
    assert "write SpectralClassifier" in own.report_.notes[-1]


def test_a_regressor_scores_by_its_loss():
    from eigcore.estimators import SpectralRegressor

    rng = np.random.default_rng(2)
    X = rng.normal(size=(80, 1))
    y = rng.poisson(np.exp(X[:, 0]))
    own = SpectralRegressor(loss="poisson", dim=2, knots=2, penalty=1e-2, n_estimators=1).fit(X, y)
    wanted = known.d2_tweedie_score(y, own.predict(X), power=1)
    assert own.score(X, y) == pytest.approx(wanted)
    assert own.score(X, y) == pytest.approx(own.report_.model.metrics["D²"][0])
