"""What is a table goes through the encoding; what is an array of a framework stays there."""

import numpy as np
import pytest

from eigcore import EigSpec, SpectralModel
from eigcore.encoding import Encoding, Linear
from eigcore.errors import InvalidInput

SPEC = EigSpec(2, 3)
MODEL = SpectralModel(Encoding((Linear(), Linear())), [(SPEC, np.ones(SPEC.params_shape))])


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("table", [[[1.0, 2.0]], np.array([[1.0, 2.0]]), {"x0": [1.0], "x1": [2]}])
def test_tables_give_numpy_arrays_on_every_backend(table, backend):
    pytest.importorskip(backend)
    found = MODEL.predict(table, backend=backend)
    assert type(found) is np.ndarray
    assert np.allclose(found, MODEL.predict(np.array([[1.0, 2.0]])), rtol=0, atol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("table", [None, "abc", 3.0, object()])
def test_what_is_no_table_is_refused_by_every_backend(table, backend):
    pytest.importorskip(backend)
    with pytest.raises(InvalidInput, match=r"expected a two-dimensional array|trailing shape"):
        MODEL.predict(table, backend=backend)
