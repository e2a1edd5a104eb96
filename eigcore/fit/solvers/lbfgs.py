"""Limited-memory BFGS with a weak-Wolfe line search.

Sources: Liu & Nocedal, Math. Program. 45 (1989), for the two-loop recursion; Lewis & Overton,
"Nonsmooth optimization via quasi-Newton methods", Math. Program. 141 (2013), algorithm 2.6, for
the line search. The eigenvalue objectives of eigcore have kinks: the *weak* Wolfe conditions can
still be met there, the strong ones cannot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import get_blas_funcs

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]
Watcher = Callable[[int, float, np.ndarray], bool | None]

_axpy, _dot = get_blas_funcs(("axpy", "dot"), dtype=np.float64)

_SUFFICIENT_DECREASE = 1e-4
_CURVATURE = 0.9


@dataclass(frozen=True)
class Solution:
    """What the solver found.

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
        """Whether the descent came to its end, instead of being cut short."""
        return self.reason in ("gradient", "decrease", "no gain")


class _Memory:
    """The last few pairs (s, y) and the product with the inverse Hessian they stand for."""

    def __init__(self, size: int):
        self.pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=size)

    def add(self, s: np.ndarray, y: np.ndarray) -> None:
        # sᵀy > 0 follows from the weak curvature condition; rounding alone can spoil it.
        curvature = float(s @ y)
        if curvature > 1e-14 * float(y @ y) ** 0.5 * float(s @ s) ** 0.5:
            self.pairs.append((s, y, curvature))

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        # Two-loop recursion: −H g with H_0 = (sᵀy / yᵀy) I.
        p = -gradient
        weights = []
        for s, y, curvature in reversed(self.pairs):
            weights.append(_dot(s, p) / curvature)
            p = _axpy(y, p, a=-weights[-1])
        if self.pairs:
            _, y, curvature = self.pairs[-1]
            p *= curvature / _dot(y, y)
        for (s, y, curvature), weight in zip(self.pairs, reversed(weights), strict=True):
            p = _axpy(s, p, a=weight - _dot(y, p) / curvature)
        return p


class _Counted:
    """The objective, counting its calls, reading anything not finite as +inf, keeping the best."""

    def __init__(self, objective: Objective):
        self.objective = objective
        self.calls = 0
        self.best: tuple[float, np.ndarray] | None = None

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        self.calls += 1
        value, gradient = self.objective(x)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return np.inf, np.zeros_like(x)
        if self.best is None or value < self.best[0]:
            self.best = (float(value), x.copy())
        return float(value), gradient


def weak_wolfe(objective: Objective, x, value, gradient, direction, step=1.0, tries=30):
    """Step along ``direction`` that meets the weak Wolfe conditions, by bracketing and bisection.

    f(x + t p) ≤ f(x) + c₁ t gᵀp   and   ∇f(x + t p)ᵀ p ≥ c₂ gᵀp   (Lewis & Overton 2013, alg. 2.6).

    Returns
    -------
    (x_new, value_new, gradient_new), or None when ``tries`` evaluations did not find a decrease.
    When only the curvature condition is missing, the best decrease found is returned.
    """
    slope = float(gradient @ direction)
    low, high, found = 0.0, np.inf, None
    for _ in range(tries):
        trial = x + step * direction
        trial_value, trial_gradient = objective(trial)
        if not trial_value <= value + _SUFFICIENT_DECREASE * step * slope:
            high = step
        else:
            found = (trial, trial_value, trial_gradient)
            if float(trial_gradient @ direction) >= _CURVATURE * slope:
                return found
            low = step
        step = 2.0 * low if high == np.inf else 0.5 * (low + high)
    return found


def minimize(
    objective: Objective,
    start: np.ndarray,
    *,
    max_iter: int = 200,
    memory: int = 20,
    gradient_tol: float = 1e-7,
    decrease_tol: float = 1e-7,
    window: int = 10,
    callback: Watcher | None = None,
) -> Solution:
    """Minimise a function that is differentiable almost everywhere.

    Parameters
    ----------
    objective : x (n,) -> (value, gradient (n,)); a value that is not finite shortens the step.
    start : (n,) float64
    max_iter, memory : number of steps, number of remembered pairs.
    gradient_tol : stop when max |gradient| ≤ gradient_tol.
    decrease_tol : stop when ``window`` steps together gained less than this, relative to |value|.
    callback : called after each step with (iteration, value, x); returning True stops.

    Returns
    -------
    Solution, also after Ctrl-C (``reason == "interrupted"``): the best point seen is never lost.
    """
    counted = _Counted(objective)
    values: list[float] = []
    try:
        reason = _descend(
            counted, np.array(start, dtype=np.float64), values, max_iter, _Memory(memory),
            gradient_tol, decrease_tol, window, callback,
        )  # fmt: skip
    except KeyboardInterrupt:
        reason = "interrupted"
    value, x = counted.best or (np.inf, np.array(start, dtype=np.float64))
    return Solution(x, value, max(len(values) - 1, 0), counted.calls, reason, tuple(values))


def _descend(
    objective, x, values, max_iter, memory, gradient_tol, decrease_tol, window, callback
) -> str:
    value, gradient = objective(x)
    values.append(value)
    for iteration in range(1, max_iter + 1):
        if np.max(np.abs(gradient), initial=0.0) <= gradient_tol:
            return "gradient"
        direction = memory.direction(gradient)
        if not float(gradient @ direction) < 0.0:
            memory.pairs.clear()
            direction = -gradient
        # Without curvature pairs the scale of the first step is unknown: at most length one.
        step = 1.0 if memory.pairs else min(1.0, 1.0 / float(np.linalg.norm(gradient)))
        found = weak_wolfe(objective, x, value, gradient, direction, step)
        if found is None and memory.pairs:
            memory.pairs.clear()
            step = 1.0 / float(np.linalg.norm(gradient))
            found = weak_wolfe(objective, x, value, gradient, -gradient, step)
        if found is None:
            return "line search"
        memory.add(found[0] - x, found[2] - gradient)
        x, value, gradient = found
        values.append(value)
        if callback is not None and callback(iteration, value, x):
            return "stopped"
        if _stalled(values, decrease_tol, window):
            return "decrease"
    return "iterations"


def _stalled(values: list[float], tolerance: float, window: int) -> bool:
    if len(values) <= window:
        return False
    return values[-1 - window] - values[-1] <= tolerance * max(abs(values[-1]), 1e-12)
