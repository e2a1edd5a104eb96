"""Weights whose sum is 0, such as those of λ_max − λ_min: they start from the linear model too."""

from typing import Any

import numpy as np
import pytest

from eigcore import SpectralModel
from eigcore.core.spec import EigSpec
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidOption
from eigcore.fit import fit, resume
from eigcore.fit.members.direction import direction

WEIGHTS = [(-1, 0, 0, 1), (1, 0, 0, -1), (1, -2, 1, 0), (0.5, -0.5, 0.5, -0.5)]
QUICK: dict[str, Any] = {
    "knots": 0, "penalty": 1e-3, "members": 1, "max_iter": 30, "validation": 0,
}  # fmt: skip


def neuron(weights):
    return {"functional": "weighted", "weights": weights}


def table(rows=400):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3))
    return x, x @ [1.0, -0.5, 0.3], rng


@pytest.mark.parametrize("weights", [*WEIGHTS, (1, 0, 0, 1)], ids=str)
def test_the_value_of_a_multiple_is_the_multiple(weights):
    spec, numpy = EigSpec(1, 4, functional="weighted", weights=weights), get_backend("numpy")
    along, value = direction(spec)
    for t in (0.0, 0.5, 3.0):
        found = spec.phi.value(numpy, np.sort(t * np.diag(along)))
        assert found == pytest.approx(t * value, abs=1e-12)


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_a_straight_target_is_fitted_as_a_linear_model_fits_it(weights):
    x, y, rng = table()
    y = 1e3 * (y + rng.normal(size=len(y)) / 3) - 7e4
    found = fit(x, y, neuron=neuron(weights), **QUICK)
    assert found.report.model.train < 1.01 * found.report.linear.train


def test_a_link_balances_and_the_model_resumes_and_streams(tmp_path):
    x, t, rng = table()
    y = (rng.random(len(t)) < 1 / (1 + np.exp(2 - t))) * 1.0
    options = QUICK | {"neuron": neuron((-1, 0, 0, 1)), "loss": "logistic"}
    found = fit(x, y, **options)
    usual = fit(x, y, **options | {"neuron": None, "dim": 4}).report.linear.train
    assert found.report.linear.train == pytest.approx(usual, rel=1e-6)
    assert found.report.model.train < 1.01 * usual
    assert found.model.predict(x).sum() == pytest.approx(y.sum(), rel=1e-3)
    found.model.save(tmp_path / "gap.eig")
    again, _ = resume(SpectralModel.load(tmp_path / "gap.eig"), x, y)
    np.testing.assert_allclose(again.decision(x), found.model.decision(x), atol=0.1)
    batch = {f"x{place}": each for place, each in enumerate(x.T)} | {"y": y}
    told = {key: each for key, each in options.items() if key != "max_iter"}
    streamed = fit([batch], "y", epochs=1, **told)
    assert streamed.model.predict(x).sum() == pytest.approx(y.sum(), rel=1e-3)
    assert streamed.report.model.train < 1.02 * usual


def test_a_gap_is_learned_from_where_it_is_zero():
    x, _, _ = table()
    found = fit(x, np.abs(x[:, 0]), neuron=neuron((-1, 1)), **QUICK)
    assert found.report.model.train < 0.1 * found.report.linear.train


def test_what_a_multiple_of_the_identity_must_do_is_refused():
    x, y, _ = table(100)
    told = QUICK | {"neuron": neuron((-1, 0, 0, 1))}
    with pytest.raises(InvalidOption, match="sum is not 0 beside additive columns"):
        fit(x, y, additive=["x0"], **told)
    with pytest.raises(InvalidOption, match="some are not 0"):
        fit(x, y, **QUICK | {"neuron": neuron((0, 0, 0))})
    with pytest.raises(InvalidOption, match="sum is not 0 for three classes"):
        fit(x, np.array(["a", "b", "c"])[np.digitize(y, [-1, 1])], **told)
