"""How long members descend on few rows, as hidden rows tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from samples import problem_for

from eigcore.fit import fit
from eigcore.fit.context import Context
from eigcore.fit.losses import Scaling
from eigcore.fit.members.member import Settings, most_steps
from eigcore.fit.search import lengths, race
from eigcore.fit.search.folds import STEPS, End, Judged, TimeUp, folds_of
from eigcore.fit.search.lengths import few_steps
from eigcore.fit.search.tails import Going

WILD = Settings(knots=4, dim=3, penalty=1e-6, members=12)


def wavy(noise, rows=250):
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-2, 2, (2, rows))
    return {"a": a, "b": b, "y": np.sin(2 * a) * b + noise * rng.normal(size=rows)}


@pytest.mark.parametrize(("noise", "steps"), [(1.0, 2 * STEPS), (0.0, None)])
def test_descents_are_short_where_long_ones_fit_noise(noise, steps):
    problem = problem_for(wavy(noise), backend="numpy")
    if not problem.fast:
        pytest.skip("there is no kernel")
    folds = folds_of(problem)
    assert few_steps(problem, [WILD._replace(dim=1, knots=0), WILD], folds) == steps
    assert few_steps(problem, [WILD._replace(dim=1)], folds) is None


@pytest.mark.parametrize(("loss", "steps"), [(0.98, 2 * STEPS), (0.96, None)])
def test_long_descents_must_gain_three_percent(monkeypatch, loss, steps):
    made = []

    def judge(fold, *_, ends=None, steps=1.0):
        made.append(2 * STEPS * steps)
        error = loss**0.5 if ends else 1.0
        return Judged(np.full((2, len(fold.hidden)), error), [End(np.zeros(1))] * 2)

    monkeypatch.setattr(lengths, "judge", judge)
    problem = problem_for(wavy(1.0))
    if not problem.fast:
        pytest.skip("there is no kernel")
    zeros = replace(problem.target, values=np.zeros(len(problem)), scaling=Scaling(1.0, 0.0))
    folds = folds_of(replace(problem, target=zeros))
    assert few_steps(problem, [WILD], folds) == steps
    assert sum(made) == pytest.approx(most_steps(problem) * len(folds))


def test_members_make_so_many_steps(monkeypatch):
    monkeypatch.setattr(race, "few_steps", lambda *_: 3)
    found = fit(wavy(1.0), "y", dim=3, knots=4, members=2, validation=0)
    assert [each.iterations for each in found.solutions] == [3, 3]


@pytest.mark.parametrize(
    ("rows", "budget", "options"),
    [
        (250, None, {"max_iter": 50}),
        (250, None, {"penalty": 1e-3}),
        (250, None, {"preset": "quick"}),
        (250, 5.0, {}),
        (700, None, {}),
    ],
)
def test_hidden_rows_are_asked_only_where_they_may_decide(monkeypatch, rows, budget, options):
    monkeypatch.setattr(lengths, "judge", None)
    context = Context("numpy", 0, budget=budget)
    problem = problem_for(wavy(1.0, rows), context=context, **options)
    assert few_steps(problem, [WILD], folds_of(problem)) is None


@pytest.mark.parametrize("raised", [TimeUp, KeyboardInterrupt])
def test_members_go_on_as_usual_if_time_is_up(monkeypatch, raised):
    def judge(fold, *_, ends=None, **__):
        if ends:
            raise raised
        return Judged(np.zeros((2, len(fold.hidden))), [None, None])

    monkeypatch.setattr(lengths, "judge", judge)
    problem = problem_for(wavy(1.0))
    assert few_steps(problem, [WILD], folds_of(problem)) is None
    assert problem.context.interrupted == (problem.fast and raised is KeyboardInterrupt)


def test_a_model_that_goes_on_makes_the_usual_steps(monkeypatch):
    monkeypatch.setattr(race, "few_steps", lambda *_: 3)
    monkeypatch.setattr(race, "going", lambda *_: Going(("a",)))
    problem = problem_for(wavy(1.0), dim=3, knots=4, members=2)
    assert race.choose(problem).steps is None
