"""Files in all forms, standard input and output, and outputs that cannot be written."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest

pytest.importorskip("typer")
pa = pytest.importorskip("pyarrow")

from eigcore import SpectralModel  # noqa: E402
from eigcore.encoding.files import read_table  # noqa: E402
from eigcore.encoding.write import write_table  # noqa: E402

LEVELS = ("02134", "10001", "90210")


def european(houses, encoding):
    path = houses.with_name("european.csv")
    text = houses.read_text().replace(",", ";").replace(".", ",")
    path.write_bytes(text.encode(encoding))
    return path


def standard(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize("stream", [[], ["--stream", "--epochs", "1"]], ids=["memory", "stream"])
def test_a_table_in_another_form_gives_the_same_model(fit, run, houses, stream):
    model, again = houses.with_name("m.eig"), houses.with_name("again.eig")
    assert fit(*stream) == 0
    path = european(houses, "cp1250")
    reading = ["--sep", ";", "--decimal", ",", "--encoding", "cp1250"]
    assert fit(*stream, *reading, "-o", again, table=path) == 0
    loaded = SpectralModel.load(again)
    assert loaded.encoding.columns[1].levels == LEVELS
    assert (loaded.params[0] == SpectralModel.load(model).params[0]).all()
    out = [houses.with_name("a.csv"), houses.with_name("b.csv")]
    assert run("predict", model, houses, "-o", out[0]) == 0
    assert run("predict", model, path, "-o", out[1], *reading) == 0
    assert out[0].read_bytes() == out[1].read_bytes()


@pytest.mark.parametrize("stream", [[], ["--stream"]], ids=["memory", "stream"])
def test_another_encoding_is_refused_with_the_option_to_type(fit, houses, capfd, stream):
    path = european(houses, "cp1250")
    assert fit("--sep", ";", "--decimal", ",", *stream, table=path) == 1
    assert "no text in UTF-8" in (error := capfd.readouterr().err)
    assert "Type --encoding latin-1 if it is" in error
    assert "european.csv" in error


@pytest.mark.parametrize("stream", [[], ["--stream"]], ids=["memory", "stream"])
def test_options_of_csv_files_need_one(fit, houses, capfd, stream):
    path = houses.with_name("houses.feather")
    write_table({n: read_table(houses)[n] for n in read_table(houses).column_names}, path)
    assert fit(*stream, "--sep", ";", table=path) == 2
    assert (
        "--sep is ';'; expected none: no file is a CSV file. Leave --sep" in capfd.readouterr().err
    )
    assert fit(*stream, "--sep", "7", table=houses) == 2
    assert "--sep is '7'; expected one character" in capfd.readouterr().err


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".arrow"])
def test_tables_come_from_standard_input(fit, run, houses, monkeypatch, capfdbinary, ending):
    assert fit() == 0
    path, out = houses.with_name(f"copy{ending}"), houses.with_name("out.csv")
    table = read_table(houses)
    codes = pa.array([f"{code:05}" for code in table["code"].to_pylist()])
    write_table({n: table[n] for n in table.column_names} | {"code": codes}, path)
    assert run("predict", houses.with_name("m.eig"), houses, "-o", out) == 0
    capfdbinary.readouterr()
    standard(monkeypatch, path.read_bytes())
    assert run("predict", houses.with_name("m.eig"), "-", "-o", "-") == 0
    written = capfdbinary.readouterr()
    assert written.out == out.read_bytes()
    assert b"90 predictions by numpy, saved: standard output" in written.err


@pytest.mark.parametrize("stream", [[], ["--stream", "--epochs", "1"]], ids=["memory", "stream"])
def test_a_model_goes_to_standard_output_alone(fit, houses, monkeypatch, capfdbinary, stream):
    assert fit(*stream) == 0
    capfdbinary.readouterr()
    standard(monkeypatch, houses.read_bytes())
    assert fit(*stream, "-o", "-", table="-") == 0
    assert capfdbinary.readouterr().out == houses.with_name("m.eig").read_bytes()
    assert fit("-o", "-", "--json") == 2
    assert b"--output is '-'; expected a file beside --json" in capfdbinary.readouterr().err


def test_columns_are_kept_as_the_file_writes_them(fit, run, houses, capfd):
    assert fit() == 0
    out, model = houses.with_name("out.csv"), houses.with_name("m.eig")
    assert run("predict", model, houses, "-o", out, "--keep", "code", "town") == 0
    lines = [line.split(",")[1:3] for line in houses.read_text().splitlines()]
    assert [line.split(",")[:2] for line in out.read_text().splitlines()] == lines
    assert run("predict", model, houses, "-o", out, "--keep", "twon") == 2
    assert "--keep names 'twon', which is not a column of the table (did you mean 'town'?)" in (
        capfd.readouterr().err
    )
    twice = houses.with_name("twice.csv")
    twice.write_text(houses.read_text().replace("price", "prediction"))
    assert run("predict", model, twice, "-o", out, "--keep", "prediction") == 2
    assert "'prediction', which is a column of the answers" in capfd.readouterr().err


def test_a_model_that_cannot_be_saved_is_saved_elsewhere(fit, houses, monkeypatch, capfd, tmp_path):
    model, elsewhere = houses.with_name("m.eig"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "m-1.eig").write_bytes(b"of another")
    monkeypatch.chdir(elsewhere)
    replace = os.replace

    def full(source, target):
        if str(target) == str(model):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    assert fit() == 1
    error = capfd.readouterr().err
    place = elsewhere / "m-2.eig"
    assert "No space left on device. Expected" in error
    assert f"it is saved as {str(place)!r}. Type: mv {place} {model}" in error
    assert SpectralModel.load(place).encoding.columns[1].levels == LEVELS
    assert (elsewhere / "m-1.eig").read_bytes() == b"of another"


def test_an_output_without_permission_costs_no_fit(fit, houses, monkeypatch, capfd):
    def never(*_):
        raise AssertionError("the fit began")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("eigcore.cli.app.fit_with", never)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert fit() == 1
    assert "m.eig' cannot be written (Permission denied)" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("args", "kind", "code"),
    [
        (["fit", "none.csv", "--target", "y"], "InvalidInput", 1),
        (["fit", "none.csv", "--target", "y", "--dim", "0"], "InvalidOption", 2),
        (["fit", "none.csv"], "MissingParameter", 2),
        (["predict", "none.eig", "none.csv", "-o", "out.csv"], "ModelFileError", 1),
        (["show", "none.eig"], "ModelFileError", 1),
        (["nonsense"], "UsageError", 2),
    ],
)
def test_an_error_is_json_for_programs(run, capfd, monkeypatch, tmp_path, args, kind, code):
    monkeypatch.chdir(tmp_path)
    assert run(*args, "--json") == code
    told = capfd.readouterr()
    error = json.loads(told.out)["error"]
    assert (error["kind"], error["code"]) == (kind, code)
    assert told.err == f"eigcore: {error['message']}\n"


def test_show_tells_what_a_model_holds(fit, run, houses, capfd):
    assert fit("--increasing", "area") == 0
    capfd.readouterr()
    assert run("show", houses.with_name("m.eig")) == 0
    out = capfd.readouterr().out
    for words in (
        *("Predicts price: a number in its units", "02134, 10001, 90210", "4 pieces"),
        *("1 of order 3, dense, functional kth", "never falls", "increasing ['area']", "seed: 0"),
    ):
        assert words in out
    assert "neutral" not in out.replace("new levels", "").split("code")[0]
    meanings = ("--on-unseen", "refuse", "--on-missing", "neutral")
    assert fit("--increasing", "area", *meanings) == 0
    capfd.readouterr()
    assert run("show", houses.with_name("m.eig")) == 0
    rows = [line for line in capfd.readouterr().out.splitlines() if line.startswith("│")]
    area, code = (next(row for row in rows if name in row.split()) for name in ("area", "code"))
    assert "neutral" in area
    assert "an error" in code
    assert run("show", houses.with_name("m.eig"), "--json") == 0
    record = json.loads(capfd.readouterr().out)
    assert record["encoding"]["names"] == ["area", "code", "town"]
    assert record["guarantees"]["columns"][0]["increasing"]
    assert record["provenance"]["rows"] == 76
    assert record["feature_norms"].keys() == {"area", "code", "town"}


def test_levels_never_seen_are_counted_or_refused(fit, run, houses, capfd):
    model, out = houses.with_name("m.eig"), houses.with_name("p.csv")
    assert fit() == 0
    lines = houses.read_text().splitlines()
    new = houses.with_name("new.csv")
    new.write_text("\n".join([*lines[:4], lines[4].replace(lines[4].split(",")[1], "N")]))
    capfd.readouterr()
    assert run("predict", model, houses, "-o", out) == 0
    assert "no fitted row has" not in capfd.readouterr().out
    assert run("predict", model, new, "-o", out) == 0
    told = "Levels that no fitted row has: 1 cell(s) of column 'code', such as 'N'."
    assert told in " ".join(capfd.readouterr().out.split())
    assert run("predict", model, new, "-o", out, "--json") == 0
    assert json.loads(capfd.readouterr().out)["unseen"] == {"code": {"N": 1}}
    out.unlink()
    assert run("predict", model, new, "-o", out, "--strict") == 1
    assert "leave --strict out" in " ".join(capfd.readouterr().err.split())
    assert not out.exists()
    assert fit("--on-unseen", "refuse") == 0
    assert run("predict", model, new, "-o", out) == 1


def test_a_proof_is_written_and_verified(fit, run, houses, capfd):
    model, proof = houses.with_name("m.eig"), houses.with_name("m.proof.json")
    assert fit("--increasing", "area") == 0
    capfd.readouterr()
    assert run("certify", model, "--proof", proof) == 0
    assert f"eigcore verify {model} {proof}" in capfd.readouterr().out
    assert run("verify", model, proof) == 0
    out = capfd.readouterr().out
    assert "per unit of 'area', so the prediction never falls" in out
    record = json.loads(proof.read_text())
    next(each for each in record["claims"] if each["kind"] == "slope")["upper"] *= 0.999
    proof.write_text(json.dumps(record))
    assert run("verify", model, proof) == 1
    assert "REJECTED: claim" in capfd.readouterr().err
    assert run("verify", model, model) == 1
    assert run("verify", model, houses.with_name("none.json")) == 1
    assert "REJECTED" in capfd.readouterr().err
    before = model.read_bytes()
    assert run("certify", model, "--proof", model) == 1
    assert "--proof names the model file itself" in capfd.readouterr().err
    assert model.read_bytes() == before
    assert run("certify", model, "--json") == 0
    record = json.loads(capfd.readouterr().out)
    assert record["guarantees"]["columns"][0]["increasing"]
    around = ("certify", model, houses, "--row", 2, "--box", "area=±10%")
    assert run(*around, "--proof", proof) == 0
    told = capfd.readouterr().out
    assert "  prediction: [" in told
    assert "around row 2" in told
    assert run("verify", model, proof) == 0
    assert "'area': [" in capfd.readouterr().out
    for wrong, words in [
        (around[:4], "--row"),
        ((*around[:3], "--box", "area=±1"), "--row is left out; expected a number from 0"),
        (around[:5], "--box is left out; expected F=±NUMBER"),
        ((*around[:6], "area=10"), "expected F=±NUMBER"),
        ((*around[:6], "area=±x"), "expected F=±NUMBER"),
        ((*around[:6], "acre=±1"), "acre"),
        ((*around[:6], "area=1..2"), "on either side of the row's own number"),
        (("certify", model, "--box", "area=±1"), "has no table; expected a table after the model"),
    ]:
        assert run(*wrong) == 2
        assert words in capfd.readouterr().err
