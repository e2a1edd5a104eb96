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
_MOST, _CLOSE, _SMALL = 200, 1e-4, 1e-9
"""Most steps, the length below which the next one would change nothing, and what lacks per row."""
UNBALANCED = "do not balance"
"""What notes about it say."""


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

    def can_balance(self, link: str) -> np.ndarray:
        """Whether a finite shift balances each output (outputs,).

        Not if every target is 0, or one of a class without rows. With ends, not if the mean of the
        targets is at one of them, or beyond.
        """
        low, high = self.ends
        least = self.weight * np.maximum(low, 0.0)
        most = self.weight * np.minimum(high, _largest(link))
        able = (self.wanted > least) & (self.wanted < most)
        return able & (self.predicted > 0.0) & np.isfinite(self.predicted)


def _largest(link: str) -> float:
    """Upper end of the predictions with a link; the lower one is 0."""
    return np.inf if link == "log" else 1.0


def balancing(
    link: str, at: Callable[[np.ndarray], Sums], start: np.ndarray, most: int = _MOST
) -> tuple[np.ndarray, Sums]:
    """Return the shift (outputs,) that balances the sums, and the last sums, close to it.

    Newton's method; the shift is 0 for an output that none balances.

    at : the sums at a shift (outputs,)
    start, most : shift to begin with, and number of steps at most
    """
    shift, found = start, at(start)
    while True:
        able = found.can_balance(link)
        shift = np.where(able, shift, 0.0)
        if link == "log" and np.isinf(found.ends).all():
            ratio = np.divide(found.wanted, found.predicted, where=able, out=np.ones(len(able)))
            return shift + np.log(ratio), found
        wanted = found.wanted
        if link == "softmax":  # the classes with rows share what the others leave
            wanted = wanted * (found.predicted @ able) / max(wanted @ able, _SMALL)
        lack = np.where(able, wanted - found.predicted, 0.0)
        step = np.linalg.lstsq(found.curvature * np.outer(able, able), lack)[0]
        # all predictions are at their ends, which no small step changes
        stuck = (np.diag(found.curvature) == 0.0) & (np.abs(lack) > _SMALL * found.weight)
        step = np.where(stuck, _LONGEST * np.sign(lack), step)
        longest, most = np.abs(step).max(), most - 1
        shift = shift + step * min(1.0, _LONGEST / max(longest, _LONGEST))
        if longest < _CLOSE or most == 0:
            return shift, found
        found = at(shift)


def decisions(model: SpectralModel, problem: Problem) -> np.ndarray:
    """Decisions (rows,) or (rows, outputs) float64 of a model on the rows of a problem."""
    context = problem.context
    rows = Rows(model.encoding.permissive, problem.numbers, context.backend, context.dtype(0))
    return rows_decision(model.static, model.params, rows)


def balanced(
    model: SpectralModel, problem: Problem, before: SpectralModel | None = None, hold: float = 0.0
) -> tuple[SpectralModel, list[str]]:
    """Return the model, balanced on the rows of a problem, and notes; without a link it stays.

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
        return model, []
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

    shift, sums = balancing(link, at, np.zeros(model.outputs))
    return shifted(model, shift), balance_notes(model, sums)


def balance_notes(model: SpectralModel, sums: Sums) -> list[str]:
    """Say which predictions cannot balance, since their bounds leave out the mean of the target."""
    targets, notes = model.static.targets, []
    means, own = sums.wanted / sums.weight, sums.predicted / sums.weight
    low, high = (np.broadcast_to(end, means.shape) for end in sums.ends)
    below = (means <= low) & (low > 0.0)  # a bound at an end of the link leaves nothing out
    above = (means >= high) & (high < _largest(model.static.link))
    for o in np.flatnonzero(below | above):
        under, name = below[o], targets[o] if targets else ""
        side, end = ("lower", low[o]) if under else ("upper", high[o])
        kept = high[o] if under else low[o]
        ends: list[Any] = [None, None if np.isinf(kept) else float(kept)][:: 1 if under else -1]
        typed = ["" if each is None else f"{each:g}" for each in ends]
        advice = f"choose clip={tuple(ends)}, or --clip {','.join(typed)}"
        if targets:
            advice = f'choose clip={{"{name}": {tuple(ends)}}}, or --clip {name}={"/".join(typed)}'
        advice = "leave clip out" if ends == [None, None] else advice
        notes.append(
            f"Predictions{f' of {name!r}' * bool(name)} {UNBALANCED}: on the fitted rows they "
            f"average {own[o]:.4g}, and the target averages {means[o]:.4g}, which clip leaves out "
            f"with its {side} bound {end:g}. For them to balance, {advice}."
        )
    return notes


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
