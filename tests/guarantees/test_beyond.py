"""What is proven says which columns go on outside the fitted range, and whether it holds there."""

import json

import numpy as np
import pytest
from samples import small

from eigcore import SpectralModel, plots
from eigcore.cli import main
from eigcore.encoding import Categories, Encoding, Linear, PiecewiseLinear
from eigcore.guarantees.beyond import Beyond
from eigcore.report import report

KNOTS = (0.0, 1.0, 30.0)
WHERE = "outside the fitted range of load (0 to 30 kN): the model goes on there"
FLAT = PiecewiseLinear(KNOTS, "clamped")


def made(load=None, targets=(), **options):
    """f = load + 2 side + kind; load goes on, side is between 1 and 3, where it stays constant."""
    load = load or PiecewiseLinear(KNOTS)
    wide = {"clamped": [1.0, 29.0], "linear": [1.0, 1.0, 29.0, 29.0]}
    own = wide[load.tails] if isinstance(load, PiecewiseLinear) else [1.0]
    side, kind = Linear(2.0, 1.0, limits=(1.0, 3.0)), Categories(("a", "b"))
    e = Encoding((load, side, kind), ("load", "side", "kind"), ("kN", "m", ""))
    count = max(1, len(targets))
    values = [
        (0, o, row, v) for o in range(count) for row, v in enumerate([*own, 2.0, 0.0, 1.0], 1)
    ]
    m = small(e, values, outputs=count)
    return SpectralModel(m.encoding, m.members, targets=targets, target_name="y" * (not targets))


@pytest.mark.parametrize("load", [None, Linear(0.0, 1.0, fitted=(0.0, 30.0))])
def test_optima_and_ranges_say_up_to_where_they_hold(load):
    m = made(load)
    for found in (m.maximize(), m.minimize(fixed={"side": 2}), m.range(), m.difference(m)):
        assert str(found).count(f"not {WHERE}") == 1
    wide = m.maximize({"load": (-1, 20)})
    assert f"also {WHERE}" in str(wide)
    assert wide.beyond[0].holds == (-1.0, 20.0)
    assert wide.beyond[0].unit == "kN"
    for domain in ({"load": (0, 30)}, {"load": 3}):
        assert m.maximize(domain).beyond == m.range(domain).beyond == ()
    assert made(FLAT).range().beyond == made(FLAT).maximize({"load": (-1, 40)}).beyond == ()


@pytest.mark.parametrize(
    ("fitted", "told"),
    [((0.0, 1 / 3), "0 to 0.333333"), ((1000.001, 1000.099), "1000.001 to 1000.099")],
)
def test_fitted_ranges_are_rounded_inward_unless_too_little_would_be_left(fitted, told):
    assert Beyond("load", "", fitted).where == f"load ({told})"


def test_the_fitted_ranges_of_both_models_of_a_difference_are_told():
    short = made(PiecewiseLinear((5.0, 6.0, 7.0)))
    told = str(made().difference(short))
    assert f"not {WHERE}" in told  # the domain is the hull of the ranges
    assert "also outside the fitted range of load (5 to 7 kN)" in told


def test_a_certificate_says_that_it_holds_beyond():
    proven = made().certify()
    assert f"  holds also {WHERE}\n  float64 " in str(proven)
    (record,) = json.loads(json.dumps(proven.to_dict(), allow_nan=False))["beyond"]
    assert record == {
        "column": "load", "unit": "kN", "fitted": [0.0, 30.0], "goes_on": True, "holds": None,
    }  # fmt: skip
    assert made(FLAT).certify().beyond == ()
    assert "outside" not in str(made(FLAT).certify())
    assert all(
        ("for all numbers" in each) == ("levels" not in each) for each in made().prove().sentences()
    )


def test_slopes_and_shapes_do_hold_beyond():
    m = made()
    bound = m.certify().columns[0].bound
    rows = {"load": np.array([-1e3, 0.0, 40.0, 1e3]), "side": np.full(4, 2.0), "kind": ["a"] * 4}
    assert (np.diff(m.predict(rows)) <= bound * np.diff(rows["load"]) * (1 + 1e-9)).all()
    assert np.ptp(made(FLAT).predict(rows)) == 30


def test_changes_and_counterfactuals_say_it_of_what_moves():
    m = made()
    assert str(m.change("side", 1, 2, {})).endswith(f"\n  not {WHERE}")
    assert f"also {WHERE}" in str(m.change("side", 1, 2, {"load": (0, 31)}))
    assert m.change("side", 1, 2).beyond == m.largest_change("side").beyond == ()
    assert str(m.largest_change("load")).endswith(f"\n  not {WHERE}")
    assert f"also {WHERE}" in str(m.largest_change("load", (0, 31)))
    row = {"load": 4.0, "side": 2.0, "kind": "a"}
    assert str(m.counterfactual(row, 1e6)).endswith(f"\n  sought not {WHERE}")
    assert m.counterfactual(row, 9.0, columns=["side"]).beyond == ()
    assert f"sought also {WHERE}" in str(m.counterfactual(row, 40.0, bounds={"load": (0, 99)}))


def test_an_explained_row_says_where_it_left_the_fitted_range():
    m, base = made(), {"load": 1.0, "side": 2.0, "kind": "a"}
    rows = {"load": [31.0, 2.0], "side": [2.0, 0.0], "kind": ["a", "b"]}
    found = m.explain(rows, baseline=base)
    left = "The row is outside the fitted range of "
    assert found.text(0).endswith(f"{left}load (0 to 30 kN): there the model goes on.")
    assert found.text(1).endswith(f"{left}side (1 to 3 m): there the model stays constant.")
    kept = [[each["column"] for each in row] for row in found.to_dict()["outside"]]
    assert kept == [["load"], ["side"]]
    assert left not in m.explain({"load": [30.0], "side": [1.0], "kind": ["a"]}, base).text()


def test_each_target_says_it_and_so_do_the_commands_and_the_page(tmp_path, capsys):
    m = made(targets=("u", "v"))
    path = tmp_path / "m.eig"
    m.save(path)
    assert m.target("v").certify().beyond == m.certify().beyond
    assert str(m.range()).count(f"not {WHERE}") == 1
    assert main(["certify", str(path)]) == 0
    assert capsys.readouterr().out.count(f"holds also {WHERE}") == 2
    assert main(["certify", str(path), "--json"]) == 0
    each = json.loads(capsys.readouterr().out)["guarantees"]
    assert [[one["column"] for one in each[name]["beyond"]] for name in "uv"] == [["load"]] * 2
    assert main(["show", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.count(f"Holds also {WHERE}.") == 2
    assert "0 … 30, goes on" in out
    assert "1 … 3 " in out
    table = {"load": np.linspace(0, 30, 40), "side": np.linspace(1, 3, 40), "kind": ["a", "b"] * 20}
    page = report(m, table)
    assert page.count(f"This holds also {WHERE}.") == 2


def test_ranges_are_told_inward_and_few_columns_by_name():
    low, high = 1 / 3, 2 / 3
    assert "(0.333334 to 0.666666 kN)" in str(made(Linear(fitted=(low, high))).certify())
    near = 1e9 + 1 / 4, 1e9 + 3 / 4
    assert f"({near[0]} to {near[1]} kN)" in str(made(Linear(fitted=near)).certify())
    names = tuple("abcdefg")
    e = Encoding((Linear(fitted=(0.0, 1.0)),) * 7, names)
    m = small(e, [(0, 0, row, 1.0) for row in range(1, 8)])
    assert (
        "range of a (0 to 1), b (0 to 1), c (0 to 1), d (0 to 1), e (0 to 1) and 2 more: "
        in str(m.certify())
    )


def test_a_picture_marks_the_ends_that_its_curve_leaves():
    m = made()
    assert m.curve("load").fitted == (0.0, 30.0)
    assert m.curve("kind").fitted is None
    told = "end of the fitted range"
    for grid, marked in ((None, True), ([0.0, 30.0], False), ([5.0, 31.0], True)):
        shown = plots.ShapeDisplay.from_model(m, "load", grid=grid)
        labels = [each.get_text() for each in shown.ax_.get_legend().get_texts()]
        assert (told in labels) == marked
