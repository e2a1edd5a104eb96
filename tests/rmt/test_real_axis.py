import math

import numpy as np
import pytest

from eigcore import get_backend, rmt
from eigcore.rmt import hessian_equation as equation
from eigcore.rmt.real_axis import RealAxis, Stretch, _intervals, grouped


def axis(values, weights, t, c):
    """The real axis of a law with atoms of g and eigenvalues of C."""
    K, p = len(values), len(t)
    weight = np.asarray(weights, float)
    gram = np.zeros((p, 1, 1))
    parts = equation.Parts(
        np.asarray(values, float), weight, weight.reshape(K, 1, 1), np.zeros((1, 1)),
        np.asarray(t, float), np.full(p, 1 / p), gram, np.array(c),
    )  # fmt: skip
    return RealAxis(get_backend("numpy"), parts, tuple((v, v) for v in sorted(values)))


def ends(one):
    return np.array([interval for interval, _ in one.support()])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (((1.0, 1.0),), [(0.0, math.inf), (-math.inf, -1.0), (-1.0, 0.0)]),
        (((0.0, 0.25),), [(0.0, math.inf), (-4.0, 0.0)]),
        (((-1.0, 2.0),), [(0.0, 1.0), (-0.5, 0.0)]),
        (((0.0, math.inf),), [(0.0, math.inf)]),
        (((-math.inf, math.inf),), []),
        (((0.0, 0.0), (1.0, 1.0)), [(0.0, math.inf), (-math.inf, -1.0), (-1.0, 0.0)]),
    ],
)
def test_delta_avoids_the_poles_of_all_values_of_g(values, expected):
    assert [*_intervals(values)] == expected


@pytest.mark.parametrize("pair", [(-2.0, 0.0), (0.0, 3.0), (1.0, math.inf), (-math.inf, -1.0)])
def test_a_stretch_covers_its_interval_in_order(pair):
    d = Stretch(*pair, 1.0)(np.linspace(-30, 30, 200))
    assert (np.diff(d) > 0).all()
    assert (d > pair[0]).all()
    assert (d < pair[1]).all()


def test_edges_of_marchenko_and_pastur():
    for c in (0.25, 4.0):
        expected = [[(1 - c**0.5) ** 2, (1 + c**0.5) ** 2]]
        np.testing.assert_allclose(ends(axis([1.0], [1.0], [1.0], c)), expected, atol=1e-10)


@pytest.mark.parametrize("c", [0.01, 0.03, 0.1, 0.5, 2.0])
@pytest.mark.parametrize(
    ("values", "weights", "t"),
    [
        ([1.0], [1.0], [1.0, 2.0, 7.0]),
        ([1.0, 4.0], [0.5, 0.5], [1.0, 3.0]),
        ([-1.0, 2.0], [0.3, 0.7], [1.0, 3.0]),
        ([-1.0, 0.0, 2.0], [0.3, 0.4, 0.3], [0.0, 1.0]),
    ],
)
def test_the_support_is_where_the_density_is_positive(values, weights, t, c):
    one = axis(values, weights, t, c)
    support = ends(one)
    scale = np.max(np.abs(support))
    x = np.linspace(-1.1 * scale, 1.1 * scale, 1501)
    near = np.abs(x[:, None] - support.reshape(-1)).min(-1) < 2e-3 * scale
    near |= np.abs(x) < 2e-3 * scale  # an atom may be there
    x = x[~near]
    z = x + 1e-10j
    parts = one.full
    m = equation.transform(np, parts, equation.descend(parts, z), z)
    inside = ((x[:, None] > support[:, 0]) & (x[:, None] < support[:, 1])).any(-1)
    np.testing.assert_array_equal(m.imag > 1e-4 / scale, inside)


def test_places_are_found_again_and_the_support_is_nan():
    one = axis([1.0, 4.0], [0.5, 0.5], [1.0, 3.0], 0.03)
    support = ends(one)
    assert len(support) > 1
    gaps = np.array([support[0, 0] - 0.1, 0.5 * (support[0, 1] + support[1, 0]), 50.0])
    d = one.locate(gaps)
    np.testing.assert_allclose(equation.image(np, one.p, d, gaps), d, rtol=1e-9)
    assert np.isnan(one.locate(np.array([support[0].mean()]))).all()


def test_equal_eigenvalues_are_joined():
    w = np.array([0.3, 1.0, -0.2, 0.4])
    law = rmt.hessian_glm("logistic", "logistic", None, w, w, [2.0, 1.0, 2.0, 1.0], 0.1)
    assert law.parts.t.tolist() == [1.0, 2.0]
    assert grouped(law.parts).share.tolist() == [0.5, 0.5]
    np.testing.assert_allclose(law.parts.gram.sum(0)[-1, -1], w @ w)
