"""Hermite coefficients and the three numbers of a layer, against closed forms."""

import math

import numpy as np
import pytest
from everywhere import same_everywhere

import eigcore
from eigcore import rmt
from eigcore.errors import InvalidInput
from eigcore.rmt.activations import ACTIVATIONS, erf, expectation, known, moments, rule

HALF = 1 / math.sqrt(2 * math.pi)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", (HALF, 0.5, HALF / math.sqrt(2))),
        ("abs", (2 * HALF, 0, 2 * HALF / math.sqrt(2))),
        ("sign", (0, 2 * HALF, 0)),
        ("step", (0.5, HALF, 0)),
        ("square", (1, 0, math.sqrt(2))),
        ("erf", (0, 2 / math.sqrt(3 * math.pi), 0)),
        ("sin", (0, math.exp(-0.5), 0)),
        ("cos", (math.exp(-0.5), 0, -math.exp(-0.5) / math.sqrt(2))),
        ("gaussian", (math.sqrt(0.5), 0, -0.25)),
        ("linear", (0, 1, 0)),
    ],
)
def test_hermite_coefficients_in_closed_form(name, expected):
    np.testing.assert_allclose(rmt.hermite(name, 2), expected, atol=1e-13)


def test_hermite_coefficients_of_the_exponential_are_known_at_every_order_and_scale():
    order, tau = 40, np.array([0.3, 1.0, 2.0])
    factorials = np.cumprod([1.0, *np.sqrt(np.arange(1, order + 1))])
    expected = np.exp(tau[:, None] ** 2 / 2) * tau[:, None] ** np.arange(order + 1) / factorials
    found = rmt.hermite(np.exp, order, tau)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_a_kink_at_zero_costs_no_accuracy():
    t, w = rule()
    for name in ("relu", "abs", "step"):
        value = ACTIVATIONS[name].value(np, t)
        assert w @ value**2 == pytest.approx({"relu": 0.5, "abs": 1, "step": 0.5}[name], abs=1e-13)


def test_erf_is_that_of_the_standard_library():
    t = np.linspace(-9, 9, 101)
    np.testing.assert_allclose(erf(np, t), [math.erf(x) for x in t], atol=2e-16 * 4)


def test_the_number_d0_of_erf_has_an_arcsine():
    # with an arccosine, as in public code, it would be .5379
    d = rmt.mixture_coefficients("erf", 1.0)
    assert d.d0 == pytest.approx(2 / math.pi * (math.asin(2 / 3) - 2 / 3), abs=1e-13)
    assert d.d0 == pytest.approx(0.0401459, abs=5e-8)


def test_the_argument_is_tau_and_not_its_square():
    tau = 1.5
    share = 2 * tau**2 / (2 * tau**2 + 1)
    expected = 2 / math.pi * (math.asin(share) - share)
    assert rmt.mixture_coefficients("erf", tau).d0 == pytest.approx(expected, abs=1e-13)
    assert rmt.mixture_coefficients("erf", tau**2).d0 != pytest.approx(expected, abs=1e-3)


def test_the_number_d2_of_a_quadratic_is_the_square_of_its_coefficient():
    d = rmt.mixture_coefficients(lambda t: 3 * t * t + 0.5 * t - 1, 0.8)
    assert d.d2 == pytest.approx(9, abs=1e-11)
    assert d.d1 == pytest.approx(0.25, abs=1e-11)
    assert d.d0 == pytest.approx(9 * 2 * 0.8**4, abs=1e-11)


def test_derivatives_by_steins_identity_are_those_of_the_function():
    numpy_backend, tau = eigcore.get_backend("numpy"), np.asarray(1.3)
    for name in ("tanh", "sin", "gaussian", "square", "relu", "erf"):
        phi = ACTIVATIONS[name]
        m = moments(numpy_backend, phi, tau)
        assert m.first == pytest.approx(expectation(numpy_backend, phi.derivative, tau), abs=1e-13)


@pytest.mark.parametrize("name", ["tanh", "sign"])
def test_hermite_is_the_same_everywhere(name):
    same_everywhere(lambda tau: (rmt.hermite(name, 3, tau) ** 3).sum(), np.array([0.7, 1.4]))


def test_wrong_arguments_are_named():
    with pytest.raises(InvalidInput, match=r"'rleu'; expected one of .*relu"):
        rmt.hermite("rleu", 2)
    with pytest.raises(InvalidInput, match="order is 300"):
        rmt.hermite("relu", 300)
    with pytest.raises(InvalidInput, match="tau has an entry -1"):
        rmt.hermite("relu", 2, -1.0)
    with pytest.raises(InvalidInput, match="tau has an entry 0"):
        rmt.mixture_coefficients("relu", 0.0)
    with pytest.raises(InvalidInput, match="activation is 3"):
        known(3)
