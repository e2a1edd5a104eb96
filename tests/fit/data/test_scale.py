"""Numbers of extreme scales: fitted alike, or refused by name."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from samples import smooth_table

import eigcore
from eigcore.errors import InvalidInput, InvalidTable
from eigcore.estimators import SpectralRegressor
from eigcore.fit import fit

QUICK = {"dim": 3, "knots": 4, "members": 1, "penalty": 1e-3, "max_iter": 15}


def scaled(column=1.0, target=1.0):
    table = smooth_table()
    return table | {"a": column * table["a"], "y": target * table["y"]}


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("options", [{}, {"knots": 0}, {"increasing": ["a"]}, {"shape": "convex"}])
@pytest.mark.parametrize(("column", "target"), [(1e74, 1e-74), (1e-74, 1e74), (1e74, 1e74)])
def test_large_and_small_units_give_the_same_model(column, target, options):
    plain, other = (fit(scaled(*s), "y", **QUICK | options) for s in ((), (column, target)))
    wanted = target * plain.model.predict(scaled())
    found = other.model.predict(scaled(column))
    assert np.abs(found - wanted).max() < 1e-4 * np.ptp(wanted)
    slope = other.model.certify().columns[0].bound
    assert slope == pytest.approx(
        plain.model.certify().columns[0].bound * target / column, rel=1e-3
    )


@pytest.mark.parametrize("loss", ["squared", "absolute", "huber", "poisson"])
@pytest.mark.parametrize("factor", [1e300, 3e307, 1e160])
def test_a_target_whose_squares_overflow_is_refused(factor, loss):
    table = scaled(target=factor)
    with pytest.raises(InvalidInput, match=r"Target 'y' holds numbers as large as .*e\+.*unit"):
        fit(table | {"y": np.abs(table["y"])}, "y", loss=loss, **QUICK)


@pytest.mark.parametrize("factor", [1e-300, 1e-320, 1e-160])
def test_a_range_whose_squares_vanish_is_refused(factor):
    with pytest.raises(InvalidInput, match="Target 'y' has a range of"):
        fit(scaled(target=factor), "y", **QUICK)
    with pytest.raises(InvalidTable, match=r"Column 'a' has a range of .*drop_columns=\['a'\]"):
        fit(scaled(factor), "y", **QUICK)


@pytest.mark.parametrize("factor", [1e300, 3e307, 1e160])
def test_a_column_whose_squares_overflow_is_refused(factor):
    with pytest.raises(InvalidTable, match=r"Column 'a' holds numbers as large as"):
        fit(scaled(factor), "y", **QUICK)
    batches = [{k: v[i::2] for k, v in scaled(factor).items()} for i in range(2)]
    with pytest.raises(InvalidTable, match=r"Column 'a' holds numbers as large as"):
        fit(batches, "y", epochs=1, **QUICK)
    constant = scaled() | {"a": np.full(200, factor)}
    with pytest.raises(InvalidTable, match=r"Column 'a' holds numbers as large as"):
        fit(constant, "y", keep_constant=True, **QUICK)


def test_a_late_batch_of_a_stream_is_refused_too():
    table = scaled()
    table["y"][137] = 1e200
    batches = [{k: v[i : i + 20] for k, v in table.items()} for i in range(0, 200, 20)]
    with pytest.raises(InvalidInput, match=r"as large as|up to 1e\+75"):
        fit(batches, "y", epochs=1, sample_rows=40, **QUICK)


@pytest.mark.parametrize("factor", [2.0**1000, 2.0**-1000])
def test_weights_of_any_scale_give_the_same_model(factor):
    weights = np.random.default_rng(0).random(200)
    one, two = (fit(scaled(), "y", weights=w, **QUICK) for w in (weights, factor * weights))
    assert np.array_equal(one.model.params[0], two.model.params[0])
    assert one.report.model.train == two.report.model.train


@pytest.mark.parametrize("cell", [1e308, -1e308, 1e200])
def test_cells_far_outside_the_range_predict_as_at_its_end(cell):
    table = scaled()
    estimator = SpectralRegressor(dim=3, knots=4, n_estimators=1, penalty=1e-3, max_iter=5)
    names = [n for n in table if n != "y" and table[n].dtype == float]
    X = np.stack([table[name] for name in names], 1)
    model = estimator.fit(X, table["y"]).model_
    far, end = X[:3].copy(), X[:3].copy()
    far[1, 0], end[1, 0] = cell, (X[:, 0].max if cell > 0 else X[:, 0].min)()
    np.testing.assert_array_equal(estimator.predict(far), estimator.predict(end))
    dense = model.encoding(model.encoding.table(far), eigcore.get_backend("numpy"), codes=True)
    np.testing.assert_array_equal(
        dense, model.encoding(model.encoding.table(end), eigcore.get_backend("numpy"), codes=True)
    )
    here = model.explain(far)
    np.testing.assert_array_equal(here.prediction, model.explain(end).prediction)
    assert here.slopes[1, 0] == 0.0
    with pytest.raises(InvalidInput, match="Column 'x0' of x holds a number beyond 1e"):
        model.certify(x=far, radius=0.1)
    with pytest.raises(InvalidInput, match=r"Expected a number from 0 to 1e\+75"):
        model.certify(radius=abs(cell))
    went_on = estimator.partial_fit(np.concatenate([X, far]), np.append(table["y"], np.zeros(3)))
    assert np.isfinite(went_on.predict(far)).all()
    assert np.isfinite(list(went_on.feature_importances_)).all()
