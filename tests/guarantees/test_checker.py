"""The checker of proofs, and the proofs it must accept and reject."""

import ast
import hashlib
import json
import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import model, rows, small, smooth_table

from eigcore import EigSpec, SpectralModel, get_backend
from eigcore.core.canonical import matrices, pack
from eigcore.encoding import Categories, Encoding, Linear, Periodic, PiecewiseLinear, Projection
from eigcore.errors import InvalidInput
from eigcore.fit import fit
from eigcore.guarantees import checker
from eigcore.portable.file import content

SPECS = [
    *({}, {"index": 0}, {"index": -1}, {"outputs": 2}),
    *({"functional": "smooth", "alpha": 0.7}, {"functional": "softmax", "t": 0.5}),
    *({"functional": "top_sum", "r": 2}, {"functional": "bottom_sum", "r": 3}),
    *({"structure": "tridiagonal"}, {"structure": "diagonal"}, {"structure": "banded:2"}),
    {"functional": "weighted", "weights": (-1.0, 0.5, 2.0, 0.0)},
    {"functional": "weighted", "weights": (0.0, 0.25, 0.5, 0.5)},
]
SOURCE = Path(checker.__file__)
GOLDEN = Path(__file__).parents[1] / "portable" / "golden"


def made(spec, seed=0, **options):
    return model(seed, spec=spec, dims=(4, 4) if "weights" in spec else (5, 4), **options)


def every_kind(index="convex", seed=0):
    """A model whose columns are of all kinds, with a projection; curved as `index` says."""
    rng = np.random.default_rng(seed)
    columns = (
        *(Linear(1.0, 2.0), Linear(0.5, 0.25, limits=(0.0, 1.0)), Categories(("u", "v"))),
        *(PiecewiseLinear((-1.0, 0.1, 3.0)), PiecewiseLinear((0.0, 0.3, 1.0), "clamped", True)),
        Periodic(24.0, (0.0, 6.0, 18.0)),
    )
    names = ("line", "limited", "town", "bent", "flat", "hour")
    sums = (
        Projection(("limited", "bent"), (0.5, -0.1), PiecewiseLinear((-1.0, 0.0, 1.0)), (1.0, 0.0)),
    )
    e = Encoding(columns, names, (), sums)
    spec = EigSpec(e.terms, 3, index=index)
    M = rng.normal(size=(1, e.terms + 1, 6))
    return SpectralModel(e, [(spec, M), (spec, M[:, ::-1])], target_scale=3.0, target_offset=1e4)


def parts(proof):
    return proof.model, json.loads(proof.to_json())


def accepted(data, record):
    return checker.check(data, json.dumps(record).encode())


def rejected(data, record, words=None):
    with pytest.raises(checker.Rejected, match=words):
        checker.check(data, record if isinstance(record, bytes) else json.dumps(record).encode())


# -- whole numbers


def packed(M):
    rows, columns = np.tril_indices(len(M))
    return [Fraction(x) for x in M[rows, columns].tolist()]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(0, 10**6), st.sampled_from([0.0, 1e-14, 1e-200]))
def test_no_eigenvalue_below_zero_is_overlooked(d, seed, least):
    """A matrix V D Vᵀ in the packed coordinates, the true one having √½ beside its diagonal."""
    rng = np.random.default_rng(seed)
    V = np.linalg.qr(rng.normal(size=(d, d)))[0]
    D = rng.choice([-3.0, -1.0, 1.0, 2.0], size=d) * rng.choice([1.0, least or 1.0], size=d)
    entries = packed((V * D) @ V.T * np.where(np.eye(d), 1, 2**0.5))
    with mpmath.workdps(60):
        exact = mpmath.matrix(d, d)
        for x, i, j in zip(entries, *np.tril_indices(d), strict=True):
            value = mpmath.mpf(x.numerator) / x.denominator
            exact[i, j] = exact[j, i] = value if i == j else value / mpmath.sqrt(2)
        below = sum(each < 0 for each in mpmath.eigsy(exact, eigvals_only=True))
    assert checker.ordered(checker.whole(entries), 0, -1, below)
    assert not below or not checker.ordered(checker.whole(entries), 0, -1, below - 1)


def test_bits_are_added_until_they_decide():
    """[[1, r], [r, y]], 1 − r² between 0 and 2⁻¹⁵⁰⁰: semidefinite for y = 1, not for less."""
    root = Fraction(math.isqrt(2 * 4**1500), 2**1500)
    for y, holds in ((Fraction(1), True), (1 - Fraction(1, 2**1400), False)):
        assert checker.ordered(checker.whole([Fraction(1), root, y]), 0, -1) is holds
    assert checker.ordered(checker.whole([5, 0, 0]), 5) is True
    assert checker.ordered(checker.whole([5, 0, 0]), 5 - Fraction(1, 2**1000)) is False


def test_a_matrix_of_zeros_on_the_diagonal_is_not_semidefinite():
    assert not checker.ordered(checker.whole([0, Fraction(1, 10**30), 0]), 0)
    assert checker.ordered(checker.whole([0, Fraction(1, 10**30), 0]), 0, 1, 1)
    assert not checker.ordered(checker.whole([0, Fraction(1, 10**30), 1]), 0, -1)
    assert checker.ordered(checker.whole([0, 0, 0]), 0)
    assert not checker.ordered(
        checker.whole([Fraction(6), Fraction(2**80), Fraction(6)]), 0, -1
    )  # pivot 0


# -- the exact model is the model


@pytest.mark.parametrize("m", [made({}, missing=False), every_kind()], ids=["sample", "kinds"])
def test_terms_and_matrices_are_those_of_the_model(m):
    exact = checker.Model(m.to_bytes())
    table = m.encoding.table(rows(3, missing=False)) if len(m.encoding.names) == 5 else None
    if table is None:
        table = np.array([[0.3, 7.0, 1.0, -2.0, 0.4, 20.0], [9.0, 0.6, 0.0, 0.2, 0.1, 3.0]])
    terms = m.encoding(table, get_backend("numpy"), codes=True)
    for row, wanted in zip(m.encoding.extended(table), terms, strict=True):
        factors = {}
        for part, t in zip(exact.parts, row, strict=True):
            factors |= part.at[int(t)] if part.levels else part.value(Fraction(float(t)))
        found = [float(factors.get(1 + i, 0)) for i in range(len(wanted))]
        np.testing.assert_allclose(found, wanted, atol=1e-12)
    for part, own in zip(m.encoding.parts, exact.parts, strict=True):
        if part.numeric:
            assert len(own.changes()) == len(part.pieces(np.zeros(part.terms)).slopes)


# -- proofs


NEVER = {"increasing": "never falls", "decreasing": "never rises"}


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_guarantee_of_a_certificate_is_proven(spec):
    m = made(spec, link="log" if len(spec) == 1 else "identity", psd=slice(3, 7))
    proof = m.prove()
    said, certificate = proof.sentences(), m.certify()
    claims = {
        (each["kind"], each.get("column") or tuple(each["columns"])): each for each in proof.claims
    }
    for column in certificate.columns:
        claim = claims["levels" if column.kind == "categories" else "slope", column.name]
        assert max(-claim["lower"], claim["upper"]) <= column.bound * (1 + 1e-7)
        if "weights" not in spec:
            assert max(-claim["lower"], claim["upper"]) >= column.bound * 0.5
        own = [each for each in said if f"per unit of {column.name!r}" in each]
        for way, words in NEVER.items():
            proven = any(words in each for each in own)  # maybe of the sum of members alone
            assert proven or not getattr(column, way) or column.slack
        for shape in ("convex", "concave"):
            assert ((shape, (column.name,)) in claims) == getattr(column, shape)
    numbers = tuple(each.name for each in certificate.columns if each.kind != "categories")
    for shape in ("convex", "concave"):
        assert ((shape, numbers) in claims) == getattr(certificate, shape)
    assert len(said) == len(claims)


@pytest.mark.parametrize("index", ["convex", "concave", "middle"])
def test_columns_of_every_kind_are_proven(index):
    data, record = parts(every_kind(index).prove())
    said = accepted(data, record)
    assert sum("decision changes by" in each for each in said) == 6
    for shape in ("convex", "concave"):
        assert (f"decision is {shape} in ['line'], for all numbers" in said) == (index == shape)


@pytest.mark.parametrize(
    "options",
    [
        *({"increasing": ["a"]}, {"shape": "convex", "decreasing": ["b"]}, {"shape": "concave"}),
        *({"projections": 1}, {"loss": "multinomial"}, {"knots": 0, "dim": 1}),
    ],
)
def test_the_constraints_of_a_fit_are_proven_exactly(options):
    table = smooth_table()
    if "loss" in options:
        table["y"] = np.digitize(table["y"], [0.0, 1.0])
    small = {"dim": 3, "knots": 4, "members": 2, "penalty": 1e-3, "max_iter": 10}
    data, record = parts(fit(table, "y", **small | options).model.prove())
    said = accepted(data, record)
    for way, words in NEVER.items():
        for name in options.get(way, ()):
            assert any(f"{name!r}, so the prediction {words}" in each for each in said)
    if "shape" in options:
        assert f"decision is {options['shape']} in ['a', 'b', 'c', 'two'], for all numbers" in said


# -- forgeries


def test_no_number_of_a_proof_can_be_improved():
    data, record = parts(every_kind().prove())
    tried = 0
    for claim in record["claims"]:
        if "witness" not in claim:
            continue
        for end, inward in (("lower", np.inf), ("upper", -np.inf)):
            proven = claim[end]
            for better in (proven * 0.999, float(np.nextafter(proven, inward))):
                claim[end] = better
                rejected(data, record, "the witnesses prove")
            claim[end] = proven
        group = claim["witness"]
        place = max(range(len(group)), key=lambda i: group[i][1])
        low, high = group[place]
        for forged in ([low, high * 0.999], [low, -high], [low * 0.999 + high * 0.001, high]):
            group[place] = forged
            rejected(data, record, "a change leaves its ends")
        group[place] = [low, high]
        last = group.pop()
        rejected(data, record, "StopIteration")
        group.append(last)
        tried += 1
    assert tried == 6
    accepted(data, record)


def test_another_model_is_rejected_whatever_its_hash():
    m = made({}, psd=slice(3, 7))
    data, record = parts(m.prove())
    for place in (len(data) - 1, len(data) // 2, 200):
        other = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        rejected(other, record, "of another model file")
    bad = m.with_params([np.where(np.arange(p.shape[1])[:, None] == 4, -p, p) for p in m.params])
    other = content(bad.to_dict(), bad.params)
    rejected(other, record | signed(other, record["claims"]), "a change leaves its ends")


@pytest.mark.parametrize("kind", ["increasing", "decreasing", "convex", "concave"])
def test_wishes_in_a_model_file_are_never_believed(kind):
    m = made({})
    wish = tuple([1] * m.encoding.terms)
    static = m.static.to_dict()
    for each in static["members"]:
        each["spec"]["monotone"] = wish
    document = m.to_dict() | static | {"provenance": {"constraints": {"increasing": ["size"]}}}
    data = content(document, m.params)
    claim = next(each for each in m.prove().claims if each["kind"] == "slope")
    if kind in NEVER:
        forged = {"lower": 0.0} if kind == "increasing" else {"upper": 0.0}
        rejected(data, signed(data, [claim | forged]), "the witnesses prove")
        pairs = [
            np.clip(pair, *((0, None) if kind == "increasing" else (None, 0))).tolist()
            for pair in claim["witness"]
        ]
        rejected(data, signed(data, [claim | forged | {"witness": pairs}]), "leaves its ends")
    for columns in [] if kind in NEVER else (m.encoding.names[:1], ["size", "age"]):
        rejected(data, signed(data, [{"kind": kind, "columns": columns}]), "semidefinite|guarantee")


def signed(data, claims):
    digest = hashlib.sha256(data).hexdigest()
    return {"format": checker.FORMAT, "model_sha256": digest, "claims": claims}


WIDE = {"kind": "slope", "column": "size", "lower": -1e12, "upper": 1e12}


@pytest.mark.parametrize(
    "claim",
    [
        *({}, {"kind": "box"}, {"kind": "convex"}, {"kind": "convex", "columns": ["nobody"]}),
        *({"kind": "convex", "columns": ["town"]}, {"kind": ["slope"]}, "slope", None, 3, [1]),
        WIDE | {"witness": []},
        WIDE | {"witness": [[-1e9, 1e9]]},
        WIDE | {"witness": [[-1e9]] * 99},
        WIDE | {"witness": [[-1e9, float("nan")]] * 99},
        WIDE | {"witness": [[float("-inf"), float("inf")]] * 99},
        WIDE | {"witness": [[-1e9, "wide"]] * 99},
        WIDE | {"upper": "1e9", "witness": [[-1e9, 1e9]] * 99},
        WIDE | {"kind": "levels", "witness": [[-1e9, 1e9]] * 99},
        WIDE | {"column": "town", "witness": [[-1e9, 1e9]] * 99},
    ],
    ids=str,
)
def test_a_claim_without_a_witness_is_rejected(claim):
    m = made({})
    data = content(m.to_dict(), m.params)
    rejected(data, signed(data, [claim]), "claim 1")


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{}", b"[]", b"null", b"\xff", b'{"format": "eigcore-proof/1"}'),
        *(b"[" * 100_000, b'{"format": 1e999999999}', b'{"format": NaN}', b'{"a": -Infinity}'),
        b'{"format": ' + b"1" * 5000 + b"}",
    ],
)
def test_what_is_no_proof_is_rejected(text):
    m = made({})
    rejected(content(m.to_dict(), m.params), text)
    rejected(text, signed(text, [{}]), "a file is no proof or no model")


def claimed(m, kind, words=None):
    """No proof says so, and none can."""
    data = content(m.to_dict(), m.params)
    said = m.prove().sentences()
    if kind == "increasing":
        assert not any("never falls" in each for each in said)
    else:
        claim = {"kind": kind, "columns": list(m.encoding.names[:1])}
        rejected(data, signed(data, [claim]), words)
        assert not any(kind in each for each in said)
    assert not getattr(m.certify().columns[0], kind)


def test_a_claim_holds_in_every_member_and_output_or_not_at_all():
    rising = [(0, 0, 1, 1.0), (1, 0, 1, 1.0)]
    assert small(Linear(), rising, members=2).certify().columns[0].increasing
    claimed(small(Linear(), [(0, 0, 1, 1.0), (1, 0, 1, -2.0)], members=2), "increasing")
    claimed(small(Linear(), [(0, 0, 1, 1.0), (0, 1, 1, -1.0)], outputs=2), "increasing")
    hinge = PiecewiseLinear((0.0, 1.0, 2.0), "clamped")
    claimed(small(hinge, [(1, 0, 1, 1.0)], members=2), "convex")


def test_the_norm_of_every_output_is_checked():
    data, record = parts(small(Linear(), [(0, 0, 1, 2.0), (0, 1, 1, 1.0)], outputs=2).prove())
    accepted(data, record)
    [claim] = [each for each in record["claims"] if each["kind"] == "slope"]
    assert (claim["lower"], claim["upper"]) == (1.0, 2.0)
    del claim["additive"]
    claim["witness"] = [[2.0, 2.0], [1.0, 1.0]]
    accepted(data, record)
    claim["witness"][1] = [0.5, 0.5]
    rejected(data, record, "a change leaves its ends")


def test_levels_change_by_as_much_downward_as_upward():
    [claim] = small(Categories(("u", "v")), [(0, 0, 1, 5.0)]).prove().claims
    assert (claim["lower"], claim["upper"]) == pytest.approx((-5.0, 5.0), rel=1e-8)


def test_a_sum_of_eigenvalues_changes_by_the_sum_of_their_weights():
    m = small(Linear(), [(0, 0, 1, 1.0)], functional="top_sum", r=2, dim=3)
    data, record = parts(m.prove())
    claim = next(each for each in record["claims"] if each["kind"] == "slope")
    assert (claim["lower"], claim["upper"]) == pytest.approx((2.0, 2.0), rel=1e-8)
    claim["upper"] = 1.5
    rejected(data, record, "the witnesses prove")


def test_weights_of_both_signs_turn_the_ends():
    """λ_1 − λ_0/2 of t·I moves by 1/2, λ's each between 1 and 1; of a band by more."""
    m = small(Linear(), [(0, 0, 1, 1.0)], functional="weighted", weights=(-0.5, 1.0))
    [claim] = [each for each in m.prove().claims if each["kind"] == "slope"]
    assert (claim["lower"], claim["upper"]) == pytest.approx((0.5, 0.5), rel=1e-7)
    m = small(Linear(), [], functional="weighted", weights=(-0.5, 1.0))
    own = m.params[0].copy()
    own[0, 1] = [3.0, 0.0, -1.0]
    [claim] = [each for each in m.with_params([own]).prove().claims if each["kind"] == "slope"]
    assert (claim["lower"], claim["upper"]) == pytest.approx((-2.5, 3.5), rel=1e-8)


@pytest.mark.parametrize("weight", [2.0, -2.0])
def test_a_projection_turns_with_the_sign_of_its_weight(weight):
    sums = (Projection(("t",), (weight,), Linear()),)
    e = Encoding((Linear(),), ("t",), (), sums)
    up = small(e, [(0, 0, 1, 1.0), (0, 0, 2, np.sign(weight))])
    data, record = parts(up.prove())
    assert any("of 't', so the prediction never falls" in each for each in accepted(data, record))
    [claim] = [each for each in record["claims"] if each["kind"] == "slope"]
    assert (claim["lower"], claim["upper"]) == pytest.approx((3.0, 3.0), rel=1e-8)
    assert up.certify().columns[0].bound == pytest.approx(3.0, rel=1e-9)
    claimed(small(e, [(0, 0, 1, 1.0), (0, 0, 2, -np.sign(weight))]), "increasing")


def test_curved_columns_need_a_functional_that_rises():
    bent = PiecewiseLinear((0.0, 1.0, 2.0), "clamped")
    values = [(0, 0, 1, -2.0), (0, 0, 2, -1.0)]
    column = small(PiecewiseLinear((0.0, 1.0, 2.0)), [(0, 0, 1 + b, float(b)) for b in range(4)])
    assert column.certify().columns[0].convex
    signed_weights = {"functional": "weighted", "weights": (-1.0, 2.0)}
    claimed(
        small(
            PiecewiseLinear((0.0, 1.0, 2.0)),
            [(0, 0, 1 + b, float(b)) for b in range(4)],
            **signed_weights,
        ),
        "convex",
    )
    claimed(small(bent, values), "convex")  # the flat tails turn the other way


def test_a_column_on_a_circle_turns_back():
    claimed(small(Periodic(24.0, (0.0, 12.0)), [(0, 0, 1, 1.0), (0, 0, 2, -1.0)]), "convex")
    claimed(small(Periodic(24.0, (0.0, 12.0)), [(0, 0, 1, -1.0), (0, 0, 2, 1.0)]), "concave")


def test_a_negative_weight_or_scale_is_rejected():
    m = made({}, psd=slice(3, 7))
    document = m.to_dict()
    document["target"]["scale"] = -1.0
    data = content(document, m.params)
    rejected(data, signed(data, [{}]), "negative")


def test_weights_that_make_bounds_smaller_are_rejected():
    """Readers scale weights to the sum 1; bounds of smaller weights are not theirs."""
    m = made({})
    data, record = parts(m.prove())
    document = m.to_dict()
    for member in document["members"]:
        member["weight"] /= 1000
    data = content(document, m.params)
    claims = [each for each in record["claims"] if each["kind"] == "slope"]
    rejected(data, signed(data, claims), "add up to 1")


def test_a_name_cannot_say_a_line_of_its_own():
    line = small(Encoding((Linear(),), ("t\nproven: all is well",)), [(0, 0, 1, 1.0)])
    said = line.prove().sentences()
    assert not any("\n" in each for each in said)
    assert "per unit of 't\\nproven: all is well', so" in said[0]


def test_a_claim_about_the_prediction_needs_a_link_that_rises():
    m = made({"outputs": 2}, link="softmax", classes=("u", "v"), psd=slice(3, 7))
    proof = m.prove()
    assert next(each for each in proof.claims if each.get("column") == "age")["lower"] >= 0
    assert not any("prediction" in each for each in proof.sentences())
    assert not any(column.increasing for column in m.certify().columns)


# -- dominance


def pair(values, missing=False, **options):
    """a and b, what kind they are of, and the sum z = 0.75·a + b; matrices are multiples of I."""
    columns = (Linear(), Linear(missing=missing), Categories(("u", "v")))
    sums = (Projection(("a", "b"), (0.75, 1.0), Linear(missing=missing)),)
    e = Encoding(columns, ("a", "b", "kind"), (), sums)
    z = 5 + missing
    rows = {"a": 1, "b": 2, "z": z}
    places = [
        (m, o) for m in range(options.get("members", 1)) for o in range(options.get("outputs", 1))
    ]
    return small(e, [(m, o, rows[n], v) for m, o in places for n, v in values.items()], **options)


def dominated(**changed):
    """The slopes of `pair` are 2 + 0.75·5 in a and -1 + 5 in b, or 4 times 1.4375."""
    claim = {"kind": "dominance", "column": "a", "over": "b", "factor": 1.4375}
    witness = [[2, 2], [-1, -1], [5, 5]]
    return claim | {"lower": 0, "upper": 0, "witness": witness} | changed


RISING = {"a": 2.0, "b": -1.0, "z": 5.0}


def test_a_dominance_is_proven_as_far_as_it_holds():
    data = content((m := pair(RISING)).to_dict(), m.params)
    said = accepted(data, signed(data, [dominated()]))
    assert said == ["'a' counts at least 1.4375 times 'b'"]
    proof = m.prove(dominates={"a": {"b": 1.25}})
    assert proof.sentences()[-2:] == [f"'a' counts at least {c} times 'b'" for c in (1.25, 0.75)]
    for claim in proof.claims[-2:]:
        assert claim["lower"] == pytest.approx(2 + 3.75 - claim["factor"] * 4, rel=1e-7)
    with pytest.raises(InvalidInput, match=r"for at least 1.5 of 'b', which is not .* 1.4 is pro"):
        m.prove(dominates={"a": {"b": 1.5}})
    assert m.prove(dominates={"a": {"b": 1.4}}).claims[-2]["factor"] == 1.4
    for bad in (["a"], {"a": 3}):
        with pytest.raises(InvalidInput, match=r"dominates is .* Write dominates="):
            m.prove(dominates=bad)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"factor": float(np.nextafter(1.4375, 2))}, "counts for more"),
        ({"lower": 1e-300}, "the witnesses prove"),
        ({"upper": -1e-300}, "the witnesses prove"),
        ({"witness": [[2, 2], [-1.5, -1], [5, 5]], "factor": 1.0, "lower": 2.0}, "witnesses prove"),
        ({"witness": [[2.5, 3], [-1, -1], [5, 5]]}, "leaves its ends"),
        ({"witness": [[2, 2], [-2, -2], [5, 5]]}, "leaves its ends"),
        ({"witness": [[2, 2], [-1, -1]]}, "StopIteration"),
        ({"witness": [], "additive": True}, "sum has other columns"),
        ({"over": "kind"}, "another kind"),
        ({"column": "kind"}, "another kind"),
        ({"over": "nobody"}, "ValueError"),
        ({"over": "a", "factor": 2, "witness": [[2, 2], [5, 5]]}, "counts for more"),
        *(({"factor": factor}, "not a float64") for factor in ("1", None, True, 10**17 + 1)),
        ({"kind": "slope"}, "leaves its ends"),
    ],
    ids=str,
)
def test_a_forged_dominance_is_rejected(changed, words):
    m = pair(RISING)
    data = content(m.to_dict(), m.params)
    rejected(data, signed(data, [dominated(**changed)]), words)


def test_a_dominance_holds_in_every_output_and_where_a_sum_is_missing():
    for options in ({"outputs": 2}, {"members": 2}):
        m = pair(RISING, **options)
        own = [each.copy() for each in m.params]
        own[-1][-1, 1] = -9.0
        for each, holds in ((m, True), (m.with_params(own), False)):
            data = content(each.to_dict(), each.params)
            witness = np.repeat(dominated()["witness"], 2, axis=0).tolist()
            if not holds:
                witness[1] = [-9, -9]
            claim = dominated(witness=witness)
            if holds:
                assert accepted(data, signed(data, [claim]))
            else:
                rejected(data, signed(data, [claim]), "counts for more")
    gone = pair({"a": -1.0, "b": 0.0, "z": 4.0}, missing=True)
    with pytest.raises(InvalidInput, match="not proven"):
        gone.prove(dominates={"a": {"b": 0.25}})


@pytest.mark.parametrize("spec", SPECS[:6], ids=str)
def test_a_proven_dominance_is_seen(spec):
    """a rises, b falls and their sum does anything; one of a for half of b moves nothing else."""
    rng = np.random.default_rng(0)
    bent = PiecewiseLinear((0.0, 0.4, 1.0))
    sums = (Projection(("a", "b"), (0.5, 1.0), PiecewiseLinear((0.0, 0.7, 1.5), "linear")),)
    e = Encoding((bent, bent), ("a", "b"), (), sums)
    own = EigSpec(e.terms, 4, **spec)
    M = matrices(own, rng.normal(size=own.params_shape))
    M[:, 1:9] = M[:, 1:9] @ M[:, 1:9].mT
    M[:, 5:9] *= -1
    m = SpectralModel(e, [(own, pack(own, M))])
    proof = m.prove(dominates={"a": {"b": 0.5}})
    assert "'a' counts at least 0.5 times 'b'" in proof.sentences()
    with pytest.raises(InvalidInput, match="not proven"):
        m.prove(dominates={"b": {"a": 2.0}})
    x, t = rng.uniform(-1, 2, (200, 2)), rng.uniform(0, 1, (200, 1))
    before, after = (m.decision({"a": x[:, 0], "b": x[:, 1]}) for x in (x, x + t * [1.0, -0.5]))
    assert (after >= before - 1e-9).all()
    assert (after > before + 1e-3).any()


# -- the file


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.eig")), ids=lambda path: path.stem)
def test_proofs_of_every_stored_model_are_accepted(path):
    proof = SpectralModel.load(path).prove()
    assert len(accepted(*parts(proof))) == len(proof.claims) > 0


def test_the_checker_is_one_short_file_of_standard_python():
    source = SOURCE.read_text()
    assert len(source.splitlines()) < 300
    nodes = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert names == {"hashlib", "json", "math", "struct", "sys", "fractions"}


def test_a_copy_of_the_checker_needs_python_alone(tmp_path):
    m = made({}, psd=slice(3, 7))
    (tmp_path / "checker.py").write_text(SOURCE.read_text())
    m.save(tmp_path / "m.eig")
    proof = m.prove()
    assert proof.model == (tmp_path / "m.eig").read_bytes()
    proof.save(tmp_path / "p.json")
    call = [sys.executable, "-I", "-S", "checker.py", "m.eig", "p.json"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:-1] == [f"proven: {each}" for each in proof.sentences()]
    record = json.loads(proof.to_json())
    record["claims"][0]["upper"] *= 0.999
    (tmp_path / "p.json").write_text(json.dumps(record))
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "REJECTED: claim" in done.stderr


def test_a_radius_needs_rows_to_be_proven():
    with pytest.raises(InvalidInput, match=r"radius without x.*model.certify"):
        made({}).prove(radius=0.1)


def test_sentences_refuse_what_is_not_proven():
    proof = made({}).prove()
    proof.claims[0]["upper"] *= 0.5
    with pytest.raises(InvalidInput, match="claim 1"):
        proof.sentences()
