"""The command: what it prints, saves and refuses, and its exit codes."""

from __future__ import annotations

import functools
import itertools
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("typer")
pd = pytest.importorskip("pandas")

from samples import linear_model  # noqa: E402

import eigcore  # noqa: E402
from eigcore.cli import demo, main, spread  # noqa: E402

QUICK = ["--dim", "3", "--knots", "4", "--members", "1", "--penalty", "0.001"]


@pytest.fixture
def cars(tmp_path):
    """A table with numbers, text, missing cells and two classes, as a CSV file."""
    rng = np.random.default_rng(0)
    rows = 120
    weight, power = rng.uniform(1000, 4000, rows), rng.uniform(50, 200, rows)
    table = pd.DataFrame(
        {
            "weight": weight.round(),
            "power": np.where(np.arange(rows) < 7, np.nan, power.round()),
            "origin": rng.choice(["usa", "japan"], rows),
            "mpg": (50 - weight / 100 + rng.normal(size=rows)).round(2),
        }
    )
    table["thirsty"] = np.where(table.mpg < table.mpg.median(), "yes", "no")
    path = tmp_path / "cars.csv"
    table.to_csv(path, index=False)
    return path


def changed(path, **columns):
    """The same table with some columns replaced, in another file."""
    table = pd.read_csv(path).assign(**columns)
    other = path.with_name("changed.csv")
    table.to_csv(other, index=False)
    return other


def run(*args):
    return main([str(arg) for arg in args])


def fit(path, *args, target="mpg", output=None):
    output = output or path.with_name("cars.eig")
    return run("fit", path, "--target", target, "-o", output, *QUICK, *args)


def test_fit_prints_errors_and_guarantees_and_saves(cars, capfd):
    assert fit(cars, "--decreasing", "weight", "--drop-columns", "thirsty") == 0
    out = capfd.readouterr().out
    for words in ("linear model", "held out", "never rises", "largest slope", "cars.eig"):
        assert words in out
    assert "'power' is missing in 7 of 120 rows" in out
    assert "'origin' is text: 2 categories" in out
    assert "Left out on request: thirsty" in out
    assert eigcore.SpectralModel.load(cars.with_name("cars.eig")).certify().columns[0].decreasing


def test_fit_of_a_stream_goes_on_from_its_checkpoint(cars, capfd):
    checkpoint = cars.with_name("cars.checkpoint")
    options = ["--stream", "--epochs", "2", "--checkpoint", checkpoint, "--decreasing", "weight"]
    assert fit(cars, *options) == 0
    assert "never rises" in capfd.readouterr().out
    first = eigcore.SpectralModel.load(cars.with_name("cars.eig"))
    assert checkpoint.exists()
    assert fit(cars, *options) == 0
    again = eigcore.SpectralModel.load(cars.with_name("cars.eig"))
    np.testing.assert_array_equal(again.members[0][1], first.members[0][1])


def test_options_of_a_stream_and_of_a_table_do_not_mix(cars, capfd):
    assert fit(cars, "--stream", "--budget", "5") == 2
    assert "--budget cannot be used with --stream. Leave --budget out." in capfd.readouterr().err
    assert fit(cars, "--stream", "--weights", "wait") == 2
    assert "--weights names 'wait', which is not a column" in capfd.readouterr().err
    assert fit(cars, "--epochs", "2") == 2
    assert (
        "--epochs cannot be used without --stream. Leave --epochs out, or add --stream"
        in capfd.readouterr().err
    )


def test_fit_as_json_prints_nothing_else(cars, capfd):
    own = ["--additive", "thirsty", "--order", "origin=japan<usa<europe", "--increasing", "origin"]
    own += ["--codes", "power=-9/-8"]
    assert fit(cars, "--decreasing", "weight", "power", "--shape", "concave", "--json", *own) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["guarantees"]["concave"]
    columns = {column["name"]: column for column in record["guarantees"]["columns"]}
    assert columns["origin"]["increasing"]
    assert columns["thirsty"]["additive"]
    assert columns["power (code)"]["kind"] == "categories"
    assert [c["decreasing"] for c in record["guarantees"]["columns"]][:2] == [True, True]
    assert record["report"]["model"]["held_out"] < 5
    own = {"weight", "power", "origin", "thirsty", "power (code)"}
    assert record["feature_norms"].keys() == own
    assert record["report"]["rows_held_out"] == 18


def test_a_class_has_the_weight_that_its_text_says(cars, capfd):
    path = changed(cars, late=lambda table: (table.thirsty == "yes").astype(int))

    def weights(target, given):
        drop = {"thirsty", "late", "mpg"} - {target}
        words = ["--loss", "logistic", "--drop-columns", *drop, "--class-weight", given]
        assert fit(path, *words, target=target) == 0
        model = eigcore.SpectralModel.load(path.with_name("cars.eig"))
        return model.provenance["class_weights"]

    assert weights("thirsty", "yes=5") == [1.0, 5.0]
    assert weights("thirsty", "yes=2,no=0.5") == [0.5, 2.0]
    assert weights("late", "1=5") == [1.0, 5.0]
    assert fit(path, "--class-weight", "maybe=2", target="thirsty") == 2
    assert "Type --class-weight yes=2.0" in capfd.readouterr().err


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".arrow", ".feather"])
def test_predict_writes_one_row_per_row(cars, capfd, ending):
    assert fit(cars, "--drop-columns", "thirsty") == 0
    table = pd.read_csv(cars)
    source, out = cars.with_name(f"new{ending}"), cars.with_name(f"out{ending}")
    if ending.startswith(".csv"):
        table.to_csv(source, index=False)
    else:
        {".parquet": table.to_parquet}.get(ending, table.to_feather)(source)
    assert run("predict", cars.with_name("cars.eig"), source, "-o", out, "--json") == 0
    record = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert record == {
        "output": str(out),
        "rows": 120,
        "backend": "numpy",
        "unseen": {},
        "outside": {},
    }
    read = {".parquet": pd.read_parquet}.get(ending, pd.read_feather)
    read = pd.read_csv if ending.startswith(".csv") else read
    model = eigcore.SpectralModel.load(cars.with_name("cars.eig"))
    assert np.allclose(read(out)["prediction"], model.predict(table), rtol=1e-12)
    assert not list(cars.parent.glob(".*")), "temporary files are left"


def test_classes_are_predicted_by_name_with_their_probability(cars):
    assert fit(cars, target="thirsty") == 0
    out = cars.with_name("out.csv")
    assert run("predict", cars.with_name("cars.eig"), cars, "-o", out) == 0
    found, known = pd.read_csv(out), pd.read_csv(cars)["thirsty"]
    assert (found["prediction"] == known).mean() > 0.9
    assert ((found["probability"] > 0.5) == (found["prediction"] == "yes")).all()


def test_many_classes_are_predicted_with_the_probability_of_each(cars):
    kinds = pd.cut(pd.read_csv(cars)["mpg"], 3, labels=["low", "middle", "top"]).astype(str)
    path = changed(cars, kind=kinds)
    assert fit(path, "--drop-columns", "mpg", "thirsty", target="kind") == 0
    out = cars.with_name("out.csv")
    assert run("predict", cars.with_name("cars.eig"), path, "-o", out) == 0
    found = pd.read_csv(out)
    assert (found["prediction"] == kinds).mean() > 0.8
    probability = found[[f"probability of {kind}" for kind in ("low", "middle", "top")]]
    assert np.allclose(probability.sum(axis=1), 1.0)


def test_an_exposure_of_the_command_gives_rates_and_on_request_totals(cars, capfd):
    path = changed(cars, years=np.linspace(0.5, 2.0, 120))
    options = ["--loss", "gamma", "--exposure", "years", "--drop-columns", "thirsty", "--json"]
    assert fit(path, *options) == 0
    report = json.loads(capfd.readouterr().out)["report"]
    assert {"D²", "Gini", "observed/expected"} <= set(report["model"]["metrics"])
    assert any("per unit of exposure" in note for note in report["notes"])
    model, rates, totals = (cars.with_name(n) for n in ("cars.eig", "r.csv", "t.csv"))
    assert run("predict", model, path, "-o", rates) == 0
    assert "For totals, type --exposure COLUMN" in capfd.readouterr().out
    assert run("predict", model, path, "-o", totals, "--exposure", "years") == 0
    assert "per unit" not in capfd.readouterr().out
    ratio = pd.read_csv(totals).prediction / pd.read_csv(rates).prediction
    assert np.allclose(ratio, np.linspace(0.5, 2.0, 120))
    assert run("predict", model, path, "-o", totals, "--exposure", "yers") == 2
    assert "--exposure names 'yers', which is not a column" in capfd.readouterr().err


def test_groups_and_times_of_the_command_govern_what_is_hidden(cars, capfd):
    path = changed(cars, make=np.repeat(list("abcdefghij"), 12), day=np.arange(120))
    held = ["--holdout", "0.2", "--json"]
    for options in (
        ["--groups", "make", "--drop-columns", "day"],
        ["--time", "day", "--drop-columns", "make"],
    ):
        assert fit(path, *held, *options) == 0
        printed = json.loads(capfd.readouterr().out)
        assert printed["report"]["rows_held_out"] == 24
        assert not {"make", "day"} & set(printed["feature_norms"])
    assert fit(path, "--groups", "mak") == 2
    assert "--groups names 'mak', which is not a column" in capfd.readouterr().err
    streamed = [*held, "--stream", "--epochs", "1", "--members", "1", "--drop-columns", "make"]
    assert fit(path, *streamed, "--time", "day") == 0
    printed = json.loads(capfd.readouterr().out)
    assert (printed["report"]["rows"], printed["report"]["rows_held_out"]) == (96, 24)
    assert "day" not in printed["feature_norms"]


def test_losses_and_weights_of_the_command_reach_the_fit(cars, capfd):
    path = changed(cars, trust=np.where(np.arange(120) < 60, 0.0, 1.0))
    options = ["--drop-columns", "thirsty", "--weights", "trust", "--json"]
    assert fit(path, "--loss", "quantile", "--quantile", "0.9", *options) == 0
    record = json.loads(capfd.readouterr().out)["report"]
    assert record["metric"] == "pinball loss"
    assert record["rows"] + record["rows_held_out"] == 60
    model = eigcore.SpectralModel.load(cars.with_name("cars.eig"))
    assert "trust" not in model.encoding.names
    assert model.provenance["loss_parameters"] == {"quantile": 0.9}


def test_backends_are_listed(capfd):
    assert run("backends", "--json") == 0
    record = json.loads(capfd.readouterr().out)
    assert record["numpy"]["state"] == "loaded"
    assert {"distribution", "version", "capabilities", "error"} <= record["numpy"].keys()
    assert run("backends") == 0
    assert "numpy" in capfd.readouterr().out


def test_the_demo_fits_certifies_saves_and_predicts(tmp_path, capfd, monkeypatch):
    # with settings that nobody has to choose: `make demo` chooses them
    quick = functools.partial(demo.fit, dim=3, knots=4, members=1, penalty=1e-3, max_iter=30)
    monkeypatch.setattr(demo, "fit", quick)
    place = tmp_path / "demo.eig"
    assert run("demo", "-o", place) == 0
    out = capfd.readouterr().out
    assert out.count("never rises") == 3
    assert "predicts the same" in out
    assert place.exists()


@pytest.mark.parametrize(
    "command", [[], *([n] for n in ("fit", "predict", "show", "backends", "demo"))]
)
def test_every_command_has_help_with_an_example(command, capfd):
    assert run(*command, "--help") == 0
    out = capfd.readouterr().out
    assert "Example" in out or not command


def test_the_version_is_printed(capfd):
    assert run("--version") == 0
    assert capfd.readouterr().out.strip() == f"eigcore {eigcore.__version__}"


# Bad input ------------------------------------------------------------------------------------


def refused(capfd, code, *words):
    """Check that one line on stderr says all the words."""
    captured = capfd.readouterr()
    lines = [line for line in captured.err.splitlines() if line.startswith("eigcore:")]
    assert len(lines) == 1, captured.err
    assert "Traceback" not in captured.err
    for word in words:
        assert word in lines[0], lines[0]
    return code


@pytest.mark.parametrize(
    ("columns", "options", "code", "words"),
    [
        (
            {},
            ["--increasing", "Weight"],
            2,
            ["--increasing names 'Weight'", "did you mean 'weight'"],
        ),
        ({}, ["--increasing", "origin"], 2, ["'origin', which holds categories", "no order"]),
        (
            {},
            ["--increasing", "power", "--decreasing", "power"],
            2,
            ["'power'", "one of the two", "Leave --decreasing out"],
        ),
        ({}, ["--shape", "round"], 2, ["--shape convex"]),
        ({}, ["--loss", "cubic"], 2, ["--loss squared"]),
        ({}, ["--holdout", "0.95"], 2, ["--holdout is 0.95", "Type --holdout 0.2"]),
        ({}, ["--dim", "0"], 2, ["--dim is 0", "Type --dim 5"]),
        ({}, ["--seed", "-1"], 2, ["--seed 0"]),
        ({}, ["--budget", "-1"], 2, ["--budget 30"]),
        ({}, ["--penalty", "inf"], 2, ["finite", "--penalty 0.004"]),
        ({}, ["--weights", "origin"], 2, ["--weights are not numbers", "Leave --weights out"]),
        ({}, ["--weights", "mpg"], 2, ["--weights names 'mpg', which is the target"]),
        (
            {},
            ["--weights", "power", "--increasing", "power"],
            2,
            ["--increasing names 'power', which is the weights", "Type --increasing weight"],
        ),
        (
            {},
            ["--increasing", "power,weight"],
            2,
            ["--increasing names 'power,weight'", "Type --increasing power weight."],
        ),
        (
            {},
            ["--increasing", "power,origin", "--order", "origin=EU<US"],
            2,
            ["--increasing names power,origin beside an order", "Type --increasing power origin."],
        ),
        ({}, ["--tails", "power=flat"], 2, ["--tails is power=flat; expected one of constant"]),
        ({}, ["--dim", "-1"], 2, ["--dim is -1; expected a whole number of at least 1 and"]),
        ({}, ["--max-iter", "-1"], 2, ["of at least 0. Type --max-iter 120"]),
        ({}, ["--validation", "0.2"], 2, ["not --validation; expected --holdout. Type --holdout"]),
        ({}, ["--budget-seconds=3"], 2, ["not --budget-seconds; expected --budget. Type --budget"]),
        ({}, ["--neuron", "x"], 2, ["--neuron is no flag; expected eigcore.fit.fit in Python"]),
        ({}, ["--quantile", "0.9"], 2, ["--loss is left out", "Type --loss quantile"]),
        ({}, ["--drop-columns", "mpg"], 2, ["--drop-columns names 'mpg', which is the target"]),
        (
            {},
            ["--drop-columns", "weight", "power", "origin", "thirsty"],
            2,
            ["--drop-columns names all columns", "Type --drop-columns power origin thirsty"],
        ),
        (
            {"mpg": list("abcd") * 30},
            ["--increasing", "power", "weight"],
            2,
            ["--increasing is power weight; expected none"],
        ),
        ({}, ["--stream", "--early-stopping"], 2, ["--early-stopping cannot be"]),
        ({}, ["--stream", "--checkpoint", "x.csv"], 2, ["--checkpoint is", "x.checkpoint"]),
        ({}, ["--dim", "three"], 2, ["--dim is 'three'; expected a whole", "Type --dim 5."]),
        ({}, ["--penalty", "x"], 2, ["--penalty is 'x'; expected a finite number", "0.004."]),
        ({}, ["--drop-columns", "nothing"], 2, ["--drop-columns names 'nothing'"]),
        ({}, ["--backend", "abacus"], 1, ["--backend is 'abacus'", "eigcore backends"]),
        ({"mpg": [None] * 3 + [1.0, 2.0, 3.0] * 39}, [], 1, ["'mpg'", "3 of 120", "--drop-rows"]),
        ({"power": 5.0}, [], 1, ["'power'", "constant", "120 rows", "--drop-columns power"]),
        ({"power": None}, [], 1, ["'power'", "all 120 rows", "--drop-columns power"]),
        ({"mpg": list("abcd") * 30}, ["--loss", "logistic"], 2, ["'mpg'", "4 different"]),
        ({"mpg": list("abcd") * 30}, ["--increasing", "power"], 2, ["multinomial", "one against"]),
        ({}, ["--loss", "quantile", "--quantile", "2"], 2, ["--quantile 0.9"]),
        ({}, ["--weights", "nothing"], 2, ["--weights names 'nothing'"]),
        ({"mpg": 1.0}, [], 1, ["'mpg'", "same value"]),
        (
            {"vin": [f"v{i}" for i in range(120)]},
            [],
            1,
            ["'vin'", "120 different", "--drop"],
        ),
        (
            {"power": ["n/k", *range(119)]},
            [],
            1,
            ["'power'", "1 cell(s) are text, such as", "'n/k'"],
        ),
        ({"power": [np.inf] * 120}, [], 1, ["'power'", "infinite in 120"]),
    ],
)
def test_an_error_is_one_line_with_what_to_type(cars, capfd, columns, options, code, words):
    assert fit(changed(cars, **columns), *options) == code
    refused(capfd, code, *words)
    assert not cars.with_name("cars.eig").exists()


def test_an_unknown_target_suggests_the_nearest(cars, capfd):
    assert fit(cars, target="mgp") == 2
    refused(capfd, 2, "did you mean 'mpg'", "Type --target mpg")
    assert fit(cars, target="qqq") == 2
    refused(capfd, 2, "Add the column, or name one with --target")


def test_rows_without_target_can_be_left_out(cars, capfd):
    path = changed(cars, mpg=[None] * 3 + [1.0, 2.0, 3.0] * 39)
    assert fit(path, "--drop-rows-without-target") == 0
    assert "Left out 3 row(s) without a target" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, ["no file"]),
        ("empty.csv", "", ["cannot be read as csv"]),
        ("names.csv", "a,b\n", ["has 0 rows"]),
        ("double.csv", "a,b,a\n1,2,3\n", ["'a' occur more than once"]),
        ("table.xlsx", "x", ["unknown ending", ".parquet"]),
        ("broken.parquet", "x", ["cannot be read as parquet"]),
        ("broken.csv.gz", "x", ["cannot be read as csv.gz"]),
        ("binary.csv", b"\xff\xfe\x00a", ["cannot be read as csv"]),
        ("ragged.csv", "a,b\n1,2\n1,2,3,4\n", ["cannot be read as csv"]),
        ("more.csv", "a,b\n1,2,5\n3,4,6\n", ["more cells than the first line has names"]),
    ],
)
def test_files_that_are_no_tables_are_refused(tmp_path, capfd, name, content, words):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert fit(path, target="b") == 1
    refused(capfd, 1, name, *words)


@pytest.mark.parametrize(
    ("rows", "flags", "advice"),
    [
        ("a;b\n1;2\n3;4\n", [], "Type --sep ';'"),
        ("a\tb\n1,5\t2\n3\t4\n", [], r"Type --sep $'\t'"),
        ("a;b\n1;2\n", ["--sep", "|"], "Type --sep ';'"),
        ("a;b\n" + "".join(f"{i},5;{i}\n" for i in range(60)), ["--sep", ";"], "--decimal ,"),
    ],
)
def test_a_forgotten_separator_or_decimal_character_is_suggested(
    tmp_path, capfd, rows, flags, advice
):
    path = tmp_path / "t.csv"
    path.write_text(rows)
    assert fit(path, *flags, target="b") == 1
    refused(capfd, 1, advice)


def test_places_that_cannot_be_written_are_refused_before_the_work(cars, capfd):
    assert fit(cars, output=cars.parent / "nowhere" / "m.eig") == 1
    refused(capfd, 1, "no folder", "mkdir -p")
    assert fit(cars, output=cars.parent) == 1
    refused(capfd, 1, "is a folder")
    assert fit(cars, output=cars) == 2
    refused(capfd, 2, "table itself")
    assert fit(cars, output=cars.with_name("other.csv")) == 2
    refused(capfd, 2, "name of a table", "--output model.eig")
    pipe = cars.with_name("pipe.eig")
    os.mkfifo(pipe)
    assert fit(cars, output=pipe) == 1
    refused(capfd, 1, "is a device or a pipe")
    with pytest.raises(eigcore.errors.ModelFileError, match="is a device or a pipe"):
        linear_model().save(pipe)
    assert run("predict", "m.eig", cars, "-o", "out.txt") == 1
    refused(capfd, 1, "out.txt", ".parquet")
    before = cars.read_bytes()
    assert run("predict", "m.eig", cars, "-o", cars) == 2
    refused(capfd, 2, "table itself", "--output predictions.csv")
    assert cars.read_bytes() == before


def test_no_checkpoint_replaces_a_table_and_another_run_is_told_in_flags(cars, capfd):
    before, checkpoint = cars.read_bytes(), cars.with_name("run.checkpoint")
    for path in (cars, cars.parent):
        assert fit(path, "--stream", "--checkpoint", cars, output=cars.with_name("m.eig")) == 2
        text = capfd.readouterr().err
        assert "the table itself; expected another file. Type --checkpoint" in text
        assert "rm " not in text
    assert cars.read_bytes() == before
    stream = [*QUICK, "--max-iter", "1", "--stream", "--checkpoint", checkpoint]
    assert fit(cars, *stream) == 0
    capfd.readouterr()
    assert fit(cars, *stream, "--holdout", "0.3", "--increasing", "power") == 1
    refused(capfd, 1, "--increasing left out, not power; --holdout 0.15, not 0.3", "rm ")


def test_the_demo_replaces_no_table(cars, capfd):
    before = cars.read_bytes()
    assert run("demo", "--output", cars) == 2
    refused(capfd, 2, "name of a table", "--output model.eig")
    assert cars.read_bytes() == before


def test_too_little_memory_is_no_fault(cars, capfd, monkeypatch):
    def fit_with(*_):
        raise MemoryError("too much")

    monkeypatch.setattr("eigcore.cli.app.fit_with", fit_with)
    assert fit(cars) == 1
    refused(capfd, 1, "not enough memory (too much)", "--dim 5")


def test_predict_refuses_models_and_tables_that_do_not_fit(cars, capfd):
    model, out = cars.with_name("cars.eig"), cars.with_name("out.csv")
    assert run("predict", model, cars, "-o", out) == 1
    refused(capfd, 1, "cars.eig")
    model.write_bytes(b"not a model")
    assert run("predict", model, cars, "-o", out) == 1
    refused(capfd, 1, "cars.eig")
    model.unlink()
    assert fit(cars) == 0
    capfd.readouterr()
    less = cars.with_name("less.csv")
    pd.read_csv(cars).rename(columns={"weight": "wieght"}).to_csv(less, index=False)
    assert run("predict", model, less, "-o", out) == 1
    refused(capfd, 1, "'wieght'", "'weight'")
    assert not out.exists()


@pytest.mark.parametrize(
    "args", [["fit"], ["fit", "x.csv"], ["fit", "--nonsense"], ["nonsense"], ["demo", "--holdout"]]
)
def test_wrong_usage_ends_with_code_two(args, capfd):
    assert run(*args) == 2
    assert "Usage" in capfd.readouterr().err


def test_debug_shows_the_traceback(cars):
    with pytest.raises(eigcore.errors.InvalidInput):
        fit(cars, "--increasing", "nothing", "--debug")


def test_an_existing_model_survives_a_failure(cars, capfd):
    model = cars.with_name("cars.eig")
    assert fit(cars) == 0
    before = model.read_bytes()
    assert fit(cars, "--increasing", "nothing") == 2
    assert model.read_bytes() == before


def test_lists_of_names_may_follow_one_option():
    line = ["fit", "t.csv", "--increasing", "a", "b", "--dim", "5", "--decreasing", "c", "d"]
    assert spread(line) == [
        *["fit", "t.csv", "--increasing", "a", "--increasing", "b"],
        *["--dim", "5", "--decreasing", "c", "--decreasing", "d"],
    ]
    assert spread(["fit", "--increasing", "a", "t.csv"]) == ["fit", "--increasing", "a", "t.csv"]
    assert spread(["fit", "-o", "m", "--increasing", "a", "t.csv", "--target", "y"])[4] == "a"


def test_mappings_of_columns_may_follow_one_option():
    line = ["fit", "t.csv", "--codes", "a=-9", "b=-9/-8", "--tails", "a=linear", "-t", "y"]
    assert spread(line) == [
        *["fit", "t.csv", "--codes", "a=-9,b=-9/-8", "--tails", "a=linear", "-t", "y"],
    ]
    assert spread(["fit", "--codes", "a=-9", "t.csv"]) == ["fit", "--codes", "a=-9", "t.csv"]


@pytest.fixture
def ctrl_c():
    """SIGINT raises KeyboardInterrupt, also in a job that a shell runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_saves_the_best_so_far(cars, capfd, monkeypatch):
    @contextmanager
    def pressing_ctrl_c(quiet):
        steps = itertools.count()
        yield lambda step: os.kill(os.getpid(), signal.SIGINT) if next(steps) == 5 else None

    monkeypatch.setattr("eigcore.cli.show.progress", pressing_ctrl_c)
    assert fit(cars, "--increasing", "weight") == 0
    assert "Stopped by Ctrl-C: this is the best model so far" in capfd.readouterr().out
    model = eigcore.SpectralModel.load(cars.with_name("cars.eig"))
    assert model.certify().columns[0].increasing
    assert model.predict(pd.read_csv(cars)).shape == (120,)


# In a process of its own ----------------------------------------------------------------------


def test_missing_extras_are_named_in_one_line(tmp_path):
    script = (
        "import importlib.util as u, sys\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('typer', 'rich') else real(name, *a)\n"
        "from eigcore.cli import main\n"
        "sys.exit(main(['demo']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "eigcore: The command needs packages that are not installed: typer, rich. "
        'Type: pip install "eigcore[cli]"'
    )


def test_importing_eigcore_loads_none_of_the_extras():
    script = (
        "import sys, eigcore, eigcore.fit, eigcore.cli, eigcore.encoding.files\n"
        "heavy = {'typer', 'rich', 'pandas', 'pyarrow', 'torch', 'jax', 'sklearn'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
