"""Whether a model goes on beyond its fitted range, as rows hidden from short fits tell."""

import numpy as np
import pytest

from eigcore.encoding import Encoding
from eigcore.fit import fit
from eigcore.fit.losses import LOSSES, Targets
from eigcore.fit.search import pace, tails
from eigcore.fit.search.folds import TimeUp
from eigcore.fit.search.tails import thins_out

STRAIGHT = {"dim": 1, "knots": 0, "validation": 0, "seed": 0}
BENT = {"dim": 1, "knots": 6, "validation": 0, "seed": 0, "members": 1}
GOES_ON = "goes on beyond the fitted range"


def table(rows, seed=0):
    """A column with a long tail, and one of eleven levels."""
    rng = np.random.default_rng(seed)
    return {"long": rng.lognormal(size=rows), "level": rng.integers(0, 11, rows) / 10}, rng


def columns(found):
    return dict(zip(found.model.encoding.names, found.model.encoding.columns, strict=True))


def noted(found):
    return [note for note in found.report.notes if GOES_ON in note]


@pytest.mark.parametrize(
    ("draw", "rare"),
    [
        (lambda rng: rng.normal(size=200), True),
        (lambda rng: rng.exponential(size=200), True),
        (lambda rng: np.round(rng.lognormal(size=200), 1), True),
        (lambda rng: rng.uniform(0, 100, 200), False),
        (lambda rng: rng.integers(1, 11, 200) * 1.0, False),
        (lambda rng: np.minimum(rng.normal(size=200), 1.4), False),
    ],
)
def test_numbers_thin_out_towards_a_tail_and_not_towards_an_edge(draw, rare):
    rng = np.random.default_rng(0)
    found = np.mean([thins_out(draw(rng)) for _ in range(100)])
    assert found > 0.9 if rare else found < 0.12


def test_a_linear_model_goes_on_but_not_beyond_edges_and_as_it_is_told():
    given, rng = table(200)
    y = 2 * given["long"] + given["level"] + 0.5 * rng.normal(size=200)
    found = fit(given, y, **STRAIGHT)
    assert [column.limits is None for column in columns(found).values()] == [True, False]
    (note,) = noted(found)
    assert "in long: " in note
    assert 'tails="constant", or --tails constant' in note
    (note,) = noted(fit(given, y, tails={"level": "refuse"}, **STRAIGHT))
    assert 'tails={"level": "refuse", "long": "constant"}, or --tails long=constant' in note
    far = {"long": np.array([50.0, 100.0]), "level": np.array([0.5, 0.5])}
    assert np.diff(found.model.predict(far)) == pytest.approx(100, rel=0.05)
    assert found.model.encoding.outside(far) == {"long": 2}
    assert Encoding.from_dict(found.model.encoding.to_dict()) == found.model.encoding
    assert "not outside the fitted range of long (" in str(found.model.range(budget_seconds=0.2))
    for own in ("constant", {"long": "constant"}):
        told = fit(given, y, tails=own, **STRAIGHT)
        assert np.ptp(told.model.predict(far)) == 0
        assert not noted(told)


@pytest.mark.parametrize("constraints", [{}, {"increasing": ["long"]}])
def test_the_outermost_rows_tell_of_bent_models(constraints):
    given, rng = table(400)
    noise = 0.3 * rng.normal(size=400)
    on = fit(given, 2 * given["long"] + np.sin(9 * given["level"]) + noise, **BENT, **constraints)
    assert [getattr(each, "tails", "") for each in columns(on).values()] == ["linear", "clamped"]
    assert len(noted(on)) == 1
    flat = np.minimum(given["long"], 2.0) * 3 + np.sin(9 * given["level"]) + noise
    stays = fit(given, flat, **BENT, **constraints)
    assert {each.tails for each in columns(stays).values()} == {"clamped"}
    assert not noted(stays)
    told = "not outside the fitted range of long ("
    assert told in str(on.model.range(budget_seconds=0.2))
    assert told not in str(on.model.range({"long": (0, 9)}, budget_seconds=0.2))
    assert told not in str(stays.model.range(budget_seconds=0.2))
    if constraints:
        assert on.model.certify().columns[0].increasing


def test_linear_models_stay_constant_where_the_outermost_rows_clearly_do():
    given, rng = table(300)
    found = fit(given, np.minimum(given["long"], 3.0) + 0.1 * rng.normal(size=300), **STRAIGHT)
    assert columns(found)["long"].limits is not None
    assert not noted(found)


def test_linear_models_with_a_link_stay_constant():
    """Beyond the largest bonus claims would double again and again."""
    rng = np.random.default_rng(0)
    bonus = 50 + rng.exponential(20, 2000)
    mean = np.exp(0.008 * (bonus - 60))
    claims, costs = rng.poisson(0.2 * mean), mean * rng.gamma(1.0, size=2000)
    for target, loss in ((claims, "poisson"), (claims > 0, "logistic"), (costs, "gamma")):
        found = fit({"bonus": bonus}, target, loss=loss, **STRAIGHT)
        far = {"bonus": np.array([bonus.max(), 1000.0])}
        assert np.ptp(found.model.predict(far)) == 0
        assert found.model.encoding.outside(far) == {"bonus": 1}
        assert not noted(found)


def test_whole_groups_are_the_outermost():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(40), 8)
    size = rng.lognormal(sigma=0.5, size=40)[group] * rng.lognormal(size=320)
    y = 3 * size + 0.3 * rng.normal(size=40)[group] + 0.1 * rng.normal(size=320)
    found = fit({"size": size}, y, groups=group, **STRAIGHT)
    (note,) = noted(found)
    largest = [size[group == each].max() for each in range(40)]
    hidden = np.isin(group, np.argsort(largest)[-4:])  # a tenth of the groups
    outside = (size[hidden] > size[~hidden].max()) | (size[hidden] < size[~hidden].min())
    assert f": {outside.sum()} validation rows were outside" in note
    assert columns(found)["size"].limits is None


def test_a_linear_model_goes_on_though_the_budget_ends_before_rows_are_asked(monkeypatch):
    given, rng = table(200)
    y = 2 * given["long"] + given["level"] + 0.5 * rng.normal(size=200)
    found = fit(given, y, budget_seconds=1e-9, validation=0, seed=0)
    assert [column.limits is None for column in columns(found).values()] == [True, False]
    assert "too few to find out" in noted(found)[0]
    shares = []

    def over(*_, until):
        shares.append(until)
        raise TimeUp

    monkeypatch.setattr(tails, "judge", over)
    for budget in (1e-3, None):
        assert columns(fit(given, y, **STRAIGHT, budget_seconds=budget))["long"].limits is None
    for budget in (1e-3, None):
        stays = fit(given, y, **BENT, budget_seconds=budget)
        assert {each.tails for each in columns(stays).values()} == {"clamped"}
        assert not noted(stays)
    # in a hurry choosing lasts until then, without a better model; otherwise it leaves more time
    assert shares[0] == shares[1] == shares[3] > pace.LONGEST > shares[2]


@pytest.mark.parametrize("rows", [4, 7])
def test_rows_too_few_to_choose_anything_get_a_linear_model(rows):
    rng = np.random.default_rng(rows)
    x = np.exp(np.arange(rows))
    found = fit({"long": x}, 2 * x + 0.01 * rng.normal(size=rows), validation=0, seed=0)
    assert found.report.settings[:2] == (0, 1)
    assert "too few to find out" in noted(found)[0]
    far = found.model.predict({"long": np.array([1e5, 2e5])})
    assert np.diff(far) == pytest.approx(2e5, rel=0.2)
    matrices = fit({"long": x}, x, dim=3, validation=0, seed=0, members=1)
    assert matrices.report.settings.dim == 3
    assert not noted(matrices)


def test_newer_slices_that_no_time_is_left_for_let_a_linear_model_go_on():
    given, rng = table(200)
    day = np.arange(200.0)
    y = 0.1 * day + given["level"] + 0.1 * rng.normal(size=200)
    found = fit(given | {"day": day}, y, time=day, budget_seconds=1e-9, validation=0, seed=0)
    told = columns(found)
    assert told["day"].limits is None
    assert told["level"].limits is not None


def test_all_newer_slices_are_heard_and_one_is_enough_to_leave_the_range():
    given, rng = table(200)
    late = given["level"] + np.where(np.arange(200) < 190, 0.0, np.arange(200) / 10)
    day = np.arange(200.0)
    y = 0.1 * day + late + 0.1 * rng.normal(size=200)
    found = fit({"late": late, "day": day}, y, time=day, **STRAIGHT)
    (note,) = noted(found)
    assert "in late, day: 100 validation rows" in note
    assert columns(found)["late"].limits is None


def test_a_line_goes_on_where_nearly_all_weight_is_on_the_outermost_rows():
    given, rng = table(100)
    weights = np.where(np.argsort(np.argsort(-given["long"])) < 11, 1000.0, 1.0)
    y = 2 * given["long"] + 0.1 * rng.normal(size=100)
    found = fit({"long": given["long"]}, y, weights=weights, **STRAIGHT)
    assert "too few to find out" in noted(found)[0]
    assert columns(found)["long"].limits is None


def test_few_gaps_show_no_edge():
    rng = np.random.default_rng(0)
    for rows, draw in ((20, rng.normal), (12, rng.exponential)):
        assert np.mean([thins_out(draw(size=rows)) for _ in range(300)]) > 0.85
    for outer, rare in {0.58: False, 0.6: True}.items():  # 1/2 + 3/32 is 0.594
        gaps = np.repeat([1.0, 1.0, outer], 3)
        assert thins_out(np.cumsum([0.0, *gaps])) is rare


def test_one_row_is_told_in_the_singular():
    rng = np.random.default_rng(0)
    x = rng.lognormal(size=9)
    found = fit({"long": x}, 2 * x + 0.1 * rng.normal(size=9), validation=0, seed=0)
    for note in noted(found):
        assert "1 validation row was outside" in note


@pytest.mark.parametrize(
    ("straight", "constant", "linear", "goes_on"),
    [
        (True, 1.0, 1.24, True),
        (True, 1.0, 1.26, False),
        (False, 1.0, 0.79, True),
        (False, 1.0, 0.81, False),
    ],
)
def test_one_kind_of_tails_must_be_clearly_better(straight, constant, linear, goes_on):
    targets = Targets(np.zeros(3))
    rows = tails._Rows(targets, np.full(3, constant**0.5), np.full(3, linear**0.5))
    names, notes = tails._decided(LOSSES["squared"], [rows], ["long"], straight)
    assert names == ("long",) * goes_on
    assert len(notes) == goes_on
    assert tails._decided(LOSSES["squared"], [], ["long"], straight).names == ()


@pytest.mark.parametrize(("equal", "rare"), [(4, True), (5, False)])
def test_an_end_that_five_rows_hold_is_an_edge(equal, rare):
    values = np.random.default_rng(0).exponential(size=200)
    assert thins_out(np.concatenate([values, np.full(equal, values.max() + 1.0)])) is rare


def test_a_column_with_a_place_for_missing_cells_stays_constant():
    given, rng = table(200)
    y = 2 * given["long"] + given["level"] + 0.5 * rng.normal(size=200)
    cells = np.where(np.arange(200) % 10, given["long"], np.nan)
    own = {"increasing": ["long"], "missing": "highest"}
    found = fit({"long": cells, "g": rng.normal(size=200)}, y, **own, **STRAIGHT)
    assert columns(found)["long"].limits is not None
    missing = found.model.certify().columns[0].missing
    assert missing is not None
    assert missing.highest


@pytest.mark.parametrize(
    ("errors", "clusters", "goes"),
    [
        ([3.0], None, True),
        ([3.0, 0.1], None, True),
        ([3.0, 2.9, 3.1], None, False),
        ([3.0, 0.9, 2.0], None, True),  # by 2.4 standard errors of a biased variance, and 1.9
        ([3.0, 2.9, 3.1, 3.0, 2.9, 3.1], [0, 0, 0, 0, 0, 0], True),
        ([3.0, 2.9, 3.1, 3.0, 2.9, 3.1], [0, 0, 1, 1, 2, 2], False),
    ],
)
def test_few_rows_or_groups_do_not_hold_back_a_linear_model(errors, clusters, goes):
    errors = np.array(errors)
    zeros = np.zeros(len(errors))
    own = None if clusters is None else np.array(clusters)
    rows = tails._Rows(Targets(zeros), 0.1 * errors, errors, own)
    found = tails._decided(LOSSES["squared"], [rows], ["x"], straight=True)
    assert found.names == (("x",) if goes else ())


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(("count", "asked"), [(24, False), (30, True)])
def test_two_outermost_rows_or_groups_do_not_let_a_bent_model_go_on(
    monkeypatch, count, asked, size
):
    seen = []
    monkeypatch.setattr(tails, "_judged", lambda fold, *_: seen.append(len(fold.hidden)) or [])
    x = np.exp(np.linspace(0, 3, size * count))
    groups = None if size == 1 else np.arange(size * count) // size
    fit({"long": x}, x**2, groups=groups, **BENT)
    assert seen == [3 * size] * asked
