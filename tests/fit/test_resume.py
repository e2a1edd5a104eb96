"""Going on from a fitted model, or from its file."""

import numpy as np
import pytest

from eigcore import SpectralModel
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit import fit, resume

QUICK = {"dim": 3, "knots": 2, "penalty": 1e-3, "members": 1, "max_iter": 60, "validation": 0}


@pytest.mark.parametrize("structure", ["dense", "tridiagonal"])
@pytest.mark.parametrize("shape", [None, "convex"])
def test_a_model_and_its_file_can_be_resumed_exactly(mixed, structure, shape, tmp_path):
    X, y, _ = mixed
    options = QUICK | {"neuron": {"structure": structure}, "shape": shape, "members": 2}
    fitted = fit(X, y, **options, decreasing=["b"]).model
    fitted.save(tmp_path / "m.eig")
    model, _ = resume(SpectralModel.load(tmp_path / "m.eig"), X, y, max_iter=0)
    assert np.allclose(model.predict(X), fitted.predict(X), atol=1e-6)
    with pytest.raises(InvalidInput, match="Fit the model again"):
        resume(SpectralModel(model.encoding, model.members), X, y)


def test_remember_is_true_or_false(mixed):
    X, y, _ = mixed
    model = fit(X, y, **QUICK).model
    with pytest.raises(InvalidOption, match="remember is 'x'; expected True or False"):
        resume(model, X, y, remember="x")
