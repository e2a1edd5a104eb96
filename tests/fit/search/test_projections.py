"""Sums of columns with a shape function of their own: found, validated, certified, kept."""

import numpy as np
import pytest
from samples import problem_for

from eigcore.errors import InvalidInput
from eigcore.fit import fit
from eigcore.fit.context import Context
from eigcore.fit.resume import resume
from eigcore.fit.search import projections
from eigcore.fit.search.candidates import DEFAULT
from eigcore.model import SpectralModel

ROWS = 3000
SMALL = {"dim": 2, "knots": 8, "penalty": 1e-3, "members": 2, "max_iter": 60, "validation": 0.0}


def table(seed=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    names = ("east", "north", "size", "age")
    x = {name: rng.normal(size=rows) * 10.0 + 40.0 for name in names}
    road = np.abs(x["east"] - 40.0 + x["north"] - 40.0)
    y = np.sin(road / 6.0) + 0.03 * x["size"] + 0.05 * rng.normal(size=rows)
    return x, y


def rmse(model, x, y):
    return float(np.sqrt(np.mean((model.predict(x) - y) ** 2)))


def test_a_diagonal_road_is_found_and_pays():
    (x, y), (new, wanted) = table(), table(1)
    found = fit(x, y, **SMALL).model
    without = fit(x, y, projections=0, **SMALL).model
    assert not without.encoding.projections
    assert all(set(p.names) <= {"east", "north"} for p in found.encoding.projections[:1])
    east, north = found.encoding.projections[0].weights
    assert east / north == pytest.approx(1.0, rel=0.1)
    assert rmse(found, new, wanted) < 0.5 * rmse(without, new, wanted)


def test_nothing_is_found_where_columns_add_up():
    x, _ = table()
    y = np.sin(x["east"] / 6.0) + np.abs(x["north"] - 40.0) / 10.0
    y = y + 0.3 * np.random.default_rng(5).normal(size=ROWS)
    assert not fit(x, y, **SMALL).model.encoding.projections


def test_monotone_columns_are_in_no_sum_and_stay_monotone():
    x, y = table()
    model = fit(x, y, increasing=["size", "east"], projections=3, **SMALL).model
    names = {name for p in model.encoding.projections for name in p.names}
    assert len(model.encoding.projections) == 3
    assert names <= {"north", "age"}
    proven = {c.name: c.increasing for c in model.certify().columns}
    assert proven["size"]
    assert proven["east"]


def test_bounds_files_and_explanations_hold(tmp_path):
    x, y = table()
    x["north"][::7] = np.nan
    model = fit(x, y, projections=2, **SMALL).model
    assert len(model.encoding.projections) == 2
    model.save(tmp_path / "road.eig")
    again = SpectralModel.load(tmp_path / "road.eig")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    e = model.explain(x)
    np.testing.assert_allclose(e.intercept + e.contributions.sum(-1), e.decision, atol=1e-9)
    certificate = model.certify(x=x, radius={"east": 3.0})
    bound = certificate.columns[0].bound
    for step in (-3.0, -0.2, 3.0):
        moved = dict(x, east=x["east"] + step)
        assert (np.abs(model.predict(moved) - model.predict(x)) <= bound * abs(step) + 1e-9).all()
        assert (certificate.local.lower - 1e-9 <= model.predict(moved)).all()
        assert (model.predict(moved) <= certificate.local.upper + 1e-9).all()


def test_a_convex_model_stays_convex():
    x, y = table()
    model = fit(x, y, shape="convex", projections=2, **SMALL).model
    assert len(model.encoding.projections) == 2
    assert model.certify().convex


def test_a_fit_goes_on_with_its_sums():
    x, y = table()
    model = fit(x, y, projections=2, **SMALL).model
    more, _ = resume(model, x, y, max_iter=20)
    assert more.encoding == model.encoding
    assert rmse(more, x, y) < 1.02 * rmse(model, x, y)


def test_the_pair_is_found_among_many_columns_of_every_kind():
    x, y = table()
    rng = np.random.default_rng(7)
    for place in range(40):
        x[f"noise{place}"] = rng.normal(size=ROWS)
    x["tiny"] = np.where(rng.random(ROWS) < 0.5, 0.0, 1e-70)
    x["left"], x["right"] = rng.normal(size=(2, ROWS))
    x["left"][::2], x["right"][1::2] = np.nan, np.nan  # never both
    x["text"] = np.where(rng.random(ROWS) < 0.5, "a", "b")
    options = SMALL | {"knots": 4, "members": 1, "max_iter": 10}
    model = fit(x, y, projections=2, **options).model
    assert any(set(p.names) == {"east", "north"} for p in model.encoding.projections)


def test_a_curve_for_each_value_of_a_column():
    rng = np.random.default_rng(0)
    hour, free = rng.uniform(0.0, 24.0, size=ROWS), rng.integers(0, 2, size=ROWS)
    y = np.where(free, np.sin(hour / 2.0), np.cos(hour)) + 0.05 * rng.normal(size=ROWS)
    options = SMALL | {"knots": 24}
    found = fit({"hour": hour, "free": free}, y, projections=1, **options).model
    (projection,) = found.encoding.projections
    hours, days = projection.weights
    assert abs(days) > 23.9 * abs(hours)  # the ranges of z for both values do not meet


@pytest.mark.parametrize(("budget", "ranked"), [(40.0, False), (400.0, True)])
def test_sums_are_ranked_only_if_the_time_pays_for_all_of_them(budget, ranked, monkeypatch):
    looked, explained = [], projections._explained

    def counted(place, rest):
        looked.append(len(place))
        return explained(place, rest)

    monkeypatch.setattr(projections, "_explained", counted)
    x, y = table()
    # six pairs are looked at three times, and 16 of 6 sums in 3000 rows are as 72 looks
    context = Context("numpy", budget=budget, clock=lambda: float(len(looked)))
    pursuit = projections.Pursuit(problem_for(x | {"y": y}, context=context), DEFAULT)
    columns = len(looked)
    if ranked:
        assert len(pursuit._ranked(y)) == 6 * 6
    else:
        with pytest.raises(projections.TimeUp):
            pursuit._ranked(y)
        assert len(looked) == columns + 1


def test_one_column_has_no_sums():
    x, y = table(rows=200)
    model = fit({"east": x["east"]}, y, projections=2, **SMALL).model
    assert not model.encoding.projections


def test_a_negative_number_is_refused():
    with pytest.raises(InvalidInput, match="Write projections=4"):
        fit(*table(rows=50), projections=-1)
