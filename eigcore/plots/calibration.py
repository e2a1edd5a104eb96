"""Whether probabilities and means are right: predictions beside what was observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.drawing import BLUE, INK, legend, named
from eigcore.errors import InvalidInput
from eigcore.plots.accuracy import pairs
from eigcore.plots.display import Display, model_of, output_of, prediction_name
from eigcore.portable.tables import beside

Z = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""


@dataclass(kw_only=True)
class CalibrationDisplay(Display):
    """Mean predictions of groups of rows beside what was observed there.

    Parameters
    ----------
    predicted, observed : (bins,) float64
        Means over rows of similar predictions, by weight; each bin has as much of it.
    low, high : (bins,) float64
        95 % intervals of the mean observation: Wilson's (1927) for classes and proportions, of
        (Σ w t)² / Σ w² t trials for rows of weight w with t trials each; ± 1.96 standard errors for
        numbers.
    name : str
        What a prediction is called.
    """

    predicted: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    name: str

    @classmethod
    def from_model(
        cls,
        model: Any,
        X: Any,
        y: Any,
        *,
        weights: Any = None,
        exposure: Any = None,
        bins: int = 10,
        output: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the calibration of predictions, best on rows that the fit has not used.

        Parameters
        ----------
        model : SpectralModel, fitted estimator, or result of a fit
        X, y : table and target (rows,)
            For a model of classes, y holds labels.
        weights : (rows,) non-negative, or the name of a column of X, optional
        exposure : (rows,) non-negative, or the name of a column of X, optional
            y is a total over it, as in the fit; a row counts by its exposure.
        bins : int
        output : int, optional
            Which class; needed where there are several outputs.
        ax : matplotlib axes, optional

        Raises
        ------
        InvalidInput, MissingPackage
            If y has not one observation per row, for weights and exposures that are no such
            numbers, or without matplotlib.
        """
        model = model_of(model)
        own = output_of(model, output)
        found, seen, binary = pairs(model, X, y, own)
        weight, trials = _weights(X, weights, found), _weights(X, exposure, found, "exposure")
        seen, share = seen / np.where(trials > 0.0, trials, 1.0), weight * trials
        parts = _parts(found, share, bins)
        means, observed = (
            np.array([np.average(a[p], weights=share[p]) for p in parts]) for a in (found, seen)
        )
        ends = [
            _wilson(rate, share[p].sum() ** 2 / (weight * share)[p].sum())
            if binary
            else _normal(rate, seen[p], share[p])
            for rate, p in zip(observed, parts, strict=True)
        ]
        low, high = np.array(ends).T
        shown = cls(
            predicted=means, observed=observed, low=low, high=high, name=prediction_name(model, own)
        )
        return shown.plot(ax)

    def _draw(self, ax: Any) -> None:
        ends = [
            min(self.predicted.min(), self.low.min()),
            max(self.predicted.max(), self.high.max()),
        ]
        ax.plot(ends, ends, color=INK, ls="--", lw=1, label="perfect")
        sides = np.maximum([self.observed - self.low, self.high - self.observed], 0.0)
        ax.errorbar(
            self.predicted, self.observed, sides, fmt="o", color=BLUE, ms=6, capsize=3, lw=1.2,
            label="rows of similar prediction, 95 %",
        )  # fmt: skip
        chance = self.name.startswith("probability")
        observed = self.name.replace("probability", "share", 1) if chance else f"mean {self.name}"
        named(ax, "", f"predicted {self.name}", f"observed {observed}")
        legend(ax)


def _weights(X: Any, given: Any, found: np.ndarray, option: str = "weights") -> np.ndarray:
    """Return weights or exposures (rows,); 1 for None."""
    if given is None:
        return np.ones(len(found))
    numbers = np.broadcast_to(beside(X, option, given, found, get_backend("numpy")), found.shape)
    if (numbers < 0.0).any() or not numbers.any():
        raise InvalidInput(
            f"{option} holds {numbers.min():.6g} and more. Expected numbers of at least 0, not all "
            "of them 0. Leave other rows out."
        )
    return numbers


def _parts(found: np.ndarray, share: np.ndarray, bins: int) -> list[np.ndarray]:
    """Return the rows of each bin, of similar predictions and about the same sum of shares."""
    order = np.argsort(found, kind="stable")
    order = order[share[order] > 0.0]
    bins = max(1, min(bins, len(order)))
    middle = np.cumsum(share[order]) - share[order] / 2.0
    place = np.minimum((bins * middle / share.sum()).astype(int), bins - 1)
    return [order[place == own] for own in np.unique(place)]


def _wilson(rate: float, count: float) -> tuple[float, float]:
    """Return Wilson's interval of a rate that so many trials had."""
    half = Z * np.sqrt(rate * (1 - rate) / count + Z**2 / (4 * count**2))
    middle, shrunk = rate + Z**2 / (2 * count), 1 + Z**2 / count
    return (middle - half) / shrunk, (middle + half) / shrunk


def _normal(mean: float, seen: np.ndarray, share: np.ndarray) -> tuple[float, float]:
    """Return ± 1.96 standard errors around a weighted mean (Cochran 1977, section 6.3)."""
    error = np.sqrt(((share * (seen - mean)) ** 2).sum()) / share.sum()
    half = Z * error * np.sqrt(len(seen) / max(len(seen) - 1, 1))
    return mean - half, mean + half
