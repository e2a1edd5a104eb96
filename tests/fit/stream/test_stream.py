"""Rows from disk: files, the sample, shuffled blocks, checkpoints, and what a stream promises."""

from __future__ import annotations

import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from eigcore.encoding.files import file_parts, read_table
from eigcore.errors import InvalidInput
from eigcore.fit import fit, fit_stream
from eigcore.fit.context import Context
from eigcore.fit.solvers.adam import Adam, rate
from eigcore.fit.stream.blocks import blocks, bounds
from eigcore.fit.stream.sampled import Sampled
from eigcore.fit.stream.source import Source, is_source
from eigcore.fit.stream.survey import survey

FIRST = {"dim": 3, "knots": 4, "members": 2, "penalty": 1e-3, "max_iter": 10}
QUICK = FIRST | {"epochs": 2, "batch_rows": 128, "block_rows": 1000, "sample_rows": 800}


def table(rows: int = 4000, seed: int = 0) -> dict[str, np.ndarray]:
    """A column of each kind, and a target that they drive."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, rows))
    c[rng.random(rows) < 0.05] = np.nan
    kind = rng.choice(["oak", "elm", "ash"], size=rows).astype(object)
    y = a + np.abs(b) + 0.5 * (kind == "elm") + 0.1 * rng.normal(size=rows)
    return {"a": a, "b": b, "c": c, "kind": kind, "y": y}


def cut(columns, size: int = 300) -> list[dict[str, np.ndarray]]:
    rows = len(columns["y"])
    return [{k: v[i : i + size] for k, v in columns.items()} for i in range(0, rows, size)]


def rng(seed):
    return Context("numpy", seed).rng("sample")


def same(one, other) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.params, other.params, strict=True))


# Files ----------------------------------------------------------------------------------------


def write(columns, folder, ending: str):
    """Write a table in parts of 1000 rows, where the format has parts."""
    pa = pytest.importorskip("pyarrow")
    data, path = pa.table(columns), folder / f"rows{ending}"
    if ending == ".parquet":
        pytest.importorskip("pyarrow.parquet").write_table(data, path, row_group_size=1000)
    elif ending in (".arrow", ".feather"):
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, data.schema) as file:
            file.write_table(data, max_chunksize=1000)
    else:
        data.to_pandas().to_csv(path, index=False)
    return path


@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".feather", ".csv", ".csv.gz"])
def test_all_formats_give_the_same_rows(tmp_path, ending):
    columns = table()
    source = Source.of(write(columns, tmp_path, ending), "y")
    assert len(source.parts) == (1 if "csv" in ending else 4)
    for _ in range(2):
        batches = [batch for part in range(len(source.parts)) for batch in source.read(part)]
        for name, cells in columns.items():
            found = np.concatenate([batch[name] for batch in batches])
            if name == "kind":
                assert found.tolist() == cells.tolist()
            else:
                np.testing.assert_array_equal(found, cells)


def test_a_folder_is_its_files_in_order(tmp_path):
    for number, rows in enumerate((10, 20)):
        table_ = table(rows)
        write(table_, tmp_path, ".parquet").rename(tmp_path / f"part-{number}.parquet")
    (tmp_path / "notes.txt").write_text("no table")
    counts = survey(Source.of(tmp_path, "y"), 100, 0.0, rng(0)).counts
    assert counts.tolist() == [10, 20]


def test_a_csv_has_the_same_missing_cells_in_parts_and_as_a_whole(tmp_path):
    path, words = tmp_path / "missing.csv", ["", "NA", "nan", "null", "None", "<NA>", "oak", "none"]
    path.write_text("a,kind\n" + "".join(f"{i},{word}\n" for i, word in enumerate(words)))
    (part,) = file_parts(path)
    streamed = [cell for batch in part() for cell in batch.column("kind").is_null().to_pylist()]
    assert streamed == read_table(path).kind.isna().tolist()


def test_decimals_are_numbers(tmp_path):
    pa = pytest.importorskip("pyarrow")
    exact = pa.array([1, 2, 3]).cast(pa.decimal128(25, 2))
    batch = pa.record_batch({"a": exact, "y": [1.0, 2.0, 3.0]})
    (cells,) = Source.of([batch], "y").read(0)
    assert cells["a"].dtype == np.float64
    assert cells["a"].tolist() == [1.0, 2.0, 3.0]


def test_whole_numbers_of_a_csv_may_be_followed_by_others(tmp_path):
    path = tmp_path / "rows.csv"
    rows = 600_000
    path.write_text("x,y\n" + "1,2\n" * rows + "1.5,NA\n")
    *_, last = Source.of(path, "x").read(0)
    assert last["x"][-1] == 1.5
    assert np.isnan(last["y"][-1])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.parquet", b"no parquet", "cannot be read as parquet"),
        ("rows.arrow", b"no arrow", "cannot be read as arrow"),
        ("rows.csv", b"", "cannot be read as csv"),
        ("rows.csv", b"a,a\n1,2\n", "occur more than once"),
        ("rows.txt", b"", "unknown ending"),
    ],
)
def test_files_that_cannot_be_read_are_errors(tmp_path, name, content, message):
    pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        file_parts(tmp_path / name)


def test_without_pyarrow_the_error_names_it(tmp_path, monkeypatch):
    (tmp_path / "rows.csv").write_text("a,y\n1,2\n")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidInput, match="pip install pyarrow"):
        file_parts(tmp_path / "rows.csv")


def test_a_damaged_row_group_is_reported_with_its_file(tmp_path):
    path = write(table(), tmp_path, ".parquet")
    data = bytearray(path.read_bytes())
    data[4:104] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=r"rows.parquet.*cannot be read"):
        list(file_parts(path)[0]())


# The first pass -------------------------------------------------------------------------------


def test_the_sample_does_not_depend_on_the_batches_and_is_a_part_of_the_rows():
    columns = table() | {"row": np.arange(4000.0)}
    found = [survey(Source.of(cut(columns, n), "y"), 500, 0.2, rng(7)) for n in (97, 4000)]
    for name in columns:
        assert found[0].cells[name].tolist() == pytest.approx(
            found[1].cells[name].tolist(), nan_ok=True
        )
    assert found[0].cells["row"].tolist() == found[0].places.tolist()
    assert len(found[0].places) == 500
    assert found[0].held.sum() == 100


def test_every_row_is_sampled_equally_often():
    columns = {"row": np.arange(50.0), "y": np.arange(50.0) % 2}
    hits = np.zeros(50)
    for seed in range(400):
        hits[survey(Source.of(cut(columns, 7), "y"), 20, 0.0, rng(seed)).places] += 1
    # the first two rows and the last are there always; of the others 17 of 47 (deviation 9.6)
    assert hits[[0, 1, 49]].tolist() == [400, 400, 400]
    assert np.abs(hits[2:49] - 400 * 17 / 47).max() < 5 * 9.6


def test_the_sample_has_the_smallest_and_the_largest_cells():
    columns = table()
    found = survey(Source.of(cut(columns), "y"), 100, 0.5, rng(0))
    for name in "abc":
        seen = found.cells[name][~found.held]
        assert np.nanmin(seen) == np.nanmin(columns[name])
        assert np.nanmax(seen) == np.nanmax(columns[name])


def test_rare_categories_missing_cells_and_values_are_in_the_sample_and_never_held_out():
    columns = table()
    columns["kind"][1234] = "yew"
    columns["kind"][2345] = None
    columns["flag"] = 1.0 * (np.arange(4000) == 3456)
    found = survey(Source.of(cut(columns), "y"), 200, 0.5, rng(0))
    fitted = found.places[~found.held]
    assert {1234, 2345, 3456} <= set(fitted.tolist())


def test_batches_with_other_columns_are_errors():
    batches = cut(table())
    del batches[3]["b"]
    with pytest.raises(InvalidInput, match="expected the same in all"):
        fit_stream(batches, "y", **QUICK)


# Blocks ---------------------------------------------------------------------------------------


def sampled_of(path, held=0.2):
    source = Source.of(path, "y")
    found = survey(source, 400, held, rng(0))
    cells = {name: column[~found.held] for name, column in found.cells.items()}
    return source, Sampled.of(found, fit(cells, "y", validation=0.0, **FIRST), False)


def test_an_epoch_has_every_row_once_and_none_that_is_held_out(tmp_path):
    columns = table()
    columns["y"] = np.arange(4000.0)
    source, sampled = sampled_of(write(columns, tmp_path, ".parquet"))
    ends = bounds(sampled, 900)
    assert ends.tolist() == [0, 1000, 2000, 3000, 4000]
    orders = []
    for epoch in range(2):
        read = np.concatenate(list(blocks(source, sampled, ends, (0, epoch))))
        rows = read[:, -1].astype(int)
        assert sorted(rows) == sorted(set(range(4000)) - set(sampled.places[sampled.held]))
        np.testing.assert_array_equal(read[:, 0], columns["a"][rows])
        orders.append(rows)
    assert not np.array_equal(*orders)


def test_reading_may_begin_at_any_block(tmp_path):
    source, sampled = sampled_of(write(table(3777), tmp_path, ".parquet"))
    ends = bounds(sampled, 640)
    whole = list(blocks(source, sampled, ends, (3, 1)))
    for start in range(len(whole)):
        rest = list(blocks(source, sampled, ends, (3, 1), start))
        assert len(rest) == len(whole) - start
        for found, wanted in zip(rest, whole[start:], strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("now", [2000, 3001, 7000])
def test_rows_that_change_between_two_readings_are_errors(now):
    sizes = iter([3000, 3000, now])

    def batches():
        yield from cut(table(next(sizes)))

    with pytest.raises(InvalidInput, match=f"3000 rows at the first pass and {now} now"):
        fit_stream(batches, "y", **QUICK)


def test_blocks_of_single_rows_some_of_them_held_out():
    options = QUICK | {"block_rows": 1, "batch_rows": 1, "epochs": 1, "knots": 1}
    result = fit_stream(cut(table(40)), "y", validation=0.3, **options)
    assert result.solutions[0].iterations == result.report.rows < 40


# Streaming is a way to fit --------------------------------------------------------------------


def test_fit_takes_whatever_is_read_in_batches(tmp_path):
    columns = table()
    path = write(columns, tmp_path, ".parquet")
    wanted = fit_stream(path, "y", **QUICK).model
    for source in (path, str(path), [path], tmp_path):
        assert is_source(source)
        assert same(fit(source, "y", **QUICK).model, wanted)
    batches = cut(columns)
    wanted = fit_stream(batches, "y", **QUICK).model
    for source in (batches, tuple(batches), lambda: iter(batches)):
        assert is_source(source)
        assert same(fit(source, "y", **QUICK).model, wanted)


def test_tables_in_memory_are_no_sources():
    pa = pytest.importorskip("pyarrow")
    columns = table(20)
    for given in (columns, pa.table(columns), np.zeros((3, 2)), [[1.0, 2.0], [3.0, 4.0]], []):
        assert not is_source(given)


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
        return len(told) == 3

    result = fit(cut(table()), "y", callback=callback, **QUICK)
    assert told == ["fitting"] * 3
    assert result.model.predict(table()).shape == (4000,)


# Adam -----------------------------------------------------------------------------------------


def test_the_rate_warms_up_and_goes_to_zero():
    rates = [rate(0.5, progress) for progress in np.linspace(0.0, 1.0, 101)]
    assert np.argmax(rates) == 2
    assert max(rates) == 0.5
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)


def test_adam_finds_the_minimum_of_a_noisy_quadratic():
    rng = np.random.default_rng(0)
    scale, goal = np.logspace(0, 2, 10), rng.normal(size=10)
    state, steps = Adam.at(np.zeros(10)), 2000
    for count in range(1, steps + 1):
        noise = 0.2 * rng.normal(size=10)
        state.step(scale * (state.x - goal + noise), rate(0.05, count / steps), count)
    assert np.abs(state.average - goal).max() < 0.05


def test_the_first_step_of_adam_has_the_length_asked_for():
    state = Adam.at(np.zeros(2))
    state.step(np.array([3.0, -1e-3]), 0.1, 1)
    np.testing.assert_allclose(state.x, [-0.1, 0.1], rtol=1e-4)


# What a stream promises -----------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_backends_find_the_same(backend):
    pytest.importorskip(backend)
    columns, options = table(1000), QUICK | {"max_iter": 3, "epochs": 1}
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


# Checkpoints ----------------------------------------------------------------------------------

RUN = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from test_stream import QUICK, fit_stream
def callback(progress):
    if progress.stage == "streaming" and progress.iteration == 21:
        os.kill(os.getpid(), signal.SIGKILL)
fit_stream({path!r}, "y", increasing=["a"], checkpoint={checkpoint!r}, checkpoint_seconds=0.0,
           callback=callback, **QUICK)
"""


def test_a_killed_run_goes_on_to_the_same_model(tmp_path, request):
    path, checkpoint = write(table(), tmp_path, ".parquet"), tmp_path / "run.checkpoint"
    whole = fit_stream(path, "y", increasing=["a"], **QUICK)
    code = RUN.format(tests=str(request.path.parent), path=str(path), checkpoint=str(checkpoint))
    child = subprocess.run([sys.executable, "-c", code], check=False)
    assert child.returncode == -signal.SIGKILL
    seen = []
    again = fit_stream(
        path, "y", increasing=["a"], checkpoint=checkpoint, callback=seen.append, **QUICK
    )
    assert seen[0].iteration == 21  # step 20 was the last one saved
    assert same(again.model, whole.model)
    assert again.history == whole.history
    assert again.report.model == whole.report.model
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]
    # a finished run is only read
    seen.clear()
    once_more = fit_stream(
        path, "y", increasing=["a"], checkpoint=checkpoint, callback=seen.append, **QUICK
    )
    assert not seen
    assert same(once_more.model, whole.model)


def test_ctrl_c_keeps_a_certified_model_and_the_checkpoint(tmp_path):
    path, checkpoint = write(table(), tmp_path, ".arrow"), tmp_path / "run.checkpoint"

    def callback(progress):
        if progress.stage == "streaming" and progress.iteration == 30:
            raise KeyboardInterrupt

    options = QUICK | {"increasing": ["a"], "checkpoint": checkpoint, "checkpoint_seconds": 0.0}
    result = fit_stream(path, "y", callback=callback, **options)
    assert result.report.interrupted
    assert next(iter(result.model.certify().columns)).increasing
    again = fit_stream(path, "y", **options)
    assert not again.report.interrupted
    assert same(again.model, fit_stream(path, "y", increasing=["a"], **QUICK).model)


def test_ctrl_c_in_the_first_fit_keeps_its_model(tmp_path):
    def callback(progress):
        if progress.stage == "fitting" and progress.member == 1:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "run.checkpoint"
    result = fit_stream(
        cut(table()), "y", decreasing=["c"], callback=callback, checkpoint=checkpoint, **QUICK
    )
    assert result.report.interrupted
    assert result.solutions[0].iterations == 0
    assert {c.name: c.decreasing for c in result.model.certify().columns}["c"]
    assert not checkpoint.exists()


@pytest.fixture
def finished(tmp_path):
    path, checkpoint = write(table(), tmp_path, ".parquet"), tmp_path / "run.checkpoint"
    fit_stream(path, "y", checkpoint=checkpoint, **QUICK)
    return path, checkpoint


def test_a_checkpoint_of_other_settings_is_an_error(finished):
    path, checkpoint = finished
    with pytest.raises(InvalidInput, match=r"seed 0, not 1.*rm .*run.checkpoint"):
        fit_stream(path, "y", checkpoint=checkpoint, seed=1, **QUICK)
    with pytest.raises(InvalidInput, match=r"increasing \[\], not \['a'\]"):
        fit_stream(path, "y", checkpoint=checkpoint, increasing=["a"], **QUICK)
    with pytest.raises(InvalidInput, match="dim 3, not 4"):
        fit_stream(path, "y", checkpoint=checkpoint, **QUICK | {"dim": 4})


def test_a_checkpoint_of_other_data_is_an_error(finished, tmp_path):
    _, checkpoint = finished
    other = write(table(seed=1), tmp_path, ".parquet")
    with pytest.raises(InvalidInput, match="is of another run: data"):
        fit_stream(other, "y", checkpoint=checkpoint, **QUICK)


@pytest.mark.parametrize("as_files", [False, True])
def test_the_last_rows_tell_data_apart_as_well(tmp_path, as_files):
    checkpoint, rows = tmp_path / "run.checkpoint", table()
    swapped = {name: np.append(cells[:-2], cells[[-1, -2]]) for name, cells in rows.items()}

    def given(columns):
        return write(columns, tmp_path, ".csv") if as_files else cut(columns)

    fit_stream(given(rows), "y", checkpoint=checkpoint, **QUICK)
    with pytest.raises(InvalidInput, match="is of another run: data"):
        fit_stream(given(swapped), "y", checkpoint=checkpoint, **QUICK)


@pytest.mark.parametrize("content", [b"", b"x" * 100, None])
def test_a_damaged_checkpoint_is_an_error(finished, content):
    path, checkpoint = finished
    checkpoint.write_bytes(checkpoint.read_bytes()[:-50] if content is None else content)
    with pytest.raises(InvalidInput, match="is not a checkpoint, or is damaged"):
        fit_stream(path, "y", checkpoint=checkpoint, **QUICK)


# Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (iter([]), {}, "cannot be read more than once"),
        (7, {}, "cannot be read more than once"),
        ([], {}, "has no rows"),
        ([[1, 2]], {}, "A batch is list"),
        ("rows.parquet", {}, "There is no file"),
        (cut(table(50)), {"target": "z"}, "target is 'z', which is not a column"),
        (cut(table(50)), {"target": ["y"]}, "target is list"),
        (cut(table(50)), {"budget_seconds": 3}, "budget_seconds is 3.0; expected nothing, for"),
        (cut(table(50)), {"epochs": 0}, "epochs is 0"),
        (cut(table(50)), {"early_stopping": True}, "early_stopping is EarlyStopping"),
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
