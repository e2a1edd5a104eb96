"""Where rows come from: files and batches, and which tables are sources."""

from __future__ import annotations

import numpy as np
import pytest
from streamed import QUICK, cut, rng, same, table, write

from eigcore.fit import fit, fit_stream
from eigcore.fit.stream.source import Source, is_source
from eigcore.fit.stream.survey import survey


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


def test_decimals_are_numbers(tmp_path):
    pa = pytest.importorskip("pyarrow")
    exact = pa.array([1, 2, 3]).cast(pa.decimal128(25, 2))
    batch = pa.record_batch({"a": exact, "y": [1.0, 2.0, 3.0]})
    (cells,) = Source.of([batch], "y").read(0)
    assert cells["a"].tolist() == [1.0, 2.0, 3.0]


def test_whole_numbers_of_a_csv_may_be_followed_by_others(tmp_path):
    path = tmp_path / "rows.csv"
    rows = 600_000
    path.write_text("x,y\n" + "1,2\n" * rows + "1.5,NA\n")
    *_, last = Source.of(path, "x").read(0)
    assert last["x"][-1] == 1.5
    assert np.isnan(last["y"][-1])


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
