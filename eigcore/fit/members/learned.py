"""Learned weights of the eigenvalues of one member: φ(λ) = Σ w_j λ_j with ‖w‖ = 1.

The solver holds d numbers u, from which `eigcore.core.weights` makes v, and w = v/‖v‖: otherwise
the penalty on the matrices would let the weights grow instead.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eigcore.core import weights

_LEAST = 1e-6
"""Least weight or step of weights that a descent begins with, where these are positive."""


class Learned(NamedTuple):
    """What is promised of the weights.

    nonnegative : w ≥ 0, so that φ is monotone in the matrix
    bend : +1 for ascending weights (φ is convex), −1 for descending ones (concave), else 0
    """

    nonnegative: bool = False
    bend: int = 0

    @property
    def kinds(self) -> tuple[str, ...]:
        """Promises as `eigcore.core.weights` has them, of the weights in ascending order."""
        asked = zip(weights.KINDS, (self.nonnegative, self.bend), strict=True)
        return tuple(kind for kind, own in asked if own)

    def _turned(self, w: np.ndarray) -> np.ndarray:
        return w[::-1] if self.bend < 0 else w

    def first(self, dim: int, k: int) -> tuple[float, ...]:
        """Return the weights (d,) of the start, mostly those of one eigenvalue."""
        w = self._turned(weights.first(self.kinds, dim, k, 1)[0])
        return tuple((w / np.linalg.norm(w)).tolist())

    def weights(self, u: np.ndarray) -> np.ndarray:
        """Return w (d,) from the numbers u (d,)."""
        v = self._raw(u)
        return self._turned(v / np.linalg.norm(v))

    def _raw(self, u: np.ndarray) -> np.ndarray:
        return np.asarray(weights.weights(np, self.kinds, u))

    def numbers(self, w: np.ndarray) -> np.ndarray:
        """Return numbers u (d,) of these weights; zeros become tiny where they must be positive."""
        w = np.array(self._turned(np.asarray(w, dtype=np.float64)))
        if "ascending" in self.kinds:
            steps = np.diff(w, prepend=0.0)
            steps[int(not self.nonnegative) :] = np.maximum(
                steps[int(not self.nonnegative) :], _LEAST
            )
            w = np.cumsum(steps)
        elif self.nonnegative:
            w = np.maximum(w, _LEAST)
        return weights.stored(self.kinds, w)

    def pullback(self, u: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Gradient (d,) by u from that by w (d,)."""
        v = self._raw(u)
        size, slope = np.linalg.norm(v), self._turned(slope)
        # w = v/‖v‖, so dw = (dv − w⟨w, dv⟩)/‖v‖
        slope = (slope - v * (v @ slope) / size**2) / size
        if "ascending" in self.kinds:
            slope = np.cumsum(slope[::-1])[::-1]
        rising = 0.5 * (1.0 + np.tanh(0.5 * u))  # the derivative of softplus
        if self.kinds == ("ascending",):
            rising[0] = 1.0
        return slope * rising if self.kinds else slope
