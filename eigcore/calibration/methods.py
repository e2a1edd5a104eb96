"""The methods of a model for intervals; each calls the module responsible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from eigcore.calibration.interval import Interval
    from eigcore.calibration.scores import Calibration
    from eigcore.calibration.sets import PredictionSets


class Calibrated:
    """Calibration and intervals, for `eigcore.SpectralModel`."""

    calibration: Calibration | None = None
    """The scores of the calibration rows; they travel in the model file."""

    def with_calibration(self, calibration: Calibration | None) -> Self:
        """Return the same model with this calibration."""
        raise NotImplementedError

    def calibrate(self, X: Any, y: Any, *, groups: str = "", lower: Any = None) -> Self:
        """Return the model with calibration scores of rows that its fit has not used.

        Other parameters, as after training in a framework, need a new calibration.

        See `eigcore.calibration.interval.calibration_of`.
        """
        from eigcore.calibration.interval import calibration_of

        found = calibration_of(cast(Any, self), X, y, groups=groups, lower=lower)
        return self.with_calibration(found)

    def interval(self, X: Any, coverage: float = 0.9, **options: Any) -> Interval:
        """Return intervals that contain the target with a probability of at least `coverage`.

        See `eigcore.calibration.interval.interval`.
        """
        from eigcore.calibration.interval import interval

        return interval(cast(Any, self), X, coverage, **options)

    def prediction_sets(self, X: Any, coverage: float = 0.9, **options: Any) -> PredictionSets:
        """Return sets of classes that contain the true one with a probability of `coverage`.

        See `eigcore.calibration.sets.prediction_sets`.
        """
        from eigcore.calibration.sets import prediction_sets

        return prediction_sets(cast(Any, self), X, coverage, **options)
