"""What the pictures share: a display, and the words and cells of a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.drawing import SIZE, axes_of
from eigcore.encoding import Categories
from eigcore.errors import InvalidInput
from eigcore.guarantees.baselines import baseline_rows, rows_of
from eigcore.guarantees.curve import middle
from eigcore.portable.targets import output_of as chosen_output

DIGITS = 3
"""Significant digits of a number beside a mark."""
SCALES = {
    "logistic": "log-odds of {}",
    "log": "logarithm of {}",
    "softmax": "score of {}",
}
"""What a decision is called; {} is the class or the target."""


@dataclass(kw_only=True)
class Display:
    """A picture that holds the numbers it shows.

    Attributes
    ----------
    ax_, figure_ : matplotlib axes and figure
        After `plot`, to change or save: ``display.figure_.savefig("picture.png")``.
    """

    ax_: Any = field(default=None, init=False, repr=False, compare=False)
    figure_: Any = field(default=None, init=False, repr=False, compare=False)

    def plot(self, ax: Any = None) -> Self:
        """Draw into axes of matplotlib, or into a new figure, and return the display.

        Raises
        ------
        MissingPackage
            If matplotlib is not installed.
        """
        self.ax_ = axes_of(ax, self._size())
        self.figure_ = self.ax_.figure
        self._draw(self.ax_)
        return self

    def _size(self) -> tuple[float, float]:
        return SIZE

    def _draw(self, ax: Any) -> None:
        raise NotImplementedError


def model_of(model: Any) -> Any:
    """Return a `SpectralModel` from itself, an estimator or the result of a fit.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    for name in ("model_", "model"):
        model = getattr(model, name, model)
    if hasattr(model, "static"):
        return model
    raise InvalidInput(
        f"The picture got a {type(model).__name__}. Expected a SpectralModel, a fitted estimator, "
        "or the result of a fit. Pass SpectralModel.load(path) for a file."
    )


def typical(model: Any, X: Any) -> dict[str, Any]:
    """Return the mean case of a table as one row of cells; the middle of the encoding for None.

    The mean of each numeric column and the commonest level of each category column, as for
    ``baseline="mean"``.
    """
    if X is None:
        return cells(model, middle(model.encoding))
    table = baseline_rows(model, "mean", rows_of(model, X), get_backend(None))
    return cells(model, table[0])


def others(X: Any, at: Any) -> str:
    """Return how the columns that are not drawn are fixed."""
    where = "in the middle of the knots" if X is None else "as in the mean case"
    return f"other columns {where if at is None else 'as in the row given'}"


def cells(model: Any, row: np.ndarray) -> dict[str, Any]:
    """Return a row of numbers and codes as cells: numbers, levels, None where missing."""
    found = {}
    for name, column, number in zip(model.encoding.names, model.encoding.columns, row, strict=True):
        level = isinstance(column, Categories) and number >= 0
        found[name] = column.levels[int(number)] if level else float(number)
        found[name] = None if np.isnan(number) else found[name]
    return found


def output_of(model: Any, output: Any) -> int:
    """Return the number of an output; raise InvalidInput if there is none of this name."""
    return chosen_output(model.static, output)


def prediction_name(model: Any, output: int = 0) -> str:
    """Return what a prediction is called on an axis."""
    if model.static.link in ("logistic", "softmax"):
        return f"probability of {_class(model, output)}"
    target = model.static.target_name or "prediction"
    return target if model.outputs == 1 else f"{target}, output {output}"


def decision_name(model: Any, output: int = 0) -> str:
    """Return what a decision is called on an axis."""
    link = model.static.link
    target = prediction_name(model, output) if link == "log" else _class(model, output)
    return SCALES.get(link, prediction_name(model, output)).format(target)


def _class(model: Any, output: int) -> str:
    classes = model.static.classes
    if not classes:
        return "the second class" if model.static.link == "logistic" else f"class {output}"
    return str(classes[1 if model.static.link == "logistic" else output])


def short(value: Any) -> str:
    """Return a cell or a number as a mark says it."""
    if value is None:
        return "missing"
    if not isinstance(value, float):
        return str(value)
    plain = 1e-3 <= abs(value) < 1e6 or value == 0
    # three digits of 2411.5 would read 2.41e+03
    text = f"{value:,.0f}" if plain and abs(value) >= 100 else f"{value:.{DIGITS}g}"
    return text.replace("-", "−", value < 0)


def signed(value: float) -> str:
    """Return a number with its sign."""
    return short(value) if value < 0 else f"+{short(value)}"
