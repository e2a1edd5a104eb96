"""An honest random search over the settings of tree ensembles, inside the training part.

The first candidate is the default one. Each candidate is judged on rows of the training part that
it has not seen: five folds up to 1000 rows, otherwise one split of a fifth. The number of trees
follows from early stopping there. The search ends when its processor time is used up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from benchmarks.accuracy.data import Part

TREES, PATIENCE = 2000, 50
_FEW = 1000


@dataclass(frozen=True)
class Family:
    """A kind of trees.

    draw : random generator -> settings
    fit : (settings, classes, trees, rows, target, (rows, target) to stop on or None)
        -> (model, number of trees)
    """

    draw: Callable[[np.random.Generator], dict[str, Any]]
    fit: Callable[..., tuple[Any, int]]


def search(family: Family, part: Part, seconds: float, seed: int = 0) -> tuple[Any, str]:
    """Return the best model found, fitted on the whole training part, and a word on the search."""
    began = time.process_time()
    rng = np.random.default_rng(seed)
    folds = list(_folds(part))
    best: tuple[float, dict[str, Any], int] | None = None
    tried = 0
    while best is None or time.process_time() - began < seconds:
        settings = family.draw(rng) if tried else {}
        score, trees = _judge(family, settings, part, folds)
        tried += 1
        if best is None or score < best[0]:
            best = (score, settings, trees)
    _, settings, trees = best
    model, _ = family.fit(settings, part.classes, trees, part.train, part.known, None)
    return model, f"{tried} candidates"


def _folds(part: Part) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rows = np.arange(len(part.known))
    stratify = part.known if part.classes else None
    if len(rows) > _FEW:
        yield tuple(train_test_split(rows, test_size=0.2, random_state=0, stratify=stratify))
        return
    kind = StratifiedKFold if part.classes else KFold
    yield from kind(5, shuffle=True, random_state=0).split(rows, stratify)


def _judge(family: Family, settings: dict, part: Part, folds: list) -> tuple[float, int]:
    scores, counts = [], []
    for seen, hidden in folds:
        watched = (part.train.iloc[hidden], part.known[hidden])
        model, trees = family.fit(
            settings, part.classes, TREES, part.train.iloc[seen], part.known[seen], watched
        )
        scores.append(loss(model, *watched, part.classes))
        counts.append(trees)
    return float(np.mean(scores)), max(1, round(float(np.mean(counts))))


def loss(model: Any, rows: pd.DataFrame, target: np.ndarray, classes: bool) -> float:
    """Squared error or log loss."""
    if not classes:
        return float(np.mean((model.predict(rows) - target) ** 2))
    p = np.clip(model.predict_proba(rows)[:, 1], 1e-7, 1 - 1e-7)
    return float(-np.mean(target * np.log(p) + (1 - target) * np.log(1 - p)))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _xgboost_settings(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "learning_rate": _log_uniform(rng, 0.015, 0.3),
        "max_depth": int(rng.integers(2, 11)),
        "min_child_weight": _log_uniform(rng, 1.0, 32.0),
        "subsample": float(rng.uniform(0.5, 1.0)),
        "colsample_bytree": float(rng.uniform(0.4, 1.0)),
        "reg_lambda": _log_uniform(rng, 0.01, 30.0),
        "reg_alpha": _log_uniform(rng, 1e-4, 3.0),
    }


def xgboost_fit(settings, classes, trees, rows, target, watched):
    import xgboost

    kind = xgboost.XGBClassifier if classes else xgboost.XGBRegressor
    options = {"n_estimators": trees, "enable_categorical": True, "random_state": 0}
    if watched is None:
        return kind(**options, **settings).fit(rows, target), trees
    model = kind(**options, **settings, early_stopping_rounds=PATIENCE)
    model.fit(rows, target, eval_set=[watched], verbose=False)
    return model, model.best_iteration + 1


def _histogram_settings(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "learning_rate": _log_uniform(rng, 0.015, 0.3),
        "max_leaf_nodes": round(_log_uniform(rng, 4, 128)),
        "min_samples_leaf": round(_log_uniform(rng, 2, 60)),
        "l2_regularization": _log_uniform(rng, 1e-3, 30.0),
        "max_features": float(rng.uniform(0.4, 1.0)),
    }


def histogram_fit(settings, classes, trees, rows, target, watched):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    options = {"max_iter": trees, "categorical_features": "from_dtype", "random_state": 0}
    if watched is None:
        return kind(**options, **settings, early_stopping=False).fit(rows, target), trees
    model = kind(**options, **settings, early_stopping=True, n_iter_no_change=PATIENCE)
    model.fit(rows, target, X_val=watched[0], y_val=watched[1])
    scores = model.validation_score_
    return model, max(1, int(np.argmax(scores)))


XGBOOST = Family(_xgboost_settings, xgboost_fit)
HISTOGRAM = Family(_histogram_settings, histogram_fit)
