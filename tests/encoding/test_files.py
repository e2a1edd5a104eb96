"""Tables in files: what is read, written, and what cannot be."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from streamed import table, write

from eigcore.encoding.files import file_parts, read_table, write_table
from eigcore.errors import InvalidInput


def test_a_csv_has_the_same_missing_cells_in_parts_and_as_a_whole(tmp_path):
    path, words = tmp_path / "missing.csv", ["", "NA", "nan", "null", "None", "<NA>", "oak", "none"]
    path.write_text("a,kind\n" + "".join(f"{i},{word}\n" for i, word in enumerate(words)))
    (part,) = file_parts(path)
    streamed = [cell for batch in part() for cell in batch.column("kind").is_null().to_pylist()]
    assert streamed == read_table(path).kind.isna().tolist()


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


def test_commas_at_the_ends_of_rows_shift_no_cells(tmp_path):
    path = tmp_path / "commas.csv"
    path.write_text("a,b\n1,2,\n3,4,\n")
    assert read_table(path).to_dict("list") == {"a": [1, 3], "b": [2, 4]}


def test_an_index_that_pandas_wrote_is_a_column_where_it_has_a_name(tmp_path):
    pd, rows = pytest.importorskip("pandas"), np.arange(120.0)
    table, path = pd.DataFrame({"a": rows, "b": rows % 3}), tmp_path / "indexed.parquet"
    for frame in (table.set_index("a"), table.set_index(np.arange(120) % 7)):
        frame.to_parquet(path)
        assert sorted(read_table(path).columns) == ["a", "b"]
        names = [batch.schema.names for part in file_parts(path) for batch in part()]
        assert sorted(names[0]) == ["a", "b"]


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_what_is_written_is_read(tmp_path, ending):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.5, None], "b": ["x", "y"]})
    write_table(frame, tmp_path / f"out{ending}")
    pd.testing.assert_frame_equal(read_table(tmp_path / f"out{ending}"), frame, check_dtype=False)
    with pytest.raises(InvalidInput, match="unknown ending"):
        write_table(frame, tmp_path / "out.txt")
