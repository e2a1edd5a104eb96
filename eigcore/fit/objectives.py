"""Losses, and the function of one vector that the solver minimises."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from eigcore.api import evaluate, vjp
from eigcore.errors import InvalidInput
from eigcore.fit.constraints import Parametrisation
from eigcore.registry import get_backend
from eigcore.spec import EigSpec


def squared(value: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean of (f − y)² and its derivative by f: (N,)."""
    error = value - target
    return float(error @ error) / len(error), 2.0 * error / len(error)


def absolute(value: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean of |f − y| and a subgradient: sign(f − y)/N, zero at zero."""
    error = value - target
    return float(np.abs(error).mean()), np.sign(error) / len(error)


def logistic(value: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean of log(1 + eᶠ) − y f for y in {0, 1}, and its derivative σ(f) − y, over N."""
    loss = np.logaddexp(0.0, value) - target * value
    # σ(f) = (1 + tanh(f/2))/2 never overflows.
    probability = 0.5 * (1.0 + np.tanh(0.5 * value))
    return float(loss.mean()), (probability - target) / len(value)


LOSSES: dict[str, Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]] = {
    "squared": squared,
    "absolute": absolute,
    "logistic": logistic,
}


class Scaling(NamedTuple):
    """Prediction = offset + scale · (eigenvalue): what the target was divided by."""

    scale: float
    offset: float

    @classmethod
    def of(cls, target: np.ndarray, loss: str) -> Scaling:
        """Unit variance around the mean (squared) or the median (absolute); logits as they are."""
        if loss == "logistic":
            return cls(1.0, 0.0)
        center = np.median(target) if loss == "absolute" else np.mean(target)
        return cls(float(np.std(target)), float(center))


class Objective:
    """mean loss(f(z_n), y_n) + penalty · Σ_b ‖W_b‖_F² over the terms b (not over A_0).

    Parameters
    ----------
    spec : EigSpec with as many features as ``design`` has columns.
    design : (N, terms) terms centred and scaled to unit variance.
    target : (N,) in the coordinates of the loss.
    loss : "squared", "absolute" or "logistic".
    parametrisation : from the solver's vector to the matrices W of the scaled terms.
    backend, dtype : who computes, and in which floating-point type.

    Calling it with a vector (n,) returns (value, gradient (n,)) in float64.
    """

    def __init__(
        self,
        spec: EigSpec,
        design: np.ndarray,
        target: np.ndarray,
        *,
        loss: str,
        penalty: float,
        parametrisation: Parametrisation,
        backend: str = "numpy",
        dtype: str = "float64",
    ):
        if loss not in LOSSES:
            raise InvalidInput(f"loss is {loss!r}; expected one of {', '.join(map(repr, LOSSES))}.")
        self.spec, self.target, self.penalty = spec, np.asarray(target, np.float64), penalty
        self.loss, self.parametrisation = LOSSES[loss], parametrisation
        self.name, self.dtype = backend, dtype
        self.backend = get_backend(backend)
        self.design = self._array(design)

    def _array(self, a: np.ndarray):
        return self.backend.asarray(np.ascontiguousarray(a, dtype=self.dtype))

    def values(self, matrices: np.ndarray):
        """Values (N,) float64 and the pullback from (N,) to (1, terms + 1, K), float64."""
        raw, pull = vjp(self.spec, self._array(matrices), self.design, backend=self.name)

        def pullback(cotangent: np.ndarray) -> np.ndarray:
            return np.array(self.backend.to_numpy(pull(self._array(cotangent))[0]), np.float64)

        return np.asarray(self.backend.to_numpy(raw), np.float64), pullback

    def at(self, matrices: np.ndarray, design: np.ndarray) -> np.ndarray:
        """Values (rows,) float64 on other rows: design (rows, terms)."""
        raw = evaluate(self.spec, self._array(matrices), self._array(design), backend=self.name)
        return np.asarray(self.backend.to_numpy(raw), np.float64)

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient (n,) at ``vector`` (n,)."""
        matrices = self.parametrisation.matrices(vector)
        value, pullback = self.values(matrices)
        loss, cotangent = self.loss(value, self.target)
        slope = pullback(cotangent)
        terms = matrices[:, 1:]
        slope[:, 1:] += 2.0 * self.penalty * terms
        loss += self.penalty * float(np.vdot(terms, terms))
        return loss, self.parametrisation.pullback(vector, slope)
