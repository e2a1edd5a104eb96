"""Rows outside the fitted range: who carries the error, and whether going on would help."""

import numpy as np
import pytest

from eigcore import SpectralModel
from eigcore.cli import main
from eigcore.errors import OutsideRange
from eigcore.estimators import SpectralRegressor
from eigcore.fit import fit
from eigcore.fit.edges import edge_notes, edges, gone_on, outside
from eigcore.fit.losses import LOSSES, Targets
from eigcore.report import report

QUICK = {"dim": 2, "penalty": 1e-4, "members": 2, "validation": 0, "seed": 0}
SQUARED = LOSSES["squared"]


@pytest.fixture(scope="module")
def line():
    """A line in x, some cells of which are missing, and a flag; and rows that go on."""
    rng = np.random.default_rng(0)
    x, z, flag = rng.uniform(0, 1, 300), rng.normal(size=300), rng.integers(0, 2, 300) * 1.0
    table = {"x": x, "z": z, "flag": flag}
    y = 5 * x + np.sin(z) + flag
    x[:9] = np.nan
    far = {"x": np.linspace(0.5, 2, 30), "z": np.zeros(30), "flag": np.ones(30)}
    return table, y, far, 5 * far["x"] + 1


def going(model, stays=()):
    encoding, members = gone_on(model.encoding, model.members, stays)
    static = model.static
    return SpectralModel(encoding, members, target_scale=static.scale, target_offset=static.offset)


@pytest.mark.parametrize("options", [{"knots": 5}, {"knots": 0}, {"knots": 5, "increasing": ["x"]}])
def test_matrices_say_what_a_model_predicts_that_goes_on(line, options):
    table, y, far, _ = line
    model = fit(table, y, **QUICK | options).model
    on = going(model)
    np.testing.assert_allclose(on.predict(table), model.predict(table), rtol=1e-12)
    again = fit(table, y, tails="linear", **QUICK | options).model
    assert on.encoding == again.encoding
    np.testing.assert_allclose(on.predict(far), again.predict(far), rtol=0.15)
    np.testing.assert_allclose(going(model, ["x"]).predict(far), model.predict(far), rtol=1e-12)
    if "increasing" in options:
        assert on.certify().columns[0].increasing


def test_a_sum_goes_on_if_all_of_its_columns_do(line):
    table, y, far, _ = line
    inputs = {"x": np.nan_to_num(table["x"], nan=0.5), "z": table["z"]}
    model = fit(inputs, y, knots=4, projections=1, **QUICK).model
    assert len(model.encoding.projections) == 1
    kinds = [going(model, stays).encoding.projections[0].column.tails for stays in ((), ("z",))]
    assert kinds == ["linear", "clamped"]
    far = {"x": far["x"], "z": far["z"]}
    again = fit(inputs, y, knots=4, projections=1, tails="linear", **QUICK).model
    np.testing.assert_allclose(going(model).predict(far), again.predict(far), rtol=0.1)


def test_rows_outside_are_named_where_they_carry_the_error(line):
    table, y, far, wanted = line
    model = fit(table, y, knots=5, **QUICK).model
    numbers = model.encoding.table(far)
    cells = outside(model.encoding, numbers)
    np.testing.assert_array_equal(cells.any(1), far["x"] > np.nanmax(table["x"]))
    found = edges(model, numbers, Targets(wanted), SQUARED)[""]
    off = wanted - model.predict(far)
    assert (found.rows, found.outside, found.columns) == (30, cells.sum(), {"x": cells.sum()})
    assert found.part == pytest.approx((off**2)[cells.any(1)].sum() / (off**2).sum())
    assert found.constant == pytest.approx(np.sqrt(np.mean(off**2)))
    assert found.linear == pytest.approx(
        np.sqrt(np.mean((wanted - going(model).predict(far)) ** 2))
    )
    assert found.linear < 0.2 * found.constant
    (note,) = edge_notes(model, numbers, Targets(wanted), SQUARED)
    assert "('x': " in note
    assert 'tails="linear", or --tails linear' in note
    stays = np.minimum(wanted, 6)  # the truth stays constant as well
    noisy = stays + 3 * (np.arange(30) > 25)
    (note,) = edge_notes(model, numbers, Targets(noisy), SQUARED)
    assert "would not help" in note
    even = model.predict(far) + np.tile([1.0, -1.0], 15)
    assert edge_notes(model, numbers, Targets(even), SQUARED) == ()
    refusing = fit(table, y, knots=5, tails="refuse", **QUICK).model
    assert not outside(refusing.encoding, numbers).any()


def test_the_note_is_where_people_look(line, tmp_path, capsys):
    table, y, far, wanted = line
    model = fit(table, y, knots=5, **QUICK).model
    assert "For it to go on" in report(model, far | {"y": wanted}, "y")
    assert "For it to go on" not in report(model, table | {"y": y}, "y")
    estimator = SpectralRegressor.from_model(model)
    X, near = map(pytest.importorskip("pandas").DataFrame, (far, table))
    with pytest.warns(OutsideRange, match="'x': 20"):
        estimator.score(X, wanted)
    estimator.score(near, y)
    estimator.score(X, np.minimum(wanted, 6) + 3 * (far["x"] > 1.8))  # going on would not help
    time = np.concatenate([np.zeros(300), np.ones(30)])
    whole = {n: np.concatenate([table[n], far[n]]) for n in table}
    both, options = np.concatenate([y, wanted]), QUICK | {"validation": 30 / 330, "knots": 5}
    notes = fit(whole, both, time=time, **options).report.notes
    assert any("of 30 held-out rows" in note and "carry" in note for note in notes)
    model.save(tmp_path / "m.eig")
    rows = zip(*far.values(), strict=True)
    text = "\n".join([",".join(far), *(",".join(map(str, row)) for row in rows)])
    (tmp_path / "far.csv").write_text(text)
    main(
        [
            "predict",
            str(tmp_path / "m.eig"),
            str(tmp_path / "far.csv"),
            "-o",
            str(tmp_path / "p.csv"),
        ]
    )
    assert "fitted with --tails linear it goes on" in capsys.readouterr().out


@pytest.mark.parametrize(("slope", "told"), [(5.0, True), (0.0, False)])
def test_slices_of_time_tell_of_going_on(slope, told):
    rng = np.random.default_rng(0)
    day = np.arange(240.0)
    level = day / 100 + 0.1 * rng.normal(size=240)  # new days have new levels
    other = rng.integers(0, 11, 240) / 10
    y = slope * level + np.sin(4 * other) + 0.1 * rng.normal(size=240)
    options = QUICK | {"knots": 3, "penalty": None}
    fitted = fit({"level": level, "other": other}, y, time=day, **options)
    assert any("goes on beyond the fitted range" in note for note in fitted.report.notes) == told
    kinds = [column.tails for column in fitted.model.encoding.columns]
    assert kinds == ["linear" if told else "clamped", "clamped"]
    kept = fit({"level": level, "other": other}, y, time=day, tails="constant", **options)
    assert not any("fitted range" in note for note in kept.report.notes)
