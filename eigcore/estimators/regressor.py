"""SpectralRegressor: numbers from a table."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from eigcore.errors import InvalidInput, OutsideRange
from eigcore.estimators.base import SpectralEstimator
from eigcore.estimators.callbacks import managed
from eigcore.estimators.columns import read
from eigcore.estimators.parameters import COMMON, has_parameters
from eigcore.estimators.words import in_own_words
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.target import per_unit, widened
from eigcore.fit.edges import edge_notes
from eigcore.fit.losses import LOSSES, Loss, Targets
from eigcore.fit.metrics import explained
from eigcore.fit.origin import origin
from eigcore.model import SpectralModel


@has_parameters("loss", "quantile", "delta", "variance_power", "clip", *COMMON)
class SpectralRegressor(RegressorMixin, SpectralEstimator):
    """Regression with an average of eigenvalue neurons; see `eigcore.fit.fit`.

    Columns may be numbers with missing cells (NaN), text or pandas' categories.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
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
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        exposure: Any = None,
        offset: Any = None,
        groups: Any = None,
        time: Any = None,
    ) -> Self:
        """Fit to a table.

        Parameters
        ----------
        X : (rows, columns) array or data frame
        y : (rows,) numbers, or (rows, targets) for several targets
        sample_weight : (rows,) non-negative, default None
            A weight of 2 counts like the row twice.
        exposure : (rows,) positive, default None
            The target is a total over it; predictions are per unit of exposure.
        offset : (rows,), default None
            Added to the decision of each row.
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
        return self._fit(X, y, Beside(sample_weight, exposure, offset, groups, time))

    @managed
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        exposure: Any = None,
        offset: Any = None,
        groups: Any = None,
        time: Any = None,
    ) -> Self:
        """Resume the fit with further rows; the first call is a fit. See `fit`.

        Later calls hide no rows, so `groups` and `time` matter in the first one only.
        """
        return self._partial_fit(X, y, Beside(sample_weight, exposure, offset, groups, time))

    def predict(self, X: Any, exposure: Any = None, offset: Any = None) -> np.ndarray:
        """Predictions (rows,), or (rows, targets), in units of the target; float32 if X is.

        exposure : (rows,) default None
            Totals over it; None: per unit of exposure.
        offset : (rows,) default None
            Added to the decision of each row; None: zeros.
        """
        return self._values(X, "predict", exposure=exposure, offset=offset)

    def score(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        exposure: Any = None,
        offset: Any = None,
    ) -> float:
        """D² of the predictions: the part of the deviance of the loss that the model explains.

        For squared loss it is R². For several targets it is the mean of theirs. See
        `eigcore.fit.metrics.metrics`. An `eigcore.errors.OutsideRange` warns if rows outside the
        fitted range carry much of the deviance, and `tails="linear"` would help.

        Parameters
        ----------
        X : (rows, columns) array or data frame
        y : (rows,) numbers, or (rows, targets)
        sample_weight, exposure, offset : as for `fit`

        Raises
        ------
        NotFittedError, InvalidInput, ValueError
            Before a fit, or for a table that does not match the model.
        """
        decision = self._values(X, "decision").astype(np.float64)
        target = self._target(y, first=False)
        check_consistent_length(decision, target)
        with in_own_words():
            beside = Beside(sample_weight, exposure, offset).read(*target.shape)
        moved = widened(beside.offset, target)
        targets = Targets(per_unit(target, beside.exposure), beside.weights, moved)
        measure = self._measure()
        numbers = np.atleast_2d(self.model_.encoding.table(read(self, X, reset=False)))
        if beside.exposure is not None:
            some = beside.exposure > 0.0
            decision, targets, numbers = decision[some], targets.part(some), numbers[some]
        for note in edge_notes(self.model_, numbers, targets, measure, helping=True):
            warnings.warn(note, OutsideRange, stacklevel=2)
        return explained(measure, decision, targets)

    def _measure(self) -> Loss:
        """Loss of the model; of one that `eigcore.fit` did not make, that of its link."""
        try:
            return origin(self.model_).loss
        except InvalidInput:
            usual = {"log": "poisson", "logistic": "binomial"}
            return LOSSES[usual.get(self.model_.static.link, "squared")]

    def predict_interval(self, X: Any, coverage: float = 0.9, *, box: Any = None) -> np.ndarray:
        """Return intervals that contain the target with a probability of at least `coverage`.

        Parameters
        ----------
        X : (rows, columns) array or data frame
        coverage : float between 0 and 1
        box : see `eigcore.calibration.interval.interval`

        Returns
        -------
        (rows, 2) float64: lower and upper ends

        Raises
        ------
        NotFittedError, InvalidInput, ValueError
            Before a fit or `calibrate`; see `eigcore.calibration.interval.interval`.
        """
        check_is_fitted(self, "model_")
        columns, backend = read(self, X, reset=False), self._parameters["backend"]
        return np.stack(self.model_.interval(columns, coverage, box=box, backend=backend), axis=-1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        positive = ("poisson", "gamma", "tweedie", "binomial")
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = vars(self)["loss"] in positive
        return tags

    def _target(self, y: Any, first: bool, classes: Any = None) -> np.ndarray:
        options: Any = {"ensure_2d": False, "dtype": np.float64, "input_name": "y"}
        try:
            found = check_array(y, **options)
        except ValueError as exc:
            texts = [each for each in np.ravel(np.asarray(y, object)) if isinstance(each, str)]
            if not texts:
                raise
            raise InvalidInput(
                f"y holds text, such as {texts[0]!r}; expected numbers. For classes, write "
                "SpectralClassifier(...)."
            ) from exc
        return found if found.ndim == 2 and found.shape[1] > 1 else column_or_1d(found, warn=True)

    def _notes(self, y: np.ndarray) -> list[str]:
        if self._parameters["loss"] != "squared" or not set(y.ravel()) <= {0.0, 1.0}:
            return []
        return [
            "y holds the numbers 0 and 1, and was fitted as a number (loss='squared'): predictions "
            "can leave the range from 0 to 1. For probabilities, write SpectralClassifier(...)."
        ]

    def _loss(self) -> dict[str, Any]:
        return {"loss": self._parameters["loss"]}

    def _adopt(self, model: SpectralModel) -> None:
        if model.static.classes or (model.outputs > 1 and not model.static.targets):
            raise InvalidInput(
                "The model predicts classes or several outputs; expected numbers of one target, or "
                "of several with names. Write SpectralClassifier.from_model(...)."
            )
        super()._adopt(model)
