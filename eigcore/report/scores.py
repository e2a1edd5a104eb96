"""A table beside what a model predicts of it, and errors beside those of simple models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Categories, Encoding, Linear
from eigcore.encoding.cells import Cells, read_columns
from eigcore.encoding.read import by_name, column_numbers
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit.constraints import Constraints
from eigcore.fit.context import Context
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.names import listed, nearest
from eigcore.fit.data.target import Target
from eigcore.fit.data.together import Together
from eigcore.fit.linear import linear_decisions
from eigcore.fit.losses import Logistic, Loss, Multinomial, Poisson, Squared
from eigcore.fit.options import FitOptions
from eigcore.fit.origin import origin
from eigcore.fit.problem import Problem
from eigcore.model import SpectralModel
from eigcore.portable.predict import answer, decision_ends, link_inverse

FOLDS = 5
"""Parts of the table; simple models predict each part from the others."""
ENOUGH = 2 * FOLDS
"""Rows from which on simple models are compared."""


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
    target : str
        Name of the target.
    observed : (rows,) float64 or None
        Its values, per unit of exposure, or numbers of classes; None if the table does not tell.
    weights : (rows,) float64 or None
        The exposure of each row; None for a model without.
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
        exposure = None
        if values is not None:
            values, exposure, notes = _per_unit(model, cells, values)
        numbers = np.atleast_2d(model.encoding.table(cells))
        cells = by_name(model.encoding, cells)
        if values is not None and np.isnan(values).any():
            known = ~np.isnan(values)
            notes += (f"{int((~known).sum())} row(s) without a target are left out.",)
            numbers, values = numbers[known], values[known]
            exposure = exposure if exposure is None else exposure[known]
            cells = {each: own[known] for each, own in cells.items()}
        if not len(numbers):
            raise InvalidInput("The table has no rows. Expected at least one. Pass another table.")
        decision = np.asarray(model.decision(numbers, codes=True))
        predicted = answer(model.static, decision, get_backend("numpy"))
        own = values, exposure, loss_of(model), notes
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
    if model.static.targets:
        return None, ("The model has several targets, so nothing is said of errors.",)
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


def _per_unit(
    model: SpectralModel, cells: Cells, values: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None, tuple[str, ...]]:
    """Return targets per unit of exposure, the exposure and notes, as the fit had them.

    Without targets if the table does not have what stood beside the rows of the fit.

    Raises
    ------
    InvalidOption
        An exposure that is not positive.
    """
    try:
        beside = origin(model).beside
    except InvalidInput:
        return values, None, ()
    name = beside.get("exposure")
    if not beside:
        return values, None, ()
    if "offset" in beside or name not in cells:
        options = " and an ".join(f"{option} ({column})" for option, column in beside.items())
        reason = "which the page does not read" if "offset" in beside else "which the table lacks"
        return None, None, (f"The fit had an {options}, {reason}; nothing is said of errors.",)
    exposure = Beside(exposure=cells[name]).read(len(values)).exposure
    assert exposure is not None
    note = f"Targets are per unit of exposure, the column {name!r}, by which errors are weighted."
    return values / exposure, exposure, (note,)


def errors(seen: Seen) -> dict[str, dict[str, float]]:
    """Return name of each model -> name of each measure -> error on the table.

    The constant and the linear model predict each fifth of the table from the other four; below
    `ENOUGH` rows there are none.
    """
    found = {"this model": _measures(seen, seen.bounded)}
    if len(seen) >= ENOUGH:
        own = _problem(seen)
        empty = replace(own, encoding=Encoding(()), numbers=own.numbers[:, :0])
        for name, problem in (("linear model", own), ("best constant", empty)):
            found[name] = _measures(seen, _crossed(problem))
    return found


def _measures(seen: Seen, decision: np.ndarray) -> dict[str, float]:
    """Return the loss that was minimised, and measures that everybody knows."""
    y, w, loss = seen.observed, seen.weights, seen.loss
    assert y is not None
    found = {loss.metric: loss.error(decision, y, w)}
    if isinstance(loss, (Logistic, Multinomial)):
        return found | {"accuracy": float(np.mean(loss.right(decision, y)))}
    off = y - link_inverse(seen.model.static.link, decision, get_backend("numpy"))
    square, size, spread = (
        float(np.average(each, weights=w))
        for each in (off**2, np.abs(off), (y - np.average(y, weights=w)) ** 2)
    )
    found |= {"RMSE": float(np.sqrt(square)), "MAE": size}
    return found | ({"R²": 1 - square / spread} if spread else {})


def _problem(seen: Seen) -> Problem:
    assert seen.observed is not None
    options, encoding = FitOptions(validation=0.0, keep_constant=True), seen.model.encoding
    target = Target(seen.target, seen.observed, seen.weights, seen.loss, classes=seen.classes)
    constraints = Constraints.of(options, encoding, len(seen.classes))
    own = Together(len(seen.table))
    return Problem(encoding, seen.table, target, own, constraints, options, Context("numpy"))


def _crossed(problem: Problem) -> np.ndarray:
    """Return decisions in units of the target, each from the rows of the other folds."""
    folds = np.random.default_rng(0).permutation(len(problem)) % FOLDS
    outputs = problem.loss.outputs
    value = np.empty((len(problem), outputs)[: 1 + (outputs > 1)])
    for fold in range(FOLDS):
        known = problem.part(folds != fold)
        scale, offset = scaling = known.target.own_scaling
        known = replace(known, target=replace(known.target, scaling=scaling))
        own = folds == fold
        value[own] = offset + scale * linear_decisions(known, problem.numbers[own])
    return value
