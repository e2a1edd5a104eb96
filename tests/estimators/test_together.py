"""Groups, times and splitters in scikit-learn."""

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")
selection = pytest.importorskip("sklearn.model_selection")

from eigcore.errors import InvalidOption  # noqa: E402
from eigcore.estimators import SpectralClassifier, SpectralRegressor  # noqa: E402
from eigcore.fit.solvers import early_stopping  # noqa: E402

QUICK = {"dim": 1, "knots": 0, "penalty": 1e-2, "n_estimators": 1, "max_iter": 10}
STOP = QUICK | {"early_stopping": True, "random_state": 0}
ROWS = 60
GROUPS = np.repeat(list("abcdefghij"), 6)
DAYS = np.arange(ROWS)[::-1]


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 2))
    return X, X[:, 0] + rng.normal(size=ROWS)


@pytest.fixture
def splits(monkeypatch):
    """Targets that were fitted and hidden by early stopping, split by split."""
    seen = []

    def watched(stopping, own, *more):
        seen.append((own, split(stopping, own, *more)))
        return seen[-1][1]

    split = early_stopping.split
    monkeypatch.setattr("eigcore.fit.members.member.split", watched)
    return seen


def test_groups_and_times_reach_early_stopping(rows, splits):
    X, y = rows
    kind = np.where(y > 0, "up", "down")
    model = SpectralRegressor(**STOP).fit(X, y, groups=GROUPS)
    SpectralClassifier(**STOP).fit(X, kind, groups=GROUPS)
    model.set_params(warm_start=True).fit(X, y, groups=GROUPS)
    SpectralRegressor(**STOP).fit(X, y, time=DAYS)
    for own, (known, hidden) in splits[:3]:
        assert len(set(own.groups[hidden])) == 1
        assert not set(own.groups[hidden]) & set(own.groups[known])
    own, (known, hidden) = splits[3]
    assert own.groups[hidden].min() > own.groups[known].max()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        SpectralRegressor(**QUICK).fit(X, y, groups=GROUPS[1:])
    with pytest.raises(InvalidOption, match="groups is given beside time"):
        SpectralRegressor(**QUICK).fit(X, y, groups=GROUPS, time=DAYS)


def test_a_splitter_sees_rows_as_they_are_given(rows, splits):
    X, y = rows
    twice = np.concatenate([X, X]), np.concatenate([y, y])
    model = SpectralRegressor(cv=selection.TimeSeriesSplit(3), **STOP)
    sklearn.clone(model).fit(*twice, sample_weight=np.repeat([1.0, 2.0], ROWS))
    own, (known, hidden) = splits[0]
    assert (own.rows, len(known), len(hidden)) == (120, 90, 30)
    assert own.roles[known, 2].tolist() == [1] * 90
    grouped = SpectralRegressor(cv=selection.GroupKFold(5), **STOP).fit(X, y, groups=GROUPS)
    own, (known, hidden) = splits[1]
    assert len(set(own.groups[hidden])) == 2
    assert not set(own.groups[hidden]) & set(own.groups[known])
    with pytest.raises(InvalidOption, match=r"The 'groups' .* with groups= if"):
        grouped.fit(X, y)


def test_groups_are_routed(rows):
    X, y = rows
    with sklearn.config_context(enable_metadata_routing=True):
        routed = SpectralRegressor(**STOP).set_fit_request(groups=True)
        folds = selection.GroupKFold(2)
        given = {"params": {"groups": GROUPS}, "cv": folds, "return_estimator": True}
        found = selection.cross_validate(routed, X, y, **given)
        alone = SpectralRegressor(**STOP)
        known = next(folds.split(X, y, GROUPS))[0]
        alone.fit(X[known], y[known], groups=GROUPS[known])
    assert np.array_equal(found["estimator"][0].predict(X), alone.predict(X))
    assert not np.array_equal(
        SpectralRegressor(**STOP).fit(X[known], y[known]).predict(X), alone.predict(X)
    )
