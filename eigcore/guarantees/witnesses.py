"""Numbers that make a claim easy to check, for `eigcore.guarantees.proof` (math.md, section 9).

Each is rounded away from what it bounds; `eigcore.guarantees.checker` proves it.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from eigcore.guarantees import checker
from eigcore.guarantees.slopes import EPS, ROUNDING, SMALLEST, lengths

Matrix = tuple[list[int], int]
"""As the checker has it: the whole numbers of a packed lower triangle, and how many are 1."""
DIGITS = 9
"""Decimal digits of a witness."""


def changes(exact: checker.Model, *columns: str) -> list[list[float]]:
    """Return ends of the eigenvalues of each change of these columns: slopes, or levels.

    An end is 0 where the change is exactly semidefinite, whatever rounding says.
    """
    moves = [
        (output, factors)
        for part in exact.parts
        if {*columns} & {*part.own}
        for output in range(exact.outputs)
        for factors in part.changes()
    ]
    if not moves:
        return []
    each = [_ends([member.matrix(*move) for move in moves]) for member in exact.members]
    return [ends for of_a_change in zip(*each, strict=True) for ends in of_a_change]


def _ends(packed: list[Matrix]) -> list[list[float]]:
    values, margins = _eigenvalues(_floats(packed))
    ends = zip(packed, values[:, 0].tolist(), values[:, -1].tolist(), margins, strict=True)
    return [_outside(*each) for each in ends]


def _outside(M: Matrix, low: float, high: float, margin: float) -> list[float]:
    rises = low >= -margin and checker.ordered(M, 0, -1)
    falls = high <= margin and checker.ordered(M, 0, 1)
    lower = 0.0 if rises and low <= margin else -up(margin - low)
    return [lower, 0.0 if falls and high >= -margin else up(high + margin)]


def box(exact: checker.Model, cells: dict[str, Any], output: int) -> list[Any]:
    """Return the witnesses of a box: for each member and side those of parts, then of eigenvalues.

    cells : name -> number, text of a level, None, or [low, high]
    """
    corners, found = [part.corners(cells) for part in exact.parts], []
    base = {0: 1} | {row: factor for start, *_ in corners for row, factor in start.items()}
    moving = [each for each in corners if len(each) > 1]
    for member in exact.members:
        (centre,) = _floats([member.matrix(output, base)])
        own = [_moved(member, output, each) for each in moving]
        for side in (-1, 1):
            total, size = side * centre, lengths(centre)
            for E in own:
                R = _top(side * E)
                found.append(R)
                total, size = total + full(R), size + lengths(full(R))
            margin = ROUNDING * (member.d + len(corners)) * (EPS * size + member.d * SMALLEST)
            above = np.linalg.eigvalsh(total) + margin
            found.append((side * above[::side]).tolist())
    return found


def _moved(member: checker.Member, output: int, corners: list[Any]) -> np.ndarray:
    """Return the change of a part from its first corner to each: (corners, d, d)."""
    turns = [checker.turn(corners[0], each) for each in corners]
    return _floats([member.matrix(output, each) for each in turns])


def _top(E: np.ndarray) -> list[float]:
    """Return a matrix of few digits that is ⪰ each of E (n, d, d), rounding included; packed."""
    size, d = np.abs(E).max(initial=0.0), E.shape[-1]
    rows, columns = np.tril_indices(d)
    if not size:
        return [0.0] * len(rows)
    first, *others = E[np.argsort(-np.trace(E, axis1=1, axis2=2))]
    for other in others:
        values, V = np.linalg.eigh(other - first)
        first = first + (V * np.maximum(values, 0)) @ V.T
    digits = min(300, DIGITS - math.floor(math.log10(size)))
    margin = d * (10.0**-digits + ROUNDING * len(E) * d * EPS * size)
    packed = (first + margin * np.eye(d))[rows, columns] * np.where(rows == columns, 1, 2**0.5)
    return np.round(packed, digits).tolist()


def full(packed: Any) -> np.ndarray:
    """Return symmetric matrices (..., d, d) of packed lower triangles (..., K), in float64."""
    packed = np.asarray(packed, float)
    d = math.isqrt(2 * packed.shape[-1])
    rows, columns = np.tril_indices(d)
    M = np.zeros((*packed.shape[:-1], d, d))
    M[..., rows, columns] = M[..., columns, rows] = packed
    return M * np.where(np.eye(d, dtype=bool), 1, 0.5**0.5)


def _floats(packed: list[Matrix]) -> np.ndarray:
    return full([[x / unit for x in numbers] for numbers, unit in packed])


def _eigenvalues(M: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Return the eigenvalues of matrices (n, d, d), and what rounding may add to each."""
    values, d = np.linalg.eigvalsh(M), M.shape[-1]
    margins = ROUNDING * d * (EPS * np.abs(values).max(axis=-1) + d * SMALLEST)
    return values, margins.tolist()


def up(value: float) -> float:
    """Return the value or a larger number of few digits."""
    if value == 0 or not math.isfinite(value):
        return value
    places = DIGITS - 1 - math.floor(math.log10(abs(value)))
    found = float(f"{math.ceil(Fraction(value) * Fraction(10) ** places)}e{-places}")
    return found if found >= value else math.nextafter(found, math.inf)


def outward(low: Fraction | int, high: Fraction | int) -> dict[str, float]:
    """Return the float64 ends that enclose rational ones as narrowly as possible."""
    lower, upper = float(low), float(high)
    return {
        "lower": lower if lower <= low else math.nextafter(lower, -math.inf),
        "upper": upper if upper >= high else math.nextafter(upper, math.inf),
    }
