"""What is no law's input is told in the caller's words, and zeros are no negative zeros."""

from __future__ import annotations

import numpy as np
import pytest

from eigcore import rmt
from eigcore.errors import InvalidInput

LAW = rmt.marchenko_pastur(0.5)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rmt.sample_covariance([1 + 1j, 2], 0.5), "complex numbers"),
        (lambda: rmt.ridge_risk([1 + 5j], [1], 0.5, 0.1, 10), "complex numbers"),
        (lambda: rmt.overlay([1 + 1j, 2], LAW), "complex numbers"),
        (lambda: rmt.overlay("abc", LAW), "str is no array"),
        (lambda: rmt.overlay({1: 2}, LAW), "dict is no array"),
        (lambda: rmt.fit_law([0.0] * 5), "expected positive ones"),
        (lambda: rmt.fit_law([0, 0], ratio=0.5), "expected positive ones"),
        (lambda: rmt.fit_law([1.0] * 5, "semicircle"), "expected different ones"),
        (lambda: rmt.tracy_widom(np.ones(3)), "beta is array"),  # pyright: ignore
        (lambda: rmt.deep_ck(["relu"], None, [0, 1]), "X has shape"),
        (lambda: rmt.linear_statistics(LAW, [1], 10), "expected functions"),  # pyright: ignore
        (lambda: rmt.linear_statistics(LAW, [], 10), "expected functions"),
        (
            lambda: rmt.hessian_glm("logistic", "logistic", None, [1.0], [1e61], None, 0.5),
            "expected shorter vectors",
        ),
    ],
)
def test_bad_input_is_told(call, said):
    with pytest.raises(InvalidInput, match=said):
        call()


def test_nothing_is_minus_zero():
    found = [
        rmt.largest_eigenvalue_p_value(1e9, LAW, 100),
        LAW.density(-3.0),
        *LAW.density([-3.0, -2.0]),
        LAW.cdf(-3.0),
    ]
    assert not np.signbit(found).any()


def test_the_last_quantile_is_the_end():
    law = rmt.marchenko_pastur(1e8)
    assert law.quantile(1.0) == law.support()[0, 1]


def test_equal_places_are_one_atom():
    law = rmt.discrete([1, 2, 1], [0.3, 0.4, 0.3])
    np.testing.assert_allclose(law.atoms(), [(1.0, 0.6), (2.0, 0.4)])
    np.testing.assert_allclose(rmt.free_sum(law, law).atoms(), [(2.0, 0.2)])
