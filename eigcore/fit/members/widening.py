"""Write a model of some columns as one of all columns; the others have zero matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eigcore.encoding import Encoding
from eigcore.fit.problem import Problem
from eigcore.model import SpectralModel


def widened(
    model: SpectralModel, mean: np.ndarray, problem: Problem
) -> tuple[SpectralModel, np.ndarray]:
    """Return a model of all columns of a problem, and the averages of its terms.

    Parameters
    ----------
    model : SpectralModel
        Of some of the columns, in their order.
    mean : (terms,) float64
        Averages of its terms. Those of the other columns become 0, as their matrices are.
    problem : Problem
        Its rows say what the other columns are in.
    """
    own, names = model.encoding, problem.encoding.names
    if own.names == names:
        return model, mean
    known = dict(zip(own.names, own.columns, strict=True))
    others = problem.of_columns(~np.isin(names, own.names)).encoded(0).encoding
    known |= dict(zip(others.names, others.columns, strict=True))
    columns = tuple(known[name] for name in names)
    encoding = Encoding(columns, names, projections=own.projections)
    pairs = zip(encoding.labels, encoding.parts, strict=True)
    kept = np.concatenate([np.full(part.terms, label in own.labels) for label, part in pairs])
    specs, params = [], []
    for spec, some in model.members:
        every = np.zeros((spec.outputs, encoding.terms + 1, spec.packed_size))
        every[:, np.concatenate([[True], kept])] = some
        signs = np.zeros(encoding.terms, int)
        signs[kept] = spec.monotone or 0
        monotone = tuple(signs.tolist()) if spec.monotone else ()
        specs.append(replace(spec, features=encoding.terms, monotone=monotone))
        params.append(every)
    static = replace(model.static, encoding=encoding, specs=tuple(specs))
    means = np.zeros(encoding.terms)
    means[kept] = mean
    return SpectralModel.from_static(static, params, model.provenance), means
