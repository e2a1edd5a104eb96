"""A table beside what a model predicts of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Categories, Linear
from eigcore.encoding.cells import Cells, read_columns
from eigcore.encoding.read import by_name, column_numbers
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit.data.beside import Beside, Read, unexposed
from eigcore.fit.data.names import listed, nearest
from eigcore.fit.data.target import per_unit
from eigcore.fit.losses import Logistic, Loss, Multinomial, Poisson, Squared, Targets
from eigcore.fit.origin import origin
from eigcore.model import SpectralModel
from eigcore.portable.predict import answer, decision_ends


@dataclass(frozen=True, eq=False)
class Seen:
    """The rows of a table beside the predictions of a model.

    Parameters
    ----------
    model : SpectralModel
    cells : dict of (rows,) arrays
        The columns of the model, as the table has them.
    table : (rows, columns) float64
        The same with codes for levels.
    decision, prediction : (rows, [outputs]) float64
        With the offset of each row.
    target : str
        Name of the target.
    observed : (rows,) float64 or None
        Its values, per unit of exposure, or numbers of classes; None if the table does not tell.
    weights, offset : (rows,) float64 or None
        The exposure and the offset of each row; None for a model without.
    loss : Loss
        The loss that the model was fitted with, or the usual one of its link.
    notes : tuple of str
        What was done to the table.
    """

    model: SpectralModel
    cells: Cells
    table: np.ndarray
    decision: np.ndarray
    prediction: np.ndarray
    target: str
    observed: np.ndarray | None
    weights: np.ndarray | None
    offset: np.ndarray | None
    loss: Loss
    notes: tuple[str, ...]

    @classmethod
    def of(cls, model: SpectralModel, table: Any, target: str | None) -> Seen:
        """Read a table, with its target where it has one.

        Raises
        ------
        InvalidInput
            If the table cannot be read, has no rows, or lacks a target that was named.
        """
        cells = read_columns(table)
        name = target if target is not None else model.static.target_name
        values, notes = _values(model, cells, name, target is not None)
        numbers = np.atleast_2d(model.encoding.table(cells))
        near, told = _beside(model, cells, len(numbers))
        cells = by_name(model.encoding, cells)
        if near is None:
            values = None
        elif values is not None and near.exposure is not None:
            notes += tuple(unexposed(near.exposure, values))
            values = per_unit(values, near.exposure)
        exposure, offset = near[1:3] if near else (None, None)
        notes += told if values is not None or near is None else ()
        if values is not None and np.isnan(values).any():
            known = ~np.isnan(values)
            count = int((~known).sum() if exposure is None else (exposure[~known] > 0.0).sum())
            if count:
                notes += (f"{count} row(s) without the target {name!r} are left out.",)
            numbers, values = numbers[known], values[known]
            exposure, offset = (o if o is None else o[known] for o in (exposure, offset))
            cells = {each: own[known] for each, own in cells.items()}
        if not len(numbers):
            raise InvalidInput("The table has no rows. Expected at least one. Pass another table.")
        decision = np.asarray(model.decision(numbers, codes=True))
        decision = decision if offset is None else decision + offset
        predicted = answer(model.static, decision, get_backend("numpy"))
        own = values, exposure, offset, loss_of(model), notes
        return cls(model, cells, numbers, decision, predicted, name, *own)

    def __len__(self) -> int:
        return len(self.table)

    def part(self, rows: np.ndarray) -> Cells:
        """Return the cells of some rows."""
        return {name: own[rows] for name, own in self.cells.items()}

    def some(self, most: int) -> Cells:
        """Return the cells of at most so many rows, evenly spread."""
        return self.part(np.unique(np.linspace(0, len(self) - 1, most).astype(int)))

    @property
    def classes(self) -> tuple[Any, ...]:
        """The classes of the target; empty for a target of numbers."""
        static = self.model.static
        if static.classes:
            return static.classes
        return tuple(range(max(2, self.model.outputs))) if self.loss.classified else ()

    @property
    def bounded(self) -> np.ndarray:
        """The decision of the prediction, which `clip` keeps between its bounds."""
        return np.clip(self.decision, *decision_ends(self.model.static))

    @property
    def sizes(self) -> np.ndarray:
        """How wrong each row is (rows,): |observed − predicted|, or the loss of its class."""
        assert self.observed is not None
        if self.classes:
            return self.loss.rows(self.bounded, self.observed)[0]
        return np.abs(self.observed - self.prediction)

    @property
    def targets(self) -> Targets:
        """The target beside the exposure and the offset of each row."""
        assert self.observed is not None
        return Targets(self.observed, self.weights, self.offset)


def loss_of(model: SpectralModel) -> Loss:
    """Return the loss that a model was fitted with, or the usual one of its link."""
    try:
        return origin(model).loss
    except InvalidInput:
        usual = {"identity": Squared(), "logistic": Logistic(), "log": Poisson()}
        return usual.get(model.static.link) or Multinomial(model.outputs)


def _values(
    model: SpectralModel, cells: Cells, name: str, named: bool
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the target (rows,), NaN where it is missing, and notes; None if there is none."""
    if name not in cells:
        if named:
            near = nearest(name, cells)
            hint = f" (did you mean {near!r}?)" if near else ""
            problem = f"is {name!r}, which is not a column of the table{hint}"
            raise InvalidOption("target", name, f"one of {listed(cells)}", near, problem)
        return None, (f"The table has no column {name!r}, so nothing is said of errors.",)
    static = model.static
    if model.outputs > 1 and static.link != "softmax":
        return None, (f"The model has {model.outputs} outputs, so nothing is said of errors.",)
    column = Categories(static.classes, True) if static.classes else Linear(missing=True)
    values = column_numbers(column, name, cells[name])
    if static.classes and (values < 0).any():
        strange = cells[name][values < 0][0]
        raise InvalidInput(
            f"Target {name!r} holds {str(strange)!r}; expected the classes of the model, "
            f"{listed(map(str, static.classes))}. Correct the table, or name another target."
        )
    return values, ()


def _beside(model: SpectralModel, cells: Cells, rows: int) -> tuple[Read | None, tuple[str, ...]]:
    """Return what stands beside the rows, as in the fit, and notes.

    None if the table does not have what stood beside the rows of the fit.

    Raises
    ------
    InvalidOption
        An exposure that is not positive, or an offset that is no number.
    """
    try:
        names = {} if model.static.targets else origin(model).beside
    except InvalidInput:
        names = {}
    if set(names.values()) - set(cells):
        options = " and an ".join(f"{option} ({column})" for option, column in names.items())
        note = f"The fit had an {options}, which the table lacks; nothing is said of errors."
        return None, (note,)
    given = Beside(**{option: cells[name] for option, name in names.items()})
    notes = {
        "exposure": "Targets are per unit of exposure, the column {!r}, by which errors are "
        "weighted.",
        "offset": "The column {!r} is added to the decision of each row.",
    }
    return given.read(rows), tuple(notes[option].format(name) for option, name in names.items())
