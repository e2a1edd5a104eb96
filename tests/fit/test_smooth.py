"""Smooth columns: the penalty on jumps of slopes, how its strength is chosen, and where it acts."""

import numpy as np
import pytest
from samples import problem_for

from eigcore.errors import InvalidOption
from eigcore.estimators import SpectralRegressor
from eigcore.fit import fit, fit_stream, resume
from eigcore.fit.members.design import Design
from eigcore.fit.search.candidates import FIRST_ROUGH

FINE = {"knots": 12, "dim": 2, "members": 1, "penalty": 1e-3, "max_iter": 20, "validation": 0}
GRID = np.linspace(0.05, 1.95, 200)


def noisy(curve, rows=150):
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 2, (2, rows))
    return {"a": a, "b": b}, curve(a) + curve(b) + 0.3 * rng.normal(size=rows)


def bends(model, name):
    """Sum of the changes of slope along one column."""
    other = "b" if name == "a" else "a"
    line = model.predict({name: GRID, other: np.ones_like(GRID)})
    return np.abs(np.diff(line, 2)).sum() / (GRID[1] - GRID[0])


@pytest.fixture(scope="module")
def waves():
    return noisy(lambda t: np.sin(3 * t))


def test_only_the_named_column_becomes_smooth(waves):
    table, y = waves
    plain, found = (fit(table, y, **FINE, smooth=names).model for names in ([], ["a"]))
    assert bends(found, "a") < 0.3 * bends(plain, "a")
    assert bends(found, "b") > 2 * bends(found, "a")
    truth = np.sin(3 * GRID)
    errors = []
    for model in (plain, found):
        line = model.predict({"a": GRID, "b": np.ones_like(GRID)})
        errors.append((line - line.mean() - truth + truth.mean()).std())
    assert errors[1] < 0.75 * errors[0]


def test_its_strength_follows_the_data(waves):
    table, y = noisy(lambda t: np.sin(12 * t), rows=200)
    wild = fit(table, y, **FINE, smooth=["a"]).report.settings
    calm = fit(*noisy(lambda t: 0.5 * t), **FINE, smooth=["a"]).report.settings
    assert 0 < wild.smooth < calm.smooth


def test_the_penalty_is_the_integral_of_the_squared_curvature():
    table, y = noisy(np.sin, rows=400)
    problem = problem_for(table, y, smooth=["a"])
    for pieces in (8, 32):
        design = Design(problem.encoded(pieces), pieces)
        place, column = design.coarse.slices[0], design.coarse.parts[0]
        knots = np.array(column.knots)
        W = np.zeros(design.coarse.terms)
        W[place] = np.diff(knots**3) * design.deviation[place]  # the curve t³, whose t'' is 6 t
        left, right = design.jumps(0.5)
        found = np.square(right * W[1:] - left * W[:-1]).sum()
        reach = knots[-1] - knots[0]  # with s = t / reach, the integral of (reach² · 6 t)² ds
        expected = 0.5 * 12 * reach**3 * (knots[-1] ** 3 - knots[0] ** 3)
        assert found == pytest.approx(expected, rel=0.3 if pieces == 8 else 0.1)
        line = np.zeros(design.coarse.terms)
        line[place] = np.diff(knots) * design.deviation[place]
        assert np.square(right * line[1:] - left * line[:-1]).sum() < 1e-20
        assert not left[place.stop :].any()


def test_fits_go_on_with_it_and_streams_and_estimators_take_it(waves):
    table, y = waves
    quick = FINE | {"max_iter": 3}
    model = fit(table, y, **quick, smooth=["a"], tails="linear", increasing=["a"]).model
    assert model.provenance["settings"][0]["smooth"] > 0
    again, _ = resume(model, table, y, max_iter=20)
    assert bends(again, "a") < 0.5 * bends(again, "b")
    assert again.certify().columns[0].increasing
    stream = {"dim": 2, "knots": 8, "penalty": 1e-3, "members": 1, "epochs": 1, "batch_rows": 50}
    assert fit_stream([table | {"y": y}], "y", **stream, smooth=["a"]).report.settings.smooth > 0
    X = np.stack([*table.values()], 1)
    told = {"knots": 8, "dim": 2, "penalty": 1e-3, "n_estimators": 1, "max_iter": 3}
    one = SpectralRegressor(**told, smooth=[0]).fit(X, y)
    assert one.report_.settings.smooth > 0
    other = SpectralRegressor.from_model(one.model_).set_params(warm_start=True, max_iter=1)
    other.set_params(smooth=["x0"]).fit(X, y)
    with pytest.raises(ValueError, match="smooth is"):
        other.set_params(smooth=["x1"]).fit(X, y)


def test_few_rows_start_with_the_usual_smoothness():
    table, y = noisy(np.sin, rows=6)
    assert fit(table, y, **FINE, smooth=["a"]).report.settings.smooth == FIRST_ROUGH


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smooth": ["c"]}, "smooth names 'c', which is not a column"),
        ({"smooth": ["kind"]}, "smooth names 'kind', which is a column of categories"),
        ({"smooth": ["a"], "knots": 0}, "knots is 0 beside smooth columns"),
        ({"smooth": ["a"], "dominates": {"a": "b"}}, "names 'a', which is also in smooth"),
    ],
)
def test_what_cannot_be_smooth_is_an_error(waves, options, message):
    table, y = waves
    kind = np.array(["x", "y"])[np.arange(len(y)) % 2]
    with pytest.raises(InvalidOption, match=message):
        fit(table | {"kind": kind}, y, **FINE | options)
