"""How tight boxes and changes are: the difference of the model at two rows, which are given."""

from fractions import Fraction

import numpy as np
import pytest
from guarantees.domains import made
from samples import NAMES, linear_model, rows, small

from eigcore.encoding import Encoding, Linear, PiecewiseLinear
from eigcore.guarantees.checker import NEVER_SEEN
from eigcore.guarantees.reached import Search, _together
from eigcore.guarantees.slopes import member_slopes
from eigcore.guarantees.text import below


def decided(m, row):
    cells = {
        name: [np.nan if cell is None else -1 if cell == NEVER_SEEN else cell]
        for name, cell in row.items()
    }
    return np.atleast_1d(m.decision(cells)[0])


@pytest.mark.parametrize("outputs", [1, 2])
def test_boxes_are_reached_by_two_rows_inside(outputs):
    m, x = made({"outputs": outputs}, 3), rows(4, 1)
    box = m.certify(x=x, radius={"size": 0.5, "age": 0.2, "hour": 3.0}).local
    for row, cells in enumerate(x):
        for output, found in enumerate(box.reached[row]):
            change = decided(m, found.end)[output] - decided(m, found.start)[output]
            assert found.value == pytest.approx(change, rel=1e-9, abs=1e-9)
            assert found.value <= box.width(row)[output]
            for side in (found.start, found.end):
                moved = [
                    (name, abs(side[name] - cell))
                    for name, cell in zip(NAMES, cells, strict=True)
                    if name != "town" and not np.isnan(cell) and side[name] != cell
                ]
                allowed = {"size": 0.5, "age": 0.2, "hour": 3.0}
                assert all(far <= allowed[name] * (1 + 1e-12) for name, far in moved)


def test_a_box_of_a_monotone_model_is_exact():
    steps = Encoding((PiecewiseLinear((0.0, 0.5, 1.0), "clamped"), Linear()))
    m = small(steps, [(0, 0, 1, 1.0), (0, 0, 2, 3.0), (0, 0, 3, -2.0)])
    box = m.certify(x=[[0.4, 1.0]], lower=[[0.1, 0.5]], upper=[[0.9, 3.0]]).local
    assert box.width(0)[0] == pytest.approx(box.reached[0][0].value, rel=1e-9)
    assert "width of the decision / reached: 1.000001)" in str(
        m.certify(x=[[0.4, 1.0]], radius=0.1)
    )


def test_a_box_anywhere_is_reached_by_two_rows_within_the_radii():
    m = linear_model(index="convex")
    found = m.certify(radius=0.3)
    start, end = found.box_reached.start, found.box_reached.end
    far = [abs(Fraction(end[name]) - Fraction(start[name])) for name in start]
    assert max(far) <= Fraction(0.3)
    change = abs(decided(m, end) - decided(m, start))[0]
    assert 0.3 * found.box < found.box_reached.value == pytest.approx(change, rel=1e-9)
    assert f"two rows reach {below(found.box_reached.value)}" in str(found)


@pytest.mark.parametrize("way", ["radius", "ends"])
def test_no_row_that_is_named_is_outside_its_box(way):
    """Not even by the rounding of x − radius, or of x − (x − lower)."""
    columns = (Linear(), PiecewiseLinear((0.0, 0.5, 3.0)), Linear())
    m = small(Encoding(columns), [(0, 0, 1 + i, 1.0 + i) for i in range(6)], dim=2)
    rng, radii = np.random.default_rng(0), np.array([0.1, 0.3, 1e-3])
    x = rng.uniform(0.0, 3.0, (40, 3))
    ends = x - rng.uniform(size=x.shape), x + rng.uniform(size=x.shape)
    asked = {"lower": ends[0], "upper": ends[1]} if way == "ends" else {"radius": radii}
    for row, (found,) in enumerate(m.certify(x=x, **asked).local.reached):
        for side in (found.start, found.end):
            for j, cell in enumerate(map(Fraction, side.values())):
                if way == "ends":
                    assert ends[0][row, j] <= cell <= ends[1][row, j]
                else:
                    assert abs(cell - Fraction(x[row, j])) <= Fraction(radii[j])


def test_numbers_that_are_refused_are_not_tried():
    refusing = PiecewiseLinear((0.0, 1.0), "clamped", outside="refuse")
    m = small(refusing, [(0, 0, 1, 1.0)])
    box = m.certify(x=[[0.9]], radius=0.5).local
    assert box.reached[0][0].end["t"] == 1.0
    assert box.reached[0][0].value == pytest.approx(0.6, rel=1e-9)
    goes_on = PiecewiseLinear((0.0, 1.0), "linear", outside="refuse")
    both = small(Encoding((goes_on, Linear())), [(0, 0, 2, 3.0), (0, 0, 4, 4.0)])
    along = _together(Search(both, member_slopes(both)), [0, 1], np.array([[0.0, 0.0], [1.0, 0.0]]))
    assert ((along[:, 0] >= 0.0) & (along[:, 0] <= 1.0)).all()


def test_changes_are_reached_by_two_rows_that_differ_in_the_column_alone():
    m = made({}, 5)
    largest = m.largest_change("age", (0.0, 2.0))
    changes = [m.change("age", 0.0, 2.0), m.change("town", 0, 1), largest]
    steps = Encoding((PiecewiseLinear((0.0, 1.0), "clamped"), Linear(limits=(0.0, 1.0))))
    alone = small(steps, [(0, 0, 1, 2.0), (0, 0, 2, 1.0)])
    changes += [alone.change("x0", 0, 1, {})]
    for found, model in zip(changes, (m, m, m, alone), strict=True):
        start, end = found.reached.start, found.reached.end
        assert {name for name in start if start[name] != end[name]} == {found.column}
        change = abs(decided(model, end) - decided(model, start))[0]
        assert found.reached.value == pytest.approx(change, rel=1e-9)
        assert 0.3 * found.size < found.reached.value <= found.size
        assert "; largest change / reached: " in str(found)
    assert changes[-1].reached.value == pytest.approx(changes[-1].size, rel=1e-5)
