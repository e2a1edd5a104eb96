"""Bounds that are attained, and signs that rounding could decide."""

import numpy as np
import pytest
from samples import params, small

from eigcore import EigSpec, SpectralModel
from eigcore.core.canonical import matrices, pack
from eigcore.encoding import Categories, Encoding, Linear, Periodic, PiecewiseLinear, Projection
from eigcore.guarantees import checker
from eigcore.guarantees.text import above, below

HUGE = (0, 0, 0, 1e15)


def test_a_small_slope_beside_a_huge_constant_keeps_its_sign():
    column = small(Linear(), [HUGE, (0, 0, 1, -1.0)]).certify().columns[0]
    assert (column.increasing, column.decreasing, column.slack) == (False, True, 0.0)
    column = small(Linear(), [HUGE, (0, 0, 1, 1.0)]).certify().columns[0]
    assert (column.increasing, column.decreasing, column.slack) == (True, False, 0.0)


@pytest.mark.parametrize("constant", [0.0, 1e15])
def test_a_small_bend_beside_a_huge_constant_keeps_its_sign(constant):
    bent = PiecewiseLinear((0.0, 1e-10, 1.0))
    values = [(0, 0, 0, constant), (0, 0, 3, -1e-5), (0, 0, 4, -1e-5)]
    certificate = small(bent, values).certify()
    column = certificate.columns[0]
    assert (column.convex, column.concave, column.decreasing) == (False, True, True)
    assert not certificate.convex


def test_a_certificate_reads_exact_numbers_once_for_all_pieces_and_members(monkeypatch):
    e, asked = Encoding((PiecewiseLinear(tuple(map(float, range(9)))),)), []
    spec = EigSpec(e.terms, 2)
    m = SpectralModel(e, [(spec, np.zeros((1, e.terms + 1, 3)))] * 3)
    read = checker.Model
    monkeypatch.setattr(checker, "Model", lambda data: asked.append(data) or read(data))
    assert m.certify().columns[0].increasing
    assert len(asked) == 1


def test_a_projected_matrix_is_told_with_its_slack():
    rng = np.random.default_rng(0)
    spec = EigSpec(30, 6)
    M = matrices(spec, params(spec, rng))
    values, V = np.linalg.eigh(M[:, 1:])
    M[:, 1:] = (V * np.maximum(values, 0)[..., None, :]) @ V.mT
    m = SpectralModel(None, [(spec, pack(spec, M))])
    columns = m.certify().columns
    assert all(column.increasing for column in columns)
    slopes = [each for each in m.prove().claims if each["kind"] == "slope"]
    exact = {each["column"] for each in slopes if each["lower"] >= 0}
    for column in columns:
        assert (column.slack == 0.0) == (column.name in exact)
        assert column.slack < 1e-12
    slack = [column.slack for column in columns if column.slack]
    assert slack
    assert "falls by at most" in str(m.certify())


def test_bounds_that_are_attained_are_attained():
    levels = small(Categories(("u", "v")), [(0, 0, 1, 3.0), (0, 0, 2, 2.0)])
    assert levels.certify().columns[0].bound == pytest.approx(3.0, rel=1e-9)  # a level never seen
    many = Categories(tuple(map(str, range(80))))
    values = [(0, 0, 1, 3.0), (0, 0, 2, -3.0)]
    assert small(many, values).certify().columns[0].bound >= 6.0
    bent = PiecewiseLinear((0.0, 1.0))
    two = small(Encoding((bent, bent)), [(0, 0, row, 2.0) for row in range(1, 7)])
    certificate = two.certify(radius=0.5)
    assert certificate.l2 == pytest.approx(8**0.5, rel=1e-9)
    assert certificate.box == pytest.approx(2.0, rel=1e-9)
    change = two.decision([[0.75, 0.75]]) - two.decision([[0.25, 0.25]])
    assert change == pytest.approx(certificate.box, rel=1e-9)


@pytest.mark.parametrize("power", [-320, -200, 160, 300])
def test_bounds_of_any_scale_are_neither_zero_nor_infinite(power):
    rng = np.random.default_rng(0)
    spec = EigSpec(2, 3)
    unit = params(spec, rng)
    plain, scaled = (SpectralModel(None, [(spec, s * unit)]).certify() for s in (1.0, 10.0**power))
    loose = 1e-3 if power < -308 else 1e-9  # subnormal numbers have few digits
    for name in ("l1", "l2", "l2_simple"):
        wanted = getattr(plain, name) * 10.0**power
        assert getattr(scaled, name) == pytest.approx(wanted, rel=loose)


def test_a_box_reaches_through_projections_of_either_sign():
    for weight in (2.0, -2.0):
        e = Encoding((Linear(),), ("t",), (), (Projection(("t",), (weight,), Linear()),))
        m = small(e, [(0, 0, 2, 1.0)])
        assert m.certify(radius=0.5).box == pytest.approx(1.0, rel=1e-9)


def test_printed_bounds_are_rounded_outward():
    certificate = small(Linear(), [(0, 0, 1, 1 / 3)]).certify(x=[[0.0]], radius=2.0)
    text = str(certificate)
    assert "0.333334" in text
    assert "0.333333 per" not in text
    assert "[-0.666667, 0.666667]" in text
    assert (above(1 / 3), below(1 / 3), above(-1 / 3, 2)) == ("0.333334", "0.333333", "-0.33")


def test_multiples_of_the_identity_are_additive_and_nothing_else_is():
    values = [(0, 0, 1, 2.0), (0, 0, 2, 3.0)]
    bent = PiecewiseLinear((0.0, 1.0, 2.0))
    model = small(bent, values, dim=3, index=1)
    column = model.certify().columns[0]
    assert (column.additive, column.convex, column.concave) == (True, False, False)
    rising = small(bent, [(0, 0, row, float(row)) for row in range(1, 5)], dim=3, index=1)
    column = rising.certify().columns[0]
    assert (column.additive, column.convex) == (True, True)
    assert "convex, additive" in str(rising.certify())
    assert not any(claim["kind"] == "convex" for claim in rising.prove().claims)
    for place, off in ((1, 1e-300), (2, 2.0 + 2**-51)):  # off the diagonal, on it
        moved = [own.copy() for own in rising.params]
        moved[0][0, 2, place] = off
        column = rising.with_params(moved).certify().columns[0]
        assert (column.additive, column.convex) == (False, False)
    through = Projection(("t",), (1.0,), bent)
    mixed = small(Encoding((Linear(),), ("t",), projections=(through,)), [], dim=2)
    assert not mixed.certify().columns[0].additive


def placed(column, *rows, members=1):
    model = small(column, [(0, 0, 1 + n, value) for n, value in enumerate(rows)], dim=3)
    return model.certify().columns[0]


TINY = 2.0**-51


@pytest.mark.parametrize(
    ("slope", "gone", "expected"),
    [
        (1.0, -0.5, ("lowest",)),
        (1.0, -1e-300, ("lowest",)),
        (1.0, 0.0, ("lowest", "between")),
        (1.0, TINY, ("between",)),
        (1.0, 2.0, ("highest", "between")),
        (1.0, 2.0 + TINY, ("highest",)),
        (1.0, 2.0 - TINY, ("between",)),
        # a falling column is lowest at its last knot, where the matrix is -2
        (-1.0, -2.0 - TINY, ("lowest",)),
        (-1.0, -2.0, ("lowest", "between")),
        (-1.0, 0.0, ("highest", "between")),
        (-1.0, 1e-300, ("highest",)),
    ],
)
def test_a_missing_cell_stands_where_exact_numbers_say(slope, gone, expected):
    bent = PiecewiseLinear((0.0, 1.0, 2.0), "clamped", missing=True)
    found = placed(bent, slope, slope, gone).missing
    names = ("lowest", "highest", "between")
    assert tuple(name for name in names if getattr(found, name)) == expected
    assert found.start == (0.0 if slope > 0 else 2.0)
    assert found.low <= gone + (slope < 0) * 2.0 <= found.high
    assert found.high - found.low < 1e-12


def test_a_missing_cell_has_no_place_without_bounded_ends_or_an_order():
    knots = (0.0, 1.0, 2.0)
    rising = placed(PiecewiseLinear(knots, "linear", missing=True), 1.0, 1.0, 1.0, 1.0, -0.5)
    assert not rising.missing.lowest
    assert rising.missing.low == pytest.approx(-0.5)
    bent = PiecewiseLinear(knots, "clamped", missing=True)
    assert placed(bent, 1.0, -1.0, -0.5).missing is None
    still = placed(bent, 0.0, 0.0, 0.25)
    assert still.increasing
    assert still.missing.high == pytest.approx(0.25)
    e = Encoding((bent,), ("t",))
    spec = EigSpec(e.terms, 2)
    M = np.array([np.zeros((2, 2)), np.eye(2), np.eye(2), np.diag([-1.0, 3.0])])[None]
    model = SpectralModel(e, [(spec, pack(spec, M))])
    free = model.certify().columns[0].missing
    assert free.lowest is free.highest is free.between is False
    assert (free.low, free.high) == pytest.approx((-1.0, 3.0))
    assert "; missing: -1.00001 to 3.00001 more than at 0" in str(model.certify())
    two = SpectralModel(e, [(spec, pack(spec, M)), (spec, -pack(spec, M))])
    assert two.certify().columns[0].missing is None
    through = Projection(("t",), (1.0,), PiecewiseLinear(knots, "clamped", missing=True))
    mixed = Encoding((bent,), ("t",), projections=(through,))
    values = [(0, 0, row, value) for row, value in ((1, 1.0), (2, 1.0), (3, -0.5), (6, 9.0))]
    column = small(mixed, values, dim=2).certify().columns[0]
    assert column.increasing
    assert not column.missing.lowest
    assert column.missing.low == pytest.approx(8.5)


def test_a_missing_cell_has_no_place_beside_values_that_may_fall_by_rounding():
    """At a knot the prediction is 2⁻⁵² below that at the first one, and below that of no value."""
    e = Encoding((PiecewiseLinear((0.0, 1.0, 2.0), "clamped", missing=True),), ("t",))
    spec, tiny = EigSpec(e.terms, 2, index="concave"), 2.0**-52
    values = np.array([[0.0, 0.0], [1.0, -tiny], [1.0, 1.0], [0.0, -tiny / 2]])
    m = SpectralModel(e, [(spec, pack(spec, values[None, ..., None] * np.eye(2)))])
    found = m.certify().columns[0]
    assert found.increasing
    assert found.slack > 0
    assert m.decision({"t": [1.0]}) < m.decision({"t": [np.nan]}) < m.decision({"t": [0.0]})
    assert not found.missing.lowest


def test_a_column_on_a_circle_that_can_be_missing_has_no_effect_or_no_place():
    hour = Periodic(24.0, (1.0, 7.0, 20.0), missing=True)
    found = placed(hour, 0.5, 0.5, 0.5, 2.0)
    assert found.increasing
    assert found.decreasing
    assert (found.missing.start, found.missing.highest) == (1.0, True)
    assert found.missing.low == pytest.approx(1.5)
    assert placed(hour, 0.5, 0.5, 0.25, 2.0).missing is None


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((0.0, 1.0, 1.0), (True, False)),
        ((0.0, 1.0, 1.0 - TINY), (False, False)),
        ((1.0, 1.0 - TINY, -3.0), (False, True)),
        ((1.0, 1.0, 1.0), (True, True)),
    ],
)
def test_ordered_levels_rise_or_fall_as_exact_numbers_say(levels, expected):
    values = [(0, 0, 1 + n, value) for n, value in enumerate(levels)]
    column = Categories(("a", "b", "c"), ordered=True)
    model = small(column, values, dim=2)
    found = model.certify().columns[0]
    assert (found.increasing, found.decreasing) == expected
    plain = small(Categories(("a", "b", "c")), values, dim=2).certify().columns[0]
    assert plain.increasing is plain.decreasing is False
    signed = small(column, values, weights=(-1.0, 2.0), functional="weighted").certify().columns[0]
    assert signed.increasing is signed.decreasing is False


def test_a_missing_cell_stands_beside_ordered_levels():
    column = Categories(("a", "b"), missing=True, ordered=True)
    model = small(column, [(0, 0, 1, -1.0), (0, 0, 2, 1.0), (0, 0, 3, 2.0)], dim=2)
    found = model.certify().columns[0].missing
    assert (found.lowest, found.highest, found.between) == (False, True, False)
    assert found.start == "a"
    assert (found.low, found.high) == pytest.approx((3.0, 3.0))
    text = str(model.certify())
    assert "from level to level among known values, additive; missing: never below them" in text
    plain = small(Categories(("a", "b"), missing=True), [(0, 0, 1, -1.0)], dim=2)
    assert plain.certify().columns[0].missing is None
    falling = model.with_params([-own for own in model.params])
    assert falling.certify().columns[0].missing.start == "b"
