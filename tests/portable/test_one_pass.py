"""The kernel of a whole model against the terms of every row."""

import copy
import pickle

import eigcore_kernels
import numpy as np
import pytest

from eigcore import SpectralModel, trace
from eigcore.core.spec import EigSpec
from eigcore.encoding import Categories, Encoding, Linear, PiecewiseLinear, Projection
from eigcore.encoding.rows import Rows
from eigcore.errors import MissingCells, NonFiniteInput, UnseenLevels
from eigcore.portable.tables import rows_decision

pytestmark = pytest.mark.skipif(
    eigcore_kernels.NATIVE is None, reason="eigcore-native is not installed; type: make native"
)
RNG = np.random.default_rng(0)
UNIT = {"codes": True}


def encoding(unseen="neutral", missing=True):
    return Encoding(
        (
            Linear(1.0, 2.0, missing),
            PiecewiseLinear((0.0, 1.0, 3.0), "linear", missing),
            PiecewiseLinear(tuple(np.linspace(-3, 3, 130)), "clamped"),
            Categories(("north", "south", "west"), missing, unseen),
        ),
        ("size", "age", "rooms", "town"),
        projections=(
            Projection(
                ("size", "rooms"),
                (0.5, -1.25),
                PiecewiseLinear((-2.0, 0.0, 1.0), "clamped", True),
                (1.0, 0.5),
            ),
        ),
    )


def model(orders=((4, 2), (3, 0), (7, 6)), outputs=1, known=None, **options):
    known = known or encoding()
    members = []
    for d, k in orders:
        spec = EigSpec(known.terms, d, index=k, outputs=outputs)
        members.append((spec, RNG.normal(size=spec.params_shape)))
    return SpectralModel(known, members, target_scale=2.0, target_offset=-1.0, **options)


def cells(count):
    x = RNG.uniform(-5, 5, size=(count, 4))
    x[:, 3] = RNG.integers(-1, 3, size=count)
    x[::7, 0] = x[3::7, 1] = x[5::7, 3] = np.nan
    x[:3, 1], x[1::11, 2] = (0.0, 1.0, 3.0)[:count], 3.0
    return x


def composed(m, x):
    return rows_decision(m.static, m.params, Rows(m.encoding, x, "numpy"))


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_one_pass_equals_the_members_one_by_one(outputs, backend):
    m, x = model(outputs=outputs, weights=(3, 1, 2)), cells(5000)
    np.testing.assert_array_equal(m.decision(x, backend, **UNIT), composed(m, x))


@pytest.mark.parametrize("count", [0, 1, 63, 65, 1500])
def test_any_number_of_rows(count):
    m, x = model(), cells(count)
    np.testing.assert_array_equal(m.decision(x, **UNIT), composed(m, x))


def test_one_driver_call_for_all_members():
    m = model()
    with trace() as log:
        m.predict(cells(10), **UNIT)
    assert [(each.driver, each.shape) for each in log] == [(eigcore_kernels.DRIVER, (3, 10, 7, 7))]


def test_a_copy_of_a_model_has_its_own_kernel():
    m, x = model(), cells(5)
    expected = m.predict(x, **UNIT)
    for other in (pickle.loads(pickle.dumps(m)), copy.deepcopy(m)):
        np.testing.assert_array_equal(other.predict(x, **UNIT), expected)
    doubled = m.with_params([2 * p for p in m.params])
    np.testing.assert_allclose(doubled.predict(x, **UNIT) + 1, 2 * (expected + 1), rtol=1e-12)


def test_a_view_of_a_table_is_read_as_it_is():
    m, x = model(), cells(20)
    expected = composed(m, x)
    np.testing.assert_array_equal(m.decision(np.asfortranarray(x), **UNIT), expected)
    np.testing.assert_array_equal(m.decision(x[::-2], **UNIT), expected[::-2])
    np.testing.assert_array_equal(m.decision(x.reshape(4, 5, 4), **UNIT), expected.reshape(4, 5))


@pytest.mark.parametrize(
    ("column", "cell", "error", "told"),
    [
        (0, np.inf, NonFiniteInput, "'size' has 1 infinite cell"),
        (2, np.nan, MissingCells, "'rooms' has 1 missing cell"),
        (3, 3.0, ValueError, "'town' holds 3.0 in row 1"),
        (3, 0.5, ValueError, "'town' holds 0.5 in row 1"),
        (0, 1e308, NonFiniteInput, "overflow"),
    ],
)
def test_cells_in_error_are_named(column, cell, error, told):
    m, x = model(), cells(4)
    m = m.with_params([1e10 * p for p in m.params])
    x[1, column] = cell
    with pytest.raises(error, match=told):
        m.predict(x, **UNIT)


def test_levels_never_seen():
    table = {"size": [1.0], "age": [2.0], "rooms": [0.0], "town": ["east"]}
    with pytest.warns(UnseenLevels, match="east") as found:
        model().predict(table)
    assert found[0].filename == __file__
    refusing = model(known=encoding("refuse"))
    with pytest.raises(ValueError, match="never seen"):
        refusing.predict(np.array([[1.0, 2.0, 0.0, -1.0]]), codes=True)
