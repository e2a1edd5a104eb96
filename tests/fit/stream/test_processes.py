"""Several processes that share a stream find what one process finds; here they are threads."""

from __future__ import annotations

import pickle
import threading
import time

import numpy as np
import pytest
from streamed import QUICK, rng, same, table, write

from eigcore.dispatch.processes import Processes
from eigcore.errors import InvalidInput, LostProcess
from eigcore.fit.context import Context
from eigcore.fit.data.beside import Beside
from eigcore.fit.options import FitOptions
from eigcore.fit.stream.source import Source
from eigcore.fit.stream.survey import survey
from eigcore.fit.stream.train import fit_source
from eigcore.fit.stream.witnesses import Witnesses


class Thread(Processes):
    """One of several threads; what they tell each other is pickled, as between processes."""

    def __init__(self, rank, size, board, ends=np.inf):
        self.rank, self.size, self.board, self.left = rank, size, board, ends

    def gathered(self, value):
        self.left -= 1
        if self.left < 0:
            self.board["all"].abort()
        try:
            self.board[self.rank] = pickle.dumps(value)
            self.board["all"].wait(60)
            found = [pickle.loads(self.board[rank]) for rank in range(self.size)]
            self.board["all"].wait(60)
        except threading.BrokenBarrierError as exc:
            raise LostProcess("A thread has ended") from exc
        return found

    def dealt(self, values, source):
        return self.gathered(values)[source][self.rank]


def each(size, function, ends=None):
    """Call a function of a `Thread` in several; their results or exceptions.

    ends : rank -> number of exchanges after which it ends
    """
    board, found = {"all": threading.Barrier(size)}, {}

    def run(rank):
        try:
            found[rank] = function(Thread(rank, size, board, (ends or {}).get(rank, np.inf)))
        except Exception as exc:
            found[rank] = exc
            time.sleep(0.2)  # until the others have read what they were told before
            board["all"].abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[rank] for rank in range(size)]


def fitted(size, source, ends=None, callback=None, beside=None, target="y", **options):
    made = FitOptions(**QUICK | options)

    def run(processes):
        context = Context("numpy", made.seed, callback, processes=processes)
        return fit_source(source, target, beside or Beside(), made, context)

    return each(size, run, ends) if size > 1 else [run(Processes())]


@pytest.fixture(autouse=True)
def in_float64(monkeypatch):
    """In float32 the order of a sum shows in the seventh digit."""
    monkeypatch.setattr(Context, "dtype", lambda self, size: "float64")


@pytest.fixture
def path(tmp_path):
    return write(table(), tmp_path, ".parquet")


def close(one, other):
    pairs = zip(one.params, other.params, strict=True)
    return max(np.abs(a - b).max() for a, b in pairs) < 1e-9


@pytest.mark.parametrize("size", [2, 3, 7])
def test_several_processes_find_the_model_of_one(path, size):
    [one] = fitted(1, path, increasing=["a"])
    many = fitted(size, path, increasing=["a"])
    for result in many:
        assert close(result.model, one.model)
        assert result.report.model.held_out == pytest.approx(one.report.model.held_out)
        np.testing.assert_allclose(result.history, one.history)
    assert all(same(many[0].model, result.model) for result in many)
    assert many[0].model.provenance == one.model.provenance


def test_weights_classes_and_balance_count_the_rows_of_all_processes(tmp_path):
    columns = table()
    columns["y"] = (columns["y"] > 0.5) * 1.0
    columns["w"] = np.arange(4000.0) % 5
    source, beside = write(columns, tmp_path, ".parquet"), Beside("w", None, None)
    options = {"loss": "logistic", "batch_rows": 3, "block_rows": 700, "epochs": 1, "members": 1}
    [one] = fitted(1, source, beside=beside, **options)
    for result in fitted(2, source, beside=beside, **options):
        assert close(result.model, one.model)
        assert result.model.provenance["balance"] == pytest.approx(one.model.provenance["balance"])
        assert result.model.provenance["balance"] != [0.0]


def test_several_targets_and_groups_are_those_of_all_processes(tmp_path):
    columns = table() | {"z": np.arange(4000.0) % 7, "unit": np.arange(4000) // 40}
    source, beside = write(columns, tmp_path, ".parquet"), Beside(groups="unit")
    [one] = fitted(1, source, beside=beside, target=["y", "z"])
    for result in fitted(2, source, beside=beside, target=["y", "z"]):
        assert close(result.model, one.model)
        assert result.report.rows == one.report.rows < 3900


@pytest.mark.parametrize("ending", [".csv", ".arrow"])
def test_a_file_of_one_part_and_files_of_few_are_shared_as_well(tmp_path, ending):
    source = write(table(), tmp_path, ending)
    [one] = fitted(1, source)
    assert close(fitted(2, source)[1].model, one.model)


def test_each_part_is_read_by_one_process(tmp_path, monkeypatch):
    source, read, own = write(table(), tmp_path, ".parquet"), [], Source.read

    def reading(self, part):
        read.append((threading.get_ident(), part))
        return own(self, part)

    monkeypatch.setattr(Source, "read", reading)
    fitted(2, source, epochs=1)
    first, epoch = read[:4], read[4:]
    for parts in (first, epoch):
        assert sorted(part for _, part in parts) == [0, 1, 2, 3]
        assert len({thread for thread, _ in parts}) == 2


@pytest.mark.parametrize("size", [1, 3])
def test_a_run_goes_on_with_another_number_of_processes(path, tmp_path, size):
    options = {"checkpoint": str(tmp_path / "run.checkpoint"), "checkpoint_seconds": 0.0}
    [whole] = fitted(1, path)
    lost = fitted(2, path, ends={1: 30}, **options)
    assert [type(each) for each in lost] == [LostProcess, LostProcess]
    assert "Start the fit again" in str(lost[0])
    seen = []
    again = fitted(size, path, callback=seen.append, **options)
    assert 10 < seen[0].iteration < 30
    assert close(again[-1].model, whole.model)


@pytest.mark.parametrize("step", [5, 32, 64])
def test_all_processes_stop_where_the_callback_of_the_first_ends_the_fit(path, step):
    def callback(progress):
        return progress.stage == "streaming" and progress.iteration == step

    [one] = fitted(1, path, callback=callback)
    for result in fitted(2, path, callback=callback):
        assert close(result.model, one.model)
        assert {each.iterations for each in result.solutions} == {step}
        assert {each.reason for each in result.solutions} == {"stopped"}


def test_an_error_of_one_process_is_that_of_all(tmp_path):
    columns = table()
    columns["y"][2500] = np.nan
    found = fitted(2, write(columns, tmp_path, ".parquet"))
    assert all(isinstance(each, InvalidInput) for each in found)
    assert str(found[0]) == str(found[1])
    assert "drop_rows_without_target" in str(found[0])


def test_processes_that_see_other_files_are_told_so(tmp_path):
    paths = []
    for rank in range(2):
        (tmp_path / str(rank)).mkdir()
        paths.append(write(table(1000 * (rank + 1)), tmp_path / str(rank), ".parquet"))

    def run(processes):
        context = Context("numpy", processes=processes)
        options = FitOptions(**QUICK)
        return fit_source(paths[processes.rank], "y", Beside(), options, context)

    for found in each(2, run):
        assert isinstance(found, InvalidInput)
        assert "finds other files than process" in str(found)


def test_the_sample_does_not_depend_on_the_number_of_processes(tmp_path):
    columns = table() | {"flag": np.full(4000, np.nan), "many": np.arange(4000).astype(str)}
    columns["flag"][[1500, 3999]] = 1.0, 2.0
    columns["many"] = columns["many"].astype(object)
    path = write(columns, tmp_path, ".parquet")

    def run(processes):
        return survey(Source.of(path, "y"), 300, 0.3, rng(0), (), processes)

    one = run(Processes())
    for found in (*each(2, run), *each(3, run)):
        for a, b in zip((one.counts, one.places, one.held),
                        (found.counts, found.places, found.held), strict=True):  # fmt: skip
            np.testing.assert_array_equal(a, b)
    assert {1500, 3999} <= set(one.places[~one.held].tolist())


def test_witnesses_of_all_rows_are_those_of_the_witnesses_of_parts():
    draws = np.random.default_rng(0)
    for _ in range(50):
        cells = {
            "n": draws.choice([np.nan, 1.0, 2.0, 3.0], 40, p=[0.7, 0.2, 0.05, 0.05]),
            "t": draws.integers(0, 300, 40).astype(str).astype(object),
        }
        whole, parts = Witnesses({"y"}), []
        whole.note(np.arange(40), cells)
        for part in np.array_split(np.arange(40), 3):
            own = Witnesses({"y"})
            own.note(part, {name: column[part] for name, column in cells.items()})
            parts.append(own.places)
        kept, merged = np.concatenate(parts), Witnesses({"y"})
        merged.note(kept, {name: column[kept] for name, column in cells.items()})
        np.testing.assert_array_equal(merged.places, whole.places)
