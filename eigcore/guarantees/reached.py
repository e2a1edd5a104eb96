"""How near a bound is to what the model does: difference quotients at two rows that are given.

A search in rows draws and varies them; each number that it returns is the quotient of the model at
two rows, less the rounding of the two evaluations, and so a lower bound of the best constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Categories, Periodic
from eigcore.guarantees.asked import named_row
from eigcore.guarantees.codes import as_given, only_possible
from eigcore.guarantees.evaluation import SCALES, decision_rounding
from eigcore.guarantees.slopes import EPS, MemberSlopes, norms
from eigcore.portable.description import Described
from eigcore.portable.predict import decision

ROWS, ROUNDS, KEPT = 192, 3, 4
"""Rows of a round for all columns together, rounds, and how many rows the next round varies."""
SHORT = 0.02
"""Length of a step, as a part of the piece that it lies in."""


@dataclass(frozen=True)
class Reached:
    """A difference quotient of the decision.

    Parameters
    ----------
    value : float
        |f(end) − f(start)| / |end − start|, without the denominator for levels, boxes and single
        changes, less what rounding can add to it. No bound can be smaller.
    start, end : dict
        Column name -> cell of the two rows; None is a missing cell.
    """

    value: float
    start: dict[str, Any]
    end: dict[str, Any]


class Search:
    """Rows of one model, drawn and varied.

    Parameters
    ----------
    model : SpectralModel
    members : list of MemberSlopes
    """

    def __init__(self, model: Described, members: list[MemberSlopes]) -> None:
        self.model, self.encoding, self.members = model, model.encoding, members
        self.rng, self.params = np.random.default_rng(0), [own for _, own in model.members]
        self.edges = [self._edges(j) for j in range(len(self.encoding.columns))]
        self.steepest = [
            int(np.argmax(sum(m.lipschitz * norms(m.slopes[j]).max(-1) for m in members)))
            if column.numeric
            else 0
            for j, column in enumerate(self.encoding.columns)
        ]

    def _edges(self, j: int) -> np.ndarray:
        """Return the finite ends of the pieces of a column; of levels, the ends of their codes."""
        column = self.encoding.columns[j]
        if isinstance(column, Categories):  # a special code never seen is a number
            first = -1.0 if column.unseen == "neutral" and column.of is None else 0.0
            return np.array([first, column.terms])
        edges = column.pieces(np.zeros(column.terms)).edges
        finite = edges[np.isfinite(edges)]
        if not len(finite):
            term = column.constants()[0]
            return term.origin + SCALES * term.width * np.array([-1.0, 1.0])
        if isinstance(column, Periodic) or column.outside == "refuse":
            return finite
        return np.array([2 * finite[0] - finite[1], *finite, 2 * finite[-1] - finite[-2]])

    def drawn(self, count: int) -> np.ndarray:
        """Return random rows (count, columns)."""
        columns = [self._cells(j, count) for j in range(len(self.edges))]
        rows = np.stack(columns, 1) if columns else np.zeros((count, 0))
        return only_possible(self.encoding, rows)

    def _cells(self, j: int, count: int) -> np.ndarray:
        column, edges = self.encoding.columns[j], self.edges[j]
        t = self.rng.uniform(edges[0], edges[-1], count)
        if not isinstance(column, Categories):
            return t
        return np.where(t < len(column.levels), np.floor(t), np.nan)

    def varied(self, rows: np.ndarray) -> np.ndarray:
        """Return rows of which some cells are drawn anew."""
        mixed = np.where(self.rng.random(rows.shape) < 0.3, self.drawn(len(rows)), rows)
        return only_possible(self.encoding, mixed)

    def stepped(self, rows: np.ndarray, j: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows, half of them in the steepest piece of column j, and the ends of steps."""
        start, end, edges = rows.copy(), rows.copy(), self.edges[j]
        if not self.encoding.columns[j].numeric:
            levels = self._cells(j, len(rows))
            start[:, j] = np.where(np.isnan(rows[:, j]), levels, rows[:, j])
            end[:, j] = self._cells(j, len(rows))
            start, end = (only_possible(self.encoding, side, moving=j) for side in (start, end))
            return start, end
        piece = np.clip(np.searchsorted(edges, rows[:, j], side="right") - 1, 0, len(edges) - 2)
        steep = np.minimum(self.steepest[j], len(edges) - 2)
        piece = np.where(np.arange(len(rows)) % 2, piece, steep)
        width = np.diff(edges)[piece]
        start[:, j] = edges[piece] + self.rng.uniform(0.0, 1 - SHORT, len(rows)) * width
        end[:, j] = start[:, j] + SHORT * width
        return start, end

    def values(self, rows: np.ndarray) -> np.ndarray:
        """Return decisions (rows, outputs)."""
        found = decision(self.model.static, self.params, rows, get_backend("numpy"), codes=True)
        return np.reshape(found, (len(rows), self.model.outputs))

    def changes(self, pairs: np.ndarray) -> np.ndarray:
        """Return |f(end) − f(start)| of pairs of rows (2, n, columns), less rounding.

        The result is (n, outputs), and not below zero.
        """
        rows = pairs.reshape(-1, pairs.shape[-1])
        values = self.values(rows).reshape(2, pairs.shape[1], -1)
        error = decision_rounding(self.model, self.members, rows, "float64").reshape(values.shape)
        return np.maximum(np.abs(values[1] - values[0]) * (1 - EPS) - error.sum(0), 0.0)

    def proven(self, pairs: np.ndarray, sizes: np.ndarray) -> list[Reached]:
        """Return the quotients of pairs of rows (2, n, columns), rounding subtracted."""
        change = self.changes(pairs).max(-1, initial=0.0)
        least = change / np.where(sizes > 0, sizes, np.inf) * (1 - 8 * EPS)
        return self.named(pairs, least)

    def named(self, pairs: np.ndarray, values: np.ndarray) -> list[Reached]:
        """Return what pairs of rows (2, n, columns) reach, (n,), with their cells by name."""
        code = self.model.encoding
        ends = (
            [as_given(code, named_row(self.model, row)) for row in side.tolist()] for side in pairs
        )
        return [Reached(*each) for each in zip(values.tolist(), *ends, strict=True)]


def reached(model: Described, members: list[MemberSlopes]) -> tuple[list[Reached], Reached]:
    """Return the quotient reached in each column, and for all numeric columns together (ℓ₂)."""
    search, columns = Search(model, members), range(len(model.encoding.columns))
    if not columns:
        return [], Reached(0.0, {}, {})
    rows = KEPT * int(np.clip(ROWS // len(columns) // KEPT, 1, 8))
    starts = [search.drawn(rows) for _ in columns]
    best: list[Any] = [None] * len(columns)
    for _ in range(ROUNDS):
        pairs = [search.stepped(own, j) for own, j in zip(starts, columns, strict=True)]
        values = search.values(np.concatenate([side for pair in pairs for side in pair]))
        values = values.reshape(len(columns), 2, rows, -1)
        for j, (start, end) in enumerate(pairs):
            size = np.abs(end - start)[:, j] if model.encoding.columns[j].numeric else 1.0
            rates = np.abs(values[j, 1] - values[j, 0]).max(-1) / np.where(size > 0, size, np.inf)
            order = np.argsort(-rates, kind="stable")
            if best[j] is None or rates[order[0]] > best[j][0]:
                best[j] = rates[order[0]], start[order[0]], end[order[0]]
            parents = np.concatenate([best[j][1][None], start[order[: KEPT - 1]]])
            starts[j] = search.varied(np.tile(parents, (rows // KEPT, 1)))
    numeric = [j for j in columns if model.encoding.columns[j].numeric]
    pairs = np.array([pair for _, *pair in best]).swapaxes(0, 1)
    sizes = np.ones(len(columns))
    sizes[numeric] = np.abs(pairs[1] - pairs[0])[numeric, numeric]
    if not numeric:
        return search.proven(pairs, sizes), Reached(0.0, {}, {})
    along = _together(search, numeric, pairs[0, numeric])
    size = np.linalg.norm(along[1] - along[0])
    *each, together = search.proven(
        np.concatenate([pairs, along[:, None]], 1), np.append(sizes, size)
    )
    return each, max([together, *(each[j] for j in numeric)], key=lambda found: found.value)


def _together(search: Search, numeric: list[int], rows: np.ndarray) -> np.ndarray:
    """Return a step along the steepest gradient at rows, and at random ones: (2, columns)."""
    rows = np.array([*rows, *search.drawn(ROWS)])[: max(KEPT, ROWS // len(numeric))]
    edges = [search.edges[j] for j in numeric]
    short = np.array([np.diff(each).min() for each in edges]) * 1e-3
    first, last = np.array([(each[0], each[-1]) for each in edges]).T
    rows[:, numeric] = np.clip(rows[:, numeric], first + short, last - short)
    sides = np.repeat(rows[None, None], 2, 0).repeat(len(numeric), 1)
    for place, j in enumerate(numeric):
        sides[0, place, :, j] -= short[place] / 2
        sides[1, place, :, j] += short[place] / 2
    values = search.values(sides.reshape(-1, rows.shape[1])).reshape(*sides.shape[:3], -1)
    slopes = (values[1] - values[0]) / short[:, None, None]
    slopes = slopes / (np.abs(slopes).max() or 1.0)
    row, output = np.unravel_index(np.argmax((slopes**2).sum(0)), slopes.shape[1:])
    gradient = slopes[:, row, output]
    pair = np.stack([rows[row]] * 2)
    if gradient.any():
        step = gradient / (np.abs(gradient) / short).max() / 2
        pair[:, numeric] += step * np.array([[-1.0], [1.0]])
    return pair
