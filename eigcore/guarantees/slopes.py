"""Global bounds of a model, from full eigensolves in float64 (math.md, sections 2b, 5 and 9).

Everything is first computed for each member and output. Members share the encoding, and so the
pieces: their bounds add up piece by piece.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from eigcore.core.canonical import matrices
from eigcore.core.functionals import Functional, Smooth, Softmax
from eigcore.core.spec import EigSpec
from eigcore.encoding import Categories, Encoding
from eigcore.errors import InvalidInput
from eigcore.guarantees import checker
from eigcore.portable.description import Described

EPS = float(np.finfo(np.float64).eps)
ROUNDING = 8
"""The error of an eigensolve of order d is assumed to be at most ROUNDING · d · ε · ‖M‖."""
HUGE = 1e303
"""Entries of matrices, and slopes, beyond which sums of them may be no floats."""
SMALLEST = math.ulp(0.0)
"""What rounding changes at least, in numbers of any size but 0."""
PAIRS = 64
"""Up to this many levels, a proof has a witness for each pair of levels."""
LEVELS = 256
"""So many levels, those furthest from the mean level, are compared pair by pair."""


@dataclass(frozen=True)
class Shape:
    """What a spectral functional φ with weights w = ∂φ/∂λ guarantees by itself.

    Parameters
    ----------
    lipschitz : float
        Largest Σ|w_j|: |φ(λ(A)) − φ(λ(B))| ≤ lipschitz · ‖A − B‖₂.
    monotone : bool
        w ≥ 0, so φ increases in the Loewner order.
    convex, concave : bool
        φ is a convex or concave function of the matrix (Davis 1957).
    """

    lipschitz: float
    monotone: bool
    convex: bool
    concave: bool


@lru_cache(maxsize=256)
def shape_of(spec: EigSpec) -> Shape:
    """Return what the functional of a spec guarantees (math.md, section 2)."""
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


def smoothing(phi: Functional) -> float:
    """Return how far a smooth functional can be from an eigenvalue; 0 for all others."""
    if isinstance(phi, Softmax):
        return phi.parameter * (1 + math.log(phi.dim))
    return phi.parameter[1] if isinstance(phi, Smooth) else 0.0


def value_rounding(phi: Functional, size: np.ndarray, u: float = EPS) -> np.ndarray:
    """Bound the rounding of a smooth functional of eigenvalues up to `size`; 0 for all others."""
    extra = smoothing(phi)
    return ROUNDING * phi.dim**2 * u * (size + extra) if extra else 0.0 * size


def norms(S: np.ndarray) -> np.ndarray:
    """Return upper bounds of ‖S‖₂, rounding included: symmetric S (..., d, d) -> (...)."""
    if not S.size:
        return np.zeros(S.shape[:-2])
    d = S.shape[-1]
    found = np.abs(np.linalg.eigvalsh(S)).max(-1) * (1 + ROUNDING * d * EPS)
    return found + ROUNDING * d**2 * SMALLEST * S.any((-2, -1))


@dataclass(frozen=True)
class MemberSlopes:
    """The matrices of one member, prepared for bounds.

    Parameters
    ----------
    spec : EigSpec
    scale : float
        Units of the target per unit of the member's value: its weight times the target's scale.
    shape : Shape
    packed : (terms + 1, outputs, K) float64
        The parameters, term by term.
    slopes : tuple of (pieces, outputs, d, d) float64, one per part of the encoding
        dA_j/dt, per unit of the column or projection; no pieces for categories.
    unit : float
        Bound of the rounding of one matrix and its eigenvalues.
    rounding : tuple of (pieces,) float64, one per part
        The same for the slopes.
    number : int
        Place of the member in the model.
    exact : function
        Returns the whole model in exact numbers.
    """

    spec: EigSpec
    scale: float
    shape: Shape
    packed: np.ndarray
    slopes: tuple[np.ndarray, ...]
    unit: float
    rounding: tuple[np.ndarray, ...]
    number: int
    exact: Callable[[], checker.Model]

    @property
    def lipschitz(self) -> float:
        """Largest change in units of the target, per unit of ‖A − B‖₂."""
        return self.scale * self.shape.lipschitz


def member_slopes(model: Described) -> list[MemberSlopes]:
    """Return the slopes of every member of a `SpectralModel`; raise InvalidInput for huge ones."""
    static, found = model.static, []

    @cache
    def exact() -> checker.Model:
        return checker.Model(model.to_bytes())

    for (spec, params), weight in zip(model.members, static.weights, strict=True):
        packed = np.moveaxis(params, 1, 0)
        largest = lengths(packed, axis=-1).max()
        unit = ROUNDING * spec.dim * EPS * largest
        parts = range(len(static.encoding.parts))
        with np.errstate(over="ignore"):
            pieces = [static.encoding.pieces(j, packed[1:]).slopes for j in parts]
        _check_sizes(packed, *pieces)
        slopes = tuple(matrices(spec, each) for each in pieces)
        rounding = tuple(unit * _inverse_widths(static.encoding, j) for j in parts)
        scale = weight * static.scale
        own = (spec, scale, shape_of(spec), packed, slopes, unit, rounding)
        found.append(MemberSlopes(*own, len(found), exact))
    return found


def _check_sizes(*packed: np.ndarray) -> None:
    largest = max(float(np.abs(each).max(initial=0.0)) for each in packed)
    if not largest <= HUGE:
        raise InvalidInput(
            f"The matrices have entries or slopes of size {largest:g}. Expected at most {HUGE:g}, "
            "whose sums are floats. Scale the target or the columns, and fit again."
        )


def _inverse_widths(encoding: Encoding, j: int) -> np.ndarray:
    """Return an upper bound of the slope per unit of the parameters: (pieces,)."""
    column = encoding.parts[j]
    return np.abs(column.pieces(np.eye(column.terms)).slopes).sum(-1)


def projections_of(encoding: Encoding, j: int) -> list[tuple[int, float]]:
    """Return (part, weight) of each projection in which column j has a weight."""
    first, weights = len(encoding.columns), encoding.mixing[:, j]
    return [(first + int(p), float(weights[p])) for p in np.flatnonzero(weights)]


def column_slopes(encoding: Encoding, members: list[MemberSlopes], j: int) -> float:
    """Return a bound of the decision's |slope| in column j, through projections too."""
    through = [(p, abs(weight)) for p, weight in projections_of(encoding, j)]
    return sum(weight * part_slopes(members, p) for p, weight in [(j, 1.0), *through])


def part_slopes(members: list[MemberSlopes], j: int) -> float:
    """Return max_b Σ_m lipschitz_m · ‖S_{m,b}‖₂, a bound of the decision's |slope| in part j."""
    total = 0.0
    for m in members:
        total = total + m.lipschitz * norms(m.slopes[j])
    return float(np.max(total, initial=0.0))


def category_change(encoding: Encoding, members: list[MemberSlopes], j: int) -> float:
    """Return a bound of the change between any two levels of column j, also unseen ones.

    With very many levels, a pair beyond the `LEVELS` that are furthest from the mean level C is
    bounded by ‖A_a − A_b‖ ≤ ‖A_a − C‖ + ‖A_b − C‖.
    """
    terms, each = encoding.slices[j], []
    for m in members:
        levels = matrices(m.spec, m.packed[1:][terms])
        each.append(np.concatenate([levels, np.zeros_like(levels[:1])]))
    pairs = list(zip(members, each, strict=True))
    radii = sum(m.lipschitz * norms(levels - levels.mean(0)) for m, levels in pairs)
    radii = np.max(radii, axis=-1)
    order = np.argsort(-radii, kind="stable")
    near, rest = order[:LEVELS], order[LEVELS:]
    a, b = near[np.array(np.tril_indices(len(near), -1))]
    changes = sum(m.lipschitz * norms(levels[a] - levels[b]) for m, levels in pairs)
    beyond = radii[rest[0]] + radii[near[0]] if len(rest) else 0.0
    return float(max(np.max(changes, initial=0.0), beyond))


def feature_norms(model: Described) -> dict[str, float]:
    """Return the bound of each column; see `SpectralModel.feature_norms`."""
    return _feature_norms(model.encoding, member_slopes(model))


def _feature_norms(encoding: Encoding, members: list[MemberSlopes]) -> dict[str, float]:
    return {
        name: category_change(encoding, members, j)
        if isinstance(column, Categories)
        else column_slopes(encoding, members, j)
        for j, (name, column) in enumerate(zip(encoding.names, encoding.columns, strict=True))
    }


def part_norms(model: Described) -> dict[str, float]:
    """Return `feature_norms`, and the bound of the slope along each projection."""
    members, encoding = member_slopes(model), model.encoding
    projections = enumerate(encoding.projections, len(encoding.columns))
    norms = _feature_norms(encoding, members)
    return norms | {p.label: part_slopes(members, j) for j, p in projections}


def constant(encoding: Encoding, members: list[MemberSlopes], columns: list[int]) -> float:
    """Return an ℓ₂ constant of the decision.

    It is Σ_m lipschitz_m · ‖Σ_j S_j²‖₂^½ (math.md, section 5). A column with one slope and no
    projection enters as S_j². Any other enters as the square of its largest norms, added up over
    its projections, times I.
    """
    bound = 0.0
    for m in members:
        power = power_of(*m.slopes)
        squares = np.zeros((m.spec.outputs, m.spec.dim, m.spec.dim))
        for j in columns:
            through = projections_of(encoding, j)
            if len(m.slopes[j]) == 1 and not through:
                slope = m.slopes[j][0] / power
                squares = squares + slope @ slope
            else:
                parts = [(j, 1.0), *through]
                largest = [abs(w) * norms(m.slopes[p]).max(0, initial=0.0) for p, w in parts]
                size = np.sum(largest, axis=0) / power
                squares = squares + size[:, None, None] ** 2 * np.eye(m.spec.dim)
        bound += m.lipschitz * power * float(np.sqrt(norms(squares).max()))
    return bound * (1 + 4 * len(members) * EPS)


def lengths(a: np.ndarray, axis: Any = None) -> Any:
    """Return `np.linalg.norm`, of numbers whose squares are no floats too."""
    power = power_of(a)
    return power * np.linalg.norm(a / power, axis=axis)


def power_of(*arrays: np.ndarray) -> float:
    """Return the power of two below the largest number, so that squares stay floats; or 1."""
    largest = max((float(np.abs(a).max(initial=0.0)) for a in arrays), default=0.0)
    return 2.0 ** (math.frexp(largest)[1] - 1) if largest else 1.0


def box_constant(members: list[MemberSlopes], radius: np.ndarray, parts: list[int]) -> float:
    """Return a bound of the change of the decision while each part stays within its radius.

    It is Σ_m lipschitz_m · ‖Σ_j r_j |S_j|‖₂ with |S| = (S²)^½; a part of several slopes enters as
    max_b ‖S_b‖₂ · I.
    """
    total = 0.0
    for m in members:
        reach = np.zeros((m.spec.outputs, m.spec.dim, m.spec.dim))
        for j in parts:
            S = m.slopes[j]
            if len(S) == 1:
                values, vectors = np.linalg.eigh(S[0])
                absolute = (vectors * np.abs(values)[..., None, :]) @ vectors.mT
            else:
                absolute = norms(S).max(0)[:, None, None] * np.eye(m.spec.dim)
            reach = reach + radius[j] * absolute
        total += m.lipschitz * float(norms(reach).max())
    return total
