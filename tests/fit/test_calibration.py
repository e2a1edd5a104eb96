"""Rows that a fit keeps for intervals: the fit never sees them, and they calibrate the model."""

import numpy as np
import pytest
from samples import smooth_table

from eigcore.errors import InvalidTable
from eigcore.fit import fit

OPTIONS = {"dim": 2, "knots": 2, "members": 1, "penalty": 0.01, "validation": 0.1, "max_iter": 5}


def given(rows=100):
    table = smooth_table(rows)
    return {name: table[name] for name in ("a", "b", "kind")}, table["y"]


def test_a_fit_does_not_see_the_rows_that_it_keeps():
    table, y = given()
    result = fit(table, y, **OPTIONS, calibration=0.25)
    scores = result.model.calibration.scores[0]
    assert len(scores) == 25
    assert (result.report.rows, result.report.rows_held_out) == (67, 8)
    errors = np.abs(result.model.predict(table) - y)
    kept = np.array([np.isclose(errors, s, rtol=1e-12, atol=0).argmax() for s in scores])
    np.testing.assert_allclose(np.sort(errors[kept]), scores, rtol=1e-12)
    spoilt = np.where(np.isin(np.arange(100), kept), 50.0, y)
    again = fit(table, spoilt, **OPTIONS, calibration=0.25).model
    for one, other in zip(again.params, result.model.params, strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.calibration.scores[0][0] > 40


def test_without_calibration_a_fit_is_the_same_as_before():
    table, y = given()
    assert fit(table, y, **OPTIONS).model.calibration is None


@pytest.mark.parametrize(
    ("weights", "message"), [(np.arange(100.0), "row weights"), (None, r"100 row\(s\)")]
)
def test_what_cannot_calibrate_is_refused(weights, message):
    table, y = given()
    part = 0.2 if message[0] != "1" else 0.001
    with pytest.raises(InvalidTable, match=f"{message}.*Write calibration=0.0 for no intervals"):
        fit(table, y, weights=weights, **OPTIONS, calibration=part)


def test_a_fit_of_classes_keeps_rows_for_sets_of_them():
    table, y = given()
    labels = np.array(["low", "middle", "top"])[np.digitize(y, np.quantile(y, [0.3, 0.7]))]
    model = fit(table, labels, **OPTIONS, calibration=0.25).model
    missed = 1 - model.predict(table)[np.arange(100), np.searchsorted(model.static.classes, labels)]
    scores = np.array(model.calibration.scores[0])
    assert len(scores) == 25
    assert np.isclose(scores[:, None], missed, rtol=1e-12, atol=1e-15).any(1).all()
