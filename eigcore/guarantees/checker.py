"""Check a proof without eigcore: python checker.py MODEL PROOF. docs/proofs.md proves T1 to T4."""

import hashlib
import json
import math
import struct
import sys
from fractions import Fraction

FORMAT, NEVER_SEEN, SHAPES = "eigcore-proof/2", "a level never seen", ("convex", "concave")


class Rejected(ValueError):
    """A claim is not proven, or a file cannot be read."""


def require(condition, reason):
    """Raise Rejected unless the condition holds."""
    if not condition:
        raise Rejected(reason)


def exact(x):
    """Return a number of a file: no text, no truth value, and none that float64 would round."""
    require(type(x) in (int, float) and float(x) == x, f"{x!r:.40} is not a float64 number")
    return Fraction(x)


def whole(numbers):
    """Return numbers as whole numbers of a unit, and how many units are 1."""
    pairs = [x.as_integer_ratio() for x in numbers]
    unit = math.lcm(*{bottom for _, bottom in pairs})
    return [top * (unit // bottom) for top, bottom in pairs], unit


def ordered(M, R, side=1, spare=0, bits=80):
    """T2: whether at most `spare` eigenvalues of R − side · M are < 0; a number R is R · I."""
    (own, unit), d = M, math.isqrt(2 * len(M[0]))
    R = R if isinstance(R, list) else [R if i == j else 0 for i in range(d) for j in range(i + 1)]
    tops, bottom = whole(R)
    rest = [unit * r - side * bottom * m for r, m in zip(tops, own, strict=True)]
    size, half = max(map(abs, rest)).bit_length(), math.isqrt(2 ** (2 * bits + 15))
    A, left = [rest[i * (i + 1) // 2 :][: i + 1] for i in range(d)], spare
    live = [any(A[i]) or any(row[i] for row in A[i:]) for i in range(d)]
    for i, (*off, x) in enumerate(A):  # in whole units, less what all rounding adds in norm
        A[i] = [*(y * half >> size + 8 for y in off), (x << bits >> size) - (d * d + d) * live[i]]
    while A and left >= 0:
        row = A.pop(p := max(range(len(A)), key=lambda i: abs(A[i][-1])))
        left -= (pivot := row.pop() or 1) < 0
        row += [below.pop(p) for below in A[p:]]
        A = [[x - a * b // pivot for x, b in zip(own, row)] for own, a in zip(A, row)]
    return left >= 0 or (bits < 2000 and ordered(M, R, side, spare, 6 * bits))


def turn(before, after, times: Fraction | int = 1):
    """Return after − times · before, for {row: factor}, without zeros."""
    return {r: f for r in before | after if (f := after.get(r, 0) - times * before.get(r, 0))}


class Part:
    """A column, or a projection: what it adds, Σ factor · A_row, as {row: factor}."""

    def __init__(self, first, c, *own):
        self.kind, self.missing, self.levels = c["kind"], bool(c["missing"]), []
        self.own = {str(n): (exact(w), exact(center)) for n, w, center in zip(*own, strict=True)}
        if self.kind == "categories":
            self.levels, self.end = [*map(str, c["levels"]), NEVER_SEEN], first + len(c["levels"])
            self.at = [*({row: 1} for row in range(first, self.end)), {}]
            rows = [*self.at, *[{self.end: 1}] * self.missing]
            self.changes = lambda: [turn(b, a) for i, a in enumerate(rows) for b in rows[:i]]
            return
        k, left, right = [*map(exact, c.get("knots") or c.get("limits") or (0, 1))], {}, {}
        if self.kind == "linear":
            self.at = [{first: (t - exact(c["center"])) / exact(c["scale"])} for t in k]
            left = right = {} if c.get("limits") else {first: 1 / exact(c["scale"])}
        elif self.kind == "periodic":
            k.append(k[0] + exact(c["period"]))
            self.at = [{first + i % (len(k) - 1): 1} for i in range(len(k))]
        else:
            tails = {"piecewise_linear": ("clamped", "linear")}[self.kind].index(c["tails"])
            self.at = [{first + tails + j: 1 for j in range(i)} for i in range(len(k))]
            if tails:
                left, right = {first: 1 / (k[1] - k[0])}, {first + len(k): 1 / (k[-1] - k[-2])}
        require(all(a < b for a, b in zip(k, k[1:])), "knots do not increase")
        steps = [turn(a, b) for a, b in zip(self.at, self.at[1:])]
        inner = [turn(step, {}, 1 / (a - b)) for step, a, b in zip(steps, k, k[1:])]
        self.knots, self.slopes = k, [left, *inner, right]
        self.end = first + len({row for each in [*self.at, *self.slopes] for row in each})
        self.changes = lambda: inner if self.kind == "periodic" or left == inner[0] else self.slopes

    def corners(self, box):
        """Return the {row: factor} at both ends of cells or [low, high], and at knots inside."""
        ends = []
        for name, (weight, center) in self.own.items():
            if (cell := box[name]) is None:
                require(self.missing, "a missing cell has no matrix")
                return [{self.end: 1}]
            if self.levels:
                require(self.levels.count(cell) == 1, f"{cell!r:.40}: not one level")
                return [self.at[self.levels.index(cell)]]
            cells = cell if isinstance(cell, list) else (cell, cell)
            ends.append(sorted(weight * (exact(t) - center) for t in cells))
        (start, end), k = map(sum, zip(*ends)), self.knots  # on a circle, their first images
        knots = [start + (t - start) % (k[-1] - k[0]) for t in k] if self.kind == "periodic" else k
        return [*map(self.value, sorted({start, *(t for t in knots if start < t < end), end}))]

    def value(self, t):
        """Return the {row: factor} of a number."""
        if self.kind == "periodic":
            t = self.knots[0] + (t - self.knots[0]) % (self.knots[-1] - self.knots[0])
        near = max((piece := sum(knot <= t for knot in self.knots)) - 1, 0)
        return turn(self.slopes[piece], self.at[near], self.knots[near] - t)


class Member:
    """One spectral neuron: its matrices, and what its functional guarantees (T1, T3, T4)."""

    def __init__(self, spec, values, share):
        d, r, s, self.terms = spec["dim"], spec["r"], spec["structure"], spec["features"]
        width = int({"dense": d - 1, "tridiagonal": min(1, d - 1), "diagonal": 0}.get(s, s[7:]))
        count = spec["outputs"] * (self.terms + 1) * (2 * d - width) * (width + 1) // 2
        require(count == len(values) and all(map(math.isfinite, values)), "parameters are amiss")
        k = {"middle": d // 2, "convex": d - 1, "concave": 0}.get(spec["index"], spec["index"]) % d
        self.d, kind, (self.values, self.unit) = d, spec["functional"], whole(values)
        ones = {"kth": [k], "smooth": [k], "softmax": [d - 1], "weighted": []}
        ones |= {"top_sum": range(d - (r or 0), d), "bottom_sum": range(r or 0)}
        own = spec["weights"] if kind == "weighted" else [int(i in ones[kind]) for i in range(d)]
        self.weights, self.below, self.above = [share * exact(w) for w in own], 0, 0
        self.sums = [sum(w for w in self.weights if w * sign > 0) for sign in (1, -1)]
        if kind == "smooth":  # Σ w λ − below ≤ share · φ ≤ Σ w λ + above
            alpha, r = share * exact(spec["alpha"]) / (2 * d), d - k
            self.below, self.above = alpha * (r - 1) * (k + 1), alpha * r * k
        if kind == "softmax":  # log d ≤ n / 64, as d⁶⁴ ≤ 2.718ⁿ
            n = next(n for n in range(64 * d) if d**64 * 1000**n <= 2718**n)
            self.above = share * exact(spec["t"]) * n / 64
        self.increasing, up = min(self.weights) >= 0, sorted(self.weights)
        self.convex, self.concave = self.weights == up, self.weights[::-1] == up
        self.at = [i * (i + 1) // 2 + j for i in range(d) for j in range(max(0, i - width), i + 1)]

    def matrix(self, output, factors):
        """Return Σ factor · A_row for {row: factor}; row i + 1 is that of term i."""
        M, (times, unit) = [0] * (self.d * (self.d + 1) // 2), whole(factors.values())
        for row, factor in zip(factors, times):
            start = (output * (self.terms + 1) + row) * len(self.at)
            for at, x in zip(self.at, self.values[start : start + len(self.at)]):
                M[at] += factor * x
        return M, unit * self.unit


class Model:
    """A model file as exact numbers, and the claims about it."""

    def __init__(self, data):
        start = 8 + int.from_bytes(data[:8], "little")
        head = json.loads(data[8:start])
        record = json.loads(json.loads(head["__metadata__"]["eigcore"])["model"])
        encoding, target, self.link = record["encoding"], record["target"], record["link"]
        self.names, self.parts, self.members, end = [*map(str, encoding["names"])], [], [], 1
        require(len({*self.names}) == len(self.names), "two columns have one name")
        self.coded = {repr(str(c["of"])) for c in encoding["columns"] if c.get("of")}  # quoted
        self.outputs = record["members"][0]["spec"]["outputs"]
        parts = [(c, [n], [1], [0]) for c, n in zip(encoding["columns"], self.names, strict=True)]
        keys = "column", "names", "weights", "centers"
        parts += [[each[key] for key in keys] for each in encoding.get("projections", [])]
        for part in parts:
            self.parts.append(Part(end, *part))
            end = self.parts[-1].end + self.parts[-1].missing
        self.offset, scale = exact(target["offset"]), exact(target["scale"])
        shares = [exact(each["weight"]) for each in record["members"]]
        fair = min([*shares, scale]) >= 0 and abs(sum(shares) - 1) <= 1e-12
        require(fair, "a weight or the scale is negative, or the weights do not add up to 1")
        for number, (each, share) in enumerate(zip(record["members"], shares)):
            info = head[f"member.{number}"]
            sizes = info["dtype"], each["spec"]["outputs"], each["spec"]["features"]
            require(sizes == ("F64", self.outputs, end - 1), "a member has another size or dtype")
            begin, stop = (start + offset for offset in info["data_offsets"])
            values = struct.unpack(f"<{(stop - begin) // 8}d", data[begin:stop])
            self.members.append(Member(each["spec"], values, share * scale))

    def change(self, claim, levels, pair=False):
        """T1: low · I ⪯ E ⪯ high · I for each slope or change of level E; additive: E = p · I."""
        moves, total, witness = [(claim["column"], 1)], (0, 0), iter(claim["witness"])
        moves += [(claim["over"], -exact(claim["factor"]))] if pair else []
        kinds = {bool(self.parts[self.names.index(name)].levels) for name, _ in moves}
        require(kinds == {levels}, "a column of another kind")
        for part in (each for each in self.parts if {*dict(moves)} & {*each.own}):
            weight = sum(part.own[name][0] * by for name, by in moves if name in part.own)
            found = [(0, 0)] * (part.missing and len(part.own) > 1)
            require(not claim.get("additive") or len(part.own) == 1, "a sum has other columns")
            for o, E in ((o, E) for o in range(self.outputs) for E in part.changes()):
                ends = (0, 0)
                for member in self.members:
                    M, (w, v) = member.matrix(o, E), member.sums
                    p = Fraction(M[0][0], M[1])
                    low, high = (p, p) if claim.get("additive") else map(exact, next(witness))
                    require(ordered(M, -low, -1) and ordered(M, high), "a change leaves its ends")
                    ends = ends[0] + w * low + v * high, ends[1] + w * high + v * low
                found.append(ends)
            low, high = min(low for low, _ in found), max(high for _, high in found)
            total = [x + end for x, end in zip(total, sorted((weight * low, weight * high)))]
        require(not pair or total[0] >= 0, "the other column counts for more")
        return (min(total[0], -total[1]), max(-total[0], total[1])) if levels else total

    def grows(self, steps, name, side):
        """T1: side · E ⪰ 0 for each {row: factor}, so the decision never falls (rises)."""
        for member in self.members:
            require(getattr(member, name) and (member.increasing or not steps), "no such guarantee")
            blocks = (member.matrix(o, E) for E in steps for o in range(self.outputs))
            require(all(ordered(M, 0, -side) for M in blocks), "a matrix is not semidefinite")

    def curved(self, claim, name, side):
        """T3: side · (the change of the slope from piece to piece) ⪰ 0, for numbers together."""
        wanted = {*claim["columns"]} if type(claim["columns"]) is list else set()
        require(wanted and wanted <= {*self.names}, "there are no such columns")
        for part in (each for each in self.parts if wanted & set(each.own)):
            require(not part.levels, "a column of another kind")
            slopes = part.changes() + part.changes()[: int(part.kind == "periodic")]
            self.grows([turn(a, b) for a, b in zip(slopes, slopes[1:])], name, side)

    def order(self, claim):
        """T1: the matrices grow from value to value of a column in no projection."""
        (part,) = (each for each in self.parts if claim["column"] in each.own)
        require(type(claim["values"]) is list, "the values are no list")
        cells = [part.corners({claim["column"]: cell}) for cell in claim["values"]]
        self.grows([turn(a, b) for (a,), (b,) in zip(cells, cells[1:])], "increasing", 1)

    def box(self, claim):
        """T4: R ⪰ the change of each part, so eigenvalues in the box lie below those of the sum."""
        box, o, witness = claim["box"], claim["output"], iter(claim["witness"])
        require({*box} == {*self.names} and o in range(self.outputs), "other columns, or outputs")
        corners, total = [part.corners(box) for part in self.parts], (self.offset, self.offset)
        base = {0: 1} | {row: f for start, *_ in corners for row, f in start.items()}
        for member in self.members:
            found = []
            for side in (-1, 1):
                own, unit = member.matrix(o, base)
                M = [Fraction(side * x, unit) for x in own]
                for moving in (each for each in corners if len(each) > 1):
                    R = list(map(exact, next(witness)))
                    for E in (member.matrix(o, turn(moving[0], t)) for t in moving):
                        require(ordered(E, R, side), "a part leaves its witness")
                    M = [x + r for x, r in zip(M, R)]
                found, M = [*found, list(map(exact, next(witness)))], whole(M)
                for i, end in enumerate(found[-1]):
                    spare = i if side < 0 else member.d - 1 - i
                    require(ordered(M, side * end, 1, spare), "an eigenvalue leaves its witness")
            total = total[0] - member.below, total[1] + member.above
            for w, a, b in zip(member.weights, *found, strict=True):
                total = total[0] + min(w * a, w * b), total[1] + max(w * a, w * b)
        return total


CLAIMS = {
    "slope": (Model.change, "decision changes by {lower} to {upper} per unit of {column!r}", False),
    "levels": (Model.change, "decision changes by at most {upper} between levels of {column!r}", 1),
    "dominance": (Model.change, "{column!r} counts at least {factor} times {over!r}", False, True),
    "convex": (Model.curved, "decision is convex in {columns}", "convex", 1),
    "concave": (Model.curved, "decision is concave in {columns}", "concave", -1),
    "order": (Model.order, "decision never falls from value to value of {column!r}: {values}"),
    "box": (Model.box, "decision{of} is between {lower} and {upper} for {box}"),
}


def check(data, proof):
    """Return what a proof of a model file says, both bytes, as sentences; or raise Rejected."""
    where, said = "a file is no proof or no model, or they do not match", []
    try:
        record = json.loads(proof)
        require(record["format"] == FORMAT and record["claims"], f"no claims in format {FORMAT}")
        require(record["model_sha256"] == hashlib.sha256(data).hexdigest(), "of another model file")
        model = Model(data)
        for number, claim in enumerate(list(record["claims"]), 1):
            where = f"claim {number}, {json.dumps(claim)[:99]}"
            prove, words, *options = CLAIMS[claim["kind"]]
            if ends := prove(model, claim, *options):
                wide = exact(claim["lower"]) <= ends[0] and ends[1] <= exact(claim["upper"])
                require(wide, f"the witnesses prove {[*map(float, ends)]}")
            of = f" of output {claim.get('output')}" * (model.outputs > 1)
            text = words.format(**claim, of=of)
            if claim["kind"] == "slope" and model.link in ("identity", "logistic", "log"):
                text += ", so the prediction never falls" * (claim["lower"] >= 0)
                text += ", so the prediction never rises" * (claim["upper"] <= 0)
            require(prove is Model.change or "additive" not in claim, "additive is of changes")
            text += ", without interaction with other columns" * bool(claim.get("additive"))
            text += ", for all numbers" * (claim["kind"] in ("slope", *SHAPES))
            said.append(text + ", special codes aside" * any(n in text for n in model.coded))
    except Exception as exc:
        raise Rejected(f"{where}: {exc!r:.200}") from exc
    return said


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # pyright: ignore
    try:
        with open(sys.argv[1], "rb") as model, open(sys.argv[2], "rb") as proof:
            claims = check(model.read(), proof.read())
    except (LookupError, OSError, Rejected) as exc:
        sys.exit(f"REJECTED: {exc}")
    print(*(f"proven: {each}" for each in claims), f"{len(claims)} claims are proven.", sep="\n")
