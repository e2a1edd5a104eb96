"""Which class is the most probable one, from differences of two classes (math.md, section 5).

φ(A − pI) = φ(A) − p Σ w, so f_a − f_b stays the same where p·I is subtracted from a matrix of both
classes: what both have in common moves neither margin. With p between the middles of the two
spectra, Σ_j |Δx_j| max(λ_max(S_a) − λ_min(S_b), λ_max(S_b) − λ_min(S_a)) bounds the change of the
margin, and the bounds of single scores are never better in one column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from eigcore.core.canonical import matrices
from eigcore.core.spec import EigSpec
from eigcore.encoding import Encoding
from eigcore.guarantees.interval import Ends, decision_interval
from eigcore.portable.description import Described, ModelStatic

Settled = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Ends of the decision, (rows,) or (rows, outputs) each -> (rows,) or (rows, outputs) bool."""
EndsOf = Callable[[Described, np.ndarray], Ends]
"""A model, or a pair of its classes, and numbers of rows (n,) -> ends of the decision there."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two classes of a model, as a model of two scores without what they have in common.

    Parameters
    ----------
    static : ModelStatic
        Of the whole model.
    members : tuple of (spec, (2, terms + 1, K) float64)
    """

    static: ModelStatic
    members: tuple[tuple[EigSpec, np.ndarray], ...]
    outputs: int = 2

    @property
    def encoding(self) -> Encoding:
        """Columns and their terms."""
        return self.static.encoding


class Margins:
    """The most probable class of each row beside every other one.

    Parameters
    ----------
    model : SpectralModel
    table : (rows, columns) float64
    """

    def __init__(self, model: Described, table: np.ndarray) -> None:
        still = np.zeros(table.shape)
        self.top = np.sum(decision_interval(model, table, still, still), axis=0).argmax(-1)
        self.pairs = {
            first: [pair(model, first, other) for other in range(model.outputs) if other != first]
            for first in np.unique(self.top).tolist()
        }

    def hold(self, rows: np.ndarray, ends: EndsOf) -> np.ndarray:
        """Whether the most probable class of some rows stays the same: (n,) -> (n,) bool."""
        found = np.ones(len(rows), bool)
        for first, pairs in self.pairs.items():
            for each in pairs:
                own = found & (self.top[rows] == first)
                low, high = ends(each, rows[own])
                found[own] = low[:, 0] > high[:, 1]
        return found


def same_class(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether the lowest score of one class exceeds the highest of all others: (rows,) bool."""
    top = low.argmax(-1)[:, None]
    others = high.copy()
    np.put_along_axis(others, top, -np.inf, axis=-1)
    return np.take_along_axis(low, top, axis=-1)[:, 0] > others.max(-1)


def proof_of(
    model: Described, table: np.ndarray, settled: Settled
) -> Callable[[EndsOf], np.ndarray]:
    """Return the proof that the answer is `settled`, from ends; of classes by their margins too.

    The proof maps `EndsOf` to (rows,) or (rows, outputs) bool.
    """
    margins = Margins(model, table) if settled is same_class else None

    def proven(ends: EndsOf) -> np.ndarray:
        found = settled(*(squeezed(end) for end in ends(model, np.arange(len(table)))))
        if margins is not None:
            rest = np.flatnonzero(~found)
            found[rest] = margins.hold(rest, ends)
        return found

    return proven


def squeezed(values: np.ndarray) -> np.ndarray:
    """Return (rows,) instead of (rows, 1)."""
    return values[:, 0] if values.shape[1] == 1 else values


def pair(model: Described, first: int, other: int) -> Described:
    """Return two classes, the mean of the middles of their spectra subtracted from each matrix.

    A rounded difference is within ε/2 of itself, which the margins of all bounds cover.
    """
    members = []
    for spec, own in model.members:
        both = np.array(own[[first, other]])
        values = np.linalg.eigvalsh(matrices(spec, both[:, 1:]))
        middle = (values[..., 0] + values[..., -1]).mean(0) / 2
        both[:, 1:, spec.rows == spec.cols] -= middle[:, None]
        members.append((replace(spec, outputs=2), both))
    return cast(Any, Pair(model.static, tuple(members)))
