"""Columns as linear models and networks want them: indicators, logarithms, no gaps, one unit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from benchmarks.accuracy.data import Part

_SKEWED = 1.0


def preparation(part: Part) -> Pipeline:
    """Pipeline for the features of a part, not fitted yet.

    The logarithm of skewed positive columns is taken if that makes the linear model better in
    cross-validation on the training part (it does in California, where the literature does so).
    """
    skewed = _skewed(part.train)
    plain = _pipeline(part.train, [])
    if not skewed:
        return plain
    options = [plain, _pipeline(part.train, skewed)]
    return max(options, key=lambda option: _score(option, part))


def linear(part: Part):
    """Ridge regression with its penalty cross-validated, or logistic regression."""
    return LogisticRegression(max_iter=2000) if part.classes else RidgeCV(np.logspace(-4, 3, 15))


def _score(option: Pipeline, part: Part) -> float:
    scoring = "neg_log_loss" if part.classes else "neg_mean_squared_error"
    model = make_pipeline(option, linear(part))
    return float(cross_val_score(model, part.train, part.known, cv=5, scoring=scoring).mean())


def _skewed(table: pd.DataFrame) -> list[str]:
    numbers = table.select_dtypes("number")
    return [c for c in numbers if numbers[c].min() > 0 and float(numbers[c].skew()) > _SKEWED]


def _pipeline(table: pd.DataFrame, skewed: list[str]) -> Pipeline:
    text = list(table.select_dtypes("category"))
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False, handle_unknown="ignore"), text),
        (FunctionTransformer(np.log), skewed),
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    return make_pipeline(columns, SimpleImputer(), StandardScaler())
