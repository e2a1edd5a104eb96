"""What a fit promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from samples import problem_for, smooth_table
from scipy.optimize import lsq_linear

import eigcore
from eigcore.errors import EigcoreError
from eigcore.fit import fit
from eigcore.fit.search import folds
from eigcore.fit.solvers.descend import descend

QUICK = {"dim": 3, "knots": 4, "members": 2, "penalty": 1e-3, "max_iter": 25}


@pytest.mark.parametrize("loss", ["squared", "absolute", "logistic"])
def test_a_monotone_fit_is_monotone_on_a_grid_and_certified(loss):
    table = smooth_table()
    target = table.pop("y")
    if loss == "logistic":
        target = np.where(target > np.median(target), "yes", "no")
    constraints = {"increasing": ["a", "two"], "decreasing": ["b", "c"]}
    result = fit(table, target, loss=loss, **constraints, **QUICK)
    proven = {column.name: column for column in result.model.certify().columns}
    for name in ("a", "two"):
        assert proven[name].increasing, name
    for name in ("b", "c"):
        assert proven[name].decreasing, name
    for name, sign in (("a", 1), ("b", -1), ("c", -1)):
        grid = {key: np.repeat(cells[20:40], 60) for key, cells in table.items()}
        grid[name] = np.tile(np.linspace(-5.0, 5.0, 60), 20)
        curves = result.model.predict(grid).reshape(20, 60)
        assert (sign * np.diff(curves, axis=1) >= -1e-12).all(), name


@pytest.mark.parametrize("shape", ["convex", "concave"])
@pytest.mark.parametrize("direction", [None, "increasing", "decreasing"])
def test_a_shaped_fit_is_shaped_on_segments_and_certified(shape, direction):
    table = smooth_table()
    target = table.pop("y")
    constraints = {direction: ["a"]} if direction else {}
    result = fit(table, target, shape=shape, **constraints, **QUICK)
    certificate = result.model.certify()
    assert getattr(certificate, shape)
    if direction:
        assert getattr(certificate.columns[0], direction)
    rng = np.random.default_rng(5)
    ends = [{k: np.full(300, "oak") for k in ("kind",)} for _ in range(2)]
    for end in ends:
        end.update({name: 3.0 * rng.normal(size=300) for name in ("a", "b", "c", "two")})
    middle = {k: v if k == "kind" else 0.5 * (v + ends[1][k]) for k, v in ends[0].items()}
    left, right = (result.model.predict(end) for end in ends)
    bend = 0.5 * (left + right) - result.model.predict(middle)
    assert ((1 if shape == "convex" else -1) * bend >= -1e-9).all()


def test_a_fit_beats_the_linear_model_and_reports_both():
    table = smooth_table(400)
    result = fit(table, "y", dim=3, knots=8, members=2, max_iter=80)
    report = result.report
    assert report.model.held_out < 0.5 * report.linear.held_out
    assert report.rows + report.rows_held_out == 400
    assert any("'kind' is text: 3 categories" in note for note in report.notes)
    assert any("'c' is missing in 15 of 400 rows" in note for note in report.notes)
    assert len(result.history) == 2
    assert all(h[-1] < h[0] for h in result.history)


@pytest.mark.parametrize("penalty", [1e-8, 0.1])
@pytest.mark.parametrize("direction", [None, "increasing"])
def test_order_one_is_ridge_regression(penalty, direction):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 3))
    x[:, 1] = x[:, 0] + 1e-3 * x[:, 1]
    y = x @ [1.0, 2.0, -1.0] + 0.1 * rng.normal(size=60)
    table = {name: x[:, i] for i, name in enumerate("abc")}
    constraints = {direction: ["a", "b", "c"]} if direction else {}
    model = fit(table, y, dim=1, knots=0, penalty=penalty, validation=0.0, **constraints).model
    scaled = (x - x.mean(0)) / x.std(0)
    scaled_y = (y - y.mean()) / y.std()
    rows = np.concatenate([scaled, np.sqrt(60 * penalty) * np.eye(3)])
    bounds = (0.0 if direction else -np.inf, np.inf)
    best = lsq_linear(rows, np.concatenate([scaled_y, np.zeros(3)]), bounds, "bvls", tol=1e-14).x
    # B B^T starts with a little noise, away from the saddle at zero
    close = (1e-3 if direction else 1e-6) * y.std()
    np.testing.assert_allclose(model.predict(table), y.mean() + y.std() * scaled @ best, atol=close)


def test_order_one_without_a_penalty_takes_redundant_columns():
    table = {"kind": np.array(["oak", "elm", "ash"] * 10), "y": np.array([1.0, 2.0, 4.0] * 10)}
    model = fit(table, "y", dim=1, knots=0, penalty=0.0, validation=0.0).model
    np.testing.assert_allclose(model.predict(table), table["y"], atol=1e-5)


def test_order_one_descends_to_the_minimum_of_other_losses():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(6)
    x = rng.normal(size=(200, 2))
    x[:, 1] += 2.0 * x[:, 0]
    y = x[:, 0] - x[:, 1] + rng.logistic(size=200) > 0.0
    scaled = (x - x.mean(0)) / x.std(0)
    # scikit-learn minimises C · sum of losses + |w|²/2
    known = LogisticRegression(C=1.0 / (2.0 * 200 * 1e-2), tol=1e-8).fit(scaled, y)
    model = fit(x, y, dim=1, knots=0, penalty=1e-2, validation=0.0).model
    wanted = known.predict_proba(scaled)[:, 1]
    np.testing.assert_allclose(model.predict(x), wanted, atol=1e-4)


def test_the_same_seed_gives_the_same_model_and_another_seed_another():
    table = smooth_table()
    one, two, other = (fit(table, "y", seed=s, **QUICK).model for s in (3, 3, 4))
    assert all(np.array_equal(p, q) for p, q in zip(one.params, two.params, strict=True))
    assert not np.array_equal(one.predict(table), other.predict(table))


def test_settings_are_chosen_without_the_held_out_rows():
    table = smooth_table(120)
    one = fit(table, "y", penalty=1e-3, members=1, max_iter=5, knots=3)
    held = np.setdiff1d(np.arange(120), np.flatnonzero(_fitted(120)))
    table["y"] = table["y"].copy()
    table["y"][held] += 1e3
    two = fit(table, "y", penalty=1e-3, members=1, max_iter=5, knots=3)
    assert one.report.settings == two.report.settings
    assert np.array_equal(one.model.params[0], two.model.params[0])


def test_settings_are_told_of_all_members():
    alike = fit(smooth_table(60), "y", **QUICK)
    assert alike.chosen == "2 neuron(s) of order 3, 4 pieces per column, penalty 0.001"
    told = alike.model.provenance
    straight = told["settings"][0] | {"dim": 1, "knots": 0, "penalty": 0.1}
    told["settings"][0] = straight
    mixed = "2 neuron(s) of orders 1 to 3, up to 4 pieces per column, penalties 0.001 to 0.1"
    assert alike.chosen == mixed
    told["settings"][1] = straight
    assert alike.chosen == "2 neuron(s) of order 1, linear columns, penalty 0.1"
    assert alike.chosen in repr(alike)


def test_a_direction_of_two_classes_is_that_of_the_second_which_a_note_names():
    table = smooth_table(60)
    large = table.pop("y") > 0
    texts = np.where(large, "bad", "good")
    told = "probability of 'good', the second class by name"
    assert any(told in note for note in fit(table, texts, increasing=["a"], **QUICK).report.notes)
    for target, options in ((texts, {}), (large, {"increasing": ["a"]})):
        notes = fit(table, target, **options, **QUICK).report.notes
        assert not any("second class" in note for note in notes)


def _fitted(rows):
    return problem_for(smooth_table(rows), validation=0.15).split()[1]


@pytest.mark.parametrize("stop_at", [1, 30])
@pytest.mark.parametrize("choosing", [False, True])
def test_ctrl_c_keeps_the_best_so_far_and_every_constraint(stop_at, choosing):
    told = []

    def callback(step):
        told.append(step)
        if len(told) == 1 + stop_at:  # the first call says that the fit begins
            raise KeyboardInterrupt

    options = {"max_iter": 25, "knots": 4} if choosing else QUICK
    result = fit(smooth_table(), "y", increasing=["a"], callback=callback, **options)
    assert result.report.interrupted
    assert result.model.certify().columns[0].increasing
    assert np.isfinite(result.report.model.train)


def test_nothing_is_judged_after_ctrl_c(monkeypatch):
    begun = []

    def interrupted(objective, start, **options):
        begun.append(start)
        found = descend(objective, start, **options)
        return found if len(begun) < 100 else replace(found, reason="interrupted")

    monkeypatch.setattr(folds, "descend", interrupted)
    table = smooth_table()
    table["a"] = np.exp(2.0 * table["a"])  # whether it goes on beyond its range is asked, too
    assert fit(table, "y", projections=1).report.interrupted
    assert len(begun) == 100


def test_a_fit_starts_alike_with_and_without_kernels(monkeypatch):
    import eigcore_kernels

    table = smooth_table()
    options = QUICK | {"members": 1, "max_iter": 3}
    one = fit(table, "y", **options)
    monkeypatch.setattr(eigcore_kernels, "serves", lambda rule, source: False)
    two = fit(table, "y", **options)
    assert np.allclose(one.history[0], two.history[0], rtol=1e-8)
    assert np.allclose(one.model.predict(table), two.model.predict(table), atol=1e-6)


def test_a_budget_decides_how_many_members_there_are():
    options = {"dim": 5, "knots": 16, "penalty": 1e-5, "max_iter": 300}
    short, long = (fit(smooth_table(), "y", budget_seconds=s, **options) for s in (0.1, 3.0))
    assert short.report.settings.members < long.report.settings.members


def test_a_budget_ends_the_fit_early():
    result = fit(smooth_table(), "y", members=500, dim=3, knots=4, penalty=1e-3, budget_seconds=0.5)
    assert 1 <= result.report.settings.members < 500
    assert not result.report.interrupted


def test_arrays_are_tables_too():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    result = fit(X, X[:, 0] - X[:, 1], **QUICK)
    assert result.model.encoding.names == ("x0", "x1")
    assert result.model.predict(X).shape == (100,)


def test_the_classes_of_a_target_in_words_are_kept():
    table = smooth_table()
    table["y"] = np.where(table["y"] > 1.0, "dear", "cheap")
    result = fit(table, "y", **QUICK)
    assert result.report.metric == "log loss"
    assert result.model.static.classes == ("cheap", "dear")
    probability = result.model.predict(table)
    assert ((probability > 0.5) == (table["y"] == "dear")).mean() > 0.85


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_other_backends_fit_the_same_function(name):
    pytest.importorskip(name)
    try:
        eigcore.get_backend(name)
    except EigcoreError as exc:
        pytest.skip(str(exc))
    table = smooth_table()
    options = QUICK | {"members": 1, "max_iter": 6}
    mine = fit(table, "y", **options).model.predict(table)
    theirs = fit(table, "y", backend=name, **options).model.predict(table)
    assert np.allclose(mine, theirs, atol=0.1)
