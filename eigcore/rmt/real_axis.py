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

from eigcore.dispatch.backend import Backend
from eigcore.rmt import hessian_equation as equation
from eigcore.rmt.hessian_equation import CHUNK, Parts
from eigcore.rmt.losses import Intervals

REACH, POINTS = 30.0, 601
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
    gap: int
    """-1 outside the eigenvalues of C; otherwise the gap between two of them."""
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
        self.gaps = self._promising()
        self.segments = sorted(self._all(), key=lambda segment: segment.z)

    def _promising(self) -> list[int]:
        """Return the gaps of the spectrum of C that can hold a gap of the limit.

        z′ > 0 needs c ∫ t² / (t − u)² < 1 somewhere in the gap, as E[φ²] ≥ e².
        """
        t, share = self.p.t, self.p.share * float(self.p.c)
        found = []
        for i in range(len(t) - 1):
            # a cheap bound first: the two neighbours alone
            pair = share[i : i + 2] * t[i : i + 2] ** 2
            width = t[i + 1] - t[i]
            if np.cbrt(pair).sum() ** 3 >= width**2:
                continue
            best = minimize_scalar(
                lambda u: np.sum(share * t**2 / (t - u) ** 2),
                bounds=(t[i], t[i + 1]),
                method="bounded",
            )
            if best.fun < 1:  # pyright: ignore
                found.append(i)
        return found

    def place(self, d: np.ndarray, gap: int = -1) -> np.ndarray:
        """Return z(δ) for δ (k,), outside the eigenvalues of e C or in one of their gaps."""
        size = max(1, CHUNK // (len(self.p.value) + len(self.p.t)))
        parts = [d[i : i + size] for i in range(0, len(d), size)]
        route = self._outer if gap < 0 else lambda part: self._inner(part, gap)
        return np.concatenate([route(part) for part in parts]) if parts else d

    def _e(self, d: np.ndarray) -> np.ndarray:
        return equation.average(np, self.p, equation.ratios(self.p, d))

    def _outer(self, d: np.ndarray) -> np.ndarray:
        """Newton on the reciprocal of the equation, which is concave: it converges from below."""
        p, poles = self.p, self.p.t * self._e(d)[:, None]
        ahead = (d < 0)[:, None]
        far = np.where(ahead, poles.max(-1, keepdims=True), poles.min(-1, keepdims=True))
        apart, weight = np.abs(poles - far), float(p.c) * p.share * p.t
        here = np.argmin(apart, axis=-1)
        y = weight[here] / np.abs(d)
        for _ in range(100):
            near = 1.0 / (apart + y[:, None])
            f, slope = (weight * near).sum(-1), (weight * near**2).sum(-1)
            move = (f - np.abs(d)) * f / (np.abs(d) * slope)
            y = y + move
            if np.all(np.abs(move) <= 1e-15 * y):
                break
        return far[:, 0] + np.where(d < 0, y, -y)

    def _inner(self, d: np.ndarray, gap: int) -> np.ndarray:
        """Bisection of c ∫ t / (t − u) = δ e for u in a gap of C; z = u e."""
        p, e = self.p, self._e(d)
        low, high = (np.full_like(d, t) for t in p.t[gap : gap + 2])
        for _ in range(70):
            u = 0.5 * (low + high)
            value = float(p.c) * (p.share * p.t / (p.t - u[:, None])).sum(-1)
            low, high = np.where(value < d * e, u, low), np.where(value < d * e, high, u)
        return 0.5 * (low + high) * e

    def rise(self, d: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return a number of the sign of z′(δ), below 1."""
        size = max(1, CHUNK // (len(self.p.value) + len(self.p.t)))
        starts = range(0, len(d), size)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found = [
                equation.image_slope(np, self.p, d[i : i + size], z[i : i + size]) for i in starts
            ]
            return np.nan_to_num(1.0 - np.concatenate(found), nan=-np.inf)

    def _all(self) -> Iterator[Segment]:
        unit = 1.0 / max(float(np.sum(self.p.weight * np.abs(self.p.value))), 1e-300)
        for low, high in _intervals(self.values):
            for gap in (-1, *self.gaps):
                yield from self._within(Stretch(low, high, unit), gap)

    def _within(self, stretch: Stretch, gap: int) -> Iterator[Segment]:
        """Yield the segments of one interval of δ and one gap of C."""

        def rise(x: float) -> float:
            d = stretch(np.array([x]))
            return float(self.rise(d, self.place(d, gap))[0])

        x = np.linspace(-REACH, REACH, POINTS)
        d = stretch(x)
        value = self.rise(d, self.place(d, gap))
        for i in range(1, POINTS - 1):  # a thin segment between two points
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
            at_edge = (bool(first > 0), bool(last < POINTS - 1))
            low = root(rise, x[first - 1], x[first]) if at_edge[0] else -REACH
            high = root(rise, x[last], x[last + 1]) if at_edge[1] else REACH
            yield self._segment(stretch, gap, (low, high), at_edge)

    def _segment(
        self, stretch: Stretch, gap: int, x: tuple[float, float], at_edge: tuple[bool, bool]
    ) -> Segment:
        d = stretch(np.array(x))
        z = self.place(d, gap)
        ends = []
        for i, (limit, own) in enumerate(zip((stretch.low, stretch.high), z, strict=True)):
            if at_edge[i]:
                ends.append(float(own))
            elif limit == 0 and gap < 0:  # δ → 0 is z → ±∞
                ends.append(-math.inf if i == 0 else math.inf)
            else:
                ends.append(0.0 if math.isinf(limit) else float(own))
        return Segment(stretch, gap, x, (ends[0], ends[1]), (float(d[0]), float(d[1])), at_edge)

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
            stretch, gap = segment.stretch, segment.gap

            def determinant(x: np.ndarray, stretch: Stretch = stretch, gap: int = gap):
                d = stretch(x)
                G = equation.outlier(self.backend, self.full, d, self.place(d, gap)).G
                return np.linalg.det(G)

            x = np.linspace(*segment.x, points)
            size = max(1, CHUNK // (len(self.p.value) * 4))
            value = np.concatenate([determinant(x[i : i + size]) for i in range(0, points, size)])
            for i in np.flatnonzero(value[:-1] * value[1:] < 0):
                place = root(lambda a: float(determinant(np.array([a]))[0]), x[i], x[i + 1])
                d = stretch(np.array([place]))
                found.append((float(d[0]), float(self.place(d, gap)[0])))
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
                below = self.place(segment.stretch(middle), segment.gap) < z[here]
                low, high = np.where(below, middle, low), np.where(below, high, middle)
            found[here] = segment.stretch(0.5 * (low + high))
        return found


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a function that changes its sign between two places."""
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
