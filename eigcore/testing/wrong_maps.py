"""Backends that are wrong on purpose about singular values, for `eigcore.testing.broken`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.singular import MapRule
from eigcore.testing.wrapped import Attached, Wrapped


class SquaresSingularValues(Wrapped):
    """Takes singular values from the Gram matrix XᵀX."""

    rejected_by = "small_singular_values_are_as_accurate_as_large_ones"

    def svd(self, X: Array) -> tuple[Array, Array, Array]:
        squares, V = self.good.eigenpairs(X.mT @ X, 0, X.shape[-1] - 1)
        s = np.sqrt(np.maximum(squares[..., ::-1], np.finfo(X.dtype).tiny))
        V = V[..., ::-1]
        return X @ V / s[..., None, :], s, V.mT


class VectorsNotTransposed(Wrapped):
    """Returns V where Vᵀ is expected."""

    rejected_by = "a_spectral_map_agrees_with_the_definition"

    def svd(self, X: Array) -> tuple[Array, Array, Array]:
        found = self.good.svd(X)
        assert found is not None
        return found[0], found[1], found[2].mT


class _Attached(Attached):
    """Attaches a derivative of its own to spectral maps."""

    rejected_by = "autodiff_of_a_spectral_map_agrees_with_the_rule"
    rules = MapRule


class NothingOutside(_Attached, Wrapped):
    """Leaves (I − UUᵀ) E V diag(f(σ)/σ) Vᵀ out of the derivative."""

    def wrong(self, rule: MapRule) -> Callable[[Array], Array]:
        good, base = self.good, import_module("torch").autograd.Function

        class Inside(base):
            @staticmethod
            def forward(ctx: Any, X: Array) -> Array:
                value, ctx.gradient = rule.value_and_gradient(good, X)
                return value

            @staticmethod
            def backward(ctx: Any, g: Array) -> Array:
                ctx.gradient[..., -1, :] = 0
                return rule.cotangent(good, ctx.gradient, g)

        return Inside.apply


class NoLimitAtTies(_Attached, Wrapped):
    """Differentiates the decomposition itself, which divides by σ_i² − σ_j²."""

    def wrong(self, rule: MapRule) -> Callable[[Array], Array]:
        def value(X: Array) -> Array:
            U, s, Vt = self.good.svd(X)  # pyright: ignore
            return (U * rule.f.value(self.xp, s, None)[..., None, :]) @ Vt

        return value
