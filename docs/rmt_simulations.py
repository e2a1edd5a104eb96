"""What theory says and what simulation finds, for the figures of docs/rmt_figures.py.

Most functions return a pair: the theory, and the simulation with its runs along the first axis.
Sizes and runs are arguments, so that a test can ask for less than a figure shows.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import solve
from scipy.sparse.linalg import eigsh
from scipy.special import ndtr
from sklearn.datasets import load_digits

from eigcore import rmt

Pair = tuple[np.ndarray, np.ndarray]
NOISE = 0.25
"""σ² of ridge regression."""


def hessian(kind: str, p: int = 800, n: int = 6000) -> rmt.HessianLaw:
    """Return the law of a panel: logistic, exponential, phase (Fig. 1), two, four (Fig. 2)."""
    first, second = np.eye(p)[:2]
    zero, flat = np.zeros(p), np.full(p, p**-0.5)
    if kind == "logistic":
        return rmt.hessian_glm("logistic", "logistic", first, zero, 2 * second, None, p / n)
    if kind == "exponential":
        return rmt.hessian_glm("exponential", "logistic", first, first, second / 2, None, p / n)
    if kind == "phase":
        w = 0.6 * first + 0.8 * second
        return rmt.hessian_glm("phase_retrieval", "phase_retrieval", None, first, w, None, p / n)
    covariance = np.repeat([1.0, {"two": 2.0, "four": 4.0}[kind]], p // 2)
    return rmt.hessian_glm("logistic", "logistic", None, zero, flat, covariance, p / n)


def spectrum(law: Any, n: int = 6000, seed: int = 0) -> np.ndarray:
    """Return the eigenvalues of one matrix drawn from the model, ascending."""
    return np.linalg.eigvalsh(law.sample(n, np.random.default_rng(seed)))


def negative(kind: str, p: int = 800, n: int = 6000, runs: int = 10) -> tuple[float, np.ndarray]:
    """Return the share of negative eigenvalues: predicted, and found (runs,)."""
    law, x = hessian(kind, p, n), np.linspace(-2, 0, 150)
    drawn = [np.mean(spectrum(law, n, run) < 0) for run in range(runs)]
    return float(np.trapezoid(law.density(x), x)), np.array(drawn)


def data_spike(rho: float, p: int = 512, n: int = 2048, runs: int = 50) -> Pair:
    """Return the largest eigenvalue and its overlap with μ, ‖μ‖² = rho: (2,) and (runs, 2)."""
    zero, mu = np.zeros(p), math.sqrt(rho) * np.eye(p)[0]
    law = rmt.hessian_glm("logistic", "logistic", mu, zero, zero, None, p / n)
    spikes, overlaps = law.spikes(), law.overlaps().get("mu", ())
    found = len(spikes) > 0
    theory = (spikes[0], overlaps[0]) if found else (law.support()[-1, 1], 0.0)
    return np.array(theory), _extremes(law, n, runs, "LA", 0)


def model_spike(norm: float, p: int = 800, n: int = 8000, runs: int = 5) -> Pair:
    """Return the gap left of the bulk and the overlap with w, ‖w‖ = norm: (2,) and (runs, 2)."""
    law = model_law(norm, p, n)
    edge, spikes = law.support()[0, 0], law.spikes()
    theory = (edge - spikes[-1], law.overlaps()["w"][-1]) if len(spikes) else (0.0, 0.0)
    drawn = _extremes(law, n, runs, "SA", 1)
    return np.array(theory), np.stack([edge - drawn[:, 0], drawn[:, 1]], axis=-1)


def model_law(norm: float, p: int = 800, n: int = 8000) -> rmt.HessianLaw:
    """Return the law of logistic regression at w of this norm, from labels without a signal."""
    zero, w = np.zeros(p), norm * np.eye(p)[1]
    return rmt.hessian_glm("logistic", "logistic", None, zero, w, None, p / n)


def _extremes(law: Any, n: int, runs: int, which: str, axis: int) -> np.ndarray:
    """Return an extreme eigenvalue and its overlap with an axis: (runs, 2)."""
    rng, found = np.random.default_rng(1), []
    for _ in range(runs):
        values, vectors = eigsh(law.sample(n, rng), 1, which=which)
        found.append((values[0], vectors[axis, 0] ** 2))
    return np.array(found).reshape(runs, 2)


def digits(n: int, m: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return n and m images of the digits 3 and 8, of norms around 1, with targets ±1."""
    images, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(np.flatnonzero(np.isin(labels, (3, 8))))[: n + m]
    X, y = images[chosen] - images[chosen].mean(axis=0), np.where(labels[chosen] == 3, 1.0, -1.0)
    X /= math.sqrt(np.mean(np.sum(X**2, axis=1)))
    return X[:n], y[:n], X[n:], y[n:]


def features_descent(
    widths: Any, n: int = 240, m: int = 117, gamma: float = 1e-7, runs: int = 30
) -> Pair:
    """Return train and test error of random ReLU features: (k, 2) and (runs, k, 2)."""
    X, y, Z, target = digits(n, m)
    K, cross, test = (rmt.kernel("relu", *pair) for pair in ((X, X), (X, Z), (Z, Z)))
    risks = [rmt.random_features_risk(K, cross, test, y, target, d, gamma) for d in widths]
    theory = np.array([(risk.train, risk.test) for risk in risks])
    rng, found = np.random.default_rng(2), np.empty((runs, len(widths), 2))
    for run, k in np.ndindex(runs, len(widths)):
        W = rng.normal(size=(X.shape[1], widths[k]))
        Phi, new = np.maximum(X @ W, 0), np.maximum(Z @ W, 0)
        beta = Phi.T @ solve(Phi @ Phi.T + n * gamma * np.eye(n), y, assume_a="pos")
        found[run, k] = np.mean((y - Phi @ beta) ** 2), np.mean((target - new @ beta) ** 2)
    return theory, found


def ridge_curve(ratios: Any, p: int = 200) -> np.ndarray:
    """Return the test error of ridge regression at p/n, ridge 0 and the best one: (k, 2)."""
    t, b, n = np.ones(p), np.full(p, 1 / p), p / np.asarray(ratios)
    best = [rmt.best_ridge(t, b, NOISE, each).risk.test for each in n]
    return np.stack([rmt.ridge_risk(t, b, NOISE, 0.0, n).test, np.array(best)], axis=-1)


def ridge_draws(ratios: Any, p: int = 200, runs: int = 20) -> np.ndarray:
    """Return the test error on Gaussian data at p/n, ridge 0 and the best one: (runs, k, 2)."""
    rng, found = np.random.default_rng(3), np.empty((runs, len(ratios), 2))
    for run, k in np.ndindex(runs, len(ratios)):
        n = round(p / ratios[k])
        X, beta = rng.normal(size=(n, p)), rng.normal(size=p) / math.sqrt(p)
        y = X @ beta + math.sqrt(NOISE) * rng.normal(size=n)
        left, s, right = np.linalg.svd(X, full_matrices=False)
        for i, ridge in enumerate((0.0, NOISE * p)):  # n γ, with the best γ = σ²p/(n‖β‖²)
            error = right.T @ (s / (s**2 + ridge) * (left.T @ y)) - beta
            found[run, k, i] = error @ error + NOISE
    return found


def mixture(p: int, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return rows (n, p) of two Gaussian classes of different mean and size, and their labels."""
    labels = np.repeat([0, 1], n // 2)
    X = np.random.default_rng(seed).normal(size=(n, p))
    X *= np.sqrt(np.where(labels, 1 + 8 / math.sqrt(p), 1.0))[:, None]
    X[:, 0] += np.where(labels, -2.0, 2.0)
    return X / math.sqrt(p), labels


def deep_kernel(p: int, n: int, depth: int) -> tuple[rmt.deep.DeepKernel, np.ndarray]:
    """Return the conjugate kernel of centred ReLU layers and the rows it belongs to."""
    X, labels = mixture(p, n)
    return rmt.deep_ck(["relu"] * depth, X, labels), X


def networks(X: np.ndarray, scales: Any, width: int = 2000, runs: int = 20) -> np.ndarray:
    """Return the kernel of random networks of centred ReLU layers, averaged over runs: (n, n)."""
    rng, total = np.random.default_rng(4), np.zeros((len(X), len(X)))
    for _ in range(runs):
        hidden = X.astype(np.float32)
        for scale in scales[:-1]:
            W = rng.standard_normal((hidden.shape[1], width), np.float32)
            mean = float(rmt.hermite("relu", 0, scale)[0])
            hidden = (np.maximum(hidden @ W, 0) - mean) / math.sqrt(width)
        total += hidden @ hidden.T / runs
    return total


class Flow(NamedTuple):
    """A problem of gradient flow: sizes, ‖μ‖², step of the descent, ridge, initial variance σ²."""

    p: int
    n: int
    strength: float
    rate: float
    gamma: float
    start: float = 0.1


def flow_curve(flow: Flow, t: Any) -> np.ndarray:
    """Return the predicted test error at the times t."""
    c, sigma = flow.p / flow.n, math.sqrt(flow.start)
    given = {"rate": flow.rate, "gamma": flow.gamma, "sigma": sigma}
    return rmt.gradient_flow_risk(flow.strength, c, t, **given).test


def flow_draws(flow: Flow, steps: Any, runs: int = 50) -> np.ndarray:
    """Return the test error after these numbers of steps of gradient descent: (runs, k)."""
    rng, found = np.random.default_rng(5), []
    mu, y = math.sqrt(flow.strength) * np.eye(flow.p)[0], np.repeat([-1.0, 1.0], flow.n // 2)
    for _ in range(runs):
        X = np.outer(y, mu) + rng.normal(size=(flow.n, flow.p))
        values, V = np.linalg.eigh(X.T @ X / flow.n + flow.gamma * np.eye(flow.p))
        first = math.sqrt(flow.start / flow.p) * rng.normal(size=flow.p)
        last = V.T @ (X.T @ y) / flow.n / values
        # k steps w ← w − rate (A w − b) in the eigenbasis of A
        left = (1 - flow.rate * values) ** np.asarray(steps)[:, None]
        w = (last + left * (V.T @ first - last)) @ V.T
        found.append(ndtr(-(w @ mu) / np.linalg.norm(w, axis=1)))
    return np.array(found)
