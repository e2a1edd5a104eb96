"""Groups, times and splitters: what is hidden from a fit while other rows are fitted."""

import numpy as np
import pytest

from eigcore.errors import InvalidOption, InvalidTable, MisplacedOption
from eigcore.fit import EarlyStopping, fit, fit_stream
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.together import Together
from eigcore.fit.solvers import early_stopping

QUICK = {"dim": 1, "knots": 0, "penalty": 1e-3, "members": 1, "max_iter": 5}
ROWS = 90
GROUPS = np.random.default_rng(0).integers(12, size=ROWS)
SPLITS = {
    "groups": {"groups": GROUPS},
    "time": {"time": np.random.default_rng(1).permutation(ROWS) // 3},
    "cv": {"cv": [(np.arange(0, 30), np.arange(30, 50)), (np.arange(50), np.arange(60, ROWS))]},
}
EACH = pytest.mark.parametrize("option", SPLITS)


def together(**beside):
    keep = np.ones(ROWS, bool)
    return Together.of(Beside(**beside), np.arange(float(ROWS)), keep)


def rng():
    return np.random.default_rng(3)


def panel(seed, units, seen):
    """Units with an effect of their own, each seen several times."""
    rng = np.random.default_rng(seed)
    own, unit = rng.normal(size=(units, 2)), np.repeat(np.arange(units), seen)
    x = rng.normal(size=len(unit))
    effect = own[:, 0] + rng.normal(size=units)
    y = x + effect[unit] + 0.5 * rng.normal(size=len(unit))
    return {"a": own[unit, 0], "b": own[unit, 1], "x": x, "unit": unit}, y


@EACH
def test_no_fitted_row_belongs_to_a_hidden_one(option):
    own = together(**SPLITS[option])
    splits = [own.apart(20, rng(), number) for number in (0, 1, None)]
    splits += [own.once(ROWS, rng()), *own.folds(4, rng())]
    for known, hidden in splits:
        assert min(len(known), len(hidden)) > 0
        assert not set(known) & set(hidden)
        if option == "groups":
            assert not set(GROUPS[known]) & set(GROUPS[hidden])
        elif option == "time":
            times = SPLITS["time"]["time"]
            assert times[known].max() < times[hidden].min()
    hidden = np.concatenate([hidden for _, hidden in own.folds(4, rng())])
    if option == "groups":
        assert sorted(hidden) == list(range(ROWS))
        assert len(own.folds(4, rng())) == 4
        assert not np.array_equal(
            own.apart(20, rng())[1], own.apart(20, np.random.default_rng(9))[1]
        )
    assert abs(len(own.apart(20, rng())[1]) - 20) <= 10


def test_parts_keep_what_belongs_together_and_pairs_are_used_once():
    some = np.arange(10, 80)
    known, hidden = together(groups=GROUPS).part(some).apart(15, rng())
    assert not set(GROUPS[some][known]) & set(GROUPS[some][hidden])
    pairs = together(**SPLITS["cv"])
    assert pairs.apart(1, rng())[1].tolist() == list(range(60, ROWS))
    assert pairs.rest().apart(1, rng())[1].tolist() == list(range(30, 50))
    with pytest.raises(InvalidTable, match=r"No pair of cv is left.*Write validation=0.0"):
        pairs.rest().rest().folds(3, rng())


def test_rows_that_stand_for_themselves_are_split_as_ever():
    """The seeds of earlier versions keep their meaning."""
    known, hidden = together().apart(20, rng())
    order = rng().permutation(ROWS)
    assert np.array_equal(hidden, np.sort(order[:20]))
    assert np.array_equal(known, np.sort(order[20:]))
    assert np.array_equal(np.concatenate(together().once(40, rng())), order[:40])
    assert [len(known) for known, _ in together().folds(4, rng())] == [67, 67, 68, 68]


def test_the_report_early_stopping_and_calibration_follow_groups_by_name(monkeypatch):
    table, y = panel(0, 12, 10)
    seen = []
    split = early_stopping.split

    def watched(stopping, own, *more):
        seen.append([own.groups[rows] for rows in split(stopping, own, *more)])
        return split(stopping, own, *more)

    monkeypatch.setattr("eigcore.fit.members.member.split", watched)
    options = {"validation": 0.25, "calibration": 0.2, "early_stopping": EarlyStopping(0.3)}
    result = fit(table, y, groups="unit", **QUICK | options)
    assert result.model.encoding.names == ("a", "b", "x")
    assert (result.report.rows, result.report.rows_held_out) == (80, 20)  # 12 − 2 − 2 groups
    ((known, hidden),) = seen
    assert (len(set(known)), len(set(hidden))) == (6, 2)
    assert not set(known) & set(hidden)


def test_pairs_govern_the_report_and_leave_out_what_they_do_not_name():
    table, y = panel(0, 9, 10)
    report = fit(table, y, cv=SPLITS["cv"]["cv"], **QUICK).report
    assert (report.rows, report.rows_held_out) == (50, 30)
    assert not any("seen several times" in note for note in report.notes)


def test_a_panel_is_fitted_no_worse_than_by_a_linear_model_and_without_groups_there_is_a_note(
    monkeypatch,
):
    monkeypatch.setattr("eigcore.fit.search.folds.STEPS", 6)  # short fits, for a short test
    table, y = panel(22, 30, 21)
    result = fit(table, y, groups="unit", validation=0, members=1, max_iter=40)
    table.pop("unit")
    linear = fit(table, y, **QUICK | {"validation": 0})
    new, wanted = panel(11, 400, 3)
    own, line = (np.mean((each.model.predict(new) - wanted) ** 2) for each in (result, linear))
    assert own < 1.05 * line
    (note,) = linear.report.notes
    assert "100% of the rows nearly equal others in a, b" in note
    assert "--groups" in note
    assert not any("--groups" in note for note in result.report.notes)


def test_chance_grids_and_curves_give_no_note():
    rng = np.random.default_rng(0)
    t = rng.uniform(size=200)
    for table in (
        {"a": t, "b": rng.normal(size=200)},
        {"a": t, "b": 2 * t, "c": t**2},
        {"a": rng.integers(5, size=200), "b": rng.integers(5, size=200), "c": t},
    ):
        assert not fit(table, rng.normal(size=200), **QUICK).report.notes
    near = {name: np.repeat(rng.normal(size=40), 5) + 1e-4 * t for name in "ab"}
    (note,) = fit(near, rng.normal(size=200), **QUICK).report.notes
    assert "in all columns" in note


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"groups": "nit"}, r"groups names 'nit', which is not a column.*'unit'"),
        ({"groups": np.ones(3)}, r"groups has the shape \(3,\); expected one value for each"),
        ({"groups": [None] + ["a"] * 89}, "groups has 1 missing cell"),
        ({"groups": np.ones(90)}, "have the same group; expected at least two.*Leave groups out"),
        ({"groups": "unit", "time": "x"}, "groups is given beside time; expected one of them"),
        ({"time": ["5.1.2020"] * 90}, "time cannot be sorted"),
        ({"cv": "unit"}, "cv cannot split the 90 rows"),
        ({"cv": 5}, r"cv cannot split the 90 rows .*such as KFold\(5\)"),
        ({"cv": [([0], [99])]}, "cv cannot split the 90 rows"),
        ({"cv": []}, "cv is neither a splitter nor pairs"),
        ({"cv": [([0, 1], np.arange(0))]}, "cv has a pair without rows to fit, or to hide"),
    ],
)
def test_what_cannot_be_used_is_refused(given, message):
    table, y = panel(0, 9, 10)
    with pytest.raises((InvalidOption, InvalidTable), match=message):
        fit(table, y, **given, **QUICK)


def test_dates_and_text_sort_by_time():
    days = np.array(["2026-01-31", "2025-12-01", "2026-02-01"] * 30)
    for time in (days, days.astype("datetime64[D]"), list(days)):
        known, hidden = together(time=time).apart(30, rng())
        assert set(days[hidden]) == {"2026-02-01"}
        assert len(known) == 60


def test_streams_refuse_what_they_cannot_keep():
    with pytest.raises(MisplacedOption, match="cv cannot be used with a table that is read in"):
        fit([{"a": np.arange(9.0), "g": np.arange(9)}], "a", cv=[([0], [1])])
    with pytest.raises(TypeError, match="no option 'cv'"):
        fit_stream([{"a": np.arange(9.0)}], "a", cv=[([0], [1])])
