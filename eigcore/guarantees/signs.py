"""The signs of slope matrices, exact where rounding could decide (math.md, section 9)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from eigcore.core.canonical import matrices
from eigcore.guarantees import checker
from eigcore.guarantees.slopes import EPS, ROUNDING, SMALLEST, MemberSlopes, norms


def definite(members: list[MemberSlopes], j: int, sign: int) -> tuple[bool, float]:
    """Whether sign · S_b ⪰ 0 on every piece b of part j, for every member and output.

    Returns
    -------
    proven : bool
        True as well if an eigenvalue is below zero by less than the rounding of its own matrix,
        as after a projection onto the semidefinite cone.
    slack : float
        If `proven`: the largest slope of the wrong sign that the matrices allow, in units of the
        decision per unit of the part. It is 0.0 if every matrix is semidefinite.
    """
    slack, exact = 0.0, _exact_slopes(members, j)
    for m in members:
        S, rounding = sign * m.slopes[j], m.rounding[j][:, None]
        if not S.size or not m.shape.monotone:
            return False, 0.0
        low, own = _lowest(m, S)
        if (low < -(rounding + own)).any():
            return False, 0.0
        largest = 0.0
        for piece, output in np.argwhere(low <= rounding + own).tolist():
            if _exact(m, exact()[piece], output, sign):
                continue
            if low[piece, output] < -own[piece, output]:
                return False, 0.0
            most = own[piece, output] + rounding[piece, 0] - low[piece, output]
            largest = max(largest, float(most))
        slack += m.lipschitz * largest
    return True, slack


def ordered(members: list[MemberSlopes], j: int, sign: int, period: bool) -> bool:
    """Whether sign · (S_{b+1} − S_b) ⪰ 0 for all neighbouring pieces of part j.

    If so, sign · A_j is matrix-convex. With `period`, the first piece follows the last.
    """
    exact = _exact_slopes(members, j)
    for m in members:
        S, unit = m.slopes[j], m.rounding[j]
        after, later = (np.roll(S, -1, 0), np.roll(unit, -1)) if period else (S[1:], unit[1:])
        before, sooner = (S, unit) if period else (S[:-1], unit[:-1])
        low, own = _lowest(m, sign * (after - before))
        window = (later + sooner)[:, None] + own
        if (low < -window).any():
            return False
        for piece, output in np.argwhere(low <= window).tolist():
            slopes = exact()
            turn = checker.turn(slopes[piece], slopes[(piece + 1) % len(slopes)])
            if not _exact(m, turn, output, sign):
                return False
    return True


def cell_terms(members: list[MemberSlopes], j: int, cell: float | None) -> dict[int, Fraction]:
    """Return the terms of a number in column j, or of a missing cell, as exact {row: factor}."""
    part = members[0].exact().parts[j]
    if cell is None:
        return {part.end: Fraction(1)}
    return part.at[int(cell)] if part.levels else part.value(Fraction(cell))


def above(members: list[MemberSlopes], one: dict[int, Any], other: dict[int, Any]) -> bool:
    """Whether Σ one_b A_b − Σ other_b A_b ⪰ 0 for every member and output, in exact numbers."""
    factors = checker.turn(other, one)
    rows, share = list(factors), np.array([float(each) for each in factors.values()])
    for m in members:
        E = matrices(m.spec, np.einsum("b,bok->ok", share, m.packed[rows]))
        low, own = _lowest(m, E)
        window = own + m.unit * (1 + np.abs(share).sum()) * (1 + len(rows))
        if (low < -window).any():
            return False
        near = np.flatnonzero(low <= window).tolist()
        if not all(_exact(m, factors, output, 1) for output in near):
            return False
    return True


def scalar(members: list[MemberSlopes], terms: slice) -> bool:
    """Whether every matrix of some terms is a multiple of I, to the last bit, in every member.

    φ(A + p·I) = φ(A) + p·Σw: such a column is a summand of its own, whatever φ is.
    """
    return all(
        bool((full == full[..., :1, :1] * np.eye(m.spec.dim)).all())
        for m in members
        for full in [matrices(m.spec, m.packed[1:][terms])]
    )


def _exact_slopes(members: list[MemberSlopes], j: int) -> Callable[[], list[dict[int, Fraction]]]:
    """Return a function for the exact slopes of part j, the same for all members; computed once."""
    return cache(lambda: members[0].exact().parts[j].changes())


def _lowest(m: MemberSlopes, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest eigenvalues of S (..., d, d), and the rounding of the eigensolve."""
    d = m.spec.dim
    return np.linalg.eigvalsh(S)[..., 0], ROUNDING * d * (EPS * norms(S) + d * SMALLEST)


def _exact(m: MemberSlopes, factors: dict[int, Any], output: int, sign: int) -> bool:
    """Whether sign · Σ factor · A_row ⪰ 0 for the stored matrices of an output."""
    return checker.ordered(m.exact().members[m.number].matrix(output, factors), 0, -sign)
