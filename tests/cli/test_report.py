"""The commands that tell about a model: report and explain."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("typer")
pytest.importorskip("pyarrow")
pytest.importorskip("jinja2")

from eigcore import SpectralModel
from eigcore.encoding.files import read_table


@pytest.fixture
def model(fit, houses, capfd):
    assert fit("--increasing", "area") == 0
    capfd.readouterr()
    return houses.with_name("m.eig")


def test_a_report_is_written(run, model, houses, capfd):
    page = houses.with_name("page.html")
    assert run("report", model, houses, "-o", page, "--live") == 0
    assert f"KB about 90 rows, saved: {page}" in capfd.readouterr().out.replace("\n", "")
    text = page.read_text("utf-8")
    assert "SHA-256 of the table" in text
    assert "Łódź" in text
    assert "<script>" in text
    assert run("report", model, houses, "-o", page, "--json") == 0
    record = json.loads(capfd.readouterr().out)
    assert record == {"output": str(page), "rows": 90, "bytes": page.stat().st_size}
    assert run("report", model, houses, "-o", "-") == 0
    assert capfd.readouterr().out == page.read_text("utf-8")


def test_a_report_that_cannot_be_written_says_so(run, model, houses, capfd):
    page = houses.with_name("page.html")
    assert run("report", model, houses, "-o", model) == 2
    assert "the model itself" in capfd.readouterr().err
    assert run("report", model, houses, "-o", page, "--target", "prize") == 2
    assert "(did you mean 'price'?)" in capfd.readouterr().err
    assert run("report", model, houses, "-o", houses.with_name("none") / "page.html") == 1
    assert "There is no folder" in capfd.readouterr().err
    assert not page.exists()


def test_a_prediction_is_explained(run, model, houses, capfd):
    assert run("explain", model, houses, "--row", 3, "--baseline", "highest") == 0
    told = capfd.readouterr().out
    assert "Compared with the baseline: −" in told
    assert "proven: more never lowers it" in told
    assert run("explain", model, houses, "--row", 3, "--baseline", 5, "-k", 1, "--json") == 0
    found = json.loads(capfd.readouterr().out)
    table = read_table(houses)
    assert found["table"][0][0] == table["area"][3].as_py()
    assert found["baseline"][0][0] == table["area"][5].as_py()
    own = SpectralModel.load(model)
    rows = table.drop_columns("price").take([3, 5])
    rows = rows.set_column(1, "code", [[f"{code:05}" for code in rows["code"].to_pylist()]])
    row, base = own.decision(rows)
    assert abs(sum(found["contributions"][0]) - (row - base)) < 1e-9
    assert len(found["reasons"]) == 1
    assert found["reasons"][0]["contribution"] * (row - base) > 0


def test_what_cannot_be_explained_says_so(run, model, houses, capfd):
    expected = {
        ("--row", 90): "--row is 90; expected a number from 0 to 89. Type --row 0",
        ("--row", 1, "--baseline", "best"): "expected one of mean, highest, lowest, or the number",
        ("--row", 1, "--baseline", 90): "--baseline is 90; expected a number from 0 to 89",
        ("--row", 1, "--of", "x"): "expected nothing: the model has one output. Leave --of out",
        ("--row", 1, "-k", 0): "--reasons is 0; expected a number of at least 1. Type --reasons 4",
    }
    for words, told in expected.items():
        assert run("explain", model, houses, *words) == 2
        assert told in " ".join(capfd.readouterr().err.split())


def test_a_picture_is_drawn(run, model, houses, capfd):
    pytest.importorskip("matplotlib")
    asked = {
        "importance": [],
        "shape": ["--column", "area"],
        "spectrum": ["--column", "area"],
        "waterfall": ["--row", 3],
        "calibration": [],
        "residuals": [],
    }
    for kind, words in asked.items():
        path = houses.with_name(f"{kind}.svg")
        assert run("plot", model, houses, "-o", path, "--kind", kind, *words) == 0, kind
        assert "</svg>" in path.read_text("utf-8")
        assert f"{kind}.svg" in capfd.readouterr().out.replace("\n", "")
    path = houses.with_name("shape.png")
    assert run("plot", model, houses, "-o", path, "--kind", "shape", "-c", "code", "--json") == 0
    record = json.loads(capfd.readouterr().out)
    assert record == {"output": str(path), "kind": "shape", "columns": ["code"]}
    wrong = {
        ("--kind", "shap"): "--kind is 'shap'; expected one of importance, shape",
        ("--kind", "shape"): "--column is left out; expected 1 for --kind shape. Type --column a",
        ("--kind", "levels", "-c", "area"): "2 for --kind levels, each after a --column of its own",
        ("--kind", "shape", "-c", "aera"): "(did you mean 'area'?)",
        ("--kind", "waterfall", "--row", 90): "expected a number from 0 to 89",
        ("--target", "prize", "--kind", "residuals"): "(did you mean 'price'?)",
        ("-o", houses.with_name("picture.gif")): "expected a file ending in .png, .svg, .pdf",
    }
    for words, told in wrong.items():
        assert run("plot", model, houses, "-o", path, *words) == 2
        assert told in " ".join(capfd.readouterr().err.split())
