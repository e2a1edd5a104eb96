"""Going on from a fitted model, or from its file."""

import numpy as np
import pytest
from samples import smooth_table

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


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("m.eig", r"model is 'm.eig'; expected a SpectralModel. .*SpectralModel.load\('m.eig'\)."),
        (3, "model is of type int; expected a SpectralModel. Pass .*: result.model."),
    ],
)
def test_what_is_no_model_is_told_apart(model, message):
    with pytest.raises(InvalidInput, match=message):
        resume(model, smooth_table(), "y")


def test_an_option_that_does_not_exist_suggests_the_nearest():
    model = fit(smooth_table(), "y", **QUICK | {"max_iter": 2}).model
    with pytest.raises(TypeError, match=r"resume\(\) has no option 'max_itr'. Did you mean 'max_i"):
        resume(model, smooth_table(), "y", max_itr=3)
