"""Learned weights of the eigenvalues: fitted, certified, saved, resumed, streamed."""

import itertools

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from eigcore import SpectralModel
from eigcore.core.spec import EigSpec
from eigcore.encoding import Encoding, PiecewiseLinear
from eigcore.encoding.rows import Rows
from eigcore.errors import InvalidOption
from eigcore.estimators import SpectralRegressor
from eigcore.fit import fit, fit_stream, resume
from eigcore.fit.members.learned import Learned

QUICK = {"knots": 4, "dim": 4, "members": 1, "penalty": 1e-4, "max_iter": 25, "validation": 0}
WEIGHTED = {"neuron": {"functional": "weighted"}}
PROMISES = [Learned(*each) for each in itertools.product((False, True), (-1, 0, 1))]


def weights_of(model):
    return np.array(model.static.specs[0].weights)


def keeps(promised, w):
    rising = promised.bend * np.diff(w)
    return (w.min() >= 0 or not promised.nonnegative) and (rising >= 0).all()


@pytest.mark.parametrize("promised", PROMISES, ids=str)
def test_weights_keep_what_is_promised_and_have_the_right_derivative(promised):
    rng, first = np.random.default_rng(0), np.array(promised.first(5, 2))
    u = promised.numbers(first)
    np.testing.assert_allclose(promised.weights(u), first, atol=1e-12)
    for _ in range(3):
        u, g = rng.normal(size=5) * 3, rng.normal(size=5)
        w = promised.weights(u)
        assert np.linalg.norm(w) == pytest.approx(1.0)
        assert keeps(promised, w)
        slope = approx_fprime(u, lambda u, g=g: g @ promised.weights(u), 1e-7)
        np.testing.assert_allclose(promised.pullback(u, g), slope, atol=1e-5)
    flat = np.full(5, 0.2)  # weights and steps that a descent has made zero
    assert np.isfinite(promised.numbers(flat)).all()
    assert np.isfinite(promised.numbers(flat - 0.2)).all()


def test_all_eigenvalues_of_rows_and_their_pullback():
    rng = np.random.default_rng(1)
    encoding = Encoding((PiecewiseLinear((0.0, 0.5, 1.0)),))
    spec = EigSpec(encoding.terms, 3, structure="tridiagonal")
    params, rows = rng.normal(size=spec.params_shape), Rows(encoding, rng.random((6, 1)))
    values, pull = rows.spectrum(spec, params)
    for k in range(3):
        own = EigSpec(encoding.terms, 3, index=k, structure="tridiagonal")
        expected, other = rows.vjp(own, params)
        np.testing.assert_allclose(values[:, k], expected, atol=1e-12)
        g = rng.normal(size=6)
        np.testing.assert_allclose(pull(np.outer(g, np.eye(3)[k])), other(g), atol=1e-12)


def test_a_mixture_of_eigenvalues_learns_bits_faster():
    """Are two or five of ten bits set? A quarter of all rows is not fitted."""
    rows = np.array([*itertools.product((0.0, 1.0), repeat=10)])
    y = np.isin(rows.sum(1), (2, 5))
    known, hidden = np.split(np.random.default_rng(0).permutation(len(rows)), [768])
    told = {"knots": 0, "dim": 8, "members": 1, "penalty": 1e-6, "max_iter": 60, "validation": 0}
    losses = []
    for more in ({}, WEIGHTED):
        model = fit(rows[known], y[known], **told, **more).model
        p = model.predict(rows[hidden])
        losses.append(-np.log(np.where(y[hidden], p, 1 - p)).mean())
    assert losses[1] < 0.1 * losses[0]
    assert (weights_of(model) < 0).any()


@pytest.fixture(scope="module")
def bowl():
    rng = np.random.default_rng(2)
    a, b = rng.uniform(-2, 2, (2, 200))
    return {"a": a, "b": b}, a**2 + np.abs(b) + a


@pytest.mark.parametrize("shape", ["convex", "concave"])
def test_a_shape_orders_the_weights_and_certificates_prove_it(bowl, shape, tmp_path):
    table, y = bowl
    y = y if shape == "convex" else -y
    result = fit(table, y, **QUICK, **WEIGHTED, shape=shape)
    result.model.save(tmp_path / "m.eig")
    model = SpectralModel.load(tmp_path / "m.eig")
    w = weights_of(model)
    assert keeps(Learned(True, 1 if shape == "convex" else -1), w)
    assert (w > 0).all()
    assert getattr(model.certify(), shape)
    assert result.report.model.train < 0.1 * y.std()


def six_bits():
    """All rows, and what free weights fit with some of them below zero."""
    rows = np.array([*itertools.product((0.0, 1.0), repeat=6)])
    return rows, np.isin(rows.sum(1), (2, 5)) + 1.5 * rows[:, 0]


def test_constraints_keep_the_weights_above_zero(bowl):
    table, y = bowl
    rows, z = six_bits()
    told = QUICK | {"knots": 0, "dim": 6, "max_iter": 40} | WEIGHTED
    free, bound = (fit(rows, z, **told, increasing=names).model for names in ([], ["x0"]))
    assert (weights_of(free) < 0).any()
    assert (weights_of(bound) > 0).all()
    assert bound.certify().columns[0].increasing
    told = {"neuron": {"functional": "weighted", "nonnegative": True, "ascending": True}}
    assert keeps(Learned(True, 1), weights_of(fit(table, y, **QUICK, **told).model))


def test_fits_go_on_from_the_weights_they_had(bowl):
    table, y = bowl
    for more in ({}, {"increasing": ["b"]}):
        model = fit(table, y, **QUICK, **WEIGHTED, **more).model
        same, _ = resume(model, table, y, max_iter=0)
        np.testing.assert_allclose(same.predict(table), model.predict(table), atol=1e-6)
        after, _ = resume(model, table, y, max_iter=10)
        assert not np.allclose(weights_of(after), weights_of(model), atol=1e-6)
    stream = {"dim": 4, "knots": 4, "penalty": 1e-4, "members": 1, "epochs": 2, "batch_rows": 50}
    model = fit_stream([table | {"y": y}], "y", **stream, **WEIGHTED, shape="convex").model
    assert model.certify().convex
    rows, z = six_bits()
    table = dict(zip("abcdef", rows.T, strict=True)) | {"z": z - 1.5 * rows[:, 0]}
    told = stream | WEIGHTED | {"knots": 0, "dim": 6, "validation": 0}
    still, moved = (fit_stream([table], "z", **told, learning_rate=r) for r in (1e-12, 0.02))
    assert still.report.model.train < 0.3 * table["z"].std()
    assert not np.allclose(weights_of(moved.model), weights_of(still.model), atol=1e-3)


def test_selection_early_stopping_and_estimators_take_learned_weights(bowl):
    table, y = bowl
    fit(table, y, **QUICK | {"max_iter": 5}, **WEIGHTED, selection=0.01, early_stopping=True)
    X = np.stack([*table.values()], 1)
    told = {"functional": "weighted", "functional_params": {"nonnegative": True}}
    model = SpectralRegressor(knots=3, dim=3, penalty=1e-3, n_estimators=1, max_iter=5, **told)
    assert (weights_of(model.fit(X, y).model_) > 0).all()
    again = SpectralRegressor.from_model(model.model_).set_params(warm_start=True, max_iter=1)
    again.set_params(**told).fit(X, y)


@pytest.mark.parametrize(
    ("neuron", "y", "message"),
    [
        ({"nonnegative": True}, None, "has nonnegative, and no weights to learn"),
        (
            {"functional": "weighted", "weights": [1.0] * 4, "ascending": True},
            None,
            "has ascending, and no weights to learn",
        ),
        ({"functional": "weighted"}, list("xyz"), "learns weights; expected weights beside"),
    ],
)
def test_what_cannot_be_learned_is_an_error(bowl, neuron, y, message):
    table, own = bowl
    y = own if y is None else np.array(y)[np.arange(len(own)) % len(y)]
    with pytest.raises(InvalidOption, match=message):
        fit(table, y, **QUICK, neuron=neuron)
