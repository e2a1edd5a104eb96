"""Streams of rows that belong together: whole groups, or the newest rows, are held out."""

import numpy as np
import pytest

from eigcore.errors import InvalidInput, InvalidOption, InvalidTable
from eigcore.fit import fit, fit_stream
from eigcore.fit.data.beside import Beside
from eigcore.fit.stream.apart import Apart

QUICK = {"dim": 2, "knots": 2, "penalty": 0.01, "members": 1, "max_iter": 10, "epochs": 2}
QUICK |= {"batch_rows": 100, "block_rows": 400, "sample_rows": 300, "validation": 0.25}


def panel(rows=1200, units=20):
    """Each unit has an effect of its own, and a day for each row."""
    rng = np.random.default_rng(0)
    unit = rng.integers(units, size=rows)
    size = rng.normal(size=rows)
    effect = rng.normal(size=units)[unit]
    known = {"size": size, "unit": unit, "day": np.arange(rows) * 1.0, "mark": effect}
    return known | {"y": size + effect + 0.1 * rng.normal(size=rows)}


def cut(table, size=100):
    rows = len(table["y"])
    return [{n: c[i : i + size] for n, c in table.items()} for i in range(0, rows, size)]


def test_a_group_is_fitted_or_held_out_as_a_whole():
    table = panel()
    rule = Apart.of(Beside(groups="unit"), table, 300, seed=0)
    held = rule.held(table)
    assert not set(table["unit"][held]) & set(table["unit"][~held])
    assert held.sum() == pytest.approx(300, abs=60)
    assert Apart.of(Beside(groups="unit"), table, 300, 1).held(table).tolist() != held.tolist()
    small = {name: own[:7].astype(np.float32) for name, own in table.items()}
    np.testing.assert_array_equal(rule.held(small), held[:7])  # alone, whatever the type
    texts = {"unit": np.array([f"u{u}" for u in table["unit"]], dtype=object)}
    own = Apart.of(Beside(groups="unit"), texts, 300, 0).held(texts)
    assert not set(texts["unit"][own]) & set(texts["unit"][~own])


def test_rows_of_held_out_groups_are_never_fitted():
    """The target of one row of each held-out group is huge: no fit has seen it."""
    table = panel()
    options = QUICK | {"seed": 3}
    rule = Apart.of(Beside(groups="unit"), table, 300, 3)
    plain = fit_stream(cut(table), "y", groups="unit", **options)
    held = np.flatnonzero(rule.held(table))
    assert plain.model.encoding.names == ("size", "day", "mark")
    assert plain.report.rows == 1200 - len(held)
    wild = table | {"y": np.where(np.isin(np.arange(1200), held), 1e6, table["y"])}
    other = fit_stream(cut(wild), "y", groups="unit", **options)
    np.testing.assert_array_equal(other.model.predict(table), plain.model.predict(table))
    assert other.report.model.held_out > 1e5 > plain.report.model.held_out


def test_the_newest_rows_are_held_out(tmp_path):
    table = panel()
    days = np.datetime64("2026-01-01") + table["day"].astype(int)
    for day in (table["day"], days.astype(str).astype(object)):
        own = table | {"day": day}
        result = fit_stream(cut(own), "y", time="day", drop_columns=["unit"], **QUICK)
        assert result.report.rows == pytest.approx(900, abs=40)
        assert result.model.encoding.names == ("size", "mark")
    kept = QUICK | {"drop_columns": ["unit"], "checkpoint": str(tmp_path / "run")}
    kept |= {"checkpoint_seconds": 0.0}
    fit_stream(cut(own), "y", time="day", callback=lambda p: p.iteration == 7, **kept)
    again = fit_stream(cut(own), "y", time="day", **kept)
    np.testing.assert_array_equal(again.model.params[0], result.model.params[0])
    assert again.report.rows == result.report.rows


def test_a_cell_that_only_held_out_rows_have_is_no_error():
    table = panel()
    rule = Apart.of(Beside(groups="unit"), table, 300, 0)
    gone = np.flatnonzero(rule.held(table))
    table["mark"][gone] = np.nan
    kind = np.where(np.isin(np.arange(1200), gone), "new", "old")
    table["kind"] = np.where(np.arange(1200) % 3 == 0, "odd", kind).astype(object)
    result = fit_stream(cut(table), "y", groups="unit", **QUICK)
    assert np.isfinite(result.report.model.held_out)


def test_groups_are_those_of_the_settings():
    """Settings are chosen by groups, as in memory: a panel is no better than its linear model."""
    table = panel(400, 8)
    own = {name: table[name] for name in ("size", "unit", "mark", "y")}
    options = {"sample_rows": 400, "epochs": 1, "validation": 0.25, "members": 1, "max_iter": 20}
    result = fit(cut(own), "y", groups="unit", **options)
    assert result.report.model.held_out < 1.1 * result.report.linear.held_out


@pytest.mark.parametrize(
    ("beside", "error", "message"),
    [
        ({"groups": "unit", "time": "day"}, InvalidOption, "is given beside time"),
        ({"groups": "units"}, InvalidOption, "did you mean 'unit'"),
        ({"groups": "one"}, InvalidTable, "have one group"),
        ({"time": "one"}, InvalidTable, "have one time"),
        ({"groups": "gap"}, InvalidOption, "missing cell"),
    ],
)
def test_what_cannot_be_held_out(beside, error, message):
    table = panel() | {"one": np.ones(1200), "gap": np.r_[np.nan, np.ones(1199)]}
    with pytest.raises(error, match=message):
        fit_stream(cut(table), "y", **beside, **QUICK)
    with pytest.raises(
        InvalidInput, match="cv cannot be used with a table that is read in batches"
    ):
        fit(cut(table), "y", cv=[([0], [1])], **QUICK)
