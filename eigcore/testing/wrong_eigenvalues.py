"""Backends that are wrong on purpose about matrices that are not symmetric."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.nonsymmetric import EigenRule
from eigcore.dispatch.backend import Backend
from eigcore.testing.wrapped import Attached, Wrapped


class _OtherEig(Wrapped):
    """Has another ``xp.linalg.eig``."""

    rejected_by = "eigenvalues_of_a_matrix_are_those_put_in"

    def __init__(self, good: Backend) -> None:
        super().__init__(good)
        linalg = SimpleNamespace(**{**vars(good.xp.linalg), "eig": self.eig})
        self.xp = SimpleNamespace(**{**vars(good.xp), "linalg": linalg})  # pyright: ignore

    def eig(self, A: Array) -> tuple[Array, Array]:
        raise NotImplementedError


class RealParts(_OtherEig, Wrapped):
    """Drops the imaginary parts of eigenvalues."""

    def eig(self, A: Array) -> tuple[Array, Array]:
        lam, X = np.linalg.eig(A)
        return np.real(lam), X


class SymmetricPart(_OtherEig, Wrapped):
    """Takes the symmetric part of a matrix."""

    def eig(self, A: Array) -> tuple[Array, Array]:
        return np.linalg.eigh((A + A.mT) / 2)


class LeftVectors(_OtherEig, Wrapped):
    """Returns left eigenvectors, those of the transposed matrix."""

    rejected_by = "simple_eigenvalues_change_as_their_finite_differences"

    def eig(self, A: Array) -> tuple[Array, Array]:
        return np.linalg.eig(A.mT)


class _Attached(Attached):
    """Attaches a derivative of its own to eigenvalues."""

    rules = EigenRule


class ConjugateForgotten(_Attached, Wrapped):
    """Pulls the conjugate of a cotangent back, so that imaginary parts count the other way."""

    rejected_by = "autodiff_of_eigenvalues_of_a_matrix_agrees_with_the_rule"

    def wrong(self, rule: EigenRule) -> Callable[[Array], Array]:
        good, torch = self.good, import_module("torch")

        class Value(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, A: Array) -> Array:
                value, ctx.gradient = rule.value_and_gradient(good, A)
                return value

            @staticmethod
            def backward(ctx: Any, g: Array) -> Array:
                return rule.cotangent(good, ctx.gradient, torch.stack((g[..., 0], -g[..., 1]), -1))

        return Value.apply


class FixedVectors(_Attached, Wrapped):
    """Treats eigenvectors as constants, so that second derivatives are silently wrong."""

    rejected_by = "second_order_of_eigenvalues_of_a_matrix_is_right_or_raises"

    def wrong(self, rule: EigenRule) -> Callable[[Array], Array]:
        def value(A: Array) -> Array:
            known, gradient = rule.value_and_gradient(self.good, self.detach(A))
            return known + rule.tangent(self.good, gradient, A - self.detach(A))

        return value
