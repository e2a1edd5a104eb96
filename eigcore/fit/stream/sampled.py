"""Results of the first pass: the sampled rows, and the model fitted to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from eigcore.encoding import LARGEST
from eigcore.encoding.cells import Cells
from eigcore.encoding.rows import kernel_serves
from eigcore.errors import InvalidInput
from eigcore.fit.balance import unbalanced
from eigcore.fit.context import Context
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.target import Target, per_unit, widened
from eigcore.fit.data.together import Together
from eigcore.fit.members.design import Design
from eigcore.fit.members.neutral import centred
from eigcore.fit.members.parametrisation import Parametrisation
from eigcore.fit.options import FitOptions
from eigcore.fit.origin import origin
from eigcore.fit.problem import Problem
from eigcore.fit.report import FitResult, Report, errors_of, report
from eigcore.fit.stream.apart import Apart
from eigcore.fit.stream.survey import Survey
from eigcore.fit.units import in_own_units, in_standard_units, scaling_of
from eigcore.model import ModelStatic, SpectralModel

_ARRAYS = ("counts", "numbers", "target", "places", "held")
_LATER = ("weights", "offset")
"""Arrays that may be absent."""
Record = tuple[dict[str, Any], dict[str, np.ndarray]]
"""JSON values and arrays of a checkpoint."""


class Sampled:
    """Everything that training needs from the first pass.

    Parameters
    ----------
    start : model fitted to the sampled rows; its encoding, scaling and settings are kept
    notes : what was done to the columns
    counts : (parts,) rows of each part of the source
    numbers : (k, columns) sampled rows
    target : (k,) their target values, or class indices; (k, targets) of several
    places : (k,) number of each row in the source
    held : (k,) bool, whether it is held out
    weights, offset : (k,) of the sampled rows, the weights with exposure and class; None: none
    beside : names of the columns of weights, exposure, offset, groups and time
    apart : which other rows are held out as well; None: none
    away : number of rows of the source that are held out; None: those of the sample
    """

    def __init__(
        self,
        start: SpectralModel,
        notes: Sequence[str],
        counts: np.ndarray,
        numbers: np.ndarray,
        target: np.ndarray,
        places: np.ndarray,
        held: np.ndarray,
        weights: np.ndarray | None = None,
        offset: np.ndarray | None = None,
        beside: Mapping[str, str] | None = None,
        apart: Apart | None = None,
        away: int | None = None,
    ):
        self.start, self.notes, self.counts = start, tuple(notes), counts
        self.numbers, self.target, self.places, self.held = numbers, target, places, held
        self.weights, self.offset, self.beside = weights, offset, Beside(**(beside or {}))
        self.apart, self.away = apart, int(held.sum()) if away is None else away
        self.origin = origin(start)
        self.settings = max(self.origin.settings, key=self.origin.settings.count)

    @classmethod
    def of(
        cls,
        found: Survey,
        start: FitResult,
        dropped: bool,
        beside: Beside | None = None,
        apart: Apart | None = None,
        away: int | None = None,
    ) -> Sampled:
        """Keep what training needs; dropped: rows without a target were left out."""
        model, known = start.model, beside or Beside()
        note = ("Rows without a target are left out.",) if dropped else ()
        shares = origin(model).class_weights
        values, weights, offset = _beside(model.static, found.cells, known, shares)
        some = slice(None) if weights is None else weights > 0.0
        return cls(
            in_standard_units(unbalanced(model)),
            (*start.report.notes, *note),
            found.counts,
            model.encoding.table(found.cells)[some],
            values[some],
            found.places[some],
            found.held[some],
            None if weights is None else weights[some],
            None if offset is None else offset[some],
            known.names,
            apart,
            away,
        )

    @property
    def rows(self) -> int:
        """Rows to train on: all but those held out."""
        return int(self.counts.sum()) - self.away

    @property
    def penalty(self) -> float:
        """Penalty for all rows: like the noise in a gradient, it falls as 1/rows."""
        return self.settings.penalty * float((~self.held).sum()) / self.rows

    def problem(self, options: FitOptions, context: Context) -> Problem:
        """Return all sampled rows as a problem, including those held out."""
        static, known = self.start.static, self.origin
        target = Target(
            static.target_name,
            self.target,
            self.weights,
            known.loss,
            scaling_of(self.start),
            static.classes,
            offset=widened(self.offset, self.target),
            class_weights=tuple(known.class_weights),
            rest=known.rest,
        )
        return Problem(
            self.start.encoding,
            self.numbers,
            target,
            Together(len(self.numbers)),
            known.constraints,
            options,
            context,
            notes=self.notes,
            fast=kernel_serves(static.specs[0], context.backend),
            sampled_from=self.rows,
        )

    def encoded(self, cells: Cells) -> np.ndarray:
        """Numbers (rows, columns + 2 + targets) of a batch; then weight, offset and targets.

        Raises
        ------
        InvalidInput
            Cells that do not match the encoding or the classes, or a target that is not finite.
        """
        if self.apart is None:
            return self._encoded(cells)
        away = self.apart.held(cells)
        width = self.numbers.shape[1] + 2 + int(np.prod(self.target.shape[1:]))
        found = np.full((len(away), width), np.nan)
        if not away.all():  # held-out cells may be new to the encoding
            found[~away] = self._encoded({name: own[~away] for name, own in cells.items()})
        return found

    def _encoded(self, cells: Cells) -> np.ndarray:
        static = self.start.static
        values, weights, offset = _beside(static, cells, self.beside, self.origin.class_weights)
        if weights is not None:  # a row of weight 0 is left out like one that is held out
            values = np.where(weights > 0.0, values.T, np.nan).T
        rows = len(values)
        extra = (
            (np.ones(rows) if weights is None else weights),
            (np.zeros(rows) if offset is None else offset),
        )
        return np.column_stack([static.encoding.table(cells), *extra, values])

    def batch(self, problem: Problem, rows: np.ndarray) -> Problem:
        """Return the problem of rows as `encoded` returns them."""
        columns = self.numbers.shape[1]
        numbers, (weights, offset) = rows[:, :columns], rows[:, columns : columns + 2].T
        values = rows[:, columns + 2 :].reshape(len(rows), *self.target.shape[1:])
        return problem.batch(
            np.ascontiguousarray(numbers),
            values,
            None if self.weights is None else weights,
            None if self.offset is None else widened(offset, values),
        )

    def members(self, problem: Problem) -> list[tuple[Design, Parametrisation]]:
        """Design and coordinates of each member; equal at every call."""
        known = problem.part(~self.held)
        pairs = zip(self.origin.pieces, self.start.static.specs, strict=True)
        designs = [(Design(known, pieces), spec) for pieces, spec in pairs]
        return [
            (design, design.parametrisation(spec.dim, power=0.0, weights=spec.weights))
            for design, spec in designs
        ]

    def model(
        self, members: Sequence[tuple[Design, Parametrisation]], vectors: Sequence[np.ndarray]
    ) -> SpectralModel:
        """Build the model of the members; every constraint holds exactly."""
        pairs = zip(members, vectors, strict=True)
        encoding = self.start.encoding
        fitted = [design.member(coordinates, x) for (design, coordinates), x in pairs]
        found = [centred(encoding, params) for _, params in fitted]
        sampled = float((~self.held).sum())
        weight = self.origin.weight / sampled * self.rows
        provenance = self.start.provenance | {"rows": self.rows, "weight": weight}
        static = replace(self.start.static, specs=tuple(spec for spec, _ in fitted))
        return in_own_units(SpectralModel.from_static(static, found, provenance))

    def report(self, problem: Problem, model: SpectralModel) -> Report:
        """Errors on the sampled rows, beside those of a linear model fitted to them."""
        fitted = ~self.held
        sampled = f"Errors on fitted rows are measured on a sample of {int(fitted.sum())}"
        if self.held.any():
            before = errors_of(in_own_units(self.start), problem, fitted).held_out
            sampled += "; the first model, fitted to this sample alone, had "
            sampled += f"{before:.6g} on the held-out rows"
        settings = self.settings._replace(penalty=self.penalty)
        notes = [*self.notes, sampled + "."]
        if settings != self.settings:
            notes.append(
                f"The penalty of the sample is {self.settings.penalty:.2g}; for all {self.rows} "
                f"rows it becomes {settings.penalty:.2g}, because it falls as 1/rows."
            )
        found = report(problem, fitted, model, [settings])
        return replace(found, rows=self.rows, notes=tuple(notes))

    def record(self) -> Record:
        """Return JSON values and arrays; `from_record` is the inverse."""
        found = {name: getattr(self, name) for name in (*_ARRAYS, *_LATER)}
        arrays = {name: array for name, array in found.items() if array is not None}
        arrays |= {f"start.{m}": params for m, params in enumerate(self.start.params)}
        values = {"start": self.start.to_dict(), "notes": self.notes, "beside": self.beside.names}
        apart = None if self.apart is None else asdict(self.apart)
        return values | {"apart": apart, "away": self.away}, arrays

    @classmethod
    def from_record(cls, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Sampled:
        """Inverse of `record`."""
        static = ModelStatic.from_dict(values["start"])
        params = [arrays[f"start.{m}"] for m in range(len(static.specs))]
        start = SpectralModel.from_static(static, params, values["start"]["provenance"])
        given: Any = [arrays[name] for name in _ARRAYS]
        later: Any = {name: arrays.get(name) for name in _LATER}
        told = values.get("apart")
        apart = None if told is None else Apart(**told | {"spared": tuple(told["spared"])})
        own = {"beside": values.get("beside"), "apart": apart, "away": values.get("away")}
        return cls(start, values["notes"], *given, **later, **own)


def _beside(
    static: ModelStatic, cells: Cells, beside: Beside, shares: Sequence[float]
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Target values, weights and offset (rows,) of a batch; shares: weights of the classes."""
    names = static.targets or (static.target_name,)
    each = [_values(static, name, cells[name]) for name in names]
    values = np.stack(each, axis=-1) if static.targets else each[0]
    read = beside.taken(cells, {})[1].read(len(values))
    weights = None if read.weights is None else read.weights * read.unit
    values = per_unit(values, read.exposure)
    if shares:
        own = np.take(shares, values.astype(np.int64))
        weights = own if weights is None else own * weights
    return values, weights, read.offset


def _values(static: ModelStatic, name: str, cells: np.ndarray) -> np.ndarray:
    """Target (rows,) float64 of a batch: finite numbers, or class indices."""
    if static.classes:
        values = np.full(len(cells), np.nan)
        for code, level in enumerate(static.classes):
            values[cells == level] = code
    else:
        values = np.asarray(cells, np.float64)
    wrong = ~(np.abs(values) <= LARGEST)
    if wrong.any():
        expected = " or ".join(map(repr, static.classes)) or f"finite numbers up to {LARGEST:g}"
        raise InvalidInput(
            f"Target {name!r} is {cells[np.argmax(wrong)]!r} in {int(wrong.sum())} "
            f"row(s) of a batch; expected {expected}. Correct or remove those rows."
        )
    return values
