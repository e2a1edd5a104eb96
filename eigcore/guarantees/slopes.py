"""Global bounds of a model, from full eigensolves in float64 (math.md, sections 2b and 5).

Everything is per member and output first; members share the encoding, so that their intervals are
the same and bounds average interval by interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from eigcore.core.canonical import matrices
from eigcore.core.spec import EigSpec
from eigcore.encoding import Categories, Encoding

EPS = float(np.finfo(np.float64).eps)
ROUNDING = 8
"""Rounding of an eigensolve of order d is taken as ROUNDING · d · ε · ‖M‖."""
PAIRS = 64
"""Up to this many levels, the change between two categories is bounded pair by pair."""


@dataclass(frozen=True)
class Shape:
    """What a spectral functional φ with weights w = ∂φ/∂λ guarantees by itself.

    weight : largest Σ|w_j|, the Lipschitz constant of φ in the spectral norm
    monotone : w ≥ 0, so φ increases in the Loewner order
    convex, concave : φ is a convex or concave function of the matrix (Davis 1957)
    """

    weight: float
    monotone: bool
    convex: bool
    concave: bool


@lru_cache(maxsize=256)
def shape_of(spec: EigSpec) -> Shape:
    """Guarantees of the functional of a spec (math.md, section 2)."""
    d, k = spec.dim, spec.k
    if spec.functional in ("kth", "smooth"):
        return Shape(1.0, True, k == d - 1, k == 0)
    if spec.functional == "softmax":
        return Shape(1.0, True, True, d == 1)
    if spec.functional in ("top_sum", "bottom_sum"):
        top, whole = spec.functional == "top_sum", spec.r == d
        return Shape(float(spec.r or 0), True, top or whole, not top or whole)
    w = np.array(spec.weights)
    up, down = bool((np.diff(w) >= 0).all()), bool((np.diff(w) <= 0).all())
    return Shape(float(np.abs(w).sum()), bool((w >= 0).all()), up, down)


def norms(S: np.ndarray) -> np.ndarray:
    """Upper bounds of ‖S‖₂ for symmetric S (..., d, d) -> (...): eigensolve plus its rounding."""
    if not S.size:
        return np.zeros(S.shape[:-2])
    return np.abs(np.linalg.eigvalsh(S)).max(-1) * (1 + ROUNDING * S.shape[-1] * EPS)


@dataclass(frozen=True)
class MemberSlopes:
    """One member's matrices, ready for bounds.

    slopes : per part of the encoding, (intervals, outputs, d, d), dA_j/dt per unit of the column or
        projection; empty for categories
    units : per part, (intervals,) rounding unit of these slopes: what is left of a matrix that
        was projected onto the semidefinite cone in float64
    """

    spec: EigSpec
    share: float
    shape: Shape
    terms: np.ndarray
    slopes: tuple[np.ndarray, ...]
    units: tuple[np.ndarray, ...]


def member_slopes(model: Any) -> list[MemberSlopes]:
    """Slopes of every member; `share` is its weight times the target scale."""
    static, found = model.static, []
    for (spec, params), weight in zip(model.members, static.weights, strict=True):
        terms = np.moveaxis(params, 1, 0)
        largest = np.linalg.norm(terms, axis=-1).max()
        unit = ROUNDING * spec.dim * EPS * largest
        pieces = [static.encoding.pieces(j, terms[1:]) for j in range(len(static.encoding.parts))]
        sizes = [_inverse_widths(static.encoding, j) for j in range(len(pieces))]
        slopes = tuple(matrices(spec, piece.slopes) for piece in pieces)
        units = tuple(unit * size for size in sizes)
        share = weight * static.scale
        found.append(MemberSlopes(spec, share, shape_of(spec), terms, slopes, units))
    return found


def _inverse_widths(encoding: Encoding, j: int) -> np.ndarray:
    """(intervals,) slope per unit of parameter, an upper bound: pieces of the identity."""
    column = encoding.parts[j]
    ones = np.eye(column.terms)
    return np.abs(column.pieces(ones).slopes).sum(-1)


def projections_of(encoding: Encoding, j: int) -> list[tuple[int, float]]:
    """(part, weight) of each projection in which column j has a weight."""
    first, weights = len(encoding.columns), encoding.mixing[:, j]
    return [(first + int(p), float(weights[p])) for p in np.flatnonzero(weights)]


def column_slopes(encoding: Encoding, members: list[MemberSlopes], j: int) -> float:
    """Bound of the |slope| of the decision in column j: its own, and through its projections."""
    through = [(p, abs(weight)) for p, weight in projections_of(encoding, j)]
    return sum(weight * part_slopes(members, p) for p, weight in [(j, 1.0), *through])


def part_slopes(members: list[MemberSlopes], j: int) -> float:
    """max_b Σ_m share_m · Σ|w| · ‖S_{m,b}‖₂: the largest |slope| of the decision in part j."""
    total = 0.0
    for m in members:
        total = total + m.share * m.shape.weight * norms(m.slopes[j])
    return float(np.max(total, initial=0.0))


def category_change(encoding: Encoding, members: list[MemberSlopes], j: int) -> float:
    """Largest change of the decision from one level of column j to another, unseen included."""
    rows = encoding.slices[j]
    count = rows.stop - rows.start
    total: Any = np.zeros((1, 1, 1))
    for m in members:
        levels = matrices(m.spec, m.terms[1:][rows])
        levels = np.concatenate([levels, np.zeros_like(levels[:1])])
        if count <= PAIRS:
            change = norms(levels[:, None] - levels)
        else:  # ‖A_a − A_b‖ ≤ ‖A_a − C‖ + ‖A_b − C‖ for any C
            radius = norms(levels - levels.mean(0))
            change = radius[:, None] + radius
        total = total + m.share * m.shape.weight * change
    return float(total.max())


def feature_norms(model: Any) -> dict[str, float]:
    """See `SpectralModel.feature_norms`."""
    members, encoding = member_slopes(model), model.encoding
    return {
        name: category_change(encoding, members, j)
        if isinstance(column, Categories)
        else column_slopes(encoding, members, j)
        for j, (name, column) in enumerate(zip(encoding.names, encoding.columns, strict=True))
    }


def part_norms(model: Any) -> dict[str, float]:
    """`feature_norms`, and the largest |slope| along each projection."""
    members, encoding = member_slopes(model), model.encoding
    sums = enumerate(encoding.projections, len(encoding.columns))
    return feature_norms(model) | {each.label: part_slopes(members, j) for j, each in sums}


def definite(members: list[MemberSlopes], j: int, sign: int) -> tuple[bool, float]:
    """Whether sign · S_b ⪰ 0 on every interval, in every member and output, up to rounding.

    Returns the answer and the slack: the largest slope of the wrong sign that the matrices allow,
    in units of the decision; of the size of rounding where the answer is True.
    """
    proven, slack = True, 0.0
    for m in members:
        S, unit = m.slopes[j], m.units[j]
        if not S.size:
            return False, 0.0
        low = np.linalg.eigvalsh(sign * S)[..., 0].min(-1)
        proven &= m.shape.monotone and bool((low >= -unit).all())
        solve = ROUNDING * m.spec.dim * EPS * norms(S).max(-1)
        slack += m.share * m.shape.weight * float(np.maximum(solve - low, 0).max())
    return proven, slack


def ordered(members: list[MemberSlopes], j: int, sign: int, period: bool) -> bool:
    """Whether sign · (S_{b+1} − S_b) ⪰ 0 between neighbours, up to rounding: A_j matrix-convex."""
    for m in members:
        S, unit = m.slopes[j], m.units[j]
        after, later = (np.roll(S, -1, 0), np.roll(unit, -1)) if period else (S[1:], unit[1:])
        before, sooner = (S, unit) if period else (S[:-1], unit[:-1])
        low = np.linalg.eigvalsh(sign * (after - before))[..., 0]
        if (low < -(later + sooner)[:, None]).any():
            return False
    return True


def constants(
    encoding: Encoding, members: list[MemberSlopes], columns: list[int]
) -> tuple[float, float]:
    """ℓ₂ constant from ‖Σ S_j²‖₂^½, averaged over members, and the largest one reached by search.

    A column with several slopes enters as (max_b ‖S_b‖₂)² · I, which is ⪰ each S_b²; one with
    projections with the sum of their largest norms. The search takes the steepest piece of each.
    """
    bound = reached = 0.0
    for m in members:
        factor = m.share * m.shape.weight
        squares: Any = np.zeros((m.spec.outputs, m.spec.dim, m.spec.dim))
        steepest = []
        for j in columns:
            through = [(j, 1.0), *projections_of(encoding, j)]
            worst: Any = 0.0
            size: Any = 0.0
            for p, weight in through:
                block = m.slopes[p]
                sizes = norms(block)
                piece = block[np.argmax(sizes, axis=0), np.arange(m.spec.outputs)]
                worst, size = worst + weight * piece, size + abs(weight) * sizes.max(0)
            steepest.append(worst)
            if len(through) == len(m.slopes[j]) == 1:
                squares = squares + worst @ worst
            else:
                squares = squares + size[:, None, None] ** 2 * np.eye(m.spec.dim)
        bound += factor * float(np.sqrt(norms(squares).max()))
        reached += factor * max(
            (_reached(np.array([w[o] for w in steepest])) for o in range(m.spec.outputs)),
            default=0.0,
        )
    return bound, reached


def _reached(S: np.ndarray, steps: int = 50) -> float:
    """max_{|v|=1} (Σ (vᵀS_jv)²)^½ from below: v ← top eigenvector of Σ ε_j S_j, ε ∝ vᵀS_jv."""
    if not len(S):
        return 0.0
    best = 0.0
    for start in np.linalg.eigh(S[np.argmax(norms(S))])[1].T:
        v = start
        for _ in range(steps):
            slopes = np.einsum("a,jab,b->j", v, S, v)
            values, vectors = np.linalg.eigh(np.einsum("j,jab->ab", slopes, S))
            v = vectors[:, np.argmax(np.abs(values))]
        best = max(best, float(np.linalg.norm(np.einsum("a,jab,b->j", v, S, v))))
    return best


def box_constant(members: list[MemberSlopes], radius: np.ndarray, parts: list[int]) -> float:
    """‖Σ_j r_j |S_j|‖₂, averaged over members, |S| = (S²)^½; several slopes as max_b ‖S_b‖₂ · I."""
    total = 0.0
    for m in members:
        reach: Any = np.zeros((m.spec.outputs, m.spec.dim, m.spec.dim))
        for j in parts:
            block = m.slopes[j]
            if len(block) == 1:
                values, vectors = np.linalg.eigh(block[0])
                absolute = (vectors * np.abs(values)[..., None, :]) @ vectors.mT
            else:
                absolute = norms(block).max(0)[:, None, None] * np.eye(m.spec.dim)
            reach = reach + radius[j] * absolute
        total += m.share * m.shape.weight * float(norms(reach).max())
    return total
