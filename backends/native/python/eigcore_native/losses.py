"""The mean loss of encoded rows, and its derivative by the matrices of their terms, in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
    indices, fractions, runs, *_ = bins
    fractions = np.ascontiguousarray(fractions)
    numbers = (target, share, offset, mean, deviation, left, right)
    target, share, offset, mean, deviation, left, right = map(_numbers, numbers)
    core = _CLASSES[fractions.dtype](
        rule.layout.dim,
        rule.phi.parameter,
        np.ascontiguousarray(indices),
        fractions,
        runs,
        _LOSSES[loss],
        target,
        share,
        offset,
        mean,
        deviation,
        penalty,
        left,
        right,
    )

    def value(matrices: Array, slope: Array, threads: int = 0) -> float:
        return core.at(matrices, slope, threads)

    return value


def _numbers(a: Array | None) -> Any:
    return None if a is None else np.ascontiguousarray(a, np.float64)
