"""What the first pass decides: the model to start from, and the sampled rows it was made of."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.fit import FitResult, Report
from eigcore.fit.constraints import Parametrisation
from eigcore.fit.design import Design
from eigcore.fit.linear import linear_predictions
from eigcore.fit.losses import Goals, Scaling
from eigcore.fit.member import Run
from eigcore.fit.moments import Moments
from eigcore.fit.report import errors
from eigcore.fit.resume import origin
from eigcore.fit.stream.source import Cells
from eigcore.fit.stream.survey import Survey
from eigcore.model import ModelStatic, SpectralModel

_ARRAYS = ("counts", "numbers", "target", "places", "held")


class Plan:
    """All that training needs to know.

    Parameters
    ----------
    start : model fitted to the sampled rows; its encoding, scaling and settings stay
    notes : what was done to the columns
    counts : (parts,) rows of each part of the source
    numbers : (k, columns) sampled rows
    target : (k,) theirs, places of the classes where there are any
    places : (k,) which row of the source each one is
    held : (k,) bool, whether it is held out
    """

    def __init__(
        self,
        start: SpectralModel,
        notes: tuple[str, ...],
        counts: np.ndarray,
        numbers: np.ndarray,
        target: np.ndarray,
        places: np.ndarray,
        held: np.ndarray,
    ):
        self.start, self.notes, self.counts = start, notes, counts
        self.numbers, self.target, self.places, self.held = numbers, target, places, held
        self.loss, settings, self.wishes, self.pieces = origin(start)
        self.settings = max(settings, key=settings.count)
        self.scaling = Scaling(start.static.scale, start.static.offset)

    @classmethod
    def of(cls, found: Survey, start: FitResult, dropped: bool) -> Plan:
        """Keep what is needed of the first pass; dropped: rows without a target were left out."""
        static = start.model.static
        note = ("Rows without a target are left out.",) if dropped else ()
        return cls(
            start.model,
            (*start.report.notes, *note),
            found.counts,
            static.encoding.table(found.cells),
            _target(static, found.cells[static.target_name]),
            found.places,
            found.held,
        )

    @property
    def rows(self) -> int:
        """Rows to train on: all but those held out."""
        return int(self.counts.sum() - self.held.sum())

    @property
    def penalty(self) -> float:
        """Noise in a gradient falls as 1/rows, and so does the penalty it asks for."""
        return self.settings.penalty * float((~self.held).sum()) / self.rows

    def goals(self, rows: slice | np.ndarray = slice(None)) -> Goals:
        """Return the goals of the sampled rows, or of some of them."""
        return Goals(self.loss.goal(self.target[rows], self.scaling))

    def encoded(self, cells: Cells) -> np.ndarray:
        """(rows, columns + 1) numbers of a batch and, last, its target in the loss's coordinates.

        Raises
        ------
        InvalidInput
            Cells that do not fit the encoding or the classes, a target that is not finite.
        """
        static = self.start.static
        target = _target(static, cells[static.target_name])
        goal = self.loss.goal(target, self.scaling)
        return np.column_stack([static.encoding.table(cells), goal])

    def members(self) -> list[tuple[Design, Parametrisation]]:
        """Design and coordinates of each member; the same at every call."""
        numbers, goals = self.numbers[~self.held], self.goals(~self.held)
        moments = Moments.of(self.start.encoding, numbers, self.loss.working(goals))
        designs = [
            Design(self.start.encoding, numbers, moments, self.wishes, pieces)
            for pieces in self.pieces
        ]
        specs = self.start.static.specs
        return [
            (d, d.parametrisation(spec.dim, power=0.0))
            for d, spec in zip(designs, specs, strict=True)
        ]

    def model(self, members: list, vectors: list[np.ndarray]) -> SpectralModel:
        """Put the members together; every constraint holds exactly."""
        found = [d.member(c, x)[1] for (d, c), x in zip(members, vectors, strict=True)]
        provenance = self.start.provenance | {"rows": self.rows}
        return SpectralModel.from_static(self.start.static, found, provenance)

    def report(self, run: Run, model: SpectralModel) -> Report:
        """Errors on the sampled rows, beside those of a linear model fitted to them."""
        static, fitted = self.start.static, ~self.held
        train = np.flatnonzero(fitted)
        plain = linear_predictions(static.encoding, self.numbers, train, self.goals(), self.loss)
        linear = static.offset + static.scale * plain
        value, first = (m.decision(self.numbers, backend="numpy") for m in (model, self.start))
        before = errors(first, Goals(self.target), fitted, self.loss).held_out
        sampled = (
            f"Errors on fitted rows are those of {len(train)} of them, sampled; the first model, "
            f"fitted to these alone, had {before:.6g} on the held-out rows."
        )
        return Report(
            target=static.target_name,
            loss=self.loss.name,
            metric=self.loss.metric,
            rows=self.rows,
            rows_held_out=int(self.held.sum()),
            model=errors(value, Goals(self.target), fitted, self.loss),
            linear=errors(linear, Goals(self.target), fitted, self.loss),
            settings=self.settings._replace(penalty=self.penalty),
            seconds=time.monotonic() - run.began,
            interrupted=run.interrupted,
            notes=(*self.notes, sampled),
        )

    def record(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return JSON values and arrays; `from_record` is the inverse."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"start.{m}": params for m, params in enumerate(self.start.params)}
        return {"start": self.start.to_dict(), "notes": self.notes}, arrays

    @classmethod
    def from_record(cls, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> Plan:
        """Inverse of `record`."""
        static = ModelStatic.from_dict(values["start"])
        params = [arrays[f"start.{m}"] for m in range(len(static.specs))]
        start = SpectralModel.from_static(static, params, values["start"]["provenance"])
        return cls(start, tuple(values["notes"]), *(arrays[name] for name in _ARRAYS))


def _target(static: ModelStatic, raw: np.ndarray) -> np.ndarray:
    """Target (rows,) float64 of a batch: finite numbers, or the places of its classes."""
    if static.classes:
        target = np.full(len(raw), np.nan)
        for code, level in enumerate(static.classes):
            target[raw == level] = code
    else:
        target = np.asarray(raw, np.float64)
    wrong = ~np.isfinite(target)
    if wrong.any():
        expected = " or ".join(map(repr, static.classes)) or "finite numbers"
        raise InvalidInput(
            f"Target {static.target_name!r} is {raw[np.argmax(wrong)]!r} in {int(wrong.sum())} "
            f"row(s) of a batch; expected {expected}. Correct or remove those rows."
        )
    return target
