"""Proximal steps for spectral norms, and a solver with them: it makes columns exactly zero.

Sources: Moreau 1965 for the decomposition; Duchi et al. 2008 for the ℓ₁ ball; Beck & Teboulle 2009
for the accelerated proximal gradient, O'Donoghue & Candès 2015 for its restarts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from eigcore.fit.solvers.lbfgs import Objective, Solution

Prox = Callable[[np.ndarray, float], np.ndarray]
_STEEPEST = 1e8
"""Largest curvature for which a step is still shortened."""


def l1_ball(values: np.ndarray, radius: float) -> np.ndarray:
    """Nearest point with Σ|v_i| ≤ radius: values (n,) -> (n,)."""
    size = np.abs(values)
    if size.sum() <= radius:
        return values
    falling = np.sort(size)[::-1]
    excess = (np.cumsum(falling) - radius) / np.arange(1, len(size) + 1)
    return np.sign(values) * np.maximum(size - excess.max(), 0.0)


def spectral_prox(
    blocks: np.ndarray,
    strength: np.ndarray,
    groups: np.ndarray,
    psd: np.ndarray,
    additive: np.ndarray | None = None,
) -> np.ndarray:
    """argmin_X ½ Σ_b ‖X_b − M_b‖_F² + Σ_j strength_j · max_{b in j} ‖X_b‖₂, X_b ⪰ 0 where psd.

    max_b ‖X_b‖₂ is the largest |eigenvalue| of the blocks of a group together. A function of
    eigenvalues acts on them alone, and prox_{t‖·‖_∞}(λ) = λ − Π(λ), Π the projection onto the ℓ₁
    ball of radius t; for PSD blocks, negative λ are set to 0 first. The blocks of a group are
    exactly zero if the remaining Σ|λ| ≤ strength. The nearest multiple of I has the mean of λ.

    Parameters
    ----------
    blocks : (blocks, d, d) symmetric
    strength : (groups,) non-negative
    groups : (blocks,) the group of each block, 0, 1, …
    psd : (blocks,) bool
    additive : (blocks,) bool, where X_b is a multiple of I, for whole groups; None: nowhere
    """
    values, vectors = np.linalg.eigh(blocks)
    if additive is not None:
        values[additive] = values[additive].mean(1, keepdims=True)
    values[psd] = np.maximum(values[psd], 0.0)
    for group, limit in enumerate(strength):
        own = values[groups == group]
        values[groups == group] = own - l1_ball(own.ravel(), limit).reshape(own.shape)
    return (vectors * values[:, None, :]) @ vectors.mT


def minimize_composite(
    objective: Objective,
    prox: Prox,
    start: np.ndarray,
    *,
    max_iter: int = 300,
    tolerance: float = 1e-5,
    window: int = 10,
    stop: Callable[[], bool] = lambda: False,
) -> Solution:
    """Minimise f + g: accelerated proximal gradient with backtracking and restarts.

    Parameters
    ----------
    objective : x (n,) -> (f, gradient (n,))
    prox : (x, t) -> argmin_z ½‖z − x‖² + t g(z)
    start : (n,) float64
    max_iter, tolerance, window : stop after ``max_iter`` steps, or when ``window`` of them moved x
        by less than ``tolerance`` in all, relative to its length
    stop : called after every step; returning True stops

    Returns
    -------
    Solution; its values are those of f, at the extrapolated points.
    """
    x = ahead = np.array(start, dtype=np.float64)
    momentum, curvature = 1.0, 1.0
    values, moves, calls, reason = [], [], 0, "iterations"
    for _ in range(max_iter):
        value, gradient = objective(ahead)
        values.append(value)
        calls += 1
        while True:
            new = prox(ahead - gradient / curvature, 1.0 / curvature)
            step, calls = new - ahead, calls + 1
            bound = value + float(gradient @ step) + 0.5 * curvature * float(step @ step)
            if objective(new)[0] <= bound + 1e-12 * abs(value) or curvature >= _STEEPEST:
                break
            curvature *= 2.0
        if float((ahead - new) @ (new - x)) > 0.0:
            momentum = 1.0
        after = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        ahead = new + (momentum - 1.0) / after * (new - x)
        moves.append(float(np.linalg.norm(new - x)))
        x, momentum, curvature = new, after, 0.8 * curvature
        if len(moves) >= window and sum(moves[-window:]) <= tolerance * float(np.linalg.norm(x)):
            reason = "decrease"
            break
        if stop():
            reason = "stopped"
            break
    return Solution(x, values[-1], len(values), calls, reason, tuple(values))
