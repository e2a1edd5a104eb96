"""A decision between what two players guarantee for one row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from eigcore.drawing import BLUE, GREEN, INK, ORANGE, legend, named, with_unit
from eigcore.plots.display import Display, cells, decision_name, model_of, output_of, typical
from eigcore.plots.spectrum import places_of


@dataclass(kw_only=True)
class GameDisplay(Display):
    """The decision along a column, and the models that meet it at one row (`SpectralModel.game`).

    Parameters
    ----------
    column, unit : str
    grid : (points,) float64 or levels
    decision, upper, lower, scorecard : (points,) float64
        Of the model, and of `Game.upper`, `Game.lower` and `Game.scorecard`.
    start : Any
        The cell of the row.
    at : float
        The decision there, where all four are equal.
    name : str
        What a decision is called.
    """

    column: str
    unit: str
    grid: tuple[Any, ...]
    decision: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    scorecard: np.ndarray
    start: Any
    at: float
    name: str

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
        """Draw the game of one row along a column, the other cells fixed.

        Parameters
        ----------
        model : SpectralModel, fitted estimator, or result of a fit
        column : str
        X : table, optional
            The row is its mean case.
        at : row, optional
            The row, instead.
        output : int, optional
            Which output, needed if there are several.
        grid : see `eigcore.guarantees.curve.curve`
        ax : matplotlib axes, optional

        Raises
        ------
        InvalidInput, MissingPackage
            As for `SpectralModel.game` and `SpectralModel.curve`, or without matplotlib.
        """
        model = model_of(model)
        own = output_of(model, output)
        row = typical(model, X) if at is None else at
        game = model.game(row)
        players = (model, game.upper, game.lower, game.scorecard)
        curves = [each.curve(column, row, grid=grid) for each in players]
        lines = [c.decision if model.outputs == 1 else c.decision[:, own] for c in curves]
        found = dict(zip(("decision", "upper", "lower", "scorecard"), lines, strict=True))
        scores = game.scores if model.outputs == 1 else game.scores[own]
        first = curves[0]
        shown = cls(
            column=column,
            unit=first.unit,
            grid=first.grid,
            **found,
            start=cells(model, game.table[0])[column],
            at=float(scores.sum()),
            name=decision_name(model, own),
        )
        return shown.plot(ax)

    def _draw(self, ax: Any) -> None:
        places, levels = places_of(self.grid)
        marks = {"marker": "o", "markersize": 4} if levels else {}
        ax.plot(
            places, self.upper, color=ORANGE, ls="--", label="at most: Low's scorecards", **marks
        )
        ax.plot(places, self.decision, color=BLUE, lw=2.2, label="decision", **marks)
        ax.plot(
            places, self.lower, color=GREEN, ls="-.", label="at least: High's scorecards", **marks
        )
        ax.plot(
            places,
            self.scorecard,
            color=INK,
            ls=":",
            lw=1.2,
            label="the scorecard of the row",
            **marks,
        )
        x = self.grid.index(self.start) if levels else self.start
        if x is not None:
            ring = {"mfc": "none", "mew": 1.8, "ms": 11, "ls": "none"}
            ax.plot(x, self.at, "o", color=INK, label="the row", **ring)
        if levels:
            ax.set_xticks(places, levels)
        named(ax, "", with_unit(self.column, self.unit), self.name)
        legend(ax, above=True)
