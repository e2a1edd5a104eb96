"""Tables written into files."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from eigcore.encoding.files import ENDINGS, read_table
from eigcore.encoding.write import check_output, write_table
from eigcore.errors import InvalidInput

pa = pytest.importorskip("pyarrow")
COLUMNS = {
    "a": np.array([0.1, 1e300, -2.5e-8]),
    "b": ["x", 'with "quotes", and\nlines', "ö"],
    "c,d": pa.array([123456789012345678, None, 3]),
    "e": pa.array(["one", None, "one"]).dictionary_encode(),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_written_is_read(tmp_path, ending):
    path = tmp_path / f"out{ending}"
    check_output(path)
    write_table(COLUMNS, path)
    found = read_table(path).to_pydict()
    assert found == {name: pa.array(cells).to_pylist() for name, cells in COLUMNS.items()}
    for check in (lambda path: write_table(COLUMNS, path), check_output):
        with pytest.raises(InvalidInput, match="unknown ending"):
            check(tmp_path / "out.txt")


def test_a_csv_is_plain(tmp_path):
    write_table({"prediction": [1.5, 2.0], "kind": ["a", "b,c"]}, tmp_path / "out.csv")
    write_table({"prediction": [1.5, 2.0], "kind": ["a", "b,c"]}, tmp_path / "out.csv.gz")
    text = b'prediction,kind\n1.5,"a"\n2,"b,c"\n'
    assert (tmp_path / "out.csv").read_bytes() == text
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()) == text
    write_table({"prediction": [1.5], "kind": ["a"], "b,c": [True]}, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b'prediction,kind,"b,c"\n1.5,a,true\n'


def test_cells_that_a_format_cannot_hold_are_refused(tmp_path):
    lists = {"a": pa.array([[1], [2]])}
    with pytest.raises(InvalidInput, match=r"cannot hold .*Write .parquet"):
        write_table(lists, tmp_path / "out.csv")
    assert not list(tmp_path.iterdir())
    write_table(lists, tmp_path / "out.parquet")
