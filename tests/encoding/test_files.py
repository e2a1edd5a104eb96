"""Tables in files: what is read, and what cannot be."""

from __future__ import annotations

import gzip
import sys

import numpy as np
import pytest
from streamed import table, write

from eigcore.encoding.csv import Reading
from eigcore.encoding.files import ENDINGS, file_parts, read_table
from eigcore.encoding.write import write_table
from eigcore.errors import InvalidInput, InvalidOption, InvalidTable

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def in_batches(*paths, **reading):
    """Read files as a stream reads them."""
    parts = file_parts(list(paths), Reading(**reading))
    return pa.Table.from_batches([batch for part in parts for batch in part()])


def both(path, **reading):
    """Read a file as a table in memory and as a stream; both give the same cells."""
    table = read_table(path, Reading(**reading))
    assert str(in_batches(path, **reading).to_pydict()) == str(table.to_pydict())
    return table.to_pydict()


def test_a_csv_has_the_same_missing_cells_in_parts_and_as_a_whole(tmp_path):
    path, words = tmp_path / "missing.csv", ["", "NA", "nan", "null", "None", "<NA>", "oak", "none"]
    path.write_text("a,kind\n" + "".join(f"{i},{word}\n" for i, word in enumerate(words)))
    assert both(path)["kind"] == [None] * 6 + ["oak", "none"]


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
        file_parts([tmp_path / name])


def test_without_pyarrow_the_error_names_it(tmp_path, monkeypatch):
    (tmp_path / "rows.csv").write_text("a,y\n1,2\n")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidInput, match="pip install pyarrow"):
        file_parts([tmp_path / "rows.csv"])


def test_a_damaged_row_group_is_reported_with_its_file(tmp_path):
    path = write(table(), tmp_path, ".parquet")
    data = bytearray(path.read_bytes())
    data[4:104] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=r"rows.parquet.*cannot be read"):
        list(file_parts([path])[0]())


def test_commas_at_the_ends_of_rows_shift_no_cells(tmp_path):
    path = tmp_path / "commas.csv"
    path.write_text("a,b\n1,2,\n3,4,\n")
    assert both(path) == {"a": [1, 3], "b": [2, 4]}
    path.write_text("a,b\n1,2,\n3,4,5\n")
    with pytest.raises(InvalidInput, match="more cells than the first line has names"):
        read_table(path)


def test_an_index_that_pandas_wrote_is_a_column_where_it_has_a_name(tmp_path):
    pd, rows = pytest.importorskip("pandas"), np.arange(120.0)
    table, path = pd.DataFrame({"a": rows, "b": rows % 3}), tmp_path / "indexed.parquet"
    for frame in (table.set_index("a"), table.set_index(np.arange(120) % 7)):
        frame.to_parquet(path)
        assert sorted(both(path)) == ["a", "b"]


# Text and numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2", ""], [1, 2, None]),
        (["1", "2.5", "+3", " 4", "1e2"], [1.0, 2.5, 3.0, 4.0, 100.0]),
        (["1", "1.0", "A"], ["1", "1.0", "A"]),
        (["02134", "A"], ["02134", "A"]),
        (["123456789012345678", "123456789012345679"], [123456789012345678, 123456789012345679]),
        (["True", "false", ""], [True, False, None]),
        (["true", "1"], ["true", "1"]),
        (["2026-01-05", "2026-01-06"], ["2026-01-05", "2026-01-06"]),
        (["0x1F", "0x20"], ["0x1F", "0x20"]),
        (["", "NA"], [None, None]),
    ],
)
def test_the_kind_of_a_column_follows_from_all_of_its_cells(tmp_path, monkeypatch, cells, expected):
    path = tmp_path / "cells.csv"
    monkeypatch.setattr("eigcore.encoding.csv._BLOCK", 256)
    for above in (0, 200):  # the other cells come several blocks later
        first = [cells[0]] * above
        path.write_text("a,b\n" + "".join(f"{cell},x\n" for cell in first + cells))
        found = both(path)["a"][above:]
        assert found == expected
        assert list(map(type, found)) == list(map(type, expected))


def test_several_files_are_one_table_whose_columns_have_one_kind(tmp_path):
    for name, cell in {"a": "1", "b": "A", "c": "1.0"}.items():
        (tmp_path / f"{name}.csv").write_text(f"code,n\n{cell},2\n")
    table = in_batches(*(tmp_path / f"{name}.csv" for name in "abc"))
    assert table.to_pydict() == {"code": ["1", "A", "1.0"], "n": [2, 2, 2]}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["02134", "10001"], ["02134", "10001"]),
        (["1", "2", "1"], [1, 2, 1]),
        (["1", "1.0", "2.5"], [1.0, 1.0, 2.5]),
        (["1", "123456789012345678"], [1, 123456789012345678]),
        (["1.5", "123456789012345678"], ["1.5", "123456789012345678"]),
        (["12345678901234567890", "1"], ["12345678901234567890", "1"]),
        (["0.1234567890123456789", "1"], ["0.1234567890123456789", "1"]),
        (["1e5", "2"], ["1e5", "2"]),
        (["1.1", "1.10"], ["1.1", "1.10"]),
        (["-0", "0"], ["-0", "0"]),
    ],
)
def test_codes_keep_every_digit(tmp_path, cells, expected):
    path = tmp_path / "codes.csv"
    path.write_text("a\n" + "".join(f"{cell}\n" for cell in cells))
    found = both(path, codes=("a",))["a"]
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))
    assert both(path, text=("a", "absent"))["a"] == cells


def test_separators_and_decimals(tmp_path):
    path = tmp_path / "european.csv"
    path.write_text("a;b;c\n1,5;2;1.000\n-2,5e1;;2\n")
    expected = {"a": [1.5, -25.0], "b": [2, None], "c": ["1.000", "2"]}
    assert both(path, sep=";", decimal=",") == expected


def test_columns_without_a_name_are_called_as_in_pandas(tmp_path):
    pd, path = pytest.importorskip("pandas"), tmp_path / "unnamed.csv"
    path.write_text(',b,""\n1,2,3\n')
    assert list(both(path)) == list(pd.read_csv(path).columns)


def test_names_and_cells_may_hold_lines_and_separators(tmp_path):
    path = tmp_path / "quoted.csv"
    path.write_text('\n"a\nb","c,d"\n"x\ny","1"\n\n"z","2"\n')
    assert both(path) == {"a\nb": ["x\ny", "z"], "c,d": [1, 2]}


# Encodings -------------------------------------------------------------------------------------

TEXT = "größe,ort\n1,Köln\n2,Łódź\n"
EXPECTED = {"größe": [1, 2], "ort": ["Köln", "Łódź"]}


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
@pytest.mark.parametrize(
    ("encoding", "told"),
    [("utf-8", None), ("utf-8-sig", None), ("utf-16", None), ("utf-16-le", "utf-16-le"),
     ("utf-32", None), ("cp1250", "cp1250")],
)  # fmt: skip
def test_encodings_are_found_or_given(tmp_path, ending, encoding, told):
    path, text = tmp_path / f"rows{ending}", TEXT.replace("ß", "ss")
    expected = {name.replace("ß", "ss"): cells for name, cells in EXPECTED.items()}
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if ending == ".csv.gz" else data)
    assert both(path, encoding=told) == expected


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("a,ort\n1,Köln\n".encode("latin-1"), "no text in UTF-8.*Write encoding='latin-1'"),
        ("größe,b\n1,2\n".encode("latin-1"), "no text in UTF-8.*Write encoding='latin-1'"),
        (("a,b\n" * 2**14 + "ö,1\n").encode("latin-1"), "no text in UTF-8"),
        ("a,b\n1,x\n".encode("utf-16-le"), "zero bytes.*Write encoding='utf-16-le'"),
    ],
)
def test_bytes_in_another_encoding_are_refused(tmp_path, monkeypatch, data, words):
    monkeypatch.setattr("eigcore.encoding.csv._BLOCK", 256)
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    for read in (read_table, in_batches):
        with pytest.raises(InvalidTable, match=words):
            read(path)


@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".feather"])
@pytest.mark.parametrize("kind", ["binary", "large_binary", "binary_view", "dictionary"])
def test_columns_of_bytes_become_text_or_are_refused(tmp_path, ending, kind):
    def save(cells):
        cells = pa.array(cells, pa.binary())
        cells = cells.dictionary_encode() if kind == "dictionary" else cells
        types = {"large_binary": pa.large_binary(), "binary_view": pa.binary_view()}
        cells = cells.cast(types[kind]) if kind in types else cells
        write_table({"a": cells, "n": [1, 2, 3]}, path)

    path = tmp_path / f"rows{ending}"
    save(["Köln".encode(), None, b"s"])
    assert both(path)["a"] == ["Köln", None, "s"]
    save(["Köln".encode("latin-1"), None, b"s"])
    with pytest.raises(InvalidTable, match=r"column 'a'.*Write encoding='latin-1'"):
        read_table(path)
    assert both(path, encoding="latin-1")["a"] == ["Köln", None, "s"]


def test_options_of_reading_that_do_nothing_are_refused(tmp_path):
    path = tmp_path / "rows.parquet"
    write_table({"a": [1, 2]}, path)
    for option, value in {"sep": ";", "decimal": ",", "encoding": "latin-1"}.items():
        with pytest.raises(InvalidOption, match=f"{option} is .*no file is a CSV file"):
            read_table(path, Reading(**{option: value}))


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_file_gives_the_same_in_memory_and_in_batches(tmp_path, ending):
    path = write(table(), tmp_path, ending)
    assert both(path).keys() == table().keys()


def test_arrow_streams_are_read_as_arrow_files_are(tmp_path):
    data, path = pa.table({"a": [1, 2], "b": ["x", None]}), tmp_path / "rows.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, data.schema) as file:
        file.write_table(data)
    assert both(path) == data.to_pydict()
