"""The checker of proofs, and the proofs it must accept and reject."""

import ast
import hashlib
import json
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

from eigcore import EigSpec, SpectralModel
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
    said = []
    checker.check(data, json.dumps(record).encode(), said.append)
    return said


def rejected(data, record, words=None):
    with pytest.raises(checker.Rejected, match=words):
        checker.check(data, record if isinstance(record, bytes) else json.dumps(record).encode())


# -- exact arithmetic


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 5), st.integers(0, 10**6), st.booleans())
def test_semidefinite_decides_in_the_numbers_with_the_square_root_of_two(d, seed, singular):
    rng = np.random.default_rng(seed)
    B = rng.integers(-3, 4, size=(d, d, 2)).astype(object)
    D = rng.choice([0, 1, 2] if rng.random() < 0.7 else [-1, 0, 1, 2], size=d)
    D = D if singular else np.where(D == 0, 1, D)
    a = sum(
        D[k] * (np.outer(B[:, k, 0], B[:, k, 0]) + 2 * np.outer(B[:, k, 1], B[:, k, 1]))
        for k in range(d)
    )
    b = sum(
        D[k] * (np.outer(B[:, k, 0], B[:, k, 1]) + np.outer(B[:, k, 1], B[:, k, 0]))
        for k in range(d)
    )
    matrix = [[(Fraction(a[i, j]), Fraction(b[i, j])) for j in range(d)] for i in range(d)]
    with mpmath.workdps(60):
        exact = mpmath.matrix(
            [
                [mpmath.mpf(x.numerator) + y.numerator * mpmath.sqrt(2) for x, y in row]
                for row in matrix
            ]
        )
        low, high = (f(mpmath.eigsy(exact, eigvals_only=True)) for f in (min, max))
    assert checker.semidefinite(matrix) == (low > -(mpmath.mpf(10) ** -40))
    assert checker.semidefinite(matrix, -1) == (high < mpmath.mpf(10) ** -40)
    assert checker.semidefinite(matrix, 1, Fraction(float(-low) + 1e-9))
    if d > 1 or low:
        assert not checker.semidefinite(matrix, 1, Fraction(float(-low) - 1e-9))


def test_a_matrix_of_zeros_on_the_diagonal_is_not_semidefinite():
    zero, one = (Fraction(0), Fraction(0)), (Fraction(0), Fraction(1, 10**30))
    assert not checker.semidefinite([[zero, one], [one, zero]])
    assert checker.semidefinite([[zero, zero], [zero, zero]])


# -- the exact model is the model


@pytest.mark.parametrize("m", [made({}, missing=False), every_kind()], ids=["sample", "kinds"])
def test_terms_and_matrices_are_those_of_the_model(m):
    exact = checker.Model.read(content(m.to_dict(), m.params))
    table = m.encoding.table(rows(3, missing=False)) if len(m.encoding.names) == 5 else None
    if table is None:
        table = np.array([[0.3, 7.0, 1.0, -2.0, 0.4, 20.0], [9.0, 0.6, 0.0, 0.2, 0.1, 3.0]])
    terms = m.encoding(table, m_backend(), codes=True)
    extended = m.encoding.extended(table)
    for row, wanted in zip(extended, terms, strict=True):
        found = [v for p, t in enumerate(row) for v in exact.values(p, Fraction(float(t)))]
        np.testing.assert_allclose([float(v) for v in found], wanted, atol=1e-12)
    for p, part in enumerate(m.encoding.parts):
        if part.numeric:
            assert len(exact.slopes(p)) == len(part.pieces(np.zeros(part.terms)).slopes)


def m_backend():
    from eigcore import get_backend

    return get_backend("numpy")


# -- proofs


@pytest.mark.parametrize("link", ["identity", "logistic", "log"])
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_guarantee_of_a_certificate_is_proven(spec, link):
    m = made(spec, link=link, psd=slice(3, 7))
    data, record = parts(m.prove())
    said = accepted(data, record)
    certificate = m.certify()
    claims = {(each["kind"], each.get("column")): each for each in record["claims"]}
    for column in certificate.columns:
        for kind in ("increasing", "decreasing", "convex", "concave"):
            assert ((kind, column.name) in claims) == (getattr(column, kind) and not column.slack)
        bound = claims["levels" if column.kind == "categories" else "slope", column.name]["bound"]
        assert column.bound * (1 - 1e-12) <= bound <= column.bound * (1 + 1e-7)
    for kind in ("convex", "concave"):
        assert ((f"jointly {kind}", None) in claims) == getattr(certificate, kind)
    assert len(said) == len(claims)


@pytest.mark.parametrize("index", ["convex", "concave", "middle"])
def test_columns_of_every_kind_are_proven(index):
    data, record = parts(every_kind(index).prove())
    said = accepted(data, record)
    assert sum("changes by at most" in each for each in said) == 6
    for shape in ("convex", "concave"):
        assert (f"the decision is {shape} in line" in said) == (index == shape)


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
    for name in options.get("increasing", ()):
        assert f"the prediction never falls when {name} grows" in said
    for name in options.get("decreasing", ()):
        assert f"the prediction never rises when {name} grows" in said
    if "shape" in options:
        assert f"the decision is jointly {options['shape']} in all numbers" in said


# -- forgeries


def test_no_number_of_a_proof_can_be_improved():
    data, record = parts(every_kind().prove())
    tried = 0
    for claim in record["claims"]:
        if "bound" not in claim:
            continue
        bound, claim["bound"] = claim["bound"], claim["bound"] * 0.999
        rejected(data, record, "the witnesses prove")
        claim["bound"] = bound
        group = claim["norms"][0][0][0]
        place = max(range(len(group)), key=group.__getitem__)
        norm, group[place] = group[place], group[place] * 0.999
        rejected(data, record, "a norm exceeds")
        group[place] = -norm
        rejected(data, record, "a norm exceeds")
        group[place] = norm
        del group[place]
        rejected(data, record, "no witness")
        group.insert(place, norm)
        tried += 1
    assert tried == 6
    accepted(data, record)


def test_another_model_is_rejected_whatever_its_hash():
    m = made({}, psd=slice(3, 7))
    data, record = parts(m.prove())
    for place in (len(data) - 1, len(data) // 2, 200):
        other = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        rejected(other, record, "of another model file")
    claims = [each for each in record["claims"] if each["kind"] != "slope"]
    bad = m.with_params([np.where(np.arange(p.shape[1])[:, None] == 4, -p, p) for p in m.params])
    other = content(bad.to_dict(), bad.params)
    forged = record | {"model_sha256": hashlib.sha256(other).hexdigest(), "claims": claims}
    rejected(other, forged, "not semidefinite")


@pytest.mark.parametrize("kind", ["increasing", "decreasing", "convex", "concave"])
def test_wishes_in_a_model_file_are_never_believed(kind):
    m = made({})
    wish = tuple([1] * m.encoding.terms)
    static = m.static.to_dict()
    for each in static["members"]:
        each["spec"]["monotone"] = wish
    document = m.to_dict() | static | {"provenance": {"constraints": {"increasing": ["size"]}}}
    data = content(document, m.params)
    claim = {"kind": kind, "column": m.encoding.names[0]}
    rejected(data, signed(data, [claim]), "semidefinite|guarantee")
    rejected(data, signed(data, [{"kind": f"jointly {kind}"}]), "claim 1")


def signed(data, claims):
    digest = hashlib.sha256(data).hexdigest()
    return {"format": "eigcore-proof/1", "model_sha256": digest, "claims": claims}


@pytest.mark.parametrize(
    "claim",
    [
        *({}, {"kind": "box"}, {"kind": "increasing"}, {"kind": "increasing", "column": "nobody"}),
        *({"kind": "increasing", "column": "town"}, {"kind": ["slope"]}, "slope", None, 3, [1]),
        {"kind": "slope", "column": "size", "bound": 1e9},
        {"kind": "slope", "column": "size", "bound": 1e9, "norms": []},
        {"kind": "slope", "column": "size", "bound": 1e9, "norms": [[[], []]]},
        {"kind": "slope", "column": "size", "bound": "1e9", "norms": [[[[1e9] * 9], [[1e9] * 9]]]},
        {"kind": "levels", "column": "size", "bound": 1e9, "norms": [[[[1e9] * 9], [[1e9] * 9]]]},
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
        *(b"", b"{}", b"[]", b"null", b"\xff", b'{"format": "eigcore-proof/2"}'),
        *(b"[" * 100_000, b'{"format": 1e999999999}', b'{"format": NaN}', b'{"a": -Infinity}'),
        b'{"format": ' + b"1" * 5000 + b".5}",
    ],
)
def test_what_is_no_proof_is_rejected(text):
    m = made({})
    rejected(content(m.to_dict(), m.params), text)
    rejected(text, signed(text, []))


def claimed(m, kind, words=None):
    data = content(m.to_dict(), m.params)
    rejected(data, signed(data, [{"kind": kind, "column": m.encoding.names[0]}]), words)
    assert not any(each["kind"] == kind for each in m.prove().claims)
    assert not getattr(m.certify().columns[0], kind)


def test_a_claim_holds_in_every_member_and_output_or_not_at_all():
    rising = [(0, 0, 1, 1.0), (1, 0, 1, 1.0)]
    assert small(Linear(), rising, members=2).certify().columns[0].increasing
    claimed(small(Linear(), [(0, 0, 1, 1.0), (1, 0, 1, -1.0)], members=2), "increasing")
    claimed(small(Linear(), [(0, 0, 1, 1.0), (0, 1, 1, -1.0)], outputs=2), "increasing")


def test_the_norm_of_every_output_is_checked():
    data, record = parts(small(Linear(), [(0, 0, 1, 2.0), (0, 1, 1, 1.0)], outputs=2).prove())
    accepted(data, record)
    [claim] = [each for each in record["claims"] if each["kind"] == "slope"]
    claim["norms"][0][0][1][0] = 0.5
    rejected(data, record, "a norm exceeds")


def test_a_sum_of_eigenvalues_changes_by_the_sum_of_their_weights():
    m = small(Linear(), [(0, 0, 1, 1.0)], functional="top_sum", r=2, dim=3)
    data, record = parts(m.prove())
    claim = next(each for each in record["claims"] if each["kind"] == "slope")
    assert claim["bound"] == pytest.approx(2.0, rel=1e-8)
    claim["bound"] = 1.5
    rejected(data, record, "the witnesses prove")


@pytest.mark.parametrize("weight", [2.0, -2.0])
def test_a_projection_turns_with_the_sign_of_its_weight(weight):
    sums = (Projection(("t",), (weight,), Linear()),)
    e = Encoding((Linear(),), ("t",), (), sums)
    up = small(e, [(0, 0, 1, 1.0), (0, 0, 2, np.sign(weight))])
    data, record = parts(up.prove())
    assert "the prediction never falls when t grows" in accepted(data, record)
    assert [each["bound"] for each in record["claims"] if each["kind"] == "slope"] == [
        pytest.approx(3.0, rel=1e-8)
    ]
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
    rejected(data, signed(data, [{"kind": "increasing", "column": "age"}]), "negative")


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
    assert said[0].startswith("the prediction never falls when t\\nproven")


def test_a_claim_about_the_prediction_needs_a_link_that_rises():
    m = made({"outputs": 2}, link="softmax", classes=("u", "v"), psd=slice(3, 7))
    assert not any(each["kind"] == "increasing" for each in m.prove().claims)
    assert not any(column.increasing for column in m.certify().columns)
    data = content(m.to_dict(), m.params)
    rejected(data, signed(data, [{"kind": "increasing", "column": "age"}]), "softmax can fall")


# -- the file


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
    record["claims"][-1]["bound"] *= 0.999
    (tmp_path / "p.json").write_text(json.dumps(record))
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "REJECTED: claim" in done.stderr


def test_sentences_refuse_what_is_not_proven():
    proof = made({}).prove()
    proof.claims[0]["bound"] *= 0.5
    with pytest.raises(InvalidInput, match="claim 1"):
        proof.sentences()
