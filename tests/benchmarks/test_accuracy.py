"""The table maker of benchmarks/accuracy, on made-up data."""

import json
import sys

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn")

from benchmarks.accuracy import run  # noqa: E402
from benchmarks.accuracy.boards import FOREST  # noqa: E402
from benchmarks.accuracy.data import Part, parts  # noqa: E402
from benchmarks.accuracy.generated import wide  # noqa: E402
from benchmarks.accuracy.models import MODELS, Context, Fitted, applies  # noqa: E402
from benchmarks.accuracy.prepare import preparation  # noqa: E402
from benchmarks.accuracy.shape import violations  # noqa: E402
from benchmarks.accuracy.shipped import SHIPPED, write  # noqa: E402
from benchmarks.accuracy.table import ratings, ratio, report  # noqa: E402

META = {
    "task": "monotone regression",
    "target": "y",
    "features": ["a", "b", "kind"],
    "categorical": ["kind"],
    "monotone": {"a": 1},
    "shape": "convex in (a,b) jointly (because)",
}


def made_up(rows=60):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.uniform(1, 2, rows), "b": rng.uniform(1, 2, rows)})
    return table.assign(kind=np.arange(rows) % 3, y=table.a**2 + 3 * table.b)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "data" / "made_up"
    path.mkdir(parents=True)
    made_up().to_csv(path / "data.csv", index=False)
    rows = pd.DataFrame({"split": [0, 0, 1], "test_row": [5, 7, 9]})
    rows.to_csv(path / "splits.csv", index=False)
    (path / "meta.json").write_text(json.dumps(META))
    return tmp_path / "data"


@pytest.fixture
def part(folder):
    return next(parts(folder, "made_up", 1))


def part_of(table, **fields):
    y = table["y"].to_numpy()
    rows = table.drop(columns="y")
    return Part("made_up", 0, rows, y, rows, y, **fields)


def test_sets_of_installed_packages_are_written_as_sets(tmp_path):
    write(tmp_path)
    for name in SHIPPED:
        first, second = parts(tmp_path, name, 2)
        assert len(first.test) == round(0.2 * (len(first.train) + len(first.test)))
        assert first.wanted.tolist() != second.wanted.tolist()
        assert first.classes == (name == "breast_cancer")
        assert set(first.monotone) < set(first.train)


def test_a_split_hides_its_test_rows_and_no_others(folder):
    first, second = parts(folder, "made_up", 5)
    assert (len(first.train), len(first.test), len(second.test)) == (58, 2, 1)
    assert first.wanted == pytest.approx(made_up().y[[5, 7]])
    assert not set(first.test.a) & set(first.train.a)
    assert len(list(parts(folder, "made_up", 1))) == 1


def test_categories_are_text_and_the_declared_shape_is_read(part):
    assert list(part.train.kind.cat.categories) == ["0", "1", "2"]
    assert not part.train.isna().any().any()
    assert (part.shape, part.shape_columns) == ("convex", ("a", "b"))
    assert part.declared


def test_violations_are_counted_on_both_sides(part):
    def good(rows):
        return rows.a.to_numpy() ** 2

    def bad(rows):
        return np.sqrt(rows.a.to_numpy()) - 2 * rows.b.to_numpy() ** 2

    found, checks = violations(good, part)
    assert found == 0
    assert checks == 100 * 100 + 100 * 99
    assert violations(lambda rows: -good(rows), part)[0] > 0.9 * checks
    assert 0.9 * 100 * 99 < violations(bad, part)[0] <= 100 * 99


def test_rounding_is_no_violation(part):
    rng = np.random.default_rng(0)
    noise = 1e-8 * part.known.std()
    assert violations(lambda rows: noise * rng.normal(size=len(rows)), part)[0] == 0


def test_logarithms_are_taken_where_they_help():
    rng = np.random.default_rng(0)
    x = rng.lognormal(sigma=2.0, size=200)
    for y, wanted in ((np.log(x), True), (x, False)):
        table = pd.DataFrame({"x": x, "y": y})
        prepared = preparation(part_of(table)).fit_transform(table[["x"]])[:, 0]
        assert (abs(np.corrcoef(prepared, np.log(x))[0, 1]) > 0.999) == wanted


def test_missing_numbers_are_filled_by_the_mean_of_the_others():
    table = pd.DataFrame({"x": [1.0, np.nan, 3.0, 4.0] * 5, "y": np.arange(20.0)})
    prepared = preparation(part_of(table)).fit_transform(table[["x"]])[:, 0]
    assert np.allclose(prepared[1::4], 0.0)


def test_errors_of_numbers_and_of_classes(part):
    assert run.errors(part.wanted + np.array([3.0, -1.0]), part) == {"error": pytest.approx(5**0.5)}
    classes = part_of(pd.DataFrame({"x": [1.0, 2.0], "y": [0.0, 1.0]}), classes=True)
    found = run.errors(np.array([0.6, 0.8]), classes)
    assert found["error"] == 0.5
    assert found["log_loss"] == pytest.approx(-(np.log(0.4) + np.log(0.8)) / 2)


def test_a_run_resumes_and_forgets(folder, tmp_path, monkeypatch, capsys):
    fitted = []

    def constant(part, context):
        fitted.append((part.split, context))
        mean = part.known.mean()
        return Fitted(lambda rows: np.full(len(rows), mean), 1)

    monkeypatch.setattr(run, "MODELS", {"eigcore": constant, "XGBoost tuned": constant})
    results = tmp_path / "out" / "results.jsonl"
    names = ["eigcore", "XGBoost tuned"]
    run.run(folder, results, ["made_up"], 2, names, 30.0)
    assert [split for split, _ in fitted] == [0, 0, 1, 1]
    assert fitted[1][1].eigcore["parameters"] == 1
    results.write_text(results.read_text() + '{"set": "made')
    run.run(folder, results, ["made_up"], 2, names, 30.0)
    assert len(fitted) == 4
    run.forget(results, ["eigcore"], ["made_up"])
    assert [r["model"] for r in run.read(results)] == ["XGBoost tuned"] * 2
    run.run(folder, results, ["made_up"], 2, names, 30.0)
    assert len(fitted) == 6
    assert "made_up 1: eigcore" in capsys.readouterr().err


def test_a_model_that_follows_eigcore_says_so(folder, tmp_path):
    with pytest.raises(SystemExit, match="Add eigcore to --models"):
        run.run(folder, tmp_path / "out" / "r.jsonl", ["made_up"], 1, ["MLP"], 30.0)


def test_a_search_gets_ten_times_our_time_up_to_a_limit():
    assert Context({"cpu_seconds": 2.0}, 180.0).search_seconds == 20.0
    assert Context({"cpu_seconds": 200.0}, 180.0).search_seconds == 180.0


def record(model, split, error, name="uci_yacht", **fields):
    common = {
        "seconds": 1.0,
        "cpu_seconds": 1.0,
        "parameters": 7,
        "violations": 0,
        "checks": 0,
        "date": "2026-01-01",
    }
    return {"set": name, "split": split, "model": model, "error": error, **common, **fields}


def test_ratios_use_the_splits_both_have():
    cells = {
        ("uci_yacht", "eigcore"): [record("eigcore", 0, 1.0), record("eigcore", 1, 99.0)],
        ("uci_yacht", "XGBoost tuned"): [record("XGBoost tuned", 0, 2.0)],
        ("uci_yacht", "HistGB tuned"): [record("HistGB tuned", 0, 4.0)],
    }
    assert ratio(cells, "uci_yacht", ("XGBoost tuned", "HistGB tuned")) == 0.5
    assert ratio(cells, "uci_yacht", ("linear",)) is None


def test_the_report_shows_every_record():
    records = [
        record("eigcore", 0, 1.0),
        record("XGBoost", 0, 2.0),
        record("XGBoost", 1, 4.0),
        record("eigcore", 0, 0.25, name="compas", log_loss=0.5, violations=3, checks=10),
        record("XGBoost", 0, 0.5, name="compas", log_loss=0.75, checks=10),
        record("eigcore 5 s", 0, 51234.0, name="california_colab"),
    ]
    text = report(records, threads=2)
    for line in (
        "| compas | 0.500 |",
        "| uci_yacht | 0.500 |",
        "| uci_yacht | 1 (1) | 3 |",
        "| **geometric mean** | **0.500** |",
        "| compas | 25.00 % | 50.00 % |",
        "| compas | 0.5000 | 0.7500 |",
        "| compas | 3 of 10 | 0 |",
        "| eigcore 5 s | 51234 | 1.0 | 7 |",
    ):
        assert line in text
    assert report([], threads=2) == "No results."


def test_constrained_models_need_a_declared_shape(part):
    free = part_of(made_up())
    names = [name for name in MODELS if applies(name, free)]
    assert "eigcore constrained" not in names
    assert "eigcore 5 s" not in names
    assert {"eigcore constrained", "XGBoost monotone"} <= {m for m in MODELS if applies(m, part)}


def test_the_literature_model_learns_a_bend():
    pytest.importorskip("torch")
    from benchmarks.accuracy import plain

    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    y = np.abs(x[:, 0]) - np.abs(x[:, 0]).mean()
    loss, neuron = plain.train(x, y, 3, tridiagonal=True, classes=False, seed=0)
    assert loss < 0.3 * y.var()
    assert sum(p.numel() for p in neuron.parameters()) == 3 * 5


def test_the_generated_wide_table_is_the_same_again_and_two_columns_act_together():
    part, again = wide(5000), wide(5000)
    assert part.train.shape == (4000, 276)
    assert list(part.test.index) == list(range(1000))
    assert again.train.equals(part.train)
    np.testing.assert_array_equal(again.known, part.known)
    product = part.train["n1"] * part.train["n5"]
    assert abs(np.corrcoef(part.train["n1"], part.known)[0, 1]) < 0.1
    assert np.corrcoef(product, part.known)[0, 1] > 0.3


def test_ratings_say_what_to_type_and_leave_out_models_of_few_sets(monkeypatch):
    def record(model, name, error):
        return {"model": model, "set": name, "split": 0, "error": error}

    records = [record(FOREST, name, 2.0) for name in "abc"]
    records += [record("eigcore", name, 1.0) for name in "ab"]
    assert ratings(records) == ""
    monkeypatch.setitem(sys.modules, "bencheval.evaluator", None)
    assert ratings([*records, record("eigcore", "c", 1.0)]).endswith("pip install bencheval")
