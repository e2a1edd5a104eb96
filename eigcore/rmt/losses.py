"""Losses ℓ(y, h) of generalised linear models, by their second derivative g = ∂²ℓ/∂h²."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.gaussian import inverse_mills

Intervals = tuple[tuple[float, float], ...]
Formula = Callable[[Backend, Array, Array], Array]


@dataclass(frozen=True)
class Loss:
    """A loss ℓ(y, h) of the response y and the linear predictor h = wᵀx.

    Parameters
    ----------
    function : callable, optional
        ``function(y, h)``, entry by entry, in the operators of the backend, which differentiates it
        twice. The derivatives of a law by parameters inside `function` are not followed; those
        inside `curvature` are.
    curvature : callable, optional
        ``curvature(y, h)``, the second derivative g = ∂²ℓ/∂h²; needs no automatic differentiation.
    values : tuple of (low, high), optional
        Intervals that hold all values of g, ascending and disjoint; the ends may be infinite. Edges
        and isolated eigenvalues need them.
    uses_response : bool
        Whether g depends on y.
    name : str
        For messages.

    Examples
    --------
    >>> from eigcore import rmt
    >>> rmt.Loss(curvature=lambda y, h: 1 / (1 + h * h), values=((0.0, 1.0),), uses_response=False)
    Loss(name='your loss', values=((0.0, 1.0),), uses_response=False)
    """

    function: Callable[[Array, Array], Array] | None = field(default=None, repr=False)
    curvature: Callable[[Array, Array], Array] | None = field(default=None, repr=False)
    name: str = "your loss"
    values: Intervals | None = None
    uses_response: bool = True
    formula: Formula | None = field(default=None, repr=False)
    """``formula(backend, y, h)``: the curvature of a built-in loss."""
    pieces: Callable[[Array], tuple[tuple[Array, ...], tuple[float, ...]]] | None = field(
        default=None, repr=False
    )
    """For a g that is constant between places in y: ``pieces(h)`` returns places and values."""
    limits: tuple[float, float] | None = field(default=None, repr=False)
    """Where g is cut off."""

    def clipped(self, low: float, high: float) -> Loss:
        """Return the loss with g cut off at `low` and `high`, for theorems that need a bounded g.

        Quadrature of a cut function is accurate to about 1e-3 only.
        """
        if not low < high:
            raise InvalidInput(f"clipped({low}, {high}): expected low < high. Type: clipped(0, 10)")
        values = None
        if self.values is not None:
            values = tuple((min(max(a, low), high), min(max(b, low), high)) for a, b in self.values)
        else:
            values = ((float(low), float(high)),)
        return replace(self, values=values, limits=(low, high), name=f"{self.name}, clipped")

    def second(self, backend: Backend, y: Array, h: Array) -> Array:
        """Return g(y, h), an array like h."""
        if self.formula is not None:
            g = self.formula(backend, y, h)
        elif self.curvature is not None:
            g = self.curvature(y, h)
        elif self.function is not None:
            g = _by_autodiff(backend, self.function, y, h, self.name)
        else:
            raise InvalidInput(
                "Loss() has neither a function nor a curvature; expected one of them. "
                "Type: Loss(curvature=lambda y, h: …)"
            )
        g = backend.xp.broadcast_to(backend.asarray(g, like=h), h.shape)
        return g if self.limits is None else backend.xp.clip(g, *self.limits)


def _by_autodiff(backend: Backend, function: Any, y: Array, h: Array, name: str) -> Array:
    """Return ∂²ℓ/∂h², with its first derivatives by y and h, in every framework."""
    if not backend.capabilities.autodiff:
        raise InvalidInput(
            f"The second derivative of {name} is not given, and backend {backend.name!r} does not "
            "differentiate. Type: Loss(curvature=lambda y, h: …), or backend='torch' or 'jax'."
        )
    xp = backend.xp

    def total(y: Array, h: Array) -> Array:
        # the cubic term keeps a loss that is linear in h differentiable for torch
        return xp.sum(function(y, h) + 0.0 * h * h * h)

    def first(y: Array, h: Array) -> Array:
        return xp.sum(backend.gradient(lambda b: total(y, b), h)[0])

    def second(y: Array, h: Array) -> Array:
        return backend.gradient(lambda b: first(y, b), h)[0]

    at = backend.detach(y), backend.detach(h)
    by_y, by_h = backend.gradient(lambda a, b: xp.sum(second(a, b)) + 0.0 * xp.sum(a), *at)
    g = backend.detach(second(*at))
    return g + backend.detach(by_h) * (h - at[1]) + backend.detach(by_y) * (y - at[0])


def _logistic(backend: Backend, y: Array, h: Array) -> Array:
    e = backend.xp.exp(-backend.xp.abs(h))
    return e / ((1.0 + e) * (1.0 + e))


def _probit(backend: Backend, y: Array, h: Array) -> Array:
    r = inverse_mills(backend, y * h)
    return r * (r + y * h)


def _huber(backend: Backend, y: Array, h: Array, threshold: float) -> Array:
    return backend.xp.astype(backend.xp.abs(y - h) <= threshold, h.dtype)


LOSSES = {
    "squared": Loss(
        name="squared",
        formula=lambda backend, y, h: backend.xp.ones_like(h),
        values=((1.0, 1.0),),
        uses_response=False,
    ),
    "logistic": Loss(
        name="logistic", formula=_logistic, values=((0.0, 0.25),), uses_response=False
    ),
    "probit": Loss(name="probit", formula=_probit, values=((0.0, 1.0),)),
    "poisson": Loss(
        name="poisson",
        formula=lambda backend, y, h: backend.xp.exp(h),
        values=((0.0, math.inf),),
        uses_response=False,
    ),
    "exponential": Loss(
        name="exponential",
        formula=lambda backend, y, h: backend.xp.exp(-y * h),
        values=((0.0, math.inf),),
    ),
    "phase_retrieval": Loss(
        name="phase_retrieval",
        formula=lambda backend, y, h: 3.0 * h * h - y,
        values=((-math.inf, math.inf),),
    ),
}
NONE = ("hinge", "absolute")
"""Losses without a second derivative."""


def glm_loss(name: str, *, threshold: float = 1.0) -> Loss:
    """Return a built-in loss.

    Parameters
    ----------
    name : {"squared", "logistic", "probit", "poisson", "exponential", "phase_retrieval", "huber"}
        ½(y − h)²; log(1 + e^(−yh)); −log Φ(yh); e^h − yh; e^(−yh); ¼(y − h²)²; Huber's.
    threshold : float
        Of Huber's loss: the residual |y − h| at which it turns linear.

    Returns
    -------
    Loss

    Raises
    ------
    InvalidInput
        If the name is unknown, or the loss has no second derivative.
    """
    if name == "huber":
        if not threshold > 0:
            raise InvalidInput(f"threshold={threshold}; expected a positive number, such as 1.0.")
        return Loss(
            name="huber",
            formula=lambda backend, y, h: _huber(backend, y, h, threshold),
            values=((0.0, 0.0), (1.0, 1.0)),
            pieces=lambda h: ((h - threshold, h + threshold), (0.0, 1.0, 0.0)),
        )
    if name in NONE:
        raise InvalidInput(
            f"The loss {name!r} has no second derivative, so it has no Hessian. Expected a smooth "
            'loss. Type: glm_loss("huber", threshold=0.1) or glm_loss("logistic")'
        )
    if name not in LOSSES:
        known = ", ".join([*LOSSES, "huber"])
        raise InvalidInput(
            f"There is no loss {name!r}. Expected one of {known}, a function ℓ(y, h), or "
            "Loss(curvature=…)."
        )
    return LOSSES[name]


def as_loss(loss: Any) -> Loss:
    """Return a `Loss` from one, a name or a function ℓ(y, h)."""
    if isinstance(loss, Loss):
        return loss
    if callable(loss):
        return Loss(function=loss)
    return glm_loss(loss)
