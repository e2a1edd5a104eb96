"""The mean loss of encoded rows with its derivative by matrices, and descents, in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eigcore_native import _core
from eigcore_native.types import Array, Rule

_LOSSES = {"squared": 0, "binomial": 1}
_CLASSES = {np.dtype(np.float32): _core.MeanLoss32, np.dtype(np.float64): _core.MeanLoss64}


def mean_loss(
    rule: Rule,
    bins: Any,
    loss: str,
    target: Array,
    share: Array | None,
    offset: Array | None,
    mean: Array,
    deviation: Array,
    penalty: float,
    left: Array | None = None,
    right: Array | None = None,
) -> Callable[..., float]:
    """Return the function of matrices W (terms + 1, K) of scaled terms that a descent minimises.

    Parameters
    ----------
    rule : Rule
        Served for the source "encoded"; see `kernels.serves`.
    bins : indices (N, C) int32, fractions (N, C), runs, ...
        As in `kernels.kernel`; eigenvalues are found in the dtype of the fractions.
    loss, target, share, offset, mean, deviation, penalty, left, right
        As in `eigcore.core.sources.MeanLoss`.

    Returns
    -------
    callable
        ``(W, slope, threads=0)``: W (terms + 1, K) float64 -> the value; writes the derivative by W
        into ``slope``, an array like W. One call runs at a time; others wait.

    Raises
    ------
    KeyError
        Another loss, or another dtype.
    ValueError, IndexError
        The shapes do not belong together, or indices point outside the terms.
    """
    given = loss, target, share, offset, mean, deviation, penalty, left, right
    core = _core_of(rule, bins, *given)

    def value(matrices: Array, slope: Array, threads: int = 0) -> float:
        return core.at(matrices, slope, threads)

    return value


class Descended(NamedTuple):
    """The end of a descent.

    value : at the best vector
    evaluations : number of all
    reason : one of "gradient", "decrease", "iterations", "line search", "stopped", "interrupted"
    values : of the start, and after each step
    added : pairs that were ever added
    """

    value: float
    evaluations: int
    reason: str
    values: list[float]
    added: int


_REASONS = "gradient", "decrease", "iterations", "line search", "stopped", "interrupted"


def descent(coordinates: Any, *task: Any) -> Callable[..., Descended]:
    """Return descents by L-BFGS on a mean loss in coordinates: all steps in one call.

    Parameters
    ----------
    coordinates : factors, free, semidefinite, join
        From the vector to the matrices W (terms + 1, K), as in `eigcore.core.coordinates`.
    task
        The arguments of `mean_loss`.

    Returns
    -------
    callable
        ``(point, s, y, curvature, added, steps, window, gradient_tol, decrease_tol, after=None,
        threads=0)``: from the vector ``point``, which becomes the best one. The pairs ``s, y
        (size, n)`` float32 and ``curvature (size,)`` are those that an earlier descent remembers,
        of which ``added`` were ever added, number i in row i % size; they become those of this one.
        ``after(step, value)`` is called after each step, when ``point`` is the vector there, and
        ends the descent by returning True. The GIL is released but for these calls.

    Raises
    ------
    KeyError
        Another loss, or another dtype.
    ValueError, IndexError
        The shapes do not belong together, or indices point outside the terms.
    """
    core, (factors, free, semidefinite, join) = _core_of(*task), coordinates
    parts = [*map(_numbers, factors)], [*map(int, free)], [*map(int, semidefinite)]
    parts = *parts, [*map(_numbers, join)]

    def descend(
        point: Array,
        s: Array,
        y: Array,
        curvature: Array,
        added: int,
        steps: int,
        window: int,
        gradient_tol: float,
        decrease_tol: float,
        after: Callable[[int, float], Any] | None = None,
        threads: int = 0,
    ) -> Descended:
        limits = steps, window, gradient_tol, decrease_tol
        found = core.descend(*parts, point, s, y, curvature, added, *limits, after, threads)
        return Descended(*found[:2], _REASONS[found[2]], *found[3:])

    return descend


def _core_of(rule: Rule, bins: Any, loss: str, *given: Any) -> Any:
    """Return the task of `mean_loss`, checked and held."""
    indices, fractions, runs, *_ = bins
    fractions = np.ascontiguousarray(fractions)
    target, share, offset, mean, deviation, penalty, *jumps = given
    rows = map(_numbers, (target, share, offset, mean, deviation))
    return _CLASSES[fractions.dtype](
        rule.layout.dim,
        rule.phi.parameter,
        np.ascontiguousarray(indices),
        fractions,
        runs,
        _LOSSES[loss],
        *rows,
        penalty,
        *map(_numbers, jumps or (None, None)),
    )


def _numbers(a: Array | None) -> Any:
    return None if a is None else np.ascontiguousarray(a, np.float64)
