"""What is tried before the members are fitted, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pytest
from samples import problem_for, smooth_table

from eigcore.fit.context import Context
from eigcore.fit.losses import LOSSES, Scaling, Targets
from eigcore.fit.members.member import Settings
from eigcore.fit.options import FitOptions
from eigcore.fit.search import pace
from eigcore.fit.search import race as module
from eigcore.fit.search.candidates import DEFAULT, FAST, Scope, is_line, stages
from eigcore.fit.search.folds import CHOOSING, End, Fold, Judged, TimeUp, average_loss, folds_of
from eigcore.fit.search.race import Race, choose
from eigcore.fit.search.trials import Trial
from eigcore.fit.search.usual import scope_of, usual_settings


def test_the_loss_of_a_large_average_is_foretold_by_few_neurons():
    # neurons decide 0.5 ± 1 where 0 is right: an average of M has 0.25 + 1/M, up to the loss's ½
    loss, targets, signs = LOSSES["squared"], Targets(np.zeros(1)), (1.0, -1.0)
    draws = [np.array(each).reshape(3, 1) + 0.5 for each in product(signs, repeat=3)]
    unit = loss(np.ones(1), *targets)[0]
    for members in (3, 12, 48):
        found = np.mean([average_loss(loss, draw, targets, members) for draw in draws])
        assert found == pytest.approx(unit * (0.25 + 1.0 / members))


@pytest.mark.parametrize(("rows", "count"), [(90, 10), (400, 5), (900, 3), (3000, 1)])
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


@pytest.mark.parametrize(("rows", "least", "most"), [(600, 2.0**-14, 2.0**8), (5000, 2.0**-7, 1)])
def test_few_rows_follow_the_penalty_as_far_as_it_pays(rows, least, most):
    for sign in (1.0, -1.0):
        best = DEFAULT
        for stage in stages(FitOptions(), Scope(rows, False, 4)):
            usual = [each for each in stage(best) if each.dim > 1 and not each.smooth]
            best = min([best, *usual], key=lambda each: sign * each.penalty)
        if sign > 0:
            assert best.penalty == pytest.approx(least * DEFAULT.penalty)
        else:  # a penalty of 1 is among them
            assert best.penalty >= most * DEFAULT.penalty


@pytest.mark.parametrize(("rows", "finest"), [(600, 16), (1270, 32), (1280, 64), (2500, 32)])
def test_columns_have_more_pieces_the_more_rows_cross_validation_sees(rows, finest):
    grids = [stage(DEFAULT) for stage in stages(FitOptions(), Scope(rows, False, 4))]
    grid = max(grids, key=lambda found: len({each.dim for each in found}))
    assert max(each.knots for each in grid) == finest


@pytest.mark.parametrize("rows", [600, 5000])
def test_every_order_of_the_grid_races_with_a_small_penalty_too(rows):
    grids = [stage(DEFAULT) for stage in stages(FitOptions(), Scope(rows, False, 4))]
    grid = max(grids, key=lambda found: len({each.dim for each in found}))
    for usual in [each for each in grid if each.penalty == DEFAULT.penalty]:
        assert usual._replace(penalty=DEFAULT.penalty / 8.0) in grid


@pytest.mark.parametrize("rows", [600, 2600])
@pytest.mark.parametrize(
    ("gain", "members", "least", "most"),
    [(1.0, 1, 0, 0), (1.6, 12, 4, 8), (2.0, 12, 8, 11), (9.0, 12, 12, 12)],
)
def test_members_stay_linear_as_far_as_a_gain_is_uncertain(gain, members, least, most, rows):
    plan = chosen_for(gain, rows, 12)
    assert len(plan) == members
    assert least <= plan.count(DEFAULT) <= most


@pytest.mark.parametrize(("gain", "knots"), [(1.5, 0), (2.0, DEFAULT.knots)])
def test_a_single_member_bends_where_more_than_half_would(gain, knots):
    assert [each.knots for each in chosen_for(gain, 600, 1)] == [knots]


def chosen_for(gain, rows, members):
    """Plan of a race between a line and a curve that is better by a gain in standard errors."""
    # a row's loss falls by 1/20 of the gain ± 1/2: that many standard errors for 100 rows
    better = np.sqrt(1.0 - gain / 20.0 + 0.5 * (-1.0) ** np.arange(100))
    usual = DEFAULT._replace(members=members)
    race = Race(problem_for(smooth_table(rows)), usual)
    race.hidden = Targets(np.zeros(100))
    race.trials = {
        Settings(0, 1, 1e-3, members): Trial(0.5, np.ones(100), []),
        usual: Trial(0.5 - gain / 40.0, better, []),
    }
    return race.plan()


class Clock:
    """A clock that a race moves on: candidates cost what they cost, whatever the machine."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def raced(monkeypatch, budget, losses, cost=lambda each: 1.0 + each.dim, seen=None, settings=None):
    """Choice of a race under a budget, where candidates have these losses and costs.

    A linear model has an error of 1 in each row, and another one √losses(settings). The folds that
    are seen become those of the set ``seen``, and candidates are added to the list ``settings``.
    """
    clock, tried = Clock(), [] if settings is None else settings

    def judged(fold, settings, neurons, *, ends, steps, few, until):
        clock.now += steps * cost(settings) / len(folds)
        if fold.known.context.is_over(until):
            raise TimeUp
        tried.append(settings)
        if seen is not None:
            seen.add(fold)
        wrong = 1.0 if is_line(settings) else losses(settings)
        return Judged(np.full((neurons, len(fold.hidden)), wrong**0.5), [End(np.zeros(1))])

    monkeypatch.setattr(module, "judge", judged)
    monkeypatch.setattr(pace, "judge", partial(judged, until=CHOOSING))
    problem = problem_for(context=Context("numpy", budget=budget, clock=clock))
    zeros = replace(problem.target, values=np.zeros(len(problem)), scaling=Scaling(1.0, 0.0))
    problem = replace(problem, target=zeros)
    folds = folds_of(problem)
    return choose(problem)[:2]


@pytest.mark.parametrize("budget", [5.0, 30.0])
def test_all_folds_are_heard_before_a_linear_model_is_chosen(budget, monkeypatch):
    # a row's loss falls by 0.11 ± 1/2: 1.4 standard errors for the 40 rows of a fold, 3.1 for all
    clock = Clock()

    def judged(fold, settings, neurons, *, ends, steps, few, until):
        clock.now += 1.0
        if fold.known.context.is_over(until):
            raise TimeUp
        better = np.sqrt(1.0 - 0.11 + 0.5 * (-1.0) ** np.arange(len(fold.hidden)))
        values = np.ones(len(fold.hidden)) if is_line(settings) else better
        return Judged(np.tile(values, (neurons, 1)), [End(np.zeros(1))])

    monkeypatch.setattr(module, "judge", judged)
    monkeypatch.setattr(pace, "affordable", lambda problem, folds: folds[:1])
    problem = problem_for(context=Context("numpy", budget=budget, clock=clock))
    target = replace(problem.target, values=np.zeros(len(problem)), scaling=Scaling(1.0, 0.0))
    race = Race(replace(problem, target=target), DEFAULT)
    race.run([lambda best: [Settings(0, 1, 1e-3, 12), best]])
    plan = race.plan()
    assert is_line(plan[0]) == (budget < 10.0)
    assert len(race.folds) == (1 if budget < 10.0 else 5)
    assert len(race.hidden.target) == len(race.trials[plan[0]].values)


def true_loss(settings):
    """Larger matrices are better, up to order 5, and small penalties worse."""
    return 0.5 + 0.1 * abs(settings.dim - 5) + 0.02 * abs(np.log(settings.penalty / 0.016))


def test_little_time_goes_into_candidates_first_and_then_into_folds(monkeypatch):
    found, counts = [], []
    for budget in (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8, 1.2, 2.0, 3.0, 5.0, 9.0, 19.0):
        folds: set[Fold] = set()
        plan, _ = raced(monkeypatch, budget, true_loss, lambda s: (2.0 + (s.dim > 1)) / 50, folds)
        found.append(np.mean([1.0 if is_line(each) else true_loss(each) for each in plan]))
        if not is_line(plan[0]):  # on all folds a linear model is judged again
            counts.append(len(folds))
    assert found == sorted(found, reverse=True)
    assert len(set(found)) > 2
    assert counts == sorted(counts)
    assert {1, 2, 5} <= set(counts)


def far_loss(settings):
    """The best order and penalty are far from the usual ones."""
    return 0.5 + 0.1 * abs(settings.dim - 9) + 0.02 * abs(np.log(settings.penalty / 0.256))


def test_more_time_never_chooses_worse_and_never_worse_than_a_linear_model(monkeypatch):
    found, notes = [], []
    for budget in (0.1, 25, 32, 40, 60, 90, 150, 200, 300, 1200, None):
        plan, told = raced(monkeypatch, budget, far_loss)
        found.append(np.mean([1.0 if is_line(each) else far_loss(each) for each in plan]))
        notes.append(told)
    assert found == sorted(found, reverse=True)
    assert found[0] == 1.0  # nothing is judged: linear
    assert len(set(np.round(found, 2))) > 3
    assert found[-1] < 0.75
    assert "none is judged" in notes[0][0]
    assert "were judged is used" in notes[3][0]
    assert notes[-1] == ()


@pytest.mark.parametrize(("budget", "hurried"), [(19.0, True), (150.0, True), (300.0, False)])
def test_a_budget_that_pays_for_the_usual_race_hurries_nothing(budget, hurried, monkeypatch):
    # 20 candidates of order 5 take 120 s, of 0.6 · 0.9 of the budget
    judged = {}
    for each in (budget, None):
        own: list[tuple] = []
        raced(monkeypatch, each, far_loss, settings=own)
        judged[each] = [found._replace(members=0) for found in own]
    last = judged[None][-1]
    assert (judged[budget][-len(judged[None]) :] == judged[None]) != hurried
    assert (last in judged[budget]) != hurried


def test_in_a_hurry_many_rows_are_raced_from_few_pieces_on_without_other_penalties():
    options, scope = FitOptions(), Scope(9000.0, True, 8, order=4)
    hurried = [stage(FAST) for stage in stages(options, scope._replace(short=True))]
    lines, grid = hurried
    assert all(map(is_line, lines))
    assert [each.knots for each in grid] == sorted(each.knots for each in grid)
    usual = [stage(FAST) for stage in stages(options, scope)]
    assert set(grid) == set(usual[1])
    assert len(usual) > 2


def test_what_cannot_be_fitted_in_the_time_left_is_not_used():
    line, small, large = Settings(0, 1, 1e-3, 1), DEFAULT._replace(dim=3), DEFAULT
    for budget, largest in ((None, 5), (30.0, 3), (2.0, 1)):
        race = Race(problem_for(context=Context("numpy", budget=budget, clock=Clock())), DEFAULT)
        race.hidden = Targets(np.zeros(100))
        race.trials = {
            line: Trial(1.0, np.ones(100), [], 1.0),
            small: Trial(0.25, np.full(100, 0.5), [], 4.0),
            large: Trial(0.04, np.full(100, 0.2), [], 1000.0),
        }
        assert max(each.dim for each in race.plan()) == largest


def test_matrices_that_are_worse_than_a_line_are_not_used(monkeypatch):
    for budget in (5, 50, 500, None):
        plan, _ = raced(monkeypatch, budget, lambda settings: 1.001)
        assert len(plan) == 1
        assert is_line(plan[0])


def test_the_better_half_of_the_first_candidates_goes_on_from_where_it_is(monkeypatch):
    seen: list[tuple] = []

    def judged(fold, settings, neurons, *, ends, steps, few, until=None):
        known = [each for each in seen if each[0] == settings and each[1] is fold]
        assert (ends and ends[0].vector) == (settings.knots if known else None)
        seen.append((settings, fold, steps))
        wrong = abs(settings.knots - 4) + abs(settings.dim - 3) / 100.0
        return Judged(np.full((neurons, len(fold.hidden)), wrong), [End(settings.knots)])

    monkeypatch.setattr(module, "judge", judged)
    problem = problem_for(penalty=1e-3, members=2)
    race = Race(problem, usual_settings(problem))
    race.hidden = Targets(np.zeros(200))
    scope = Scope(200, False, 3)
    race.run(list(stages(problem.options, scope)))
    assert {(each.knots, each.dim) for each in race.plan()} == {(4, 3)}
    grid = len(next(stages(problem.options, scope))(usual_settings(problem)))
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
    # beside noise that no model explains, what is gained over a linear model decides
    race.trials[Settings(0, 1, 1e-3, 12)] = Trial(1.04, np.zeros(1), [])
    race.trials[other] = Trial(0.99, np.zeros(1), [])
    assert race.lowest() == other


@pytest.mark.parametrize(("rows", "some"), [(900, False), (4800, True)])
def test_only_a_race_on_many_rows_begins_on_some_of_them(rows, some, monkeypatch):
    asked = []

    def judged(fold, settings, neurons, *, ends, steps, few, until=None):
        if settings.dim > 1:
            asked.append((steps, few, ends is not None))
        size = settings.penalty if settings.dim > 1 else 1.0
        return Judged(np.full((neurons, len(fold.hidden)), size), [End(np.zeros(1))] * neurons)

    monkeypatch.setattr(module, "judge", judged)
    choose(problem_for(smooth_table(rows)))
    halves = [each for each in asked if each[0] == 0.125]
    assert {few for _, few, _ in halves} == {some}
    assert not any(few for steps, few, _ in asked if steps > 0.125)
    again = {steps for steps, _, ends in asked[len(halves) :] if ends}
    assert again == ({0.25, 0.5} if some else {0.25, 0.5, 1.0})  # other penalties go on as well


def test_some_rows_are_a_sample_of_those_to_fit():
    problem = problem_for(smooth_table(6000) | {"row": np.arange(6000.0)})
    (fold,) = folds_of(problem)
    place = problem.encoding.names.index("row")
    known, few = (each.numbers[:, place] for each in (fold.known, fold.few))
    assert len(few) == 3000 < len(known)
    assert np.isin(few, known).all()
    assert len(np.unique(few)) == 3000
    assert abs(few.mean() - known.mean()) < 100.0
    (small, *_) = folds_of(problem_for(smooth_table(900)))
    assert small.few is small.known


def test_no_candidate_has_more_pieces_than_there_are_between_values():
    rng = np.random.default_rng(0)
    table = {"a": rng.integers(0, 6, 900) * 1.0, "b": rng.integers(0, 3, 900) * 1.0}
    problem = problem_for(table | {"y": table["a"] * table["b"]})
    scope, best = scope_of(problem), usual_settings(problem)
    found = {each.knots for stage in stages(problem.options, scope) for each in stage(best)}
    assert found == {0, 2, 4, 8}  # five pieces at most


def judged_by(monkeypatch, loss, seen):
    """Candidates have these losses; what is judged goes into ``seen``, with where it began."""

    def judged(fold, settings, neurons, *, ends, steps, few, until=None):
        seen.append((settings, steps, ends and ends[0].vector))
        wrong = loss(settings) ** 0.5
        return Judged(np.full((neurons, len(fold.hidden)), wrong), [End(settings)] * neurons)

    monkeypatch.setattr(module, "judge", judged)
    problem = problem_for(smooth_table(3000))
    race = Race(problem, usual_settings(problem))
    race.hidden = Targets(np.zeros(len(race.hidden.target)))
    return race


def test_other_penalties_begin_where_the_first_steps_with_one_ended(monkeypatch):
    seen: list[tuple] = []
    race = judged_by(monkeypatch, lambda s: 1.0 + abs(s.dim - 9) + s.knots + s.penalty, seen)
    race.run([lambda best: [best._replace(dim=d, penalty=p) for p in (1.0, 0.5) for d in (5, 9)]])
    first, second = (
        [each for each in seen if each[2] is None],
        [each for each in seen if each[2] is not None],
    )
    assert {settings.penalty for settings, *_ in first} == {1.0}
    assert {(each.dim, each.penalty) for each, steps, _ in second if steps == 0.125} == {
        (9, 1.0),
        (9, 0.5),
    }
    assert {each[2].penalty for each in second if each[1] == 0.125} == {1.0}
    assert (race.best.dim, race.best.penalty) == (9, 0.5)


@pytest.mark.parametrize(("best", "tried"), [(0.25, [0.25]), (1.0, [0.25, 4.0]), (4.0, [0.25, 4])])
def test_a_penalty_that_helps_leaves_out_the_one_on_the_other_side(best, tried, monkeypatch):
    seen: list[tuple] = []
    race = judged_by(monkeypatch, lambda s: 1.0 + abs(np.log(s.penalty / best)), seen)
    race.best = race.best._replace(penalty=1.0)
    path = [lambda best: [best._replace(penalty=best.penalty * each) for each in (0.25, 4.0)]]
    race.run([lambda best: [best], *path])
    assert [settings.penalty for settings, *_ in seen] == [1.0, *tried]
    assert race.best.penalty == best


@pytest.mark.parametrize("pays", [False, True])
def test_more_pieces_are_tried_only_where_smoothness_pays(pays):
    *_, smooth, finer = stages(FitOptions(), Scope(600, False, 4))
    best = DEFAULT._replace(knots=8)
    (found,) = smooth(best)
    assert (found.knots, found.smooth > 0.0) == (8, True)
    assert [each.knots for each in finer(found if pays else best)] == [32] * pays


def test_with_little_time_the_usual_settings_come_before_the_grid():
    best = DEFAULT._replace(penalty=1e-2)
    lines, usual, path, *rest = stages(FitOptions(), Scope(600, False, 4, short=True))
    assert all(map(is_line, lines(best)))
    assert usual(best) == [best._replace(knots=16)]  # the most that the grid would try
    assert [each.penalty for each in path(best)] == [0.25e-2, 4e-2]
    assert len({each.dim for stage in rest for each in stage(best)}) > 2
    fixed = FitOptions(knots=9, dim=3, penalty=1e-3)
    assert not list(stages(fixed, Scope(600, False, 4, short=True)))


@pytest.mark.parametrize("knots", [None, 16])
def test_half_of_the_pieces_come_before_the_grid_unless_the_caller_sets_them(knots):
    best = DEFAULT._replace(knots=16)
    plan = stages(FitOptions(knots=knots), Scope(600, False, 4, short=True))
    alike = [[each for each in stage(best) if each[1:] == best[1:]] for stage in plan]
    assert ([best._replace(knots=8)] in alike) == (knots is None)


def test_penalties_of_linear_models_end_where_they_are_clearly_too_large(monkeypatch):
    seen: list[tuple] = []
    race = judged_by(monkeypatch, lambda s: 1.0 + max(np.log10(s.penalty), -1.0) ** 2, seen)
    race.run([lambda best: [Settings(0, 1, 10.0**power, 1) for power in (-3, -1, 0, 1, 2)]])
    assert [settings.penalty for settings, *_ in seen] == [1e-3, 0.1, 1.0, 10.0]
