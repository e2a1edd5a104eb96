"""Columns that vary by rounding alone: one definition, wherever a table is fitted."""

from __future__ import annotations

import numpy as np
import pytest
from samples import problem_for

from eigcore.encoding import Linear, is_constant
from eigcore.errors import InvalidInput, InvalidTable
from eigcore.fit import fit
from eigcore.fit.linear import linear_decisions

ROWS = 200
QUICK = {"dim": 3, "knots": 8, "penalty": 1e-4, "members": 1, "max_iter": 15}
_PARTS = np.random.default_rng(0).dirichlet(np.ones(5), size=ROWS)
TOTAL = _PARTS.sum(1)
EPS = np.finfo(float).eps
CONSTANT = {
    "sums of proportions": TOTAL,
    "two floats": np.where(np.arange(ROWS) % 2, 1.0, 1.0 - EPS / 2),
    "large": 1e9 * TOTAL,
    "small": 1e-9 * TOTAL,
    "negative": -TOTAL,
    "zeros": np.zeros(ROWS),
    "integers beyond 2**53": 2**60 + np.arange(ROWS) % 3,
}

REFUSED = "Column 'flat' (is constant .* up to rounding|holds integers that differ only in digits)"


def table(column):
    a = np.random.default_rng(1).normal(size=ROWS)
    return {"a": a, "flat": column, "y": a**2 + a}


@pytest.mark.parametrize(
    ("values", "constant"),
    [
        ([], True),
        ([3.0], True),
        ([1.0, 1.0 + 64 * EPS], True),
        ([1.0, 1.0 + 66 * EPS], False),
        ([-1.0, 1.0], False),
        ([0.0, 1e-300], False),
        ([-1e308, 1e308], False),
        ([1e9, 1e9 + 1e-5], True),
        ([1e9, 1e9 + 1e-4], False),
    ],
)
def test_a_column_is_constant_up_to_rounding_of_its_largest_number(values, constant):
    assert is_constant(np.array(values)) == constant


@pytest.mark.parametrize("column", CONSTANT.values(), ids=CONSTANT)
@pytest.mark.parametrize("knots", [8, 0, None])
def test_a_constant_column_is_refused_by_name(column, knots):
    with pytest.raises(InvalidTable, match=REFUSED):
        fit(table(column), "y", **QUICK | {"knots": knots})


@pytest.mark.parametrize("column", CONSTANT.values(), ids=CONSTANT)
@pytest.mark.parametrize("missing", [False, True])
def test_a_constant_column_that_is_kept_has_no_effect(column, missing):
    columns = table(column)
    if missing:
        columns["flat"] = np.where(np.arange(ROWS) < 20, np.nan, columns["flat"])
    model = fit(columns, "y", keep_constant=True, **QUICK).model
    other = columns | {"flat": np.where(np.isnan(columns["flat"]), np.nan, 17.0)}
    assert np.array_equal(model.predict(columns), model.predict(other))
    assert not model.certify().columns[1].bound


def test_streams_and_estimators_share_the_definition():
    columns = table(TOTAL)
    batches = [{name: cells[i::4] for name, cells in columns.items()} for i in range(4)]
    with pytest.raises(InvalidTable, match="Column 'flat' is constant"):
        fit(batches, "y", epochs=1, **QUICK)
    kept = fit(batches, "y", epochs=1, keep_constant=True, **QUICK).model
    assert not kept.certify().columns[1].bound
    SpectralRegressor = pytest.importorskip("eigcore.estimators").SpectralRegressor
    X = np.column_stack([columns["a"], columns["flat"]])
    found = SpectralRegressor(dim=3, knots=4, penalty=1e-3, n_estimators=1, max_iter=15).fit(
        X, columns["y"]
    )
    assert found.feature_norms_[0] > 0.0 == found.feature_norms_[1]


def test_a_target_that_varies_by_rounding_alone_is_constant():
    columns = table(TOTAL)
    with pytest.raises(InvalidInput, match=r"the same value .* up to rounding"):
        fit({"a": columns["a"]}, 1e9 * TOTAL, **QUICK)
    kept = fit({"a": columns["a"]}, 1e9 * TOTAL, keep_constant=True, **QUICK).model
    np.testing.assert_allclose(kept.predict({"a": columns["a"]}), 1e9, rtol=1e-11)


def test_a_column_that_varies_only_elsewhere_has_no_effect():
    """On fitted rows it is constant; the encoding and the linear model leave it at zero."""
    columns = table(TOTAL.copy())
    columns["flat"][150:] = np.linspace(2.0, 3.0, 50)
    problem = problem_for(columns)
    known = problem.part(np.arange(150)).encoded(8)
    assert known.encoding.columns[1] == Linear(columns["flat"][0], 1.0)
    without = problem_for({name: columns[name] for name in ("a", "y")})
    found = linear_decisions(known, problem.numbers)
    wanted = linear_decisions(without.part(np.arange(150)), without.numbers)
    np.testing.assert_allclose(found, wanted, atol=1e-9)
