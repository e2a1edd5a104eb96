"""Resume the fit of a model: what cannot be resumed, and options that do not exist."""

import pytest
from samples import smooth_table

from eigcore.errors import InvalidInput
from eigcore.fit import fit, resume

QUICK = {"dim": 2, "knots": 2, "penalty": 1e-3, "members": 1, "max_iter": 2}


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
    model = fit(smooth_table(), "y", **QUICK).model
    with pytest.raises(TypeError, match=r"resume\(\) has no option 'max_itr'. Did you mean 'max_i"):
        resume(model, smooth_table(), "y", max_itr=3)
