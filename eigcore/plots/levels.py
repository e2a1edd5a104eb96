"""Level sets: the prediction over two columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from eigcore.drawing import INK, MAP, named, with_unit
from eigcore.encoding import Categories
from eigcore.errors import InvalidInput
from eigcore.guarantees.baselines import rows_of
from eigcore.plots.display import Display, model_of, others, output_of, prediction_name, typical

POINTS = 60
"""On each side of the grid."""
DOTS = 1000
"""Most rows that are shown."""


@dataclass(kw_only=True)
class LevelsDisplay(Display):
    """The prediction over two numeric columns, the others fixed.

    Parameters
    ----------
    names : (str, str)
        Columns with their units.
    grid : ((points,), (points,)) float64
    values : (points, points) float64
        Predictions; values[i, j] is at the j-th point of the first column.
    data : (rows, 2) float64
        Cells of the two columns; may be empty.
    name, others : str
        What a prediction is called, and how the other columns are fixed.
    """

    names: tuple[str, str]
    grid: tuple[np.ndarray, np.ndarray]
    values: np.ndarray
    data: np.ndarray
    name: str
    others: str = ""

    @classmethod
    def from_model(
        cls,
        model: Any,
        columns: tuple[str, str],
        X: Any = None,
        *,
        at: Any = None,
        output: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw level sets of the prediction.

        Parameters
        ----------
        model : SpectralModel, fitted estimator, or result of a fit
        columns : (str, str)
            Two numeric columns, for the horizontal and the vertical axis.
        X : table, optional
            Its rows are shown as dots, its range is the range of the axes, and the other columns
            are as in its mean case. Default: the middle of the encoding, and the fitted range.
        at : row, optional
            The other cells, instead.
        output : int, optional
            Which output; needed where there are several.
        ax : matplotlib axes, optional

        Raises
        ------
        InvalidInput, MissingPackage
            If the columns are not two numeric ones, or without matplotlib.
        """
        model = model_of(model)
        own, places = output_of(model, output), _places(model, columns)
        row = typical(model, X) if at is None else at
        table = rows_of(model, X)[:, places] if X is not None else np.zeros((0, 2))
        sides = tuple(_side(model, n, t) for n, t in zip(columns, table.T, strict=True))
        cells = np.repeat(rows_of(model, row)[:1], POINTS**2, axis=0)
        cells[:, places] = np.stack([a.ravel() for a in np.meshgrid(*sides)], axis=-1)
        values = np.asarray(model.predict(cells, codes=True))
        values = values if model.outputs == 1 else values[:, own]
        units = [model.encoding.units[j] for j in places]
        step = max(1, -(-len(table) // DOTS))
        shown = cls(
            names=tuple(map(with_unit, columns, units)),  # type: ignore[arg-type]
            grid=sides,  # type: ignore[arg-type]
            values=values.reshape(POINTS, POINTS),
            data=table[::step],
            name=prediction_name(model, own),
            others=others(X, at),
        )
        return shown.plot(ax)

    def _draw(self, ax: Any) -> None:
        surface = ax.contourf(*self.grid, self.values, 12, cmap=MAP)
        if np.ptp(self.values) > 0:
            lines = ax.contour(*self.grid, self.values, surface.levels[1::2], colors="white",
                               linewidths=0.9)  # fmt: skip
            ax.clabel(lines, fontsize=8, fmt="%.4g")
        bar = self.figure_.colorbar(surface, ax=ax)
        bar.set_label(self.name)
        style = {"facecolors": "white", "edgecolors": INK, "linewidths": 0.4, "alpha": 0.7}
        ax.scatter(*self.data.T, s=9, **style)
        ax.set_xlim(self.grid[0][[0, -1]])
        ax.set_ylim(self.grid[1][[0, -1]])
        named(ax, "", f"{self.names[0]}; {self.others}", self.names[1])
        ax.spines[["top", "right"]].set_visible(True)


def _places(model: Any, columns: Any) -> list[int]:
    names, kinds = model.encoding.names, model.encoding.columns
    numeric = [n for n, c in zip(names, kinds, strict=True) if not isinstance(c, Categories)]
    if isinstance(columns, str) or len(set(columns)) != 2 or not set(columns) <= set(numeric):
        raise InvalidInput(
            f"columns is {columns!r}. Expected two numeric columns among {', '.join(numeric)}. "
            f"Write {tuple(numeric[:2])!r}."
        )
    return [names.index(name) for name in columns]


def _side(model: Any, name: str, cells: np.ndarray) -> np.ndarray:
    """Return the points of a column: from its least to its largest cell, or where it was fitted."""
    known = cells[np.isfinite(cells)]
    known = known if len(known) else np.array(model.curve(name).grid)
    return np.linspace(known.min(), known.max(), POINTS)
