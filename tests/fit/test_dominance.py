"""Dominance between columns: fitted, certified, saved, resumed, streamed, typed."""

import itertools

import numpy as np
import pytest

from eigcore import SpectralModel
from eigcore.cli import main
from eigcore.errors import InvalidOption
from eigcore.estimators import SpectralRegressor
from eigcore.fit import fit, fit_stream, resume
from eigcore.guarantees.bands import dominances

QUICK = {"knots": 4, "dim": 3, "members": 2, "penalty": 1e-3, "max_iter": 20, "validation": 0}
FACTOR = 0.7


@pytest.fixture(scope="module")
def money():
    """A unit of wealth counts for more than one of income, where income is large."""
    rng = np.random.default_rng(0)
    income, wealth, age = rng.uniform(0, 5, (3, 240))
    y = 2 * np.sqrt(income) + 1.5 * wealth + 0.3 * np.sin(age) * income
    return {"income": income, "wealth": wealth, "age": age}, y + 0.1 * rng.normal(size=240)


def excess(model, factor=FACTOR, step=0.05):
    """Least of: change with a step of income, less the factor times that with one of wealth."""
    rng = np.random.default_rng(1)
    row = dict(zip(("income", "wealth", "age"), rng.uniform(-0.5, 5.5, (3, 2000)), strict=True))
    # along (1, −factor) the sum is constant: f(income + s, wealth) ≥ f(income, wealth + factor·s)
    one = model.decision(row | {"income": row["income"] + step})
    return float((one - model.decision(row | {"wealth": row["wealth"] + factor * step})).min())


@pytest.mark.parametrize("signs", list(itertools.product((-1, 0, 1), repeat=2)))
def test_a_unit_of_one_column_counts_for_more_than_one_of_another(money, signs):
    table, y = money
    named = [*zip(("income", "wealth"), signs, strict=True)]
    told = {
        "increasing": [name for name, sign in named if sign > 0],
        "decreasing": [name for name, sign in named if sign < 0],
    }
    pair = {"dominates": {"income": {"wealth": FACTOR}}}
    if signs == (-1, 1):
        with pytest.raises(InvalidOption, match="directions that agree"):
            fit(table, y, **QUICK, **told, **pair)
        return
    model = fit(table, y, **QUICK, **told, **pair).model
    assert model.dominance("income", "wealth", FACTOR).proven
    assert excess(model) > -1e-9
    if -1 not in signs:
        assert excess(fit(table, y, **QUICK, **told).model) < -0.01
    columns = model.certify().columns
    for place, sign in enumerate(signs):
        assert columns[place].increasing or sign <= 0
        assert columns[place].decreasing or sign >= 0
    assert columns[2].bound > 0.1


def test_it_costs_nothing_where_it_is_true():
    rng = np.random.default_rng(2)
    a, b = rng.uniform(0, 5, (2, 300))
    y = 2 * a + np.sqrt(b) + 0.05 * rng.normal(size=300)
    options = QUICK | {"knots": 6, "max_iter": 60, "increasing": ["a", "b"]}
    free, bound = (
        fit({"a": a, "b": b}, y, **options, dominates=each).report.model.train
        for each in (None, {"a": "b"})
    )
    assert bound < 1.1 * free < 0.1


def test_the_certificate_reads_it_from_the_matrices(money, tmp_path):
    table, y = money
    told = {"increasing": ["income"], "dominates": {"income": {"wealth": FACTOR}}}
    fit(table, y, **QUICK, **told).model.save(tmp_path / "m.eig")
    model = SpectralModel.load(tmp_path / "m.eig")
    again, _ = resume(model, {n: c[::-1] for n, c in table.items()}, y[::-1], max_iter=3)
    for each in (model, again):
        (found,) = dominances(each)
        assert (found.column, found.over, found.factor) == ("income", "wealth", FACTOR)
        assert "slope in income at least 0.7 times that in wealth" in str(each.certify())
    forged = [params.copy() for _, params in model.members]
    own = 1 + model.encoding.slices[0].start
    forged[1][:, own : own + 2] *= -1.0  # one member's own part in income falls
    other = SpectralModel.from_static(model.static, forged, model.provenance)
    assert dominances(other) == ()
    assert not other.dominance("income", "wealth", FACTOR).proven
    assert excess(other) < -1e-3


def test_lines_selection_and_missing_cells_keep_it(money):
    table, y = money
    holes = np.where(np.arange(len(y)) % 7, table["wealth"], np.nan)
    for more in ({"knots": 0, "dim": 1}, {"selection": 0.02, "max_iter": 5}):
        told = QUICK | more | {"increasing": ["wealth"], "dominates": {"income": {"wealth": 1.0}}}
        result = fit(table | {"wealth": holes}, y, **told)
        assert result.model.dominance("income", "wealth").proven
        assert not any("Left out by selection" in note for note in result.report.notes)
        assert any("1 income + 1 wealth" in note for note in result.report.notes)
        moved = result.model.predict({"income": [2, 2], "wealth": [1, 4], "age": [1, 1]})
        assert moved[1] - moved[0] > 1.0


def test_streams_and_estimators_and_the_command_take_it(money, tmp_path, capsys):
    table, y = money
    short = {"dim": 2, "knots": 3, "penalty": 1e-3}
    stream = {"members": 1, "epochs": 1, "batch_rows": 50, "dominates": {"income": "wealth"}}
    model = fit_stream([table | {"y": y}], "y", **short, **stream).model
    assert model.dominance("income", "wealth").proven
    X = np.stack(list(table.values()), 1)
    one = SpectralRegressor(**short, n_estimators=1, max_iter=3, dominates={0: {-2: 2}}).fit(X, y)
    assert one.model_.dominance("x0", "x1", 2.0).proven
    again = SpectralRegressor.from_model(one.model_).set_params(warm_start=True, max_iter=1)
    again.set_params(dominates={"x0": {"x1": 2.0}}).fit(X, y)
    with pytest.raises(ValueError, match="dominates is"):
        again.set_params(dominates={"x0": "x1"}).fit(X, y)
    lines = [",".join((*table, "y")), *(",".join(map(str, row)) for row in np.c_[X, y])]
    (tmp_path / "m.csv").write_text("\n".join(lines))
    flags = ["--dim", "2", "--knots", "3", "--penalty", "0.001", "--members", "1"]
    typed = ["--dominates", "income=wealth*0.7", "-o", str(tmp_path / "m.eig")]
    main(["fit", str(tmp_path / "m.csv"), "--target", "y", *flags, *typed])
    main(["certify", str(tmp_path / "m.eig")])
    assert "slope in income at least 0.7 times that in wealth" in capsys.readouterr().out
    proof = str(tmp_path / "p.json")
    main(["certify", str(tmp_path / "m.eig"), "--proof", proof, "--dominates", "income=wealth*0.7"])
    main(["verify", str(tmp_path / "m.eig"), proof])
    said = capsys.readouterr().out
    assert said.count("proven: 'income' counts at least 0.7 times 'wealth'") == 1
    assert main(["certify", str(tmp_path / "m.eig"), "--dominates", "income=wealth"]) == 2
    assert "a file for the claims of --dominates" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"dominates": {"incomes": {"wealth": 2}}},
            r"'incomes', which is not a num.*Write dominates=\{'income': \{'wealth': 2.0\}\}",
        ),
        ({"dominates": {"income": "incom"}}, r"mean 'income'\?\).*Leave dominates out"),
        ({"dominates": {"income": "income"}}, "names 'income' twice; expected each column in one"),
        ({"dominates": {"income": {"wealth": 0}}}, "positive factor"),
        ({"dominates": {"income": {"wealth": 1, "age": 1}}}, "another column each"),
        ({"dominates": {"income": "wealth", "age": "wealth"}}, "names 'wealth' twice"),
        ({"dominates": {"income": "wealth"}, "additive": ["wealth"]}, "also in additive"),
        ({"dominates": {"income": "wealth"}, "shape": {"income": "convex"}}, "also in shape"),
        (
            {"dominates": {"income": "wealth"}, "increasing": ["income"], "missing": "lowest"},
            "names 'income', which is also in missing",
        ),
        (
            {
                "dominates": {"income": "wealth"},
                "neuron": {"functional": "weighted", "weights": [1.0, -1.0, 0.0]},
            },
            "keeps a model monotone",
        ),
    ],
)
def test_what_cannot_be_told_together_is_an_error(money, options, message):
    table, y = money
    with pytest.raises(InvalidOption, match=f"(?s).*{message}"):
        fit(table, y, **QUICK, **options)


def test_three_classes_have_no_dominance(money):
    table, _ = money
    y = np.array(["x", "y", "z"])[np.arange(240) % 3]
    with pytest.raises(InvalidOption, match="none with the loss multinomial"):
        fit(table, y, **QUICK, dominates={"income": "wealth"})
