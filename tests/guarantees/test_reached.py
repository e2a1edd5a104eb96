"""What a certificate says that the model reaches is a quotient of the model at two rows."""

import numpy as np
import pytest
from samples import linear_model, model, small

from eigcore.encoding import Categories, Encoding, Linear, PiecewiseLinear
from eigcore.guarantees.checker import NEVER_SEEN
from eigcore.guarantees.reached import reached
from eigcore.guarantees.slopes import member_slopes
from eigcore.guarantees.text import tightness


def changed(m, found):
    """|f(end) − f(start)| and the change of each column."""
    both = ([found.start[name], found.end[name]] for name in found.start)
    cells = (np.array([-1 if cell == NEVER_SEEN else cell for cell in two]) for two in both)
    rows = dict(zip(found.start, cells, strict=True))
    values = np.reshape(m.decision(rows), (2, -1))
    moved = {name: found.end[name] - found.start[name] for name in rows if name != "town"}
    return np.abs(values[1] - values[0]).max(), moved


@pytest.mark.parametrize("options", [{}, {"spec": {"outputs": 2}}, {"link": "log"}])
def test_what_is_reached_is_a_quotient_at_the_two_rows(options):
    m = model(missing=False, **options)
    certificate = m.certify()
    for column in certificate.columns:
        change, moved = changed(m, column.reached)
        assert [n for n, step in moved.items() if step] in ([column.name], [])
        size = abs(moved.get(column.name, 1.0))
        assert column.reached.value == pytest.approx(change / size, rel=1e-6)
        assert 0.2 * column.bound < column.reached.value <= column.bound
    change, moved = changed(m, certificate.l2_reached)
    size = np.linalg.norm(list(moved.values()))
    assert certificate.l2_reached.value == pytest.approx(change / size, rel=1e-6)
    assert 0.2 * certificate.l2 < certificate.l2_reached.value <= certificate.l2


def test_bounds_that_are_attained_are_reached():
    convex = linear_model(index="convex").certify()
    assert convex.l2_reached.value > 0.85 * convex.l2
    line = small(Encoding((Linear(), Linear())), [(0, 0, 1, 3.0), (0, 0, 2, 4.0)]).certify()
    assert line.l2_reached.value == pytest.approx(line.l2_simple, rel=1e-9)
    assert [c.reached.value for c in line.columns] == pytest.approx([3.0, 4.0], rel=1e-9)
    steep = small(PiecewiseLinear((0.0, 1e-3, 1.0), "clamped"), [(0, 0, 1, 1.0)]).certify()
    assert steep.columns[0].reached.value == pytest.approx(1e3, rel=1e-9)
    levels = small(Categories(("u", "v")), [(0, 0, 1, 3.0), (0, 0, 2, 2.0)]).certify()
    assert levels.columns[0].reached.value == pytest.approx(3.0, rel=1e-9)
    rows = levels.columns[0].reached
    assert NEVER_SEEN in (*rows.start.values(), *rows.end.values())


def test_nothing_is_reached_where_nothing_moves_or_rounding_could_be_all():
    still = small(Linear(), [(0, 0, 0, 1.0)])
    assert still.certify().l2_reached.value == 0.0
    blurred = small(Linear(), [(0, 0, 0, 1e15), (0, 0, 1, 1.0)])
    assert blurred.certify().columns[0].reached.value == 0.0
    each, together = reached(small(Encoding(()), [], dim=1), member_slopes(still)[:0])
    assert (each, together.value) == ([], 0.0)


def test_tightness_is_printed_beside_each_bound():
    text = str(small(Linear(), [(0, 0, 1, 2.0)]).certify())
    assert "/ reached" in text
    found = small(Linear(), [(0, 0, 1, 2.0)]).certify().columns[0].reached
    assert tightness(3.0, found) == "1.51"
    assert tightness(0.0, found) == "1"
    said = next(line for line in text.splitlines() if "sum of |changes|" in line)
    assert float(said.split("reach ")[1].rstrip(")")) == pytest.approx(2.0, rel=1e-5)
