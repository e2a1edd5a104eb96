"""The linear model that every report compares with."""

from __future__ import annotations

import numpy as np
import pytest
from samples import problem_for

from eigcore.fit import linear
from eigcore.fit.linear import linear_decisions


def test_the_linear_model_is_least_squares():
    table = {"a": np.arange(20.0), "b": np.arange(20.0) % 3}
    y = 2.0 * table["a"] - table["b"] + 1.0
    problem = problem_for(table, y)
    found = linear_decisions(problem.part(np.arange(15)), problem.numbers)
    assert np.allclose(found, problem.target.targets.target, atol=1e-3)


def test_missing_cells_and_categories_have_terms_of_their_own():
    rng = np.random.default_rng(0)
    a, kind = rng.normal(size=200), rng.choice(["oak", "elm"], size=200)
    a[:40] = np.nan
    y = np.where(np.isnan(a), 5.0, a) + 3.0 * (kind == "elm")
    problem = problem_for({"a": a, "kind": kind}, y)
    found = linear_decisions(problem, problem.numbers)
    assert np.allclose(found, problem.target.targets.target, atol=1e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_fewer_rows_than_columns_give_the_same_coefficients(weighted):
    rng = np.random.default_rng(0)
    known, target = rng.normal(size=(20, 50)), rng.normal(size=(20, 2))
    share = rng.random(20) if weighted else np.ones(20)
    share /= share.sum()
    gram = (known.T * share) @ known + linear._RIDGE * np.eye(50)
    wanted = np.linalg.solve(gram, (known.T * share) @ target)
    np.testing.assert_allclose(
        linear._least_squares(lambda rows: rows, known, share, target), wanted, atol=1e-6
    )


def test_many_rows_are_encoded_some_at_a_time(monkeypatch):
    rng = np.random.default_rng(0)
    table = {"a": rng.normal(size=50), "b": rng.normal(size=50)}
    problem = problem_for(table, table["a"] - np.abs(table["b"]))
    wanted = linear_decisions(problem, problem.numbers)
    monkeypatch.setattr(linear, "_CHUNK", 7)
    np.testing.assert_allclose(linear_decisions(problem, problem.numbers), wanted, atol=1e-10)
