"""Members start near the additive model, where every functional tells its eigenvalues apart."""

import numpy as np
import pytest
from samples import design_for

from eigcore.core.canonical import matrices
from eigcore.dispatch.registry import get_backend
from eigcore.fit import fit
from eigcore.fit.members import initialisation

BACKEND = get_backend("numpy")
NEURONS = [
    {},
    {"functional": "smooth", "alpha": 0.01},
    {"functional": "smooth", "alpha": 5.0},
    {"functional": "smooth", "alpha": 25.0},
    {"functional": "smooth", "alpha": 25.0, "index": "convex"},
    {"functional": "softmax", "t": 0.01},
    {"functional": "softmax", "t": 25.0},
    {"functional": "top_sum", "r": 2},
    {"functional": "bottom_sum", "r": 4},
    {"functional": "weighted", "weights": [0.1, 0.2, 0.3, 0.4, 0.5]},
    {"functional": "weighted", "weights": [-1.0, 0.0, 0.0, 0.0, 1.0]},
]


@pytest.mark.parametrize("neuron", NEURONS, ids=str)
@pytest.mark.parametrize("start", [initialisation.gapped, initialisation.random])
def test_the_first_matrix_has_the_value_asked_for_and_unequal_weights(neuron, start):
    coordinates = design_for(neuron=neuron).parametrisation(5)
    spec, p = coordinates.spec, np.zeros(1 + len(coordinates.psd))
    p[0] = 0.7
    vector = start(coordinates, p, np.random.default_rng(0))
    lam = np.diag(matrices(spec, coordinates.blocks(vector)[0]))
    total = initialisation.sum_of_weights(spec)
    if total:
        tolerance = 1e-12 * np.abs(lam).max()
        assert spec.phi.value(BACKEND, lam) == pytest.approx(0.7 * total, abs=tolerance)
    weights, widest = (spec.phi.weights(BACKEND, each) for each in (lam, lam * 1e9))
    assert weights.std() >= 0.25 * widest.std()


def test_the_first_matrix_of_one_eigenvalue_is_as_wide_as_ever():
    spec = design_for(neuron={"index": 1}).parametrisation(5).spec
    found = np.diag(initialisation._spread(spec))
    np.testing.assert_array_equal(found, [-0.5, 0.0, 0.5, 1.0, 1.5])


@pytest.mark.parametrize("neuron", NEURONS[2:5] + NEURONS[6:10], ids=str)
def test_every_functional_learns_what_no_linear_model_can(neuron):
    x = np.random.default_rng(0).uniform(-1, 1, size=(200, 2))
    bowl = np.abs(x[:, 0]) + x[:, 1] ** 2
    y = -bowl if neuron["functional"] == "bottom_sum" else bowl
    plain = {"knots": 0, "members": 1, "validation": 0, "max_iter": 60, "penalty": 1e-6}
    model = fit({"a": x[:, 0], "b": x[:, 1]}, y, dim=5, neuron=neuron, **plain).model
    error = np.std(model.predict({"a": x[:, 0], "b": x[:, 1]}) - y)
    assert error < 0.5 * y.std()  # a linear model: 0.99
