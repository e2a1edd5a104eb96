"""Losses, and the function of one vector that the solver minimises."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.fit.constraints import Parametrisation
from eigcore.rows import Rows


def squared(value: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean of (f − y)² and its derivative by f: (N,)."""
    error = value - target
    # not error @ error: threads of BLAS wait for each other longer than this takes
    return float(np.square(error).mean()), 2.0 * error / len(error)


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
    rows : Rows of the N training rows; they know who computes, and in which type.
    target : (N,) in the coordinates of the loss.
    loss : "squared", "absolute" or "logistic".
    parametrisation : from the solver's vector to the matrices W of the scaled terms.

    Calling it with a vector (n,) returns (value, gradient (n,)) in float64.
    """

    def __init__(
        self,
        rows: Rows,
        target: np.ndarray,
        *,
        loss: str,
        penalty: float,
        parametrisation: Parametrisation,
    ):
        if loss not in LOSSES:
            raise InvalidInput(f"loss is {loss!r}; expected one of {', '.join(map(repr, LOSSES))}.")
        self.rows, self.target, self.penalty = rows, np.asarray(target, np.float64), penalty
        self.loss, self.parametrisation = LOSSES[loss], parametrisation

    def values(self, vector: np.ndarray, rows: Rows | None = None) -> np.ndarray:
        """Values (N,) float64 of the neuron on these rows, or on others."""
        return self._vjp(self.parametrisation.matrices(vector), rows or self.rows)[0]

    def _vjp(self, scaled: np.ndarray, rows: Rows):
        """Values (N,) and the pullback from (N,) to (1, terms + 1, K) by W, all float64."""
        to_numpy, fold = rows.backend.to_numpy, self.parametrisation
        raw, pull = rows.vjp(fold.spec, fold.fold(scaled))

        def pullback(cotangent: np.ndarray) -> np.ndarray:
            return fold.fold_pullback(np.asarray(to_numpy(pull(cotangent)), np.float64))

        return np.asarray(to_numpy(raw), np.float64), pullback

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient (n,) at ``vector`` (n,)."""
        matrices = self.parametrisation.matrices(vector)
        value, pullback = self._vjp(matrices, self.rows)
        loss, cotangent = self.loss(value, self.target)
        slope = pullback(cotangent)
        terms = matrices[:, 1:]
        slope[:, 1:] += 2.0 * self.penalty * terms
        loss += self.penalty * float(np.vdot(terms, terms))
        return loss, self.parametrisation.pullback(vector, slope)
