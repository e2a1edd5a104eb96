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
    library, terms, coordinates = get_backend("numpy"), len(task.mean), _Map(task)
    share = np.full(len(task.target), 1 / len(task.target)) if task.share is None else task.share
    left, right = np.zeros(terms - 1), np.zeros(terms - 1)
    if task.left is not None and task.right is not None:
        left, right = task.left, task.right
    jumps = np.eye(terms, k=1)[:-1] * right[:, None] - np.eye(terms)[:-1] * left[:, None]
    penalty = task.penalty * (np.eye(terms) + jumps.T @ jumps)

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        W = coordinates(u)
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
        d = np.asarray(source.pulled_back(library, d_p)[0][0])
        pull = penalty @ W[1:]
        d[1:] = (d[1:] - task.mean[:, None] * d[0]) / task.deviation[:, None] + 2 * pull
        return float(share @ loss + np.vdot(pull, W[1:])), coordinates.pullback(u, d)

    return objective


def _loss(name: str, f: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if name == "squared":
        return (f - y) ** 2, 2 * (f - y)
    return np.logaddexp(0.0, f) - y * f, 1 / (1 + np.exp(-f)) - y


class _Map:
    """From the vector to the matrices W (terms + 1, K), see `eigcore.core.coordinates`."""

    def __init__(self, task: MeanLoss):
        assert task.coordinates is not None
        factors, self.free, self.bound, join = task.coordinates
        count, self.d = len(self.free) + len(self.bound), int(task.rule.layout.dim)
        self.M = np.asarray(block_diag(*factors)) if factors else np.zeros((0, 0))
        self.join = np.asarray(block_diag(*join)) if join else np.eye(count)
        self.rows, self.columns = np.tril_indices(self.d)
        self.scale = np.where(self.rows == self.columns, 1.0, np.sqrt(2.0))

    def _parts(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """W_0 (K,), u (free, K) and the factors B (semidefinite, d, d) of a vector."""
        K, end = len(self.scale), (1 + len(self.free)) * len(self.scale)
        return u[:K], u[K:end].reshape(-1, K), u[end:].reshape(-1, self.d, self.d)

    def __call__(self, u: np.ndarray) -> np.ndarray:
        constant, own, B = self._parts(u)
        blocks = np.empty((len(self.free) + len(self.bound), len(constant)))
        blocks[self.free] = self.M @ own
        blocks[self.bound] = (B @ B.mT)[:, self.rows, self.columns] * self.scale
        return np.concatenate([constant[None], self.join @ blocks])

    def pullback(self, u: np.ndarray, slope: np.ndarray) -> np.ndarray:
        by_blocks, (_, _, B) = self.join.T @ slope[1:], self._parts(u)
        G = np.empty(B.shape)
        G[:, self.rows, self.columns] = by_blocks[self.bound] / self.scale
        G[:, self.columns, self.rows] = G[:, self.rows, self.columns]
        own = self.M.T @ by_blocks[self.free]
        return np.concatenate([slope[0], own.ravel(), (2.0 * G @ B).ravel()])
