"""A special code is a missing cell of its kind: in domains, changes, curves and explanations."""

import numpy as np
import pytest

from eigcore import EigSpec, SpectralModel
from eigcore.encoding import Categories, Encoding, Linear, PiecewiseLinear
from eigcore.errors import InvalidInput

AGES = (20.0, 50.0, 99.0, np.nan, 7.0, 98.0)
MORE = np.linspace(-1.0, 2.0, 41)


def coded(seed=0, **options):
    """A model whose ages 99 and 7 are special codes, and whose knots 50 … 120 lie around one."""
    age = PiecewiseLinear((0.0, 50.0, 120.0), "clamped", True)
    codes = Categories((99.0, 7.0), True, of="age")
    encoding = Encoding((age, Linear(limits=(-1.0, 2.0)), codes), ("age", "more", "age (code)"))
    spec, rng = EigSpec(encoding.terms, 4), np.random.default_rng(seed)
    members = [(spec, rng.normal(size=spec.params_shape)) for _ in range(2)]
    return SpectralModel(encoding, members, **options)


def at(m, age, more=MORE):
    """Decisions as tables have them: codes among the ages."""
    return m.decision({"age": np.full(len(more), age, float), "more": more})


def cell(age):
    return None if np.isnan(age) else age


@pytest.mark.parametrize("start", AGES)
def test_a_change_to_or_from_a_code_holds_for_tables(start):
    m = coded()
    for end in AGES:
        moved = at(m, end) - at(m, start)
        anywhere = m.change("age", cell(start), cell(end))
        assert (anywhere.low - 1e-12 <= moved).all()
        assert (moved <= anywhere.high + 1e-12).all()
        assert anywhere.reached.value <= anywhere.size
    within = m.change("age", 98, 99, {"more": (-1, 2)})
    moved = at(m, 99.0) - at(m, 98.0)
    assert within.low == pytest.approx(moved.min(), abs=0.01)
    assert within.high == pytest.approx(moved.max(), abs=0.01)
    with pytest.raises(InvalidInput, match="named by the domain"):
        m.change("age", 98, 99, {"age (code)": [7]})


def test_the_largest_change_is_that_among_numbers_missing_cells_and_codes():
    m = coded(2)
    far = [own.copy() for own in m.params]
    for own in far:  # codes matter most
        own[:, 1:][:, m.encoding.slices[2]][:, :-1] *= 10.0
    m = m.with_params(far)
    kinds, whole = (m.largest_change(name) for name in ("age (code)", "age"))
    seen = [at(m, age) for age in (*AGES, 0.0, 120.0, 300.0)]
    for found, ages in ((whole, seen), (kinds, [at(m, 99.0), at(m, 7.0), at(m, np.nan)])):
        most = max(np.abs(one - other).max() for one in ages for other in ages)
        assert most <= found.size
    assert whole.among == "numbers from 0 to 120, missing cells, special codes"
    assert f"any change among {whole.among}, most from" in str(whole)
    rows = [kinds.reached.start, kinds.reached.end]
    assert {row["age"] for row in rows} <= {99.0, 7.0, None}
    numbers = m.largest_change("age", (0, 120))
    assert numbers.size < whole.size
    assert numbers.among == "numbers from 0 to 120"
    one = m.change("age (code)", 99, None)
    assert {one.reached.start["age"], one.reached.end["age"]} == {99.0, None}


def test_certificates_leave_special_codes_aside():
    text = str(coded().certify())
    assert next(line for line in text.splitlines() if " age " in line).endswith(
        "slope bound only; special codes (99, 7) aside"
    )
    same = coded().with_params([0 * own for own in coded().params])
    assert "has no effect among known values; special codes (99, 7) aside" in str(same.certify())


def test_a_domain_fixed_at_a_code_means_the_code():
    m = coded()
    for domain, fixed in (({"age": 99}, None), ({}, {"age": 99}), ({"age": (99, 99)}, None)):
        best = m.maximize(domain, fixed=fixed)
        assert best.point["age"] == 99
        assert {*best.point} == {"age", "more"}  # a row as a table has it
        assert m.decision(best.point) == pytest.approx(best.value)
        assert best.value == pytest.approx(at(m, 99.0).max(), rel=1e-3)
    found = m.range({"age": [7, None]})
    assert found.lower <= min(at(m, 7.0).min(), at(m, np.nan).min())
    assert found.maxima[0].value == pytest.approx(
        max(at(m, 7.0).max(), at(m, np.nan).max()), rel=1e-3
    )
    with pytest.raises(InvalidInput, match="Leave 'age \\(code\\)' out"):
        m.range({"age": 99, "age (code)": [7]})
    with pytest.raises(InvalidInput, match="beside the special code"):
        m.largest_change("age", 99)


@pytest.mark.parametrize("ends", [(60.0, 99.0), (7.0, 30.0), (99.0, 110.0), (78.0, 120.0)])
def test_the_point_of_an_optimum_is_no_code(ends):
    m = coded(1)
    for found in (m.minimize({"age": ends}), m.maximize({"age": ends})):
        age = found.point["age"]
        assert ends[0] <= age <= ends[1]
        assert age not in (7.0, 99.0)
        own = at(m, age, np.array([found.point["more"]]))[0]
        assert own == pytest.approx(found.value, rel=1e-12)


def test_a_column_and_its_codes_contribute_together():
    m, base = coded(), {"age": 40.0, "more": 0.5}
    row = {"age": 99.0, "more": 1.5}
    for method in ("shapley", "integrated"):
        found = m.explain(row, base, method)
        assert found.contributions[0, 2] == 0.0
        total = found.base + found.contributions.sum()
        assert total == pytest.approx(m.decision(row)[0], rel=1e-9)
        assert {(r.column, r.value) for r in found.reasons(4, "lower")[0]} <= {
            ("age", 99.0),
            ("more", 1.5),
        }
        assert "the special code 99 instead of 40" in found.text()
        told = next(line for line in found.text().splitlines() if "special code" in line)
        assert "proven" not in told
    # the two orders of the two players, by hand
    mixed = [m.decision(each)[0] for each in (base, row | {"more": 0.5}, base | {"more": 1.5}, row)]
    by_hand = (mixed[1] - mixed[0] + mixed[3] - mixed[2]) / 2
    assert m.explain(row, base).contributions[0, 0] == pytest.approx(by_hand)
    assert m.interactions(row, base)[0].sum(1)[0] == pytest.approx(by_hand)
    table = {"age": [99.0, 99.0, 40.0], "more": [0.0, 1.0, 2.0]}
    assert np.isnan(m.explain(row, "mean", sample=table).baseline[0, 2])


def test_curves_hold_no_code_beside_a_number():
    m, row = coded(), {"age": 99.0, "more": 0.5}
    along = m.curve("age", at=row, grid=[10.0, 60.0])
    expected = m.decision({"age": np.array(along.grid), "more": np.full(len(along.grid), 0.5)})
    np.testing.assert_allclose(along.decision, expected, rtol=1e-12)
    kinds = m.curve("age (code)", at=row)
    expected = m.decision({"age": [99.0, 7.0, np.nan], "more": [0.5] * 3})
    np.testing.assert_allclose(kinds.decision, expected, rtol=1e-12)


def test_a_counterfactual_leaves_codes_where_they_are():
    m, row = coded(), {"age": 99.0, "more": 0.5}
    found = m.counterfactual(row, at(m, 99.0).mean(), bounds={"more": (-1, 2)}, budget_seconds=1)
    assert set(found.units) == {"more"}
    assert set(found.changes) <= {"more"}
    with pytest.raises(InvalidInput, match="do not become each other"):
        m.counterfactual(row, 0.0, columns=["age"])
    with pytest.raises(InvalidInput, match="do not become each other"):
        m.counterfactual({"age": 50.0, "more": 0.5}, 0.0, columns=["age (code)"])
    kinds = m.counterfactual(
        {"age": np.nan, "more": 0.5}, at(m, 99.0)[20], columns=["age (code)"], budget_seconds=1
    )
    assert set(kinds.changes) <= {"age"}


def test_what_is_reached_can_be_in_a_table():
    m = coded()
    for column in m.certify().columns:
        rows = [column.reached.start, column.reached.end]
        for row in rows:
            assert {*row} == {"age", "more"}
        moved = {name for name in rows[0] if rows[0][name] != rows[1][name]}
        assert moved == {column.name.removesuffix(" (code)")}
        assert 0 < column.reached.value <= column.bound


def test_a_code_that_no_fitted_row_held_is_in_no_row():
    age = PiecewiseLinear((0.0, 50.0, 120.0), "clamped", missing=False)
    codes = Categories((99.0, 7.0), missing=True, of="age")
    encoding = Encoding((age, codes), ("age", "age (code)"))
    params = np.random.default_rng(0).normal(size=EigSpec(encoding.terms, 3).params_shape)
    m = SpectralModel(encoding, [(EigSpec(encoding.terms, 3), params)])
    known, of_codes = m.certify().columns
    assert 0 < known.reached.value <= known.bound
    assert of_codes.reached.value == 0
    assert m.explain({"age": 30.0}, baseline={"age": 60.0}).text()
