"""Select columns by a fit with the extra term Σ_j B_j · max_b ‖P_{j,b}‖₂, whose zeros are exact.

B_j is the number of blocks of column j; for linear columns the term is Σ_j ‖W_j‖₂. Members are
then fitted on the remaining columns without the extra term, so that it does not shrink them (the
relaxed lasso, Meinshausen 2007).
"""

from __future__ import annotations

import numpy as np

from eigcore.core.canonical import matrices, pack
from eigcore.errors import InvalidOption
from eigcore.fit.members import initialisation
from eigcore.fit.members.design import Design
from eigcore.fit.members.guess import first_guess
from eigcore.fit.members.member import Settings, begin
from eigcore.fit.members.parametrisation import Parametrisation
from eigcore.fit.problem import Problem
from eigcore.fit.solvers.prox import Prox, minimize_composite, spectral_prox

_ROWS = 20_000
_PART = 0.5
"""Part of a budget after which the selection ends."""


def without_useless(problem: Problem, settings: Settings) -> Problem:
    """Return the problem without the columns whose matrices are zero at the minimum.

    The weight of the norms is ``problem.options.selection``, in units of the loss on a standardised
    target; at most 20 000 rows are used.

    Raises
    ------
    InvalidOption
        A weight that leaves out all columns.
    """
    context, strength = problem.context, problem.options.selection
    if not strength or context.interrupted:
        return problem
    design = Design(problem.encoded(settings.knots), max(1, settings.knots))
    try:
        return problem.without(_dropped(design, settings, strength))
    except KeyboardInterrupt:
        context.interrupted = True
        return problem


def _dropped(design: Design, settings: Settings, strength: float) -> tuple[str, ...]:
    """Labels of the columns whose matrices are zero at the minimum."""
    problem = design.problem
    rng = problem.context.rng("selection")
    rows = np.sort(rng.permutation(len(problem))[:_ROWS])
    tied = design.parametrisation(settings.dim)
    start = begin(initialisation.gapped, tied, first_guess(design, tied, settings.penalty), rng)
    pencils = [tied.blocks(part) for part in start.reshape(problem.loss.outputs, -1)]
    start = np.stack([np.concatenate([constant[None], each]) for constant, each in pencils])
    # the same matrices, but the vector holds the blocks themselves, not factors or multiples of I
    loose = design.parametrisation(settings.dim, power=0.0, plain=True)
    objective = design.objective(loose, settings.penalty, on=problem.part(rows))
    sizes = [len(each.psd) for each in design.maps]
    owners = np.repeat(np.arange(len(sizes)), sizes)[design.signal > 0.0]
    strengths = strength * np.bincount(owners, minlength=len(sizes))

    def stop() -> bool:
        return problem.context.left(_PART) < 0.0

    prox = _prox(tied, start.shape, owners, strengths)
    found = minimize_composite(objective, prox, start.ravel(), stop=stop).x.reshape(start.shape)
    alive = set(owners[np.abs(found[:, 1:]).max((0, 2)) > 0.0].tolist())
    if not alive:
        raise InvalidOption(
            "selection",
            strength,
            "a smaller number",
            float(f"{strength / 4:.3g}"),
            f"is {strength} and leaves out all {len(sizes)} columns",
        )
    labels, carried = enumerate(design.coarse.labels), problem.constraints.carried
    return tuple(label for place, label in labels if place not in alive and label not in carried)


def _prox(
    tied: Parametrisation, shape: tuple[int, ...], owners: np.ndarray, strengths: np.ndarray
) -> Prox:
    """Proximal step of the norms, for vectors of this shape (outputs, blocks + 1, K)."""
    outputs = shape[0]

    def prox(vector: np.ndarray, step: float) -> np.ndarray:
        parts = vector.reshape(shape).copy()
        full = matrices(tied.spec, parts[:, 1:].reshape(-1, shape[-1]))
        kinds = (np.tile(each, outputs) for each in (owners, tied.psd, tied.additive))
        full = spectral_prox(full, step * strengths, *kinds)
        parts[:, 1:] = pack(tied.spec, full).reshape(parts[:, 1:].shape)
        return parts.ravel()

    return prox
