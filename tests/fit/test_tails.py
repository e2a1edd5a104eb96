"""Numbers outside the range of the fitted rows: constant, linear or refused, for each column."""

import numpy as np
import pytest
from samples import problem_for

from eigcore import SpectralModel
from eigcore.errors import InvalidInput, InvalidOption, NonFiniteInput
from eigcore.fit import fit, resume
from eigcore.fit.members.member import Settings
from eigcore.fit.members.sequence import fit_members

QUICK = {"dim": 2, "penalty": 1e-3, "max_iter": 15, "validation": 0.3}


@pytest.fixture(scope="module")
def slopes():
    rng = np.random.default_rng(0)
    table = {"a": rng.uniform(0, 1, 200), "b": rng.uniform(0, 1, 200)}
    return table, 2 * table["a"] + 3 * table["b"]


def at(model, **cells):
    return float(model.predict({"a": [0.5], "b": [0.5]} | {n: [v] for n, v in cells.items()})[0])


@pytest.mark.parametrize("knots", [0, 3])
def test_each_column_goes_on_stays_or_refuses_as_it_was_told(slopes, knots, tmp_path):
    table, y = slopes
    options = QUICK | {"knots": knots, "members": 1}
    stays = fit(table, y, **options).model
    assert at(stays, a=9.0) == at(stays, a=1.0) == pytest.approx(3.5, abs=0.2)
    goes = fit(table, y, tails={"a": "linear"}, **options).model
    assert at(goes, a=9.0) - at(goes, a=8.0) == pytest.approx(2.0, abs=0.3)
    assert at(goes, b=9.0) == at(goes, b=1.0)
    result = fit(table, y, tails={"b": "refuse"}, **options)
    result.model.save(tmp_path / "m.eig")
    model = SpectralModel.load(tmp_path / "m.eig")
    assert at(model, a=9.0) == at(model, a=1.0)
    with pytest.raises(InvalidInput, match=r"'b' holds 9"):
        model.predict(np.array([[0.5, 9.0]]))
    with pytest.raises(InvalidInput, match=r"'b' holds 9 in row 0, one of 1 number\(s\) out"):
        at(model, b=9.0)
    assert np.isfinite(result.report.model.held_out)
    inside = {name: np.clip(column, 0.1, 0.9) for name, column in table.items()}
    assert resume(model, inside, y, max_iter=1)[0].encoding.columns[1].outside == "refuse"
    assert model.certify(x={"a": [0.5], "b": [0.5]}, radius=0.1).local is not None
    model.curve("b")


def test_a_linear_member_does_not_make_the_others_go_on(slopes):
    table, y = slopes
    problem = problem_for(table, y, **QUICK)
    plan = [Settings(3, 2, 1e-3, 2), Settings(0, 2, 1e-3, 2)]
    model = fit_members(problem, plan).model()
    assert at(model, a=400.0) == at(model, a=float(table["a"].max()))


def test_cells_outside_are_counted_and_refused_in_frameworks_too(slopes):
    torch = pytest.importorskip("torch")
    table, y = slopes
    model = fit(table, y, tails={"b": "refuse"}, knots=3, members=1, **QUICK).model
    rows = {"a": [0.5, 7.0, -3.0, 0.2], "b": [0.5, 0.5, 0.5, 44.0]}
    assert model.encoding.outside(rows) == {"a": 2, "b": 1}
    assert model.encoding.outside({"a": [0.5], "b": [0.5]}) == {}
    x = torch.tensor(np.stack([rows["a"], rows["b"]], 1))
    net = model.to("torch")
    with pytest.raises(
        NonFiniteInput, match="1 of 4 rows are NaN or infinite, the first at index 3"
    ):
        net(x)
    assert np.allclose(net(x[:3]).detach().numpy(), model.predict(x[:3].numpy()))


def test_tails_are_for_numeric_columns_and_agree_with_a_shape(slopes):
    table, y = slopes
    with pytest.raises(InvalidOption, match=r"tails names 'aa', which is not .* .did you mean 'a'"):
        fit(table, y, tails={"aa": "linear"}, **QUICK)
    with pytest.raises(
        InvalidOption, match="tails is 'constant' beside shape convex; expected lin"
    ):
        fit(table, y, tails="constant", shape="convex", **QUICK)
    shaped = fit(table, y, shape="convex", knots=3, members=1, **QUICK).model
    assert at(shaped, a=9.0) - at(shaped, a=8.0) == pytest.approx(2.0, abs=0.3)
