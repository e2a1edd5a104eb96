"""Proofs of boxes: what they must enclose, and what is rejected."""

import ast
import itertools
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from samples import NAMES, model, rows, small

from eigcore.encoding import Categories, Encoding, Linear, Periodic, PiecewiseLinear, Projection
from eigcore.errors import InvalidInput
from eigcore.guarantees import box_checker, checker

HALF = {"size": 0.2, "age": 0.6, "rooms": 0.4, "hour": 9.0}
SPECS = [
    *({}, {"index": 0, "structure": "tridiagonal"}, {"outputs": 2}),
    *({"functional": "top_sum", "r": 2}, {"functional": "weighted", "weights": (-1.0, 2.0, 0.5)}),
]


def proven(m, x, half):
    proof = m.prove(boxes=(x, half))
    assert len(proof.sentences()) == len(proof.claims)
    return proof.model, json.loads(proof.to_json())


def boxes(record):
    return [each for each in record["claims"] if each["kind"] == "box"]


def rejected(data, claim, words):
    digest = checker.hashlib.sha256(data).hexdigest()
    record = {"format": "eigcore-proof/1", "model_sha256": digest, "claims": [claim]}
    with pytest.raises(checker.Rejected, match=words):
        checker.check(data, json.dumps(record).encode(), kinds=box_checker.CLAIMS)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_no_row_of_a_proven_box_leaves_it(spec):
    m, rng = model(1, spec=spec, dims=(3, 3)), np.random.default_rng(0)
    x = rows(4, 3)
    found = boxes(proven(m, x, HALF)[1])
    lower, upper = (
        np.array([each[e] for each in found]).reshape(4, -1) for e in ("lower", "upper")
    )
    half = np.array([HALF.get(name, 0.0) for name in NAMES])
    for _ in range(300):
        t = np.clip(rng.uniform(-2, 2, x.shape), -1, 1)
        value = m.decision(x + t * half).reshape(4, -1)
        assert (lower <= value + 1e-12).all()
        assert (value <= upper + 1e-12).all()


def test_a_box_of_monotone_columns_is_attained():
    m, x = model(psd=slice(3, 7)), rows(2, missing=False)
    for claim, row in zip(boxes(proven(m, x, {"age": 1.5})[1]), x, strict=True):
        for end, way in (("lower", -1.5), ("upper", 1.5)):
            moved = row + np.array([0, way, 0, 0, 0])
            assert claim[end] == pytest.approx(m.decision([moved])[0], rel=1e-7)


def test_the_nearest_whole_numbers_do_not_decide_what_they_cannot():
    one, least = (Fraction(1), Fraction(0)), Fraction(1, 2**62)
    zero, root = (Fraction(0), Fraction(0)), (Fraction(0), Fraction(1, 2))
    assert not box_checker.settled([[one, zero], [zero, (-least, Fraction(0))]])
    assert box_checker.settled([[one, zero], [zero, (least, Fraction(0))]])
    assert box_checker.settled([[one, zero], [zero, (-least, Fraction(0))]], 1)
    assert not box_checker.settled([[one, root], [root, (Fraction(1, 2) - least, Fraction(0))]])
    assert box_checker.settled([[one, root], [root, (Fraction(1, 2), Fraction(0))]])


def test_every_kink_inside_a_box_counts():
    hump = small(PiecewiseLinear((-1.0, 0.0, 1.0), "clamped"), [(0, 0, 1, 5.0), (0, 0, 2, -5.0)])
    [claim] = boxes(proven(hump, [[0.1]], 3.0)[1])
    assert (claim["lower"], claim["upper"]) == pytest.approx((0.0, 5.0), rel=1e-7, abs=1e-7)
    sums = (Projection(("a", "b"), (1.0, -1.0), Linear()),)
    turned = small(Encoding((Linear(), Linear()), ("a", "b"), (), sums), [(0, 0, 3, 1.0)])
    [claim] = boxes(proven(turned, [[0.0, 0.0]], 0.5)[1])
    assert (claim["lower"], claim["upper"]) == pytest.approx((-1.0, 1.0), rel=1e-7)
    circle = small(Periodic(24.0, (0.0, 6.0, 12.0)), [(0, 0, 2, 5.0)])
    for row, half in ((29.0, 1.5), (-19.5, 2.0), (0.0, 500.0)):
        [claim] = boxes(proven(circle, [[row]], half)[1])
        assert claim["upper"] == pytest.approx(5.0, rel=1e-7)


def test_every_number_of_a_box_is_checked():
    data, record = proven(model(2, spec={}, dims=(3, 3)), rows(1, 4, missing=False), HALF)
    [claim] = boxes(record)
    for name, better in (("lower", 1), ("upper", -1)):
        end = claim[name]
        forged = {**claim, name: end + better * 1e-12 * abs(end)}
        rejected(data, forged, "the witnesses prove")
    for side, place in itertools.product(("lower", "upper"), (0, 1)):
        own = claim["members"][place][side]
        k = next(i for i, end in enumerate(own["ends"]) if end)
        end = own["ends"][k]
        own["ends"][k] = end + (1e-9 if side == "lower" else -1e-9)
        rejected(data, claim, "eigenvalue . leaves its witness")
        own["ends"][k] = end
        for k, R in enumerate(own["push"]):
            own["push"][k] = [[*row[:-1], row[-1] - 1e-6] for row in R]
            rejected(data, claim, "part . leaves its witness")
            own["push"][k] = R
        R = own["push"].pop()
        rejected(data, claim, "no witness")
        own["push"].append(R)
    rejected(data, {**claim, "members": claim["members"][:1]}, "no witness")
    wide = {**claim["radius"], "age": claim["radius"]["age"] * 1.01}
    rejected(data, {**claim, "radius": wide}, "leaves its witness")
    rejected(data, {**claim, "row": {**claim["row"], "age": 0.0}}, "leaves its witness")
    rejected(data, {**claim, "row": {**claim["row"], "town": 2}}, "leaves its witness")
    rejected(data, {**claim, "radius": {**claim["radius"], "agee": 1.0}}, "other columns")
    rejected(data, {**claim, "radius": {**claim["radius"], "age": -1.0}}, "negative")
    rejected(data, {**claim, "radius": {**claim["radius"], "town": 1.0}}, "do not move")
    rejected(data, {**claim, "output": 1}, "no such output")


def test_weights_of_both_signs_need_both_ends():
    data, record = proven(model(1, spec=SPECS[-1], dims=(3,)), rows(1, 4, missing=False), HALF)
    [claim] = boxes(record)
    rejected(data, {**claim, "lower": claim["lower"] + 1e-9}, "the witnesses prove")
    rejected(data, {**claim, "upper": claim["upper"] - 1e-9}, "the witnesses prove")


def test_smooth_functionals_and_cells_without_a_matrix_have_no_box():
    m = model(spec={"functional": "softmax", "t": 0.5})
    with pytest.raises(InvalidInput, match="smooth"):
        m.prove(boxes=(rows(1), 0.1))
    with pytest.raises(InvalidInput, match="half-widths"):
        model().prove(boxes=(rows(1), None))
    line = small(Linear(), [(0, 0, 1, 1.0)])
    data, record = proven(line, [[0.5]], 0.1)
    [claim] = boxes(record)
    rejected(data, {**claim, "row": {"t": None}}, "no matrix")
    soft = small(Linear(), [(0, 0, 1, 1.0)], functional="softmax", t=1.0)
    rejected(soft.to_bytes(), claim, "not linear")


@pytest.mark.parametrize("levels", [(0.1, 2.0), (1, 2), (True, False), ("u", "v")], ids=str)
def test_levels_of_every_type_are_found(levels):
    e = Encoding((Categories(levels), Linear()), ("kind", "t"))
    m = small(e, [(0, 0, 1, 10.0), (0, 0, 2, 20.0), (0, 0, 3, 1.0)])
    for level, value in zip(levels, (10, 20), strict=True):
        data, record = proven(m, {"kind": [level], "t": [0.0]}, {"t": 1.0})
        [claim] = boxes(record)
        assert claim["lower"] == pytest.approx(value - 1)
        assert claim["upper"] == pytest.approx(value + 1)
        rejected(data, {**claim, "row": {"kind": "nobody", "t": 0.0}}, "not one level")
        rejected(data, {**claim, "output": -1}, "no such output")


def test_a_level_with_the_name_of_all_others_has_no_proof():
    e = Encoding((Categories((box_checker.NEVER_SEEN, "u")), Linear()), ("kind", "t"))
    m = small(e, [(0, 0, 1, 10.0), (0, 0, 3, 1.0)])
    with pytest.raises(InvalidInput, match="not one level"):
        m.prove(boxes=({"kind": ["w"], "t": [0.0]}, {"t": 1.0}))


def test_copies_of_both_files_need_python_alone(tmp_path):
    source = Path(box_checker.__file__).read_text()
    tree = ast.walk(ast.parse(source))
    names = {a.name for node in tree if isinstance(node, ast.Import) for a in node.names}
    assert names == {"math", "sys", "checker"}
    (tmp_path / "box_checker.py").write_text(source)
    (tmp_path / "checker.py").write_text(Path(checker.__file__).read_text())
    proof = model(dims=(3,)).prove(boxes=(rows(2), 0.1))
    (tmp_path / "m.eig").write_bytes(proof.model)
    proof.save(tmp_path / "p.json")
    call = [sys.executable, "-S", "-E", "box_checker.py", "m.eig", "p.json"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:-1] == [f"proven: {each}" for each in proof.sentences()]
    with pytest.raises(checker.Rejected, match="a kind for another checker, such as box_checker"):
        checker.check(proof.model, proof.to_json().encode())
