"""Descents on the mean loss of encoded rows, composed of a rule and the solver of `eigcore.fit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import block_diag

from eigcore.core.sources import Encoded, MeanLoss
from eigcore.dispatch.registry import get_backend
from eigcore.fit.solvers.lbfgs import Memory, minimize


def composed(task: MeanLoss) -> Callable[..., tuple[Any, ...]]:
    """Return what `Backend.descent` should, step by step on NumPy."""
    objective = _objective(task)

    def descent(
        point: np.ndarray,
        s: np.ndarray,
        y: np.ndarray,
        curvature: np.ndarray,
        added: int,
        steps: int,
        window: int,
        gradient_tol: float,
        decrease_tol: float,
        after: Callable[[int, float], Any] = lambda step, value: None,
    ) -> tuple[Any, ...]:
        def told(step: int, value: float, x: np.ndarray) -> bool:
            point[:] = x
            return bool(after(step, value))

        memory = Memory(len(curvature))
        memory.take(s, y, curvature, added)
        found = minimize(
            objective,
            point,
            max_iter=steps,
            memory=memory,
            gradient_tol=gradient_tol,
            decrease_tol=decrease_tol,
            window=window,
            callback=told,
        )
        point[:] = found.x
        return found.value, found.evaluations, found.reason, [*found.values], memory.added

    return descent


def _objective(task: MeanLoss) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """Return the mean loss of a vector and its gradient."""
    library, along, terms = get_backend("numpy"), block_diag(*task.factors), len(task.mean)
    share = np.full(len(task.target), 1 / len(task.target)) if task.share is None else task.share
    left, right = np.zeros(terms - 1), np.zeros(terms - 1)
    if task.left is not None and task.right is not None:
        left, right = task.left, task.right
    jumps = np.eye(terms, k=1)[:-1] * right[:, None] - np.eye(terms)[:-1] * left[:, None]
    penalty = task.penalty * (np.eye(terms) + jumps.T @ jumps)

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        W = u.reshape(terms + 1, -1).copy()
        W[1:] = along @ W[1:]
        A = W[1:] / task.deviation[:, None]
        params = np.concatenate([(W[0] - task.mean @ A)[None], A])
        source = Encoded(task.bins, params[None]).pencil(library)
        rule, p = task.rule, source.assembled(library)
        found = rule.composed(library, p, "gradient")
        f = np.reshape(found.values, -1) + (0.0 if task.offset is None else task.offset)
        loss, slope = _loss(task.loss, f, task.target)
        d_p = rule.cotangent(
            library, found.gradient, (share * slope).reshape(np.shape(found.values))
        )
        d = source.pulled_back(library, d_p)[0][0]
        pull = penalty @ W[1:]
        d[1:] = (d[1:] - task.mean[:, None] * d[0]) / task.deviation[:, None] + 2 * pull
        d[1:] = along.T @ d[1:]
        return float(share @ loss + np.vdot(pull, W[1:])), d.ravel()

    return objective


def _loss(name: str, f: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if name == "squared":
        return (f - y) ** 2, 2 * (f - y)
    return np.logaddexp(0.0, f) - y * f, 1 / (1 + np.exp(-f)) - y
