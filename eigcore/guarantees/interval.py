"""Intervals of the decision in a box around a row (math.md, section 5).

For t to the right of x_j, A_j(t) − A_j(x_j) = Σ_b S_b · (length of piece b between them). With the
split S = S⁺ − S⁻ into positive and negative parts it is ⪯ U = Σ_b S_b⁺ · length and ⪰ −D =
−Σ_b S_b⁻ · length; to the left S⁺ and S⁻ change roles. φ increases in the Loewner order, hence
φ(A(x) − ΣD) ≤ f ≤ φ(A(x) + ΣU). For one column with all S_b ⪰ 0 this is exact.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from eigcore.core.canonical import matrices
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Encoding, Periodic
from eigcore.guarantees.slopes import (
    EPS,
    ROUNDING,
    SMALLEST,
    MemberSlopes,
    lengths,
    member_slopes,
    norms,
    value_rounding,
)
from eigcore.portable.description import Described

Ends = tuple[np.ndarray, np.ndarray]
"""Lower and upper ends."""
SIDES = 4
"""Up to this many columns with effects of both signs, all combinations of sides are tried."""
ENTRIES = 2**22
"""Largest number of matrix entries in memory at a time."""


class Reach(NamedTuple):
    """The length of each piece of a part inside the box, on either side of the row's own value.

    right, left : (rows, pieces) lengths, in units of the part
    """

    right: np.ndarray
    left: np.ndarray


class Push(NamedTuple):
    """Upper bounds, in the Loewner order, of what a part can add to A(x), on either side.

    right, left : (rows, d, d) positive semidefinite
    """

    right: np.ndarray
    left: np.ndarray


def decision_interval(
    model: Described, table: np.ndarray, below: np.ndarray, above: np.ndarray
) -> Ends:
    """Return certified ends of the decision over the box −below_j ≤ x'_j − x_j ≤ above_j.

    Parameters
    ----------
    model : SpectralModel
    table : (rows, columns) float64
    below, above : (rows, columns) float64
        Non-negative, in units of the columns. Categories and missing cells stay as they are.

    Returns
    -------
    lower, upper : (rows, outputs)
    """
    members = member_slopes(model)
    worst = max(m.spec.dim**2 * 2**SIDES for m in members)
    step = max(1, ENTRIES // worst)
    chunks = [
        _rows(model, members, *(a[start : start + step] for a in (table, below, above)))
        for start in range(0, max(1, len(table)), step)
    ]
    lower, upper = (np.concatenate(side) for side in zip(*chunks, strict=True))
    return lower, upper


def _rows(
    model: Described,
    members: list[MemberSlopes],
    table: np.ndarray,
    below: np.ndarray,
    above: np.ndarray,
) -> Ends:
    encoding, offset = model.encoding, model.static.offset
    terms = encoding(table, get_backend("numpy"), codes=True)
    slip = 4 * EPS * (np.abs(np.where(np.isnan(table), 0.0, table)) + np.maximum(below, above))
    table, below, above, slip = _with_projections(encoding, table, below, above, slip)
    missing = np.isnan(table)
    x = np.where(missing, 0.0, table)
    below, above = (np.where(missing, 0.0, a + slip * (a > 0)) for a in (below, above))
    reach = [
        Reach(reach_of(encoding, j, x[:, j], a).right, reach_of(encoding, j, x[:, j], b).left)
        for j, a, b in zip(range(table.shape[1]), above.T, below.T, strict=True)
    ]
    lower = upper = np.full((len(table), model.outputs), offset)
    for m in members:
        ends = [_member(m, output, terms, reach, slip) for output in range(m.spec.outputs)]
        low, high = (np.stack(side, -1) for side in zip(*ends, strict=True))
        lower, upper = lower + m.scale * low, upper + m.scale * high
    margin = 4 * (len(members) + 1) * EPS * (abs(offset) + np.abs(lower) + np.abs(upper))
    return lower - margin, upper + margin


def _with_projections(
    encoding: Encoding, table: np.ndarray, below: np.ndarray, above: np.ndarray, slip: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Treat projections as further columns: (rows, parts). Bounds for a wider box stay valid."""
    mixing = encoding.mixing.T
    rises, falls = np.maximum(mixing, 0.0), np.maximum(-mixing, 0.0)
    moved = np.array([sum(map(abs, each.centers)) for each in encoding.projections])
    size = np.abs(mixing).max(0, initial=0.0) * moved
    extended = encoding.extended(table)
    rounding = 4 * EPS * (size + np.abs(extended[:, table.shape[1] :]))
    below, above = (
        np.concatenate([below, below @ rises + above @ falls], axis=1),
        np.concatenate([above, above @ rises + below @ falls], axis=1),
    )
    slip = np.concatenate([slip, slip @ np.abs(mixing) + np.nan_to_num(rounding)], axis=1)
    return extended, below, above, slip


def reach_of(encoding: Encoding, j: int, x: np.ndarray, radius: np.ndarray) -> Reach:
    """Return the reach of part j within `radius` (rows,) of x (rows,)."""
    column = encoding.parts[j]
    edges = column.pieces(np.zeros(column.terms)).edges
    if len(edges) < 2:
        return Reach(np.zeros((len(x), 0)), np.zeros((len(x), 0)))
    if isinstance(column, Periodic):
        radius = np.minimum(radius, column.period)
        here, above, below = (_travelled(edges, t) for t in (x, x + radius, x - radius))
        return Reach(np.maximum(above - here, 0), np.maximum(here - below, 0))
    x, radius = x[:, None], radius[:, None]
    start, end = edges[:-1], edges[1:]
    right = np.minimum(x + radius, end) - np.maximum(x, start)
    left = np.minimum(x, end) - np.maximum(x - radius, start)
    return Reach(np.maximum(right, 0), np.maximum(left, 0))


def _travelled(edges: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the length of each piece between edges[0] and t, over all periods: (rows, pieces)."""
    turns, rest = np.divmod(t - edges[0], edges[-1] - edges[0])
    widths = np.diff(edges)
    inside = np.clip(rest[:, None] - (edges[:-1] - edges[0]), 0, widths)
    return turns[:, None] * widths + inside


def _member(
    m: MemberSlopes, output: int, terms: np.ndarray, reach: list[Reach], slip: np.ndarray
) -> Ends:
    """Return the ends of one output of a member, rounding included: (rows,) each."""
    packed = m.packed[:, output]
    A = matrices(m.spec, packed[0] + terms @ packed[1:])
    rises, falls, extra = [], [], np.zeros(len(terms))
    for slopes, each, own in zip(m.slopes, reach, slip.T, strict=True):
        S = slopes[:, output]
        if not len(S):
            continue
        extra = extra + own * norms(S).max()
        values, vectors = np.linalg.eigh(S)
        plus = (vectors * np.maximum(values, 0)[:, None, :]) @ vectors.mT
        minus = (vectors * np.maximum(-values, 0)[:, None, :]) @ vectors.mT
        rises.append(Push(_along(each.right, plus), _along(each.left, minus)))
        falls.append(Push(_along(each.right, minus), _along(each.left, plus)))
    size = np.abs(terms) @ lengths(packed[1:], axis=-1)
    size = size + lengths(packed[0]) + _size(rises) + _size(falls)
    tiny = m.spec.dim * SMALLEST * (size > 0)
    margin = ROUNDING * (m.spec.dim + len(packed)) * (EPS * size + tiny) + extra
    margin = margin + value_rounding(m.spec.phi, size)
    low, high = _values(m, A, rises, falls)
    return low - m.shape.lipschitz * margin, high + m.shape.lipschitz * margin


def _along(lengths: np.ndarray, S: np.ndarray) -> np.ndarray:
    return np.einsum("ni,iab->nab", lengths, S)


def _size(pushes: list[Push]) -> np.ndarray | float:
    each = (lengths(a, axis=(1, 2)) + lengths(b, axis=(1, 2)) for a, b in pushes)
    return sum(each, start=0.0)


def _values(m: MemberSlopes, A: np.ndarray, rises: list[Push], falls: list[Push]) -> Ends:
    """Return the ends of φ: (rows,) each."""
    if m.shape.monotone:
        numpy, phi = get_backend("numpy"), m.spec.phi
        above = np.linalg.eigvalsh(A + _patterns(rises, A))
        below = np.linalg.eigvalsh(A - _patterns(falls, A))
        return phi.value(numpy, below).min(0), phi.value(numpy, above).max(0)
    # weights of both signs: Σ w⁺λ rises and Σ w⁻λ falls in the Loewner order
    w = np.array(m.spec.weights)
    plus, minus = np.maximum(w, 0), np.maximum(-w, 0)
    above = np.linalg.eigvalsh(A + sum((a + b for a, b in rises), np.zeros_like(A)))
    below = np.linalg.eigvalsh(A - sum((a + b for a, b in falls), np.zeros_like(A)))
    return below @ plus - above @ minus, above @ plus - below @ minus


def _patterns(pushes: list[Push], A: np.ndarray) -> np.ndarray:
    """Sum over the parts, one slice per combination of sides: (patterns, rows, d, d), all ⪰ 0.

    A part with one zero side needs no choice, since its other side is ⪰ 0. If more than SIDES parts
    need one, the sum of both sides is used for them, which is ⪰ each side.
    """
    fixed, undecided = np.zeros_like(A), []
    for a, b in pushes:
        if a.any() and b.any():
            undecided.append((a, b))
        else:
            fixed = fixed + a + b
    if len(undecided) > SIDES:
        return (fixed + sum(a + b for a, b in undecided))[None]
    return np.stack([fixed + sum(choice) for choice in itertools.product(*undecided)])
