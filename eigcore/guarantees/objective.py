"""A signed sum of spectral functions over a domain, laid out for batches of boxes.

g(x) = constant + Σ_s σ_s φ_s(λ(A_s(x))), one summand per member, output and model. The matrices of
all summands stand side by side in one flat row, so that a sum over columns is one sum of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from eigcore.core.canonical import matrices
from eigcore.core.functionals import Functional
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Encoding, Periodic
from eigcore.guarantees.domain import Axis
from eigcore.guarantees.slopes import MemberSlopes, Shape, lengths, member_slopes, norms
from eigcore.portable.description import Described
from eigcore.portable.predict import decision

Term = tuple[Described, int, float]
"""A model, one of its outputs, and the sign with which it enters."""


class Summand(NamedTuple):
    """One member's function, σ · φ(λ(A(x))): the place of its model, and its output."""

    place: int
    member: MemberSlopes
    output: int
    weight: float


@dataclass(frozen=True)
class Group:
    """Summands with one functional and one sign, as neighbours in a flat row.

    Parameters
    ----------
    phi, shape : the functional and what it guarantees
    dim : int
    weights : (summands,) float64
        The signed σ_s.
    places : (summands,) int
        Their terms.
    flat : slice
        Their matrices in a flat row.
    """

    phi: Functional
    shape: Shape
    dim: int
    weights: np.ndarray
    places: np.ndarray
    flat: slice

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Return the matrices in flat rows (..., total): (..., summands, d, d)."""
        return rows[..., self.flat].reshape(*rows.shape[:-1], len(self.weights), self.dim, self.dim)


class Projected(NamedTuple):
    """A projection of one model, in the order of the axes."""

    place: int
    part: int
    weights: np.ndarray
    centers: np.ndarray
    encoding: Encoding
    edges: np.ndarray
    slopes: np.ndarray
    missing: np.ndarray


@dataclass
class Objective:
    """The function to maximise, with the matrices of each column.

    Parameters
    ----------
    terms : sequence of (model, output, sign)
    axes : list of Axis
    least : bool
        Whether g is the least sum of the first term and another one, instead of the sum of all: the
        margin of a class over all others.

    Attributes
    ----------
    mixture : (terms, sums) float64
        Which terms each sum has; g is the least of the sums.
    """

    terms: Sequence[Term]
    axes: list[Axis]
    least: bool = False
    summands: list[Summand] = field(init=False)
    groups: list[Group] = field(init=False)

    def __post_init__(self) -> None:
        found = [
            Summand(place, m, output, sign * m.scale)
            for place, (model, output, sign) in enumerate(self.terms)
            for m in member_slopes(model)
            if m.scale
        ]
        kinds = {}
        for s in found:
            kinds.setdefault((s.member.spec.phi, s.member.spec.dim, s.weight > 0), []).append(s)
        self.summands = [s for same in kinds.values() for s in same]
        self.groups, start = [], 0
        for (phi, dim, _), same in kinds.items():
            stop = start + len(same) * dim**2
            weights = np.array([s.weight for s in same])
            shape = same[0].member.shape
            places = np.array([s.place for s in same])
            self.groups.append(Group(phi, shape, dim, weights, places, slice(start, stop)))
            start = stop
        self.total = start
        count = len(self.terms)
        first = np.arange(count)[:, None] == 0
        self.mixture = np.eye(count)[:, 1:] + first if self.least else np.ones((count, 1))
        self.constant = np.array([sign * m.static.offset for m, _, sign in self.terms])
        self.order = [
            [model.encoding.names.index(axis.name) for axis in self.axes]
            for model, _, _ in self.terms
        ]
        self.base = self._row([m.packed[0, output] for _, m, output, _ in self.summands])
        self.projections = [p for place in range(len(self.terms)) for p in self._projected(place)]

    def _row(self, packed: Sequence[np.ndarray]) -> np.ndarray:
        """Return flat rows from packed matrices (..., K), one per summand."""
        each = zip(self.summands, packed, strict=True)
        full = [matrices(s.member.spec, own) for s, own in each]
        rows = [a.reshape(*a.shape[:-2], a.shape[-1] ** 2) for a in full]
        return np.concatenate(rows, axis=-1) if rows else np.zeros(0)

    def at(self, j: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return A_j at values of axis j, (values, total), and Σ_b |φ_b| ‖A_b‖_F, (values,)."""
        parts, sizes = {}, np.zeros(len(values))
        for place, (model, _, _) in enumerate(self.terms):
            own = self.order[place][j]
            cells = self.axes[j].numbers(place, values)
            parts[place] = own, part_terms(model.encoding, own, cells)
        rows = []
        for s in self.summands:
            own, terms = parts[s.place]
            where = self.terms[s.place][0].encoding.slices[own]
            packed = s.member.packed[1:][where][:, s.output]
            rows.append(terms @ packed)
            size = np.abs(terms) @ lengths(packed, axis=-1)
            sizes = np.maximum(sizes, size)
        return self._row(rows), sizes

    def slopes(self, j: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return dA_j/dt on the pieces around values, (values, total), and the largest ‖S_b‖₂."""
        rows, largest = [], np.zeros(())
        for s in self.summands:
            own = self.order[s.place][j]
            column = self.terms[s.place][0].encoding.parts[own]
            S = s.member.slopes[own][:, s.output]
            edges = column.pieces(np.zeros(column.terms)).edges
            t = (
                edges[0] + (values - edges[0]) % column.period
                if isinstance(column, Periodic)
                else values
            )
            piece = np.clip(np.searchsorted(edges, t, side="right") - 1, 0, len(S) - 1)
            rows.append(S[piece].reshape(len(values), S.shape[-1] ** 2))
            largest = np.maximum(largest, norms(S).max(initial=0.0))
        flat = np.concatenate(rows, axis=-1) if rows else np.zeros((len(values), 0))
        return flat, largest

    def _projected(self, place: int) -> list[Projected]:
        encoding, found = self.terms[place][0].encoding, []
        for p, projection in enumerate(encoding.projections, len(encoding.columns)):
            column = encoding.parts[p]
            centers = dict(zip(projection.names, projection.centers, strict=True))
            pieces = len(column.pieces(np.zeros(column.terms)).slopes)
            rows, lost = [], []
            for s in self.summands:
                own = s.place == place
                S = (
                    s.member.slopes[p][:, s.output]
                    if own
                    else np.zeros((pieces, *2 * (s.member.spec.dim,)))
                )
                rows.append(S.reshape(pieces, S.shape[-1] ** 2))
                last = s.member.packed[1:][encoding.slices[p]][-1, s.output] if own else 0.0
                lost.append(last * column.missing + np.zeros(s.member.packed.shape[-1]))
            found.append(
                Projected(
                    place,
                    p,
                    encoding.mixing[p - len(encoding.columns)][self.order[place]],
                    np.array([centers.get(axis.name, 0.0) for axis in self.axes]),
                    encoding,
                    column.pieces(np.zeros(column.terms)).edges,
                    np.concatenate(rows, axis=-1),
                    self._row(lost),
                )
            )
        return found

    def projection_at(self, p: Projected, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return A_z at values of a projection, (values, total), and the size of its terms."""
        terms, rows, sizes = part_terms(p.encoding, p.part, z), [], np.zeros(len(z))
        for s in self.summands:
            packed = (
                s.member.packed[1:][p.encoding.slices[p.part]][:, s.output]
                if s.place == p.place
                else None
            )
            if packed is None:
                rows.append(np.zeros((len(z), s.member.packed.shape[-1])))
                continue
            rows.append(terms @ packed)
            sizes = np.maximum(sizes, np.abs(terms) @ lengths(packed, axis=-1))
        return self._row(rows), sizes

    def signed(self, group: Group) -> np.ndarray:
        """Return the signed weights of a group in each sum: (summands, sums)."""
        return group.weights[:, None] * self.mixture[group.places]

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return g at points (n, axes), as the models predict it: (n,)."""
        numpy, each = get_backend("numpy"), np.zeros((len(points), len(self.terms)))
        for place, (model, output, sign) in enumerate(self.terms):
            found = decision(
                model.static, [p for _, p in model.members], self.table(place, points), numpy, True
            )
            each[:, place] = sign * (found[:, output] if found.ndim == 2 else found)
        return (each @ self.mixture).min(-1)

    def table(self, place: int, points: np.ndarray) -> np.ndarray:
        """Return the rows of one model for points (n, axes)."""
        table = np.empty_like(points)
        for j, (axis, own) in enumerate(zip(self.axes, self.order[place], strict=True)):
            table[:, own] = axis.numbers(place, points[:, j])
        return table


def part_terms(encoding: Encoding, j: int, values: np.ndarray) -> np.ndarray:
    """Return the terms of one part at values, codes or NaN: (values, terms of the part)."""
    alone = Encoding((encoding.parts[j],))
    return alone(np.asarray(values)[:, None], get_backend("numpy"), codes=True)
