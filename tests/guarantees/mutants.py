"""Deliberate faults in the guarantees, each of which a test must notice. Run: make mutants

A fault is (file, text, text instead, test files). The tests run on a copy of the sources.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faults import EXPLANATIONS, PROVEN_BOXES, SEEN
from faults_of_bounds import DOMAINS

ROOT = Path(__file__).parents[2]
CHECKER, PROOF, SLOPES = "checker.py", "proof.py", "slopes.py"
SIGNS, CERTIFICATE, COLUMN = "signs.py", "certificate.py", "column.py"
BOX, INTERVAL, TEXT = "box.py", "interval.py", "text.py"
PROOFS = ("test_checker.py",)
BOXES = ("test_rounding.py", "test_box.py")
BOUNDS = ("test_signs.py", "test_slopes.py", "test_certificate.py")

FAULTS = [
    # the checker
    (CHECKER, "spare -= sign(p, q) != sign(u, v)", "spare -= 0", PROOFS),
    (CHECKER, "return 1 if (a * a > 2 * b * b)", "return 1 if (a * a > 3 * b * b)", PROOFS),
    (CHECKER, "all(entry == (0, 0) for row in M for entry in row)", "True", PROOFS),
    (CHECKER, "x, y = p * a + 2 * q * b", "x, y = p * a + q * b", PROOFS),
    (CHECKER, "u, v = p, q", "u, v = 2, 0", (*PROOFS, "test_box_checker.py")),
    (CHECKER, "(0, Fraction(total) / 2)", "(Fraction(total), 0)", PROOFS),
    (CHECKER, "for output in range(self.outputs):", "for output in range(1):", PROOFS),
    (CHECKER, "(first + row) * len(self.places) + e", "row * len(self.places) + e", PROOFS),
    (
        CHECKER,
        "self.increasing = sum(map(abs, weights)), min(weights) >= 0",
        "self.increasing = 1, True",
        PROOFS,
    ),
    (CHECKER, "min([0, *steps]) >= 0", "True", PROOFS),
    (CHECKER, "max([0, *steps]) <= 0", "True", PROOFS),
    (CHECKER, "require(min([*shares, scale]) >= 0", "require(True", PROOFS),
    (CHECKER, "require(abs(sum(shares) - 1) <= 1e-12", "require(True", PROOFS),
    (CHECKER, "min(t - k[0], 0) / (k[1] - k[0])", "min(t - k[0], 0)", PROOFS),
    (CHECKER, "max(t - k[-1], 0) / (k[-1] - k[-2])", "max(t - k[-1], 0) / (k[1] - k[0])", PROOFS),
    (CHECKER, "knots if whole else [knots[0] - 1, *knots, knots[-1] + 1]", "knots", PROOFS),
    (
        CHECKER,
        "found.append((number, sum((Fraction(w)",
        "found.append((own, sum((Fraction(w)",
        PROOFS,
    ),
    (CHECKER, "side if bend else side * sign(weight, 0)", "side", PROOFS),
    (CHECKER, 'model.link in ("identity", "logistic", "log")', "True", PROOFS),
    (CHECKER, "and (member.increasing or not found)", "", PROOFS),
    (CHECKER, "for member in model.members:", "for member in model.members[:1]:", PROOFS),
    (CHECKER, "found[:1] if model.parts", "[] if model.parts", PROOFS),
    (CHECKER, "2**48 - 4 * len(matrix)", "2**48 + 2**40", PROOFS),
    (CHECKER, "if norm > 0:", "if norm:", PROOFS),
    (
        CHECKER,
        "semidefinite(near, 1, most) and semidefinite(near, -1, most)",
        "semidefinite(near, 1, most)",
        PROOFS,
    ),
    (CHECKER, "in range(model.counts[p])] + [{}]", "in range(model.counts[p])]", PROOFS),
    (CHECKER, "total += weight * max", "total += max", PROOFS),
    (
        CHECKER,
        "total += weight * max(sums.values())",
        "total += weight * min(sums.values())",
        PROOFS,
    ),
    (CHECKER, 'require(wanted == given, "no witness")', "", PROOFS),
    (CHECKER, "* member.lipschitz * own", "* own", PROOFS),
    (CHECKER, 'require(total <= claim["bound"]', 'require(total <= claim["bound"] * 2', PROOFS),
    (
        CHECKER,
        'require(record["model_sha256"] == hashlib.sha256(data).hexdigest()',
        'require(record["model_sha256"]',
        PROOFS,
    ),
    # making proofs
    (PROOF, "math.ceil(scaled)", "math.floor(scaled)", PROOFS),
    (PROOF, "norms(m.slopes[p]).T + m.rounding[p]", "norms(m.slopes[p]).T * 1.001", PROOFS),
    (PROOF, "total += abs(Fraction(weight)) * max(sums)", "total += max(sums)", PROOFS),
    (PROOF, "np.concatenate([levels, np.zeros_like(levels[:1])])", "levels", PROOFS),
    # slopes and their signs
    (SLOPES, "np.abs(np.linalg.eigvalsh(S)).max(-1)", "np.linalg.eigvalsh(S).max(-1)", BOUNDS),
    (
        SLOPES,
        'if spec.functional in ("kth", "smooth"):\n        return Shape(1.0, True, k == d - 1',
        'if spec.functional in ("kth", "smooth"):\n        return Shape(1.0, True, True',
        BOUNDS,
    ),
    (SLOPES, "Shape(float(spec.r or 0), True", "Shape(1.0, True", BOUNDS),
    (SLOPES, "bool((w >= 0).all()), up", "True, up", BOUNDS),
    (SLOPES, "float(np.abs(w).sum())", "float(w.sum())", BOUNDS),
    (SLOPES, "scale = weight * static.scale", "scale = weight", BOUNDS),
    (
        SLOPES,
        "sum(weight * part_slopes(members, p)",
        "max(weight * part_slopes(members, p)",
        BOUNDS,
    ),
    (
        SLOPES,
        "abs(weight)) for p, weight in projections_of",
        "0.99 * abs(weight)) for p, weight in projections_of",
        PROOFS,
    ),
    (SLOPES, "return float(np.max(total, initial=0.0))", "return float(np.mean(total))", BOUNDS),
    (SLOPES, "np.concatenate([levels, np.zeros_like(levels[:1])])", "levels", BOUNDS),
    (SLOPES, "return float(total.max())", "return float(total.max()) * 0.9", BOUNDS),
    (SLOPES, "radius[:, None] + radius", "radius[:, None]", BOUNDS),
    (
        SLOPES,
        "float(np.sqrt(norms(squares).max()))",
        "0.8 * float(np.sqrt(norms(squares).max()))",
        BOUNDS,
    ),
    (
        SLOPES,
        "size[:, None, None] ** 2 * np.eye",
        "0.6 * size[:, None, None] ** 2 * np.eye",
        BOUNDS,
    ),
    (
        SLOPES,
        "total += m.lipschitz * float(norms(reach).max())",
        "total += 0.8 * m.lipschitz * float(norms(reach).max())",
        BOUNDS,
    ),
    (SLOPES, "reach = reach + radius[j] * absolute", "reach = radius[j] * absolute", BOUNDS),
    (SIGNS, "if not _exact(m, turn, output, sign):\n                return False", "pass", BOUNDS),
    (
        SIGNS,
        "if low[piece, output] < -own[piece, output]:\n                return False, 0.0",
        "pass",
        BOUNDS,
    ),
    (SIGNS, "if not S.size or not m.shape.monotone:", "if not S.size:", BOUNDS),
    (SIGNS, "return checker.semidefinite(found[output], sign)", "return True", BOUNDS),
    (
        SIGNS,
        "(np.roll(S, -1, 0), np.roll(unit, -1)) if period",
        "(S[1:], unit[1:]) if False",
        BOUNDS,
    ),
    (SIGNS, "slack += m.lipschitz * largest", "slack += 0.0", BOUNDS),
    (COLUMN, 'model.static.link == "softmax" and up != down', "False", PROOFS),
    (COLUMN, "sign if w > 0 else -sign", "sign", BOUNDS),
    (COLUMN, "and (affine or all(ordered", "or (affine or all(ordered", BOUNDS),
    (COLUMN, "len(through) == 1 and scalar", "scalar", BOUNDS),
    (COLUMN, "what) or additive)", "what) or True)", BOUNDS),
    (COLUMN, "over and below, start", "over or below, start", BOUNDS),
    (COLUMN, "way = 1 if up else -1", "way = 1", BOUNDS),
    (COLUMN, "S[[0, -1]].any()", "S[0].any() and False", BOUNDS),
    (COLUMN, "and not projections_of(encoding, j)\n", "\n", BOUNDS),
    (COLUMN, "if column.missing and (up or down)", "if column.missing", BOUNDS),
    (COLUMN, "pairwise(levels[::sign])", "pairwise(levels)", BOUNDS),
    (COLUMN, "pairwise(levels[::sign])", "[]", BOUNDS),
    (COLUMN, "able = column.ordered and", "able =", BOUNDS),
    (
        COLUMN,
        "all(m.shape.monotone for m in members):\n        return False\n    levels",
        "True:\n        return False\n    levels",
        BOUNDS,
    ),
    (SIGNS, "if (low < -window).any():\n            return False\n        near", "near", BOUNDS),
    (SIGNS, "near = np.flatnonzero(low <= window)", "near = np.flatnonzero(low < -1e9)", BOUNDS),
    (SIGNS, "factors = checker.turn(other, one)", "factors = one", BOUNDS),
    (SIGNS, "exact.counts[j] - 1", "exact.counts[j] - 2", BOUNDS),
    (SIGNS, "full == full[..., :1, :1] * np.eye", "full == full * np.eye", BOUNDS),
    (CERTIFICATE, "return shapes and all(each)", "return shapes", BOUNDS),
    (CERTIFICATE, "math.hypot(*bounds.tolist())", "max([0.0, *bounds.tolist()])", BOUNDS),
    (CERTIFICATE, "np.abs(encoding.mixing) @ radii", "encoding.mixing @ radii", BOUNDS),
    (TEXT, "ROUND_CEILING)", "ROUND_FLOOR)", BOUNDS),
    # boxes
    (INTERVAL, "return lower - margin, upper + margin", "return lower, upper", BOXES),
    (INTERVAL, "slip = 4 * EPS *", "slip = 0 * EPS *", BOXES),
    (
        INTERVAL,
        "lower + m.scale * low, upper + m.scale * high",
        "m.scale * low, m.scale * high",
        BOXES,
    ),
    (BOX, 'if threshold is None and link == "logistic":\n        threshold = 0.5', "", BOXES),
    *EXPLANATIONS,
    *PROVEN_BOXES,
    *SEEN,
    *DOMAINS,
]


def survives(number: int) -> str:
    """Run the tests with one fault in; return a line if they pass, or the fault is not there."""
    file, old, new, tests = FAULTS[number]
    name = f"{file}: {old[:60]!r}"
    with tempfile.TemporaryDirectory() as folder:
        for part in ("eigcore", "backends", "tests"):
            shutil.copytree(
                ROOT / part, Path(folder, part), ignore=shutil.ignore_patterns("build*")
            )
        path = Path(folder, "eigcore/guarantees", file)
        text = path.read_text()
        if text.count(old) < 1 or old == new:
            return f"absent    {name}"
        path.write_text(text.replace(old, new, 1))
        shutil.copy(ROOT / "pyproject.toml", folder)
        places = [f"tests/guarantees/{each}" for each in tests]
        call = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *places]
        environment = os.environ | {"PYTHONPATH": f"{folder}:{folder}/backends"}
        done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, check=False)
    return {0: f"SURVIVED  {name}", 1: ""}.get(done.returncode, f"broken    {name}")


def main() -> None:
    """Try every fault, two at a time; exit with the number of those that no test noticed."""
    wanted = sys.argv[1:]
    numbers = [
        n for n, fault in enumerate(FAULTS) if fault[3] and (not wanted or fault[0] in wanted)
    ]
    bad = []
    with ThreadPoolExecutor(2) as pool:
        for n, line in zip(numbers, pool.map(survives, numbers), strict=True):
            print(line or f"killed    {FAULTS[n][0]}: {FAULTS[n][1][:60]!r}", flush=True)
            bad += [line] if line else []
    print(f"{len(numbers) - len(bad)} of {len(numbers)} faults are noticed.")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
