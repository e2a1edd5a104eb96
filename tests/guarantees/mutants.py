"""Deliberate faults in the guarantees, each of which a test must notice. Run: make mutants, or
python tests/guarantees/mutants.py TEXT … for those whose file or text contains a TEXT.

A fault is (file, text, text instead, test files). The tests run on a copy of the sources.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faults import EXPLANATIONS, PROVEN_BOXES, SEEN
from faults_of_bounds import DOMAINS
from faults_of_codes import CODED
from faults_of_readings import READINGS

ROOT = Path(__file__).parents[2]
FORKS = multiprocessing.get_context("forkserver")
ENDED = 100
"""Added to the exit status of pytest, so that no other end of a process looks like one."""
CHECKER, PROOF, SLOPES = "checker.py", "proof.py", "slopes.py"
WITNESSES = "witnesses.py"
SIGNS, CERTIFICATE, COLUMN = "signs.py", "certificate.py", "column.py"
BOX, INTERVAL, TEXT = "box.py", "interval.py", "text.py"
PROOFS = ("test_checker.py",)
FORGED = ("test_forged.py",)
BOXES = ("test_rounding.py", "test_box.py")
BOUNDS = ("test_signs.py", "test_slopes.py", "test_certificate.py")

FAULTS = [
    # the checker: eigenvalues and their number
    (CHECKER, "unit = math.lcm(", "unit = max(", PROOFS),
    (CHECKER, "unit * r - side * bottom * m", "r - side * m", PROOFS),
    (CHECKER, "y * half >> size + 8", "y << bits >> size", PROOFS),
    (CHECKER, "x << bits >> size", "x", PROOFS),
    (CHECKER, "- (d * d + d) * live[i]", "+ (d * d + d) * live[i]", PROOFS),
    (CHECKER, "bits < 2000 and ordered", "bits < 200 and ordered", PROOFS),
    (CHECKER, "(pivot := row.pop() or 1) < 0", "(pivot := row.pop() or 1) < -math.inf", PROOFS),
    (CHECKER, "any(A[i]) or any(row[i] for row in A[i:])", "True", PROOFS),
    (CHECKER, " or any(row[i] for row in A[i:])", "", PROOFS),
    # what a file says
    (CHECKER, "(output * (self.terms + 1) + row)", "row", PROOFS),
    (CHECKER, "self.increasing, up = min(self.weights) >= 0", "self.increasing, up = True", PROOFS),
    (CHECKER, "self.concave = self.weights == up", "self.concave = True", PROOFS),
    (CHECKER, "self.weights[::-1] == up", "True", PROOFS),
    (CHECKER, "fair = min([*shares, scale]) >= 0 and", "fair =", PROOFS),
    (CHECKER, " and abs(sum(shares) - 1) <= 1e-12", "", PROOFS),
    (CHECKER, "share * scale))", "share))", PROOFS),
    (CHECKER, "{first: 1 / (k[1] - k[0])}", "{first: 1}", PROOFS),
    (CHECKER, "1 / (k[-1] - k[-2])", "1 / (k[1] - k[0])", PROOFS),
    (CHECKER, '1 / exact(c["scale"])}', "1}", PROOFS),
    (CHECKER, "rows = [*self.at, *", "rows = [*self.at[:-1], *", FORGED),
    (CHECKER, "*[{self.end: 1}] * self.missing]", "]", FORGED),
    # slopes, levels, curvature
    (CHECKER, "ordered(M, -low, -1) and ", "", PROOFS),
    (CHECKER, " and ordered(M, high)", "", PROOFS),
    (CHECKER, "[share * exact(w) for w in own]", "[exact(w) for w in own]", FORGED),
    (CHECKER, "ends[0] + w * low + v * high", "ends[0] + low", PROOFS),
    (CHECKER, "w * low + v * high", "w * low + v * low", PROOFS),
    (CHECKER, "w * high + v * low", "w * high + v * high", PROOFS),
    (CHECKER, "sorted((weight * low, weight * high))", "(low, high)", PROOFS),
    (CHECKER, "min(low for low, _ in found)", "max(low for low, _ in found)", PROOFS),
    (CHECKER, "max(high for _, high in found)", "min(high for _, high in found)", PROOFS),
    (CHECKER, "min(total[0], -total[1]), max(-total[0], total[1])", "-total[1], total[1]", PROOFS),
    (CHECKER, "require(kinds == {levels}", "require(kinds", PROOFS),
    (CHECKER, '[: int(part.kind == "periodic")]', "[:0]", PROOFS),
    (CHECKER, "and (member.increasing or not steps)", "", PROOFS),
    (
        CHECKER,
        "for member in self.members:\n            require(getattr",
        "for member in self.members[:1]:\n            require(getattr",
        PROOFS,
    ),
    (CHECKER, "ordered(M, 0, -side) for", "ordered(M, 0, side) for", PROOFS),
    (CHECKER, "require(getattr(member, name) and", "require(", PROOFS),
    # dominance: the other way, without factor or projections, of slopes, not proven, half a witness
    (CHECKER, '-exact(claim["factor"])', 'exact(claim["factor"])', PROOFS),
    (CHECKER, "part.own[name][0] * by for", "by for", PROOFS),
    (CHECKER, "{*dict(moves)} & {*each.own}", '{claim["column"]} & {*each.own}', PROOFS),
    (CHECKER, "if pair else []", 'if "over" in claim else []', PROOFS),
    (CHECKER, "require(not pair or total[0] >= 0", "require(True", PROOFS),
    (PROOF, 'pair.get("over", name)', "name", PROOFS),
    (PROOF, "if pair not in wanted", "if False", PROOFS),
    # claims
    (CHECKER, 'exact(claim["lower"]) <= ends[0] and ', "", PROOFS),
    (CHECKER, ' and ends[1] <= exact(claim["upper"])', "", PROOFS),
    # numbers and names of a file
    (CHECKER, " * (part.missing and len(part.own) > 1)", " * 0", FORGED),
    (CHECKER, "type(x) in (int, float) and ", "", FORGED),
    (CHECKER, " and float(x) == x", "", FORGED),
    (CHECKER, 'if type(claim["columns"]) is list else set()', "", FORGED),
    (CHECKER, "count == len(values) and ", "", FORGED),
    (CHECKER, "self.own = {str(n): ", "self.own = {n: ", FORGED),
    (CHECKER, 'model.link in ("identity", "logistic", "log")', "True", PROOFS),
    (CHECKER, 'require(record["model_sha256"] ==', 'require("" !=', PROOFS),
    # making proofs
    (WITNESSES, "math.ceil(Fraction", "math.floor(Fraction", PROOFS),
    (WITNESSES, "checker.ordered(M, 0, -1)", "True", ("test_signs.py",)),
    (WITNESSES, "if lower <= low else math", "if True else math", PROOFS),
    (PROOF, "if len(numbers) > 1 else []", "if len(numbers) > 99 else []", PROOFS),
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
    (SLOPES, "float(max(np.max(changes", "0.9 * float(max(np.max(changes", BOUNDS),
    (SLOPES, "radii[rest[0]] + radii[near[0]]", "radii[rest[0]]", BOUNDS),
    (SLOPES, "else 0.0\n    return float(max(", "else 0.0\n    return float(min(", BOUNDS),
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
    (SIGNS, "return checker.ordered(m", "return True or checker.ordered(m", BOUNDS),
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
    (SIGNS, "near = np.flatnonzero(low <= window)", "near = np.flatnonzero(low < -1e9)", BOUNDS),
    (SIGNS, "factors = checker.turn(other, one)", "factors = one", BOUNDS),
    (SIGNS, "if cell is None:", "if False:", BOUNDS),
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
    *READINGS,
    *CODED,
]


def run_tests(folder: str, places: list[str]) -> None:
    """Run tests on a copy, in a process that has the libraries already, and nothing of eigcore."""
    os.chdir(folder)
    sys.path[:0] = here = [folder, f"{folder}/backends"]
    os.environ["PYTHONPATH"] = ":".join(here)
    for name in [*sys.modules]:
        if name.partition(".")[0] in ("eigcore", "conftest"):
            del sys.modules[name]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    # pytest cannot rewrite the asserts of what is loaded already, and says so
    quiet = "-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"
    ended = pytest.main(["-q", "-x", "-p", "no:cacheprovider", *quiet, *places])
    os._exit(ENDED + int(ended))


def outcome(file: str, old: str, new: str, tests: Sequence[str]) -> int | None:
    """Return how the tests end with one text in place of another; None if it is not there."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("eigcore", "backends", "tests"):
            without = shutil.ignore_patterns("build*", "native", "golden", "__pycache__")
            shutil.copytree(ROOT / part, Path(folder, part), ignore=without)
        path = Path(folder, "eigcore/guarantees", file)
        text = path.read_text()
        if text.count(old) < 1:
            return None
        path.write_text(text.replace(old, new, 1))
        shutil.copy(ROOT / "pyproject.toml", folder)
        places = [f"tests/guarantees/{each}" for each in tests]
        run = FORKS.Process(target=run_tests, args=(folder, places))
        run.start()
        run.join()
    return run.exitcode


def survives(number: int) -> str:
    """Run the tests with one fault in; return a line unless a test fails."""
    file, old, new, tests = FAULTS[number]
    name = f"{file}: {old[:60]!r}"
    ended = outcome(file, old, new, tests) if old != new else None
    known = {None: f"absent    {name}", ENDED: f"SURVIVED  {name}", ENDED + 1: ""}
    return known.get(ended, f"broken {ended!s:>3} {name}")


def check_without_fault(tests: Sequence[str]) -> None:
    """Exit unless the tests pass as they are: then a failure is the fault's."""
    ended = outcome(CHECKER, "", "", tests)
    if ended != ENDED:
        sys.exit(f"{', '.join(tests)} end with {ended}, not {ENDED}, without any fault.")


def main() -> None:
    """Try every fault, two at a time; exit with the number of those that no test noticed."""
    wanted = sys.argv[1:]
    names = [f"{file}: {old}" for file, old, *_ in FAULTS]
    numbers = [
        n
        for n, fault in enumerate(FAULTS)
        if fault[3] and (not wanted or any(each in names[n] for each in wanted))
    ]
    bad, begun = [], time.perf_counter()
    os.environ["PYTHONPATH"] = str(ROOT / "tests")
    FORKS.set_forkserver_preload(["conftest", "hypothesis", "jax", "mpmath", "pytest", "torch"])
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(check_without_fault, {tuple(FAULTS[n][3]) for n in numbers}))
        for n, line in zip(numbers, pool.map(survives, numbers), strict=True):
            print(line or f"killed    {FAULTS[n][0]}: {FAULTS[n][1][:60]!r}", flush=True)
            bad += [line] if line else []
    spent = (time.perf_counter() - begun) / max(1, len(numbers))
    print(f"{len(numbers) - len(bad)} of {len(numbers)} faults are noticed, {spent:.1f} s each.")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
