"""The model of one of several targets: what it keeps, and outputs by their names."""

import re

import numpy as np
import pytest
import samples

from eigcore import SpectralModel
from eigcore.cli import main
from eigcore.errors import InvalidInput
from eigcore.fit import fit, resume
from eigcore.fit.origin import origin

QUICK = {"knots": 4, "dim": 3, "members": 2, "penalty": 1e-3, "max_iter": 15, "validation": 0}
NAMES = ["heat", "cost"]


@pytest.fixture(scope="module")
def house():
    table = samples.house()
    return table | {"kind": np.where(table["b"] > 2, "x", "y")}


@pytest.fixture(scope="module")
def both(house):
    return fit(house, NAMES, **QUICK, calibration=0.3, increasing=["a"]).model


def test_it_keeps_provenance_and_intervals(house, both, tmp_path):
    own = both.calibrate(house, np.stack([house[n] for n in NAMES], 1), groups="kind")
    for model in (both, own):
        model.save(tmp_path / "m.eig")
        model = SpectralModel.load(tmp_path / "m.eig")
        low, high = model.interval(house, 0.8)
        for place, name in enumerate(NAMES):
            one = model.target(name)
            one.save(tmp_path / "one.eig")
            found = SpectralModel.load(tmp_path / "one.eig").interval(house, 0.8)
            np.testing.assert_array_equal(found.lower, low[:, place])
            np.testing.assert_array_equal(found.upper, high[:, place])
            assert origin(one).rows == origin(model).rows == 140
            assert origin(one).loss.name == "squared"
            assert origin(one).loss.outputs == 1


def test_intervals_of_two_quantiles_take_the_lower_model_of_all(house):
    low, high = (fit(house, NAMES, **QUICK, loss="quantile", quantile=q).model for q in (0.1, 0.9))
    y = np.stack([house[n] for n in NAMES], 1)
    high = high.calibrate(house, y, lower=low)
    whole, one = high.interval(house, lower=low), high.target("cost").interval(house, lower=low)
    np.testing.assert_array_equal(one.lower, whole.lower[:, 1])
    np.testing.assert_array_equal(one.upper, whole.upper[:, 1])
    with pytest.raises(InvalidInput, match="another lower model"):
        high.target("cost").interval(house, lower=low.target("cost"))


def test_its_fit_goes_on(house, both):
    one = both.target("cost")
    same, _ = resume(one, house, "cost", max_iter=0)
    np.testing.assert_allclose(same.predict(house), one.predict(house), rtol=1e-9)
    more, _ = resume(one, house, "cost", max_iter=10)
    apart = [np.std(m.predict(house) - house["cost"]) for m in (one, more)]
    assert apart[1] < apart[0]
    assert more.certify().columns[0].increasing
    twice, _ = resume(more, house, "cost", max_iter=0)
    np.testing.assert_allclose(twice.predict(house), more.predict(house), rtol=1e-9)


def test_the_fit_of_a_balanced_target_goes_on(house):
    rng = np.random.default_rng(1)
    table = {"a": house["a"], "b": house["b"]}
    table |= {n: rng.poisson(np.exp(0.3 * house[c])) for n, c in (("fire", "a"), ("theft", "b"))}
    model = fit(table, ["fire", "theft"], **QUICK, loss="poisson").model
    one = model.target("theft")
    for steps in (0, 5):
        more, _ = resume(one, table, "theft", max_iter=steps)
        assert more.predict(table).sum() == pytest.approx(table["theft"].sum(), rel=1e-9)
    same, _ = resume(one, table, "theft", max_iter=0)
    np.testing.assert_allclose(same.predict(table), one.predict(table), rtol=1e-6)


def test_outputs_have_names(house, both):
    row = {"a": 2.0, "b": 2.0, "kind": "x"}
    domain = {"a": (0, 5), "b": (0, 5)}
    one, place = both.target("cost"), NAMES.index("cost")
    turned = [both.counterfactual(row, 15000.0, output=o).point for o in ("cost", place)]
    assert turned[0] == turned[1] == one.counterfactual(row, 15000.0).point
    with pytest.raises(InvalidInput, match=r"or its name, one of heat, cost\. Write output='heat'"):
        both.counterfactual(row, 15000.0)
    assert both.maximize(domain, output="cost").value == one.maximize(domain).value
    assert str(both.range(domain)).startswith("heat: prediction from")
    said = both.explain(row, {"a": 1.0, "b": 1.0, "kind": "y"}).text(output="heat")
    bound = both.target("heat").certify().columns[0].bound
    [told] = re.findall(r"a: .* at most (\S+) per unit", said)
    assert bound <= float(told) < 1.01 * bound  # in its units, not in those of the cost
    with pytest.raises(InvalidInput, match=r"explain model\.target\('heat'\)"):
        both.explain(house, "highest")


def test_an_optimum_has_the_ends_of_its_target(house):
    ends = {"heat": (0, 0.005)}
    model = fit(house, NAMES, **QUICK | {"max_iter": 2}, clip=ends).model
    domain = {"a": (0, 5), "b": (0, 5)}
    found = model.maximize(domain, output="cost")
    assert found.predicted == found.value > 1e4
    assert model.maximize(domain, output="heat").predicted == 0.005


def test_the_command_explains_a_target_beside_the_highest(house, both, tmp_path, capsys):
    both.save(tmp_path / "m.eig")
    rows = zip(*(house[name] for name in house), strict=True)
    text = "\n".join([",".join(house), *(",".join(map(str, row)) for row in rows)])
    (tmp_path / "t.csv").write_text(text)
    told = ["explain", str(tmp_path / "m.eig"), str(tmp_path / "t.csv"), "--row", "3"]
    main([*told, "--of", "cost", "--baseline", "highest"])
    assert capsys.readouterr().out.startswith("cost is ")
    assert main(told) == 2
    assert "--of is left out" in capsys.readouterr().err
