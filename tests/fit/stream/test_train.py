"""What a stream promises."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from streamed import FIRST, QUICK, cut, table

import eigcore
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit import fit, fit_stream


def test_selection_and_projections_of_the_sample_stay():
    columns = table() | {"noise": np.random.default_rng(5).normal(size=4000)}
    found = fit(cut(columns), "y", selection=0.1, **QUICK).model
    assert found.feature_norms["noise"] == 0.0
    assert found.feature_norms["a"] > 0.0
    summed = fit(cut(columns), "y", projections=1, **QUICK).model
    assert len(summed.encoding.projections) == 1


def test_a_callback_that_ends_the_first_fit_ends_the_whole():
    told = []

    def callback(progress):
        told.append(progress.stage)
        return told.count("fitting") == 3

    result = fit(cut(table()), "y", callback=callback, **QUICK)
    assert told[-3:] == ["fitting"] * 3
    assert set(told[:-3]) == {"choosing"}
    assert result.model.predict(table()).shape == (4000,)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_backends_find_the_same(backend):
    pytest.importorskip(backend)
    columns, options = table(1000), QUICK | {"max_iter": 3, "epochs": 1}
    with eigcore.trace():  # step by step: all steps in one call round in another order
        found, wanted = (
            fit_stream(cut(columns), "y", backend=name, **options).model.decision(columns)
            for name in (backend, "numpy")
        )
    np.testing.assert_allclose(found, wanted, atol=1e-8)


def test_a_stream_is_as_good_as_a_fit_in_memory():
    columns, fresh = table(), table(seed=1)
    options = QUICK | {"sample_rows": 150, "epochs": 5}
    result = fit_stream(cut(columns), "y", **options)
    whole = fit(columns, "y", validation=0.0, **FIRST | {"max_iter": 100}).model
    first = {name: column[:150] for name, column in columns.items()}
    sampled = fit(first, "y", validation=0.0, **FIRST).model
    error = [
        np.std(model.predict(fresh, backend="numpy") - fresh["y"])
        for model in (result.model, whole, sampled)
    ]
    assert error[0] < 1.05 * error[1] < 0.9 * error[2]
    assert result.report.rows + result.report.rows_held_out == 4000
    assert result.report.model.held_out < result.report.linear.held_out
    assert len(result.history) == 2


@pytest.mark.parametrize(
    "constraints",
    [
        {"increasing": ["a"], "decreasing": ["c"]},
        {"shape": "convex", "increasing": ["a"]},
        {"shape": "concave"},
    ],
    ids=str,
)
def test_constraints_are_exact_at_the_end(constraints):
    result = fit_stream(cut(table()), "y", **QUICK, **constraints)
    certificate = result.model.certify()
    columns = {column.name: column for column in certificate.columns}
    assert all(columns[name].increasing for name in constraints.get("increasing", ()))
    assert all(columns[name].decreasing for name in constraints.get("decreasing", ()))
    if "shape" in constraints:
        assert getattr(certificate, constraints["shape"])


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        ("absolute", lambda y: y),
        ("huber", lambda y: y),
        ("quantile", lambda y: y),
        ("poisson", lambda y: np.floor(np.exp(np.clip(y, -2, 3)))),
        ("logistic", lambda y: np.where(y > 0.5, "high", "low").astype(object)),
        ("logistic", lambda y: y > 0.5),
        ("multinomial", lambda y: np.array(["low", "mid", "high"], object)[np.digitize(y, [0, 1])]),
    ],
)
def test_every_loss_streams(loss, target):
    columns = table()
    columns["y"] = target(columns["y"])
    report = fit_stream(cut(columns), "y", loss=loss, **QUICK | {"epochs": 4}).report
    assert report.loss == loss
    assert report.model.held_out < 1.05 * report.linear.held_out


def test_rows_without_a_target_are_errors_or_left_out():
    columns = table()
    columns["y"][::10] = np.nan
    with pytest.raises(InvalidInput, match="drop_rows_without_target=True"):
        fit_stream(cut(columns), "y", **QUICK)
    result = fit_stream(cut(columns), "y", drop_rows_without_target=True, **QUICK)
    assert result.report.rows + result.report.rows_held_out == 3600
    assert "Rows without a target are left out." in result.report.notes


def test_memory_does_not_grow_with_the_rows():
    def peak(rows: int) -> int:
        options = QUICK | {"epochs": 1, "members": 1}
        tracemalloc.start()
        fit_stream(lambda: (table(1000, seed) for seed in range(rows // 1000)), "y", **options)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = peak(10_000), peak(30_000)
    # to keep what was read would double it
    assert many < 1.4 * few


def test_the_callback_is_told_and_may_end_the_run():
    told = []

    def callback(progress):
        told.append(progress)
        return progress.stage == "streaming" and progress.iteration == 5

    result = fit_stream(cut(table()), "y", callback=callback, **QUICK)
    assert told[-1].iteration == 5
    assert not result.report.interrupted
    assert {solution.reason for solution in result.solutions} == {"stopped"}


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (iter([]), {}, "cannot be read more than once"),
        (7, {}, "cannot be read more than once"),
        ([], {}, "has no rows"),
        ([[1, 2]], {}, "A batch is list"),
        ("rows.parquet", {}, "There is no file"),
        (cut(table(50)), {"target": "z"}, "target is 'z', which is not a column"),
        (cut(table(50)), {"target": [7]}, "target is list"),
        (cut(table(50)), {"budget_seconds": 3}, "budget_seconds cannot be used with a table"),
        (cut(table(50)), {"epochs": 0}, "epochs is 0"),
        (cut(table(50)), {"early_stopping": True}, "early_stopping cannot be used with"),
        (cut(table(50)), {"seed": -1}, "seed is -1; expected a whole number of at least 0"),
        (cut(table(50)), {"learning_rate": -1.0}, "learning_rate is -1.0"),
        (
            cut(table(50)),
            {"validation": 1.0},
            "validation is 1.0; expected .* Write validation=0.2",
        ),
        (cut(table(50)), {"checkpoint": "no/folder/here"}, "There is no folder"),
        (cut(table(50)), {"loss": "cubic"}, "loss is 'cubic'"),
    ],
)
def test_bad_input_is_one_error(source, options, message):
    options = {"target": "y"} | QUICK | options
    with pytest.raises(InvalidInput, match=message):
        fit_stream(source, **options)


def test_the_report_tells_the_penalty_of_the_sample_and_of_all_rows():
    report = fit_stream(cut(table()), "y", **QUICK | {"sample_rows": 50, "penalty": 0.01}).report
    [note] = [each for each in report.notes if "penalty" in each]
    assert "The penalty of the sample is 0.01;" in note
    assert f"for all {report.rows} rows it becomes {report.settings.penalty:.2g}" in note


def test_a_stream_of_many_rows_takes_a_preset_and_stays_constant_outside():
    found = fit(cut(table(900)), "y", preset="quick", sample_rows=100, epochs=1, max_iter=2)
    assert len(found.model.members) == 4
    assert found.report.settings.dim == 9
    assert not any("goes on" in note for note in found.report.notes)


@pytest.mark.parametrize(("held", "told"), [(0.0, "of 200."), (0.2, "on the held-out rows.")])
def test_the_report_compares_with_the_sample_where_rows_are_held_out(held, told):
    options = QUICK | {"validation": held, "epochs": 1}
    [note] = [n for n in fit(cut(table(200)), "y", **options).report.notes if "sample" in n]
    assert note.endswith(told)
    assert "nan" not in note


def test_cells_that_do_not_fit_the_sample_are_errors():
    batches = cut(table())
    batches[-1]["a"] = batches[-1]["a"].astype(object)
    batches[-1]["a"][-1] = "many"
    with pytest.raises(InvalidInput, match="'many'"):
        fit_stream(batches, "y", **QUICK | {"sample_rows": 50, "seed": 1})


def test_a_class_never_sampled_is_an_error():
    batches = cut(table())
    for batch in batches:
        batch["y"] = np.where(batch["y"] > 0, 2.0, 1.0)
    batches[-1]["y"][-1] = 3.0
    with pytest.raises(InvalidInput, match=r"Target 'y'.*3.0"):
        fit_stream(batches, "y", **QUICK | {"loss": "logistic", "sample_rows": 50})


def test_weights_of_a_stream_are_a_column():
    with pytest.raises(InvalidOption, match="weights has one value for each row, and the table is"):
        fit(cut(table(50)), "y", weights=np.ones(50), **QUICK)
