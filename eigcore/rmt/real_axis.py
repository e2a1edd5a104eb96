"""The real axis outside the spectrum of a Hessian: the inverse map z(δ), its edges and outliers.

Off the support, δ(z) is real and increasing, so each place belongs to one δ with z′(δ) > 0
(Silverstein and Choi 1995; Couillet and Hachem 2014 for the separable model, which has the same
equation). All is computed with NumPy, on numbers that nothing follows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.rmt import hessian_equation as equation
from eigcore.rmt.cauchy import Branch, branches
from eigcore.rmt.hessian_equation import CHUNK, Parts
from eigcore.rmt.losses import Intervals

REACH, POINTS, LEVELS, HALVINGS = 30.0, 601, 32, 20
Map = Callable[[np.ndarray], np.ndarray]


class Stretch(NamedTuple):
    """An increasing map from the real line onto an interval of δ of one sign."""

    low: float
    high: float
    unit: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return δ(x)."""
        low, high = self.low, self.high
        if math.isinf(high):
            return low + self.unit * np.exp(x)
        if math.isinf(low):
            return high - self.unit * np.exp(-x)
        below = (high - low) / (1.0 + np.exp(-x))
        above = (high - low) / (1.0 + np.exp(x))
        return np.where(x < 0, low + below, high - above)


@dataclass(frozen=True)
class Segment:
    """An interval of the real axis off the support, and the coordinates x of its δ."""

    stretch: Stretch
    branch: Branch
    x: tuple[float, float]
    z: tuple[float, float]
    d: tuple[float, float]
    at_edge: tuple[bool, bool]
    """Whether z′ = 0 at the ends."""


class RealAxis:
    """The segments of the real axis off the support of a law.

    Parameters
    ----------
    backend : Backend
        NumPy's.
    parts : Parts
        NumPy arrays.
    values : tuple of (low, high)
        Intervals that hold g.
    """

    def __init__(self, backend: Backend, parts: Parts, values: Intervals):
        self.backend, self.full = backend, grouped(parts)
        positive = self.full.t > 0
        self.p = self.full._replace(
            t=self.full.t[positive], share=self.full.share[positive], gram=self.full.gram[positive]
        )
        self.values = values
        self.branches = branches(self.p.t, float(self.p.c) * self.p.share)
        self.segments = sorted(self._all(), key=lambda segment: segment.z)

    def place(self, d: np.ndarray, branch: Branch) -> np.ndarray:
        """Return z(δ) for δ (k,), with z / e on a branch of the eigenvalues of C."""
        return self._solved(d, branch)[0]

    def rise(self, d: np.ndarray, branch: Branch) -> np.ndarray:
        """Return a number of the sign of z′(δ), below 1; 0 or less where no z on the branch is."""
        return self._solved(d, branch)[1]

    def _solved(self, d: np.ndarray, branch: Branch) -> tuple[np.ndarray, np.ndarray]:
        """Return z(δ) and 1 − E[φ²] c ∫ t² / (e t − z)², with u = z / e: c ∫ t / (t − u) = δ e."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            phi = equation.ratios(self.p, d)
            e = equation.average(np, self.p, phi)
            u, square = branch.solved(d * e)  # y = δ e
            rise = 1.0 - equation.average(np, self.p, phi * phi) / e**2 * square
            return u * e, np.nan_to_num(rise, nan=-np.inf)

    def _all(self) -> Iterator[Segment]:
        unit = 1.0 / max(float(np.sum(self.p.weight * np.abs(self.p.value))), 1e-300)
        for low, high in _intervals(self.values):
            for branch in self.branches:
                yield from self._within(Stretch(low, high, unit), branch)

    def _within(self, stretch: Stretch, branch: Branch) -> Iterator[Segment]:
        """Yield the segments of one interval of δ and one branch."""

        def rise(x: float) -> float:
            return float(self.rise(stretch(np.array([x])), branch)[0])

        x = self._points(stretch, branch)
        value = self.rise(stretch(x), branch)
        for i in range(1, len(x) - 1):  # a thin segment between two points
            if value[i] <= 0 and value[i - 1] < value[i] >= value[i + 1] and value[i] > -0.5:
                best = minimize_scalar(
                    lambda x: -rise(x), bounds=(x[i - 1], x[i + 1]), method="bounded"
                )
                if best.fun < 0:  # pyright: ignore
                    x[i], value[i] = best.x, -best.fun  # pyright: ignore
        good = np.concatenate(([False], value > 0, [False]))
        for first, last in zip(
            np.flatnonzero(good[1:] & ~good[:-1]),
            np.flatnonzero(good[:-1] & ~good[1:]) - 1,
            strict=True,
        ):
            at_edge = (bool(first > 0), bool(last < len(x) - 1))
            low = root(rise, x[first - 1], x[first]) if at_edge[0] else -REACH
            high = root(rise, x[last], x[last + 1]) if at_edge[1] else REACH
            yield self._segment(stretch, branch, (low, high), at_edge)

    def _points(self, stretch: Stretch, branch: Branch) -> np.ndarray:
        """Return coordinates x, with those where δ e is at the sums of the branch."""

        def height(x: np.ndarray) -> np.ndarray:
            d = stretch(x)
            return d * equation.average(np, self.p, equation.ratios(self.p, d))

        x = np.linspace(-REACH, REACH, POINTS)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            levels, y = branch.heights[:: len(branch.heights) // LEVELS], height(x)
            above = y[:, None] > levels
            cell, level = np.nonzero(above[1:] != above[:-1])
            low, high, rising = x[cell], x[cell + 1], above[cell + 1, level]
            for _ in range(HALVINGS):
                middle = 0.5 * (low + high)
                beyond = (height(middle) > levels[level]) == rising
                low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        return np.unique(np.concatenate((x, low)))

    def _segment(
        self, stretch: Stretch, branch: Branch, x: tuple[float, float], at_edge: tuple[bool, bool]
    ) -> Segment:
        d = stretch(np.array(x))
        z = self.place(d, branch)
        ends = []
        for i, (limit, own) in enumerate(zip((stretch.low, stretch.high), z, strict=True)):
            if at_edge[i]:
                ends.append(float(own))
            elif limit == 0 and branch.outer:  # δ → 0 is z → ±∞
                ends.append(-math.inf if i == 0 else math.inf)
            elif limit == 0:
                ends.append(float(self.place(np.zeros(1), branch)[0]))
            else:
                ends.append(0.0 if math.isinf(limit) else float(own))
        return Segment(stretch, branch, x, (ends[0], ends[1]), (float(d[0]), float(d[1])), at_edge)

    def support(self) -> list[tuple[tuple[float, float], tuple[Segment | None, Segment | None]]]:
        """Return the intervals of the support, and the segments on both sides of each."""
        reached, before, found = -math.inf, None, []
        for segment in self.segments:
            low, high = segment.z
            if low > reached + 1e-12 * max(1.0, abs(low)):
                found.append(((reached, low), (before, segment)))
            if high > reached:
                reached, before = high, segment
        if reached < math.inf:
            found.append(((reached, math.inf), (before, None)))
        return found

    def outliers(self, points: int = 301) -> list[tuple[float, float]]:
        """Return (δ, λ) of the roots of det G, in ascending order of λ."""
        found = []
        for segment in self.segments:
            stretch, branch = segment.stretch, segment.branch

            def determinant(x: np.ndarray, stretch: Stretch = stretch, branch: Branch = branch):
                d = stretch(x)
                G = equation.outlier(self.backend, self.full, d, self.place(d, branch)).G
                return np.linalg.det(G)

            x = np.linspace(*segment.x, points)
            size = max(1, CHUNK // (len(self.p.value) * 4))
            value = np.concatenate([determinant(x[i : i + size]) for i in range(0, points, size)])
            for i in np.flatnonzero(value[:-1] * value[1:] < 0):
                place = root(lambda a: float(determinant(np.array([a]))[0]), x[i], x[i + 1])
                d = stretch(np.array([place]))
                found.append((float(d[0]), float(self.place(d, branch)[0])))
        return sorted(found, key=lambda pair: pair[1])

    def locate(self, z: np.ndarray) -> np.ndarray:
        """Return δ(z) for real z (k,); NaN on the support."""
        found = np.full(z.shape, np.nan)
        for segment in self.segments:
            here = (z > segment.z[0]) & (z < segment.z[1])
            if not here.any():
                continue
            low, high = (np.full(here.sum(), x) for x in segment.x)
            for _ in range(60):
                middle = 0.5 * (low + high)
                below = self.place(segment.stretch(middle), segment.branch) < z[here]
                low, high = np.where(below, middle, low), np.where(below, high, middle)
            found[here] = segment.stretch(0.5 * (low + high))
        return found


def attached_edges(backend: Backend, parts: Parts, axis: RealAxis) -> Array:
    """Return the intervals of the support, with their derivatives by the parts: (k, 2)."""
    xp, rows = backend.xp, []
    for ends, sides in axis.support():
        row = []
        for j, (place, segment) in enumerate(zip(ends, sides, strict=True)):
            if segment is not None and segment.at_edge[1 - j]:
                row.append(equation.edge(backend, parts, segment.d[1 - j], place))
            else:
                row.append(backend.asarray(np.array(place)))
        rows.append(xp.stack(row))
    return xp.stack(rows) if rows else backend.asarray(np.zeros((0, 2)))


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a function that changes its sign between two places, up to rounding."""
    ends = function(low), function(high)
    if ends[0] * ends[1] >= 0:
        return low if abs(ends[0]) < abs(ends[1]) else high
    return brentq(function, low, high, xtol=1e-14, rtol=1e-14)  # pyright: ignore


def _intervals(values: Intervals) -> Iterator[tuple[float, float]]:
    """Yield the intervals of δ, of one sign, where 1 + g δ ≠ 0 for all g in `values`."""
    ends = [-math.inf, *(end for pair in values for end in pair), math.inf]
    for low, high in zip(ends[::2], ends[1::2], strict=True):
        cut = [low, 0.0, high] if low < 0 < high else [low, high]
        for a, b in pairwise(cut):
            if a < b:  # v in (a, b), δ = −1/v
                yield (
                    -1.0 / a if a else -math.inf,
                    -1.0 / b if b else math.inf,
                )


def grouped(p: Parts) -> Parts:
    """Return the parts with equal eigenvalues of C joined, ascending."""
    t, place = np.unique(p.t, return_inverse=True)
    share, gram = np.zeros(len(t)), np.zeros((len(t), *p.gram.shape[1:]))
    np.add.at(share, place, p.share)
    np.add.at(gram, place, p.gram)
    return p._replace(t=t, share=share, gram=gram)
