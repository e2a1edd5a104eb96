"""Curves along a column: values, partial dependence, and slopes that are never exceeded."""

import numpy as np
import pytest
from samples import NAMES, SPECS, linear_model, model, risen, rows

from eigcore import EigSpec, SpectralModel, get_backend
from eigcore.core.canonical import matrices
from eigcore.encoding import Categories, Encoding, Linear, Periodic, PiecewiseLinear
from eigcore.errors import InvalidInput
from eigcore.guarantees.curve import band


def quotients(c, values):
    """Change of some values (..., points, [outputs]) from each point of a curve to the next."""
    steps = np.diff(np.arange(len(c.grid)) if c.column == "town" else np.array(c.grid))
    axis = values.ndim - c.decision.ndim
    return np.diff(values, axis=axis) / steps.reshape(-1, *[1] * (c.decision.ndim - 1))


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("name", NAMES)
def test_no_slope_leaves_its_certified_band(name, spec):
    m, at = model(1, dims=(4, 4), spec=spec), rows(30, 4)
    c = m.curve(name, at)
    slopes = quotients(c, c.decision)
    slack = 1e-9 * np.abs(c.decision).max()
    assert (slopes <= c.high + slack).all()
    assert (slopes >= c.low - slack).all()
    for row in range(3):
        one = m.curve(name, at[row])
        slopes = quotients(one, one.rows[0])
        assert (slopes <= one.high + slack).all()
        assert (slopes >= one.low - slack).all()


@pytest.mark.parametrize("name", ["middle", "diagonal", "smooth", "softmax", "outputs"])
def test_bands_are_attained_by_members_of_order_one(name):
    spec = SPECS[name]
    m = model(1, dims=(1, 1), spec=spec)
    at = np.array([1.0, 0.5, 0.7, 1, 3.0])
    for name in ("age", "town", "hour", "rooms"):
        c = m.curve(name, at, **({} if name == "town" else {"grid": np.linspace(-1.9, 1.9, 9)}))
        size = 1e-9 * np.abs(c.decision).max()
        slopes = quotients(c, c.rows[0])
        tight = c.high - c.low < size
        assert tight.any()
        np.testing.assert_allclose(slopes[tight], c.low[tight], atol=1e-7)


def test_the_band_of_a_functional_is_attained_by_commuting_matrices():
    rng = np.random.default_rng(0)
    for spec in (s for s in SPECS.values() if s.get("functional") not in ("smooth", "softmax")):
        made = EigSpec(1, 4, **{key: v for key, v in spec.items() if key != "structure"})
        S = rng.normal(size=(4, 4))
        S = S + S.T
        values = np.linalg.eigvalsh(S)
        low, high = band(made, S)
        # A commutes with S, its eigenvalues in the order that makes ⟨G, S⟩ largest
        w = made.phi.raw_weights(get_backend("numpy"), np.zeros(4))
        order = np.argsort(np.argsort(w))
        best, worst = values[order] @ w, values[::-1][order] @ w
        np.testing.assert_allclose([low, high], [worst, best], rtol=1e-12)
        assert high >= best
        assert low <= worst


def test_a_certified_column_has_a_band_on_one_side_of_zero():
    m = risen(model(2, dims=(4, 4), missing=False))
    for name in ("size", "age"):
        c = m.curve(name, rows(5, 1, missing=False))
        assert c.low.min() > 0
        assert (np.diff(c.decision) > 0).all()
    assert m.curve("rooms", rows(5, 1, missing=False)).low.min() < 0


def test_values_are_those_of_the_model_with_the_cell_replaced():
    m, at = model(3, link="logistic", classes=("n", "y")), rows(6, 2)
    c = m.curve("age", at, grid=[-2.0, 0.5, 4.0])
    assert c.grid == (-2.0, 0.0, 0.5, 1.0, 3.0, 4.0)
    for point, t in enumerate(c.grid):
        moved = at.copy()
        moved[:, 1] = t
        np.testing.assert_allclose(c.rows[:, point], m.decision(moved))
        np.testing.assert_allclose(c.decision[point], m.decision(moved).mean())
        np.testing.assert_allclose(c.prediction[point], m.predict(moved).mean())


def test_levels_and_missing_cells_are_points():
    m = model(3)
    c = m.curve("town", rows(4, 2))
    assert c.grid == (0, 1, 2, None)
    assert len(c.low) == len(c.high) == 3
    spec, own = m.members[0]
    steps = np.diff(matrices(spec, own[0, 1:][m.encoding.slices[3]]), axis=0)
    first = band(spec, steps)[1]
    spec, own = m.members[1]
    steps = np.diff(matrices(spec, own[0, 1:][m.encoding.slices[3]]), axis=0)
    np.testing.assert_allclose(c.high, 1.5 * (first + band(spec, steps)[1]))


def test_the_grid_shows_the_whole_column():
    columns = (
        Linear(2.0, 0.5),
        Linear(2.0, 0.5, limits=(1.0, 4.0)),
        PiecewiseLinear((0.0, 1.0, 3.0)),
        PiecewiseLinear((0.0, 1.0, 3.0), "clamped"),
        Periodic(24.0, (1.0, 7.0)),
        Categories(("u", "v")),
    )
    encoding = Encoding(columns)
    spec = EigSpec(encoding.terms, 2)
    m = SpectralModel(encoding, [(spec, np.ones(spec.params_shape))])
    ends = [m.curve(name).grid for name in encoding.names]
    assert [(grid[0], grid[-1]) for grid in ends[:5]] == [
        (0.5, 3.5),
        (1.0, 4.0),
        (-1.0, 5.0),
        (0.0, 3.0),
        (1.0, 25.0),
    ]
    assert ends[5] == ("u", "v")
    turns = m.curve("x4", grid=[0.0, 50.0]).grid
    assert turns == (0.0, 1.0, 7.0, 25.0, 31.0, 49.0, 50.0)


def test_a_missing_cell_takes_its_projection_out_of_the_slope():
    m = model(1)
    at = rows(1, 0, missing=False)[0]
    with_all = m.curve("rooms", at)
    at[[0, 4]] = np.nan
    without = m.curve("rooms", at)
    slopes = quotients(without, without.rows[0])
    assert (slopes <= without.high + 1e-9).all()
    assert (without.high - without.low).max() < (with_all.high - with_all.low).min() * 2
    assert (without.high < with_all.high).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.curve("x9"), "no column 'x9'. Expected one of x0, x1, x2"),
        (lambda m: m.curve("x0", np.zeros((0, 3))), "at has no rows"),
        (lambda m: m.curve("x0", grid=[1.0, 1.0]), "grid has 1 different"),
        (lambda m: m.curve("x0", grid=[1.0, np.inf]), "Expected at least two finite numbers"),
    ],
)
def test_what_is_no_curve_is_refused_with_advice(call, message):
    with pytest.raises(InvalidInput, match=message):
        call(linear_model())
