"""The models of the table: each is fitted on a part and becomes a function of tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from benchmarks.accuracy import tuned
from benchmarks.accuracy.boards import BOARDS
from benchmarks.accuracy.data import Part
from benchmarks.accuracy.prepare import linear, preparation

BUDGETS = (5, 30, 120)
"""Seconds given to eigcore in the extra rows for California."""
PATIENCE = 10.0
"""A search over the settings of trees gets this times the processor time that eigcore took."""


@dataclass(frozen=True)
class Fitted:
    """A model that has seen the training part.

    predict : table -> (rows,) predictions, for classes the probability of class 1
    parameters : how many numbers it consists of
    note : what was chosen
    """

    predict: Callable[[pd.DataFrame], np.ndarray]
    parameters: int
    note: str = ""


@dataclass(frozen=True)
class Context:
    """What a model may know beside its part.

    eigcore : record of eigcore on this part
    most : seconds of processor time a search may take at most
    """

    eigcore: Mapping[str, Any]
    most: float

    @property
    def search_seconds(self) -> float:
        """Processor time of a search."""
        return min(PATIENCE * self.eigcore["cpu_seconds"], self.most)


def eigcore_fit(part: Part, constrained: bool, budget: float | None = None, **fixed: int) -> Fitted:
    from eigcore.estimators import SpectralClassifier, SpectralRegressor

    kind = SpectralClassifier if part.classes else SpectralRegressor
    constraints = {"monotone": part.monotone, "shape": part.shape} if constrained else {}
    estimator = kind(budget=budget, random_state=0, **constraints, **fixed)
    estimator.fit(part.train, part.known)
    settings = [tuple(each.values())[:3] for each in estimator.model_.provenance["settings"]]
    chosen = "; ".join(
        f"{count} x knots {knots} dim {dim} penalty {penalty:g}"
        for (knots, dim, penalty), count in Counter(settings).most_common()
    )
    size = sum(params.size for params in estimator.model_.params)
    return Fitted(_predictor(estimator, part), size, chosen)


def linear_fit(part: Part, context: Context) -> Fitted:
    model = make_pipeline(preparation(part), linear(part)).fit(part.train, part.known)
    return Fitted(_predictor(model, part), int(model[-1].coef_.size) + 1)


def xgboost_fit(part: Part, monotone: bool) -> Fitted:
    settings = {"monotone_constraints": part.monotone} if monotone else {}
    model, _ = tuned.xgboost_fit(settings, part.classes, 100, part.train, part.known, None)
    return Fitted(_predictor(model, part), _xgboost_size(model))


def histogram_fit(part: Part, context: Context) -> Fitted:
    model, _ = tuned.histogram_fit({}, part.classes, 100, part.train, part.known, None)
    return Fitted(_predictor(model, part), _histogram_size(model))


def board_fit(part: Part, fit: Callable[[Part], Any]) -> Fitted:
    return Fitted(_predictor(fit(part), part), 0)


def tuned_xgboost(part: Part, context: Context) -> Fitted:
    model, note = tuned.search(tuned.XGBOOST, part, context.search_seconds)
    return Fitted(_predictor(model, part), _xgboost_size(model), note)


def tuned_histogram(part: Part, context: Context) -> Fitted:
    model, note = tuned.search(tuned.HISTOGRAM, part, context.search_seconds)
    return Fitted(_predictor(model, part), _histogram_size(model), note)


def network_fit(part: Part, context: Context) -> Fitted:
    """Two hidden layers as wide as it takes to have eigcore's number of parameters."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    scale, offset = (1.0, 0.0) if part.classes else (part.known.std(), part.known.mean())
    prepared = preparation(part)
    inputs = prepared.fit_transform(part.train)
    # w² + (inputs + 3) w = parameters
    half = 0.5 * (inputs.shape[1] + 3)
    width = max(2, round(np.sqrt(half**2 + context.eigcore["parameters"]) - half))
    kind = MLPClassifier if part.classes else MLPRegressor
    network = kind(
        hidden_layer_sizes=(width, width), early_stopping=True, validation_fraction=0.15,
        max_iter=1000, n_iter_no_change=20, random_state=0,
    )  # fmt: skip
    network.fit(inputs, (part.known - offset) / scale)
    predict = _predictor(network, part)
    size = sum(a.size for a in [*network.coefs_, *network.intercepts_])
    return Fitted(
        lambda rows: offset + scale * predict(prepared.transform(rows)), size, f"width {width}"
    )


def literature_fit(part: Part, tridiagonal: bool) -> Fitted:
    """The better of two orders on held-out rows of the training part."""
    import torch

    from benchmarks.accuracy import plain

    prepared = preparation(part)
    inputs = prepared.fit_transform(part.train)
    scale, offset = (1.0, 0.0) if part.classes else (part.known.std(), part.known.mean())
    target = (part.known - offset) / scale
    tried = [plain.train(inputs, target, d, tridiagonal, part.classes, 0) for d in plain.DIMS]
    _, neuron = min(tried, key=lambda pair: pair[0])

    def predict(rows: pd.DataFrame) -> np.ndarray:
        with torch.no_grad():
            x = torch.as_tensor(prepared.transform(rows), dtype=torch.float32)
            values = neuron(x)
            return (torch.sigmoid(values) if part.classes else offset + scale * values).numpy()

    return Fitted(predict, sum(p.numel() for p in neuron.parameters()), f"d={neuron.dim}")


def _predictor(model: Any, part: Part) -> Callable[[Any], np.ndarray]:
    if part.classes:
        return lambda rows: model.predict_proba(rows)[:, 1]
    return lambda rows: np.asarray(model.predict(rows), np.float64)


def _xgboost_size(model: Any) -> int:
    """Leaves have one number, inner nodes a column and a threshold."""
    nodes = "".join(model.get_booster().get_dump()).splitlines()
    leaves = sum("leaf=" in node for node in nodes)
    return leaves + 2 * (len(nodes) - leaves)


def _histogram_size(model: Any) -> int:
    nodes = np.concatenate([tree.nodes for stage in model._predictors for tree in stage])
    leaves = int(nodes["is_leaf"].sum())
    return leaves + 2 * (len(nodes) - leaves)


Model = Callable[[Part, Context], Fitted]

MODELS: dict[str, Model] = {
    "eigcore": lambda part, _: eigcore_fit(part, False),
    "eigcore constrained": lambda part, _: eigcore_fit(part, True),
    **{
        f"eigcore {seconds} s": lambda part, _, s=seconds: eigcore_fit(part, False, s)
        for seconds in BUDGETS
    },
    "linear": linear_fit,
    "XGBoost": lambda part, _: xgboost_fit(part, False),
    "XGBoost monotone": lambda part, _: xgboost_fit(part, True),
    "HistGB": histogram_fit,
    **{name: lambda part, _, fit=fit: board_fit(part, fit) for name, fit in BOARDS.items()},
    "MLP": network_fit,
    "literature dense": lambda part, _: literature_fit(part, False),
    "literature tridiagonal": lambda part, _: literature_fit(part, True),
    "XGBoost tuned": tuned_xgboost,
    "HistGB tuned": tuned_histogram,
}
"""Name -> model."""
FOLLOWERS = ("MLP", "XGBoost tuned", "HistGB tuned")
"""Models that are given eigcore's size or time."""


def applies(name: str, part: Part) -> bool:
    """Whether a model is meant for a part."""
    if name == "eigcore constrained":
        return part.declared
    if name == "XGBoost monotone":
        return bool(part.monotone)
    return not name.endswith(" s") or part.name == "california_colab"
