"""Bounds of what one column can change, wherever the other columns are (math.md, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.guarantees.asked import local_table, named_row
from eigcore.guarantees.attained import between
from eigcore.guarantees.beyond import Beyond, told
from eigcore.guarantees.codes import codes_of
from eigcore.guarantees.domain import cells_of_value
from eigcore.guarantees.objective import part_terms
from eigcore.guarantees.optimum import difference
from eigcore.guarantees.reached import Reached
from eigcore.guarantees.slopes import EPS, ROUNDING, lengths, member_slopes, projections_of
from eigcore.guarantees.support import (
    column_index,
    part_change,
    parts_change,
    rounded_sum,
    step_change,
)
from eigcore.guarantees.text import span, tightness, value, where
from eigcore.guarantees.units import Ends, prediction_change
from eigcore.portable.description import Described


@dataclass(frozen=True)
class Change:
    """What a change of one column does, wherever the other columns are.

    Parameters
    ----------
    column : str
    start, end : values of the column, None for a missing cell
    low, high : float or (outputs,) float64
        Proven ends of the change of the decision, before the link.
    link : str
    among : str
        Of `largest_change`: the values between any two of which the ends hold; the change from
        start to end may be the largest.
    clipped : bool
        Whether predictions have bounds: beyond them a change of the decision changes nothing.
    reached : Reached or None
        The difference of the model at two rows, which shows how tight `size` is.
    rest : str
        For which rows the ends are proven, in words.
    codes : tuple
        Special codes of the column.
    beyond : tuple of Beyond
        As in `eigcore.guarantees.optimum.Optimum`, where not all numbers are meant.
    """

    column: str
    start: Any
    end: Any
    low: Any
    high: Any
    link: str
    among: str = ""
    clipped: bool = False
    reached: Reached | None = None
    rest: str = "whatever the rest"
    codes: tuple[Any, ...] = ()
    beyond: tuple[Beyond, ...] = ()

    @property
    def prediction(self) -> tuple[Any, Any]:
        """Proven ends of the change of the prediction; of its ratio for the link "log"."""
        low, high = prediction_change(self.link, np.asarray(self.low), np.asarray(self.high))
        if self.clipped:
            none = 1.0 if self.link == "log" else 0.0
            low, high = np.minimum(low, none), np.maximum(high, none)
        return (float(low), float(high)) if low.ndim == 0 else (low, high)

    @property
    def size(self) -> float:
        """The largest |change| of the decision."""
        return float(np.max(np.maximum(np.abs(self.low), np.abs(self.high))))

    def __str__(self) -> str:
        what = "ratio of predictions" if self.link == "log" else "change of the prediction"
        which = f"any change among {self.among}, most " * bool(self.among)
        start, end = (value(each, self.codes) for each in (self.start, self.end))
        ends = [(what, *self.prediction)]
        if self.link != "identity" or self.clipped:
            ends = [("change of the decision", self.low, self.high), *ends]
        each = ", ".join(f"{name} {span(a, b)}" for name, a, b in ends)
        said = f"{self.column}, {which}from {start} to {end}, {self.rest}: {each}{self._tight()}"
        return "\n".join([said, *(f"  {line}" for line in told(self.beyond))])

    def _tight(self) -> str:
        found = "" if self.reached is None else tightness(self.size, self.reached)
        decision = " of the decision" * (self.link != "identity" or self.clipped)
        return found and f"; largest change{decision} / reached: {found}"


def change(
    model: Described,
    column: str,
    start: Any,
    end: Any,
    domain: Mapping[str, Any] | None = None,
    **limits: Any,
) -> Change:
    """Bound f(end, rest) − f(start, rest) for any rest, or for the rest in a domain.

    Without a domain the bounds of the members are added up, although no rest may attain them all.
    In a domain, branch and bound finds the ends of the difference itself.

    Parameters
    ----------
    model : SpectralModel
    column : str
    start, end : number, special code or level; None for a missing cell
    domain : mapping of the other column names, optional
        See `eigcore.guarantees.optimum.value_range`; ``{}`` for all knots and levels.
    limits : tol, budget_seconds, max_boxes
        Beside a domain, as for `value_range`; the ends are proven wherever the search stops.

    Raises
    ------
    InvalidInput
        If the column does not exist or cannot have these values; if it can be missing and is part
        of a projection with unbounded tails; or if it is part of a projection and there is a
        domain.
    """
    j = column_index(model, column)
    before, after = (cells_of_value(model, column, value) for value in (start, end))
    if domain is None:
        low, high = _anywhere(model, j, before, after)
        reached, beyond = between(model, before, after), ()
    else:
        low, high, reached, beyond = _within(model, column, before, after, domain, limits)
    ends = (float(low[0]), float(high[0])) if model.outputs == 1 else (low, high)
    static = model.static
    clipped = static.clip is not None
    codes = codes_of(model.encoding, column)[1]
    more = {"clipped": clipped, "reached": reached, "rest": where(domain), "codes": codes}
    return Change(column, start, end, *ends, static.link, beyond=beyond, **more)


def change_ends(model: Described, column: str, start: Any, end: Any) -> Ends:
    """Return the ends of `change` without a domain: (outputs,) each."""
    before, after = (cells_of_value(model, column, value) for value in (start, end))
    return _anywhere(model, column_index(model, column), before, after)


def _anywhere(
    model: Described, j: int, before: Mapping[int, float], after: Mapping[int, float]
) -> Ends:
    moves = {p: (np.array([cell]), np.array([after[p]])) for p, cell in before.items()}
    low, high = (end[0] for end in parts_change(model, moves))
    for p, weight in projections_of(model.encoding, j):
        moved = _through(model, p, j, weight, before[j], after[j])
        low, high = low + moved[0], high + moved[1]
    return rounded_sum(low, high)


def _within(
    model: Described,
    column: str,
    before: Mapping[int, float],
    after: Mapping[int, float],
    domain: Mapping[str, Any],
    limits: Mapping[str, Any],
) -> tuple[np.ndarray, np.ndarray, Reached, tuple[Beyond, ...]]:
    """See `change`: the difference of two models in which the column is constant."""
    encoding, j = model.encoding, column_index(model, column)
    moved = {encoding.names[p] for p in before}
    if moved & {*domain} or projections_of(encoding, j):
        wrong = "named by the domain" if moved & {*domain} else "part of a projection"
        raise InvalidInput(
            f"The column {column!r} is {wrong}. Expected one that acts by itself, beside a domain "
            "of the others. Leave it out of the domain, or leave the domain out."
        )
    (sooner, one), (later, other) = (_set(model, cells) for cells in (before, after))
    still = named_row(model, [before.get(p, np.nan) for p in range(len(encoding.names))])
    found = difference(
        later, sooner, {**domain, **{name: [still[name]] for name in moved}}, **limits
    )
    low, high = _anywhere(model, j, before, after)
    low = np.maximum(low, np.atleast_1d(found.lower) - one - other)
    high = np.minimum(high, np.atleast_1d(found.upper) + one + other)
    points = [local_table(model, each.point) for each in found.minima + found.maxima]
    reached = between(model, before, after, np.concatenate(points))
    return low, high, reached, found.beyond


def _set(model: Described, cells: Mapping[int, float]) -> tuple[Described, np.ndarray]:
    """Return the model with some columns set to values, and the rounding of that: (outputs,)."""
    slices = model.encoding.slices
    where = np.r_[tuple(slices[j] for j in cells)]
    terms = np.concatenate(
        [part_terms(model.encoding, j, np.array([cell]))[0] for j, cell in cells.items()]
    )
    members, error = [], np.zeros(model.outputs)
    for m, (_, own) in zip(member_slopes(model), model.members, strict=True):
        moved = own.copy()
        moved[:, 0] += np.einsum("t,otk->ok", terms, own[:, 1:][:, where])
        moved[:, 1:][:, where] = 0.0
        members.append(moved)
        parts = np.concatenate([m.packed[:1], m.packed[1:][where]])
        size = np.abs([1.0, *terms]) @ lengths(parts, axis=-1)
        error = error + m.lipschitz * ROUNDING * (len(terms) + 4) * EPS * size
    return cast(Any, model).with_params(members), error


def _through(model: Described, p: int, j: int, weight: float, a: float, b: float) -> Ends:
    """Return the ends of the change through projection p, for any other columns: (outputs,)."""
    encoding = model.encoding
    projection, column = encoding.projections[p - len(encoding.columns)], encoding.parts[p]
    edges = column.pieces(np.zeros(column.terms)).edges
    z = edges[np.isfinite(edges)] if np.isfinite(edges).any() else np.zeros(1)
    gone, alone = np.isnan([a, b]), len(projection.names) == 1
    cell, center = np.nan_to_num([a, b]), projection.centers[0]
    slip = 16 * EPS * abs(weight) * (np.abs(cell).sum() + abs(center)) if alone else 0.0
    step = weight * (b - a)
    if not alone and not gone.any():
        z = np.concatenate([z, z - step])
    if alone:
        z = (cell[[1 if gone[0] else 0]] - center) * weight
    if not gone.any():
        low, high = step_change(model, p, z, step, slip)
    elif gone.all():
        return np.zeros(model.outputs), np.zeros(model.outputs)
    else:
        if not alone and any(m.slopes[p][[0, -1]].any() for m in member_slopes(model)):
            raise InvalidInput(
                f"Column {encoding.names[j]!r} is part of the projection {projection.label!r}, "
                "which grows without end where no cell is missing. Expected two values. Write "
                "model.range(domain) for a domain with missing cells."
            )
        none = np.full(len(z), np.nan)
        low, high = part_change(model, p, *((none, z) if gone[0] else (z, none)), slip)
    mixed = np.flatnonzero(encoding.mixing[p - len(encoding.columns)])
    if any(encoding.columns[i].missing for i in mixed if i != j):
        low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    return low.min(0), high.max(0)
