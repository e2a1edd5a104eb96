"""Units of several targets: the pencil of each target holds its own scale and offset.

φ(s·A + p·I) = s·φ(A) + p·Σw for s > 0, if φ is linear in the ordered eigenvalues with weights w. So
a model of several targets has the scale 1 and the offset 0, whatever their units are, in its file
and on every backend.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from eigcore.core.canonical import pack
from eigcore.core.spec import EigSpec
from eigcore.errors import InvalidOption
from eigcore.fit.losses import Scaling
from eigcore.fit.members.direction import sum_of_weights
from eigcore.guarantees.slopes import smoothing
from eigcore.model import SpectralModel

KEY = "units"
"""Key of the scales and offsets in the provenance."""


def check_linear(spec: EigSpec, neuron: Mapping[str, object]) -> None:
    """Raise InvalidOption unless the pencils of a spec can hold a scale and an offset."""
    if smoothing(spec.phi) or not sum_of_weights(spec):
        raise InvalidOption(
            "neuron",
            dict(neuron),
            "for several targets, a functional that is linear in the ordered eigenvalues, with "
            "weights whose sum is not zero",
            {"functional": "kth"},
            f"has the functional {spec.functional!r}",
        )


def in_units(spec: EigSpec, params: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Return parameters (targets, terms + 1, K) that hold scale and offset (targets,) each."""
    scale, offset = (np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in scaling)
    found = params * scale[:, None, None]
    found[:, 0] += np.outer(offset / sum_of_weights(spec), pack(spec, np.eye(spec.dim)[None])[0])
    return found


def scaling_of(model: SpectralModel) -> Scaling:
    """Return the scaling of the target, or of several targets, that a model was fitted in."""
    told = model.provenance.get(KEY)
    if told is None:
        return Scaling(model.static.scale, model.static.offset)
    each = [told[name] for name in Scaling._fields]
    return Scaling(*(map(np.array, each) if model.static.targets else each))


def in_own_units(model: SpectralModel) -> SpectralModel:
    """Return a model of several targets, or of one of these, whose pencils hold the units.

    Others stay as they are.
    """
    if KEY not in model.provenance:
        return model
    scaling = scaling_of(model)
    return model.with_params([in_units(spec, own, scaling) for spec, own in model.members])


def in_standard_units(model: SpectralModel) -> SpectralModel:
    """Inverse of `in_own_units`, up to rounding."""
    if KEY not in model.provenance:
        return model
    scale, offset = scaling_of(model)
    back = Scaling(1.0 / scale, -offset / scale)
    return model.with_params([in_units(spec, own, back) for spec, own in model.members])
