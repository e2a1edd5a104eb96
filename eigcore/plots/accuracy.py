"""How predictions and intervals compare with what was observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from eigcore.calibration.scores import attained
from eigcore.drawing import BLUE, FAINT, INK, ORANGE, SKY, legend, named, with_unit
from eigcore.encoding import Categories
from eigcore.errors import InvalidInput
from eigcore.guarantees.baselines import rows_of
from eigcore.plots.display import Display, model_of, output_of, prediction_name

COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(kw_only=True)
class ResidualsDisplay(Display):
    """Residuals, observation minus prediction, over predictions or over a column.

    Parameters
    ----------
    x : (rows,) float64
        Predictions, or cells of a column.
    residuals : (rows,) float64
    centers, low, middle, high : (bins,) float64
        Quantiles 0.1, 0.5 and 0.9 of the residuals in bins of as many rows each.
    name, x_name : str
        What a prediction and what x is called.
    """

    x: np.ndarray
    residuals: np.ndarray
    centers: np.ndarray
    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray
    name: str
    x_name: str

    @classmethod
    def from_model(
        cls,
        model: Any,
        X: Any,
        y: Any,
        column: str | None = None,
        *,
        bins: int = 12,
        ax: Any = None,
    ) -> Self:
        """Draw residuals, best of rows that the fit has not used.

        Parameters
        ----------
        model : SpectralModel, fitted estimator, or result of a fit
        X, y : table and target (rows,); per unit of exposure, if the fit had one
        column : str, optional
            A numeric column for the horizontal axis. Default: the prediction.
        bins : int
        ax : matplotlib axes, optional

        Raises
        ------
        InvalidInput, MissingPackage
            If the model predicts classes, y has not one number per row, or there is no such numeric
            column; or without matplotlib.
        """
        model = model_of(model)
        if model.static.link in ("logistic", "softmax"):
            raise InvalidInput(
                "The model predicts classes, which have no residuals. Expected a model of numbers. "
                "Write CalibrationDisplay.from_model(model, X, y)."
            )
        found, seen, _ = pairs(model, X, y, output_of(model, None))
        x, x_name = found, f"predicted {prediction_name(model)}"
        if column is not None:
            j = _numeric(model, column)
            x, x_name = rows_of(model, X)[:, j], with_unit(column, model.encoding.units[j])
        known = np.isfinite(x)
        x, residuals = x[known], (seen - found)[known]
        parts = np.array_split(np.argsort(x, kind="stable"), max(1, min(bins, len(x) // 15)))
        low, middle, high = np.array([np.quantile(residuals[p], (0.1, 0.5, 0.9)) for p in parts]).T
        shown = cls(
            x=x, residuals=residuals, centers=np.array([np.median(x[p]) for p in parts]), low=low,
            middle=middle, high=high, name=prediction_name(model), x_name=x_name,
        )  # fmt: skip
        return shown.plot(ax)

    def _draw(self, ax: Any) -> None:
        ax.axhline(0, color=INK, lw=0.8)
        ax.scatter(self.x, self.residuals, s=10, color=FAINT, edgecolors="none", label="rows")
        style = {"facecolor": SKY, "edgecolor": BLUE, "alpha": 0.4, "lw": 0.5}
        ax.fill_between(self.centers, self.low, self.high, label="middle 80 %", **style)
        ax.plot(self.centers, self.middle, "o-", color=BLUE, ms=4, lw=1.8, label="median")
        named(ax, "", self.x_name, f"residual: {self.name} − prediction")
        legend(ax)


@dataclass(kw_only=True)
class CoverageDisplay(Display):
    """How many rows intervals contain, beside what was asked for.

    Parameters
    ----------
    coverages, observed : (points,) float64
        Asked for, and the share of the rows that is inside.
    low, high : (points,) float64
        The share is between them with probability 0.95 if the rows are like those of the
        calibration; without groups only, otherwise NaN.
    """

    coverages: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def from_model(
        cls,
        model: Any,
        X: Any,
        y: Any,
        coverages: Any = COVERAGES,
        *,
        lower: Any = None,
        ax: Any = None,
    ) -> Self:
        """Draw the coverage of the intervals of a calibrated model.

        Parameters
        ----------
        model : SpectralModel with a calibration, fitted estimator, or result of a fit
        X, y : table and target (rows,); per unit of exposure, if the fit had one
            Neither of the fit nor of the calibration.
        coverages : sequence of float
        lower : SpectralModel, optional
            See `SpectralModel.interval`.
        ax : matplotlib axes, optional

        Raises
        ------
        InvalidInput, MissingPackage
            As for `SpectralModel.interval`, or without matplotlib.
        """
        model = model_of(model)
        _, seen, _ = pairs(model, X, y, output_of(model, None))
        asked = np.sort(np.asarray(coverages, dtype=np.float64))
        found = []
        for coverage in asked.tolist():
            ends = model.interval(X, coverage, lower=lower)
            found.append(np.mean((ends.lower <= seen) & (seen <= ends.upper)))
        own = model.calibration
        band = np.full((2, len(asked)), np.nan)
        if not own.column:
            each = [attained(own.rows, len(seen), coverage) for coverage in asked.tolist()]
            band = np.array(each).T
        shown = cls(coverages=asked, observed=np.array(found), low=band[0], high=band[1])
        return shown.plot(ax)

    def _draw(self, ax: Any) -> None:
        ax.plot(self.coverages, self.coverages, color=INK, ls="--", lw=1, label="asked for")
        if np.isfinite(self.low).any():
            label = "expected, 95 %"
            ax.fill_between(
                self.coverages, self.low, self.high, color=FAINT, alpha=0.6, label=label
            )
        ax.plot(self.coverages, self.observed, "s-", color=ORANGE, ms=5, lw=1.8, label="observed")
        named(ax, "", "coverage asked for", "share of rows inside their interval")
        legend(ax, loc="upper left")


def pairs(model: Any, X: Any, y: Any, output: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return predictions and observations (rows,), and whether these are of a class."""
    found = np.asarray(model.predict(X)).reshape(-1, model.outputs)[:, output]
    classes, binary = model.static.classes, model.static.link in ("logistic", "softmax")
    seen = np.asarray(y)
    if binary and classes:
        label = classes[1 if model.static.link == "logistic" else output]
        strange = {cell for cell in seen.ravel().tolist() if cell not in classes}
        if strange:
            raise InvalidInput(
                f"y holds {sorted(map(str, strange))[:3]}. Expected labels among "
                f"{list(classes)}. Pass the labels that the model was fitted to."
            )
        seen = np.array([cell == label for cell in seen.ravel().tolist()], dtype=np.float64)
    if seen.shape != found.shape or seen.dtype.kind not in "fiub" or not len(seen):
        raise InvalidInput(
            f"y has shape {np.shape(y)} and dtype {np.asarray(y).dtype} for {len(found)} row(s). "
            "Expected one observation per row. Pass the target of X."
        )
    return found, seen.astype(np.float64), binary


def _numeric(model: Any, column: str) -> int:
    names, kinds = model.encoding.names, model.encoding.columns
    numeric = [n for n, c in zip(names, kinds, strict=True) if not isinstance(c, Categories)]
    if column not in numeric:
        raise InvalidInput(
            f"column is {column!r}. Expected a numeric column, one of {', '.join(numeric)}. Leave "
            "it out to see residuals over predictions."
        )
    return names.index(column)
