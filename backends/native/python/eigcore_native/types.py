"""What goes through the door: rules as far as the kernels read them, and answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
SourceKind: TypeAlias = Literal["rows", "diagonals", "pencil", "encoded"]
Want: TypeAlias = Literal["values", "vectors", "gradient", "pullback"]
Runs: TypeAlias = Sequence[tuple[int, int]]
Shape: TypeAlias = tuple[int, ...]


class Layout(Protocol):
    """Where the numbers of a matrix stand, as `eigcore.core.packing.Layout` says it."""

    @property
    def dim(self) -> int: ...
    @property
    def bandwidth(self) -> int: ...
    @property
    def kind(self) -> str: ...


class Functional(Protocol):
    """A function of the eigenvalues; for "kth" the parameter is k, from the smallest, from 0."""

    name: ClassVar[str]

    @property
    def parameter(self) -> Any: ...


class Rule(Protocol):
    """What is read of an `eigcore.core.rules.Rule`."""

    @property
    def layout(self) -> Layout: ...
    @property
    def phi(self) -> Functional: ...


Member: TypeAlias = tuple[Rule, Array, float]


class Answer(NamedTuple):
    """What a kernel gives for a batch of shape (...).

    Attributes
    ----------
    values : (...) ndarray
        λ_k; NaN where a matrix is not finite.
    vectors : (..., d) ndarray or None
        Unit eigenvectors.
    pullback : callable or None
        ``pullback(g, wanted=None)`` takes cotangents g (...) of the values to those of the float
        arrays of the source, a tuple: ``(d_p,)``, ``(d_diag, d_off)``, ``(d_params, d_x)`` or
        ``(d_params,)``; `wanted`, one bool for each, lets it give None for some. dλ_k = ⟨P, dM⟩
        with P = v vᵀ; within τ = 8 d ε ‖M‖₂ of another eigenvalue, P is the projector on the
        cluster over its size.
    gradient : ndarray like p, or None
        ∂λ_k/∂p, what a pullback gives for g = 1.
    """

    values: Array
    vectors: Array | None = None
    pullback: Callable[..., tuple[Array | None, ...]] | None = None
    gradient: Array | None = None
