"""Edges of a support whose inverse map is not explicit: critical points of the equation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.optimize

from eigcore.core.arrays import Array
from eigcore.errors import NotConverged

if TYPE_CHECKING:
    from eigcore.rmt.equation import EquationLaw

POINTS, HALVINGS = 400, 6
"""Places that are tried, and halvings of the distance between two of them that differ."""
BLIND, HARD = 1e-8, 1e-6
"""Parts of the span: next to an atom its mass hides the density; next to `hard_places` a place of
no finite density is one of them."""
LEAST, CIRCLE, ROUNDS = 1e-5, 16, 24
"""The least mass of a bulk; half of the points of a circle; halvings on the way to a bulk."""


class Edge(NamedTuple):
    """One end of an interval of the support.

    place : its place
    d : the real solution δ there, (k,) or (1,); None where the density is not finite
    """

    place: float
    d: np.ndarray | None


def found_edges(law: EquationLaw) -> list[Edge]:
    """Return the edges of a law on NumPy, ascending.

    Off the support the imaginary part of δ(x + iη) is proportional to η; on it, it is not. Two
    places that differ in this are moved together, and then to the critical point between them,
    where the Jacobian of the equation is singular.
    """
    lo, hi = law._span()
    if sum(float(mass) for _, mass in law.atoms()) > 1 - 1e-12:
        return []
    margin = 0.01 * (hi - lo) + 1e-12
    turn = (1 - np.cos(np.linspace(0, np.pi, POINTS))) / 2
    x = lo - margin + (hi - lo + 2 * margin) * turn
    if lo >= 0 < hi:
        x = np.unique(np.concatenate((x, hi * np.geomspace(1e-8, 1, POINTS // 4))))
    atoms = np.array([float(place) for place, _ in law.atoms()])
    x = x[(np.abs(x[:, None] - atoms) > BLIND * law.size).all(axis=1)]
    out, height = off_support(law, x)
    more = [thin_bulks(law, x, out), narrow_gaps(law, x, out, height)]
    x, first = np.unique(np.concatenate((x, *(places for places, _ in more))), return_index=True)
    out = np.concatenate((out, *(outside for _, outside in more)))[first]
    change = np.flatnonzero(out[1:] != out[:-1])
    left, right, starts = x[change], x[change + 1], out[change]
    found = _refined(law, left, right, starts)
    return _hardened([found[place] for place in sorted(found)], law.hard_places(), HARD * law.size)


def _hardened(edges: list[Edge], places: list[float], near: float) -> list[Edge]:
    """Return edges moved to the places that they are next to, without empty intervals."""
    found: list[Edge] = []
    for edge in edges:
        close = near if edge.d is None else 1e-6 * near
        if own := [x for x in places if abs(x - edge.place) < close]:
            edge = edge._replace(place=own[0])
        if len(found) % 2 and edge.place == found[-1].place:
            found.pop()
        else:
            found.append(edge)
    return found


def _refined(
    law: EquationLaw, left: np.ndarray, right: np.ndarray, starts: np.ndarray
) -> dict[float, Edge]:
    """Return the edge between each two places, of which `starts` says if the left one is off."""
    found: dict[float, Edge] = {}
    for _ in range(6):
        for _ in range(HALVINGS if len(left) else 0):
            middle = 0.5 * (left + right)
            same = off_support(law, middle)[0] == starts
            left, right = np.where(same, middle, left), np.where(same, right, middle)
        outer = np.where(starts, left, right)
        done = np.zeros(len(left), bool)
        for j, place in enumerate(outer):
            edge = _polished(law, place, max(4 * abs(right[j] - left[j]), 1e-9))
            if edge is not None:
                found[edge.place], done[j] = edge, True
        left, right, starts = left[~done], right[~done], starts[~done]
        if not len(left):
            break
    return found | {
        float(place): Edge(float(place), None) for place in np.where(starts, left, right)
    }


def off_support(law: EquationLaw, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whether real places (k,) lie off the support, and Im m just above, without atoms."""
    lo, hi = law._span()
    height = 1e-9 * max(hi - lo, abs(hi), abs(lo))
    near, far = x + 0.125j * height, x + 1j * height
    d = law.started(far, promised=1e-6)  # at a cusp no residual is small
    parts = [
        law._value(d, far, *law.parameters),
        law._value(law.solved(near, d, promised=1e-6), near, *law.parameters),
    ]
    for place, mass in law.atoms():
        parts = [m - mass / (place - z) for m, z in zip(parts, (far, near), strict=True)]
    return parts[0].imag > 4 * parts[1].imag, parts[0].imag


def thin_bulks(law: EquationLaw, x: np.ndarray, out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places inside bulks of mass above LEAST between places off the support, and others.

    The mass between two of them is the integral of m over the circle through both.
    """
    run = np.flatnonzero(np.diff(np.concatenate(([False], out, [False]))))
    left, right = x[run[::2]], x[run[1::2] - 1]
    left, right = left[left < right], right[left < right]
    found, outside = [x[:0]], [out[:0]]
    for _ in range(ROUNDS):
        inside = _mass(law, left, right) > LEAST if len(left) else np.zeros(0, bool)
        if not inside.any():
            break
        left, right = left[inside], right[inside]
        middle = left + 0.382 * (right - left)  # not where a symmetric law has m = 0
        off, _ = off_support(law, middle)
        found.append(middle)
        outside.append(off)
        left, right = (
            np.concatenate(both) for both in ((left[off], middle[off]), (middle[off], right[off]))
        )
    return np.concatenate(found), np.concatenate(outside)


def _mass(law: EquationLaw, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the mass between places off the support, without atoms: (k,)."""
    turn = np.exp(1j * np.pi * (np.arange(CIRCLE) + 0.5) / CIRCLE)
    arm = 0.5 * (right - left)[:, None] * turn
    z = (0.5 * (left + right)[:, None] + arm).reshape(-1)
    m = law._value(law.started(z), z, *law.parameters).reshape(arm.shape)
    found = -(m * arm).real.mean(axis=1)
    for place, mass in law.atoms():
        found -= np.where((left < place) & (place < right), float(mass), 0.0)
    return found


def narrow_gaps(
    law: EquationLaw, x: np.ndarray, out: np.ndarray, height: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return places off the support next to the least densities, if there are any.

    Near a gap too narrow for the grid the density is like a cube root, a minimum on any grid. It is
    followed to the bottom; the edges of the gap are critical points, as all others.
    """
    inner = ~out
    lowest = inner[1:-1] & inner[:-2] & inner[2:]
    lowest &= (height[1:-1] <= height[:-2]) & (height[1:-1] <= height[2:])
    at = np.flatnonzero(lowest) + 1
    left, right, found = x[at - 1], x[at + 1], [x[:0]]
    for _ in range(ROUNDS // 2):
        if not len(left):
            break
        places = left[:, None] + (right - left)[:, None] * np.linspace(0, 1, 9)
        off, level = (each.reshape(places.shape) for each in off_support(law, places.reshape(-1)))
        found.append(places[off])
        open_, best = ~off.any(axis=1), level[:, 1:-1].argmin(axis=1) + 1
        rows = np.arange(len(best))
        left, right = places[rows, best - 1][open_], places[rows, best + 1][open_]
    gaps = np.concatenate(found)
    return gaps, np.ones(len(gaps), bool)


def _polished(law: EquationLaw, place: float, near: float) -> Edge | None:
    """Return the critical point next to a place off the support, or None."""
    try:
        start = np.real(law.started(np.array([place + 0j]))).reshape(-1)
    except ArithmeticError:
        return None
    k = len(start)

    def equations(y: np.ndarray) -> np.ndarray:
        residual, jacobian, _ = _parts(law, y[:k], y[k])
        return np.append(residual, np.linalg.det(jacobian))

    with np.errstate(all="ignore"):
        result = scipy.optimize.root(equations, np.append(start, place), tol=1e-14)
        worst = np.abs(equations(result.x))
    good = np.isfinite(worst).all() and worst[:k].max() < 1e-10 and worst[k] < 1e-7
    if not good or abs(result.x[k] - place) > near:
        return None
    return Edge(float(result.x[k]), result.x[:k])


def _parts(law: EquationLaw, d: np.ndarray, x: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return F(δ, x) (k,), its Jacobian (k, k) by δ and its derivative (k,) by x, all real."""

    def residual(d: np.ndarray, x: complex) -> np.ndarray:
        given = d[None, :] if law.system else d
        return (law._step(given, np.array([x]), *law.parameters) - given).reshape(-1)

    # F is real on the real axis: Im F(δ + ih) / h is the derivative, without cancellation
    h, at = 1e-30, d + 0j
    columns = [np.imag(residual(at + 1j * h * one, x + 0j)) / h for one in np.eye(len(d))]
    by_x = np.imag(residual(at, x + 1j * h)) / h
    return np.real(residual(at, x + 0j)), np.stack(columns, axis=-1), by_x


def attached(law: EquationLaw, edges: list[Edge]) -> Array:
    """Return the edges as intervals (k, 2) of the law's backend, with their derivative.

    At an edge F(δ, x, θ) = 0 and lᵀ ∂F/∂δ = 0 for a vector l, so lᵀ ∂F/∂x dx = −lᵀ ∂F/∂θ dθ.
    """
    backend = law.backend
    places = np.array([edge.place for edge in edges])
    if len(places) % 2:
        raise NotConverged(
            f"The {law.name} has {len(places)} edges near {places.tolist()}; expected two for each "
            "interval. Move its parameters away from where two intervals meet."
        )
    places = places.reshape(-1, 2)
    if not backend.capabilities.autodiff or not len(places):
        return backend.asarray(places)
    found = []
    for edge in edges:
        place = backend.asarray(np.array(edge.place))
        if edge.d is not None:
            _, jacobian, by_x = _parts(law.host, edge.d, edge.place)
            null = np.linalg.svd(jacobian)[0][:, -1]
            weights = null / (null @ by_x)
            d = backend.asarray((edge.d[None, :] if law.system else edge.d) + 0j)
            z = backend.asarray(np.array([edge.place + 0j]))
            gap = backend.xp.real(law._step(d, z, *law.parameters) - d)
            moved = backend.xp.sum(backend.xp.reshape(gap, (-1,)) * backend.asarray(weights))
            place = place - moved
        found.append(place)
    return backend.xp.reshape(backend.xp.stack(found), (-1, 2))
