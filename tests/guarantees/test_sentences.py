"""Predictions in words: what is said is true, and bounds are rounded outward."""

import re

import numpy as np
from samples import model, rows, small

from eigcore import EigSpec, SpectralModel
from eigcore.encoding import Categories, Encoding, Linear
from eigcore.guarantees.text import readable


def loan(**options):
    """Log-odds 0.3 + 1.23456 income − 2 debt, and a level for the home."""
    columns = (Linear(missing=True), Linear(), Categories(("rent", "own")))
    encoding = Encoding(columns, ("income", "debt", "home"), ("k€", "", ""))
    params = np.array([0.3, 1.23456, 0.5, -2.0, 0.0, 0.25])[None, :, None]
    options = {"link": "logistic", "classes": ("no", "yes"), "target_name": "paid"} | options
    return SpectralModel(encoding, [(EigSpec(6 - 1, 1), params)], **options)


ROW = {"income": [2.0], "debt": [1.5], "home": ["own"]}
BASE = {"income": 1.0, "debt": 0.0, "home": "rent"}


def test_a_prediction_in_words():
    told = loan().explain(ROW, BASE).text()
    assert told.splitlines() == [
        "The probability of paid = 'yes' is 0.5048. "
        "Compared with the baseline: −1.515 in the log-odds.",
        "What raises it:",
        "  income: +1.235 (2 instead of 1; proven: more never lowers it, at most 1.235 per k€)",
        "  home: +0.25 (own instead of rent; proven: another level changes it by at most 0.2501)",
        "What lowers it:",
        "  debt: −3 (1.5 instead of 0; proven: more never raises it, at most 2.001 per unit)",
    ]


def test_what_is_left_out_is_added_up():
    told = loan(link="identity", classes=()).explain(ROW, BASE).text(k=1)
    assert told.splitlines()[-1] == "All other columns together: +0.25"
    assert told.startswith("paid is 0.01912. Compared with the baseline: −1.515.")


def test_a_missing_cell_has_a_place_and_several_baselines_no_cell():
    missing = loan().explain({"income": [None], "debt": [0.0], "home": ["rent"]}, BASE).text()
    place = "proven: beside known values, missing is 0.499999 to 0.500001 more than at 0)"
    assert f"income: −0.7346 (missing instead of 1; {place}" in missing
    known = loan().explain(ROW, BASE | {"income": None}).text()
    assert f"income: +1.969 (2 instead of missing; {place}" in known
    two = {"income": [1.0, 3.0], "debt": [0.0, 0.0], "home": ["rent", "rent"]}
    told = loan().explain(ROW, two).text()
    assert "Compared with the average of 2 baseline rows" in told
    assert "debt: −3 (1.5; proven" in told


def test_bounds_in_words_are_never_below_the_bounds():
    m = model(0, dims=(5, 4))
    for line in m.explain(rows(20), "mean").text(3, k=9).splitlines():
        if found := re.search(r"^  (\w+): .*at most (\S+) per", line):
            assert float(found[2]) >= m.feature_norms[found[1]]
            assert float(found[2]) <= m.feature_norms[found[1]] * 1.001


def test_a_score_beside_the_mean_may_change_by_more_than_a_score():
    spec = EigSpec(2, 1, outputs=2)
    params = np.array([[0.0, 5.0, 1.0], [0.0, 5.0, -1.0]])[..., None]
    m = SpectralModel(None, [(spec, params)], link="softmax", classes=("n", "y"))
    told = m.explain([[1.0, 3.0]], [[0.0, 0.0]]).text(output=1)
    assert "The probability of the prediction = 'y' is 0.002473" in told
    assert "x1: −3 (3 instead of 0; proven: at most 1.001 per unit)" in told
    three = SpectralModel(
        None, [(EigSpec(1, 1, outputs=3), np.array([[0, 3.0], [0, -3.0], [0, -3.0]])[..., None])],
        link="softmax",
    )  # fmt: skip
    found = three.explain([[1.0]], [[0.0]])
    told = found.text(output=0)
    assert "x0: +4 (1 instead of 0; proven: at most 4.001 per unit)" in told
    assert found.text() == told  # the most probable class
    named = m.explain([[1.0, 3.0]], [[0.0, 0.0]])
    assert named.text(output="y") == named.text(output=1) != named.text(output="n")
    assert named.reasons(output="y") == named.reasons(output=1)


def test_an_error_of_the_split_is_told(monkeypatch):
    m = model(0)
    told = m.explain(rows(2), rows(1, 5), "integrated").text(0)
    assert "After ±: an estimate of the error of the split." in told
    assert " ± " in told
    monkeypatch.setattr("eigcore.guarantees.shapley.EXACT", 2)
    told = m.explain(rows(2), rows(1, 5)).text(1)
    assert "After ±: the standard error of sampled orders of the columns." in told


def test_prices_are_told_without_exponents():
    m = small(Linear(), [(0, 0, 1, 123456.7)])
    told = m.explain({"t": [-1.0]}, {"t": 0.0}).text()
    assert "is −123500. Compared with the baseline: −123500." in told
    assert "at most 123500 per unit" in told
    assert "by at most 123457 (" in str(m.certify())
    assert readable(1.5e9, 2) == "1.5e+09"
    assert readable(12.0, 2, "+") == "+12"
