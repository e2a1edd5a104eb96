"""What is tried before the members are fitted, and what is kept of it."""

from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest
from samples import smooth_table

from eigcore.fit.design import Wishes
from eigcore.fit.frame import make_frame
from eigcore.fit.losses import LOSSES, Goals
from eigcore.fit.member import Run
from eigcore.fit.search import race as choosing
from eigcore.fit.search.candidates import DEFAULT, Asked, stages
from eigcore.fit.search.race import averages


def test_the_loss_of_a_large_average_is_foretold_by_few_neurons():
    # neurons decide 0.5 ± 1 where 0 is right: an average of M has 0.25 + 1/M, up to the loss's ½
    loss, goals, signs = LOSSES["squared"], Goals(np.zeros(1)), (1.0, -1.0)
    draws = [np.array(each).reshape(3, 1) + 0.5 for each in product(signs, repeat=3)]
    unit = loss(np.ones(1), *goals)[0]
    for members in (3, 12, 48):
        found = np.mean([averages(loss, draw, goals, members) for draw in draws])
        assert found == pytest.approx(unit * (0.25 + 1.0 / members))


@pytest.mark.parametrize(("rows", "least"), [(600, 2.0**-9), (5000, 2.0**-7)])
def test_few_rows_follow_the_penalty_as_far_as_it_pays(rows, least):
    best = DEFAULT
    for stage in stages(Asked(), rows, shaped=False, fast=False):
        usual = [each for each in stage(best) if each.knots and not each.smooth]
        best = min([best, *usual], key=lambda each: each.penalty)
    assert best.penalty == pytest.approx(least * DEFAULT.penalty)


@pytest.mark.parametrize(("gain", "rows", "members"), [(1.7, 600, 1), (1.7, 601, 12), (4, 600, 12)])
def test_few_rows_get_a_linear_model_unless_more_is_clearly_better(gain, rows, members):
    # a row's loss falls by 1/20 of the gain ± 1/2: that many standard errors for 100 rows
    better = np.sqrt(1.0 - gain / 20.0 + 0.5 * (-1.0) ** np.arange(100))
    line, curved = choosing.Settings(0, 1, 1e-3, 12), DEFAULT
    trials = {
        line: choosing._Trial(0.5, np.ones(100), []),
        curved: choosing._Trial(0.5 - gain / 40.0, better, []),
    }
    run, goals = Run(LOSSES["squared"], "numpy", 0, 10), Goals(np.zeros(100))
    plan = choosing._blended(run, trials, goals, rows, 12, 1)
    assert len(plan) == members
    assert plan.count(line) == 1 if members == 1 else plan.count(curved) >= 6


def test_a_race_that_cannot_end_in_time_is_not_run(monkeypatch):
    seen = []

    def judged(run, frame, goals, wishes, settings, rows, fold, ends, many, steps):
        seen.append(settings)
        time.sleep(0.01)
        return choosing.Judged(np.zeros((many, len(fold.hidden))), [])

    monkeypatch.setattr(choosing, "validate", judged)
    now = time.monotonic()
    run = Run(LOSSES["squared"], "numpy", 0, 10, began=now, deadline=now + 3.0)
    frame, goals = make_frame(smooth_table(), "y"), Goals(np.zeros(200))
    plan = choosing.choose(run, frame, np.arange(200), goals, Wishes(), Asked(members=1))
    assert plan == [choosing.usual(run, Wishes(), Asked(members=1), 200)]
    assert len(set(seen)) == 1


def test_the_better_half_of_the_first_candidates_goes_on_from_where_it_is(monkeypatch):
    seen: list[tuple] = []

    def judged(run, frame, goals, wishes, settings, rows, fold, ends, many, steps):
        known = [each for each in seen if each[0] == settings and each[1] is fold]
        assert ends == ([settings.knots] if known else None)
        seen.append((settings, fold, steps))
        wrong = abs(settings.knots - 4) + abs(settings.dim - 3) / 100.0
        return choosing.Judged(np.full((many, len(fold.hidden)), wrong), [settings.knots])

    monkeypatch.setattr(choosing, "validate", judged)
    frame, asked = make_frame(smooth_table(), "y"), Asked(penalty=1e-3, members=2)
    run, goals = Run(LOSSES["squared"], "numpy", 0, 10), Goals(np.zeros(200))
    plan = choosing.choose(run, frame, np.arange(200), goals, Wishes(), asked)
    assert {(each.knots, each.dim) for each in plan} == {(4, 3)}
    grid = len(next(stages(asked, 200, shaped=False, fast=False))(DEFAULT))
    folds = len({fold for _, fold, _ in seen})
    counts = [sum(each == steps for *_, each in seen) / folds for steps in (0.125, 0.25, 0.5)]
    assert counts == [grid + -(-grid // 2), -(-grid // 4), -(-grid // 8)]
