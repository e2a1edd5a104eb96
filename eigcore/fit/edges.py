"""Rows outside the fitted range: what part of an error they carry, and whether going on would help.

A tail has the slope of the piece beside it, so the matrices of a model whose columns stay constant
outside say what it would predict if they went on. A fit with `tails="linear"` finds nearly these
matrices: the objective differs by the penalty of the tails alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from eigcore.core.spec import EigSpec
from eigcore.encoding import Encoding
from eigcore.errors import InvalidInput
from eigcore.fit.losses import Loss, Targets, each_target
from eigcore.fit.losses.several import Several
from eigcore.fit.origin import origin
from eigcore.model import SpectralModel
from eigcore.portable.predict import decision_ends

_MUCH, _TIMES = 0.25, 2.0
"""Part of an error that is much, and how much larger these errors are than those of other rows."""
_CLEARLY = 0.95
ADVICE = 'fit with tails="linear", or --tails linear'
"""What to type."""
Member = tuple[EigSpec, np.ndarray]


class Edge(NamedTuple):
    """What rows outside the fitted range have to do with an error.

    rows, outside : number of all rows, and of those with a number outside the range
    columns : name -> number of its cells outside
    part : of the error that these rows carry
    metric : what is measured
    constant, linear : the error of the model, and if its columns went on
    """

    rows: int
    outside: int
    columns: dict[str, int]
    part: float
    metric: str
    constant: float
    linear: float

    @property
    def helps(self) -> bool:
        """Whether the error would be clearly smaller if the model went on."""
        return self.linear <= _CLEARLY * self.constant

    def told(self, rows: str = "rows", of: str = "") -> str:
        """Return what happened and what to type; rows: which, of: of which target."""
        columns = ", ".join(f"{name!r}: {count}" for name, count in self.columns.items())
        happened = (
            f"{self.outside} of {self.rows} {rows} hold numbers outside the range of the fitted "
            f"rows ({columns}) and carry {100.0 * self.part:.0f} % of the error{of}. There the "
            "model stays constant."
        )
        numbers = f"{self.metric} about {self.linear:.4g} instead of {self.constant:.4g}"
        if self.helps:
            return f"{happened} For it to go on ({numbers}), {ADVICE}."
        little = "help little" if self.linear < self.constant else "not help"
        return f"{happened} To go on would {little} ({numbers})."


def gone_on(
    encoding: Encoding, members: Sequence[Member], stays: Collection[str] = ()
) -> tuple[Encoding, list[Member]]:
    """Return an encoding and members that go on beyond the range in all columns but some.

    A sum of columns goes on if all of its columns do.
    """
    names = {name for name in encoding.names if name not in stays}
    sums = [set(each.names) <= names for each in encoding.projections]
    may = [*(name in names for name in encoding.names), *sums]
    own = zip(encoding.parts, may, strict=True)
    parts = tuple(part.gone_on() if each else part for part, each in own)
    places = [np.zeros(1, dtype=int)]
    for before, after, terms in zip(encoding.parts, parts, encoding.slices, strict=True):
        inner = np.arange(terms.start, terms.stop) + 1
        if after.terms > before.terms:
            last = terms.start + after.terms - 2 - int(before.missing)
            inner = np.insert(inner, [0, last - terms.start], [terms.start + 1, last])
        places.append(inner)
    order = np.concatenate(places)
    longer = encoding.replaced(parts)
    return longer, [(_longer(spec, order[1:] - 1), own[:, order]) for spec, own in members]


def _longer(spec: EigSpec, order: np.ndarray) -> EigSpec:
    signs = tuple(spec.monotone[place] for place in order) if spec.monotone else ()
    return replace(spec, features=len(order), monotone=signs)


def outside(encoding: Encoding, numbers: np.ndarray, stays: Collection[str] = ()) -> np.ndarray:
    """Return which cells (rows, columns) lie beyond the range of a column that stays constant."""
    found = np.zeros(numbers.shape, dtype=bool)
    for j, (name, column) in enumerate(zip(encoding.names, encoding.columns, strict=True)):
        if name not in stays and column.range is not None and column.gone_on() != column:
            low, high = column.range
            found[:, j] = (numbers[:, j] < low) | (numbers[:, j] > high)
    return found


def edges(
    model: SpectralModel, numbers: np.ndarray, targets: Targets, loss: Loss
) -> dict[str, Edge]:
    """Return what rows outside the range do to the error of each target, where they carry much.

    Parameters
    ----------
    model : SpectralModel
    numbers : (rows, columns) float64
        From ``encoding.table``.
    targets : Targets, in their own unit
    loss : of the model

    Returns
    -------
    Name of each of several targets, or "" -> Edge; empty if the rows carry less than a quarter of
    the error, or their mean error is less than twice that of the other rows.
    """
    stays = _staying(model)
    cells = outside(model.encoding, numbers, stays)
    beyond = np.any(cells, axis=1)
    if not beyond.any():
        return {}
    encoding, members = gone_on(model.encoding, model.members, stays)
    static = replace(model.static, encoding=encoding, specs=tuple(s for s, _ in members))
    other = SpectralModel.from_static(static, [own for _, own in members])
    ends = decision_ends(model.static)
    values = [
        np.clip(targets.moved(np.asarray(each.decision(numbers, codes=True))), *ends)
        for each in (model, other)
    ]
    bare = targets._replace(offset=None)
    several = isinstance(loss, Several)
    pairs = [each_target(loss, v, bare) if several else [(loss, v, bare)] for v in values]
    counts = zip(model.encoding.names, cells.sum(axis=0).tolist(), strict=True)
    named = {name: count for name, count in counts if count}
    found = {}
    for name, one, two in zip(model.static.targets or ("",), *pairs, strict=True):
        part = _part(one[0], one[1], one[2], beyond)
        share = float(np.average(beyond, weights=targets.weights))
        if part >= _MUCH and part * (1.0 - share) >= _TIMES * share * (1.0 - part):
            sizes = [own.error(value, *aim) for own, value, aim in (one, two)]
            found[name] = Edge(len(numbers), int(beyond.sum()), named, part, one[0].metric, *sizes)
    return found


def edge_notes(
    model: SpectralModel,
    numbers: np.ndarray,
    targets: Targets,
    loss: Loss,
    rows: str = "rows",
    helping: bool = False,
) -> tuple[str, ...]:
    """Return a sentence for each of the `edges`.

    rows : which rows these are
    helping : leave out those where going on would not help
    """
    found = edges(model, numbers, targets, loss).items()
    told = ((name, each) for name, each in found if each.helps or not helping)
    return tuple(each.told(rows, f" of {name}" if name else "") for name, each in told)


def _part(loss: Loss, value: np.ndarray, targets: Targets, rows: np.ndarray) -> float:
    """Return the part of the deviance that some rows (rows,) bool carry."""
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = loss.deviances(value, targets.target)
        sizes = sizes if targets.weights is None else sizes * targets.weights
        return float(sizes[rows].sum() / total) if (total := sizes.sum()) > 0.0 else 0.0


def _staying(model: SpectralModel) -> Collection[str]:
    """Return the columns that must have a range: those with a place for missing cells."""
    try:
        return dict(origin(model).constraints.missing)
    except InvalidInput:
        return ()
