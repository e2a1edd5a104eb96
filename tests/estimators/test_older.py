"""The estimators with a scikit-learn before 1.9, which has no callbacks of its own."""

import sys

import numpy as np
import pytest

import eigcore

sklearn = pytest.importorskip("sklearn")


def test_without_callbacks_of_scikit_learn_estimators_load_and_fit(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("eigcore.estimators")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(eigcore, "estimators", None, raising=False)  # puts the real one back
    monkeypatch.delattr(sklearn, "callback", raising=False)
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    from eigcore.estimators import SpectralRegressor
    from eigcore.estimators.callbacks import protocol

    steps = []
    options = {"dim": 2, "knots": 0, "n_estimators": 1, "penalty": 1e-3, "max_iter": 3}
    X = np.random.default_rng(0).normal(size=(30, 2))
    SpectralRegressor(**options, callback=steps.append).fit(X, X[:, 0])
    assert protocol is None
    assert steps
