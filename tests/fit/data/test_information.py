"""What rows can tell, and which of them are fitted where settings are chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from samples import problem_for

from eigcore.fit.context import Context
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.information import effective, thinned
from eigcore.fit.data.together import Together
from eigcore.fit.losses import LOSSES, make_loss
from eigcore.fit.options import FitOptions
from eigcore.fit.problem import Problem
from eigcore.fit.search import folds as module
from eigcore.fit.search.folds import folds_of, is_fast
from eigcore.fit.search.usual import scope_of


def test_equal_rows_count_in_full_and_one_that_outweighs_all_counts_once():
    assert effective(None, 7) == 7.0
    assert effective(np.full(7, 1e200), 7) == pytest.approx(7.0)
    assert effective(np.array([1e300, 1.0, 1.0]), 3) == pytest.approx(1.0)
    assert effective(np.zeros(3), 3) == 0.0
    # half of the weight on one row, half on many: a variance of a quarter of that of one row
    assert effective(np.array([1.0, *np.full(1000, 1e-3)]), 1001) == pytest.approx(4.0, rel=0.01)


BADS = np.repeat([1.0, 0.0], [92, 2908])
CLAIMS = np.repeat([0.0, 1.0, 2.0], [2900, 80, 20])


@pytest.mark.parametrize(
    ("name", "target", "weights", "information"),
    [
        ("squared", CLAIMS, None, 3000.0),
        ("squared", CLAIMS, np.repeat([1.0, 0.0], [500, 2500]), 500.0),
        ("logistic", BADS, None, 92.0),
        ("logistic", 1.0 - BADS, np.full(3000, 0.1), 92.0),
        ("logistic", BADS, np.where(np.arange(3000) < 46, 1.0, 1e-9), 46.0),
        ("multinomial", BADS, None, 92.0),
        ("binomial", BADS, None, 92.0),
        ("poisson", CLAIMS, None, 120.0**2 / 160.0),
        ("tweedie", 1000.0 * BADS, None, 92.0),
        ("gamma", 1.0 + CLAIMS, None, 3000.0),
        ("absolute", CLAIMS, None, 3000.0),
    ],
)
def test_of_what_is_rare_only_events_count(name, target, weights, information):
    loss = make_loss(name)
    assert loss.information(target, weights) == pytest.approx(information, abs=1e-3)


def test_claims_count_the_same_per_year_and_per_half_year():
    # a policy of half a year with a claim has the rate 2 and the weight 1/2
    years = np.where(np.arange(3000) % 2, 0.5, 1.0)
    loss = LOSSES["poisson"]
    assert loss.information(CLAIMS / years, years) == pytest.approx(loss.information(CLAIMS))


def test_groups_limit_the_information():
    table = {"x": np.arange(300.0) ** 2, "y": np.arange(300.0)}
    beside = Beside(groups=np.arange(300) // 10)
    found = Problem.of(table, "y", beside, FitOptions(), Context("numpy"))
    assert found.information == 30


def test_thinning_keeps_events_and_the_means_of_all():
    strata = BADS.astype(int)
    chosen, factors = thinned(strata, 3000, 400, np.random.default_rng(0))
    assert factors is not None
    assert len(chosen) == len(set(chosen)) == 400
    assert BADS[chosen].sum() == 92
    assert factors.sum() == pytest.approx(3000)
    assert set(factors[BADS[chosen] == 1.0]) == {1.0}
    assert np.average(BADS[chosen], weights=factors) == pytest.approx(92 / 3000)
    plain, none = thinned(None, 3000, 400, np.random.default_rng(0))
    assert len(set(plain)) == 400
    assert none is None
    every, none = thinned(strata, 3000, 3000, np.random.default_rng(0))
    assert every.tolist() == list(range(3000))
    assert none is None


@pytest.mark.parametrize("grouped", [False, True])
def test_every_fold_has_its_part_of_the_events(grouped):
    # of 60 groups of 50 rows, 20 have events
    groups = np.arange(3000) // 50 if grouped else None
    strata = ((np.arange(3000) % 50 < 5) & (np.arange(3000) < 1000)).astype(int)
    together, rng = Together(3000, groups), np.random.default_rng(0)
    pairs = together.folds(5, rng, strata)
    assert [strata[hidden].sum() for _, hidden in pairs] == [20] * 5
    assert np.sort(np.concatenate([hidden for _, hidden in pairs])).tolist() == list(range(3000))
    known, hidden = together.once(3000, rng, strata)
    assert strata[hidden].sum() == pytest.approx(25, abs=5)
    assert len(known) == pytest.approx(2250, abs=50)


def test_few_events_among_many_rows_are_cross_validated_on_some_of_the_others(monkeypatch):
    rng = np.random.default_rng(0)
    table = {"x": rng.normal(size=20_000), "z": rng.normal(size=20_000)}
    bad = np.arange(20_000) % 100 == 0
    problem = problem_for(table, bad)
    assert problem.information == 200
    assert not is_fast(problem)
    assert scope_of(problem).information == 200
    folds = folds_of(problem)
    assert len(folds) == 5
    for fold in folds:
        assert fold.known.target.values.sum() == 160
        assert len(fold.known) == 2000
        weights = fold.known.target.weights
        assert weights is not None
        assert weights.sum() == pytest.approx(16_000)
        # the penalty grows as for all 16 000 rows
        assert fold.rows / len(fold.known) == pytest.approx(20_000 / 16_000)
        assert fold.hidden.target.values.sum() == 40
    even = replace(problem, target=replace(problem.target, values=np.arange(20_000) % 2.0))
    assert even.information == 10_000
    assert len(folds_of(even)) == 1
    monkeypatch.setattr(module, "_SAMPLE", 1000)
    monkeypatch.setattr(module, "_FAST_SAMPLE", 1000)
    (fold,) = folds_of(even)
    assert len(fold.known) == 750
    assert fold.rows / len(fold.known) == pytest.approx(20_000 / 750)
