"""The eigenvalues of a member along a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from eigcore.drawing import BLUE, FAINT, INK, ORANGE, legend, named, with_unit
from eigcore.guarantees.spectrum import Spectrum
from eigcore.plots.display import (
    Display,
    decision_name,
    model_of,
    others,
    output_of,
    short,
    typical,
)


@dataclass(kw_only=True)
class SpectrumDisplay(Display):
    """All eigenvalues of one member along a column, with the chosen one and its gap.

    Parameters
    ----------
    spectrum : Spectrum
    members : int
        How many the model averages.
    name, others : str
        What a decision is called, and how the other columns are fixed.
    """

    spectrum: Spectrum
    members: int
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
        member: int = 0,
        output: int | None = None,
        grid: Any = None,
        ax: Any = None,
    ) -> Self:
        """Draw the spectrum of one member along a column.

        Parameters
        ----------
        model : SpectralModel, fitted estimator, or result of a fit
        column : str
        X : table, optional
            The other cells are those of its mean case.
        at : row, optional
            The other cells, instead.
        member, output, grid : see `eigcore.guarantees.spectrum.spectrum`
        ax : matplotlib axes, optional

        Raises
        ------
        InvalidInput, MissingPackage
            As for `eigcore.guarantees.spectrum.spectrum`, or without matplotlib.
        """
        model = model_of(model)
        own = output_of(model, output)
        row = typical(model, X) if at is None else at
        found = model.spectrum(column, row, member=member, output=own, grid=grid)
        shown = cls(
            spectrum=found,
            members=len(model.members),
            name=decision_name(model, own),
            others=others(X, at),
        )
        return shown.plot(ax)

    def _draw(self, ax: Any) -> None:
        found = self.spectrum
        places, levels = places_of(found.grid)
        marks = {"marker": "o", "markersize": 4} if levels else {}
        one = found.chosen[0] if len(found.chosen) == 1 else None
        label = "eigenvalues"
        for k, values in enumerate(found.eigenvalues.T):
            if k != one:
                ax.plot(places, values, color=FAINT, lw=1.2, label=label, **marks)
                label = None
        label = "value, from several eigenvalues"
        if one is not None:
            label = f"chosen: number {one + 1} of {found.eigenvalues.shape[1]}"
        ax.plot(places, found.value, color=BLUE, lw=2.2, label=label, **marks)
        if one is not None:
            self._gap(ax, places, one)
        for number, knot in enumerate(found.knots):
            label = None if number else "knots, where matrices bend"
            ax.axvline(knot, ymax=0.03, color=INK, lw=1, label=label)
        if levels:
            ax.set_xticks(places, levels)
        x = f"{with_unit(found.column, found.unit)}; {self.others}"
        named(ax, "", x, f"{self.name}, member {found.member + 1} of {self.members}")
        legend(ax, above=True)

    def _gap(self, ax: Any, places: np.ndarray, k: int) -> None:
        """Mark the place where the chosen eigenvalue is nearest to a neighbour."""
        found = self.spectrum
        if not np.isfinite(found.gap).any():
            return
        i = int(np.argmin(found.gap))
        near = np.delete(found.eigenvalues[i], k)
        other = float(near[np.abs(near - found.eigenvalues[i, k]).argmin()])
        ends = sorted([float(found.eigenvalues[i, k]), other])
        label = f"nearest to a kink: gap {short(float(found.gap[i]))}"
        ax.plot([places[i]] * 2, ends, color=ORANGE, lw=1.8)
        ring = {"mfc": "none", "mew": 1.8, "ms": 12, "clip_on": False}
        ax.plot(places[i], sum(ends) / 2, "o", color=ORANGE, label=label, ls="none", **ring)


def places_of(grid: tuple[Any, ...]) -> tuple[np.ndarray, list[str]]:
    """Return where points of a column stand, and the words under them; none for numbers."""
    if all(isinstance(point, float) for point in grid):
        return np.array(grid), []
    return np.arange(len(grid), dtype=float), [short(point) for point in grid]
