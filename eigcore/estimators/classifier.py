"""SpectralClassifier: two or more classes from a table."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from eigcore.errors import InvalidInput
from eigcore.estimators.base import SpectralEstimator
from eigcore.estimators.callbacks import managed
from eigcore.model import SpectralModel


class SpectralClassifier(ClassifierMixin, SpectralEstimator):
    """Classification with an average of eigenvalue neurons; see `eigcore.fit.fit`.

    Two classes: log-loss of one neuron's log-odds; `monotone` and `shape` speak of the second
    class. More: multinomial log-loss of one pencil per class, without guarantees of shape: a
    probability depends on the scores of all classes.

    Parameters
    ----------
    monotone : mapping of column names or places, or one number per column; default None
        1: the prediction never falls when the column grows; -1: it never rises; 0: free. Holds
        exactly, everywhere.
    shape : {"convex", "concave"}, default None
        Jointly in all numeric columns, before the link.
    dim : int, default None
        Order of the matrices. None here and below: chosen inside the training rows.
    index : {"middle", "convex", "concave"} or int, default None
        Which eigenvalue; None: the middle one, or the one of the shape.
    structure : {"dense", "tridiagonal", "banded:b", "diagonal"}, default "dense"
    functional : {"kth", "smooth", "top_sum", "bottom_sum", "softmax", "weighted"}, default "kth"
        See `eigcore.EigSpec`.
    functional_params : mapping, default None
        Parameter of the functional, as ``{"alpha": 0.1}``.
    knots : int, default None
        Pieces per numeric column; 0: linear.
    penalty : float, default None
        Weight of the squared norms of the matrices.
    selection : float, default 0.0
        Weight of the columns' spectral norms: columns that it makes zero are left out, exactly.
    projections : int, default None
        How many weighted sums of two numeric, not monotone columns get a shape function of their
        own. None: as many as validation says, from 2500 rows on and without selection.
    n_estimators : int, default None
        How many neurons are averaged. None: 12, 4 without a kernel, as many as the
        budget allows; one, if a linear model turns out as good.
    categorical_features : names or places of columns, or one bool per column; default None
        Beside text columns and pandas' categories, which are recognised.
    max_iter : int, default None
        L-BFGS steps per neuron. None: 120, or more where it is cheap.
    early_stopping : bool, default False
        End each neuron's descent when `validation_fraction` of the rows, hidden from it, has not
        gained `tol` (relative) for `n_iter_no_change` steps, and keep the best point.
    validation_fraction, n_iter_no_change, tol : float, int, float
        See early_stopping.
    budget : float, default None
        Seconds to use. The result then depends on the machine.
    warm_start : bool, default False
        Go on from the fitted model when `fit` is called again: its encoding, settings and
        constraints stay, and a parameter that asks for others is refused.
    backend : str, default None
        Who computes: "numpy", "torch", "jax" or another; None: the default backend.
    callback : callable, default None
        Called with an `eigcore.fit.Progress` after every step; returning True ends the fit.
        scikit-learn's callbacks (since 1.9) are set with `set_callbacks`.
    random_state : None, int, RandomState or Generator; default None
        Everything random follows from it.

    Attributes
    ----------
    classes_ : (classes,) array
        Labels in ascending order.
    model_ : SpectralModel
        Certifies, explains, saves: ``model_.save("model.eig")`` is the safe format.
    report_ : eigcore.fit.Report
        Errors beside a linear model's, the settings chosen, notes on the columns; of a fit from
        nothing, so absent after one that went on.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.
    feature_norms_ : (n_features_in_,) array
        Certified largest slope by each column; for categories the largest change between two.
    gap_ : float
        Median distance, in units of the decision, of the eigenvalue to its neighbours on training
        rows: how far predictions are from a kink.
    loss_curve_ : list of arrays
        Objective after every step, one array per neuron.
    validation_curve_ : list of arrays
        Loss on the hidden rows, with early stopping.
    n_iter_ : int
        Steps of the longest descent.
    converged_, message_ : bool, str
        Whether every descent came to its end, and how they ended.
    """

    @managed
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to a table.

        Parameters
        ----------
        X : (rows, columns) array or data frame
        y : (rows,) labels: text, whole numbers or booleans
        sample_weight : (rows,) non-negative, default None
            A weight of 2 is the same as the row twice.

        Returns
        -------
        The estimator itself.

        Raises
        ------
        InvalidInput, ValueError
            A table or a parameter that cannot be used.
        """
        return self._fit(X, y, sample_weight)

    @managed
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go on fitting with some more rows; the first call is a fit.

        Parameters
        ----------
        X, y, sample_weight : see `fit`
        classes : all labels there will be, needed in the first call only
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def decision_function(self, X: Any) -> np.ndarray:
        """Log-odds (rows,) of the second class, or scores (rows, classes) of more."""
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

    def _target(self, y: Any, first: bool, classes: Any = None) -> np.ndarray:
        options: Any = {"ensure_2d": False, "dtype": None, "input_name": "y"}
        labels = column_or_1d(check_array(y, **options), warn=True)
        check_classification_targets(labels)
        if first:
            self.classes_ = np.unique(labels if classes is None else classes)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class, {self.classes_.tolist()[0]!r}; expected at least two classes."
            )
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y has the classes {unknown.tolist()}, unknown to the first call; expected "
                f"classes among {self.classes_.tolist()}. Pass classes=[...] to partial_fit first."
            )
        return labels

    def _loss(self) -> dict[str, Any]:
        loss = "logistic" if len(self.classes_) == 2 else "multinomial"
        return {"loss": loss, "classes": self.classes_.tolist()}

    def _adopt(self, model: SpectralModel) -> None:
        if not model.static.classes:
            raise InvalidInput(
                "The model has no classes; the classifier expects a model of classes. "
                "Write SpectralRegressor.from_model(...)."
            )
        super()._adopt(model)
        self.classes_ = np.array(model.static.classes)
