"""Backends that are wrong on purpose: the law that each names must reject it.

They prove that the laws find faults. Each wraps a good backend and changes one thing::

    broken = DescendingOrder(eigcore.get_backend("numpy"))
    checks(broken)  # the checks of the law ``broken.rejected_by`` fail
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.rules import Rule
from eigcore.core.sources import Source
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.parts import window
from eigcore.testing.unseen import (  # noqa: F401 (they are among BROKEN)
    HidesAKernel,
    SolvesUnseen,
    Untraced,
    UntracedBands,
    UntracedValues,
)
from eigcore.testing.wrapped import Wrapped
from eigcore.testing.wrong_eigenvalues import (  # noqa: F401 (they are among BROKEN)
    ConjugateForgotten,
    FixedVectors,
    LeftVectors,
    RealParts,
    SymmetricPart,
)
from eigcore.testing.wrong_kernels import (  # noqa: F401 (they are among BROKEN)
    ForgetsTheConstant,
    ForgetsTheMembers,
    ForgetsThePairs,
    ForgetsThePenalty,
    NeverConverges,
)
from eigcore.testing.wrong_maps import (  # noqa: F401 (they are among BROKEN)
    NoLimitAtTies,
    NothingOutside,
    SquaresSingularValues,
    VectorsNotTransposed,
)

# -- wrong eigenpairs


class DescendingOrder(Wrapped):
    """Returns eigenvalues from the largest down."""

    rejected_by = "counts_from_the_smallest"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        lam, V = self.good.eigenpairs(M, 0, M.shape[-1] - 1)
        return window((lam[..., ::-1], V[..., ::-1]), lo, hi)


class NeighboursVector(Wrapped):
    """Returns the vector of the next eigenvalue."""

    rejected_by = "vector_solves_the_eigenproblem_and_has_unit_length"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        lam, V = self.good.eigenpairs(M, 0, M.shape[-1] - 1)
        return window((lam, np.roll(V, 1, axis=-1)), lo, hi)


class Unnormalised(Wrapped):
    """Returns vectors of length 1.01."""

    rejected_by = "vector_solves_the_eigenproblem_and_has_unit_length"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        lam, V = self.good.eigenpairs(M, lo, hi)
        return lam, V * V.dtype.type(1.01)


class FirstEntryRepeated(Wrapped):
    """Solves the first matrix of a batch and repeats the answer."""

    rejected_by = "batch_equals_loop"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        first = (0,) * (M.ndim - 2)
        lam, V = self.good.eigenpairs(M, lo, hi)
        return (lam * 0 + lam[first], V * 0 + V[first]) if M.size else (lam, V)


class KeepsItsWorkspace(Wrapped):
    """Returns vectors of an earlier batch of another size."""

    rejected_by = "batches_of_other_sizes_leave_nothing_behind"

    def __init__(self, good: Backend) -> None:
        super().__init__(good)
        self.kept = np.empty((0, 0, 0))

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        lam, V = self.good.eigenpairs(M, lo, hi)
        kept, self.kept = self.kept, V
        if M.ndim == 3 and len(kept) not in (0, len(V)) and kept.shape[1:] == V.shape[1:]:
            V = np.concatenate((V[:-1], kept[:1])).astype(V.dtype)
        return lam, V


class IgnoresTheWindow(Wrapped):
    """Returns all eigenpairs, whatever lo and hi are."""

    rejected_by = "a_window_of_eigenpairs_is_a_part_of_all"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        return self.good.eigenpairs(M, 0, M.shape[-1] - 1)


class OneTriangle(Wrapped):
    """Reads the lower triangle of a matrix that is not symmetric."""

    rejected_by = "a_matrix_means_its_symmetric_part"

    def differentiable(self, rule: Rule) -> Callable[[Array], Array]:
        def value(p: Array) -> Array:
            if rule.layout.kind == "square":
                lower = np.tril(p)
                p = lower + np.tril(lower, -1).mT
            return rule.value(self, p)

        return value

    def evaluate(self, rule: Rule, source: Source) -> Array:
        return self.differentiable(rule)(source.assembled(self))


# -- wrong precision


class Float32Inside(Wrapped):
    """Computes float64 in float32."""

    rejected_by = "hard_matrices_meet_the_residual_bound"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        with np.errstate(over="ignore"):
            narrow = np.nan_to_num(M.astype(np.float32))
            lam, V = self.good.eigenpairs(narrow, lo, hi)
        return lam.astype(M.dtype), V.astype(M.dtype)


class ChangesDtype(Wrapped):
    """Returns float64 for every input."""

    rejected_by = "keeps_batch_shape_and_dtype"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        lam, V = self.good.eigenpairs(M, lo, hi)
        return lam.astype(np.float64), V.astype(np.float64)


class AbsoluteCutoff(Wrapped):
    """Treats entries below 1e-30 as zero, whatever the scale of the matrix."""

    rejected_by = "hard_matrices_meet_the_residual_bound"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        return self.good.eigenpairs(np.where(abs(M) < 1e-30, 0, M), lo, hi)


class SplitsTooEarly(Wrapped):
    """Drops off-diagonal numbers below 1e-5 of tridiagonal matrices."""

    rejected_by = "golden_spectra_are_met"

    def eigenpairs_tridiagonal(self, diag: Array, off: Array, lo: int, hi: int) -> Any:
        return super().eigenpairs_tridiagonal(diag, np.where(abs(off) < 1e-5, 0, off), lo, hi)

    def eigenvalues_tridiagonal(self, diag: Array, off: Array, lo: int, hi: int) -> Array:
        return self.eigenpairs_tridiagonal(diag, off, lo, hi)[0]


class JitterAtTies(Wrapped):
    """Adds a little noise so that no two eigenvalues are equal."""

    rejected_by = "at_a_tie_the_gradient_is_the_projector_over_m"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        noise = np.diag(np.linspace(0, 1e-4, M.shape[-1])).astype(M.dtype)
        return self.good.eigenpairs(M + noise, lo, hi)


# -- wrong answers to wrong input, wrong bookkeeping


class FiniteOut(Wrapped):
    """Replaces NaN with zero and goes on."""

    rejected_by = "non_finite_in_is_never_finite_out"

    def all_finite(self, a: Array) -> bool:
        return True

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        return self.good.eigenpairs(np.nan_to_num(M, posinf=0, neginf=0), lo, hi)


class LosesNeighbours(Wrapped):
    """Spoils the whole batch if one matrix is not finite."""

    rejected_by = "the_neighbours_of_a_non_finite_row_are_unharmed"

    def all_finite(self, a: Array) -> bool:
        return True

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        bad = not np.isfinite(M).all()
        lam, V = self.good.eigenpairs(np.nan_to_num(M, posinf=0, neginf=0), lo, hi)
        return (lam * np.nan, V * np.nan) if bad else (lam, V)


class NoChunks(Wrapped):
    """Solves a batch of any size at once."""

    rejected_by = "chunks_change_nothing"

    def map_rows(self, function: Callable[[Array], Any], p: Array, core: int, entries: int) -> Any:
        return function(p)


# -- wrong derivatives: the framework's, attached by hand


class HalvedGradient(Wrapped):
    """Attaches half of the gradient."""

    rejected_by = "autodiff_agrees_with_the_rule_under_a_random_cotangent"
    wraps = "torch"

    def differentiable(self, rule: Rule) -> Callable[[Array], Array]:
        right = self.good.differentiable(rule)
        return lambda p: right(p) / 2 + self.detach(right(p)) / 2


class DroppedCotangent(Wrapped):
    """Ignores the cotangent: the gradient of 2 f is that of f."""

    rejected_by = "autodiff_agrees_with_the_rule_under_a_random_cotangent"
    wraps = "torch"

    def differentiable(self, rule: Rule) -> Callable[[Array], Array]:
        good, base = self.good, import_module("torch").autograd.Function

        class Value(base):
            @staticmethod
            def forward(ctx: Any, p: Array) -> Array:
                value, ctx.gradient = rule.value_and_gradient(good, p)
                return value

            @staticmethod
            def backward(ctx: Any, g: Array) -> Array:
                return ctx.gradient

        return Value.apply


class SilentSecondOrder(Wrapped):
    """Treats the eigenvector as a constant, so that second derivatives are silently wrong."""

    rejected_by = "second_order_is_right_or_raises"
    wraps = "torch"

    def differentiable(self, rule: Rule) -> Callable[[Array], Array]:
        def value(p: Array) -> Array:
            known, gradient = rule.value_and_gradient(self.good, self.detach(p))
            return known + rule.tangent(self.good, gradient, p - self.detach(p))

        return value


class DifferentiableVector(Wrapped):
    """Returns derivatives of eigenvectors, whose sign is arbitrary."""

    rejected_by = "an_eigenvector_has_no_derivative"
    wraps = "torch"

    def undifferentiable(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


BROKEN: tuple[type[Wrapped], ...] = tuple(
    kind for kind in vars().copy().values() if isinstance(kind, type) and Wrapped in kind.__bases__
)
"""All of them."""
