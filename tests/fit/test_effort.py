"""Presets, lines about a fit, and budgets."""

from __future__ import annotations

import numpy as np
import pytest
from samples import problem_for, smooth_table

from eigcore.fit import fit
from eigcore.fit.context import Context, Progress
from eigcore.fit.effort import EFFORTS
from eigcore.fit.members.member import most_steps
from eigcore.fit.search.candidates import DEFAULT, Scope, stages
from eigcore.fit.verbose import Lines


def test_more_work_goes_into_better_presets():
    counts = {}
    for name, effort in EFFORTS.items():
        options = problem_for(preset=name).options
        plan = stages(options, Scope(400.0, False, 4))
        counts[name] = sum(len(stage(DEFAULT)) for stage in plan) * effort.folds(400.0)
    assert counts["quick"] < counts["default"] < counts["best"]


def test_a_quick_fit_has_four_members_of_few_steps():
    result = fit(smooth_table(120), "y", preset="quick", knots=2, penalty=1e-3)
    assert result.report.settings.members == 4
    assert max(solution.iterations for solution in result.solutions) <= 60
    given = fit(smooth_table(60), "y", preset="quick", knots=2, penalty=1e-3, dim=2, members=1)
    assert given.report.settings.members == 1


def test_members_descend_longer_where_there_is_no_hurry():
    steps = []
    for budget, hurried in ((5.0, True), (30.0, False), (None, False), (5.0, False)):
        context = Context("numpy", budget=budget)
        assert context.hurried == hurried or budget == 5.0
        context.hurried = hurried  # once a race has timed a short fit
        steps.append(most_steps(problem_for(context=context)))
    assert steps[1:] == [steps[1]] * 3
    assert steps[0] < steps[1] or not problem_for().fast


def test_verbose_says_where_a_fit_is(capsys):
    options = {"preset": "quick", "knots": 2, "penalty": 1e-3, "max_iter": 3}
    fit(smooth_table(60), "y", **options)
    assert capsys.readouterr() == ("", "")
    fit(smooth_table(60), "y", verbose=True, **options)
    out, err = capsys.readouterr()
    assert not out
    assert "choosing settings: 0%\n" in err
    assert "member 1 of 4, step 1, objective 0." in err
    assert "member 4 of 4" in err


def test_lines_about_the_same_thing_are_few(capsys):
    lines = Lines()
    for part in np.linspace(0.0, 1.0, 100):
        lines(Progress("choosing", part, 0, 0, 0, 1.0))
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("bent", [False, True])
def test_a_budget_is_never_worse_than_the_linear_model(bent):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3))
    y = (np.abs(x[:, 0]) if bent else x[:, 0]) + 0.5 * rng.normal(size=500)
    for budget in (1e-3, 0.1, 0.3, 1.0):
        report = fit(x, y, budget_seconds=budget, validation=0.5).report
        assert report.model.held_out <= 1.03 * report.linear.held_out
        if budget <= 0.1:
            assert any("budget ended" in note for note in report.notes)
