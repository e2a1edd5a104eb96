"""The function of one vector that the solver minimises."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from eigcore.core.rules import rule_of
from eigcore.core.sources import MeanLoss
from eigcore.encoding.rows import Rows
from eigcore.fit.losses import Loss, Targets
from eigcore.fit.members.parametrisation import Parametrisation

Slopes = tuple[np.ndarray, np.ndarray | None]
"""Gradients by the matrices (1, terms + 1, K), and by learned weights (d,)."""


class Objective:
    """mean loss(f(z_n), y_n) + penalty · R(W) + hold · Σ_b ‖W_b − anchor_b‖_F².

    R(W) = Σ_b ‖W_b‖_F² + Σ_b ‖right_b W_{b+1} − left_b W_b‖_F² runs over the terms b, without A_0;
    the hold includes A_0.

    Parameters
    ----------
    rows : Rows of the N training rows, with their backend and type.
    targets : Targets of these rows.
    loss : Loss, with one decision per pencil.
    parametrisation : from one pencil's vector to the matrices W of the scaled terms. With several
        decisions per row the solver's vector joins the pencils' vectors.
    anchor, hold : vector to stay near, and how strongly
    smooth : left and right, (terms − 1,) each, or None for zeros

    Calling it with a vector (n,) returns (value, gradient (n,)) in float64.
    """

    def __init__(
        self,
        rows: Rows,
        targets: Targets,
        *,
        loss: Loss,
        penalty: float,
        parametrisation: Parametrisation,
        anchor: np.ndarray | None = None,
        hold: float = 0.0,
        smooth: tuple[np.ndarray, np.ndarray] | None = None,
    ):
        self.rows, self.targets, self.penalty, self.hold = rows, targets, penalty, hold
        self.loss, self.parametrisation, self.smooth = loss, parametrisation, smooth
        self.anchors: list[np.ndarray | float] = [0.0] * loss.outputs
        if anchor is not None:
            parts = anchor.reshape(loss.outputs, -1)
            self.anchors = [parametrisation.matrices(part) for part in parts]

    def values(self, vector: np.ndarray, rows: Rows | None = None) -> np.ndarray:
        """Decisions (N,) or (N, outputs) float64 on the training rows, or on other rows."""
        parts = vector.reshape(self.loss.outputs, -1)
        return self._joined([self.value(part, rows) for part in parts])

    def value(self, part: np.ndarray, rows: Rows | None = None) -> np.ndarray:
        """Values (N,) of one pencil."""
        rows, fold = rows or self.rows, self.parametrisation
        params = fold.fold(fold.matrices(part))
        if fold.learned is not None:
            found, _ = rows.spectrum(fold.spec, params)
            return np.asarray(rows.backend.to_numpy(found), np.float64) @ fold.weights(part)
        return np.asarray(rows.values(fold.spec, params), np.float64)

    def _joined(self, values: list[np.ndarray]) -> np.ndarray:
        return values[0] if self.loss.outputs == 1 else np.stack(values, axis=-1)

    def _vjp(
        self, part: np.ndarray, scaled: np.ndarray, rows: Rows
    ) -> tuple[np.ndarray, Callable[[np.ndarray], Slopes]]:
        """Values (N,), and the pullback (N,) -> slopes by W and the weights, all float64."""
        to_numpy, fold = rows.backend.to_numpy, self.parametrisation
        w = None if fold.learned is None else fold.weights(part)
        raw, pull = (rows.vjp if w is None else rows.spectrum)(fold.spec, fold.fold(scaled))
        found = np.asarray(to_numpy(raw), np.float64)

        def pullback(g: np.ndarray) -> Slopes:
            by_matrices = to_numpy(pull(g if w is None else g[:, None] * w))
            by_weights = None if w is None else g @ found
            return fold.fold_pullback(np.asarray(by_matrices, np.float64)), by_weights

        return found if w is None else found @ w, pullback

    @cached_property
    def kernel(self) -> Callable[[np.ndarray, np.ndarray], float] | None:
        """The kernel of one pencil's matrices and their slope; see `Backend.mean_loss`."""
        return None if self._task is None else self.rows.backend.mean_loss(self._task)

    @cached_property
    def descent(self) -> Callable[..., tuple[Any, ...]] | None:
        """Descents in one call; see `Backend.descent`."""
        return None if self._task is None else self.rows.backend.descent(self._task)

    @cached_property
    def _task(self) -> MeanLoss | None:
        loss, fold, bins = self.loss.kernel, self.parametrisation, self.rows.bins
        if loss is None or bins is None or fold.learned is not None or self.hold:
            return None
        target, weights, offset = self.targets
        share = None if weights is None else weights / weights.sum()
        scales, jumps = (fold.mean, fold.deviation), self.smooth or (None, None)
        given = loss, target, share, offset, *scales, self.penalty, *jumps
        return MeanLoss(rule_of(fold.spec), bins, *given, coordinates=fold.described)

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient (n,) at ``vector`` (n,)."""
        if self.kernel is None:
            return self.composed(vector)
        matrices = self.parametrisation.matrices(vector)
        slope = np.empty_like(matrices)
        value = self.kernel(matrices[0], slope[0])
        return value, self.parametrisation.pullback(vector, slope)

    def composed(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient without a kernel of the whole objective."""
        parts = vector.reshape(self.loss.outputs, -1)
        pencils = [self.parametrisation.matrices(part) for part in parts]
        passes = [self._vjp(*each, self.rows) for each in zip(parts, pencils, strict=True)]
        value = self._joined([values for values, _ in passes])
        loss, cotangent = self.loss(value, *self.targets)
        slopes = []
        cotangents = cotangent.reshape(len(value), -1).T
        each = zip(parts, pencils, self.anchors, passes, cotangents, strict=True)
        for part, matrices, anchor, (_, pullback), g in each:
            slope, by_weights = pullback(np.ascontiguousarray(g))
            terms = matrices[0, 1:]
            pull = self.penalty * terms
            loss += float(np.vdot(pull, terms))
            pull += pull
            slope[0, 1:] += pull
            if self.smooth is not None:
                left, right = (each[:, None] for each in self.smooth)
                jumps = right * terms[1:] - left * terms[:-1]
                pull = self.penalty * jumps
                loss += float(np.vdot(pull, jumps))
                pull += pull
                slope[0, 1:-1] -= left * pull
                slope[0, 2:] += right * pull
            if self.hold:
                away = matrices - anchor
                slope += 2.0 * self.hold * away
                loss += self.hold * float(np.vdot(away, away))
            slopes.append(self.parametrisation.pullback(part, slope, by_weights))
        return loss, np.concatenate(slopes)
