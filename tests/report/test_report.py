"""What stands in a report: true numbers, every name as it is, and no row of the table."""

import html
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import samples

from eigcore import SpectralModel
from eigcore.calibration.scores import Calibration
from eigcore.encoding import Encoding, Linear
from eigcore.errors import EigcoreError, InvalidInput, InvalidOption
from eigcore.fit import fit
from eigcore.report import describe, page, private, report
from eigcore.report.balance import balance
from eigcore.report.errors import errors
from eigcore.report.numerals import plain
from eigcore.report.scores import Seen

pytest.importorskip("jinja2")
EVIL = "<script>alert('1')</script> & \"x\""


class Tags(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.said, self.links = set(), "", set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links |= {value for name, value in attrs if name in ("href", "src")}

    def handle_data(self, data):
        self.said += data


@pytest.fixture(scope="module")
def houses():
    """A model of numbers, with names that are no markup, and its table."""
    rng = np.random.default_rng(0)
    area, age = rng.uniform(30, 200, 90), rng.uniform(1, 80, 90)
    town = rng.choice([EVIL, "north"], 90).astype(object)
    town[0] = "alone"
    price = 3 * area - age + 10 * (town == "north") + rng.normal(size=90)
    age[5:10] = np.nan
    table = {EVIL: area, "age": age, "town": town, "price": price}
    settings = {"members": 1, "dim": 3, "knots": 4, "penalty": 1e-3, "validation": 0.0}
    return fit(table, "price", increasing=[EVIL], **settings).model, table


@pytest.fixture(scope="module")
def text(houses):
    return report(*houses)


def test_names_are_text_and_nothing_is_loaded(houses, text):
    seen = Tags(text)
    assert "script" not in seen.tags
    assert seen.said.count(EVIL) >= 5
    assert all(link.startswith("#") for link in seen.links)
    assert "http" not in re.sub(r"http-equiv", "", text)
    assert "url(" not in text
    live = Tags(report(*houses, live=True))
    assert "script" in live.tags
    assert all(link.startswith("#") for link in live.links)


def test_a_page_is_the_same_each_time_and_short(houses, text):
    assert report(*houses) == text
    assert len(text.encode()) < page.LONGEST / 3


def test_a_page_holds_no_cell_unless_asked_to(houses, text):
    model, table = houses
    live = report(model, table, live=True)
    for name in (EVIL, "age", "price"):
        cells = table[name][np.isfinite(table[name])]
        # the model itself has the least and the largest cell as its outer knots
        inner = [f"{cell:.6g}" for cell in np.sort(cells)[1:-1]]
        for each in (text, live):
            assert not set(inner) & set(re.findall(r"\d+\.\d+", Tags(each).said))
    bins = r"(below .+|.+ or more|.+ to .+|missing|north|a rare cell|&lt;script.*)"
    told = re.findall(r"<th>[^<]*: ([^<]*)<span", text)
    assert len(told) > 10
    assert all(re.fullmatch(bins, each) for each in told)
    shown = report(model, table, show_rows=True)
    worst = int(np.argmax(Seen.of(model, table, None).sizes))
    assert f": {table[EVIL][worst]:.4g}" in Tags(shown).said
    assert f"Observed: {table['price'][worst]:.4g}" in Tags(shown).said


def test_bins_have_enough_rows():
    rng = np.random.default_rng(1)
    samples_ = [rng.normal(size=n) for n in (0, 5, 9, 10, 37, 500)]
    samples_ += [rng.integers(0, 4, 60).astype(float), np.full(50, 2.0), 1e6 * rng.random(80)]
    for values in samples_:
        ends = private.edges(values)
        counts = np.histogram(values, [-np.inf, *ends, np.inf])[0]
        assert not ends or counts.min() >= private.LEAST
        assert len(set(ends)) == len(ends)
        told = [private.number(values, value, ends) for value in values]
        assert len(set(told)) <= len(ends) + 1
    assert len(private.edges(samples_[5])) == 9
    claims = np.array([0.0] * 95 + [1.0, 1.0, 2.0, 1.0, 3.0])
    ends = private.edges(claims)
    told = [private.number(claims, each, ends) for each in (0.0, 2.0)]
    assert told == ["below 1", "1 or more"]
    assert private.edges(claims[:-1]) == private.edges(claims[:95]) == []  # four claims, none
    some = np.array([1.0, np.nan])
    assert [private.number(some, each, []) for each in some] == ["a number", "a rare cell"]
    codes = np.array([0.0] * 5 + [1.0] * 4 + [np.nan] * 5 + [-1.0] * 5)
    words = [private.level(codes, code, ("a", "b")) for code in (0.0, 1.0, np.nan, -1.0)]
    assert words == ["a", "a rare cell", "missing", "a level never seen"]


def test_errors_are_those_of_the_model_and_of_simple_ones(houses):
    model, table = houses
    found = errors(Seen.of(model, table, None))
    off = table["price"] - model.predict(table)
    own = {name: each["this model"] for name, each in found.items()}
    assert np.isclose(own["RMSE"], np.sqrt(np.mean(off**2)))
    assert np.isclose(own["MAE"], np.abs(off).mean())
    assert np.isclose(own["R²"], 1 - np.var(off) / np.var(table["price"]), atol=1e-3)
    assert 1.0 < found["RMSE"]["best constant"] / table["price"].std() < 1.1
    assert own["RMSE"] < 4
    straight = {"x": np.arange(30.0), "y": 2.0 * np.arange(30.0) + 1}
    line_only = samples.small(Linear(), [(0, 0, 1, 1.0)], dim=1)
    line = Encoding((Linear(),), ("x",))
    straightened = SpectralModel(line, list(line_only.members), target_name="y")
    assert errors(Seen.of(straightened, straight, None))["RMSE"]["linear model"] < 1e-3
    bounded = SpectralModel(line, list(line_only.members), target_name="y", clip=(0.0, 10.0))
    far = np.mean(straight["y"] - np.minimum(straight["x"], 10))
    assert np.isclose(errors(Seen.of(bounded, straight, None))["MAE"]["this model"], far)
    assert "which is the prediction before its bounds" in report(bounded, straight)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"link": "logistic", "classes": ("no", "yes")}, ("log loss", "accuracy", "yes with prob")),
        ({"link": "logistic"}, ("log loss", "log-odds")),
        (
            {"link": "log", "target_scale": 0.2},
            ("Poisson", "D²", "Gini", "Residuals by prediction"),
        ),
        (
            {"spec": {"outputs": 3}, "link": "softmax", "classes": ("low", "middle", "<top>")},
            ("share of right predictions", "<top>", "the score of a class"),
        ),
        ({"spec": {"outputs": 2}}, ("nothing is said of errors", "output 1")),
    ],
    ids=["classes", "probability", "log", "softmax", "outputs"],
)
def test_every_link_has_a_page(options, words):
    model = samples.model(3, dims=(3,), **options)
    numbers = samples.rows(60, 3)
    table = dict(zip(samples.NAMES, numbers.T, strict=True))
    table["town"] = [None if np.isnan(c) else int(c) for c in numbers[:, 3]]
    predicted = model.predict(numbers, codes=True)
    classes, link = model.static.classes, model.static.link
    value = predicted.argmax(-1) if link == "softmax" else np.round(predicted)
    table["price"] = [classes[int(v)] for v in value] if classes else value
    seen = Tags(report(model, table))
    for each in words:
        assert each in seen.said
    assert "script" not in seen.tags


def test_a_table_without_its_target_still_has_a_page(houses):
    model, table = houses
    said = Tags(report(model, {name: table[name] for name in (EVIL, "age", "town")})).said
    assert "has no column 'price'" in said
    assert "Lowest 1" in said
    assert "RMSE" not in said


def test_totals_over_an_exposure_are_judged_per_unit():
    rng = np.random.default_rng(0)
    x, years = rng.normal(size=300), rng.uniform(0.2, 3.0, 300)
    claims = rng.poisson(years * np.exp(0.5 * x + 1)).astype(float)
    table = {"x": x, "years": years, "claims": claims}
    settings = {"loss": "poisson", "members": 1, "dim": 2, "knots": 0, "validation": 0.0}
    model = fit(table, "claims", exposure="years", **settings).model
    found = errors(Seen.of(model, table, None))
    off = claims / years - model.predict(x[:, None])
    by_hand = np.sqrt(np.average(off**2, weights=years))
    np.testing.assert_allclose(found["RMSE"]["this model"], by_hand, rtol=1e-12)
    assert found["D²"]["this model"] > 0.3 > found["D²"]["best constant"]
    assert found["observed/expected"]["this model"] == pytest.approx(1, rel=1e-9)
    assert "per unit of exposure, the column 'years'" in Tags(report(model, table)).said
    del table["years"]
    said = Tags(report(model, table)).said
    assert "exposure (years), which the table lacks; nothing is said of errors" in said
    assert "RMSE" not in said
    moved = fit({"x": x, "y": claims}, "y", offset=0.1 * x, **settings).model
    assert "offset (values), which the table lacks" in report(moved, {"x": x, "y": claims})


def test_an_offset_moves_what_is_expected():
    rng = np.random.default_rng(0)
    x, known = rng.normal(size=(2, 300))
    table = {"x": x, "known": known, "y": rng.poisson(np.exp(0.5 * x + known)).astype(float)}
    settings = {"loss": "poisson", "members": 1, "dim": 2, "knots": 0, "validation": 0.0}
    result = fit(table, "y", offset="known", **settings)
    found = errors(Seen.of(result.model, table, None))
    for name, (fitted, _) in result.report.model.metrics.items():
        assert found[name]["this model"] == pytest.approx(fitted, rel=1e-6)
    off = table["y"] - result.model.predict(table, offset="known")
    assert found["RMSE"]["this model"] == pytest.approx(np.sqrt(np.mean(off**2)))
    assert "'known' is added to the decision" in Tags(report(result.model, table)).said


def test_every_target_has_its_errors_and_its_balance():
    rng = np.random.default_rng(0)
    x, years = rng.normal(size=400), rng.uniform(0.2, 3.0, 400)
    town = rng.choice(["north", "south"], 400).astype(object)
    town[:3] = "alone"
    table = {"x": x, "town": town, "years": years}
    table["fire"] = rng.poisson(years * np.exp(0.5 * x + 1)).astype(float)
    table["theft"] = rng.poisson(years * np.exp((town == "north") - 1)).astype(float)
    settings = {"loss": "poisson", "members": 2, "dim": 2, "knots": 2, "penalty": 1e-3}
    result = fit(table, ["fire", "theft"], exposure="years", validation=0, **settings)
    text = report(result.model, table, live=True)
    assert len(report(result.model, table).encode()) < page.LONGEST
    for name in ("fire", "theft"):
        seen = Seen.of(result.model.target(name), table, None)
        found = errors(seen)
        for each in ("observed/expected", "Gini", "D²"):
            known = result.report.model.metrics[f"{each} of {name}"][0]
            assert found[each]["this model"] == pytest.approx(known, rel=1e-6)
        assert text.count(f"<h3>{name}</h3>") == 4
        parts = balance(seen, ["town", "x"])
        north = next(part for part in parts["town"] if part.name == "north")
        there = town == "north"
        rate = table[name][there].sum() / years[there].sum()
        totals = seen.model.predict(table, exposure="years")[there].sum()
        assert float(north.observed) == pytest.approx(rate, rel=1e-3)
        assert float(north.ratio) == pytest.approx(table[name][there].sum() / totals, rel=1e-3)
        assert "alone" not in {part.name for part in parts["town"]}
        for each in parts.values():
            assert min(int(part.rows) for part in each) >= private.LEAST
    assert text.count("per unit of exposure, the column &#39;years&#39;") == 1
    named = table | {"f": table["fire"], "t": table["theft"]}
    report(result.model, named, ["f", "t"])
    with pytest.raises(InvalidOption, match="one column for each target, fire, theft"):
        report(result.model, named, "f")
    lacking = {name: own for name, own in table.items() if name != "theft"}
    said = Tags(report(result.model, lacking)).said
    assert "has no column 'theft'" in said
    assert "Poisson deviance" in said


def test_a_difference_is_told_where_targets_may_be_negative(houses):
    parts = balance(Seen.of(*houses, None), ["town"])
    model, table = houses
    off = table["price"] - model.predict(table)
    assert parts["all rows"][0].ratio == plain(off.mean())
    assert {part.name for part in parts["town"]} <= {EVIL, "north"}


def test_special_codes_are_read_from_their_column():
    rng = np.random.default_rng(0)
    income = np.where(rng.random(90) < 0.3, -9.0, rng.uniform(20, 80, 90))
    table = {"income": income, "paid": np.where(income == -9, 10.0, income)}
    settings = {"members": 1, "dim": 2, "knots": 2, "penalty": 1e-3, "validation": 0.0}
    model = fit(table, "paid", codes={"income": [-9]}, **settings).model
    seen = Seen.of(model, table, None)
    held = np.where(income == -9, -9.0, np.nan)
    np.testing.assert_array_equal(seen.cells["income (code)"], held)
    np.testing.assert_array_equal(seen.prediction, model.predict(table))
    page = report(model, table, live=True)
    assert "1 special code of income" in page
    assert "'income (code)': [" not in html.unescape(page)  # no such column in what to type
    assert re.search("income: special code −9", Tags(page).said)
    assert "income: special code −9" in Tags(report(model, table, show_rows=True)).said


def test_rows_without_a_target_are_left_out(houses):
    model, table = houses
    price = table["price"].copy()
    price[:7] = np.nan
    assert "7 row(s) without the target &#39;price&#39; are left out" in report(
        model, table | {"price": price}
    )


def test_what_cannot_be_told_is_refused_with_advice(houses, monkeypatch):
    model, table = houses
    with pytest.raises(
        InvalidOption, match=r"not a column of the table \(did you mean 'price'\?\)"
    ):
        report(model, table, "prise")
    with pytest.raises(InvalidInput, match="has no rows"):
        report(model, {name: cells[:0] for name, cells in table.items()})
    few = "4 row.* at least 5, so that means tell of no single one.* Write show_rows=True if"
    with pytest.raises(InvalidInput, match=few):
        report(model, {name: cells[:4] for name, cells in table.items()})
    assert "<figure>" in report(model, {n: c[:4] for n, c in table.items()}, show_rows=True)
    classes = samples.model(0, dims=(2,), link="logistic", classes=("no", "yes"))
    rows = dict(zip(samples.NAMES, samples.rows(3, missing=False).T, strict=True))
    with pytest.raises(InvalidInput, match="holds 'maybe'; expected the classes of the model, no"):
        report(classes, rows | {"price": ["yes", "maybe", "no"]})
    monkeypatch.setattr(page, "LONGEST_LIVE", 1000)
    with pytest.raises(InvalidInput, match=r"expected at most 1000\. Ask for a page without live"):
        report(model, table, live=True)


def test_a_missing_package_is_named(houses, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(EigcoreError, match=r'pip install "eigcore\[report\]"'):
        report(*houses)


def test_guarantees_are_proven_and_rounded_up(houses, text):
    model, _ = houses
    said, proof = Tags(text).said, model.prove().sentences()
    assert all(sentence in said for sentence in proof)
    assert f"{len(proof)} claims" in said
    for column in model.certify().columns:
        row = re.search(rf"<th>{column.name}</th><td class=\"n\">([\d.]+)</td>", text)
        if row:
            assert column.bound <= float(row[1]) <= column.bound * 1.001
    assert "more never lowers it" in said


def test_many_columns_and_members_still_fit_on_a_page():
    count = 40
    table = dict(zip([f"column number {j}" for j in range(count)], np.eye(count), strict=True))
    model = samples.linear_model(2, count, 2)
    model = SpectralModel(Encoding((Linear(),) * count, tuple(table)), list(model.members))
    text = report(model, table | {"": np.arange(float(count))}, "")
    assert len(text.encode()) < page.LONGEST
    assert "from a sample of the orders of the columns" in text
    assert text.count("<figure>") == 1 + 3 + 12


def test_the_code_of_a_page_runs(houses, text, tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    model, _ = houses
    monkeypatch.chdir(tmp_path)
    model.save("model.eig")
    blocks = re.findall(r"<h3>(Python|PyTorch)</h3>\n<pre><code>(.*?)</code>", text, re.DOTALL)
    assert len(blocks) == 2
    for _, code in blocks:
        exec(html.unescape(code), {})
    numbers = re.findall(r"\d+\.\d+", capsys.readouterr().out)
    assert np.isclose(float(numbers[0]), float(numbers[1]), rtol=1e-3)


def test_a_model_is_described_even_without_names_of_classes():
    told = describe(samples.model(0, dims=(2,), link="logistic"))
    assert told["prediction"] == "the probability of 1, otherwise 0"
    assert "intervals" not in told["provenance"]


def test_a_description_tells_the_calibration():
    by_level = Calibration("absolute", ((1.0, 2.0), (3.0,), (), (), ()), samples.NAMES[3])
    for scores, words in [(by_level, f"3 calibration rows by {samples.NAMES[3]}")]:
        told = describe(samples.model(0, dims=(2,)).with_calibration(scores))
        assert told["provenance"]["intervals"] == words


def test_a_missing_cell_is_told_by_its_place():
    x = np.where(np.arange(60) < 6, np.nan, np.linspace(1, 9, 60))
    table = {"size": x, "price": np.nan_to_num(x, nan=30.0)}
    settings = {"members": 1, "dim": 1, "knots": 2, "penalty": 1e-3, "validation": 0.0}
    told = {"increasing": ["size"], "missing": "highest"}
    said = Tags(report(fit(table, "price", **told, **settings).model, table)).said
    assert "beside known values, missing is never below them" in said
    assert "among known values" in said
