"""What columns contribute: to all predictions, and to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from eigcore.drawing import BLUE, FAINT, INK, ORANGE, named
from eigcore.errors import InvalidInput
from eigcore.guarantees.codes import codes_of
from eigcore.guarantees.contributions import Contributions
from eigcore.plots.display import (
    Display,
    decision_name,
    model_of,
    output_of,
    prediction_name,
    short,
    signed,
)

BAR = 0.36
"""Inches per bar."""


@dataclass(kw_only=True)
class ImportanceDisplay(Display):
    """Mean |contribution| of each column, the largest at the top.

    Parameters
    ----------
    importance : dict
        Column name -> mean |contribution| over the rows, in units of the decision.
    name : str
        What a decision is called.
    """

    importance: dict[str, float]
    name: str

    @classmethod
    def from_model(
        cls,
        model: Any,
        X: Any,
        baseline: Any = "mean",
        *,
        most: int = 15,
        ax: Any = None,
        **options: Any,
    ) -> Self:
        """Draw which columns matter over the rows of a table.

        Parameters
        ----------
        model : SpectralModel, fitted estimator, or result of a fit
        X : table
        baseline, options : see `eigcore.guarantees.contributions.contributions`
        most : int
            Show so many columns.
        ax : matplotlib axes, optional

        Raises
        ------
        InvalidInput, MissingPackage
            As for `contributions`, or without matplotlib.
        """
        model = model_of(model)
        found = model.explain(X, baseline, **options).importance
        kept = dict(sorted(found.items(), key=lambda item: -item[1])[:most])
        own = decision_name(model) if model.outputs == 1 else "score"
        return cls(importance=kept, name=own).plot(ax)

    def _size(self) -> tuple[float, float]:
        return 6.0, 1.2 + BAR * len(self.importance)

    def _draw(self, ax: Any) -> None:
        names, sizes = list(self.importance), list(self.importance.values())
        ax.barh(names, sizes, color=BLUE, height=0.65)
        for place, size in enumerate(sizes):
            ax.text(size, place, f" {short(float(size))}", va="center", fontsize=9, color=INK)
        ax.invert_yaxis()
        ax.margins(x=0.12)
        ax.tick_params(axis="y", length=0)
        named(ax, "", f"mean |contribution| to {self.name}", "")


@dataclass(kw_only=True)
class WaterfallDisplay(Display):
    """How one prediction comes about, from a baseline, column by column.

    Parameters
    ----------
    contributions : Contributions
    row, output : int
        Which row and which output is shown.
    most : int
        Columns beyond so many are shown as one.
    """

    contributions: Contributions
    row: int = 0
    output: int = 0
    most: int = 8

    @classmethod
    def from_model(
        cls,
        model: Any,
        X: Any,
        baseline: Any = "mean",
        *,
        row: int = 0,
        output: int | None = None,
        most: int = 8,
        ax: Any = None,
        **options: Any,
    ) -> Self:
        """Draw what distinguishes one row from a baseline.

        Parameters
        ----------
        model : SpectralModel, fitted estimator, or result of a fit
        X : row or table
        baseline, options : see `eigcore.guarantees.contributions.contributions`
        row : int
            Which row of X.
        output : int, optional
            Which output; needed where there are several.
        most : int
            Columns beyond so many are shown as one.
        ax : matplotlib axes, optional

        Raises
        ------
        InvalidInput, MissingPackage
            If X has no such row; as for `contributions`; or without matplotlib.
        """
        model = model_of(model)
        own = output_of(model, output)
        found = model.explain(X, baseline, **options)
        if not 0 <= row < len(found.table):
            raise InvalidInput(
                f"row is {row} of {len(found.table)} row(s). Expected a number from 0 to "
                f"{len(found.table) - 1}. Write row=0."
            )
        return cls(contributions=found, row=row, output=own, most=most).plot(ax)

    def _size(self) -> tuple[float, float]:
        return 6.8, 1.9 + BAR * len(self._bars())

    def _bars(self) -> list[tuple[str, float]]:
        """Return (label, contribution) from the largest on, the small ones as one."""
        given = self.contributions
        parts = given.contributions[self.row]
        parts = parts if parts.ndim == 1 else parts[self.output]
        order = [int(j) for j in np.argsort(-np.abs(parts), kind="stable") if parts[j]]
        shown = order if len(order) <= self.most + 1 else order[: self.most]
        bars = [(self._label(j), float(parts[j])) for j in shown]
        rest = [j for j in order if j not in shown]
        if rest:
            bars.append((f"{len(rest)} other columns", float(parts[rest].sum())))
        return bars

    def _label(self, j: int) -> str:
        given = self.contributions
        rows = [given.table[self.row], *given.baseline[:1]]
        codes = codes_of(given.model.encoding, given.names[j])[1]
        held = [given.held(j, row) for row in rows]
        own, other = (f"{'special code ' * (each in codes)}{short(each)}" for each in held)
        label = f"{given.names[j]} = {own}"
        return f"{label}\ninstead of {other}" if len(given.baseline) == 1 else label

    def _draw(self, ax: Any) -> None:
        given, bars = self.contributions, self._bars()
        base = float(np.atleast_1d(given.base)[self.output])
        ends = base + np.cumsum([0.0, *(part for _, part in bars)])
        room = 0.015 * max(float(np.ptp(ends)), 1e-12)
        for place, (_, part) in enumerate(bars):
            colour, hatch = (BLUE, "") if part > 0 else (ORANGE, "///")
            style = {"color": colour, "hatch": hatch, "edgecolor": "white", "height": 0.6}
            ax.barh(place, part, left=ends[place], **style)
            side = "left" if part > 0 else "right"
            where = ends[place + 1] + (room if part > 0 else -room)
            ax.text(where, place, signed(part), va="center", ha=side, fontsize=9, color=INK)
            nearby = [place - 0.3, place + 1.3 if place + 1 < len(bars) else place + 0.6]
            ax.plot([ends[place + 1]] * 2, nearby, color=INK, lw=0.8)
        ax.axvline(base, color=FAINT, lw=1, zorder=0)
        ax.set_yticks(range(len(bars)), [label for label, _ in bars], fontsize=9)
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(bars) - 0.3, -0.7)
        ax.use_sticky_edges = False
        ax.margins(x=0.15)
        named(ax, self._title(base), decision_name(given.model, self.output), "")
        ax.title.set_fontsize(10)

    def _title(self, base: float) -> str:
        given, model = self.contributions, self.contributions.model
        decision, prediction = given.decision[self.row], given.prediction[self.row]
        decision, prediction = (
            float(np.atleast_1d(a)[self.output]) for a in (decision, prediction)
        )
        title = f"from {short(base)} (baseline) to {short(decision)}"
        if model.static.link == "identity":
            return title
        return f"{title}\n{prediction_name(model, self.output)}: {short(prediction)}"
