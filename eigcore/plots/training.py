"""How a fit went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from eigcore.drawing import BLUE, ORANGE, legend, named
from eigcore.errors import InvalidInput
from eigcore.plots.display import Display

DECADES = 20
"""Largest value over the least from which a logarithmic axis says more."""


@dataclass(kw_only=True)
class TrainingDisplay(Display):
    """The objective after every step, one line per descent.

    Parameters
    ----------
    history : sequence of sequences of float
        Objectives of each descent.
    watched : sequence of sequences of float
        Losses on validation rows, with early stopping; empty otherwise.
    """

    history: Sequence[Sequence[float]]
    watched: Sequence[Sequence[float]] = ()

    @classmethod
    def from_model(cls, model: Any, *, ax: Any = None) -> Self:
        """Draw the training curve.

        Parameters
        ----------
        model : result of a fit, or fitted estimator
            A `SpectralModel` and its file keep no training curve.
        ax : matplotlib axes, optional

        Raises
        ------
        InvalidInput, MissingPackage
            If the object keeps no training curve, or without matplotlib.
        """
        if hasattr(model, "solutions"):
            history = model.history
            watched = [each.watched for each in model.solutions]
        elif hasattr(model, "loss_curve_"):
            history, watched = model.loss_curve_, model.validation_curve_
        else:
            raise InvalidInput(
                f"A {type(model).__name__} keeps no training curve. Expected the result of a fit "
                "or a fitted estimator. Pass what eigcore.fit(table, target) returned."
            )
        if not any(len(each) for each in history):
            raise InvalidInput(
                "The fit made no step, so it has no training curve. Expected at least one descent. "
                "Fit with knots=8, for example."
            )
        return cls(history=history, watched=[w for w in watched if len(w)]).plot(ax)

    def _draw(self, ax: Any) -> None:
        count = len(self.history)
        kinds = (
            (
                self.history,
                "objective" if count == 1 else "objective, a line per member",
                BLUE,
                "-",
                "o",
            ),
            (self.watched, "loss on validation rows", ORANGE, "--", "s"),
        )
        for lines, label, colour, style, marker in kinds:
            for values in lines:
                line = {"color": colour, "ls": style, "lw": 1.3, "alpha": 0.75}
                ax.plot(values, label=label, **line)
                ax.plot(len(values) - 1, values[-1], marker, color=colour, ms=4)
                label = None
        met = [value for values in (*self.history, *self.watched) for value in values]
        ax.set_yscale("log" if 0 < DECADES * min(met) < max(met) else "linear")
        named(ax, "", "step", "loss of the standardised target, with penalty")
        legend(ax)
