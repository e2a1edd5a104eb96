"""What the regressor and the classifier share."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from copy import deepcopy
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_sample_weight,
    check_is_fitted,
)

from eigcore.estimators.callbacks import Listener, Listening
from eigcore.estimators.columns import (
    categories,
    columns_of,
    counted,
    directions,
    is_single,
    names_of,
)
from eigcore.fit import Patience, Progress, Solution, fit, resume
from eigcore.fit.validation import InvalidOption
from eigcore.model import SpectralModel

GAP_ROWS = 1000
"""About as many training rows are looked at for `gap_`."""
BATCH_STEPS = 10
"""L-BFGS steps of one `partial_fit`."""
FREE = frozenset(
    {"max_iter", "early_stopping", "validation_fraction", "n_iter_no_change", "tol", "budget"}
    | {"warm_start", "backend", "callback", "random_state"}
)
"""Parameters that may change between a fit and one that goes on from it."""
Data = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray | None]
"""Columns by name, target, weights."""
REASONS = {
    "gradient": "the gradient is zero",
    "decrease": "the objective falls no further",
    "no gain": "the validation part gains no more",
    "iterations": "max_iter was reached",
    "line search": "no step made the objective smaller",
    "stopped": "time was up, or a callback asked for the end",
    "interrupted": "Ctrl-C",
}


class SpectralEstimator(Listening, TransformerMixin, BaseEstimator):
    """Parameters, data and fitted attributes; subclasses say what the target is."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "shape": [StrOptions({"convex", "concave"}), None],
        "dim": [Interval(Integral, 1, None, closed="left"), None],
        "functional_params": [Mapping, None],
        "knots": [Interval(Integral, 0, None, closed="left"), None],
        "penalty": [Interval(Real, 0, None, closed="left"), None],
        "selection": [Interval(Real, 0, None, closed="left")],
        "projections": [Interval(Integral, 0, None, closed="left"), None],
        "n_estimators": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 0, None, closed="left"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "budget": [Interval(Real, 0, None, closed="neither"), None],
        "warm_start": ["boolean"],
        "backend": [str, None],
        "callback": [callable, None],
    }
    """What scikit-learn checks; all else is checked where it is used."""

    def __init__(
        self,
        *,
        monotone: Any = None,
        shape: str | None = None,
        dim: int | None = None,
        index: str | int | None = None,
        structure: str = "dense",
        functional: str = "kth",
        functional_params: Mapping[str, Any] | None = None,
        knots: int | None = None,
        penalty: float | None = None,
        selection: float = 0.0,
        projections: int | None = None,
        n_estimators: int | None = None,
        categorical_features: Any = None,
        max_iter: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        budget: float | None = None,
        warm_start: bool = False,
        backend: str | None = None,
        callback: Callable[[Progress], bool | None] | None = None,
        random_state: Any = None,
    ):
        self.monotone = monotone
        self.shape = shape
        self.dim = dim
        self.index = index
        self.structure = structure
        self.functional = functional
        self.functional_params = functional_params
        self.knots = knots
        self.penalty = penalty
        self.selection = selection
        self.projections = projections
        self.n_estimators = n_estimators
        self.categorical_features = categorical_features
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.budget = budget
        self.warm_start = warm_start
        self.backend = backend
        self.callback = callback
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _target(self, y: Any, first: bool, classes: Any = None) -> np.ndarray:
        """Check y (rows,); ``first``: nothing was fitted before."""
        raise NotImplementedError

    def _loss(self) -> dict[str, Any]:
        """Options of `fit` that say what the loss is."""
        raise NotImplementedError

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        again = self.warm_start and hasattr(self, "model_")
        data = self._data(X, y, sample_weight, first=not again)
        with Listener(self, X, y) as tell:
            if again:
                steps = 120 if self.max_iter is None else self.max_iter
                self._go_on(*data, tell, max_iter=steps, patience=self._patience())
            else:
                self._begin(X, *data, tell)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        first = not hasattr(self, "model_")
        data = self._data(X, y, sample_weight, first=first, classes=classes)
        with Listener(self, X, y) as tell:
            if first:
                self._begin(X, *data, tell)
            else:
                self._go_on(*data, tell, max_iter=BATCH_STEPS, remember=True)
        return self

    def _begin(self, X, columns, y, weights, tell) -> None:
        """Fit from nothing."""
        result = fit(columns, y, weights=weights, **self._options(X), callback=tell)
        self.report_, self._asked = result.report, deepcopy(self._wishes())
        self._keep(result.model, result.solutions, columns)

    def _go_on(self, columns, y, weights, tell, **options: Any) -> None:
        """Descend from the fitted model on these rows."""
        for name, value in self._wishes().items():
            if not _same(value, self._asked[name]):
                raise InvalidOption(
                    f"{name} is {value!r} and was {self._asked[name]!r} when the model was fitted "
                    "or taken over; going on from a model keeps its encoding, settings and "
                    f"constraints. Put {name} back, or fit anew with warm_start=False."
                )
        if hasattr(self, "report_"):
            del self.report_
        options |= {"weights": weights, "backend": self.backend, "callback": tell}
        self._keep(*resume(self.model_, columns, y, **options), columns)

    def _wishes(self) -> dict[str, Any]:
        """Parameters that a fit which goes on cannot change."""
        known = self.get_params(deep=False)
        return {name: value for name, value in known.items() if name not in FREE}

    def _patience(self) -> Patience | None:
        if not self.early_stopping:
            return None
        return Patience(self.validation_fraction, self.n_iter_no_change, self.tol)

    def _data(self, X, y, sample_weight, *, first: bool, classes: Any = None) -> Data:
        """Named columns, target and weights: checked, and equal rows merged."""
        self._validate_params()
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        columns = columns_of(self, X, reset=first)
        rows = next(iter(columns.values()))
        target = self._target(y, first, classes)
        check_consistent_length(rows, target)
        weights = sample_weight
        if weights is not None:
            options: Any = {"dtype": np.float64, "ensure_non_negative": True}
            weights = _check_sample_weight(weights, rows, **options)
        return counted(columns, target, weights)

    def _options(self, X: Any) -> dict[str, Any]:
        """Options of `fit`, from the parameters."""
        neuron = {"structure": self.structure, "functional": self.functional}
        neuron |= {} if self.index is None else {"index": self.index}
        neuron |= dict(self.functional_params or {})
        return {
            **self._loss(),
            **directions(self.monotone, names_of(self)),
            "shape": self.shape,
            "neuron": neuron,
            "dim": self.dim,
            "knots": self.knots,
            "members": self.n_estimators,
            "penalty": self.penalty,
            "selection": self.selection,
            "projections": self.projections,
            "backend": self.backend,
            "seed": seed_of(self.random_state),
            "max_iter": self.max_iter,
            "patience": self._patience(),
            "validation": 0.0,
            "categories": categories(self, X),
            "keep_constant": True,
            "budget_seconds": self.budget,
        }

    def _keep(self, model: SpectralModel, solutions: tuple[Solution, ...], columns: dict) -> None:
        """Set the fitted attributes."""
        self.model_ = model
        self.loss_curve_ = [np.array(solution.values) for solution in solutions]
        self.validation_curve_ = [np.array(solution.watched) for solution in solutions]
        self.n_iter_ = max([1, *(solution.iterations for solution in solutions)])
        self.converged_ = bool(solutions) and all(each.converged for each in solutions)
        reasons = [solution.reason for solution in solutions]
        counts = [f"{reasons.count(r)} × {REASONS[r]}" for r in REASONS if r in reasons]
        self.message_ = f"{len(solutions)} member(s) ended: {', '.join(counts)}."
        if not solutions:
            self.message_ = "The end came before the first descent: the model is additive."
        norms = model.feature_norms
        self.feature_norms_ = np.array([norms[name] for name in model.encoding.names])
        step = max(1, len(next(iter(columns.values()))) // GAP_ROWS)
        some = {name: cells[::step] for name, cells in columns.items()}
        self.gap_ = float(np.median(model.explain(some).gaps.min(-1)))

    def _values(self, X: Any, function: str) -> np.ndarray:
        """``predict`` or ``decision`` of the model, in float32 where X is."""
        check_is_fitted(self, "model_")
        columns = columns_of(self, X, reset=False)
        values = np.asarray(getattr(self.model_, function)(columns, backend=self.backend))
        return values.astype(np.float32) if is_single(columns) else values

    def transform(self, X: Any) -> np.ndarray:
        """Split the decision of each row exactly into what the columns give.

        Parameters
        ----------
        X : (rows, columns) array or data frame

        Returns
        -------
        (rows, features out) array, or what `set_output` asks for; float32 where X is
            ``model_.explain(X).contributions``: one number for each column and each projection,
            for the first class first where there are several outputs. Its sum over a row, with
            the intercept and the remainder of the explanation, is the decision
            (`eigcore.guarantees.explanation.Explanation`).

        Raises
        ------
        NotFittedError, InvalidInput, ValueError
            Before a fit, or for a table that does not fit the model.
        """
        check_is_fitted(self, "model_")
        columns = columns_of(self, X, reset=False)
        parts = self.model_.explain(columns).contributions
        parts = parts.reshape(len(parts), -1)
        return parts.astype(np.float32) if is_single(columns) else parts

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of what `transform` gives.

        Parameters
        ----------
        input_features : names of the columns, default None: those of the fit

        Returns
        -------
        (features out,) array of str: columns, then projections; of several classes, "class: name"

        Raises
        ------
        NotFittedError, ValueError
            Before a fit, or for other names or another number of them than at the fit.
        """
        check_is_fitted(self, "model_")
        columns: Any = _check_feature_names_in(self, input_features)
        model = self.model_
        names = [*columns, *model.encoding.labels[len(columns) :]]
        if model.outputs > 1:
            names = [f"{label}: {name}" for label in model.static.classes for name in names]
        return np.array(names, dtype=object)

    @classmethod
    def from_model(cls, model: SpectralModel | str | os.PathLike[str], **parameters: Any) -> Self:
        """Return a fitted estimator that predicts with a model, or with a model file.

        Parameters
        ----------
        model : SpectralModel, or path of a file that `SpectralModel.save` wrote
        **parameters : of the estimator; they matter only to a later fit

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
        self.n_features_in_ = len(names)
        if list(names) != [f"x{j}" for j in range(len(names))]:
            self.feature_names_in_ = np.array(names, dtype=object)
        norms = model.feature_norms
        self.model_, self.feature_norms_ = model, np.array([norms[name] for name in names])
        self._asked = type(self)()._wishes()


def _same(one: Any, other: Any) -> bool:
    """Whether two parameters are equal, also where they hold arrays."""
    if isinstance(one, Mapping):
        alike = isinstance(other, Mapping) and one.keys() == other.keys()
        return alike and all(_same(value, other[key]) for key, value in one.items())
    return np.array_equal(one, other)


def seed_of(random_state: Any) -> int:
    """A seed from None, a number, a RandomState or a Generator."""
    if isinstance(random_state, (int, np.integer)):
        check_random_state(random_state)
        return int(random_state)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    return int(check_random_state(random_state).randint(2**31 - 1))
