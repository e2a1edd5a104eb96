"""Which columns matter: a fit with Σ_j B_j · max_b ‖P_{j,b}‖₂ added, whose zeros are exact.

B_j is the number of blocks of column j; for linear columns this is Σ_j ‖W_j‖₂. Members are then
fitted on the columns that are left, without the extra term, so that it does not shrink them
(the relaxed lasso, Meinshausen 2007).
"""

from __future__ import annotations

import numpy as np

from eigcore.core.canonical import matrices, pack
from eigcore.fit import initialisation as starts
from eigcore.fit.design import Design
from eigcore.fit.losses import Goals
from eigcore.fit.member import Run, Settings, begin, first_guess
from eigcore.fit.solvers.prox import minimize_composite, spectral_prox
from eigcore.fit.validation import InvalidOption

_ROWS = 20_000
_PART = 0.5
"""Part of a budget that may be used up when this ends."""


def dropped(
    run: Run, design: Design, goals: Goals, settings: Settings, strength: float
) -> tuple[str, ...]:
    """Names of the columns whose matrices are zero at the minimum.

    Parameters
    ----------
    design, goals : of the training rows; at most 20 000 of them are looked at
    strength : weight of the norms, in units of the loss on a standardised target
    """
    rng = np.random.default_rng([run.seed, 3_000_017])
    rows = np.sort(rng.permutation(len(goals.target))[:_ROWS])
    tied = design.parametrisation(settings.dim)
    start = begin(starts.gapped, tied, first_guess(design, tied, settings.penalty), rng)
    pencils = [tied.blocks(part) for part in start.reshape(run.loss.outputs, -1)]
    start = np.stack([np.concatenate([constant[None], each]) for constant, each in pencils])
    # the same matrices, with a vector that holds the PSD blocks themselves, not their factors
    loose = design.parametrisation(settings.dim, power=0.0, factored=False)
    objective = run.objective(design, loose, goals, settings.penalty, rows)
    sizes = [len(each.psd) for each in design.maps]
    owners = np.repeat(np.arange(len(sizes)), sizes)[design.signal > 0.0]
    counts = np.bincount(owners, minlength=len(sizes))

    def prox(vector: np.ndarray, step: float) -> np.ndarray:
        parts = vector.reshape(start.shape).copy()
        full = matrices(tied.spec, parts[:, 1:].reshape(-1, start.shape[-1]))
        every = len(parts)
        full = spectral_prox(
            full, step * strength * counts, np.tile(owners, every), np.tile(tied.psd, every)
        )
        parts[:, 1:] = pack(tied.spec, full).reshape(parts[:, 1:].shape)
        return parts.ravel()

    def stop() -> bool:
        return run.left(_PART) < 0.0

    found = minimize_composite(objective, prox, start.ravel(), stop=stop).x.reshape(start.shape)
    alive = set(owners[np.abs(found[:, 1:]).max((0, 2)) > 0.0].tolist())
    if not alive:
        raise InvalidOption(
            f"selection is {strength} and leaves out all {len(sizes)} columns; expected a smaller "
            f"number. Type --selection {strength / 4:.3g}."
        )
    return tuple(name for place, name in enumerate(design.coarse.labels) if place not in alive)
