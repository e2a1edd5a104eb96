"""Ends enclose the exact function of the stored numbers: d = 1, in rational arithmetic."""

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from samples import small

from eigcore import EigSpec, SpectralModel
from eigcore.encoding import Encoding, Linear, PiecewiseLinear
from eigcore.guarantees.support import support


def clip(u):
    return min(max(u, Fraction(0)), Fraction(1))


def exact(m, x):
    """The decision of a model of one clamped column of two pieces and a linear one, d = 1."""
    knots = [Fraction(k) for k in m.encoding.columns[0].knots]
    terms = [clip((Fraction(x[0]) - a) / (b - a)) for a, b in itertools.pairwise(knots)]
    column = m.encoding.columns[1]
    terms.append((Fraction(x[1]) - Fraction(column.center)) / Fraction(column.scale))
    total = Fraction(0)
    for (_, params), weight in zip(m.members, m.static.weights, strict=True):
        packed = [Fraction(v) for v in params[0, :, 0].tolist()]
        value = packed[0] + sum(a * b for a, b in zip(terms, packed[1:], strict=True))
        total += Fraction(weight) * value
    return Fraction(m.static.offset) + Fraction(m.static.scale) * total


def made(rng):
    knots = tuple(np.sort(rng.uniform(-1, 1, 3)).tolist())
    e = Encoding((PiecewiseLinear(knots, "clamped"), Linear(rng.normal(), rng.random() + 0.1)))
    members = [(EigSpec(3, 1), rng.normal(size=(1, 4, 1))) for _ in range(3)]
    return SpectralModel(e, members, target_scale=rng.random(), target_offset=rng.normal())


@pytest.mark.parametrize("seed", range(30))
def test_no_end_is_off_by_rounding(seed):
    rng = np.random.default_rng(seed)
    m = made(rng)
    for _ in range(4):
        a, b = rng.uniform(-1.5, 1.5, (2, 2)).tolist()
        value = exact(m, a)
        at = m.range({"x0": a[0], "x1": a[1]})
        assert Fraction(at.lower) <= value <= Fraction(at.upper)
        local = m.certify(x=[a], lower={"x0": a[0]}, upper={"x0": a[0]}).local
        assert Fraction(local.lower[0]) <= value <= Fraction(local.upper[0])
        moved = m.change("x0", a[0], b[0])
        change = exact(m, [b[0], a[1]]) - value
        assert Fraction(moved.low) <= change <= Fraction(moved.high)
        size = Fraction(m.largest_change("x1", (min(a[1], b[1]), max(a[1], b[1]))).size)
        assert abs(exact(m, [a[0], b[1]]) - value) <= size
        bands = m.slope_bands("x1")
        slope = (exact(m, [a[0], b[1]]) - value) / (Fraction(b[1]) - Fraction(a[1]))
        assert Fraction(bands.lower[0]) <= slope <= Fraction(bands.upper[0])
        factor = rng.normal()
        low = Fraction(m.dominance("x1", "x0", factor).low)
        knots = [Fraction(k) for k in m.encoding.columns[0].knots]
        inner = [
            exact(m, [float(k1), 0.0]) - exact(m, [float(k0), 0.0])
            for k0, k1 in itertools.pairwise(knots)
        ]
        steps = [s / (k1 - k0) for s, k0, k1 in zip(inner, knots, knots[1:], strict=False)]
        assert low <= min(slope - Fraction(factor) * s for s in [*steps, Fraction(0)])


@pytest.mark.parametrize("seed", range(10))
def test_ends_over_an_interval_enclose_both_corners(seed):
    rng = np.random.default_rng(seed)
    m = made(rng)
    low, high = np.sort(rng.uniform(-1.5, 1.5, (2, 2)), axis=0)
    found = m.range({"x0": (low[0], high[0]), "x1": (low[1], high[1])})
    corners = [exact(m, [s, t]) for s in (low[0], high[0]) for t in (low[1], high[1])]
    assert Fraction(found.lower) <= min(corners)
    assert max(corners) <= Fraction(found.upper)


def test_eigenvalues_of_a_change_are_enclosed():
    rng, spec = np.random.default_rng(0), EigSpec(1, 4, functional="top_sum", r=2)
    E = rng.normal(size=(20, 4, 4))
    E = E + E.mT
    low, high = support(spec, E)
    with mpmath.workdps(40):
        for one, least, most in zip(E, low, high, strict=True):
            values = sorted(mpmath.eigsy(mpmath.matrix(one.tolist()), eigvals_only=True))
            assert least <= sum(values[:2])
            assert sum(values[2:]) <= most


@pytest.mark.parametrize("seed", range(10))
def test_a_change_in_which_large_matrices_cancel_is_enclosed(seed):
    rng = np.random.default_rng(seed)
    m = made(rng)
    m = m.with_params([np.where(np.arange(4)[:, None] == 2, -p[:, 1:2], p) for p in m.params])
    knots, u = np.array(m.encoding.columns[0].knots), rng.uniform(0.1, 0.9)
    a, b = knots[:2] + np.diff(knots) * [u, 1 - u * (1 + 1e-9)]
    change = exact(m, [b, 0.0]) - exact(m, [a, 0.0])
    for domain in (None, {"x1": 0.0}):
        found = m.change("x0", a, b, domain)
        assert Fraction(found.low) <= change <= Fraction(found.high)


def test_setting_a_column_may_cancel_large_matrices():
    m = small(Encoding((Linear(), Linear())), [(0, 0, 0, 1e15), (0, 0, 1, -1e15), (0, 0, 2, 1.0)])
    for a, b in itertools.permutations((1.0 - 2.0**-k for k in (38, 40, 41)), 2):
        found = m.change("x0", a, b, {"x1": (0.0, 1.0)})
        change = Fraction(10**15) * (Fraction(a) - Fraction(b))
        assert Fraction(found.low) <= change <= Fraction(found.high)


def test_a_sum_over_many_members_is_enclosed():
    one = 1.0 + 0.45 * 2.0**-43  # a sum of 512 to 1024 such numbers loses the rest of each
    m = small(Linear(), [(n, 0, 1, one) for n in range(1024)], members=1024)
    assert Fraction(m.change("t", 0, 1).high) >= Fraction(one)


@pytest.mark.parametrize("size", [1e6, 1e13])
@pytest.mark.parametrize("functional", ["smooth", "softmax"])
def test_the_size_of_a_smooth_functional_is_in_the_rounding(functional, size):
    rng = np.random.default_rng(0)
    parameter = {"alpha": size} if functional == "smooth" else {"t": size}
    spec = EigSpec(1, 3, structure="diagonal", functional=functional, **parameter)
    for own in rng.normal(size=(20, 1, 2, 3)):
        m, x = SpectralModel(None, [(spec, own)]), rng.normal()
        lam = [Fraction(a) + Fraction(x) * Fraction(b) for a, b in own[0].T.tolist()]
        with mpmath.workdps(60):
            # of three, the middle one becomes the mean where α is that large
            value = mpmath.mpf(sum(lam).numerator) / sum(lam).denominator / 3
            if functional == "softmax":
                each = (mpmath.mpf(a.numerator) / a.denominator for a in lam)
                value = size * mpmath.log(sum(mpmath.exp(a / size) for a in each))
            at = m.range({"x0": x})
            local = m.certify(x=[[x]], lower=[[x]], upper=[[x]]).local
            for low, high in ((at.lower, at.upper), (local.lower[0], local.upper[0])):
                assert low <= value <= high
                assert high - low < 1e-12 * size


def test_a_sum_that_rounds_stays_inside():
    tiny = 0.6 * 2.0**-53  # 1 + tiny rounds to 1
    m = small(Linear(), [(0, 0, 0, tiny)])
    m = SpectralModel(m.encoding, m.members, target_offset=1.0)
    local = m.certify(x=[[0.0]], radius=1.0).local
    assert Fraction(local.upper[0]) >= 1 + Fraction(tiny)


def test_an_end_that_rounds_is_in_the_box():
    end, true = 1 - 0.1, 1 - Fraction(0.1)
    before = float(np.nextafter(end, 0.0))
    m = small(PiecewiseLinear((before, end, 2.0), "clamped"), [(0, 0, 1, 1.0)])
    value = (true - Fraction(before)) / (Fraction(end) - Fraction(before))
    assert value < 1
    assert Fraction(m.certify(x=[[1.0]], radius=0.1).local.lower[0]) <= value
