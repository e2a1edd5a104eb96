"""Claims about boxes, with witnesses that `box_checker` proves (math.md, section 9).

A witness is a matrix R for each part with R ⪰ ±(A_j(t) − A_j(x_j)) at the ends of the box and at
the knots inside. Then λ_i(A(x')) ≤ λ_i(A(x) + ΣR) in the whole box, which is exact if the decision
never falls or never rises in any column.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.guarantees import box_checker, checker
from eigcore.guarantees.box import local_table, named_row
from eigcore.guarantees.certificate import radii_of
from eigcore.guarantees.slopes import EPS, ROUNDING, lengths
from eigcore.portable.description import Described

Claim = dict[str, Any]
DIGITS = 9
"""Decimal digits of a witness; each is rounded away from what it bounds."""


def box_claims(model: Described, exact: checker.Model, rows: Any, radius: Any) -> list[Claim]:
    """Return a claim for each row and output; see `eigcore.guarantees.proof.prove`."""
    if not all(m.weights for m in exact.members):
        raise InvalidInput(
            "A box of this model cannot be proven: its functional is smooth. Expected an "
            "eigenvalue, or a sum of eigenvalues. Leave boxes out, and ask model.certify(x=...)."
        )
    table, radii = local_table(model, rows), radii_of(model.encoding, radius)
    if radii is None:
        raise InvalidInput(
            "boxes has no half-widths. Expected rows and half-widths. Write boxes=(rows, 0.1)."
        )
    moved = {n: r for n, r in zip(model.encoding.names, radii.tolist(), strict=True) if r}
    named = [named_row(model, row) for row in table.tolist()]
    return [_claim(exact, row, moved, o) for row in named for o in range(model.outputs)]


def _claim(exact: checker.Model, row: Claim, radius: dict[str, float], output: int) -> Claim:
    decimal = {name: _decimal(cell) for name, cell in row.items()}
    try:
        places = box_checker.places_of(exact, decimal, {n: _decimal(r) for n, r in radius.items()})
    except checker.Rejected as exc:
        raise InvalidInput(
            f"A row of boxes cannot be named in a proof: {exc}. Expected levels of different text. "
            "Rename them in the table, and fit again."
        ) from exc
    low = high = exact.offset
    members = []
    for member in exact.members:
        sides = [_side(exact, member, places, output, side) for side in (-1, 1)]
        ends = zip(member.weights, *(side["ends"] for side in sides), strict=True)
        products = [(w * _decimal(a), w * _decimal(b)) for w, a, b in ends]
        low += member.share * sum(map(min, products))
        high += member.share * sum(map(max, products))
        members.append(dict(zip(("lower", "upper"), sides, strict=True)))
    own = {"kind": "box", "row": row, "radius": radius, "output": output}
    return own | {"lower": -up(-low, 15), "upper": up(high, 15), "members": members}


def _side(exact: Any, member: Any, places: Any, output: int, side: int) -> Claim:
    """Return the witnesses of one side: matrices of the moving parts, and ends of eigenvalues."""

    def matrix(factors: dict[int, Any]) -> np.ndarray:
        M = list(member.matrices(factors))[output]
        return np.array([[float(a) + float(b) * math.sqrt(2) for a, b in row] for row in M])

    here = [box_checker.values(exact, p, t) for p, (t, _) in enumerate(places)]
    total = matrix({0: 1} | {row: factor for own in here for row, factor in own.items()})
    size, pushes = lengths(total), []
    for p, (t, r) in enumerate(places):
        if r and t is not None:
            there = [box_checker.values(exact, p, c) for c in box_checker.corners(exact, p, t, r)]
            R = _top(np.array([side * matrix(box_checker.turn(here[p], own)) for own in there]))
            pushes.append([R[i, : i + 1].tolist() for i in range(len(R))])
            total, size = total + side * R, size + lengths(R)
    margin = ROUNDING * (member.d + len(places)) * EPS * size
    values = np.linalg.eigvalsh(total) + side * margin
    return {"push": pushes, "ends": np.where(np.array(member.weights) != 0, values, 0).tolist()}


def _top(E: np.ndarray) -> np.ndarray:
    """Return a matrix of few digits that is ⪰ each of E (n, d, d), rounding included."""
    size, d = np.abs(E).max(initial=0.0), E.shape[-1]
    if not size:
        return np.zeros((d, d))
    first, *others = E[np.argsort(-np.trace(E, axis1=1, axis2=2))]
    for other in others:
        values, V = np.linalg.eigh(other - first)
        first = first + (V * np.maximum(values, 0)) @ V.T
    digits = min(300, DIGITS - math.floor(math.log10(size)))
    margin = d * (10.0**-digits + ROUNDING * len(E) * d * EPS * size)
    return np.round(first + margin * np.eye(d), digits)


def _decimal(value: Any) -> Any:
    """Return the number that the shortest decimal form of a float stands for."""
    return Fraction(str(value)) if isinstance(value, float) else value


def up(value: float | Fraction, digits: int = DIGITS) -> float:
    """Round up to so many decimal digits; Fraction(str(result)) is not below the value."""
    if value == 0:
        return 0.0
    size = max(abs(float(value)), math.ulp(0.0))
    places = digits - math.floor(math.log10(size)) - 1
    scaled = Fraction(value) * Fraction(10) ** places
    found = float(f"{math.ceil(scaled)}e{-places}")
    # the decimals of the smallest floats are fewer
    return found if Fraction(str(found)) >= value else math.nextafter(found, math.inf)
