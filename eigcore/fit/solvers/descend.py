"""Descend on an objective: all steps in one call where its backend can, or one by one."""

from __future__ import annotations

import numpy as np

from eigcore.fit.solvers.lbfgs import GRADIENT_TOL, WINDOW, Callback, Memory, Solution, minimize
from eigcore.fit.solvers.objective import Objective


def descend(
    objective: Objective,
    start: np.ndarray,
    *,
    max_iter: int,
    memory: Memory,
    decrease_tol: float,
    callback: Callback,
) -> Solution:
    """Minimise an objective as `eigcore.fit.solvers.lbfgs.minimize` does, with its parameters.

    A law holds the call to `minimize`. The callback gets an array that the next step overwrites.
    While traced, evaluations are calls of their own, so that each is recorded.
    """
    own = None if objective.rows.backend.traced else objective.descent
    limits = {"max_iter": max_iter, "decrease_tol": decrease_tol}
    if own is None:
        return minimize(objective, start, memory=memory, callback=callback, **limits)
    point = np.array(start, np.float64)
    memory.of_length(len(point))
    pairs = memory.s, memory.y, memory.curvature, memory.added
    value, evaluations, reason, values, memory.added = own(
        point,
        *pairs,
        *(max_iter, WINDOW, GRADIENT_TOL, decrease_tol),
        after=lambda step, value: callback(step, value, point),
    )
    return Solution(point, value, len(values[1:]), evaluations, reason, tuple(values))
