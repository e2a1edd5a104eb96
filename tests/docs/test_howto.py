"""Each row of the page of tasks works when it is typed."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import eigcore
from eigcore.fit.options import FitOptions

PAGE = (Path(__file__).parents[2] / "docs" / "howto.md").read_text()
ROWS = [row for row in re.findall(r"^\| (.+) \|$", PAGE, re.MULTILINE) if row.count(" | ") == 2]
TYPED = [code for row in ROWS for code in re.findall(r"`([^`]+)`", row.split(" | ")[1])]
QUICK = {"members": 1, "dim": 2, "knots": 2, "penalty": 0.01, "max_iter": 9}
ELSEWHERE = ("torchrun", "pip install", "report.html", "EIGCORE_BACKEND")
"""Tests of their own, or no commands."""


def kind(code):
    if code.startswith(ELSEWHERE) or "cuda" in code:
        return "elsewhere"
    if code.startswith("eigcore "):
        return "command"
    return "option" if re.match(r"\w+=", code) or code.startswith('"') else "code"


def of(name):
    return [code for code in TYPED if kind(code) == name]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    names = ("area", "age", "income", "size", "load")
    columns = {name: rng.uniform(1, 9, 60) for name in names}
    return columns | {"price": columns["area"] - columns["age"] + rng.uniform(0, 0.1, 60)}


@pytest.fixture(scope="module")
def model(table):
    return eigcore.fit(table, "price", calibration=0.3, **QUICK).model


def test_every_row_has_something_to_type_and_a_page_to_read():
    assert len(ROWS) > 40
    assert len(of("code")) > 15
    assert len(of("command")) > 9


@pytest.mark.parametrize("code", [code for code in of("option") if code[0] != '"'])
def test_options_are_options(code):
    given = eval(f"dict({code})")
    if "functional" in given:  # of a neuron or a layer
        given = {"neuron": given}
    FitOptions(**{name: value for name, value in given.items() if name not in ARRAYS})


ARRAYS = ("exposure", "groups", "time", "weights")


@pytest.mark.parametrize("code", of("code"))
def test_code_runs(code, table, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model.save("m.eig")
    space = names(table, model)
    code = code.replace("fit(…, ", "fit(table, 'price', ")
    if code.startswith("with "):
        exec(f"{code}\n    pass", space)
    else:
        exec(f"found = {code}", space)


def names(table, model):
    """What a reader of the page has at hand."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(12, 12))
    rows = {name: cells for name, cells in table.items() if name != "price"}
    space = {
        "eigcore": eigcore,
        "np": np,
        "fit": lambda *given, **options: eigcore.fit(*given, **QUICK | options),
        "table": table,
        "new": rows,
        "row": {name: cells[0] for name, cells in rows.items()},
        "target": float(np.median(table["price"])),
        "model": model,
        "SpectralModel": eigcore.SpectralModel,
        "A": A,
        "X": A[:, :-1],
        "Y": A[:, 1:],
        "L": np.diag(np.full(12, 2.0)) - np.eye(12, k=1) - np.eye(12, k=-1),
    }
    torch = pytest.importorskip("torch")
    pytest.importorskip("jax")
    torch_backend = pytest.importorskip("eigcore_torch")
    net = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    space |= {"net": net, "batches": torch.randn(64, 8).split(16)}
    space["SpectralLayer"] = torch_backend.SpectralLayer
    space["SpectralRegressor"] = pytest.importorskip("eigcore.estimators").SpectralRegressor
    return space


@pytest.mark.parametrize("code", of("command"))
def test_a_command_runs(code, table, model, tmp_path, monkeypatch):
    runner = pytest.importorskip("typer.testing").CliRunner()
    app = pytest.importorskip("eigcore.cli.app").app
    monkeypatch.chdir(tmp_path)
    files(table, model, code)
    words = shlex.split(code.replace("NAME", "named"))[1:]
    if words[0] == "fit":
        words += [f"--{name.replace('_', '-')}={value}" for name, value in (QUICK | STREAM).items()]
    found = runner.invoke(app, words)
    assert found.exit_code == 0, found.output


STREAM = {"epochs": 1, "max_iter": 2}


def files(table, model, code):
    """Write what the commands read."""
    lines = [
        ",".join(table),
        *(",".join(map(str, row)) for row in zip(*table.values(), strict=True)),
    ]
    Path("rows").mkdir()
    for path in ("table.csv", "rows/one.csv"):
        Path(path).write_text("\n".join(lines) + "\n")
    model.save("m.eig")
    if "verify" in code:
        model.prove().save("p.json")
    if "spectrum" in code:
        numpy_files = pytest.importorskip("safetensors.numpy")
        numpy_files.save_file(
            {"named": np.random.default_rng(0).normal(size=(30, 20))}, "net.safetensors"
        )
