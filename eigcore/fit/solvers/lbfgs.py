"""Limited-memory BFGS with a weak-Wolfe line search.

Sources: Liu & Nocedal, Math. Program. 45 (1989), for the two-loop recursion; Lewis & Overton,
"Nonsmooth optimization via quasi-Newton methods", Math. Program. 141 (2013), algorithm 2.6, for
the line search. The eigenvalue objectives of eigcore have kinks: the *weak* Wolfe conditions can
still be met there, the strong ones cannot. SciPy's L-BFGS-B reaches equally low objectives but
takes longer (docs/notes/solver.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import get_blas_funcs

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]
Callback = Callable[[int, float, np.ndarray], bool | None]

_axpy, _dot = get_blas_funcs(("axpy", "dot"), dtype=np.float32)

GRADIENT_TOL, WINDOW = 1e-7, 10
_SUFFICIENT_DECREASE = 1e-4
_CURVATURE = 0.9
_LEAST_COSINE = 1e-6
"""Least sᵀy / (‖s‖ ‖y‖) of a pair that is remembered: below, rounding may change the sign."""


@dataclass(frozen=True)
class Solution:
    """Result of the solver.

    ``x`` (n,) is the best point seen, ``value`` its objective, ``reason`` one of ``"gradient"``,
    ``"decrease"``, ``"iterations"``, ``"line search"``, ``"stopped"``, ``"interrupted"``;
    ``values`` (iterations + 1,) the objective after every accepted step. With early stopping,
    ``x`` is the best point on the rows ``watched``, the losses there after each step, and the
    reason may be ``"no gain"``.
    """

    x: np.ndarray
    value: float
    iterations: int
    evaluations: int
    reason: str
    values: tuple[float, ...]
    watched: tuple[float, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the descent converged instead of being cut short."""
        return self.reason in ("gradient", "decrease", "no gain")


class Memory:
    """The last few pairs (s, y) of a descent, and the product with the inverse Hessian they define.

    Both are divided by ‖s‖, which changes no product, and kept in float32, twice as many in a
    cache: what rounding adds to a direction is far below what few pairs leave out.

    size : largest number of pairs

    Pair number i is row i % size of ``s`` and ``y`` (size, n), with its sᵀy in ``curvature``
    (size,); ``added`` were ever added.
    """

    def __init__(self, size: int = 20):
        none = np.empty((size, 0), np.float32)
        self.take(none, none, np.empty(size), 0)

    def take(self, s: np.ndarray, y: np.ndarray, curvature: np.ndarray, added: int) -> None:
        """Remember what these arrays hold, and write what is new into them."""
        self.s, self.y, self.curvature, self.added = s, y, curvature, added
        self._rows = [*s], [*y]  # to index a list is faster

    def copy(self) -> Memory:
        """Return another memory with the same pairs, for a descent that goes on from here."""
        other = Memory()
        other.take(self.s.copy(), self.y.copy(), self.curvature.copy(), self.added)
        return other

    def of_length(self, n: int) -> Memory:
        """Make room for pairs of vectors (n,), and forget those of another length."""
        if self.s.shape[1] != n:
            s, y = np.empty((2, len(self.curvature), n), np.float32)
            self.take(s, y, self.curvature, 0)
        return self

    def clear(self) -> None:
        """Forget all pairs."""
        self.added = 0

    def __bool__(self) -> bool:
        return self.added > 0

    def add(self, s: np.ndarray, y: np.ndarray) -> None:
        """Remember a pair (n,), unless rounding has spoilt sᵀy > 0 of the weak Wolfe conditions."""
        length, curvature = _length(s), float(s @ y)
        if curvature > _LEAST_COSINE * _length(y) * length and len(self.curvature):
            row = self.added % len(self.curvature)
            self.s[row], self.y[row] = s / length, y / length
            self.curvature[row] = curvature / length**2
            self.added += 1

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """Return −H g (n,) by the two-loop recursion, with H_0 = (sᵀy / yᵀy) I."""
        if not self:
            return -gradient
        size, length = len(self.curvature), _length(gradient)
        rows = [i % size for i in range(max(self.added - size, 0), self.added)]
        (s, y), curvature = self._rows, self.curvature.tolist()
        p = (gradient / -length).astype(np.float32)
        weights = {}
        for i in reversed(rows):
            weights[i] = _dot(s[i], p) / curvature[i]
            p = _axpy(y[i], p, a=-weights[i])
        last = rows[-1]
        p *= curvature[last] / _dot(y[last], y[last])
        for i in rows:
            p = _axpy(s[i], p, a=weights[i] - _dot(y[i], p) / curvature[i])
        return length * p.astype(np.float64)


def _length(a: np.ndarray) -> float:
    return math.sqrt(np.vdot(a, a))


class Point(NamedTuple):
    """A point (n,) with its value and gradient (n,)."""

    x: np.ndarray
    value: float
    gradient: np.ndarray


class _Counted:
    """The objective: it counts calls, reads non-finite values as +inf, and keeps the best point."""

    def __init__(self, objective: Objective):
        self.objective = objective
        self.calls = 0
        self.best: Point | None = None

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        self.calls += 1
        value, gradient = self.objective(x)
        value = float(value)
        if not (math.isfinite(value) and _is_finite(gradient)):
            return np.inf, np.zeros_like(x)
        if self.best is None or value < self.best.value:
            self.best = Point(x, value, gradient)
        return value, gradient


def _is_finite(a: np.ndarray) -> bool:
    return math.isfinite(np.vdot(a, a)) or bool(np.isfinite(a).all())  # squares may overflow


def _exceeds(a: np.ndarray, bound: float) -> bool:
    # ‖a‖₂² ≤ n max |a|²
    return bool(np.vdot(a, a) > a.size * bound**2 or np.abs(a).max(initial=0.0) > bound)


def weak_wolfe(
    objective: Objective, start: Point, direction: np.ndarray, step: float = 1.0, tries: int = 30
) -> Point | None:
    """Step along ``direction`` that meets the weak Wolfe conditions, by bracketing and bisection.

    f(x + t p) ≤ f(x) + c₁ t gᵀp   and   ∇f(x + t p)ᵀ p ≥ c₂ gᵀp   (Lewis & Overton 2013, alg. 2.6).

    Returns
    -------
    The new point, or None if ``tries`` evaluations found no decrease. If only the curvature
    condition fails, the best decrease found is returned.
    """
    slope = float(start.gradient @ direction)
    low, high, found = 0.0, np.inf, None
    for _ in range(tries):
        x = start.x + step * direction
        trial = Point(x, *objective(x))
        if not trial.value <= start.value + _SUFFICIENT_DECREASE * step * slope:
            high = step
        else:
            found = trial
            if float(trial.gradient @ direction) >= _CURVATURE * slope:
                return found
            low = step
        step = 2.0 * low if high == np.inf else 0.5 * (low + high)
    return found


def minimize(
    objective: Objective,
    start: np.ndarray,
    *,
    max_iter: int = 200,
    memory: int | Memory = 20,
    gradient_tol: float = GRADIENT_TOL,
    decrease_tol: float = 1e-7,
    window: int = WINDOW,
    callback: Callback | None = None,
) -> Solution:
    """Minimise a function that is differentiable almost everywhere.

    Parameters
    ----------
    objective : x (n,) -> (value, gradient (n,)); a value that is not finite shortens the step.
    start : (n,) float64
    max_iter : largest number of steps.
    memory : number of remembered pairs; or what an earlier descent of nearly the same function
        remembers, which becomes what this one does.
    gradient_tol : stop when max |gradient| ≤ gradient_tol.
    decrease_tol : stop when ``window`` steps together gain less than this, relative to |value|.
    callback : called after each step with (iteration, value, x); returning True stops.

    Returns
    -------
    Solution, also after Ctrl-C (``reason == "interrupted"``): the best point seen is never lost.
    """
    counted, values = _Counted(objective), []
    x = np.array(start, dtype=np.float64)
    reason = "iterations"
    try:
        point = Point(x, *counted(x))
        values.append(point.value)
        pairs = (Memory(memory) if isinstance(memory, int) else memory).of_length(len(x))
        for iteration in range(1, max_iter + 1):
            if not _exceeds(point.gradient, gradient_tol):
                reason = "gradient"
                break
            new = _next(counted, point, pairs)
            if new is None:
                reason = "line search"
                break
            point = new
            values.append(point.value)
            if callback is not None and callback(iteration, point.value, point.x):
                reason = "stopped"
                break
            if _stalled(values, decrease_tol, window):
                reason = "decrease"
                break
    except KeyboardInterrupt:
        reason = "interrupted"
    best = counted.best or Point(x, np.inf, x)
    steps = max(len(values) - 1, 0)
    return Solution(best.x, best.value, steps, counted.calls, reason, tuple(values))


def _next(objective: Objective, point: Point, memory: Memory) -> Point | None:
    """Take a quasi-Newton step, or a steepest-descent step if that fails; None if both fail."""
    gradient = point.gradient
    direction = memory.direction(gradient)
    if not float(gradient @ direction) < 0.0:
        memory.clear()
        direction = -gradient
    # Without curvature pairs the scale of the first step is unknown: at most length one.
    length = 1.0 if memory else min(1.0, 1.0 / float(np.linalg.norm(gradient)))
    found = weak_wolfe(objective, point, direction, length)
    if found is None and memory:
        memory.clear()
        found = weak_wolfe(objective, point, -gradient, 1.0 / float(np.linalg.norm(gradient)))
    if found is not None:
        memory.add(found.x - point.x, found.gradient - gradient)
    return found


def _stalled(values: list[float], tolerance: float, window: int) -> bool:
    if len(values) <= window:
        return False
    return values[-1 - window] - values[-1] <= tolerance * max(abs(values[-1]), 1e-12)
