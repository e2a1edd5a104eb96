"""The least change of some columns that turns a decision, with a proof of its distance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.guarantees.around import (
    domain_around,
    free_columns,
    place_of,
    units_of,
    whole_columns,
)
from eigcore.guarantees.baselines import rows_of
from eigcore.guarantees.beyond import Beyond, told, within
from eigcore.guarantees.certificate import feature_norms
from eigcore.guarantees.codes import as_given
from eigcore.guarantees.domain import axes
from eigcore.guarantees.goal import Goal, goal_of, predicted
from eigcore.guarantees.nearest import Nearest
from eigcore.guarantees.objective import Objective
from eigcore.guarantees.search import Limits
from eigcore.guarantees.telling import Teller, Verbose
from eigcore.guarantees.text import above, predicts
from eigcore.portable.description import Described

NORMS = (1, 2, math.inf)


@dataclass(frozen=True)
class Counterfactual:
    """The least change of some columns that moves a prediction across a threshold.

    Parameters
    ----------
    row, point : dict
        Column name -> cell, before and after; `point` is empty if nothing was found.
    changes : dict
        Column name -> (before, after) of the columns that differ.
    prediction, changed_prediction : float
        Before and after, NaN if nothing was found; the probability of the target class with the
        link "softmax".
    threshold : float
        In units of the prediction; NaN with "softmax", where that of all other classes is crossed.
    size : float
        ‖(point − row) / units‖; another level counts as 1. Infinite if nothing was found.
    bound : float
        Proven: no change of these columns within their bounds that is smaller moves the prediction
        across the threshold. Infinite: none at all does.
    norm : {1, 2, inf}
    units : dict
        Column name -> the change that counts as 1.
    boxes : int
        Boxes that were bounded.
    stopped : {"tolerance", "seconds", "boxes", "interrupted"}
        Why the search ended.
    classes : tuple
        With the link "softmax": the most probable class before, and the target.
    predicts : str
        What is predicted, in words.
    beyond : tuple of Beyond
        Columns that may change, as in `eigcore.guarantees.optimum.Optimum`.
    """

    row: dict[str, Any]
    point: dict[str, Any]
    changes: dict[str, tuple[Any, Any]]
    prediction: float
    changed_prediction: float
    threshold: float
    size: float
    bound: float
    norm: float
    units: dict[str, float]
    boxes: int
    stopped: str
    classes: tuple[Any, ...] = ()
    predicts: str = "the prediction"
    beyond: tuple[Beyond, ...] = ()

    @property
    def gap(self) -> float:
        """How much smaller the least change may be than the one that was found."""
        return self.size - self.bound if self.point else math.inf

    def __str__(self) -> str:
        return "\n".join([self._words(), *(f"  sought {each}" for each in told(self.beyond))])

    def _words(self) -> str:
        goal = f"moves {self.predicts} {self.prediction:.6g} across {self.threshold:.6g}"
        if self.classes:
            goal = f"makes {self.classes[1]!r} the most probable class, and not {self.classes[0]!r}"
        if not self.point and self.bound == math.inf:
            return f"No change of these columns within their bounds {goal}: proven"
        if not self.point:
            return f"No change found that {goal}; stopped by the limit of {self.stopped}"
        moved = "; ".join(
            f"{n} from {_cell(a)} to {_cell(b)}" for n, (a, b) in self.changes.items()
        )
        told = f"{self.predicts} goes from {self.prediction:.6g} to {self.changed_prediction:.6g}"
        told += f", across {self.threshold:.6g}"
        if self.classes:
            told = (
                f"the probability of {self.classes[1]!r} goes from {self.prediction:.6g} to "
                f"{self.changed_prediction:.6g}; it, and no more {self.classes[0]!r}, is the most "
                "probable class"
            )
        units = [f"{n} by {self.units[n]:.4g}" for n in self.changes if n in self.units]
        counted = f", where 1 is {' or '.join(units)}" if units else ""
        return (
            f"{moved}: {told}. Size {above(self.size, 4)}{counted}; proven: at most "
            f"{above(self.gap, 2)} more than the least"
        )


def _cell(value: Any) -> str:
    missing = "a missing cell" if value is None else str(value)
    return f"{value:.6g}" if isinstance(value, float) else missing


def counterfactual(
    model: Described,
    x: Any,
    target: Any = None,
    columns: Sequence[str] | None = None,
    *,
    bounds: Mapping[str, Any] | None = None,
    units: Mapping[str, float] | None = None,
    whole: Sequence[str] | None = None,
    output: int | str | None = None,
    norm: float = 1,
    tol: float = 0.01,
    budget_seconds: float = 10.0,
    max_boxes: int = 100_000,
    verbose: Verbose = False,
) -> Counterfactual:
    """Find the least change of some columns that moves a prediction across a threshold.

    Parameters
    ----------
    model : SpectralModel
    x : row
    target : number or class, optional
        The prediction to cross, from whichever side it is on; with the link "logistic" a class, or
        a probability, default 0.5; with "softmax" the class that shall become the most probable.
    columns : sequence of str, optional
        Which columns may change. Default: all but one that holds a special code.
    bounds : mapping of column names, optional
        Values that they may take, as the domain of `eigcore.guarantees.optimum.value_range`.
        Default: all levels; numbers from the first to the last knot. Numbers between them and the
        row's own are allowed too.
    units : mapping of column names, optional
        The change of a numeric column that counts as 1. Default: the standard deviation of its
        knots, or the scale of a column without knots.
    whole : sequence of str, optional
        Columns that move in whole numbers. Default: those whose knots, and cell in x, are whole.
    output : int or name of a target, optional
        Which output, needed if there are several targets.
    norm : {1, 2, inf}
        Of the changes in units. 1 prefers few columns.
    tol : float
        Stop when `size` is at most this part above `bound`.
    budget_seconds, max_boxes : float, int
        Stop there; both ends stay valid.
    verbose : bool or function
        See `eigcore.guarantees.optimum.value_range`.

    Returns
    -------
    Counterfactual

    Raises
    ------
    InvalidInput
        If x has several rows, a column or output does not exist, a column has no bounds, or the
        prediction is on the side of the class already.
    """
    if norm not in NORMS:
        raise InvalidInput(f"norm is {norm!r}. Expected 1, 2 or inf. Write norm=1.")
    table = rows_of(model, x)
    if len(table) != 1:
        raise InvalidInput(f"x has {len(table)} rows. Expected one. Pass one row.")
    free = free_columns(model, columns, table[0])
    widths = units_of(model, free, units or {})
    steps = whole_columns(model, free, whole, table[0])
    goal = goal_of(model, target, output, predicted(model, table))
    found = axes([model] * len(goal.terms), *domain_around(model, table[0], free, bounds or {}))
    start = np.array([place_of(axis, cell) for axis, cell in zip(found, table[0], strict=True)])
    norms = np.array(list(feature_norms(model).values()))
    search = Nearest(
        Objective([(model, o, sign) for o, sign in goal.terms], found, goal.classes != ()),
        goal.level,
        start,
        widths,
        norms * np.where([axis.categorical for axis in found], 1.0, widths),
        float(norm),
        np.array([name in steps for name in model.encoding.names]),
        Limits(tol, budget_seconds, max_boxes, Teller(verbose)),
    ).run()
    moving = [axis for axis in found if axis.name in free]
    return _told(model, search, goal, free, within([model], moving, bounds or {}))


def _told(
    model: Described, search: Nearest, goal: Goal, free: list[str], beyond: tuple[Beyond, ...]
) -> Counterfactual:
    cells = [axis.cell(v) for axis, v in zip(search.objective.axes, search.start, strict=True)]
    row = dict(zip(model.encoding.names, cells, strict=True))
    point, after, moved = {}, math.nan, ()
    if len(search.point):
        pairs = zip(search.objective.axes, search.point, strict=True)
        point = {axis.name: axis.cell(value) for axis, value in pairs}
        after = predicted(model, search.objective.table(0, search.point[None]))[goal.output]
        moved = search.moved(search.point)
    changed = {name for name, own in zip(point, moved, strict=True) if own}
    row, point = (as_given(model.encoding, each) for each in (row, point))
    changes = {n: (row[n], point[n]) for n in point if n in changed or row[n] != point[n]}
    names, kinds = model.encoding.names, model.encoding.columns
    numeric = [n for n, c in zip(names, kinds, strict=True) if c.numeric and n in free]
    return Counterfactual(
        row,
        point,
        changes,
        goal.before,
        float(after),
        goal.threshold,
        search.best,
        search.bound,
        search.norm,
        {name: float(search.units[names.index(name)]) for name in numeric},
        search.tried,
        search.stopped,
        goal.classes,
        predicts(model, goal.output),
        beyond,
    )
