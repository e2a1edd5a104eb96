"""The function of one vector that the solver minimises."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from eigcore.encoding.rows import Rows
from eigcore.fit.losses import Loss, Targets
from eigcore.fit.members.parametrisation import Parametrisation


class Objective:
    """mean loss(f(z_n), y_n) + penalty · R(W) + hold · Σ_b ‖W_b − anchor_b‖_F².

    R(W) = Σ_b ‖W_b‖_F² + Σ_b smooth_b ‖W_{b+1} − W_b‖_F² runs over the terms b, without A_0; the
    hold includes A_0.

    Parameters
    ----------
    rows : Rows of the N training rows, with their backend and type.
    targets : Targets of these rows.
    loss : Loss, with one decision per pencil.
    parametrisation : from one pencil's vector to the matrices W of the scaled terms. With several
        decisions per row the solver's vector joins the pencils' vectors.
    anchor, hold : vector to stay near, and how strongly
    smooth : (terms − 1,) non-negative, or None for zeros

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
        smooth: np.ndarray | None = None,
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
        return np.asarray(rows.values(fold.spec, fold.fold(fold.matrices(part))), np.float64)

    def _joined(self, values: list[np.ndarray]) -> np.ndarray:
        return values[0] if self.loss.outputs == 1 else np.stack(values, axis=-1)

    def _vjp(
        self, scaled: np.ndarray, rows: Rows
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """Values (N,) and the pullback from (N,) to (1, terms + 1, K) by W, all float64."""
        to_numpy, fold = rows.backend.to_numpy, self.parametrisation
        raw, pull = rows.vjp(fold.spec, fold.fold(scaled))

        def pullback(cotangent: np.ndarray) -> np.ndarray:
            return fold.fold_pullback(np.asarray(to_numpy(pull(cotangent)), np.float64))

        return np.asarray(to_numpy(raw), np.float64), pullback

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient (n,) at ``vector`` (n,)."""
        parts = vector.reshape(self.loss.outputs, -1)
        pencils = [self.parametrisation.matrices(part) for part in parts]
        passes = [self._vjp(matrices, self.rows) for matrices in pencils]
        value = self._joined([values for values, _ in passes])
        loss, cotangent = self.loss(value, *self.targets)
        slopes = []
        cotangents = cotangent.reshape(len(value), -1).T
        each = zip(parts, pencils, self.anchors, passes, cotangents, strict=True)
        for part, matrices, anchor, (_, pullback), g in each:
            slope = pullback(np.ascontiguousarray(g))
            terms = matrices[0, 1:]
            pull = self.penalty * terms
            loss += float(np.vdot(pull, terms))
            pull += pull
            slope[0, 1:] += pull
            if self.smooth is not None:
                jumps = terms[1:] - terms[:-1]
                pull = self.penalty * self.smooth[:, None] * jumps
                loss += float(np.vdot(pull, jumps))
                pull += pull
                slope[0, 1:-1] -= pull
                slope[0, 2:] += pull
            if self.hold:
                away = matrices - anchor
                slope += 2.0 * self.hold * away
                loss += self.hold * float(np.vdot(away, away))
            slopes.append(self.parametrisation.pullback(part, slope))
        return loss, np.concatenate(slopes)
