"""Slope bands of a column, its interaction with the rest, dominance (math.md, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.encoding import Encoding
from eigcore.errors import InvalidInput
from eigcore.guarantees.signs import definite, scalar
from eigcore.guarantees.slopes import EPS, MemberSlopes, member_slopes, norms, projections_of
from eigcore.guarantees.support import added, column_index, part_change, rounded_sum, slope_ends
from eigcore.guarantees.units import floats
from eigcore.portable.description import Described


@dataclass(frozen=True)
class SlopeBands:
    """Two-sided bounds of the decision's slope in one column, piece by piece.

    Parameters
    ----------
    column : str
    edges : (pieces + 1,) float64
        In units of the column; ±inf beyond the knots.
    lower, upper : (pieces,) or (pieces, outputs) float64
        Proven: inside a piece, the decision changes by lower to upper per unit of the column.
    """

    column: str
    edges: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True)
class Interaction:
    """How much the effect of a column can depend on the other columns.

    Parameters
    ----------
    column : str
    bound : float
        Proven: the effects of one step of the column, at two settings of the others, differ by at
        most `bound` times the step; for categories, by at most `bound`. Of the decision.
    additive : bool
        Proven: all matrices of the column are multiples of the identity, so it is a summand of its
        own, and `bound` is exactly 0.
    """

    column: str
    bound: float
    additive: bool


@dataclass(frozen=True)
class Dominance:
    """Whether a unit of one column raises the decision at least as much as some units of another.

    Where both lower it, the first lowers it by at most as much as the second.

    Parameters
    ----------
    column, over : str
    factor : float
    low : float
        Proven: slope in `column` − factor · slope in `over` ≥ low, everywhere, of the decision.
    """

    column: str
    over: str
    factor: float
    low: float

    @property
    def proven(self) -> bool:
        """Whether `low` is at least zero."""
        return self.low >= 0


def slope_bands(model: Described, column: str) -> SlopeBands:
    """Bound the slope of the decision in a numeric column, piece by piece, from both sides."""
    encoding, j = model.encoding, column_index(model, column, numeric=True)
    lower, upper = slope_ends(model, j)
    for p, weight in projections_of(encoding, j):
        low, high = slope_ends(model, p)
        low, high = (weight * low, weight * high) if weight > 0 else (weight * high, weight * low)
        lower, upper = (
            lower + _missing_too(encoding, p, low.min(0), np.minimum),
            upper + (_missing_too(encoding, p, high.max(0), np.maximum)),
        )
    lower, upper = rounded_sum(lower, upper)
    own = encoding.columns[j]
    edges = own.pieces(np.zeros(own.terms)).edges
    if model.outputs == 1:
        lower, upper = lower[:, 0], upper[:, 0]
    return SlopeBands(column, edges, lower, upper)


def interaction(model: Described, column: str) -> Interaction:
    """Bound how much the effect of a column depends on the others; see `Interaction`."""
    encoding, j = model.encoding, column_index(model, column)
    mixed = any(p for p, _ in projections_of(encoding, j))
    if not mixed and scalar(member_slopes(model), encoding.slices[j]):
        return Interaction(column, 0.0, True)
    own = encoding.columns[j]
    if own.numeric:
        bands = slope_bands(model, column)
        bound = float((bands.upper - bands.lower).max()) * (1 + 4 * EPS)
        return Interaction(column, bound, False)
    codes = np.arange(-1.0, len(getattr(own, "levels", ())))
    codes = np.append(codes, np.nan) if own.missing else codes
    ends = [part_change(model, j, np.full(len(codes), code), codes) for code in codes]
    bound = max(float((high - low).max()) for low, high in ends) * (1 + 4 * EPS)
    return Interaction(column, bound, False)


def dominance(model: Described, column: str, over: str, factor: float = 1.0) -> Dominance:
    """Bound slope in `column` − factor · slope in `over` from below; see `Dominance`."""
    encoding = model.encoding
    a, b = (column_index(model, name, numeric=True) for name in (column, over))
    if a == b or not np.isfinite(floats(factor)).all():
        raise InvalidInput(
            f"dominance compares {column!r} with {over!r} times {factor!r}. Expected two different "
            'columns and a finite factor. Write model.dominance("age", "income", factor=1.0).'
        )

    def of(m: MemberSlopes) -> tuple[np.ndarray, np.ndarray]:
        S, R = m.slopes[a][:, None], factor * m.slopes[b]
        return S - R, 4 * EPS * (norms(S) + norms(R))

    worst = added(model, of)[0].min((0, 1))
    weights = encoding.mixing[:, a] - factor * encoding.mixing[:, b]
    for p, weight in enumerate(weights, len(encoding.columns)):
        lower, upper = slope_ends(model, p)
        ends = np.minimum(weight * lower, weight * upper).min(0)
        worst = worst + _missing_too(encoding, p, ends, np.minimum) - 64 * EPS * np.abs(ends)
    low, _ = rounded_sum(worst, worst)
    return Dominance(column, over, float(factor), float(low.min()))


def dominances(model: Described) -> tuple[Dominance, ...]:
    """Return the dominance that a sum c·a + b shows, where it is proven, of one decision.

    At a constant sum, a rises by its own slopes, and c·b falls by those of b.
    """
    encoding, members, found = model.encoding, member_slopes(model), []
    for each in encoding.projections if model.outputs == 1 else ():
        places = [encoding.names.index(name) for name in each.names]
        if len(places) == 2 and all(weight > 0 for weight in each.weights):
            for a, b in ((0, 1), (1, 0)):
                alone = definite(members, places[a], 1)[0] and definite(members, places[b], -1)[0]
                factor = each.weights[a] / each.weights[b]
                own = alone and dominance(model, each.names[a], each.names[b], factor)
                found += [own] if own and own.proven else []
    return tuple(found)


def _missing_too(encoding: Encoding, p: int, end: np.ndarray, pick: Any) -> np.ndarray:
    """Include the slope 0 of a projection whose value is missing."""
    return pick(end, 0.0) if encoding.parts[p].missing else end
