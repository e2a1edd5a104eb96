"""Adam with warm-up, cosine decay and averaging of the iterates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_FIRST, _SECOND, _TINY = 0.9, 0.99, 1e-8
_WARM_UP = 0.02
_AVERAGED = 9.0


def rate(peak: float, progress: float) -> float:
    """Step length after a part 0 … 1 of the steps: linear up to 2 %, then half a cosine to zero."""
    if progress < _WARM_UP:
        return peak * progress / _WARM_UP
    return 0.5 * peak * (1.0 + math.cos(math.pi * (progress - _WARM_UP) / (1.0 - _WARM_UP)))


@dataclass
class Adam:
    """State of one vector (n,) that descends (Kingma & Ba 2015, algorithm 1).

    x : the iterate
    average : mean of about the last tenth of the iterates (polynomial decay, Shamir & Zhang 2013,
        η = 9): the point to use, whenever the descent stops
    first, second : running means of the gradient and of its square
    """

    x: np.ndarray
    average: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @classmethod
    def at(cls, x: np.ndarray) -> Adam:
        """Start at x."""
        return cls(x.copy(), x.copy(), np.zeros_like(x), np.zeros_like(x))

    def step(self, gradient: np.ndarray, length: float, count: int) -> None:
        """Take step number ``count`` = 1, 2, … for a gradient (n,)."""
        self.first += (1.0 - _FIRST) * (gradient - self.first)
        self.second += (1.0 - _SECOND) * (gradient**2 - self.second)
        mean = self.first / (1.0 - _FIRST**count)
        spread = np.sqrt(self.second / (1.0 - _SECOND**count))
        self.x -= length * mean / (spread + _TINY)
        self.average += (_AVERAGED + 1.0) / (_AVERAGED + count) * (self.x - self.average)
