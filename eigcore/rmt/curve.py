"""The inverse map z(w) = w + c ∫ w t H(dt) / (w − t) of sample covariances, on NumPy.

z'(w) = 1 − c ∫ t² H(dt) / (w − t)². Outside the support w is real and z' > 0; its zeros are the
edges (Silverstein and Choi 1995). Above the support w lies on the curve Im z(w) = 0, which has one
point over each real part.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline

Power = Callable[[np.ndarray], np.ndarray]
BLOCK, WINDOW = 2**15, 40
NEAR = 0.15
"""Largest distance of neighbouring points of a curve, in the angle of the interval."""


def _blocks(function: Power, u: np.ndarray, width: int) -> np.ndarray:
    rows = max(1, BLOCK // width)
    return np.concatenate([function(u[at : at + rows]) for at in range(0, max(1, len(u)), rows)])


def critical_points(values: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Return the zeros of 1 − Σ m / (w − t)² over real w, ascending: two for each cluster of t.

    Parameters
    ----------
    values, mass : (p,) arrays
        t, ascending and different, and m > 0.
    """
    reach = np.sqrt(mass.sum())
    first = _crossing(values, mass, values[:1] - 1.001 * reach, values[:1])
    last = _crossing(values, mass, values[-1:] + 1.001 * reach, values[-1:])
    # Σ m / (w − t)² < 1 between two poles needs a gap above (m₁^⅓ + m₂^⅓)^(3/2)
    root = np.cbrt(mass)
    wide = np.diff(values) > (root[1:] + root[:-1]) ** 1.5
    lower, upper = values[:-1][wide], values[1:][wide]
    if not len(lower):
        return np.concatenate((first, last))
    for poles in (WINDOW, len(values)):  # near poles alone rule most gaps out
        pull, tilt = _powers(values, mass, lower, poles)
        flat = _lowest(tilt, lower, upper)
        passable = pull(flat) < 1
        lower, upper, flat = lower[passable], upper[passable], flat[passable]
    inner = (_crossing(values, mass, flat, lower), _crossing(values, mass, flat, upper))
    return np.sort(np.concatenate((first, *inner, last)))


def _pull(t: np.ndarray, mass: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return 1 − z'(w) (k,)."""
    with np.errstate(divide="ignore"):
        return _blocks(lambda w: (1 / (w[:, None] - t) ** 2) @ mass, w, len(t))


def _crossing(t: np.ndarray, mass: np.ndarray, out: np.ndarray, pole: np.ndarray) -> np.ndarray:
    """Return where z' = 0 between places with z' > 0 and poles: (k,)."""
    out, pole = out.copy(), pole.copy()
    for _ in range(200):
        middle = 0.5 * (out + pole)
        outside = _pull(t, mass, middle) < 1
        moved = np.where(outside, middle, out)
        pole = np.where(outside, pole, middle)
        if np.array_equal(moved, out) and (np.abs(pole - out) <= 1e-15 * np.abs(pole)).all():
            break
        out = moved
        if (np.abs(pole - out) <= 4e-16 * (np.abs(out) + np.abs(pole))).all():
            break
    return out


def _powers(t: np.ndarray, mass: np.ndarray, lower: np.ndarray, poles: int) -> tuple[Power, Power]:
    """Return Σ m / (w − t)² and Σ m / (t − w)³ of the poles near each gap (k,) over `lower`."""
    if poles >= len(t):
        return (
            lambda w: _pull(t, mass, w),
            lambda w: _blocks(lambda w: (1 / (t - w[:, None]) ** 3) @ mass, w, len(t)),
        )
    first = np.clip(np.searchsorted(t, lower) - poles // 2, 0, len(t) - poles)
    near = first[:, None] + np.arange(poles)
    t, mass = t[near], mass[near]
    return (
        lambda w: (mass / (w[:, None] - t) ** 2).sum(axis=-1),
        lambda w: (mass / (t - w[:, None]) ** 3).sum(axis=-1),
    )


def _lowest(tilt: Power, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return where z' is largest between neighbouring poles: (k,)."""
    for _ in range(50):
        middle = 0.5 * (lower + upper)
        with np.errstate(divide="ignore", invalid="ignore"):
            rising = tilt(middle) > 0
        lower, upper = np.where(rising, lower, middle), np.where(rising, middle, upper)
    return 0.5 * (lower + upper)


class Curve:
    """The points w(x + i0) over one interval of the support.

    Parameters
    ----------
    t : (p,) array
        Eigenvalues of the covariance.
    c : float
    start, end : float
        The critical points w at its two edges.

    Attributes
    ----------
    ends : (start, end)
    lo, hi : float
        The interval.
    """

    def __init__(self, t: np.ndarray, c: float, start: float, end: float):
        self.t, self.c = t[t > 0], c * float((t > 0).mean())
        self.ends = (self._refined(start), end)
        self.lo, self.hi = self._place(np.array(self.ends), np.zeros(2))

    def nearby(self, x: np.ndarray) -> np.ndarray:
        """Return w close to w(x + i0), for x (k,) inside the interval."""
        angle, w = self._points
        u, v = CubicSpline(angle, np.stack((np.real(w), np.imag(w)), axis=-1))(self._angle(x)).T
        w = u + 1j * np.maximum(v, 1e-12 * np.abs(u))
        # near 0 the map is a parabola, with its top or bottom at the start
        parabola = self.ends[0] + 1j * np.sqrt(
            np.maximum(x - self.lo, 0.0) / (self.c * (1 / self.t).mean())
        )
        central = np.abs(parabola) < 0.1 * self.t.min()
        w = np.where(central, parabola, w)
        lost = self._improve(w, x, np.arange(len(x)))
        lost = lost[~central[lost]]
        if len(lost):
            w[lost] = self._bracketed(x[lost])
            self._improve(w, x, lost)
        return w

    def _improve(self, w: np.ndarray, x: np.ndarray, active: np.ndarray) -> np.ndarray:
        """Move w towards w(x + i0) by Newton's method, in place; return those still on the way."""
        for _ in range(8):
            new, stays = self._moved(w[active], x[active])
            moved = np.abs(new - w[active])
            w[active] = new
            # the next step would be as small as the square of this one
            active = active[(moved > 1e-8 * np.imag(new)) | stays]
            if not len(active):
                break
        return active

    def _bracketed(self, x: np.ndarray) -> np.ndarray:
        """Return `nearby` by bisection: x ascends with u along the curve."""
        _, w = self._points
        place = np.searchsorted(self._place(np.real(w), np.imag(w))[1:-1], x)
        lo, hi = np.real(w)[place], np.real(w)[place + 1]
        for _ in range(50):
            middle = 0.5 * (lo + hi)
            below = self._place(middle, self._height(middle)) < x
            lo, hi = np.where(below, middle, lo), np.where(below, hi, middle)
        return 0.5 * (lo + hi) + 1j * self._height(0.5 * (lo + hi))

    def _moved(self, w: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return w after a Newton step towards z(w) = x, and where it stayed to remain above."""
        z, slope = self._map(w)
        new = w - (z - x) / slope
        stays = ~(new.imag > 0)
        return np.where(stays, w, new), stays

    def _near(self, w: np.ndarray) -> np.ndarray:
        return np.abs(w) < 0.5 * self.t.min()

    def _near_zero(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return z, z' and z'' of w (k,) near 0, to relative precision also where c is near 1.

        z = w (1 − c − c w ∫ H(dt) / (t − w)).
        """
        rest, c, t = 1.0 - self.c, self.c, self.t

        def means(w: np.ndarray) -> np.ndarray:
            inverse = 1 / (t - w[:, None])
            return np.stack([(inverse**k).mean(axis=1) for k in (1, 2, 3)], axis=-1)

        first, second, third = _blocks(means, w, len(t)).T
        slope = rest - c * w * (2 * first + w * second)
        return w * (rest - c * w * first), slope, -2 * c * (first + w * (2 * second + w * third))

    def _refined(self, w: float) -> float:
        """Return a critical point, to relative precision near 0."""
        at = np.array([w])
        if self._near(at)[0]:
            for _ in range(3):
                _, slope, bend = self._near_zero(at)
                at = at - slope / bend
        return float(at[0])

    def _map(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return z and z' of w (k,), in real arithmetic at half the cost of complex."""
        t, weight = self.t, self.c * self.t**2 / len(self.t)

        def sums(w: np.ndarray) -> np.ndarray:
            ahead = np.real(w)[:, None] - t
            inverse = 1 / (ahead**2 + np.imag(w)[:, None] ** 2)
            square = inverse * inverse
            first = (inverse @ weight, (ahead * inverse) @ weight)
            return np.stack((*first, square @ weight, (ahead * square) @ weight), axis=-1)

        plain, tilted, square, turned = _blocks(sums, w, len(t)).T
        u, v = np.real(w), np.imag(w)
        z = u + self.c * t.mean() + tilted + 1j * v * (1 - plain)
        slope = 1 - (plain - 2 * v**2 * square) + 2j * v * turned
        if (near := self._near(w)).any():
            z[near], slope[near] = self._near_zero(w[near])[:2]
        return z, slope

    @cached_property
    def _points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return points of the curve: the angle of their place, ascending, and w."""
        start, end = self.ends
        u = 0.5 * (start + end) - 0.5 * (end - start) * np.cos(np.linspace(0, np.pi, 17))
        v = self._height(u)
        for _ in range(40):
            angle = self._angle(self._place(u, v))
            far = np.flatnonzero(np.diff(angle) > NEAR)
            if not len(far):
                break
            new = 0.5 * (u[far] + u[far + 1])
            u, v = np.insert(u, far + 1, new), np.insert(v, far + 1, self._height(new))
        angle = self._angle(self._place(u, v))
        keep = np.append(True, np.diff(np.maximum.accumulate(angle)) > 1e-12)
        return angle[keep], (u + 1j * v)[keep]

    def _angle(self, x: np.ndarray) -> np.ndarray:
        half = 0.5 * (self.hi - self.lo)
        return np.arccos(np.clip((0.5 * (self.lo + self.hi) - x) / half, -1, 1))

    def _place(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return Re z(u + iv): (k,)."""
        t = self.t

        def real(w: np.ndarray) -> np.ndarray:
            ahead = np.real(w)[:, None] - t
            return (ahead / (ahead**2 + np.imag(w)[:, None] ** 2)) @ t**2 / len(t)

        w = u + 1j * v
        place = u + self.c * (t.mean() + _blocks(real, w, len(t)))
        if (near := self._near(w)).any():
            place[near] = np.real(self._near_zero(w[near])[0])
        return place

    def _height(self, u: np.ndarray) -> np.ndarray:
        """Return v ≥ 0 with Im z(u + iv) = 0, that is c ∫ t² H(dt) / ((u − t)² + v²) = 1: (k,).

        Newton's method on the inverse of the left side, concave and increasing in s = v², rises to
        the solution from below.
        """
        t, weight = self.t, self.c * self.t**2 / len(self.t)
        spread = (u[:, None] - t) ** 2 if len(t) * len(u) <= BLOCK else None
        if spread is None:
            return _blocks(self._height, u, len(t))
        s = np.maximum((weight - spread).max(axis=1), 1e-30 * self.hi**2)
        for _ in range(60):
            inverse = 1 / (spread + s[:, None])
            pull, slope = inverse @ weight, inverse**2 @ weight
            step = (pull - 1) * pull / slope
            s = np.maximum(s + step, 0.5 * s)
            if (np.abs(step) <= 1e-10 * s).all():
                break
        return np.sqrt(s)
