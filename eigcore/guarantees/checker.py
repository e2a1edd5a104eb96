"""Check the proof of an eigcore model file in exact arithmetic.

This file needs Python alone and imports nothing of eigcore. Copy it, read it, and type::

    python checker.py model.eig proof.json

Every claim is about the numbers in the model file, as rationals, and the real function that
docs/model-file.md defines. docs/proofs.md says what each claim means, and proves T1 to T3.
"""

import hashlib
import json
import math
import struct
import sys
from fractions import Fraction

MALFORMED = (KeyError, TypeError, ValueError, IndexError, ArithmeticError, AttributeError)


class Rejected(Exception):
    """A claim is not proven, or a file cannot be read."""


def require(condition, reason):
    """Raise Rejected unless the condition holds."""
    if not condition:
        raise Rejected(reason)


def sign(a, b):
    """Return the sign of a + b√2."""
    if a * b >= 0:
        return (a + b > 0) - (a + b < 0)
    return 1 if (a * a > 2 * b * b) == (a > 0) else -1


def semidefinite(matrix, side=1, shift=0, spare=0):
    """Whether side · matrix + shift · I has at most `spare` eigenvalues < 0; if none, it is ⪰ 0.

    The entry (a, b) of the symmetric matrix is a + b√2. Symmetric elimination without fractions:
    entries stay minors of the matrix, so each division is exact (Bareiss 1968), and as many pivots
    change sign from the one before as there are eigenvalues < 0, until only zeros remain (T2).
    """
    common = math.lcm(*(part.denominator for row in matrix for x in row for part in x))
    common *= Fraction(shift).denominator
    M = [[(int(side * a * common), int(side * b * common)) for a, b in row] for row in matrix]
    for i, row in enumerate(M):
        row[i] = (row[i][0] + int(shift * common), row[i][1])
    u, v = 1, 0
    while M:
        i = next((i for i in range(len(M)) if M[i][i] != (0, 0)), None)
        if i is None:
            return spare >= len(M) or all(entry == (0, 0) for row in M for entry in row)
        p, q = M[i][i]
        spare -= sign(p, q) != sign(u, v)
        if spare < 0:
            return False
        norm, head, rest, M = u * u - 2 * v * v, M.pop(i), M, []
        head.pop(i)
        for row in rest:
            e, f = row.pop(i)
            M.append([])
            for (a, b), (c, d) in zip(row, head):
                x, y = p * a + 2 * q * b - e * c - 2 * f * d, p * b + q * a - e * d - f * c
                M[-1].append(((x * u - 2 * y * v) // norm, (y * u - x * v) // norm))
        u, v = p, q
    return True


class Member:
    """One spectral neuron: its matrices, and what its functional guarantees (T1, T3)."""

    def __init__(self, spec, values, share):
        d, r, self.outputs, self.terms = spec["dim"], spec["r"], spec["outputs"], spec["features"]
        index = {"middle": d // 2, "convex": d - 1, "concave": 0}.get(spec["index"], spec["index"])
        self.d, self.share, self.values = d, share, values
        weights = {  # ∂φ/∂λ in ascending order, where φ is linear in them
            "top_sum": lambda: [int(i >= d - r) for i in range(d)],
            "bottom_sum": lambda: [int(i < r) for i in range(d)],
            "weighted": lambda: list(map(Fraction, spec["weights"])),
            "softmax": lambda: [int(i == d - 1) for i in range(d)],  # shaped like the largest
            **dict.fromkeys(("kth", "smooth"), lambda: [int(i == index % d) for i in range(d)]),
        }[spec["functional"]]()
        self.weights = None if spec["functional"] in ("smooth", "softmax") else weights
        steps = [b - a for a, b in zip(weights, weights[1:])]
        self.lipschitz, self.increasing = sum(map(abs, weights)), min(weights) >= 0
        self.convex, self.concave = min([0, *steps]) >= 0, max([0, *steps]) <= 0
        width = {"dense": d - 1, "tridiagonal": 1, "diagonal": 0}.get(spec["structure"])
        width = int(spec["structure"][7:]) if width is None else width
        self.places = [(i, j) for i in range(d) for j in range(max(0, i - width), i + 1)]
        require(len(values) == self.outputs * (self.terms + 1) * len(self.places), "sizes differ")
        require(all(map(math.isfinite, values)), "a parameter is not finite")

    def matrices(self, factors):
        """Yield Σ factor · A_row of each output, for {row: factor}; row i + 1 is that of term i."""
        for output in range(self.outputs):
            M, first = [[(0, 0)] * self.d for _ in range(self.d)], output * (self.terms + 1)
            for e, (i, j) in enumerate(self.places):
                at = ((first + row) * len(self.places) + e for row in factors)
                total = sum(f * Fraction(self.values[n]) for n, f in zip(at, factors.values()))
                M[i][j] = M[j][i] = (total, 0) if i == j else (0, Fraction(total) / 2)
            yield M


class Model:
    """A model file as exact numbers. A part is a column, or a projection of columns."""

    def __init__(self, record, arrays):
        encoding, target, self.link = record["encoding"], record["target"], record["link"]
        self.names, self.columns = encoding["names"], encoding["columns"]
        self.projections = encoding.get("projections", [])
        self.parts = [*self.columns, *(each["column"] for each in self.projections)]
        self.counts = [len(self.values(p, Fraction(0))) for p in range(len(self.parts))]
        self.first = [1 + sum(self.counts[:p]) for p in range(len(self.parts))]
        self.offset, scale = Fraction(target["offset"]), Fraction(target["scale"])
        self.members, shares = [], [Fraction(each["weight"]) for each in record["members"]]
        require(min([*shares, scale]) >= 0, "a weight or the scale is negative")
        require(abs(sum(shares) - 1) <= 1e-12, "the weights do not add up to 1")
        for each, values, share in zip(record["members"], arrays, shares):
            require(each["spec"]["features"] == sum(self.counts), "terms differ in number")
            self.members.append(Member(each["spec"], values, share * scale))

    @classmethod
    def read(cls, data):
        """Return the model of a file."""
        start = 8 + int.from_bytes(data[:8], "little")
        head = json.loads(data[8:start])
        record, arrays = json.loads(json.loads(head["__metadata__"]["eigcore"])["model"]), []
        for number in range(len(record["members"])):
            info = head[f"member.{number}"]
            require(info["dtype"] == "F64", "the parameters are not float64")
            begin, end = (start + offset for offset in info["data_offsets"])
            arrays.append(struct.unpack(f"<{(end - begin) // 8}d", data[begin:end]))
        return cls(record, arrays)

    def knots(self, p):
        """Return where the slope of a numeric part may change, with a point beyond either end."""
        c = self.parts[p]
        require(c.get("scale", 1) > 0, "scale is not positive")
        knots = list(map(Fraction, c.get("knots") or c.get("limits") or (0, 1)))
        if c["kind"] == "periodic":
            knots.append(knots[0] + Fraction(c["period"]))
        require(all(a < b for a, b in zip(knots, knots[1:])), "knots do not increase")
        whole = c["kind"] == "periodic" or (c["kind"] == "linear" and not c.get("limits"))
        return knots if whole else [knots[0] - 1, *knots, knots[-1] + 1]

    def values(self, p, t):
        """Return the terms of part p at a number t, or of its levels at the place t of one."""
        c = self.parts[p]
        if c["kind"] == "categories":
            own = [int(t == place) for place in range(len(c["levels"]))]
        elif c["kind"] == "linear":
            low, high = map(Fraction, c.get("limits") or (t, t))
            own = [(min(max(t, low), high) - Fraction(c["center"])) / Fraction(c["scale"])]
        elif c["kind"] == "periodic":
            k = self.knots(p)
            t, own = k[0] + (t - k[0]) % (k[-1] - k[0]), [Fraction(0)] * (len(k) - 1)
            b = max(b for b in range(len(own)) if k[b] <= t)
            u = (t - k[b]) / (k[b + 1] - k[b])
            own[b], own[(b + 1) % len(own)] = own[b] + 1 - u, own[(b + 1) % len(own)] + u
        else:
            require(c["kind"] == "piecewise_linear", "a kind of column is unknown")
            k = self.knots(p)[1:-1]
            own = [min(max((t - a) / (b - a), Fraction(0)), 1) for a, b in zip(k, k[1:])]
            if c["tails"] == "linear":
                left, right = min(t - k[0], 0) / (k[1] - k[0]), max(t - k[-1], 0) / (k[-1] - k[-2])
                own = [left, *own, right]
        return own + [0] * bool(c["missing"])

    def slopes(self, p):
        """Return dA/dt on each piece of part p as {row: factor}, from left to right."""
        found, k = [], self.knots(p)
        for a, b in zip(k, k[1:]):
            ends = enumerate(zip(self.values(p, a), self.values(p, b)), self.first[p])
            found.append({row: (after - before) / (b - a) for row, (before, after) in ends})
        return [{row: factor for row, factor in each.items() if factor} for each in found]

    def through(self, name):
        """Return the parts that a numeric column acts through, with their weights."""
        own = self.names.index(name)
        require(self.columns[own]["kind"] != "categories", f"{name} holds categories")
        found = [(own, Fraction(1))]
        for number, each in enumerate(self.projections, len(self.columns)):
            pairs = zip(each["names"], each["weights"])
            found.append((number, sum((Fraction(w) for n, w in pairs if n == name), Fraction(0))))
        return [(p, weight) for p, weight in found if weight]


def turn(before, after):
    """Return the change of the slope from one piece to the next, as {row: factor}."""
    return {row: after.get(row, 0) - before.get(row, 0) for row in {**before, **after}}


def shape(model, claim, name="increasing", side=1, jointly=False):
    """T1: side · S ⪰ 0 on every piece. T3: side · (the change of S) ⪰ 0 between pieces."""
    bend, pairs = name != "increasing", zip(model.names, model.columns)
    require(bend or model.link in ("identity", "logistic", "log"), f"{model.link} can fall")
    numeric = [each for each, column in pairs if column["kind"] != "categories"]
    columns = map(model.through, numeric if jointly else [claim["column"]])
    for p, weight in (each for parts in columns for each in parts):
        found, way = model.slopes(p), side if bend else side * sign(weight, 0)
        if bend:
            circle = found[:1] if model.parts[p]["kind"] == "periodic" else []
            found = list(map(turn, found, found[1:] + circle))
        for member in model.members:
            able = getattr(member, name) and (member.increasing or not found)
            require(able, f"a functional does not guarantee {name}")
            blocks = (M for S in found for M in member.matrices(S))
            require(all(semidefinite(M, way) for M in blocks), "a matrix is not semidefinite")


def within(matrix, norm):
    """Whether norm · I ± M ⪰ 0; first for M rounded to units of 2⁻⁴⁸ · norm, by < 4 d in norm."""
    if norm > 0:
        unit, most = norm / 2**48, 2**48 - 4 * len(matrix)
        near = [[(a // unit, b // unit) for a, b in row] for row in matrix]
        near = [[(a + math.isqrt(int(2 * b * b)) * sign(b, 0), 0) for a, b in row] for row in near]
        if semidefinite(near, 1, most) and semidefinite(near, -1, most):
            return True
    return semidefinite(matrix, 1, norm) and semidefinite(matrix, -1, norm)


def change(model, claim, levels):
    """T1: ‖S‖₂ ≤ norm on every piece, or for every pair of levels: norm · I ± S ⪰ 0."""
    p = model.names.index(claim["column"])
    require(levels == (model.columns[p]["kind"] == "categories"), "a column of another kind")
    if levels:  # the last two are missing, where there is a matrix for it, and never seen
        rows = [{model.first[p] + each: 1} for each in range(model.counts[p])] + [{}]
        pairs = [(rows[a], rows[b]) for a in range(len(rows)) for b in range(a)]
        groups = [(1, [{**dict.fromkeys(two, -1), **one} for one, two in pairs])]
    else:
        groups = [(abs(weight), model.slopes(q)) for q, weight in model.through(claim["column"])]
    wanted = [[[len(group)] * m.outputs for m in model.members] for _, group in groups]
    given = [[[len(o) for o in own] for own in norms] for norms in claim["norms"]]
    require(wanted == given, "no witness")
    total = 0
    for (weight, group), norms in zip(groups, claim["norms"]):
        sums = {}
        for member, own in zip(model.members, norms):
            for n, S in enumerate(group):
                for o, M in enumerate(member.matrices(S)):
                    require(within(M, own[o][n]), f"a norm exceeds {float(own[o][n])}")
                    sums[o, n] = sums.get((o, n), 0) + member.share * member.lipschitz * own[o][n]
        total += weight * max(sums.values())
    require(total <= claim["bound"], f"the witnesses prove {float(total)}")


CLAIMS = {
    "increasing": (shape, "the prediction never falls when {column} grows", "increasing", 1),
    "decreasing": (shape, "the prediction never rises when {column} grows", "increasing", -1),
    "convex": (shape, "the decision is convex in {column}", "convex", 1),
    "concave": (shape, "the decision is concave in {column}", "concave", -1),
    "jointly convex": (shape, "the decision is jointly convex in all numbers", "convex", 1, True),
    "jointly concave": (shape, "the decision is jointly concave in all numbers", "concave", -1, 1),
    "slope": (change, "the decision changes by at most {bound} per unit of {column}", False),
    "levels": (change, "the decision changes by at most {bound} between levels of {column}", True),
}


def exact(text):
    """Return a decimal number as a rational, if it is no longer and no larger than floats are."""
    require(len(text) < 40 and abs(int(text.lower().partition("e")[2] or 0)) < 400, "a number")
    return Fraction(text)


def check(data, proof, tell=lambda sentence: None, kinds=CLAIMS):
    """Check a proof of a model file, both bytes; return the number of claims or raise Rejected."""
    try:
        record = json.loads(proof, parse_float=exact, parse_constant=exact)
        require(record["format"] == "eigcore-proof/1", "the proof has another format")
        require(record["model_sha256"] == hashlib.sha256(data).hexdigest(), "of another model file")
        model, texts = Model.read(data), json.loads(proof, parse_float=str)["claims"]
    except (*MALFORMED, struct.error, RecursionError) as exc:
        raise Rejected(f"a file cannot be read: {type(exc).__name__}: {exc}") from exc
    for number, (claim, text) in enumerate(zip(record["claims"], texts), 1):
        try:
            require(claim["kind"] in kinds, "a kind for another checker, such as box_checker.py")
            prove, words, *options = kinds[claim["kind"]]
            prove(model, claim, *options)
        except (Rejected, *MALFORMED) as exc:
            words = exc if isinstance(exc, Rejected) else f"{type(exc).__name__}: {exc}"
            raise Rejected(f"claim {number}, {json.dumps(text)[:99]}: {words}") from exc
        tell("".join(c if c.isprintable() else ascii(c)[1:-1] for c in words.format(**text)))
    return len(texts)


def main(model, proof, kinds=CLAIMS):
    """Print every claim that holds; exit with the first one that does not."""
    try:
        with open(model, "rb") as one, open(proof, "rb") as two:
            count = check(one.read(), two.read(), lambda said: print(f"proven: {said}"), kinds)
    except (Rejected, OSError) as exc:
        sys.exit(f"REJECTED: {exc}")
    print(f"{count} claims are proven, in exact arithmetic.")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) == 3 else __doc__)
