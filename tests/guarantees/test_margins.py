"""Boxes and balls in which the most probable class stays, from the difference of two classes."""

import re

import numpy as np
import pytest
from guarantees.domains import made
from samples import NAMES, rows

from eigcore.core.canonical import matrices
from eigcore.dispatch.registry import get_backend
from eigcore.guarantees.margins import pair

CLASSES = {"link": "softmax", "classes": ("a", "b", "c")}
KINDS = [{}, {"functional": "weighted", "weights": (2, -1, 0, 1)}]
UNITS = {"size": 1.0, "age": 0.5, "rooms": 1.0, "hour": 4.0}


def shared(kind, slope, seed=0):
    """A model of three classes, to whose first columns every class adds the same slope."""
    m = made({"outputs": 3} | kind, seed, **CLASSES)
    members = []
    for spec, own in m.members:
        own = own.copy()
        own[:, 1:4, spec.rows == spec.cols] += slope
        members.append(own)
    return m.with_params(members)


@pytest.mark.parametrize(("kind", "norm"), [(KINDS[0], 2), (KINDS[1], np.inf)])
def test_no_row_of_a_proven_ball_has_another_class(kind, norm):
    m, x, rng = shared(kind, 6.0), rows(3, 2), np.random.default_rng(0)
    top = m.predict(x).argmax(1)
    units = np.array([UNITS.get(name, 0.0) for name in NAMES])
    radius = m.radius(x, norm=norm, units=UNITS).radius
    assert (radius > 0).all()
    step = rng.normal(size=(2000, 1, 5)) if norm == 2 else rng.choice([-1.0, 1.0], (2000, 1, 5))
    step = step * (units > 0)
    step = step / np.linalg.norm(step, norm, axis=-1, keepdims=True)
    step = step * rng.choice([0.5, 1 - 1e-12], (2000, 1, 1))
    moved = x + step * units * radius[:, None]
    assert (m.predict(moved.reshape(-1, 5)).argmax(1).reshape(2000, -1) == top).all()


def test_what_all_classes_share_moves_no_margin():
    x = rows(2, 3)
    plain, steep = (shared({}, slope) for slope in (0.0, 40.0))
    small, large = (m.radius(x, norm=np.inf, units=UNITS).radius for m in (plain, steep))
    assert (large > 0.6 * small).all()
    box = steep.certify(x=x, radius={n: u * 0.9 * large.min() for n, u in UNITS.items()}).local
    assert box.decided.all()
    top = box.decision_lower.argmax(1)[:, None]
    low = np.take_along_axis(box.decision_lower, top, 1)[:, 0]
    others = box.decision_upper.copy()
    np.put_along_axis(others, top, -np.inf, 1)
    assert (low < others.max(1)).sum() == len(x)  # single scores do not prove it


@pytest.mark.parametrize("kind", KINDS, ids=["kth", "weighted"])
def test_a_pair_has_the_margin_of_its_classes(kind):
    m, x = shared(kind, 3.0), rows(50, 4)
    numpy, scores, margin = get_backend("numpy"), m.decision(x), 0.0
    terms = m.encoding(x, numpy, codes=True)
    for (spec, own), weight in zip(pair(m, 2, 0).members, m.static.weights, strict=True):
        A = matrices(spec, own[:, 0, None] + np.einsum("nt,otk->onk", terms, own[:, 1:]))
        one, other = spec.phi.value(numpy, np.linalg.eigvalsh(A))
        margin = margin + weight * m.static.scale * (one - other)
    np.testing.assert_allclose(margin, scores[:, 2] - scores[:, 0], rtol=1e-9, atol=1e-9)


def test_a_printed_box_or_ball_names_its_classes_and_units():
    m = made({"outputs": 3}, 1, link="softmax", classes=("low", "middle", "high"))
    x = rows(1, 1, missing=False)
    told = str(m.certify(x=x, radius=0.01))
    spans = next(line for line in told.splitlines() if line.startswith("  prediction: "))
    assert re.findall(r"(\w+) \[", spans) == ["low", "middle", "high"]
    l1 = m.certify().l1
    most = re.search(r"probabilities +change by at most (\S+) where", told)[1]
    assert float(most) == pytest.approx(np.tanh(l1 / 2), rel=1e-5)
    assert float(most) >= np.tanh(l1 / 2)
    ball = m.radius(x, units={"age": 2.0})
    assert str(ball).startswith("Proven: the most probable class stays the same while √Σ(change/")
    assert str(ball).endswith("Units: age 2; no others move.")
    both = str(m.radius(np.concatenate([x, x]), norm=np.inf))
    assert "while each |change|/unit is at most its radius: " in both
