"""Tables with many columns: bounded memory, and a budget that holds."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from samples import problem_for

from eigcore.errors import InvalidInput
from eigcore.fit import fit
from eigcore.fit.context import Context
from eigcore.fit.data import covariance
from eigcore.fit.search.candidates import Scope, most_pieces, stages
from eigcore.fit.search.folds import TimeUp, folds_of, judge
from eigcore.fit.search.usual import usual_settings


def wide(columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, columns))
    return x, np.abs(x[:, 0]) + x[:, 1] + 0.1 * rng.normal(size=rows)


def test_memory_does_not_grow_with_the_square_of_the_terms(monkeypatch):
    monkeypatch.setattr(covariance, "_MOST_PRODUCTS", 1)
    x, y = wide(70, 40)
    x[::7, :20] = np.nan
    options = {"dim": 2, "knots": 32, "penalty": 0.1, "members": 1, "max_iter": 2}
    tracemalloc.start()
    result = fit(x, y, increasing=[f"x{j}" for j in range(20, 40)], **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    terms = result.model.encoding.terms
    assert terms > 70 * 30  # the caller's knots are kept
    assert peak < 0.5 * 8 * terms**2


@pytest.mark.parametrize(
    ("rows", "columns", "most"),
    [(850, 64, 64), (850, 200, 20), (51, 800, 1), (850, 2000, 2), (10**6, 10**6, 1), (9, 0, 180)],
)
def test_pieces_follow_from_rows_and_columns(rows, columns, most):
    assert most_pieces(rows, columns) == most


@pytest.mark.parametrize("fast", [False, True])
def test_no_candidate_has_more_pieces(fast):
    problem = problem_for(dict(enumerate_columns(100)), np.arange(60.0))
    usual = usual_settings(problem)
    assert usual.knots == 12
    for stage in stages(problem.options, Scope(60, fast, 100)):
        candidates = stage(usual) or stage(usual._replace(smooth=0.1))
        assert candidates
        assert max(each.knots for each in candidates) <= 12
    own = problem_for(dict(enumerate_columns(100)), np.arange(60.0), knots=16)
    assert usual_settings(own).knots == 16


def enumerate_columns(count):
    rng = np.random.default_rng(0)
    return ((f"x{j}", rng.normal(size=60)) for j in range(count))


@pytest.mark.parametrize("target", ["numbers", "classes"])
def test_the_shortest_budget_gives_a_model(target):
    x, y = wide(150, 60)
    y = np.where(y > 0.8, "high", "low") if target == "classes" else y
    result = fit(x, y, budget_seconds=1e-6)
    assert result.report.settings.members == 1
    assert not result.report.interrupted
    assert np.isfinite(result.report.model.train)


def test_the_callback_hears_of_the_fit_before_the_table_is_read():
    heard = []

    def callback(step):
        heard.append(step)
        raise KeyboardInterrupt

    with pytest.raises(InvalidInput, match="target is '7'"):
        fit({"a": ["no table at all"]}, 7, callback=callback)
    assert heard[0][:2] == ("choosing", 0.0)


def test_candidates_look_at_the_clock_before_every_encoding():
    problem = problem_for(context=Context("numpy", budget=1e-9))
    fold = folds_of(problem)[0]
    with pytest.raises(TimeUp):
        judge(fold, usual_settings(problem), 3)
    assert not fold.made
