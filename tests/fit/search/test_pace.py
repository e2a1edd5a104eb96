"""How a race spends a budget."""

from dataclasses import replace

import numpy as np
import pytest
from samples import problem_for, smooth_table

from eigcore.fit.context import Context
from eigcore.fit.members.member import Settings
from eigcore.fit.search import pace
from eigcore.fit.search.candidates import DEFAULT
from eigcore.fit.search.folds import CHOOSING, folds_of
from eigcore.fit.search.trials import Trial


def budgeted(monkeypatch, budget):
    """A problem and five folds; the first short fit takes a second, and all steps 10 ms."""
    now = [0.0]

    def judged(*_, steps, **__):
        now[0] += 0.01 * steps + (now[0] == 0.0)

    monkeypatch.setattr(pace, "judge", judged)
    monkeypatch.setattr(pace, "averaged", lambda each: 1 if each.context.hurried else 3)
    problem = problem_for(context=Context("numpy", budget=budget, clock=lambda: now[0]))
    return problem, folds_of(problem)[:1] * 5


@pytest.mark.parametrize(("budget", "hurried", "count"), [(13.0, False, 5), (12.9, True, 5)])
def test_three_neurons_of_twice_the_steps_must_be_payable(monkeypatch, budget, hurried, count):
    # 20 candidates, 5 folds, 3 neurons, 20 ms each take 6 s, of 0.6 · 0.9 of the budget less 1.005
    problem, folds = budgeted(monkeypatch, budget)
    assert len(pace.affordable(problem, folds)) == count
    assert problem.context.hurried == hurried


def test_folds_of_the_caller_are_all_heard_in_a_hurry(monkeypatch):
    problem, folds = budgeted(monkeypatch, 4.5)
    assert len(pace.affordable(problem, folds)) == 2  # of 0.3 · 0.9 · 4.5 less 1.005, 0.1 s each
    problem, folds = budgeted(monkeypatch, 4.5)
    given = replace(problem.together, roles=np.zeros((len(problem), 5), np.int8))
    assert len(pace.affordable(replace(problem, together=given), folds)) == 5
    assert problem.context.hurried


def test_an_interrupt_in_the_first_short_fit_is_kept(monkeypatch):
    problem, folds = budgeted(monkeypatch, 4.5)

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pace, "judge", stopped)
    assert len(pace.affordable(problem, folds)) == 1
    assert problem.context.interrupted


@pytest.mark.parametrize(
    ("rows", "hurried", "bent", "part"),
    [
        (100, False, 0.5, pace.LONGEST),
        (100, True, 0.5, CHOOSING),
        (100, True, 1.5, pace.LONGEST),
        (3000, False, 0.5, CHOOSING),
    ],
)
def test_choosing_leaves_time_in_a_hurry_and_for_sums_of_columns(rows, hurried, bent, part):
    problem = problem_for(smooth_table(rows))
    problem.context.hurried = hurried
    losses = {Settings(0, 1, 1e-3, 1): 1.0, DEFAULT: bent}
    trials = {each: Trial(loss, np.ones(1), []) for each, loss in losses.items()}
    assert pace.until(problem, trials) == part


def test_a_grid_begins_if_half_of_its_time_is_left_or_no_matrices_can_be_fitted():
    line, small = Settings(0, 1, 1e-3, 1), DEFAULT._replace(dim=3)
    known = {line: Trial(1.0, np.ones(1), [], 0.1), small: Trial(1.0, np.ones(1), [], 4.0)}
    grid = [DEFAULT] * 10
    assert not pace.is_payable(grid, known, 19.9)
    assert pace.is_payable(grid, known, 20.1)
    assert pace.is_payable(grid, {line: known[line]}, 0.1)
