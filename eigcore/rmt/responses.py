"""Responses of generalised linear models: the law of y given s = w*ᵀx."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.gaussian import gaussian_nodes, normal_cdf
from eigcore.rmt.losses import Loss

MOST_COUNTS = 2000
"""Counts that an average over a Poisson response may need."""
Outcomes = tuple[Array, Array]


@dataclass(frozen=True)
class Response:
    """The law of y given s = w*ᵀx.

    Parameters
    ----------
    name : str
    outcomes : callable
        ``outcomes(backend, s)`` returns values y (K, m) and probabilities (K, m) for s (K,), m
        outcomes or nodes of a quadrature.
    cdf : callable, optional
        ``cdf(backend, y, s)``, P(response ≤ y), for losses whose second derivative jumps.
    fixed : bool
        Whether the values of the outcomes are the same for all s, such as ±1.
    draw : callable, optional
        ``draw(rng, s)`` returns one y for each s, NumPy arrays (n,).
    """

    name: str
    outcomes: Callable[[Backend, Array], Outcomes] = field(repr=False)
    cdf: Callable[[Backend, Array, Array], Array] | None = field(default=None, repr=False)
    fixed: bool = False
    draw: Callable[[np.random.Generator, np.ndarray], np.ndarray] | None = field(
        default=None, repr=False
    )

    def curvatures(self, backend: Backend, loss: Loss, s: Array, h: Array) -> Outcomes:
        """Return the values of g (K, m) and their probabilities (K, m) given s and h (K,)."""
        xp = backend.xp
        if not loss.uses_response:
            g = loss.second(backend, xp.zeros_like(h), h)[:, None]
            return g, xp.ones_like(g)
        if loss.pieces is not None:
            return self._piecewise(backend, loss, s, h)
        y, chance = self.outcomes(backend, s)
        return loss.second(backend, y, xp.broadcast_to(h[:, None], y.shape)), chance

    def _piecewise(self, backend: Backend, loss: Loss, s: Array, h: Array) -> Outcomes:
        """Return the values of a g that is constant between places in y; both exactly."""
        if self.cdf is None:
            raise InvalidInput(
                f"The second derivative of the loss {loss.name!r} jumps, so the response must have "
                f"a density; {self.name!r} has none. "
                'Type: response=glm_response("linear", noise=0.5)'
            )
        xp = backend.xp
        places, values = loss.pieces(h)  # pyright: ignore
        below = [xp.zeros_like(h), *(self.cdf(backend, at, s) for at in places), xp.ones_like(h)]
        chance = xp.stack([b - a for a, b in pairwise(below)], axis=-1)
        g = xp.stack([value * xp.ones_like(h) for value in values], axis=-1)
        return g, chance

    def sample(self, backend: Backend, s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return one y for each s (n,)."""
        if self.draw is not None:
            return self.draw(rng, s)
        y, chance = map(backend.to_numpy, self.outcomes(backend, backend.asarray(s)))
        chosen = (np.cumsum(chance, axis=-1) < rng.uniform(size=(len(s), 1))).sum(axis=-1)
        return np.take_along_axis(y, np.minimum(chosen, y.shape[-1] - 1)[:, None], -1)[:, 0]


def _noisy(name: str, mean: Callable[[Array], Array], noise: float) -> Response:
    """Return y = mean(s) + noise · ε with ε ~ N(0, 1)."""
    if not noise >= 0 or math.isinf(noise):
        raise InvalidInput(f"noise={noise}; expected a finite standard deviation ≥ 0.")
    nodes, weights = gaussian_nodes(0.4) if noise else (np.zeros(1), np.ones(1))

    def outcomes(backend: Backend, s: Array) -> Outcomes:
        y = mean(s)[:, None] + backend.asarray(noise * nodes, like=s)
        return y, backend.xp.broadcast_to(backend.asarray(weights, like=s), y.shape)

    def cdf(backend: Backend, y: Array, s: Array) -> Array:
        return normal_cdf(backend, (y - mean(s)) / noise)

    def draw(rng: np.random.Generator, s: np.ndarray) -> np.ndarray:
        return mean(s) + noise * rng.normal(size=s.shape)

    return Response(name, outcomes, cdf if noise else None, draw=draw)


def _signs(name: str, chance: Callable[[Backend, Array], Array]) -> Response:
    """Return y = ±1 with P(y = 1) = chance(backend, s)."""

    def outcomes(backend: Backend, s: Array) -> Outcomes:
        xp = backend.xp
        one = xp.ones_like(s)
        both = xp.stack([chance(backend, s), chance(backend, -s)], axis=-1)
        return xp.stack([one, -one], axis=-1), both

    return Response(name, outcomes, fixed=True)


def _counts(backend: Backend, s: Array) -> Outcomes:
    """Return the Poisson counts of mean e^s that matter, and their probabilities."""
    mean = float(np.exp(np.max(backend.to_numpy(backend.detach(s)))))
    most = mean + 12.0 * math.sqrt(mean) + 40.0
    if not most <= MOST_COUNTS:
        raise InvalidInput(
            f"A Poisson response of mean e^s reaches counts of {most:.0f}; expected at most "
            f"{MOST_COUNTS}. Make w_star shorter, or use the loss 'poisson', which needs no counts."
        )
    k = np.arange(int(most) + 1.0)
    factorial = np.array([math.lgamma(each + 1.0) for each in k])
    y, logs = backend.asarray(k, like=s), backend.asarray(factorial, like=s)
    chance = backend.xp.exp(y * s[:, None] - backend.xp.exp(s)[:, None] - logs)
    return backend.xp.broadcast_to(y, chance.shape), chance


def glm_response(name: str, *, noise: float = 0.0) -> Response:
    """Return a built-in response.

    Parameters
    ----------
    name : {"linear", "phase_retrieval", "logistic", "probit", "poisson"}
        y = s + noise · ε; y = s² + noise · ε; y = ±1 with P(y = 1) = 1 / (1 + e^(−s)) or Φ(s);
        counts of mean e^s.
    noise : float
        Standard deviation, of the first two.

    Returns
    -------
    Response

    Raises
    ------
    InvalidInput
        If the name is unknown, or the noise negative.
    """
    if name == "linear":
        return _noisy(name, lambda s: 1.0 * s, noise)
    if name == "phase_retrieval":
        return _noisy(name, lambda s: s * s, noise)
    if name == "logistic":
        return _signs(name, lambda backend, s: 1.0 / (1.0 + backend.xp.exp(-s)))
    if name == "probit":
        return _signs(name, normal_cdf)
    if name == "poisson":
        draw = lambda rng, s: rng.poisson(np.exp(s)).astype(float)  # noqa: E731
        return Response(name, _counts, fixed=True, draw=draw)
    raise InvalidInput(
        f"There is no response {name!r}. Expected linear, phase_retrieval, logistic, probit, "
        "poisson, or a function of s = w*ᵀx that returns y, or y and probabilities."
    )


def as_response(response: Any) -> Response:
    """Return a `Response` from one, a name or a function of s.

    The function returns y (K,) for s (K,), or y and probabilities, both (K, m).
    """
    if isinstance(response, Response):
        return response
    if not callable(response):
        return glm_response(response)

    def outcomes(backend: Backend, s: Array) -> Outcomes:
        found = response(s)
        if isinstance(found, tuple):
            return found
        y = backend.asarray(found, like=s)[:, None]
        return y, backend.xp.ones_like(y)

    return Response("your response", outcomes)
