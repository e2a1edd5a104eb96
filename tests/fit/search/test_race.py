"""What is tried before the members are fitted, and what is kept of it."""

from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest
from samples import problem_for, smooth_table

from eigcore.fit.context import Context
from eigcore.fit.losses import LOSSES, Targets
from eigcore.fit.members.member import Settings
from eigcore.fit.options import FitOptions
from eigcore.fit.search import race as module
from eigcore.fit.search.candidates import DEFAULT, stages
from eigcore.fit.search.folds import Judged, average_loss, folds_of
from eigcore.fit.search.race import Race, Trial, choose, usual_settings


def test_the_loss_of_a_large_average_is_foretold_by_few_neurons():
    # neurons decide 0.5 ± 1 where 0 is right: an average of M has 0.25 + 1/M, up to the loss's ½
    loss, targets, signs = LOSSES["squared"], Targets(np.zeros(1)), (1.0, -1.0)
    draws = [np.array(each).reshape(3, 1) + 0.5 for each in product(signs, repeat=3)]
    unit = loss(np.ones(1), *targets)[0]
    for members in (3, 12, 48):
        found = np.mean([average_loss(loss, draw, targets, members) for draw in draws])
        assert found == pytest.approx(unit * (0.25 + 1.0 / members))


@pytest.mark.parametrize(("rows", "count"), [(150, 10), (400, 5), (900, 3), (3000, 1)])
def test_folds_hide_every_row_once_and_never_one_that_is_known(rows, count):
    table = smooth_table(rows) | {"row": np.arange(float(rows))}
    problem = problem_for(table)
    folds = folds_of(problem)
    assert len(folds) == count
    place = problem.encoding.names.index("row")
    hidden = [fold.hidden.numbers[:, place] for fold in folds]
    for fold, own in zip(folds, hidden, strict=True):
        assert fold.rows == rows
        assert not np.intersect1d(fold.known.numbers[:, place], own).size
        assert len(fold.known) + len(own) == rows
    if count > 1:
        assert np.sort(np.concatenate(hidden)).tolist() == list(range(rows))


@pytest.mark.parametrize(("rows", "least"), [(600, 2.0**-9), (5000, 2.0**-7)])
def test_few_rows_follow_the_penalty_as_far_as_it_pays(rows, least):
    best = DEFAULT
    for stage in stages(FitOptions(), rows, fast=False):
        usual = [each for each in stage(best) if each.knots and not each.smooth]
        best = min([best, *usual], key=lambda each: each.penalty)
    assert best.penalty == pytest.approx(least * DEFAULT.penalty)


@pytest.mark.parametrize(("gain", "rows", "members"), [(1.7, 600, 1), (1.7, 601, 12), (4, 600, 12)])
def test_few_rows_get_a_linear_model_unless_more_is_clearly_better(gain, rows, members):
    # a row's loss falls by 1/20 of the gain ± 1/2: that many standard errors for 100 rows
    better = np.sqrt(1.0 - gain / 20.0 + 0.5 * (-1.0) ** np.arange(100))
    line, curved = Settings(0, 1, 1e-3, 12), DEFAULT
    race = Race(problem_for(smooth_table(rows)), DEFAULT)
    race.hidden = Targets(np.zeros(100))
    race.trials = {
        line: Trial(0.5, np.ones(100), []),
        curved: Trial(0.5 - gain / 40.0, better, []),
    }
    plan = race.plan()
    assert len(plan) == members
    assert plan.count(line) == 1 if members == 1 else plan.count(curved) >= 6


def test_a_race_that_cannot_end_in_time_is_not_run(monkeypatch):
    seen = []

    def judged(fold, settings, neurons, *, ends, steps):
        seen.append(settings)
        time.sleep(0.01)
        return Judged(np.zeros((neurons, len(fold.hidden))), [])

    monkeypatch.setattr(module, "judge", judged)
    problem = problem_for(members=1, context=Context("numpy", budget=3.0 / 0.9))
    assert choose(problem) == [usual_settings(problem)]
    assert len(set(seen)) == 1


def test_the_better_half_of_the_first_candidates_goes_on_from_where_it_is(monkeypatch):
    seen: list[tuple] = []

    def judged(fold, settings, neurons, *, ends, steps):
        known = [each for each in seen if each[0] == settings and each[1] is fold]
        assert ends == ([settings.knots] if known else None)
        seen.append((settings, fold, steps))
        wrong = abs(settings.knots - 4) + abs(settings.dim - 3) / 100.0
        return Judged(np.full((neurons, len(fold.hidden)), wrong), [settings.knots])

    monkeypatch.setattr(module, "judge", judged)
    problem = problem_for(penalty=1e-3, members=2)
    race = Race(problem, usual_settings(problem))
    race.hidden = Targets(np.zeros(200))
    race.run(list(stages(problem.options, 200, fast=False)))
    assert {(each.knots, each.dim) for each in race.plan()} == {(4, 3)}
    grid = len(next(stages(problem.options, 200, fast=False))(DEFAULT))
    folds = len({fold for _, fold, _ in seen})
    counts = [sum(each == steps for *_, each in seen) / folds for steps in (0.125, 0.25, 0.5)]
    assert counts == [grid + -(-grid // 2), -(-grid // 4), -(-grid // 8)]


def test_on_many_rows_the_best_so_far_stays_unless_others_are_clearly_better():
    table = smooth_table(9000)
    problem = problem_for(table)
    if not problem.fast:
        pytest.skip("only where a kernel makes many rows cheap")
    best, other = usual_settings(problem), usual_settings(problem)._replace(knots=8)
    race = Race(problem, best)
    for loss, kept in ((0.99, best), (0.97, other)):
        race.trials = {best: Trial(1.0, np.zeros(1), []), other: Trial(loss, np.zeros(1), [])}
        assert race.lowest() == kept
