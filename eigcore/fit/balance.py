"""Balance: set the offset so that predictions and targets have the same sum on the fitted rows.

Each member of a fit with a log, logistic or softmax link is balanced, or nearly so. Their average
before the link is not: it is a geometric mean, which is smaller. A shift δ of the decision, one for
each output, corrects this; slopes, and with them all certificates of the decision, stay. δ is where
the convex function Σ w A(f + δ) − δ Σ w y is least; the prediction, the inverse link between the
ends of `clip`, is the derivative of A.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from eigcore.core.canonical import pack
from eigcore.core.spec import EigSpec
from eigcore.dispatch.registry import get_backend
from eigcore.encoding.rows import Rows
from eigcore.fit.data.target import Target
from eigcore.fit.members.direction import sum_of_weights
from eigcore.fit.problem import Problem
from eigcore.model import SpectralModel, link_inverse
from eigcore.portable.tables import rows_decision

KEY = "balance"
"""Key of the shift in the provenance."""
_LONGEST = 0.5
"""Longest step: within it the curvature changes so little that Newton's method contracts."""
_MOST, _CLOSE = 200, 1e-4
"""Most steps, and the length below which the next one would change nothing."""


class Sums(NamedTuple):
    """Sums over some rows at one shift; they add up over batches.

    weight : Σ w
    ends : least and largest prediction, numbers or (outputs,) each
    wanted, predicted : (outputs,) Σ w y and Σ w p
    curvature : (outputs, outputs) derivative of `predicted` by the shift
    """

    weight: float
    ends: tuple[Any, Any]
    wanted: np.ndarray
    predicted: np.ndarray
    curvature: np.ndarray

    @classmethod
    def of(cls, link: str, ends: tuple[Any, Any], decision: np.ndarray, target: Target) -> Sums:
        """Sums over rows with these decisions (rows,) or (rows, outputs)."""
        value = decision.reshape(len(decision), -1)
        value = value if target.offset is None else value + target.offset.reshape(len(value), -1)
        with np.errstate(over="ignore"):
            p = link_inverse(link, value, get_backend("numpy"))
        w = np.ones(len(value)) if target.weights is None else target.weights
        own = target.values.reshape(len(value), -1)
        if link == "softmax":
            own = (own == np.arange(value.shape[1])).astype(np.float64)
            curvature = np.diag(w @ p) - (p.T * w) @ p
        else:
            bend = p * (1.0 - p) if link == "logistic" else p
            curvature = np.diag(w @ np.where((p > ends[0]) & (p < ends[1]), bend, 0.0))
        return cls(float(w.sum()), ends, w @ own, w @ np.clip(p, *ends), curvature)

    def plus(self, other: Sums) -> Sums:
        """Return the sums over both."""
        return Sums(
            self.weight + other.weight,
            self.ends,
            self.wanted + other.wanted,
            self.predicted + other.predicted,
            self.curvature + other.curvature,
        )

    def can_balance(self, link: str) -> bool:
        """Whether a finite shift balances: not if every target is 0, or a class has no rows.

        With ends, not if the mean of the targets is at one of them, or beyond.
        """
        low, high = self.ends
        least = self.weight * np.maximum(low, 0.0)
        most = self.weight * np.minimum(high, np.inf if link == "log" else 1.0)
        inside = ((self.wanted > least) & (self.wanted < most)).all()
        return bool(inside and (self.predicted > 0.0).all() and np.isfinite(self.predicted).all())


def balancing(
    link: str, at: Callable[[np.ndarray], Sums], start: np.ndarray, most: int = _MOST
) -> np.ndarray:
    """Return the shift (outputs,) that balances the sums, by Newton's method; 0 if none does.

    at : the sums at a shift (outputs,)
    start, most : shift to begin with, and number of steps at most
    """
    shift = start
    for _ in range(most):
        found = at(shift)
        if not found.can_balance(link):
            return np.zeros_like(start)
        if link == "log" and np.isinf(found.ends).all():
            return shift + np.log(found.wanted / found.predicted)
        step = np.linalg.lstsq(found.curvature, found.wanted - found.predicted)[0]
        longest = np.abs(step).max()
        shift = shift + step * min(1.0, _LONGEST / max(longest, _LONGEST))
        if longest < _CLOSE:
            break
    return shift


def decisions(model: SpectralModel, problem: Problem) -> np.ndarray:
    """Decisions (rows,) or (rows, outputs) float64 of a model on the rows of a problem."""
    context = problem.context
    rows = Rows(model.encoding.permissive, problem.numbers, context.backend, context.dtype(0))
    return rows_decision(model.static, model.params, rows)


def balanced(
    model: SpectralModel, problem: Problem, before: SpectralModel | None = None, hold: float = 0.0
) -> SpectralModel:
    """Return the model, balanced on the rows of a problem; a model without a link stays.

    Parameters
    ----------
    model : SpectralModel
        Not balanced yet.
    problem : Problem
    before : SpectralModel, optional
        Balanced on earlier rows. These count too, and are taken to be like those of the problem.
    hold : float
        Their weight, divided by that of the problem.
    """
    static, link = model.static, model.static.link
    if link == "identity":
        return model
    own, extra = decisions(model, problem), np.zeros(model.outputs)
    if before is not None:
        then = Sums.of(link, static.ends, decisions(before, problem), problem.target)
        extra = hold * then.predicted

    def at(shift: np.ndarray) -> Sums:
        value = own.reshape(len(own), -1) + shift
        found = Sums.of(link, static.ends, value, problem.target)
        return Sums(
            (1.0 + hold) * found.weight,
            found.ends,
            found.wanted + extra,
            (1.0 + hold) * found.predicted,
            (1.0 + hold) * found.curvature,
        )

    return shifted(model, balancing(link, at, np.zeros(model.outputs)))


def shift_of(model: SpectralModel) -> np.ndarray:
    """Return the shift (outputs,) that balanced a model; 0 if none did."""
    return np.broadcast_to(model.provenance.get(KEY, 0.0), model.outputs)


def unbalanced(model: SpectralModel) -> SpectralModel:
    """Return the model without the shift that balanced it, to resume its fit."""
    plain = shifted(model, -shift_of(model))
    told = {name: value for name, value in plain.provenance.items() if name != KEY}
    return SpectralModel.from_static(plain.static, plain.params, told)


def shifted(model: SpectralModel, shift: np.ndarray) -> SpectralModel:
    """Return a model whose decisions are larger by a shift (outputs,), which is recorded.

    One output: the offset moves. Several: A_0 of each pencil gets a multiple of the identity.
    """
    static, params = model.static, model.params
    if model.outputs == 1:
        static = replace(static, offset=static.offset + float(shift[0]))
    else:
        params = [_raised(each, own, shift / static.scale) for each, own in model.members]
    told = model.provenance | {KEY: (shift_of(model) + shift).tolist()}
    return SpectralModel.from_static(static, params, told)


def _raised(spec: EigSpec, params: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Add to A_0 of each pencil what raises its value by the shift (outputs,)."""
    raised = np.array(params)
    raised[:, 0] += np.outer(shift / sum_of_weights(spec), pack(spec, np.eye(spec.dim)[None])[0])
    return raised
