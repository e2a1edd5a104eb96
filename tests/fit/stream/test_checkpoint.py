"""Checkpoints: runs that were cut off go on to the same model, others are told apart."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest
from streamed import QUICK, cut, same, table, write

from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit import fit, fit_stream
from eigcore.fit.stream.checkpoint import DIGEST, Checkpoint

RUN = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from eigcore.fit import fit_stream
from streamed import QUICK
def callback(progress):
    if progress.stage == "streaming" and progress.iteration == 21:
        os.kill(os.getpid(), signal.SIGKILL)
fit_stream({path!r}, "y", increasing=["a"], checkpoint={checkpoint!r}, checkpoint_seconds=0.0,
           callback=callback, **QUICK)
"""


def test_a_killed_run_goes_on_to_the_same_model(tmp_path, request):
    path, checkpoint = write(table(), tmp_path, ".parquet"), tmp_path / "run.checkpoint"
    whole = fit_stream(path, "y", increasing=["a"], **QUICK)
    code = RUN.format(
        tests=str(request.path.parents[2]), path=str(path), checkpoint=str(checkpoint)
    )
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
    with pytest.raises(InvalidInput, match="of another run: other data; expected"):
        fit_stream(other, "y", checkpoint=checkpoint, **QUICK)


@pytest.mark.parametrize("as_files", [False, True])
def test_the_last_rows_tell_data_apart_as_well(tmp_path, as_files):
    checkpoint, rows = tmp_path / "run.checkpoint", table()
    swapped = {name: np.append(cells[:-2], cells[[-1, -2]]) for name, cells in rows.items()}

    def given(columns):
        return write(columns, tmp_path, ".csv") if as_files else cut(columns)

    fit_stream(given(rows), "y", checkpoint=checkpoint, **QUICK)
    with pytest.raises(InvalidInput, match="of another run: other data; expected"):
        fit_stream(given(swapped), "y", checkpoint=checkpoint, **QUICK)


@pytest.mark.parametrize("content", [b"", b"x" * 100, slice(-50), slice(-DIGEST), slice(-1)])
def test_a_damaged_checkpoint_is_an_error(finished, content):
    path, checkpoint = finished
    cut = isinstance(content, slice)
    checkpoint.write_bytes(checkpoint.read_bytes()[content] if cut else content)
    with pytest.raises(InvalidOption, match=r"is not a checkpoint, or is damaged") as caught:
        fit_stream(path, "y", checkpoint=checkpoint, **QUICK)
    assert "rm " not in str(caught.value)
    assert caught.value.example == str(checkpoint.with_name("run-2.checkpoint"))


def test_a_flipped_bit_anywhere_is_an_error(finished):
    _, checkpoint = finished
    written = Checkpoint(checkpoint, 0.0, {}, {})
    content = checkpoint.read_bytes()
    header, end = 8 * int.from_bytes(content[:8], "little"), 8 * len(content)
    everywhere = np.random.default_rng(0).integers(end, size=60)
    places = [*range(64), *range(64, header, 211), *everywhere, *range(end - 256, end, 8)]
    assert written.load() is not None
    for place in places:
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << (place % 8)
        checkpoint.write_bytes(flipped)
        with pytest.raises(
            InvalidOption, match="is damaged: its checksum does not match; expected a"
        ):
            written.load()


@pytest.mark.parametrize("folder", [False, True])
def test_a_checkpoint_is_no_table(tmp_path, monkeypatch, folder):
    path = write(table(), tmp_path, ".csv")
    before, source = path.read_bytes(), tmp_path if folder else path
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(path)
    for same_file in (path, path.name, "link"):
        with pytest.raises(InvalidOption, match=r"^checkpoint is .*, the table itself") as caught:
            fit(source, "y", checkpoint=same_file, **QUICK)
        assert "rm " not in str(caught.value)
    with pytest.raises(InvalidOption, match=r"the name of a table; .*'new.checkpoint'"):
        fit(source, "y", checkpoint="new.csv", **QUICK)
    assert path.read_bytes() == before


def test_a_checkpoint_that_cannot_be_written_costs_nothing_but_itself(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device", str(path))

    batches, checkpoint = cut(table()), tmp_path / "run.checkpoint"
    whole = fit_stream(batches, "y", **QUICK)
    monkeypatch.setattr("eigcore.fit.stream.checkpoint.write_whole", full)
    found = fit_stream(batches, "y", checkpoint=checkpoint, checkpoint_seconds=0.0, **QUICK)
    assert same(found.model, whole.model)
    (note,) = [note for note in found.report.notes if "checkpoint" in note]
    assert str(checkpoint) in note
    assert "No space left on device" in note
