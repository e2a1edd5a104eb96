"""What a column does: its curve, what is proven of it, and where the data are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.drawing import BLUE, FAINT, INK, SKY, legend, named, with_unit
from eigcore.encoding import Categories
from eigcore.guarantees.baselines import rows_of
from eigcore.guarantees.curve import Curve
from eigcore.guarantees.reach import reach
from eigcore.guarantees.units import clipped_ends
from eigcore.plots.display import (
    Display,
    decision_name,
    model_of,
    others,
    output_of,
    prediction_name,
    short,
    typical,
)
from eigcore.plots.spectrum import places_of
from eigcore.portable.predict import answer

STRIP = 0.1
"""Height of the strip that shows where the data are, as a part of the picture."""


@dataclass(kw_only=True)
class ShapeDisplay(Display):
    """The prediction along one column, the others fixed, with a certified band.

    The band starts at a point of the curve: a change of this column from there moves the decision
    by no more than the band is wide on that side. If the column is in no projection, that holds
    wherever the other columns are (`eigcore.guarantees.reach.reach`).

    Parameters
    ----------
    curve : Curve
    start : int
        The point of the grid where the band starts.
    value, low, high : (points,) float64
        The curve and the ends of the band, in units of the prediction; scores for "softmax".
    data : (rows,) float64
        Cells of the column: numbers, or places of levels on the grid; may be empty.
    name, others : str
        What a value is called, and how the other columns are fixed.
    """

    curve: Curve
    start: int
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    data: np.ndarray
    name: str
    others: str = ""

    @classmethod
    def from_model(
        cls,
        model: Any,
        column: str,
        X: Any = None,
        *,
        at: Any = None,
        output: int | None = None,
        grid: Any = None,
        ax: Any = None,
    ) -> Self:
        """Draw the shape of a column.

        Parameters
        ----------
        model : SpectralModel, fitted estimator, or result of a fit
        column : str
        X : table, optional
            The strip shows its cells, and the other columns are as in its mean case.
        at : row, optional
            The other cells, instead.
        output : int, optional
            Which output; needed where there are several.
        grid : see `eigcore.guarantees.curve.curve`
        ax : matplotlib axes, optional

        Raises
        ------
        InvalidInput, MissingPackage
            As for `eigcore.guarantees.curve.curve`, or without matplotlib.
        """
        model = model_of(model)
        own = output_of(model, output)
        row = typical(model, X) if at is None else at
        found = model.curve(column, row, grid=grid)
        start = _start(model, found, row)
        value = found.decision if model.outputs == 1 else found.decision[:, own]
        low, high = reach(model, found, start, own)
        low, high = value[start] + low, value[start] + high
        name = decision_name(model, own)
        if model.static.link != "softmax":  # the others keep the order of decisions
            low, high = clipped_ends(model.static, low, high)
            value = answer(model.static, value, get_backend("numpy"))
            name = prediction_name(model, own)
        shown = cls(
            curve=found, start=start, value=value, low=low, high=high,
            data=_data(model, column, X), name=name, others=others(X, at),
        )  # fmt: skip
        return shown.plot(ax)

    def _draw(self, ax: Any) -> None:
        found = self.curve
        places, levels = places_of(found.grid)
        start = short(found.grid[self.start])
        label = f"proven for a change from {start}"
        if levels:
            sides = np.maximum([self.value - self.low, self.high - self.value], 0.0)
            ax.errorbar(
                places, self.value, sides, fmt="o", ms=7, color=BLUE, ecolor=INK, capsize=6,
                elinewidth=1.2, label=label,
            )  # fmt: skip
            ax.set_xticks(places, levels)
            ax.margins(x=0.15)
        else:
            style = {"facecolor": SKY, "edgecolor": SKY, "alpha": 0.35, "lw": 0.5}
            ax.fill_between(places, self.low, self.high, label=label, **style)
            ax.plot(places, self.value, color=BLUE, lw=2.2, label="model")
            ax.plot(places[self.start], self.value[self.start], "o", color=BLUE, mfc="white", ms=7)
            ends = [each for each in found.fitted or () if places[0] < each < places[-1]]
            for end, told in zip(ends, ("end of the fitted range", None), strict=False):
                ax.axvline(end, color=INK, lw=0.8, ls=":", label=told)
            ax.set_xlim(places[0], places[-1])
        self._limits(ax, all_of_it=bool(levels))
        if len(self.data):
            self._strip(ax, places, levels)
        x = f"{with_unit(found.column, found.unit)}; {self.others}"
        named(ax, "", x, self.name)
        legend(ax, above=True)

    def _limits(self, ax: Any, all_of_it: bool) -> None:
        """Show all of the curve, and of a band what is near to it."""
        low, high = float(self.value.min()), float(self.value.max())
        room = np.inf if all_of_it else max(high - low, 1e-3 * abs(high), 1e-12)
        low, high = max(low - room, self.low.min()), min(high + room, self.high.max())
        edge = 0.05 * (high - low)
        ax.set_ylim(low - edge - STRIP * (high - low) * bool(len(self.data)), high + 2 * edge)

    def _strip(self, ax: Any, places: np.ndarray, levels: list[str]) -> None:
        """Draw a histogram of the data at the bottom."""
        below = ax.twinx()
        below.set_axis_off()
        bins: Any = np.linspace(places[0], places[-1], 40)
        if levels:
            bins = np.arange(len(places) + 1) - 0.5
        counts, edges = np.histogram(self.data, bins)
        wide = np.diff(edges) * (0.6 if levels else 1.0)
        middle = edges[:-1] + np.diff(edges) / 2
        below.bar(middle, counts, wide, color=FAINT, zorder=0)
        below.set_ylim(0, max(1, counts.max()) / STRIP)
        ax.bar([np.nan], [np.nan], color=FAINT, label="rows of the table")
        ax.set_zorder(below.get_zorder() + 1)
        ax.patch.set_visible(False)


def _start(model: Any, found: Curve, row: Any) -> int:
    """Return the point of the grid that is nearest to the row's cell."""
    j = model.encoding.names.index(found.column)
    number = rows_of(model, row)[0, j]
    numbers, _ = places_of(found.grid)
    if np.isnan(number):
        return len(numbers) - 1 if found.grid[-1] is None else 0
    return int(np.abs(numbers - number).argmin())


def _data(model: Any, column: str, X: Any) -> np.ndarray:
    """Return the cells of a column: numbers, or places on the grid."""
    if X is None:
        return np.zeros(0)
    j = model.encoding.names.index(column)
    own, numbers = model.encoding.columns[j], rows_of(model, X)[:, j]
    if isinstance(own, Categories):
        missing = len(own.levels) if own.missing else -1
        numbers = np.where(np.isnan(numbers), missing, numbers)
    return numbers[np.isfinite(numbers)]
