"""SpectralRegressor: numbers from a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions

from eigcore.errors import InvalidInput
from eigcore.estimators.base import SpectralEstimator
from eigcore.estimators.callbacks import managed
from eigcore.fit import Progress
from eigcore.model import SpectralModel


class SpectralRegressor(RegressorMixin, SpectralEstimator):
    """Regression with an average of eigenvalue neurons; see `eigcore.fit.fit`.

    Columns may be numbers with gaps (NaN), text or pandas' categories.

    Parameters
    ----------
    loss : {"squared", "absolute", "huber", "quantile", "poisson"}, default "squared"
    quantile : float, default 0.5
        Which one the loss "quantile" estimates.
    delta : float, default 0.5
        From how many standard deviations of the target the loss "huber" is linear.
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

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SpectralEstimator._parameter_constraints,
        "loss": [StrOptions({"squared", "absolute", "huber", "quantile", "poisson"})],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
        "delta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        loss: str = "squared",
        quantile: float = 0.5,
        delta: float = 0.5,
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
        super().__init__(
            monotone=monotone,
            shape=shape,
            dim=dim,
            index=index,
            structure=structure,
            functional=functional,
            functional_params=functional_params,
            knots=knots,
            penalty=penalty,
            selection=selection,
            projections=projections,
            n_estimators=n_estimators,
            categorical_features=categorical_features,
            max_iter=max_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            budget=budget,
            warm_start=warm_start,
            backend=backend,
            callback=callback,
            random_state=random_state,
        )
        self.loss = loss
        self.quantile = quantile
        self.delta = delta

    @managed
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to a table.

        Parameters
        ----------
        X : (rows, columns) array or data frame
        y : (rows,) numbers
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
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go on fitting with some more rows; the first call is a fit. See `fit`."""
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Predictions (rows,) in the target's units; float32 where X is or the backend computes."""
        return self._values(X, "predict")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags

    def _target(self, y: Any, first: bool, classes: Any = None) -> np.ndarray:
        options: Any = {"ensure_2d": False, "dtype": np.float64, "input_name": "y"}
        return column_or_1d(check_array(y, **options), warn=True)

    def _loss(self) -> dict[str, Any]:
        return {"loss": self.loss, "quantile": self.quantile, "delta": self.delta}

    def _adopt(self, model: SpectralModel) -> None:
        if model.static.classes or model.outputs > 1:
            raise InvalidInput(
                "The model predicts classes or several outputs; the regressor expects one number. "
                "Write SpectralClassifier.from_model(...)."
            )
        super()._adopt(model)
