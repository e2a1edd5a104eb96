"""Sums Σ w t / (t − u) over the values t of a spectrum, on NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eigcore.rmt.curve import critical_points
from eigcore.rmt.fixed_point import Kept

BLOCK = 2**16
"""Numbers that are computed at once; they fit into the cache of a core."""
FEWEST, MOST, FARTHEST = 33, 4097, 1e30
BEYOND = 0.1
"""A branch reaches this share of the way from where z′ = 0 at the latest to the next value."""


def sums(t: np.ndarray, first: np.ndarray, second: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return Σ first / (t − u) and Σ second / (t − u)² for complex u (k,): (k, 2).

    In real arithmetic, at half the cost of complex.
    """
    rows, found = max(1, BLOCK // len(t)), np.empty((len(u), 2), complex)
    both = np.stack((first, second), axis=-1)
    with np.errstate(over="ignore"):
        for at in range(0, len(u), rows):
            x, y = np.real(u)[at : at + rows], np.imag(u)[at : at + rows]
            ahead = t - x[:, None]
            inverse = ahead * ahead
            inverse += (y * y)[:, None]
            np.reciprocal(inverse, out=inverse)
            plain, plain_second = (inverse @ both).T
            ahead *= inverse
            tilted = ahead @ first
            ahead *= inverse
            turned = ahead @ second
            inverse *= inverse
            square = plain_second - 2.0 * y * y * (inverse @ second)
            found[at : at + rows, 0] = tilted + 1j * y * plain
            found[at : at + rows, 1] = square + 2j * y * turned
    return found


class Coupled:
    """δ ↦ c ∫ t H(dt) / (e t − z) with e = E[g / (1 + g δ)], and its slope, for fixed z (k,).

    Parameters
    ----------
    value, weight : (K,) arrays
        g and its probabilities.
    t, mass : (m,) arrays
        The values t and c times their shares.
    z : (k,) complex array
    """

    def __init__(
        self, value: np.ndarray, weight: np.ndarray, t: np.ndarray, mass: np.ndarray, z: np.ndarray
    ):
        self.g = (value, weight * value, weight * value**2)
        self.t = (t, mass * t, mass * t**2)
        self._at = Kept(lambda d, i: self._computed(d, z[i]))

    def image(self, d: np.ndarray) -> np.ndarray:
        """Return the right-hand side of δ = …: (k,)."""
        return self._at(d)[:, 0]

    def slope(self, d: np.ndarray) -> np.ndarray:
        """Return the derivative of `image`: (k,)."""
        return self._at(d)[:, 1]

    def average(self, d: np.ndarray) -> np.ndarray:
        """Return e: (k,)."""
        return self._at(d)[:, 2]

    def _computed(self, d: np.ndarray, z: np.ndarray) -> np.ndarray:
        # g / (1 + g δ) = −v g / (g − v) with v = −1 / δ
        v = -1.0 / d
        first, second = sums(*self.g, v).T
        e, square = -v * first, v**2 * second
        image, slope = sums(*self.t, z / e).T
        return np.stack((image / e, square * slope / e**2, e), axis=-1)


class Branch:
    """The sum y(u) = Σ m t / (t − u) between two values t, where it ascends, and its inverse.

    With log((u − left) / (right − u)) for u, or log |u − t| on the outer sides, all other values
    lie beyond a strip of half-width π. The sums are computed once, on Chebyshev points of this
    variable, whose number hardly depends on the values, and interpolated.

    Parameters
    ----------
    t, mass : (p,) arrays
        Values, ascending and positive, and their masses.
    low, high : float
        The branch covers u from low to high; infinite on the outer sides.
    """

    def __init__(self, t: np.ndarray, mass: np.ndarray, low: float, high: float):
        self.outer = math.isinf(low) or math.isinf(high)
        far = FARTHEST * t[-1]
        self.left = -math.inf if math.isinf(low) else float(t[t < low].max())
        self.right = math.inf if math.isinf(high) else float(t[t > high].min())
        ends = self._variable(np.array([max(low, -far), min(high, far)]))
        weights = np.stack((mass * t, mass * t, mass * t**2), axis=-1)
        self.nodes, self.table = self._tabulated(ends, t, weights)
        self.heights = self._height(self.nodes, self.table)[0]

    def _variable(self, u: np.ndarray) -> np.ndarray:
        """Return the variable of places u."""
        if math.isinf(self.left):
            return -np.log(self.right - u)
        if math.isinf(self.right):
            return np.log(u - self.left)
        return np.log((u - self.left) / (self.right - u))

    def _place(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
        """Return u, its derivative by the variable, and the unit of the sums."""
        if math.isinf(self.left):
            apart = np.exp(-x)
            return self.right - apart, apart, apart
        if math.isinf(self.right):
            apart = np.exp(x)
            return self.left + apart, apart, apart
        down, up = 1.0 / (1.0 + np.exp(x)), 1.0 / (1.0 + np.exp(-x))
        return self.left * down + self.right * up, (self.right - self.left) * down * up, 1.0

    def _tabulated(
        self, ends: np.ndarray, t: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return Chebyshev points, ascending, and the three sums there, in their units."""

        def sums(x: np.ndarray) -> np.ndarray:
            u, _, unit = self._place(x)
            inverse = np.broadcast_to(unit, u.shape)[:, None] / (t - u[:, None])
            first = inverse @ weights[:, :1]
            inverse *= inverse
            return np.concatenate((first, inverse @ weights[:, 1:]), axis=1)

        rows, count = max(1, BLOCK // len(t)), FEWEST
        x = _points(ends, count)
        table = sums(x)
        while True:
            finer = _points(ends, 2 * count - 1)
            own, new = np.empty((len(finer), 3)), finer[1::2]
            own[::2] = table
            own[1::2] = np.concatenate(
                [sums(new[at : at + rows]) for at in range(0, len(new), rows)]
            )
            gap = np.abs(interpolated(x, table, new) - own[1::2]).max(axis=0)
            x, table, count = finer, own, 2 * count - 1
            if count >= MOST or (gap <= 1e-13 * np.abs(own).max(axis=0)).all():
                return x, table

    def _height(self, x: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return y and its derivative by the variable."""
        _, rate, unit = self._place(x)
        return table[:, 0] / unit, table[:, 1] * rate / unit**2

    def solved(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return u with y(u) = y and Σ m t² / (t − u)² there: (k,) each.

        Where there is none, they are NaN and infinite.
        """
        inside = (y > self.heights[0]) & (y < self.heights[-1])
        u, square = np.full(y.shape, np.nan), np.full(y.shape, np.inf)
        if inside.any():
            u[inside], square[inside] = self._solved(y[inside])
        return u, square

    def _solved(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        place = np.clip(np.searchsorted(self.heights, y), 1, len(self.heights) - 1)
        low, high = self.nodes[place - 1], self.nodes[place]
        x = np.interp(y, self.heights, self.nodes)
        for _ in range(8):
            table = interpolated(self.nodes, self.table, x)
            height, rate = self._height(x, table)
            step = (height - y) / rate
            x = np.clip(x - step, low, high)
            if np.all(np.abs(step) <= 1e-15 * np.maximum(1.0, np.abs(x))):
                break
        u, _, unit = self._place(x)
        return u, table[:, 2] / unit**2


def _points(ends: np.ndarray, count: int) -> np.ndarray:
    turn = np.cos(np.linspace(np.pi, 0, count))
    return 0.5 * (ends[0] + ends[1]) + 0.5 * (ends[1] - ends[0]) * turn


def interpolated(nodes: np.ndarray, table: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the polynomial through `table` (n, j) at Chebyshev nodes, at x (k,): (k, j).

    Barycentric; Berrut and Trefethen, SIAM Review 46 (2004), section 5.
    """
    signs = (-1.0) ** np.arange(len(nodes))
    signs[[0, -1]] *= 0.5
    apart = x[:, None] - nodes
    apart[apart == 0] = 1e-300
    weights = signs / apart
    return (weights @ table) / weights.sum(axis=1, keepdims=True)


def clusters(t: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Return the intervals where Σ m / (t − u)² exceeds 1, around all values: (k, 2), ascending.

    They end a little earlier, where the sum exceeds 1 already.

    Parameters
    ----------
    t, mass : (p,) arrays
        Values, ascending and different, and the masses m > 0.
    """
    found = critical_points(t, mass).reshape(-1, 2)
    first = t[np.searchsorted(t, found[:, 0])]
    last = t[np.searchsorted(t, found[:, 1]) - 1]
    return np.stack(
        (found[:, 0] + BEYOND * (first - found[:, 0]), found[:, 1] - BEYOND * (found[:, 1] - last)),
        axis=-1,
    )


def branches(t: np.ndarray, mass: np.ndarray) -> list[Branch]:
    """Return the branches off positive values, ascending, with Σ m t² / (t − u)² below 1."""
    around = clusters(t, mass * t**2)
    ends = [-math.inf, *around.reshape(-1), math.inf]
    return [Branch(t, mass, *pair) for pair in zip(ends[::2], ends[1::2], strict=True)]
