"""SpectralClassifier: two or more classes from a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from eigcore.errors import InvalidInput, InvalidOption
from eigcore.estimators.base import SpectralEstimator
from eigcore.estimators.callbacks import managed
from eigcore.estimators.columns import read
from eigcore.estimators.parameters import COMMON, has_parameters
from eigcore.fit.data.beside import Beside
from eigcore.model import SpectralModel


@has_parameters("class_weight", *COMMON)
class SpectralClassifier(ClassifierMixin, SpectralEstimator):
    """Classification with an average of eigenvalue neurons; see `eigcore.fit.fit`.

    With two classes, one pencil gives the log-odds; `monotone` and `shape` refer to the second
    class. With more, there is one pencil per class; no shape can be guaranteed, because a
    probability depends on the decisions of all classes.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : (classes,) array
        Labels in ascending order.
    model_ : SpectralModel
        Use it to certify, explain and save: ``model_.save("model.eig")`` is the safe format.
    report_ : eigcore.fit.Report
        Errors beside those of a linear model, the chosen settings, and notes on the columns. A
        resumed fit has no report.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.
    feature_norms_ : (n_features_in_,) array
        Certified largest slope in each column; for categories, largest change between levels.
    feature_importances_ : (n_features_in_,) array
        Shares, of sum 1, in what the model tells training rows apart by; free of units. The share
        of column j is the mean over the rows of |⟨G_r, A_j(x_rj) − Ā_j⟩|, its contribution beside
        that of an average cell; see `eigcore.guarantees.importance.importances`.
    gap_ : float
        Median distance of the eigenvalue to its neighbours on training rows, in units of the
        decision: how far predictions are from a kink.
    loss_curve_ : list of arrays
        Objective after every step, one array per neuron.
    validation_curve_ : list of arrays
        Loss on the validation rows, with early stopping.
    n_iter_ : int
        Steps of the longest descent.
    converged_, message_ : bool, str
        Whether every descent converged, and how they ended.
    """

    @managed
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None, time: Any = None
    ) -> Self:
        """Fit to a table.

        Parameters
        ----------
        X : (rows, columns) array or data frame
        y : (rows,) labels: text, whole numbers or booleans
        sample_weight : (rows,) non-negative, default None
            A weight of 2 counts like the row twice.
        groups : (rows,), default None
            Rows of a group are fitted or hidden together, where settings are chosen and descents
            stop early: for predictions of new groups.
        time : (rows,) numbers or dates, default None
            Hidden rows are newer than fitted ones.

        Returns
        -------
        The estimator itself.

        Raises
        ------
        InvalidInput, ValueError
            A table or a parameter that cannot be used.
        """
        return self._fit(X, y, Beside(sample_weight, groups=groups, time=time))

    @managed
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Resume the fit with further rows; the first call is a fit.

        Parameters
        ----------
        X, y, sample_weight : see `fit`
        classes : all labels that will ever occur; required in the first call, the same ones later
        """
        return self._partial_fit(X, y, Beside(sample_weight), classes)

    def decision_function(self, X: Any) -> np.ndarray:
        """Log-odds (rows,) of the second of two classes, or scores (rows, classes) of more."""
        return self._values(X, "decision")

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (rows, classes) in the order of `classes_`; float32 where X is."""
        values = self._values(X, "predict")
        return values if values.ndim == 2 else np.stack([1 - values, values], axis=-1)

    def predict(self, X: Any) -> np.ndarray:
        """Most probable label (rows,)."""
        decision = self.decision_function(X)
        best = decision.argmax(-1) if decision.ndim == 2 else (decision > 0.0).astype(int)
        return self.classes_[best]

    def predict_set(self, X: Any, coverage: float = 0.9, *, box: Any = None) -> np.ndarray:
        """Return sets of classes with the true one in it with a probability of at least `coverage`.

        Parameters
        ----------
        X : (rows, columns) array or data frame
        coverage : float between 0 and 1
        box : see `eigcore.calibration.sets.prediction_sets`

        Returns
        -------
        (rows, classes) bool, in the order of `classes_`

        Raises
        ------
        NotFittedError, InvalidInput, ValueError
            Before a fit or `calibrate`; see `eigcore.calibration.sets.prediction_sets`.
        """
        check_is_fitted(self, "model_")
        columns, backend = read(self, X, reset=False), self._parameters["backend"]
        return self.model_.prediction_sets(columns, coverage, box=box, backend=backend).included

    def _target(self, y: Any, first: bool, classes: Any = None) -> np.ndarray:
        options: Any = {"ensure_2d": False, "dtype": None, "input_name": "y"}
        labels = column_or_1d(check_array(y, **options), warn=True)
        check_classification_targets(labels)
        if first:
            self.classes_ = np.unique(labels if classes is None else classes)
        elif classes is not None and set(np.unique(classes)) != set(self.classes_):
            raise InvalidOption(
                "classes",
                list(classes),
                f"none, or those of the first call, {self.classes_.tolist()}",
                problem=f"are {np.unique(classes).tolist()} now",
            )
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class, {self.classes_.tolist()[0]!r}; expected at least two classes. "
                "Pass rows of another class too."
            )
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y has the classes {unknown.tolist()}, unknown to the first call; expected "
                f"classes among {self.classes_.tolist()}. Pass all of them as classes=[...] to the "
                "first partial_fit."
            )
        return labels

    def _loss(self) -> dict[str, Any]:
        loss = "logistic" if len(self.classes_) == 2 else "multinomial"
        return {"loss": loss, "classes": self.classes_.tolist()}

    def _adopt(self, model: SpectralModel) -> None:
        if not model.static.classes:
            raise InvalidInput(
                "The model has no classes; expected a model of classes. "
                "Write SpectralRegressor.from_model(...)."
            )
        super()._adopt(model)
        self.classes_ = labels_of(model.static.classes)


def labels_of(classes: Sequence[Any]) -> np.ndarray:
    """Return labels (classes,) in their own type; as objects where no type of NumPy holds all."""
    found = np.array(classes)
    kinds = {type(label) for label in classes}
    if len(kinds) == 1 and found.tolist() == list(classes):
        return found
    found = np.empty(len(classes), dtype=object)
    found[:] = classes
    return found
