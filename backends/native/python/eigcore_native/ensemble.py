"""All members of a model in one pass over a table: cells in, a weighted sum of eigenvalues out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eigcore_native import _core
from eigcore_native.types import Array, Member, Runs


def ensemble(
    columns: int,
    parts: Sequence[Sequence[Any]],
    terms: Array,
    runs: Runs,
    members: Sequence[Member],
) -> Callable[..., Array | None]:
    """Return the function Σ_m w_m λ_{k_m}(A_m(cells)) of the cells of rows.

    Parameters
    ----------
    columns : int
    parts : sequence
        As `eigcore.core.sources.Part`: the columns, then weighted sums of columns.
    terms : (terms, 6) float64
        1 for a level, origin, width, low, high, value at a missing cell.
    runs : pairs (first, end)
        As of `kernels.tables`.
    members : (rule, params (outputs, terms + 1, K) float64, weight)
        Their rules are served for the source "encoded"; see `kernels.serves`.

    Returns
    -------
    callable
        ``(cells, threads=0)``: cells (N, columns) float64 -> (N, outputs) float64. None at a cell
        that is infinite, of no level, or missing where the part has no term for that.

    Raises
    ------
    ValueError, IndexError
        The parts do not belong together.
    """
    outputs = len(members[0][1])
    core = _core.Ensemble(columns, list(map(tuple, parts)), np.ascontiguousarray(terms), outputs)
    for rule, params, weight in members:
        for output, own in enumerate(np.ascontiguousarray(params)):
            core.add(own, runs, rule.layout.dim, rule.phi.parameter, output, weight)

    def summed(cells: Array, threads: int = 0) -> Array | None:
        sums = np.empty((len(cells), outputs))
        return sums if core.sum(np.ascontiguousarray(cells), sums, threads) else None

    return summed
