"""Claims that were accepted and false, and values that no fault of the checker may change."""

import hashlib
import json

import numpy as np
import pytest
from samples import rewritten

from eigcore import SpectralModel
from eigcore.core.canonical import pack
from eigcore.core.spec import EigSpec
from eigcore.encoding import Categories, Encoding, Linear, PiecewiseLinear, Projection
from eigcore.guarantees import checker
from eigcore.portable.file import content


def model(columns, names, multiples, projections=()):
    """Matrices of order 1: A_0 = 0, then one number per term."""
    e = Encoding(columns, names, projections=projections)
    spec = EigSpec(e.terms, 1)
    return SpectralModel(e, [(spec, np.reshape([0.0, *multiples], spec.params_shape))])


def checked(data, **claim):
    digest = hashlib.sha256(data).hexdigest()
    record = {"format": checker.FORMAT, "model_sha256": digest, "claims": [claim]}
    return len(checker.check(data, json.dumps(record).encode()))


def test_a_projection_stops_where_another_column_is_missing():
    """Then x alone has its slope -1, although with z it has -1 + 2."""
    z = Projection(("x", "y"), (1.0, 1.0), Linear(missing=True))
    m = model((Linear(), Linear(missing=True)), ("x", "y"), (-1.0, 0.0, 0.0, 2.0, 0.0), (z,))
    x = {"x": np.array([0.0, 1.0]), "y": np.array([np.nan, np.nan])}
    assert np.diff(m.decision(x)) == -1
    (claim,) = (each for each in m.prove().claims if each.get("column") == "x")
    assert claim["lower"] <= -1
    assert claim["upper"] >= 1


def test_slopes_count_shares_and_scale():
    spec = EigSpec(1, 1)
    members = [(spec, np.reshape([0.0, slope], spec.params_shape)) for slope in (2.0, 4.0)]
    e = Encoding((Linear(),), ("t",))
    m = SpectralModel(e, members, weights=(3, 1), target_scale=3.0)
    (claim,) = (each for each in m.prove().claims if each["kind"] == "slope")
    assert [claim["lower"], claim["upper"]] == pytest.approx([7.5, 7.5])


@pytest.mark.parametrize(("missing", "largest"), [(False, 3.5), (True, 8.5)])
def test_levels_never_seen_and_missing_cells_are_levels(missing, largest):
    column = Categories(("u", "v"), missing)
    m = model((column,), ("kind",), (3.0, 3.5, *[-5.0] * missing))
    (claim,) = (each for each in m.prove().claims if each["kind"] == "levels")
    assert claim["upper"] == pytest.approx(largest)


@pytest.mark.parametrize("number", ["0.1", True, None, float("nan"), 2**60 + 1, 10**400, [1.0]])
def test_numbers_of_files_are_float64(number):
    with pytest.raises((ValueError, TypeError, OverflowError)):
        checker.exact(number)


def test_columns_of_a_claim_are_a_list(tmp_path):
    """The letters of "ab" are columns too, and those are convex."""
    bent = PiecewiseLinear((0.0, 1.0, 2.0), tails="clamped")
    m = model((Linear(), Linear(), bent), ("a", "b", "ab"), (1.0, 1.0, 0.0, 5.0))
    m.save(tmp_path / "m.eig")
    data = (tmp_path / "m.eig").read_bytes()
    assert checked(data, kind="convex", columns=["a", "b"]) == 1
    for columns in ("ab", ["ab"], {"ab": 1}, [], None):
        with pytest.raises(checker.Rejected):
            checked(data, kind="convex", columns=columns)


FORGED = {
    "a projection without centers": lambda e: e["projections"][0].update(centers=[]),
    "names that are numbers": lambda e: e["projections"][0].update(names=[1, 2]),
    "knots that float64 rounds": lambda e: e["columns"][2].update(knots=[2**60, 2**60 + 383]),
    "knots that are text": lambda e: e["columns"][2].update(knots=["0.1", "0.3"]),
    "more names than columns": lambda e: e["names"].append("4"),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_file_is_read_as_the_model_reads_it(forged, tmp_path):
    """The slope of "1" is 1 - 5 with its projection; no forgery hides it."""
    z = Projection(("1", "2"), (1.0, 1.0), Linear(), (0.0, 0.0))
    steps = PiecewiseLinear((0.0, 1.0), tails="clamped")
    m = model((Linear(), Linear(), steps), ("1", "2", "3"), (1.0, 0.0, 1.0, -5.0), (z,))
    path = tmp_path / "m.eig"
    m.save(path)
    witness = [[1, 1], [-5, -5]]
    true = {"kind": "slope", "column": "1", "witness": witness, "lower": -4, "upper": -4}
    assert checked(path.read_bytes(), **true) == 1

    def change(header, tensors):
        record = json.loads(header["model"])
        FORGED[forged](record["encoding"])
        header["model"] = json.dumps(record)

    rewritten(path, change)
    for claim in (true | {"lower": 1, "upper": 1}, true | {"witness": [[1, 1]], "lower": 1}):
        with pytest.raises(checker.Rejected):
            checked(path.read_bytes(), **claim)
    if "knots" in forged:
        narrow = {"kind": "slope", "column": "3", "witness": [[0, 1]], "lower": 0, "upper": 5}
        with pytest.raises(checker.Rejected, match="not a float64 number"):
            checked(path.read_bytes(), **narrow)


def test_a_claim_is_additive_only_where_that_is_checked():
    """f is the largest eigenvalue of [a, b; b, 5a], whose slope in a depends on b."""
    spec, e = EigSpec(2, 2, index="convex"), Encoding((Linear(), Linear()), ("a", "b"))
    M = np.array([[np.zeros((2, 2)), np.diag([1.0, 5.0]), [[0.0, 1.0], [1.0, 0.0]]]])
    data = SpectralModel(e, [(spec, pack(spec, M))]).to_bytes()
    convex = {"kind": "convex", "columns": ["a"]}
    order = {"kind": "order", "column": "a", "values": [0, 1]}
    for claim in (convex, order):
        assert checked(data, **claim) == 1
        with pytest.raises(checker.Rejected, match="additive"):
            checked(data, **claim, additive=True)


def test_a_name_is_no_sentence():
    name = "income, so the prediction never falls"
    m = model((Linear(),), (name,), (-1.0,))
    (said, *_) = m.prove().sentences()
    assert f" per unit of {name!r}, so the prediction never rises" in said
    assert name not in said.replace(repr(name), "")


def test_sentences_about_a_column_with_special_codes_leave_them_aside():
    """The prediction rises from 0 to 9, and falls to the special code 9."""
    columns = Linear(missing=True), Linear(), Categories((9.0,), True, of="age")
    m = model(columns, ("age", "more", "age (code)"), (1.0, 0.0, 1.0, -9.0, 0.0))
    assert m.decision({"age": [8.0, 9.0], "more": [0.0] * 2}).tolist() == [8.0, -9.0]
    proof = m.prove(x={"age": 8.0, "more": 0.0}, radius={"age": 2.0})
    aside = {each for each in proof.sentences() if each.endswith(", special codes aside")}
    assert {each for each in proof.sentences() if "'age'" in each} == aside
    assert any("'more'" in each and each not in aside for each in proof.sentences())


def test_a_proof_has_claims_and_a_column_a_name_of_its_own():
    m = model((Linear(), Linear()), ("a", "b"), (1.0, -5.0))
    data = m.to_bytes()
    record = {"format": checker.FORMAT, "model_sha256": hashlib.sha256(data).hexdigest()}
    for nothing in ([], {}, ""):
        with pytest.raises(checker.Rejected, match="no claims"):
            checker.check(data, json.dumps(record | {"claims": nothing}).encode())
    many = model((Categories(tuple(range(100))),), ("k",), np.zeros(100))
    assert many.prove().sentences() == []
    described = m.static.to_dict()
    described["encoding"]["names"] = ["a", "a"]
    with pytest.raises(checker.Rejected, match="two columns have one name"):
        checked(content(described, m.params), kind="convex", columns=["a"])


def test_a_member_is_no_larger_than_its_numbers():
    """Nothing of the size of an order that a file only pretends is built."""
    spec = EigSpec(0, 2)
    pretended = {**vars(spec), "dim": 10**5, "structure": "diagonal"}
    with pytest.raises(checker.Rejected, match="parameters are amiss"):
        checker.Member(pretended, (1.0,) * 3, 1)
