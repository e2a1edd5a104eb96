"""Knots of columns, and pieces that are joined and refined."""

from __future__ import annotations

import numpy as np
import pytest
from samples import problem_for, smooth_table

import eigcore
from eigcore.encoding import Categories, Encoding, Linear, PiecewiseLinear
from eigcore.fit.data.encode import Sum, coarsen, refinement


@pytest.mark.parametrize("tails", ["linear", "clamped"])
@pytest.mark.parametrize("missing", [False, True])
def test_refinement_keeps_the_function_of_a_column(tails, missing):
    knots = tuple(np.sort(np.random.default_rng(0).normal(size=12)))
    fine = PiecewiseLinear(knots, tails=tails, missing=missing)
    coarse = coarsen(fine, 4)
    t = np.linspace(-4.0, 4.0, 101)[:, None]
    if missing:
        t[3] = np.nan
    numpy = eigcore.get_backend("numpy")
    heights = np.random.default_rng(1).normal(size=coarse.terms)
    before = Encoding((coarse,))(t, numpy) @ heights
    after = Encoding((fine,))(t, numpy) @ (refinement(fine, coarse) @ heights)
    assert np.allclose(before, after)


def test_columns_get_knots_at_quantiles_and_keep_levels_and_missing_cells():
    problem = problem_for().encoded(5)
    kinds = dict(zip(problem.encoding.names, problem.encoding.columns, strict=True))
    assert len(kinds["a"].knots) == 6
    assert kinds["a"].knots[0] == smooth_table()["a"].min()
    assert kinds["a"].tails == "clamped"
    assert kinds["c"].missing
    assert isinstance(kinds["kind"], Categories)
    assert isinstance(kinds["two"], Linear)  # of two values
    assert all(
        isinstance(each, (Linear, Categories)) for each in problem.encoded(0).encoding.columns
    )
    assert problem_for(shape="convex").encoded(5).encoding.columns[0].tails == "linear"


def test_knots_come_from_the_rows_of_a_part_and_levels_from_all():
    problem = problem_for()
    part = problem.part(np.flatnonzero(problem.numbers[:, 0] < 0.0)).encoded(4)
    assert part.encoding.columns[0].knots[-1] < 0.0
    assert part.encoding.columns[3] == problem.encoding.columns[3]
    assert problem.part(np.arange(15, 60)).encoded(4).encoding.columns[2].missing


def test_a_sum_has_missing_cells_where_one_of_its_columns_has():
    problem, total = problem_for(), Sum(("a", "c"), (1.0, -2.0), (0.5, 0.0))
    found = problem.__class__(**vars(problem) | {"sums": (total,)}).encoded(4)
    table = smooth_table()
    wanted = table["a"] - 0.5 - 2.0 * table["c"]
    np.testing.assert_allclose(total.of(found.encoding, found.numbers), wanted)
    (projection,) = found.encoding.projections
    assert projection.column.missing
    assert projection.column.knots[-1] == np.nanmax(wanted)
