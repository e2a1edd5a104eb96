"""Columns of wide tables that show no effect: which ones leave, and what leaves with them."""

from __future__ import annotations

import numpy as np
import pytest
from samples import problem_for

from eigcore.fit import fit, problem, resume
from eigcore.fit.context import Context
from eigcore.fit.members import sequence
from eigcore.fit.search import screening
from eigcore.fit.search.screening import screened, shown

ROWS, COLUMNS = 4000, 40


def table(rows=ROWS, columns=COLUMNS, seed=0):
    """Columns that come in pairs that are alike, and a category; a target without some of them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns))
    x[:, 1::2] = 0.7 * x[:, ::2] + 0.5 * x[:, 1::2]
    found = {f"x{j}": x[:, j] for j in range(columns)}
    found["kind"] = rng.choice(["oak", "elm", "ash"], size=rows)
    return found, rng.normal(size=rows)


EFFECTS = {
    "straight": (["x2"], lambda t: t["x2"]),
    "bent": (["x4"], lambda t: np.abs(t["x4"])),
    "level": (["kind"], lambda t: t["kind"] == "elm"),
    "product": (["x6", "x10"], lambda t: t["x6"] * t["x10"]),
    "product with a level": (["x12", "kind"], lambda t: t["x12"] * (t["kind"] == "oak")),
    "missing": (["x8"], lambda t: np.isnan(t["x8"])),
}


@pytest.mark.parametrize("effect", EFFECTS)
def test_columns_with_an_effect_stay_and_those_like_them_leave(effect):
    x, noise = table()
    x["x8"][::9] = np.nan
    names, value = EFFECTS[effect]
    part = value(x).astype(float)
    y = 0.3 * (part - part.mean()) / part.std() + noise
    kept = shown(problem_for(x | {"y": y}))
    found = [name for name, own in zip(x, kept, strict=True) if own]
    twins = {f"x{int(name[1:]) + 1}" for name in names if name != "kind"}
    assert set(names) <= set(found)
    assert not twins & set(found)
    assert len(found) <= len(names) + 5


@pytest.mark.parametrize("weighted", [False, True])
def test_chance_is_that_of_rows_with_unlike_noise_and_weights(weighted):
    rng = np.random.default_rng(1)
    place = rng.choice(6, size=3000, p=[0.3, 0.3, 0.2, 0.1, 0.05, 0.05])
    weights = rng.exponential(size=3000) if weighted else np.ones(3000)
    chances = []
    for _ in range(600):
        rest = rng.normal(size=3000) * (0.1 + place)
        rest = weights * (rest - np.average(rest, weights=weights))
        chances.append(screening._seen(place, rest, weights).chance)
    assert 0.02 < np.mean(np.array(chances) < 0.05) < 0.07


def wide(rows=2000, columns=80):
    x, noise = table(rows, columns)
    return x, x["x0"] + np.abs(x["x2"]) + x["x4"] * x["x6"] + 0.3 * noise


QUICK = {"dim": 2, "knots": 4, "penalty": 1e-3, "members": 1, "max_iter": 5}
QUICK |= {"validation": 0.0, "projections": 0}


@pytest.fixture
def early(monkeypatch):
    """Tables of any size are screened, also where no kernel makes their passes cheap."""
    for name in ("MANY", "SOME"):
        monkeypatch.setattr(screening, name, 0)
    monkeypatch.setattr(problem, "kernel_serves", lambda *_: True)


def test_no_descent_sees_a_column_without_effect(early, monkeypatch):
    seen = []
    inner = sequence.fit_member

    def fit_member(design, *given, **options):
        seen.append(len(design.coarse.parts))
        return inner(design, *given, **options)

    monkeypatch.setattr(sequence, "fit_member", fit_member)
    x, y = wide()
    result = fit(x, y, increasing=["x30"], **QUICK)
    assert 5 <= seen[0] <= 9
    certified = {each.name: each for each in result.model.certify().columns}
    assert list(certified) == list(x)
    assert certified["x30"].increasing
    assert [note for note in result.report.notes if "81 columns show no effect" in note]
    assert not certified["x41"].bound
    moved = result.model.predict(x | {"x41": x["x0"]})
    np.testing.assert_array_equal(moved, result.model.predict(x))
    fit(x, y, selection=0, **QUICK)
    assert seen[1] == 81


def test_a_short_budget_keeps_every_column_with_an_effect_alone(early):
    x, y = wide(1700)
    some = screened(problem_for(x | {"y": y}, context=Context("numpy", budget=1e-6)))
    assert {"x0", "x1", "x2", "x3"} <= set(some.encoding.names)
    assert len(some.encoding.names) < 12


def test_no_more_cells_are_looked_at_than_memory_should_hold(early, monkeypatch):
    seen = []
    inner = screening.shown
    monkeypatch.setattr(screening, "_CELLS", 81 * 500)
    monkeypatch.setattr(screening, "shown", lambda some: seen.append(len(some)) or inner(some))
    x, y = wide()
    assert "x0" in screened(problem_for(x | {"y": y})).encoding.names
    assert seen == [500]


def test_few_columns_or_rows_all_stay(early):
    x, y = wide(1700)
    few = {name: x[name] for name in list(x)[: screening.WIDE]} | {"y": y}
    assert len(screened(problem_for(few)).encoding.names) == screening.WIDE
    short = {name: cells[:1000] for name, cells in (x | {"y": y}).items()}
    assert len(screened(problem_for(short)).encoding.names) == 81


@pytest.mark.parametrize(
    "options",
    [
        {"neuron": {"index": 1}},
        {"shape": "convex", "tails": "linear", "on_missing": "neutral"},
        {"dominates": {"x8": "x20"}, "increasing": ["x8"]},
        {"increasing": ["x0", "x30"], "missing": "between"},
        {"codes": {"x0": [9.0], "x50": [9.0]}, "weights": "x70"},
        {"loss": "poisson"},
        {"several": True},
        {"classes": 3},
    ],
    ids=str,
)
def test_every_kind_of_fit_keeps_all_names_and_its_constraints(early, options):
    x, y = wide()
    x["x12"] = np.full(len(y), 2.0)
    if "codes" in options:
        x["x0"][::8] = x["x50"][::9] = 9.0
        x["x70"] = np.exp(x["x70"])
    if "missing" in options:
        x["x0"][::8] = x["x30"][::9] = np.nan
    if "loss" in options:
        y = np.random.default_rng(0).poisson(np.exp(0.5 * y))
    if options.pop("several", False):
        y = np.stack([y, x["x16"]], axis=1)
    if options.pop("classes", 0):
        y = np.array(["low", "middle", "high"])[np.digitize(y, [-1.0, 1.0])]
    result = fit(x, y, keep_constant=True, **QUICK | options)
    model, table = (
        result.model,
        {name: x[name] for name in result.model.encoding.names if name in x},
    )
    assert [note for note in result.report.notes if "show no effect and are left out" in note]
    assert [name for name in x if name != options.get("weights")] == list(table)
    assert len(model.encoding.names) == len(table) + 2 * ("codes" in options)
    assert np.isfinite(model.decision(table)).all()
    certified = {each.name: each for each in model.certify().columns} if y.ndim == 1 else {}
    if "shape" in options:
        assert model.certify().convex
    if "dominates" in options:
        assert model.dominance("x8", "x20").proven
        assert certified["x8"].increasing
    if certified:
        assert certified["x13"].bound == 0.0 < certified["x0"].bound
    if "neuron" not in options:
        resume(model, x, y, max_iter=1)
