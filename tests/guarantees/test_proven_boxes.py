"""Proofs of boxes: what they must enclose, and what is rejected."""

import copy
import json
from fractions import Fraction

import numpy as np
import pytest
from samples import NAMES, model, rows, small

from eigcore import EigSpec, SpectralModel
from eigcore.encoding import Categories, Encoding, Linear, Periodic, PiecewiseLinear, Projection
from eigcore.errors import InvalidInput
from eigcore.guarantees import checker
from eigcore.guarantees.asked import around

HALF = {"size": 0.2, "age": 0.6, "rooms": 0.4, "hour": 9.0}
SPECS = [
    *({}, {"index": 0, "structure": "tridiagonal"}, {"outputs": 2}),
    *({"functional": "top_sum", "r": 2}, {"functional": "weighted", "weights": (-1.0, 2.0, 0.5)}),
    *({"functional": "smooth", "alpha": 1.5}, {"functional": "smooth", "index": 2, "alpha": 1.5}),
    {"functional": "softmax", "t": 1.5},
]


def proven(m, x, half):
    proof = m.prove(x=x, radius=half)
    assert len(proof.sentences()) == len(proof.claims)
    return proof.model, json.loads(proof.to_json())


def boxes(record):
    return [each for each in record["claims"] if each["kind"] == "box"]


def rejected(data, claim, words):
    digest = checker.hashlib.sha256(data).hexdigest()
    record = {"format": checker.FORMAT, "model_sha256": digest, "claims": [claim]}
    with pytest.raises(checker.Rejected, match=words):
        checker.check(data, json.dumps(record).encode())


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_no_row_of_a_proven_box_leaves_it(spec):
    m, rng = model(1, spec=spec, dims=(3, 3)), np.random.default_rng(0)
    x = rows(4, 3)
    found = boxes(proven(m, x, HALF)[1])
    lower, upper = (
        np.array([each[e] for each in found]).reshape(4, -1) for e in ("lower", "upper")
    )
    half = np.array([HALF.get(name, 0.0) for name in NAMES])
    t = np.clip(rng.uniform(-2, 2, (300, *x.shape)), -1, 1)
    value = m.decision((x + t * half).reshape(-1, 5)).reshape(300, 4, -1)
    assert (lower <= value + 1e-12).all()
    assert (value <= upper + 1e-12).all()


@pytest.mark.parametrize("spec", SPECS[-3:], ids=str)
def test_the_margin_of_a_smooth_functional_has_the_unit_of_the_target(spec):
    m, x = model(1, spec=spec, dims=(3, 3)), rows(1, 3)
    found = []
    for scale in (1.0, 4.0):
        scaled = SpectralModel(m.encoding, m.members, target_scale=scale)
        [box] = boxes(proven(scaled, x, HALF)[1])
        found.append([box["lower"] / scale, box["upper"] / scale])
    np.testing.assert_allclose(*found, rtol=1e-14)


def test_a_box_of_monotone_columns_is_attained():
    m, x = model(psd=slice(3, 7)), rows(2, missing=False)
    for claim, row in zip(boxes(proven(m, x, {"age": 1.5})[1]), x, strict=True):
        for end, way in (("lower", -1.5), ("upper", 1.5)):
            moved = row + np.array([0, way, 0, 0, 0])
            assert claim[end] == pytest.approx(m.decision([moved])[0], rel=1e-7)


def test_a_box_has_any_ends():
    m, x = model(psd=slice(3, 7)), rows(1, missing=False)
    age = float(x[0, 1])
    proof = m.prove(x=x, lower={"age": age - 0.5}, upper={"age": age + 2, "size": x[0, 0]})
    assert len(proof.sentences()) == len(proof.claims)
    [claim] = [each for each in proof.claims if each["kind"] == "box"]
    assert claim["box"]["age"] == [age - 0.5, age + 2]
    assert claim["box"]["size"] == x[0, 0]
    for end, moved in zip(("lower", "upper"), claim["box"]["age"], strict=True):
        at = m.decision(np.where(np.arange(5) == 1, moved, x[0])[None])[0]
        assert claim[end] == pytest.approx(at, rel=1e-7)


def test_half_widths_are_rounded_outward():
    x, half = np.random.default_rng(0).uniform(-1, 1, (2, 200, 3)) * [1.0, 1e-9, 1e9]
    low, high = around(x, np.abs(half))
    for t, r, a, b in zip(*(each.ravel().tolist() for each in (x, half, low, high)), strict=True):
        assert Fraction(a) <= Fraction(t) - abs(Fraction(r))
        assert Fraction(b) >= Fraction(t) + abs(Fraction(r))
    assert [each.tolist() for each in around(np.array([70.0]), np.array([5.0]))] == [[65], [75]]


@pytest.mark.parametrize(("functional", "most"), [("smooth", 1.0), ("softmax", np.log(4) * 1.01)])
def test_smooth_functionals_have_a_margin_that_some_matrix_needs(functional, most):
    """Of 4 equal eigenvalues, softmax is t log 4 above them."""
    option = {"alpha": 2.0} if functional == "smooth" else {"t": 1.0}
    m = small(Linear(), [(0, 0, 1, 1.0)], dim=4, functional=functional, **option)
    [claim] = boxes(proven(m, [[0.0]], 1e-9)[1])
    value = m.decision([[0.0]])[0]
    assert claim["lower"] <= value <= claim["upper"]
    assert claim["upper"] - claim["lower"] <= 2 * most
    if functional == "softmax":
        assert claim["upper"] == pytest.approx(value, rel=0.02)


def test_every_kink_inside_a_box_counts():
    hump = small(PiecewiseLinear((-1.0, 0.0, 1.0), "clamped"), [(0, 0, 1, 5.0), (0, 0, 2, -5.0)])
    [claim] = boxes(proven(hump, [[0.1]], 3.0)[1])
    assert (claim["lower"], claim["upper"]) == pytest.approx((0.0, 5.0), rel=1e-7, abs=1e-7)
    sums = (Projection(("a", "b"), (1.0, -1.0), Linear()),)
    turned = small(Encoding((Linear(), Linear()), ("a", "b"), (), sums), [(0, 0, 3, 1.0)])
    [claim] = boxes(proven(turned, [[0.0, 0.0]], 0.5)[1])
    assert (claim["lower"], claim["upper"]) == pytest.approx((-1.0, 1.0), rel=1e-7)
    back = (Projection(("t",), (-1.0,), PiecewiseLinear((-1.0, 0.0, 1.0), "clamped")),)
    e = Encoding((Linear(),), ("t",), (), back)
    [claim] = boxes(proven(small(e, [(0, 0, 2, 5.0), (0, 0, 3, -5.0)]), [[0.1]], 3.0)[1])
    assert claim["upper"] == pytest.approx(5.0, rel=1e-7)
    circle = small(Periodic(24.0, (0.0, 6.0, 12.0)), [(0, 0, 2, 5.0)])
    for row, half in ((29.0, 1.5), (-19.5, 2.0), (0.0, 500.0)):
        [claim] = boxes(proven(circle, [[row]], half)[1])
        assert claim["upper"] == pytest.approx(5.0, rel=1e-7)


def test_every_number_of_a_box_is_checked():
    data, record = proven(model(2, spec={}, dims=(3, 3)), rows(1, 4, missing=False), HALF)
    [claim] = boxes(record)
    for end, inward in (("lower", np.inf), ("upper", -np.inf)):
        one_bit = float(np.nextafter(claim[end], inward))
        rejected(data, claim | {end: one_bit}, "the witnesses prove")
    for place, own in enumerate(claim["witness"]):
        forged = copy.deepcopy(claim)
        side = 1 if place // 7 % 2 else -1  # six parts and the eigenvalues, below and then above
        values, words = forged["witness"][place], "a part leaves its witness"
        if place % 7 == 6:
            values, words = forged["witness"][place], "an eigenvalue leaves its witness"
            values[1] -= side * 1e-9
        else:
            values[-1] -= 1e-6
        rejected(data, forged, words)
        forged["witness"][place] = own[:-1]
        rejected(data, forged, "zip|leaves")
    rejected(data, claim | {"witness": claim["witness"][:-1]}, "StopIteration")
    for column, cell, words in [
        *(("age", [claim["box"]["age"][0], claim["box"]["age"][1] + 0.1], "leaves its witness"),),
        *(("age", [claim["box"]["age"][0] - 0.1, claim["box"]["age"][1]], "leaves its witness"),),
        *(("town", "2", "leaves its witness"), ("town", ["0", "2"], "not one level")),
        *(("agee", 1.0, "other columns"), ("age", [None, 1.0], "not a float64 number")),
        *(
            ("age", [1.0], "ValueError"),
            ("age", "old", "not a float64 number"),
            ("age", [], "ValueError"),
        ),
    ]:
        rejected(data, claim | {"box": claim["box"] | {column: cell}}, words)
    rejected(data, claim | {"output": 1}, "other columns, or outputs")
    rejected(data, claim | {"output": -1}, "other columns, or outputs")


def test_weights_of_both_signs_need_both_ends():
    data, record = proven(model(1, spec=SPECS[-1], dims=(3,)), rows(1, 4, missing=False), HALF)
    [claim] = boxes(record)
    rejected(data, {**claim, "lower": claim["lower"] + 1e-9}, "the witnesses prove")
    rejected(data, {**claim, "upper": claim["upper"] - 1e-9}, "the witnesses prove")


def test_what_has_no_matrix_has_no_box():
    with pytest.raises(InvalidInput, match="prove got x without radius"):
        model().prove(x=rows(1))
    line = small(Linear(), [(0, 0, 1, 1.0)])
    data, record = proven(line, [[0.5]], 0.1)
    [claim] = boxes(record)
    rejected(data, claim | {"box": {"t": None}}, "no matrix")


@pytest.mark.parametrize("levels", [(0.1, 2.0), (1, 2), (True, False), ("u", "v")], ids=str)
def test_levels_of_every_type_are_found(levels):
    e = Encoding((Categories(levels), Linear()), ("kind", "t"))
    m = small(e, [(0, 0, 1, 10.0), (0, 0, 2, 20.0), (0, 0, 3, 1.0)])
    for level, value in zip(levels, (10, 20), strict=True):
        data, record = proven(m, {"kind": level, "t": 0.0}, {"t": 1.0})
        [claim] = boxes(record)
        assert claim["lower"] == pytest.approx(value - 1)
        assert claim["upper"] == pytest.approx(value + 1)
        rejected(data, claim | {"box": {"kind": "nobody", "t": 0.0}}, "not one level")


def test_a_level_with_the_name_of_all_others_has_no_proof():
    e = Encoding((Categories((checker.NEVER_SEEN, "u")), Linear()), ("kind", "t"))
    m = small(e, [(0, 0, 1, 10.0), (0, 0, 3, 1.0)])
    with pytest.raises(InvalidInput, match="not one level"):
        m.prove(x={"kind": "w", "t": 0.0}, radius={"t": 1.0})


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e-160, 1e160, 1e300])
def test_extreme_matrices_are_bounded_by_certificates_and_proofs(size):
    m = small(PiecewiseLinear((0.0, 1.0, 2.0)), [(0, 0, 1 + b, size * (b + 1)) for b in range(4)])
    proof = m.prove(x=[[0.5]], radius=0.25)
    assert len(proof.sentences()) == len(proof.claims)
    slope, box = proof.claims[0], proof.claims[-1]
    assert slope["lower"] <= size <= 4 * size <= slope["upper"] <= 8 * size + 1e-321
    value = 2 * Fraction(size)
    assert box["lower"] <= value / 4 <= 3 * value / 4 <= box["upper"]
    certificate = m.certify(x=[[0.5]], radius=0.25)
    assert certificate.columns[0].increasing
    assert certificate.columns[0].bound >= 4 * size
    assert certificate.local.decision_lower[0] <= value / 4
    assert certificate.local.decision_upper[0] >= 3 * value / 4
    found = m.range({"t": (0.25, 0.75)})
    assert found.lower <= value / 4 <= 3 * value / 4 <= found.upper


def test_numbers_beyond_float64_have_no_proof():
    m = small(Linear(), [(0, 0, 1, 1e308)], functional="top_sum", r=2, dim=2)
    with pytest.raises(InvalidInput, match="has no proof"):
        m.prove()


def test_a_graded_matrix_is_decided_by_its_small_end():
    """diag(10¹⁶⁰, ±10⁻¹⁶⁰) and an entry beside them: no float64 eigensolve sees the sign."""
    for least, words in ((1e-160, "never falls"), (-1e-160, "to")):
        m = small(Linear(), [], dim=2)
        own = np.zeros_like(m.params[0])
        own[0, 1] = [1e160, 1e-10, least + 1e-180]
        said = m.with_params([own]).prove().sentences()[0]
        assert words in said
        assert ("never falls" in said) == (least > 0)


@pytest.mark.parametrize("size", [1e-323, 1e-318, 1e-310])
def test_bounds_of_denormal_matrices_are_proven(size):
    """Their rounding is no part of their size: exact arithmetic finds no larger slope or jump."""
    e = Encoding((Linear(), Categories(("u", "v"))), ("a", "b"))
    for seed in range(3):
        values = np.random.default_rng(seed).normal(size=(1, e.terms + 1, 6)) * size
        m = SpectralModel(e, [(EigSpec(e.terms, 3), values)])
        bounds, exact = m.feature_norms, checker.Model(m.to_bytes())
        for part in exact.parts:
            [name] = part.own
            blocks = [exact.members[0].matrix(0, E) for E in part.changes()]
            assert all(checker.ordered(M, bounds[name], side) for M in blocks for side in (-1, 1))
        assert m.prove(x=[[0.5, "u"]], radius={"a": 1.0}).sentences()
