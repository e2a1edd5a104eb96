"""The additive model that every member starts from, exact or, for wide tables, by a descent."""

from __future__ import annotations

import numpy as np

from eigcore.core.spec import EigSpec
from eigcore.encoding.rows import Rows
from eigcore.fit.losses import Squared, Targets
from eigcore.fit.members import initialisation
from eigcore.fit.members.design import Design
from eigcore.fit.members.direction import direction
from eigcore.fit.members.parametrisation import Parametrisation
from eigcore.fit.solvers.lbfgs import minimize
from eigcore.fit.solvers.objective import Objective

_RIDGE = 1e-3
_LEAST_RIDGE = 1e-10
"""Ridge that breaks ties between equal linear models."""
_MOST_BOUNDED = 512
"""Most coefficients with a bound for which the exact minimum is found."""
_STEPS = 40
_LEAST_ROOT = 0.1
"""First roots of the coefficients that are not negative: 0 is a saddle."""


def first_guess(
    design: Design, coordinates: Parametrisation, penalty: float, rows: Rows | None = None
) -> np.ndarray:
    """Return the coefficients p (outputs, 1 + blocks) of the additive models.

    rows : of the design, if they are made already

    At order 1 they are the whole model: with squared loss, the best one for this penalty.
    """
    ridge = max(penalty, _LEAST_RIDGE) if coordinates.spec.dim == 1 else _RIDGE
    if ridge not in design.additive:
        if design.moments.covariance.whole and coordinates.psd.sum() <= _MOST_BOUNDED:
            if design.of_blocks is None:
                design.of_blocks = design.moments.of_sums(coordinates.to_terms)
            design.additive[ridge] = initialisation.additive(coordinates, design.of_blocks, ridge)
        else:
            rows = rows or design.rows(design.problem, 1)
            design.additive[ridge] = _descended(design, coordinates, ridge, rows)
    return design.additive[ridge] / direction(coordinates.spec)[1]


def is_exact(design: Design, coordinates: Parametrisation, smooth: float) -> bool:
    """Whether at order 1 these models are the minima, so that nothing is left to descend."""
    plain = design.moments.covariance.whole and not coordinates.psd.any() and not smooth
    return plain and coordinates.spec.dim == 1 and isinstance(design.problem.loss, Squared)


def _descended(
    design: Design, coordinates: Parametrisation, ridge: float, rows: Rows
) -> np.ndarray:
    """Fit the same models as neurons of order 1, in a few steps: memory grows with the terms."""
    problem = design.problem
    plain = coordinates.with_spec(EigSpec(design.coarse.terms, 1))
    weights = problem.target.targets.weights
    roots = np.full((len(plain.psd), 1, 1), _LEAST_ROOT)
    free = np.zeros((len(plain.psd), 1))
    found = []
    for target in problem.target.working.reshape(len(problem), -1).T:
        objective = Objective(
            rows,
            Targets(target, weights),
            loss=Squared(),
            penalty=ridge,
            parametrisation=plain,
        )
        start = plain.vector(np.array([np.average(target, weights=weights)]), free, roots)
        solution = minimize(
            objective,
            start,
            max_iter=_STEPS,
            decrease_tol=1e-3,
            callback=lambda *_: problem.context.is_over(),
        )
        if solution.reason == "interrupted":
            raise KeyboardInterrupt
        constant, blocks = plain.blocks(solution.x)
        found.append(np.concatenate([constant, blocks[:, 0]]))
    return np.array(found)
