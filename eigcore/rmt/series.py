"""Integrals of a density over an interval of its support, by a cosine series."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.errors import NotConverged

MOST = 2048


class Series:
    """The mass of a density below x, on one interval of the support.

    With x = (lo + hi)/2 − (hi − lo)/2 cos θ, density dx = h(θ) dθ, and h is smooth and even in θ
    where the density has edges like a square root or its inverse. The cosine series of h converges
    geometrically and is integrated term by term. An interval whose ends differ by more than a
    factor of 20 is treated in log x: its density may have a pole at 0.

    Parameters
    ----------
    backend : Backend
    density : callable
    lo, hi : () arrays
    count : int
        Number of points.
    """

    def __init__(
        self, backend: Backend, density: Callable[[Any], Array], lo: Array, hi: Array, count: int
    ):
        self.backend, self.lo, self.hi = backend, lo, hi
        self.scaled = is_wide(float(backend.detach(lo)), float(backend.detach(hi)))
        if self.scaled:
            lo, hi = backend.xp.log(lo), backend.xp.log(hi)
        self.middle, self.half = 0.5 * (lo + hi), 0.5 * (hi - lo)
        turn, rows = _angles(count)
        x = self.middle - self.half * backend.asarray(np.cos(turn))
        x = backend.xp.exp(x) if self.scaled else x
        h = density(x) * self.half * backend.asarray(np.sin(turn))
        h = h * x if self.scaled else h
        self.coefficients = backend.xp.matmul(backend.asarray(rows), h)

    @staticmethod
    def needed(density: Callable[[Any], np.ndarray], lo: float, hi: float) -> int:
        """Return the number of points at which the series of a density has converged."""
        count, found = 32, np.zeros(1)
        while count < MOST:
            found = np.abs(Series(get_backend("numpy"), density, lo, hi, count).coefficients)
            if found[-count // 4 :].max() < 1e-11 * max(found.max(), 1e-3):
                return count
            count *= 2
        if found[-count // 8 :].max() > 1e-5:
            raise NotConverged(
                f"The density on [{lo:.6g}, {hi:.6g}] is not smooth enough to integrate: it has "
                "a cusp, or an edge unlike a square root. Expected smooth bulks for cdf and "
                "quantile. Integrate law.density(x) piece by piece."
            )
        return MOST

    def below(self, x: Array) -> Array:
        """Return the mass in [lo, x] of each x: (...) array."""
        xp = self.backend.xp
        above, inside = x >= self.hi, (x > self.lo) & (x < self.hi)
        y = xp.log(xp.where(inside, x, self.hi)) if self.scaled else x
        cosine = xp.where(inside, (self.middle - y) / self.half, 0.0)
        angle = xp.acos(cosine)[..., None]
        k = self.backend.asarray(np.arange(1.0, self.coefficients.shape[0]))
        terms = xp.sin(angle * k) / k * self.coefficients[1:]
        first = self.coefficients[0]
        found = angle[..., 0] * first + xp.sum(terms, axis=-1)
        return xp.where(inside, found, xp.where(above, math.pi * first, 0.0))


def is_wide(lo: float, hi: float) -> bool:
    """Return whether an interval is treated in log x."""
    return lo > 0 and hi > 20 * lo


def _angles(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the points θ (n,) and the matrix (n, n) from values to cosine coefficients."""
    turn = (np.arange(count) + 0.5) * np.pi / count
    rows = 2.0 / count * np.cos(np.outer(np.arange(count), turn))
    rows[0] *= 0.5
    return turn, rows
