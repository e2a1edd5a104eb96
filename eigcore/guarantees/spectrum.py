"""All eigenvalues of one member along a column, and which of them make its value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.core.canonical import matrices
from eigcore.core.spec import EigSpec
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Categories
from eigcore.errors import InvalidInput
from eigcore.guarantees.curve import cells_along
from eigcore.guarantees.explanation import gaps_of
from eigcore.portable.description import Described


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues of one member along a column, in units of the decision.

    Parameters
    ----------
    column, unit : str
    grid : tuple of float, or of levels
        As for `eigcore.guarantees.curve.Curve`.
    knots : tuple of float
        Points of the grid where the matrices bend; empty for categories.
    eigenvalues : (points, d) float64
        offset + scale · λ, ascending: the decisions if the model were this member alone.
    chosen : tuple of int
        Which eigenvalues make the value, from 0; all for "softmax" and "smooth".
    value : (points,) float64
        offset + scale · φ(λ): what the member predicts, before the link.
    gap : (points,) float64
        The least difference of two eigenvalues at whose tie the slope would jump: a kink of the
        value is where it is 0 (`Explanation.gaps`). Infinity where there is none.
    member, output : int
    """

    column: str
    unit: str
    grid: tuple[Any, ...]
    knots: tuple[float, ...]
    eigenvalues: np.ndarray
    chosen: tuple[int, ...]
    value: np.ndarray
    gap: np.ndarray
    member: int
    output: int


def spectrum(
    model: Described,
    column: str,
    at: Any = None,
    *,
    member: int = 0,
    output: int = 0,
    grid: Any = None,
) -> Spectrum:
    """Return all eigenvalues of one member along one column, the other cells fixed.

    Parameters
    ----------
    model : SpectralModel
    column, grid : see `eigcore.guarantees.curve.curve`
    at : row, optional
        The other cells. Default: the middle of the encoding.
    member, output : int
        Which member, and which of its outputs, from 0.

    Raises
    ------
    InvalidInput
        If the model has no such column, member or output, or `at` has several rows.
    """
    counts = {"member": (member, len(model.members)), "output": (output, model.outputs)}
    for name, (number, count) in counts.items():
        if not 0 <= number < count:
            raise InvalidInput(
                f"{name} is {number!r}, and the model has {count}. Expected a number from 0 to "
                f"{count - 1}. Write {name}=0."
            )
    shown, cells, table = cells_along(model, column, at, grid)
    if len(table) != 1:
        raise InvalidInput(
            f"at has {len(table)} rows. Expected one, whose spectrum is shown. Pass one row."
        )
    spec, params = model.members[member]
    numpy, own = get_backend("numpy"), params[output]
    terms = model.encoding(cells, numpy, codes=True)
    values = np.linalg.eigvalsh(matrices(spec, own[0] + terms @ own[1:]))
    scale, offset = model.static.scale, model.static.offset
    j = model.encoding.names.index(column)
    part = model.encoding.columns[j]
    edges = np.zeros(0)
    if not isinstance(part, Categories):
        edges = part.pieces(np.zeros(part.terms)).edges
    return Spectrum(
        column,
        model.encoding.units[j],
        shown,
        tuple(t for t in shown if t is not None and np.isin(t, edges)),
        offset + scale * values,
        _chosen(spec),
        offset + scale * spec.phi.value(numpy, values),
        scale * gaps_of(spec, values).min(-1),
        member,
        output,
    )


def _chosen(spec: EigSpec) -> tuple[int, ...]:
    if spec.functional in ("softmax", "smooth"):
        return tuple(range(spec.dim))
    weights = spec.phi.raw_weights(get_backend("numpy"), np.zeros(spec.dim))
    return tuple(np.flatnonzero(weights).tolist())
