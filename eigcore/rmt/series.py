"""Integrals of a density over an interval of its support, by polynomials in pieces."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.errors import NotConverged

Density = Callable[[Any], Any]
ORDER, FIRST, ROUNDS = 24, 4, 60
"""Points of a piece, pieces to begin with, and halvings at most."""
NARROWEST, RESOLVED, PROMISED = 1e-9, 1e-11, 1e-8
"""In angles: width of a piece that is not halved; in masses: error of a piece, and of all."""


class Series:
    """The mass of a density below x, on one interval of the support.

    With x = (lo + hi)/2 − (hi − lo)/2 cos θ, density dx = h(θ) dθ, and h is smooth where the
    density has edges like a square root or its inverse. Elsewhere the pieces of θ become as short
    as needed, and what is left at an end is the integral of a power of θ. An interval whose ends
    differ by more than a factor of 20 is treated in log x: its density may have a pole at 0.

    Parameters
    ----------
    backend : Backend
    density : callable
    lo, hi : () arrays
    cuts : (m + 1,) array
        Ends of the pieces, ascending in [0, π]; see `pieces`.
    """

    def __init__(
        self, backend: Backend, density: Density, lo: Array, hi: Array, cuts: np.ndarray
    ):  # fmt: skip
        self.backend, self.ends, self.cuts, xp = backend, (lo, hi), cuts, backend.xp
        self.scaled = is_wide(float(backend.detach(lo)), float(backend.detach(hi)))
        self.lo, self.hi = (xp.log(end) if self.scaled else end for end in (lo, hi))
        turn = _nodes(cuts[:-1], cuts[1:])
        h = xp.reshape(self.height(density, turn.reshape(-1)), turn.shape)
        rows = xp.matmul(h, backend.asarray(_ANTIDERIVATIVE))
        self.rows = rows * backend.asarray(0.5 * np.diff(cuts))[:, None]
        self.first = _power(xp, turn[0, :2], h[0, :2])
        self.last = _power(xp, np.pi - turn[-1, :-3:-1], xp.stack((h[-1, -1], h[-1, -2])))
        masses = xp.sum(self.rows * backend.asarray(1.0 - _SIGNS), axis=-1)
        start = self._tail(self.first, backend.asarray(np.array([cuts[0]])))
        self.sums = xp.cumulative_sum(xp.concat((start, masses)))
        end = backend.asarray(np.array(np.pi - cuts[-1]))
        self.total = self.sums[-1] + self._tail(self.last, end)

    def height(self, density: Density, turn: np.ndarray) -> Array:
        """Return h at angles (k,)."""
        backend, early = self.backend, turn < np.pi / 2
        apart = 2 * np.where(early, np.sin(turn / 2), np.cos(turn / 2)) ** 2
        half, apart = 0.5 * (self.hi - self.lo), backend.asarray(apart)
        x = backend.xp.where(backend.asarray(early), self.lo + half * apart, self.hi - half * apart)
        x = backend.xp.exp(x) if self.scaled else x
        h = density(x) * half * backend.asarray(np.sin(turn))
        return h * x if self.scaled else h

    def _tail(self, power: tuple[Array, Array, float], angle: Array) -> Array:
        """Return the integral of a power from 0 to angles."""
        height, exponent, first = power
        safe = self.backend.xp.where(angle > 0, angle, first)
        found = height * first * (safe / first) ** (exponent + 1.0) / (exponent + 1.0)
        return self.backend.xp.where(angle > 0, found, 0.0)

    def below(self, x: Array) -> Array:
        """Return the mass in [lo, x] of each x: (...) array."""
        backend, xp, (lo, hi) = self.backend, self.backend.xp, self.ends
        inside = (x > lo) & (x < hi)
        y = xp.where(inside, x, 0.5 * (lo + hi))
        angle = self._angle(xp.log(y) if self.scaled else y)
        place = np.searchsorted(self.cuts, backend.to_numpy(backend.detach(angle))) - 1
        last = len(self.cuts) - 2
        piece = np.clip(place, 0, last)
        own = backend.asarray(piece.reshape(-1))
        low, high = (backend.asarray(ends[piece]) for ends in (self.cuts[:-1], self.cuts[1:]))
        basis = _basis(xp, xp.clip((2.0 * angle - low - high) / (high - low), -1.0, 1.0))
        rows = xp.reshape(xp.take(self.rows, own, axis=0), basis.shape)
        found = xp.reshape(xp.take(self.sums, own, axis=0), x.shape)
        found = found + xp.sum(rows * (basis - backend.asarray(_SIGNS)), axis=-1)
        early, late = backend.asarray(place < 0), backend.asarray(place > last)
        found = xp.where(early, self._tail(self.first, angle), found)
        found = xp.where(late, self.total - self._tail(self.last, math.pi - angle), found)
        return xp.where(inside, found, xp.where(x >= hi, self.total, 0.0))

    def _angle(self, y: Array) -> Array:
        xp, width = self.backend.xp, self.hi - self.lo
        up, down = (y - self.lo) / width, (self.hi - y) / width
        lower = 2.0 * xp.asin(xp.sqrt(xp.where(up < 0.5, up, 0.25)))
        upper = math.pi - 2.0 * xp.asin(xp.sqrt(xp.where(up < 0.5, 0.25, down)))
        return xp.where(up < 0.5, lower, upper)


def pieces(density: Density, lo: float, hi: float) -> np.ndarray:
    """Return the ends of the pieces (m + 1,) on which NumPy's density is resolved.

    Raises
    ------
    NotConverged
        If the mass has an error above 1e-8.
    """
    whole = np.linspace(0, np.pi, FIRST + 1)
    series = Series(get_backend("numpy"), lambda x: 0.0 * x, np.float64(lo), np.float64(hi), whole)
    # nearer to an end, its distance is not known to seven digits
    units = (1.0, 1.0) if series.scaled else (abs(lo), abs(hi))
    near = [2 * math.sqrt(max(1e-9 * a / (series.hi - series.lo), 1e-16)) for a in units]
    left, right, found, error = whole[:-1], whole[1:], [], 0.0
    for _ in range(ROUNDS):
        h = series.height(density, _nodes(left, right).reshape(-1)).reshape(-1, ORDER)
        missing = np.abs(h @ _COEFFICIENTS[:, -3:]).max(axis=1) * (right - left)
        cut = (left == 0) & (right < near[0]) | (right == np.pi) & (np.pi - left < near[1])
        narrow = (right - left < NARROWEST) & ~cut
        error += float(missing[narrow].sum())
        done = (missing < RESOLVED) | narrow
        found.append(left[done])
        found.append(right[done])
        open_ = ~done & ~cut
        left, right = left[open_], right[open_]
        if not len(left):
            break
        middle = 0.5 * (left + right)
        left, right = np.concatenate((left, middle)), np.concatenate((middle, right))
    if len(left) or error > PROMISED:
        raise NotConverged(
            f"The mass of the density on [{lo:.6g}, {hi:.6g}] has an error of {error:.1e}; "
            f"expected at most {PROMISED:.0e}. Integrate law.density(x) piece by piece."
        )
    return np.unique(np.concatenate(found))


def is_wide(lo: float, hi: float) -> bool:
    """Return whether an interval is treated in log x."""
    return lo > 0 and hi > 20 * lo


def _power(xp: Any, turn: np.ndarray, h: Array) -> tuple[Array, Array, float]:
    """Return h(θ₁), a and θ₁ of the power h(θ₁) (θ/θ₁)ᵃ through two points."""
    logs = xp.log(xp.clip(h, 1e-300, None))
    exponent = (logs[1] - logs[0]) / math.log(turn[1] / turn[0])
    return h[0], xp.clip(exponent, -0.9, 4.0), float(turn[0])


def _nodes(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the points of pieces (m,): (m, ORDER), ascending."""
    middle, half = 0.5 * (left + right), 0.5 * (right - left)
    return middle[:, None] - half[:, None] * np.cos(_TURN)


def _basis(xp: Any, s: Array) -> Array:
    """Return the polynomials T₁ … of Chebyshev at s (...), (..., ORDER)."""
    found = [xp.ones_like(s), s]
    for _ in range(ORDER - 1):
        found.append(2.0 * s * found[-1] - found[-2])
    return xp.stack(found[1:], axis=-1)


def _matrices() -> tuple[np.ndarray, np.ndarray]:
    """Return (ORDER, ORDER) matrices: values to coefficients of T₀ …, of the integral's T₁ …."""
    k = np.arange(ORDER)
    coefficients = 2.0 / ORDER * np.cos(np.outer(np.pi - _TURN, k))
    coefficients[:, 0] *= 0.5
    padded = np.concatenate((coefficients, np.zeros((ORDER, 2))), axis=1)
    lower = padded[:, :ORDER] * np.where(k == 0, 2.0, 1.0)
    return coefficients, (lower - padded[:, 2:]) / (2.0 * (k + 1))


_TURN = (np.arange(ORDER) + 0.5) * np.pi / ORDER
_SIGNS = (-1.0) ** np.arange(1, ORDER + 1)
_COEFFICIENTS, _ANTIDERIVATIVE = _matrices()
