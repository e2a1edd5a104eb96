"""What floating point can do to a prediction, against fifty digits of the stored numbers."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from samples import model, rows, small

from eigcore import EigSpec, SpectralModel, get_backend
from eigcore.encoding import Encoding, Linear, Periodic, PiecewiseLinear, Projection
from eigcore.errors import InvalidInput
from eigcore.guarantees import checker
from eigcore.guarantees.asked import named_row
from eigcore.guarantees.evaluation import decision_rounding, largest_rounding
from eigcore.guarantees.slopes import member_slopes
from eigcore.portable.predict import forward

LINKS = {
    "identity": lambda z: z,
    "log": lambda z: [mpmath.exp(each) for each in z],
    "logistic": lambda z: [1 / (1 + mpmath.exp(-each)) for each in z],
    "softmax": lambda z: [mpmath.exp(each) / sum(map(mpmath.exp, z)) for each in z],
}


def exact(m, row):
    """The prediction of the real function at a row of float64 numbers and codes, (outputs,)."""
    stored = checker.Model(m.to_bytes())
    cells = named_row(m, row.tolist())
    cells["town"] = str(cells["town"]) if cells.get("town") is not None else None
    factors = {0: 1}
    for part in stored.parts:
        factors |= part.corners(cells)[0]
    with mpmath.workdps(60):
        total = [number(stored.offset)] * m.outputs
        for member in stored.members:
            for o in range(m.outputs):
                A = unpacked(member.matrix(o, factors))
                values = sorted(mpmath.eigsy(A, eigvals_only=True))
                parts = zip(member.weights, values, strict=True)
                total[o] += sum(number(w) * v for w, v in parts)
        return LINKS[m.static.link](total)


def unpacked(M):
    numbers, unit = M
    d = math.isqrt(2 * len(numbers))
    found = mpmath.matrix(d, d)
    for x, i, j in zip(numbers, *np.tril_indices(d), strict=True):
        found[i, j] = found[j, i] = number(Fraction(x, unit)) / (1 if i == j else mpmath.sqrt(2))
    return found


def number(value):
    value = Fraction(value)
    return mpmath.mpf(value.numerator) / value.denominator


def ratios(m, x, dtype):
    """|found − exact| / bound for every row and output."""
    params = [own.astype(dtype) for own in m.params]
    x = np.asarray(x, dtype=np.float64)
    found = forward(m.static, params, x.astype(dtype), get_backend("numpy"), codes=True)
    found = np.reshape(found, (len(x), -1)).astype(np.float64)
    bound = np.reshape(m.rounding(x, dtype), found.shape)
    with mpmath.workdps(60):
        wanted = [exact(m, row) for row in x]
        errors = [
            [abs(mpmath.mpf(a) - b) for a, b in zip(*p, strict=True)]
            for p in zip(found, wanted, strict=True)
        ]
        return np.array(
            [
                [float(e / b) for e, b in zip(*p, strict=True)]
                for p in zip(errors, bound, strict=True)
            ]
        )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "options",
    [
        *({}, {"link": "log", "target_scale": 0.1}, {"link": "logistic", "target_scale": 0.1}),
        {"spec": {"outputs": 3}, "link": "softmax", "target_scale": 0.1},
        {"spec": {"functional": "weighted", "weights": (-1.0, 2.0, 0.5)}},
    ],
)
def test_no_prediction_is_further_from_the_real_function_than_its_rounding(options, dtype):
    found = ratios(model(0, dims=(3, 3), **options), rows(8, 2), dtype)
    assert 1e-6 < found.max() <= 1


STEEP = 1e15
BAD = {
    "a large constant": (small(Linear(), [(0, 0, 0, STEEP), (0, 0, 1, -1.0)]), (-9, 9)),
    "a large offset": (
        SpectralModel(
            Encoding((Linear(),)), [(EigSpec(1, 1), np.array([[[0.3], [0.7]]]))], target_offset=1e9
        ),
        (-9, 9),
    ),
    "close knots far from zero": (
        small(
            PiecewiseLinear((1e7, 1e7 + 1, 1e7 + 3), "clamped"), [(0, 0, 1, 0.3), (0, 0, 2, 1.0)]
        ),
        (1e7 - 2, 1e7 + 5),
    ),
    "knots that differ by rounding": (
        small(PiecewiseLinear((0.0, 1e-10, 1.0)), [(0, 0, 2, 1e6 / 3), (0, 0, 3, -1e6 / 3)]),
        (-1e-10, 3e-10),
    ),
    "limits": (small(Linear(0.3, 0.07, limits=(0.1, 0.7)), [(0, 0, 1, 1e3)]), (-1, 1)),
    "a far center": (small(Linear(1e8 + 0.3, 0.1), [(0, 0, 1, 1.0)]), (1e8 - 1, 1e8 + 1)),
    "many turns": (small(Periodic(0.3, (0.0, 0.1)), [(0, 0, 2, 1.0)]), (1e5, 1e5 + 1)),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", BAD)
def test_bad_columns_are_within_their_rounding_too(name, dtype):
    m, (low, high) = BAD[name]
    found = ratios(m, np.random.default_rng(0).uniform(low, high, (60, 1)), dtype)
    assert found.max() <= 1
    assert found.max() > 1e-3 or name == "a large constant"


def test_the_sum_of_a_projection_rounds_too():
    z = Projection(("a", "b"), (1e3, -1e3), PiecewiseLinear((-1.0, 1.0)), (0.1, 0.1))
    m = small(Encoding((Linear(), Linear()), ("a", "b"), (), (z,)), [(0, 0, 4, 1.0)])
    x = np.random.default_rng(0).uniform(90, 91, (60, 1)) + np.array([[0.0, 1e-4]])
    for dtype in ("float64", "float32"):
        assert 1e-3 < ratios(m, x, dtype).max() <= 1


def test_no_row_between_the_knots_exceeds_the_largest_rounding():
    m, x = model(missing=False), rows(300, missing=False)
    x[:, :3] = np.clip(x[:, :3], [-7.0, 0.0, -1.0], [9.0, 3.0, 2.0])
    x[:, 4] = 1.0 + x[:, 4] % 24.0
    z = m.encoding.extended(x)[:, 5:]
    x = x[(np.abs(z[:, 0] + 0.5) <= 1.5) & (np.abs(z[:, 1]) <= 12.0)]
    assert len(x) > 20
    for dtype in ("float64", "float32"):
        most = largest_rounding(m, member_slopes(m), dtype)
        each = decision_rounding(m, member_slopes(m), x, dtype).max()
        assert each <= most <= 10 * each
        assert m.certify().rounding[dtype] == most
    assert f"within {most:.3g}"[:10] in str(m.certify())


@pytest.mark.parametrize(
    ("column", "term"),
    [(PiecewiseLinear((0.0, 1.0, 2.0)), 3), (Linear(0.0, 1e-3, fitted=(-1.0, 2.0)), 1)],
)
def test_the_largest_rounding_is_that_of_the_worst_cell_of_the_fitted_range(column, term):
    m = small(column, [(0, 0, term, 1e6)])
    each = decision_rounding(m, member_slopes(m), np.array([[2.0]]), "float64").max()
    assert each <= largest_rounding(m, member_slopes(m), "float64")


def test_numbers_that_overflow_have_no_rounding():
    m = small(Linear(), [(0, 0, 0, 1e300)])
    assert m.rounding([[0.0]], "float32")[0] == np.inf
    assert m.rounding([[0.0]])[0] < 1e288
    with pytest.raises(InvalidInput, match="float16"):
        m.rounding([[0.0]], "float16")
