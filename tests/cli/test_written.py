"""Cells mean what their file writes: kept columns, levels, decimals, errors that name them."""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys

import numpy as np
import pytest

pytest.importorskip("typer")
pa = pytest.importorskip("pyarrow")

from eigcore import SpectralModel  # noqa: E402
from eigcore.encoding.files import read_table  # noqa: E402
from eigcore.encoding.write import write_table  # noqa: E402
from eigcore.fit import fit  # noqa: E402

QUICK = {"dim": 2, "knots": 0, "members": 1, "penalty": 1e-6, "max_iter": 30, "validation": 0}
FLAGS = ["--dim", "2", "--knots", "0", "--members", "1", "--penalty", "1e-6", "--holdout", "0"]


@pytest.fixture
def predict(run, tmp_path, monkeypatch, capfdbinary):
    """Predict the bytes of a table on standard input with a model; returns output and errors."""

    def predict(model, data, *args):
        model.save(tmp_path / "m.eig")
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = run("predict", tmp_path / "m.eig", "-", "-o", "-", *args)
        out, err = capfdbinary.readouterr()
        return code, out.decode(), " ".join(err.decode().split())

    return predict


@pytest.fixture(scope="module")
def line():
    """A model of one column of numbers."""
    return fit({"a": np.linspace(0, 1, 40)}, 2 * np.linspace(0, 1, 40), **QUICK).model


def of_levels(levels):
    """A model of one column of categories, which predicts 0, 1, 2, … for the levels."""
    cells = np.array(levels * 20, dtype=object)
    return fit({"c": cells}, np.arange(20.0 * len(levels)) % len(levels), categories=["c"], **QUICK)


WRITTEN = ["12345678901234567891", "00123", "0.10", "NA", "", "1e3", " x", "True"]


@pytest.mark.parametrize("more", ["", '"a,b"'])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_kept_cells_are_the_text_of_the_file(line, run, tmp_path, more, ending):
    line.save(tmp_path / "m.eig")
    path, out = tmp_path / "t.csv.gz", tmp_path / f"out{ending}"
    cells = [*WRITTEN, *([more] if more else [])]
    path.write_bytes(gzip.compress("".join(["id,a,\n", *(f"{c},0,\n" for c in cells)]).encode()))
    assert run("predict", tmp_path / "m.eig", path, "-o", out, "--keep", "id", "a") == 0
    kept = [cell.strip('"') for cell in cells]
    if ending == ".parquet":
        assert read_table(out)["id"].to_pylist() == kept
        return
    rows = list(csv.reader(out.read_text().splitlines()))
    assert rows[0] == ["id", "a", "prediction"]
    assert [row[0] for row in rows[1:]] == kept
    assert {row[1] for row in rows[1:]} == {"0"}


def test_kept_cells_of_other_files_keep_their_type(line, run, tmp_path):
    line.save(tmp_path / "m.eig")
    path, out = tmp_path / "t.parquet", tmp_path / "out.parquet"
    write_table({"id": pa.array([2**60 + 1, None]), "a": [0.0, 1.0]}, path)
    assert run("predict", tmp_path / "m.eig", path, "-o", out, "--keep", "id") == 0
    assert read_table(out)["id"].to_pylist() == [2**60 + 1, None]


@pytest.mark.parametrize(
    ("levels", "cells", "flags", "expected"),
    [
        ([0.5, 1.5, 2.0], ["0.50", "1.50", "2.00", ".5", "5e-1"], [], [0, 1, 2, 0, 0]),
        ([0.5, 1.5, 2.0], ["0,5", "1,5", "2", "2,0"], [",", ";"], [0, 1, 2, 2]),
        ([0.5, 1.5, 2.0], ["0,50", "1,50", "2"], [",", ";"], [0, 1, 2]),
        ([1, 2, 3], ["1.0", "3.0", "2"], [], [0, 2, 1]),
        ([1, 2, 3], ["1.0", "3.0", "01"], [], [0, 2, 1]),
        ([False, True], ["True", "False"], [], [1, 0]),
        ([False, True], ["true", "0", "1", "FALSE"], [], [1, 0, 1, 0]),
        ([False, True], ["1", "0"], [], [1, 0]),
    ],
)
def test_levels_of_a_file_are_those_that_it_writes(predict, levels, cells, flags, expected):
    flags = ["--decimal", flags[0], "--sep", flags[1]] if flags else []
    model = of_levels(levels).model
    code, out, _ = predict(model, "\n".join(["c", *cells, ""]).encode(), *flags)
    assert code == 0
    # 1 is also what a level never seen gets: the average
    np.testing.assert_allclose(list(map(float, out.split()[1:])), expected, atol=0.02)
    for cell, alone in zip(cells, expected, strict=True):
        code, out, _ = predict(model, f"c\n{cell}\n".encode(), *flags)
        assert float(out.split()[1]) == pytest.approx(alone, abs=0.02)


@pytest.mark.parametrize(
    ("cells", "flags", "levels"),
    [
        (["True", "False"], [], (False, True)),
        (["0,5", "1,5"], ["--decimal", ",", "--sep", ";"], (0.5, 1.5)),
        (["0,50", "1,5"], ["--decimal", ",", "--sep", ";"], ("0,50", "1,5")),
        (["0.5", "1,5"], ["--decimal", ",", "--sep", ";"], ("0.5", "1,5")),
    ],
)
@pytest.mark.parametrize("stream", [[], ["--stream", "--epochs", "1"]], ids=["memory", "stream"])
def test_declared_categories_of_a_file_keep_their_kind(run, tmp_path, cells, flags, levels, stream):
    path, model = tmp_path / "t.csv", tmp_path / "m.eig"
    sep = ";" if flags else ","
    rows = [f"{cell}{sep}{number}\n" for number, cell in enumerate(cells)] * 20
    path.write_text("".join([f"c{sep}y\n", *rows]))
    own = FLAGS[:-2] if stream else FLAGS
    given = ["--categories", "c", "-t", "y", "-o", model, *own, *flags, *stream]
    assert run("fit", path, *given) == 0
    assert SpectralModel.load(model).encoding.columns[0].levels == levels
    assert run("predict", model, path, "-o", tmp_path / "p.csv", *flags) == 0
    found = read_table(tmp_path / "p.csv")["prediction"].to_pylist()
    assert np.ptp(found) > 0.5


@pytest.mark.parametrize(
    ("data", "flags", "words"),
    [
        (b"a\n0.25\n0.5f\n", [], "Column 'a' holds '0.5f' in row 1"),
        (b"a\n0,25\n0,5f\n", ["--decimal", ",", "--sep", ";"], "holds '0,5f' in row 1"),
        (b"a\nNA\n", [], "Type --on-missing neutral at a fit of a table in memory."),
        (b"a\n1,2\n", [], "standard input cannot be read as csv: some rows"),
        (b"a\n\xff\n", [], "standard input holds bytes that are no text in UTF-8"),
        (b"", [], "standard input cannot be read as csv (it is empty)"),
        (b"a\n", [], "standard input has 0 rows"),
        (b"PAR1 and no more", [], "standard input cannot be read as parquet"),
    ],
)
def test_errors_name_the_cell_and_standard_input(predict, line, data, flags, words):
    code, out, err = predict(line, data, *flags)
    assert (code, out) == (1, "")
    assert words in err
    assert "standard-input" not in err
    assert "eigcore-" not in err


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(b"a\n1\n", mtime=0), "begins as gzip does; .*end in .csv.gz"),
        (b"PAR1\0", "begins as Parquet does; .*end in .parquet"),
        (b"ARROW1\0\0", "begins as Arrow does; .*end in .arrow"),
        (b"PK\x03\x04\0", "a workbook does; .*save the sheet as CSV"),
        (b"\x28\xb5\x2f\xfd\0", "begins as Zstandard does; .*Unpack it"),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--encoding", "latin-1"]])
def test_other_formats_named_csv_are_told(line, run, tmp_path, capfd, data, words, flags):
    line.save(tmp_path / "m.eig")
    (tmp_path / "x.csv").write_bytes(data)
    args = [tmp_path / "m.eig", tmp_path / "x.csv", "-o", tmp_path / "o.csv", *flags]
    assert run("predict", *args) == 1
    assert re.search(words, " ".join(capfd.readouterr().err.split()))
