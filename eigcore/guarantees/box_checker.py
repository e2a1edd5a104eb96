"""Check proofs that hold claims about boxes too, in exact arithmetic.

This file needs Python and `checker.py` alone. Copy both into a folder, read them, and type::

    python box_checker.py model.eig proof.json

docs/proofs.md says what the claim means, and proves T4.
"""

import math
import sys
from fractions import Fraction

try:
    from eigcore.guarantees import checker
except ImportError:  # a copy beside a copy
    import checker  # pyright: ignore[reportMissingImports]

require, semidefinite, sign = checker.require, checker.semidefinite, checker.sign
NEVER_SEEN = "a level never seen"
"""Stands for every level that is not among those of its column."""


def values(model, p, t):
    """Return {row: factor} of part p at a number, at the place of a level, or missing (None)."""
    if t is None:
        require(model.parts[p]["missing"], "a missing cell has no matrix")
        return {model.first[p] + model.counts[p] - 1: 1}
    return {row: f for row, f in enumerate(model.values(p, t), model.first[p]) if f}


def turn(before, after):
    """Return after − before, as {row: factor}."""
    return {row: f for row, f in checker.turn(before, after).items() if f}


def places_of(model, row, radius):
    """Return (value, half-width) of each part; a value is None where a cell is missing."""
    known = set(row) == set(model.names) and set(radius) <= set(model.names)
    require(known, "the row or the radius names other columns")
    places = []
    for name, column in zip(model.names, model.columns):
        t, r = row[name], Fraction(radius.get(name, 0))
        if column["kind"] == "categories":
            require(r == 0, f"{name} holds categories, which do not move")
            levels = [*map(str, column["levels"]), NEVER_SEEN]
            name = str(float(t)) if isinstance(t, Fraction) else str(t)
            require(t is None or levels.count(name) == 1, f"{name!r} is not one level of a column")
            t = None if t is None else levels.index(name)
        require(r >= 0, "a half-width is negative")
        places.append((None if t is None else t + Fraction(0), r))
    for each in model.projections:
        weights, centers = (list(map(Fraction, each[key])) for key in ("weights", "centers"))
        own = [places[model.names.index(name)] for name in each["names"]]
        half = sum(abs(w) * r for w, (_, r) in zip(weights, own))
        gone = any(t is None for t, _ in own)
        moved = (w * (0 if gone else t - c) for w, (t, _), c in zip(weights, own, centers))
        places.append((None if gone else sum(moved), half))
    return places


def corners(model, p, t, r):
    """Return t ± r, and the knots of part p between them; A_p is affine from one to the next."""
    gaps = [knot - t for knot in model.knots(p)]
    if model.parts[p]["kind"] == "periodic":  # to the image of each knot that is nearest to t
        half = Fraction(model.parts[p]["period"]) / 2
        gaps = [(gap + half) % (2 * half) - half for gap in gaps]
    return [t - r, t + r, *(t + gap for gap in gaps if abs(gap) < r)]


def diagonal(d, value):
    """Return value · I as a lower triangle."""
    return [[0] * i + [value] for i in range(d)]


def plus(matrix, side, R):
    """Return side · matrix + R, for the lower triangle R of a symmetric matrix of rationals."""
    d = range(len(matrix))
    own = [[R[max(i, j)][min(i, j)] for j in d] for i in d]
    return [[(side * matrix[i][j][0] + own[i][j], side * matrix[i][j][1]) for j in d] for i in d]


def settled(matrix, spare=0):
    """Whether at most `spare` eigenvalues are < 0; first for whole numbers off by < 4 d in norm."""
    unit = max(abs(x) for row in matrix for pair in row for x in pair) / Fraction(2**60)
    if unit:
        near = [[(a // unit, b // unit) for a, b in row] for row in matrix]
        near = [[(a + math.isqrt(int(2 * b * b)) * sign(b, 0), 0) for a, b in row] for row in near]
        if semidefinite(near, 1, -4 * len(matrix), spare):
            return True
    return semidefinite(matrix, 1, 0, spare)


def ends(model, member, places, output, side, witness):
    """Return the ends of the eigenvalues in the box after proving side · λ_i ≤ side · end_i."""

    def matrix(factors):
        return list(member.matrices(factors))[output]

    here = [values(model, p, t) for p, (t, _) in enumerate(places)]
    moving = [(p, t, r) for p, (t, r) in enumerate(places) if r and t is not None]
    require(len(witness["push"]) == len(moving), "no witness")
    total = plus(
        matrix({0: 1} | {row: f for own in here for row, f in own.items()}),
        side,
        diagonal(member.d, 0),
    )
    for (p, t, r), R in zip(moving, witness["push"]):
        for corner in corners(model, p, t, r):
            E = matrix(turn(here[p], values(model, p, corner)))
            require(settled(plus(E, -side, R)), f"part {p} leaves its witness")
        total = plus(total, 1, R)
    for i, (weight, end) in enumerate(zip(member.weights, witness["ends"])):
        spare = member.d - 1 - i if side > 0 else i
        beyond = plus(total, -1, diagonal(member.d, side * end)) if weight else total
        holds = not weight or settled(beyond, spare)
        require(holds, f"eigenvalue {i} leaves its witness")
    return witness["ends"]


def box(model, claim):
    """T4: A(x) − F ⪯ A(x') ⪯ A(x) + R in the box, so the eigenvalues lie between theirs (T2)."""
    places, low, high = places_of(model, claim["row"], claim["radius"]), model.offset, model.offset
    require(len(claim["members"]) == len(model.members), "no witness")
    require(claim["output"] in range(model.members[0].outputs), "there is no such output")
    for member, witness in zip(model.members, claim["members"]):
        require(member.weights, "a functional is not linear in the eigenvalues")
        both = (
            ends(model, member, places, claim["output"], side, witness[name])
            for side, name in ((-1, "lower"), (1, "upper"))
        )
        for weight, least, most in zip(member.weights, *both, strict=True):
            low += member.share * min(weight * least, weight * most)
            high += member.share * max(weight * least, weight * most)
    holds = claim["lower"] <= low and high <= claim["upper"]
    require(holds, f"the witnesses prove {float(low)} to {float(high)}")


WORDS = "decision {output} is between {lower} and {upper} within {radius} of the row {row}"
CLAIMS = {**checker.CLAIMS, "box": (box, WORDS)}


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    checker.main(sys.argv[1], sys.argv[2], CLAIMS)
