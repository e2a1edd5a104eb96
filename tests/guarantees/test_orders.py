"""Claims of additive columns, of the order of levels, and of the place of a missing cell."""

import hashlib
import json

import numpy as np
import pytest
from guarantees.domains import made
from samples import small

from eigcore import EigSpec, SpectralModel
from eigcore.core.canonical import pack
from eigcore.encoding import Categories, Encoding, Linear, PiecewiseLinear, Projection
from eigcore.guarantees import checker

STEPS = PiecewiseLinear((0.0, 1.0, 2.0), "clamped", True)
TOWNS = Categories(("low", "middle", "top"), True, ordered=True)


def claims(m, kind="order"):
    return [each for each in m.prove().claims if each["kind"] == kind]


def check(m, **claim):
    data = m.to_bytes()
    digest = hashlib.sha256(data).hexdigest()
    record = {"format": checker.FORMAT, "model_sha256": digest, "claims": [claim]}
    return checker.check(data, json.dumps(record).encode())


def refused(m, words, **claim):
    with pytest.raises(checker.Rejected, match=words):
        check(m, **claim)


@pytest.mark.parametrize(
    ("gone", "chain"),
    [(-1.0, [None, 0.0, 2.0]), (9.0, [0.0, 2.0, None]), (1.5, [0.0, None, 2.0])],
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_place_of_a_missing_number_is_proven(gone, chain, sign):
    """Steps of 1 and 2: the known values are from 0 to 3, or down to -3."""
    m = small(STEPS, [(0, 0, 1, sign), (0, 0, 2, 2 * sign), (0, 0, 3, sign * gone)])
    wanted = chain[:: int(sign)]
    assert [each["values"] for each in claims(m)] == [wanted]
    assert f"decision never falls from value to value of 't': {wanted}" in m.prove().sentences()
    refused(m, "semidefinite", kind="order", column="t", values=wanted[::-1])


@pytest.mark.parametrize(
    ("levels", "wanted"),
    [
        ((1.0, 2.0, 4.0, 0.5), [[None, "low", "middle", "top"]]),
        ((4.0, 2.0, 1.0, 9.0), [["top", "middle", "low", None]]),
        ((1.0, 2.0, 4.0, 3.0), [["low", None, "top"], ["low", "middle", "top"]]),
        ((1.0, 4.0, 2.0, 0.5), []),
    ],
)
def test_the_order_of_levels_is_proven(levels, wanted):
    m = small(TOWNS, [(0, 0, row, value) for row, value in enumerate(levels, 1)])
    assert [each["values"] for each in claims(m)] == wanted
    assert len(m.prove().sentences()) == 1 + len(wanted)
    plain = small(Categories(TOWNS.levels, True), [(0, 0, 1, -1.0)])
    assert claims(plain) == []


def test_orders_hold_in_every_member_and_output_or_not_at_all():
    rising = [(member, output, 2, 1.0) for member in (0, 1) for output in (0, 1)]
    chain = {"kind": "order", "column": "t", "values": ["low", "middle"]}
    assert check(small(TOWNS, rising, members=2, outputs=2), **chain)
    for place in range(4):
        bad = [(*each[:3], -1.0) if i == place else each for i, each in enumerate(rising)]
        refused(small(TOWNS, bad, members=2, outputs=2), "semidefinite", **chain)
    falling_weights = {"functional": "weighted", "weights": (-1.0, 2.0)}
    m = small(TOWNS, [(0, 0, 2, 1.0)], **falling_weights)
    refused(m, "guarantee", **chain)


def test_an_order_is_of_matrices():
    """Of I and a matrix with the eigenvalues 0 and 3, neither is above the other."""
    e = Encoding((TOWNS,), ("t",))
    spec = EigSpec(e.terms, 2)
    full = np.array(
        [np.zeros((2, 2)), np.eye(2), np.diag([0.0, 3.0]), 4 * np.eye(2), np.zeros((2, 2))]
    )
    m = SpectralModel(e, [(spec, pack(spec, full)[None])])
    for values in (["low", "middle"], ["middle", "low"]):
        refused(m, "semidefinite", kind="order", column="t", values=values)
    assert check(m, kind="order", column="t", values=["middle", "top"])


@pytest.mark.parametrize(
    ("column", "values"),
    [
        *(
            ("t", "ab"),
            ("t", {"low": 1, "middle": 2}),
            ("t", ["low", "nowhere"]),
            ("t", ["low", 1]),
        ),
        *(("nobody", ["low", "middle"]), (["t"], ["low"]), ("t", [["low", "middle"], "top"])),
        *(("t", None), ("t", ["low", [1.0, 2.0]])),
    ],
    ids=str,
)
def test_orders_of_no_values_are_rejected(column, values):
    m = small(TOWNS, [(0, 0, 2, 1.0)])
    refused(m, "claim 1", kind="order", column=column, values=values)


def test_an_interval_is_no_value_and_a_projection_no_column():
    m = small(STEPS, [(0, 0, 1, 1.0), (0, 0, 2, 2.0)])
    refused(m, "claim 1", kind="order", column="t", values=[0.0, [1.0, 2.0]])
    refused(small(Linear(), []), "claim 1", kind="order", column="t", values=[None, 0.0])
    sums = Encoding(
        (Linear(), Linear()), ("a", "b"), (), (Projection(("a", "b"), (1, 1), Linear()),)
    )
    m = small(sums, [(0, 0, 1, 1.0), (0, 0, 3, -2.0)])
    refused(m, "claim 1", kind="order", column="a", values=[0.0, 1.0])
    assert not any("additive" in each for each in m.prove().claims)
    slope = next(each for each in m.prove().claims if each["kind"] == "slope")
    refused(m, "sum has other columns", **slope, additive=True)


def test_a_column_without_interaction_is_proven():
    m = made({"functional": "smooth", "alpha": 0.5}, 1)
    members = []
    for spec, own in m.members:
        own, diagonal = own.copy(), spec.rows == spec.cols
        where = m.encoding.slices[3]
        own[:, 1:][:, where] = 0.0
        own[:, 1:][:, where, diagonal] = np.arange(1.0, 1 + where.stop - where.start)[:, None]
        members.append(own)
    additive = m.with_params(members)
    found = {each["column"]: each for each in additive.prove().claims if "witness" in each}
    assert [name for name, each in found.items() if each.get("additive")] == ["town"]
    assert [c.name for c in additive.certify().columns if c.additive] == ["town"]
    said = additive.prove().sentences()
    assert [each for each in said if "without interaction" in each] == [
        each for each in said if "levels of 'town'" in each
    ]
    bent = [own.copy() for own in members]
    bent[1][0, 1 + where.start + 1, -1] += 1e-9
    refused(m.with_params(bent), "leaves its ends", **found["town"] | {"lower": -99, "upper": 99})
