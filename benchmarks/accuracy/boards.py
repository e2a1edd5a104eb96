"""Models of public boards with their defaults: forest, CatBoost, LightGBM, EBM, APLR, RealMLP."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import make_pipeline

from benchmarks.accuracy.data import Part
from benchmarks.accuracy.prepare import preparation

FOREST = "random forest"
"""The model whose Elo is 1000."""


def threads() -> int:
    """The number of threads of every model of the table."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def _kind(part: Part, package: str, regressor: str, classifier: str) -> Any:
    try:
        module = importlib.import_module(package)
    except ImportError:
        name = package.split(".")[0].replace("interpret", "interpret-core")
        raise SystemExit(f"{package} is not installed. Type: pip install {name}") from None
    return getattr(module, classifier if part.classes else regressor)


def catboost(part: Part) -> Any:
    text = [name for name, dtype in part.train.dtypes.items() if str(dtype) == "category"]
    kind = _kind(part, "catboost", "CatBoostRegressor", "CatBoostClassifier")
    return kind(
        thread_count=threads(),
        cat_features=text,
        random_seed=0,
        verbose=0,
        allow_writing_files=False,
    ).fit(part.train, part.known)


def lightgbm(part: Part) -> Any:
    kind = _kind(part, "lightgbm", "LGBMRegressor", "LGBMClassifier")
    return kind(n_jobs=threads(), random_state=0, verbose=-1).fit(part.train, part.known)


def ebm(part: Part) -> Any:
    package = "interpret.glassbox"
    kind = _kind(part, package, "ExplainableBoostingRegressor", "ExplainableBoostingClassifier")
    return kind(n_jobs=threads(), random_state=0).fit(part.train, part.known)


class Aplr:
    """APLR on prepared columns; its classes are texts."""

    def __init__(self, part: Part) -> None:
        self.prepared = preparation(part)
        inputs = self.prepared.fit_transform(part.train)
        kind = _kind(part, "aplr", "APLRRegressor", "APLRClassifier")
        quiet = {} if part.classes else {"verbosity": 0}
        self.model = kind(random_state=0, n_jobs=threads(), **quiet)
        target = part.known.astype(int).astype(str).tolist() if part.classes else part.known
        self.model.fit(inputs, target)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(self.model.predict(self.prepared.transform(rows)))

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(self.model.predict_class_probabilities(self.prepared.transform(rows)))


def realmlp(part: Part) -> Any:
    kind = _kind(part, "pytabkit", "RealMLP_TD_Regressor", "RealMLP_TD_Classifier")
    model = make_pipeline(preparation(part), kind(device="cpu", random_state=0, verbosity=0))
    return model.fit(part.train, part.known)


def forest(part: Part) -> Any:
    kind = RandomForestClassifier if part.classes else RandomForestRegressor
    model = make_pipeline(preparation(part), kind(n_jobs=threads(), random_state=0))
    return model.fit(part.train, part.known)


BOARDS: dict[str, Callable[[Part], Any]] = {
    FOREST: forest,
    "CatBoost": catboost,
    "LightGBM": lightgbm,
    "EBM": ebm,
    "APLR": Aplr,
    "RealMLP": realmlp,
}
"""Name -> function that fits a model of scikit-learn's kind."""
