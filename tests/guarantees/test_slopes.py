import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import linear_model, model, params, rows

from eigcore import EigSpec, SpectralModel
from eigcore.core.canonical import matrices, pack
from eigcore.encoding import Encoding, Linear, PiecewiseLinear, Projection

FUNCTIONALS = [
    {},
    {"index": 0},
    {"index": -1},
    {"functional": "smooth", "alpha": 0.7},
    {"functional": "softmax", "t": 0.5},
    {"functional": "top_sum", "r": 2},
    {"functional": "bottom_sum", "r": 3},
    {"structure": "tridiagonal"},
    {"outputs": 2},
]


def made(variant, seed, **options):
    dims = (4, 4) if "weights" in variant else (5, 4)
    return model(seed, spec=variant, dims=dims, **options)


def slack(values):
    return 1e-9 * (1 + np.abs(values).max())


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(FUNCTIONALS), st.integers(0, 1000), st.sampled_from([-1, 1]))
def test_a_proven_direction_is_never_violated(variant, seed, sign):
    if variant.get("structure"):
        return
    m = made(variant, seed, psd=slice(3, 7))
    m = m.with_params([np.where(np.arange(p.shape[1])[:, None] > 0, sign * p, p) for p in m.params])
    column = m.certify().columns[1]
    assert (column.increasing, column.decreasing) == (sign > 0, sign < 0)
    assert column.slack < 1e-12
    x = rows(50, seed, missing=False)
    moved = x.copy()
    moved[:, 1] += np.random.default_rng(seed).exponential(size=50)
    assert (sign * (m.decision(moved) - m.decision(x)) >= -slack(m.decision(x))).all()


def test_directions_that_do_not_hold_are_not_claimed():
    for c in model().certify().columns:
        assert not any((c.increasing, c.decreasing, c.convex, c.concave))
    spec = {"functional": "weighted", "weights": (-1.0, 0.5, 2.0, 0.0)}
    assert not model(psd=slice(3, 7), spec=spec, dims=(4,)).certify().columns[1].increasing


def test_a_matrix_projected_in_floating_point_still_counts_as_semidefinite():
    rng = np.random.default_rng(0)
    spec = EigSpec(3, 6)
    M = matrices(spec, params(spec, rng))
    M[0, 2] = -M[0, 2] @ M[0, 2] * 1e3
    values, V = np.linalg.eigh(M[:, 1:])
    M[:, 1:] = (V * np.maximum(values, 0)[..., None, :]) @ V.mT
    certificate = SpectralModel(None, [(spec, pack(spec, M))]).certify()
    assert all(c.increasing for c in certificate.columns)
    tiny = M.copy()
    tiny[0, 1] -= 1e-9 * np.eye(6)
    certificate = SpectralModel(None, [(spec, pack(spec, tiny))]).certify()
    assert not certificate.columns[0].increasing


def ordered_model(index, sign, tails="linear", seed=0):
    """Column 0 linear, column 1 piecewise linear with slopes that increase in the Loewner order."""
    rng = np.random.default_rng(seed)
    e = Encoding((Linear(0.0, 2.0), PiecewiseLinear((-1.0, 0.0, 0.5, 3.0), tails)))
    spec = EigSpec(e.terms, 4, index=index)
    M = matrices(spec, params(spec, rng))
    steps = rng.normal(size=(e.terms - 1, 4, 4))
    slopes = rng.normal(size=(4, 4)) + np.cumsum(steps @ steps.mT, axis=0) * sign
    slopes = (slopes + slopes.mT) / 2
    M[0, 2:] = slopes * e.widths[1:, None, None]
    return SpectralModel(e, [(spec, pack(spec, M))])


@pytest.mark.parametrize(("index", "sign", "what"), [(-1, 1, "convex"), (0, -1, "concave")])
def test_proven_curvature_holds_on_random_segments(index, sign, what):
    m = ordered_model(index, sign)
    certificate = m.certify()
    assert getattr(certificate, what)
    assert all(getattr(c, what) for c in certificate.columns)
    rng = np.random.default_rng(1)
    a, b, t = rng.uniform(-5, 6, (500, 2)), rng.uniform(-5, 6, (500, 2)), rng.random(500)
    middle = m.predict(t[:, None] * a + (1 - t[:, None]) * b)
    chord = t * m.predict(a) + (1 - t) * m.predict(b)
    assert (sign * (chord - middle) >= -1e-9).all()


@pytest.mark.parametrize(
    ("index", "sign", "tails"),
    [(-1, -1, "linear"), (2, 1, "linear"), (0, 1, "linear"), (-1, 1, "clamped")],
)
def test_curvature_is_not_claimed_where_slopes_index_or_tails_forbid_it(index, sign, tails):
    certificate = ordered_model(index, sign, tails).certify()
    assert not certificate.convex


def test_all_linear_columns_need_only_the_functional():
    assert linear_model(index="convex").certify().convex
    assert linear_model(index="concave").certify().concave
    assert linear_model(functional="softmax", t=1.0).certify().convex
    assert linear_model(functional="weighted", weights=(-1.0, 0.0, 1.0, 3.0)).certify().convex
    assert not linear_model().certify().convex


@pytest.mark.parametrize("weight", [2.0, -2.0])
def test_a_column_is_as_monotone_and_convex_as_its_projections(weight):
    shape = PiecewiseLinear((-1.0, 0.0, 1.0))
    e = Encoding((Linear(), shape), projections=(Projection(("x0", "x1"), (1.0, weight), shape),))
    spec = EigSpec(e.terms, 3, index=-1)
    rng = np.random.default_rng(0)
    step = rng.normal(size=(e.terms, 3, 3))
    step = step @ step.mT
    matrix_convex = np.cumsum(step[5:9], axis=0)  # S_1 ⪯ S_2 ⪯ …, widths are equal
    blocks = np.concatenate([step[:1], np.cumsum(step[1:5], axis=0), matrix_convex])
    params = pack(spec, np.concatenate([np.diag([-1.0, 0.0, 2.0])[None], blocks]))[None]
    first, second = SpectralModel(e, [(spec, params)]).certify().columns
    assert first.increasing
    assert first.convex
    assert second.increasing == (weight > 0)
    assert second.convex
    x = rng.uniform(-2, 2, size=(200, 2))
    middle = SpectralModel(e, [(spec, params)]).decision
    assert (middle(x) + middle(-x) >= 2 * middle(0 * x) - 1e-9).all()
    params[0, -1] *= -1
    first, second = SpectralModel(e, [(spec, params)]).certify().columns
    assert not (first.increasing)
    assert not (first.convex)
    assert not (second.convex)


def test_a_linear_column_with_limits_is_neither_convex_nor_concave():
    spec = EigSpec(1, 3, index="convex")
    values = params(spec, np.random.default_rng(0))
    for limits, claimed in ((None, True), ((0.0, 1.0), False)):
        model = SpectralModel(Encoding((Linear(limits=limits),)), [(spec, values)])
        certificate = model.certify()
        assert certificate.convex == certificate.columns[0].convex == claimed
        low, middle, high = model.predict([[-3.0], [0.0], [3.0]])
        assert (middle <= (low + high) / 2 + 1e-12) or not claimed


def test_weights_of_both_signs_count_by_their_size():
    spec = EigSpec(1, 2, functional="weighted", weights=(-1.0, 1.0), structure="diagonal")
    m = SpectralModel(None, [(spec, np.array([[[0.0, 0.0], [1.0, -1.0]]]))])  # f(x) = 2 |x|
    assert m.decision([[3.0]])[0] == 6.0
    assert m.certify().columns[0].bound == pytest.approx(2.0)
