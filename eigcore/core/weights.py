"""Learned weights of the eigenvalues, φ(λ) = Σ w_j λ_j: how they are stored, and how they start.

A layer stores numbers u (pencils, d). `ascending` weights are sums of their steps, and the stored
numbers of a weight or step that must be positive are log(exp(w) − 1), the inverse of softplus.
"""

from __future__ import annotations

import numpy as np

from eigcore.core.arrays import Array, Namespace

KINDS = ("nonnegative", "ascending")
"""What may be promised: w ≥ 0 is monotone in the matrix, w ascending convex (Davis 1957)."""
SHARE = 0.25
"""Share of the weights that all eigenvalues have together at the start, where w = 0 is no start."""


def weights(xp: Namespace, kinds: tuple[str, ...], stored: Array) -> Array:
    """Return w from the stored numbers: (..., d) -> (..., d)."""
    # softplus, without overflow
    positive = xp.log(1.0 + xp.exp(-abs(stored))) + (stored + abs(stored)) / 2
    if "ascending" not in kinds:
        return positive if kinds else stored
    first = positive[..., :1] if "nonnegative" in kinds else stored[..., :1]
    return xp.cumulative_sum(xp.concat((first, positive[..., 1:]), axis=-1), axis=-1)


def first(kinds: tuple[str, ...], dim: int, k: int, pencils: int) -> np.ndarray:
    """Return the weights with which the first pencils start: (at most d, d); they then recur.

    They add up to one. A pencil starts as one eigenvalue, the next pencil as the next one, so that
    outputs differ from the start; where no weight may be zero, all eigenvalues have a share.
    """
    if "ascending" in kinds:
        ramp = np.arange(1.0, dim + 1)
        return (SHARE * ramp / ramp.sum() + (1 - SHARE) * np.eye(1, dim, dim - 1)).reshape(1, dim)
    single = np.eye(dim)[(k + np.arange(min(dim, pencils))) % dim]
    return (1 - SHARE) * single + SHARE / dim if kinds else single


def stored(kinds: tuple[str, ...], w: np.ndarray) -> np.ndarray:
    """Return the numbers from which `weights` makes w: (..., d) -> (..., d)."""
    if "ascending" in kinds:
        w = np.diff(w, axis=-1, prepend=0.0)
    if not kinds:
        return w
    found, free = np.array(w), int(kinds == ("ascending",))
    found[..., free:] = np.log(np.expm1(w[..., free:]))
    return found
