"""The common base of the regressor and the classifier."""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_sample_weight,
    check_is_fitted,
)

from eigcore.estimators.callbacks import Callbacks, CallbackSupport
from eigcore.estimators.columns import (
    Data,
    as_numbers,
    counted,
    is_single,
    names_of,
    names_of_targets,
    plain_target,
    read,
)
from eigcore.estimators.going_on import check_unchanged, kept
from eigcore.estimators.labels import categories, named, signs
from eigcore.estimators.parameters import fit_options, stopping_of
from eigcore.estimators.words import in_own_words
from eigcore.fit import Solution, resume
from eigcore.fit.data.beside import Beside
from eigcore.fit.origin import origin
from eigcore.fit.train import fit_with
from eigcore.guarantees.importance import importances_and_gaps
from eigcore.model import SpectralModel

SOME_ROWS, SOME_TERMS = 1000, 2_000_000
"""About so many rows, or terms of rows and members, give `gap_` and `feature_importances_`."""
WARM_STEPS, BATCH_STEPS = 120, 10
"""L-BFGS steps of a resumed fit, and of one `partial_fit`."""
REASONS = {
    "gradient": "reached a zero gradient",
    "decrease": "stopped because the objective falls no further",
    "no gain": "stopped because the validation loss no longer falls",
    "iterations": "reached max_iter",
    "line search": "found no step that lowers the objective",
    "stopped": "stopped because the time was up, or a callback ended the fit",
    "interrupted": "stopped by Ctrl-C",
}
"""Reason of a `Solution` -> what its member did."""


class SpectralEstimator(CallbackSupport, TransformerMixin, BaseEstimator):
    """Data and fitted attributes; subclasses define the target."""

    _labels: list[Any] | None
    _fixed: dict[str, Any] | None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _target(self, y: Any, first: bool, classes: Any = None) -> np.ndarray:
        """Check y (rows,); ``first``: whether nothing was fitted before."""
        raise NotImplementedError

    def _loss(self) -> dict[str, Any]:
        """Options of `eigcore.fit.fit` that determine the loss."""
        raise NotImplementedError

    def _notes(self, y: np.ndarray) -> list[str]:
        """Say what was assumed of a target y (rows,)."""
        return []

    @property
    def _parameters(self) -> dict[str, Any]:
        return self.get_params(deep=False)

    def _fit(self, X: Any, y: Any, beside: Beside) -> Self:
        again = self._parameters["warm_start"] and hasattr(self, "model_")
        beside = beside._replace(cv=self._parameters["cv"])
        with in_own_words():
            data = self._data(X, y, beside, first=not again)
            with Callbacks(self, X, y) as tell:
                if again:
                    steps = self._parameters["max_iter"]
                    steps = WARM_STEPS if steps is None else steps
                    stopping = stopping_of(self._parameters)
                    self._go_on(X, data, tell, max_iter=steps, early_stopping=stopping)
                else:
                    self._begin(X, data, tell)
        return self

    def _partial_fit(self, X: Any, y: Any, beside: Beside, classes: Any = None) -> Self:
        first = not hasattr(self, "model_")
        with in_own_words():
            data = self._data(X, y, beside, first=first, classes=classes)
            with Callbacks(self, X, y) as tell:
                if first:
                    self._begin(X, data, tell)
                else:
                    self._go_on(X, data, tell, max_iter=BATCH_STEPS, remember=True)
        return self

    def _begin(self, X: Any, data: Data, tell: Callbacks) -> None:
        """Fit a new model."""
        parameters, names = self._parameters, names_of(self)
        options = fit_options(
            parameters | named(parameters, names, X),
            **self._loss(),
            **signs(parameters["monotone"], names, X),
            categories=categories(parameters["categorical_features"], names, X),
        )
        result = fit_with(data.columns, data.target(), data.beside, options, tell)
        notes = (*result.report.notes, *self._notes(data.y))
        self.report_ = replace(result.report, rows=data.count, notes=notes)
        self._fixed = deepcopy(kept(self._parameters))
        self._keep(result.model, result.solutions, data, data.count)

    def _go_on(
        self, X: Any, data: Data, tell: Callbacks, remember: bool = False, **options: Any
    ) -> None:
        """Resume the fit of the model on these rows."""
        check_unchanged(self, X)
        if hasattr(self, "report_"):
            del self.report_
        options |= data.beside._asdict() | {"backend": self._parameters["backend"]}
        options["verbose"] = bool(self._parameters["verbose"])
        rows = data.count + origin(self.model_).rows * remember
        target = data.target(self.model_.static.targets)
        found = resume(
            self.model_, data.columns, target, remember=remember, callback=tell, **options
        )
        self._keep(*found, data, rows)

    def _data(self, X: Any, y: Any, beside: Beside, *, first: bool, classes: Any = None) -> Data:
        """Return named columns, target and weights, checked and with equal rows merged."""
        self._validate_params()
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        columns = read(self, X, reset=first)
        rows, names = next(iter(columns.values())), names_of_targets(y)
        target = self._target(plain_target(y), first, classes)
        check_consistent_length(rows, target, beside.groups, beside.time)
        weights = beside.weights
        if weights is not None:
            options: Any = {"dtype": np.float64, "ensure_non_negative": True}
            weights = _check_sample_weight(weights, rows, **options)
        beside._replace(weights=None).read(*np.shape(target))
        return counted(columns, target, beside._replace(weights=weights))._replace(names=names)

    def _keep(
        self, model: SpectralModel, solutions: Sequence[Solution], data: Data, rows: int
    ) -> None:
        """Set the fitted attributes; rows: number of rows that the model was fitted to."""
        provenance = model.provenance | {"rows": rows}
        self.model_ = model = SpectralModel.from_static(model.static, model.params, provenance)
        self.loss_curve_ = [np.array(solution.values) for solution in solutions]
        self.validation_curve_ = [np.array(solution.watched) for solution in solutions]
        self.n_iter_ = max([1, *(solution.iterations for solution in solutions)])
        self.converged_ = bool(solutions) and all(each.converged for each in solutions)
        reasons = [solution.reason for solution in solutions]
        counts = [f"{reasons.count(r)} {REASONS[r]}" for r in REASONS if r in reasons]
        members = "1 member" if len(solutions) == 1 else f"{len(solutions)} members"
        self.message_ = f"{members} ended: {', '.join(counts)}."
        if not solutions:
            self.message_ = "The fit ended before the first descent: the model is additive."
        norms = model.feature_norms
        self.feature_norms_ = np.array([norms[name] for name in model.encoding.names])
        terms = model.encoding.terms * len(model.params)
        step = max(1, len(data.y) // max(1, min(SOME_ROWS, SOME_TERMS // terms)))
        some = {name: cells[::step] for name, cells in data.columns.items()}
        weights = data.beside.weights
        weights = None if weights is None else weights[::step]
        shares, gaps = importances_and_gaps(model, some, weights)
        self.feature_importances_ = np.array(list(shares.values()))
        self.gap_ = float(np.median(gaps.min(-1)))

    def _values(self, X: Any, function: str, **beside: Any) -> np.ndarray:
        """``predict`` or ``decision`` of the model, in float32 where X is."""
        check_is_fitted(self, "model_")
        columns, predict = read(self, X, reset=False), getattr(self.model_, function)
        numbers = as_numbers(columns, self.model_.encoding.names)
        table = columns if numbers is None else numbers
        values = np.asarray(predict(table, backend=vars(self)["backend"], **beside))
        return values.astype(np.float32) if is_single(columns) else values

    def transform(self, X: Any) -> np.ndarray:
        """Split the decision of each row exactly into contributions.

        Parameters
        ----------
        X : (rows, columns) array or data frame

        Returns
        -------
        (rows, features out) array, or what `set_output` asks for; float32 where X is
            ``model_.explain(X).contributions``: one number for each column and each projection;
            with several outputs, those of the first class come first. In a row they add up, with
            the intercept and the remainder of the explanation, to the decision
            (`eigcore.guarantees.explanation.Explanation`).

        Raises
        ------
        NotFittedError, InvalidInput, ValueError
            Before a fit, or for a table that does not match the model.
        """
        check_is_fitted(self, "model_")
        columns = read(self, X, reset=False)
        parts = self.model_.explain(columns).contributions
        parts = parts.reshape(len(parts), -1)
        return parts.astype(np.float32) if is_single(columns) else parts

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the features that `transform` returns.

        Parameters
        ----------
        input_features : names of the columns, default None: those of the fit

        Returns
        -------
        (features out,) array of str: columns, then projections; "class: name" for several classes

        Raises
        ------
        NotFittedError, ValueError
            Before a fit, or for names that differ from those at the fit.
        """
        check_is_fitted(self, "model_")
        columns: Any = _check_feature_names_in(self, input_features)
        model = self.model_
        names = [*columns, *model.encoding.labels[len(columns) :]]
        if model.outputs > 1:
            names = [f"{label}: {name}" for label in model.static.labels for name in names]
        return np.array(names, dtype=object)

    def calibrate(self, X: Any, y: Any, *, groups: str = "") -> Self:
        """Calibrate intervals, or sets of classes, on rows that the fit has not used.

        Parameters
        ----------
        X : (rows, columns) array or data frame
        y : (rows,) numbers, or labels
        groups : str, optional
            A category column: each of its levels gets intervals, and the coverage, of its own.

        Returns
        -------
        The estimator itself; ``model_`` and its file hold the calibration, until the next fit.

        Raises
        ------
        NotFittedError, InvalidInput, ValueError
            Before a fit; see `eigcore.calibration.interval.calibration_of`.
        """
        check_is_fitted(self, "model_")
        y = self._target(plain_target(y), first=False)
        self.model_ = self.model_.calibrate(read(self, X, reset=False), y, groups=groups)
        return self

    @classmethod
    def from_model(cls, model: SpectralModel | str | os.PathLike[str], **parameters: Any) -> Self:
        """Return a fitted estimator that predicts with a model or a model file.

        Parameters
        ----------
        model : SpectralModel, or path of a file that `SpectralModel.save` wrote
        **parameters : parameters of the estimator; only a later fit uses them

        Raises
        ------
        ModelFileError
            A file that cannot be read.
        InvalidInput
            A model of classes for the regressor, or of numbers for the classifier.
        """
        loaded = model if isinstance(model, SpectralModel) else SpectralModel.load(model)
        estimator = cls(**parameters)
        estimator._adopt(loaded)
        return estimator

    def _adopt(self, model: SpectralModel) -> None:
        names = model.encoding.names
        self.n_features_in_, self._labels = len(names), list(names)
        if list(names) != [f"x{j}" for j in range(len(names))]:
            self.feature_names_in_ = np.array(names, dtype=object)
        norms = model.feature_norms
        self.model_, self.feature_norms_ = model, np.array([norms[name] for name in names])
        self._fixed = None
