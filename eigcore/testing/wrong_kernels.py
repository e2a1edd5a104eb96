"""Backends whose kernels are wrong on purpose, for `eigcore.testing.broken`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.rules import Rule
from eigcore.core.sources import Answer, Ensemble, MeanLoss, Pencil, Source
from eigcore.testing.descents import composed
from eigcore.testing.wrapped import Wrapped


class ForgetsTheConstant(Wrapped):
    """Has a kernel of pencils that returns no gradient for A₀."""

    rejected_by = "a_kernel_equals_the_composition"

    def kernel(self, rule: Rule, source: Source, want: str) -> Answer | None:
        if not isinstance(source, Pencil):
            return None
        found = rule.composed(self.good, source.assembled(self.good), "gradient")

        def pullback(g: Array) -> tuple[Array, ...]:
            d_p = rule.cotangent(self, found.gradient, g)
            d_params, d_x = source.pulled_back(self, d_p)
            d_params[:, 0] = 0
            return d_params, d_x

        return Answer(found.values, pullback=pullback)


class ForgetsTheMembers(Wrapped):
    """Has a kernel of whole models that returns zeros."""

    rejected_by = "one_pass_equals_the_members"

    def one_pass(self, model: Ensemble) -> Callable[[np.ndarray], np.ndarray | None]:
        return lambda cells: np.zeros((len(cells), len(model.params[0])))


class ForgetsThePenalty(Wrapped):
    """Has a kernel of mean losses without their penalty, and no slope."""

    rejected_by = "mean_loss_equals_the_composition"

    def mean_loss(self, task: MeanLoss) -> Callable[[np.ndarray, np.ndarray], float]:
        def value(matrices: np.ndarray, slope: np.ndarray) -> float:
            slope[:] = 0.0
            return float(np.mean(task.target**2))

        return value


class ForgetsThePairs(Wrapped):
    """Has descents that begin without what earlier ones remember."""

    rejected_by = "a_descent_equals_its_steps"

    def descent(self, task: MeanLoss) -> Callable[..., tuple[Any, ...]]:
        own = composed(task)
        return lambda point, s, y, curvature, _, *rest: own(point, s, y, curvature, 0, *rest)


class NeverConverges(Wrapped):
    """Has descents that go on to the last step, however little the steps gain."""

    rejected_by = "a_descent_tries_and_ends_like_its_steps"

    def descent(self, task: MeanLoss) -> Callable[..., tuple[Any, ...]]:
        own = composed(task)
        return lambda *given: own(*given[:8], -1.0, *given[9:])
