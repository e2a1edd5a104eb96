"""One door to the kernels: a rule and a source of matrices give values and a pullback, or None.

The kernels serve the k-th eigenvalue of dense and of tridiagonal matrices, in float64 and float32.
Sources:

- "rows": ``(p,)``, the numbers of each matrix, p (..., K), or (..., d, d) for the layout "square".
- "pencil": ``(params, x)``, the matrices A₀ + Σ xᵢ Aᵢ for params (1, n + 1, K) and x (..., n).
- "encoded": ``(indices, fractions, runs, params)``, or with `tables` in place of the last two. Row
  n of the data names one term for each of its C columns, with params (1, terms + 1, K):
  A_n = A₀ + Σ_c (Σ of the terms before indices[n, c] in its run) + fractions[n, c] · (that term).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

from eigcore_native import _core

Array: TypeAlias = np.ndarray[Any, Any]
SourceKind: TypeAlias = Literal["rows", "pencil", "encoded"]
Runs: TypeAlias = Sequence[tuple[int, int]]
Shape: TypeAlias = tuple[int, ...]

FULL, PACKED, BAND, PAIR = range(4)
DENSE = {"packed": PACKED, "square": FULL, "full": FULL}
SERVED = {"rows": (FULL, PACKED, BAND, PAIR), "pencil": (PACKED, BAND), "encoded": (PACKED,)}
ORDERS = range(2, 257)
"""Orders of dense matrices that are served: blocked LAPACK catches up above."""

_CLASSES = {
    np.dtype(np.float32): (_core.Matrices32, _core.Tables32),
    np.dtype(np.float64): (_core.Matrices64, _core.Tables64),
}


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

    @property
    def name(self) -> str: ...
    @property
    def parameter(self) -> Any: ...


class Rule(Protocol):
    """What is read of an `eigcore.core.rules.Rule`."""

    @property
    def layout(self) -> Layout: ...
    @property
    def phi(self) -> Functional: ...


class Answer(NamedTuple):
    """What a kernel gives for a batch of shape (...).

    Attributes
    ----------
    values : (...) ndarray
        λ_k; NaN where a matrix is not finite.
    vectors : (..., d) ndarray or None
        Unit eigenvectors, if "vectors" are wanted.
    pullback : callable or None
        ``pullback(g, wanted=None)`` takes cotangents g (...) of the values to those of the float
        arrays of the source, a tuple: ``(d_p,)``, ``(d_params, d_x)`` or ``(d_params,)``, with None
        where `wanted` is False. dλ_k = ⟨P, dM⟩ with P = v vᵀ; within τ = 8 d ε ‖M‖₂ of another
        eigenvalue, P is the projector on the cluster over its size. None if only "values" are
        wanted.
    """

    values: Array
    vectors: Array | None
    pullback: Callable[..., tuple[Array | None, ...]] | None


def serves(rule: Rule, source_kind: SourceKind) -> bool:
    """Tell whether `kernel` serves a rule with a kind of source."""
    return _layout(rule, source_kind) is not None


def kernel(
    rule: Rule,
    source_kind: SourceKind,
    arrays: Sequence[Any],
    want: Literal["values", "vectors", "pullback"],
    threads: int = 0,
) -> Answer | None:
    """Return λ_k of each matrix of a source, and the pullback, or None for a rule not served.

    Parameters
    ----------
    rule : Rule
    source_kind : {"rows", "pencil", "encoded"}
    arrays : tuple
        The source, as the module says, in one dtype, float64 or float32; indices are int32. Arrays
        that are not contiguous are copied. params of more than one output are not served.
    want : {"values", "vectors", "pullback"}
        "vectors" gives the pullback too.
    threads : int
        0 means the cores available to the process.

    Returns
    -------
    Answer or None

    Raises
    ------
    TypeError
        The dtypes are others, or differ.
    ValueError
        The shapes do not belong together.
    IndexError
        Indices point outside the tables.

    Examples
    --------
    >>> from eigcore.core.rules import kth_rule
    >>> p = np.array([[2.0, 1.0, 1.0, 2.0]])
    >>> answer = kernel(kth_rule("full", 2, 1), "rows", (p,), "pullback")
    >>> answer.values.round(12).tolist(), answer.pullback(np.ones(1))[0].round(12).tolist()
    ([3.0], [[0.5, 0.5, 0.5, 0.5]])
    """
    layout = _layout(rule, source_kind)
    if layout is None:
        return None
    source = _SOURCES[source_kind](rule, layout, arrays)
    if source is None:
        return None
    matrices, dtype, batch, shapes = source
    values = np.empty(batch, dtype)
    if want == "values":
        matrices.solve(values, None, threads)
        return Answer(values, None, None)
    vectors = np.empty((*batch, rule.layout.dim), dtype)
    matrices.solve(values, vectors, threads)
    pullback = partial(_pullback, matrices, vectors, shapes, threads)
    return Answer(values, vectors if want == "vectors" else None, pullback)


def tables(params: Array, runs: Runs) -> _core.Tables:
    """Return what `kernel` makes of the runs and params of an encoded source, for many calls.

    Parameters
    ----------
    params : (1, terms + 1, K) ndarray
    runs : pairs (first, end)
        The terms of each column; no term is in two runs.

    Raises
    ------
    TypeError, ValueError, IndexError
        As in `kernel`, and for runs outside the terms.
    """
    a = _ready(params)
    if a.ndim != 3 or len(a) != 1:
        raise ValueError(f"params should have shape (1, terms + 1, K); got {a.shape}.")
    return _classes(a.dtype)[1](a[0], runs)


def all_finite(a: Array) -> bool:
    """Tell whether all numbers of a float64 or float32 array are finite."""
    return _core.all_finite(a)


def _layout(rule: Rule, source_kind: SourceKind) -> int | None:
    """Return in which layout the kernels read the matrices of a rule, None if they do not."""
    lay = rule.layout
    if rule.phi.name != "kth":
        return None
    if lay.kind == "pair":
        layout = PAIR if lay.dim >= ORDERS.start else None
    elif lay.bandwidth == 1 and lay.dim > 2:
        layout = BAND if lay.kind == "packed" else None
    elif lay.bandwidth >= lay.dim - 1 and lay.dim in ORDERS:
        layout = DENSE.get(lay.kind)
    else:
        return None
    return layout if layout in SERVED[source_kind] else None


_Source: TypeAlias = "tuple[_core.Matrices, np.dtype[Any], Shape, tuple[Shape, ...]]"
"""The matrices, their dtype, the shape of the batch, and those of the arrays a pullback reaches."""


def _rows(rule: Rule, layout: int, arrays: Sequence[Any]) -> _Source:
    p = _ready(arrays[0])
    batch = p.shape[:-2] if rule.layout.kind == "square" else p.shape[:-1]
    matrices = _classes(p.dtype)[0].rows(layout, rule.layout.dim, rule.phi.parameter, p)
    return matrices, p.dtype, batch, (p.shape,)


def _pencil(rule: Rule, layout: int, arrays: Sequence[Any]) -> _Source | None:
    params, x = arrays
    if len(params) != 1:
        return None
    params = _ready(params)
    x = _ready(x, params.dtype)
    given = layout, rule.layout.dim, rule.phi.parameter, params, x
    matrices = _classes(params.dtype)[0].pencil(*given)
    return matrices, params.dtype, x.shape[:-1], (params.shape, x.shape)


def _encoded(rule: Rule, layout: int, arrays: Sequence[Any]) -> _Source | None:
    indices, fractions, *rest = arrays
    if len(rest) == 2 and len(rest[1]) != 1:
        return None
    known = rest[0] if len(rest) == 1 else tables(rest[1], rest[0])
    fractions = _ready(fractions)
    kind, own = _classes(fractions.dtype)
    if not isinstance(known, own):
        raise TypeError(f"the tables should have the dtype {fractions.dtype} of the fractions.")
    indices = _ready(indices, np.dtype(np.int32))
    matrices = kind.encoded(rule.layout.dim, rule.phi.parameter, indices, fractions, known)
    return matrices, fractions.dtype, fractions.shape[:1], (known.shape,)


_SOURCES = {"rows": _rows, "pencil": _pencil, "encoded": _encoded}


def _pullback(
    matrices: _core.Matrices,
    vectors: Array,
    shapes: tuple[Shape, ...],
    threads: int,
    g: Array,
    wanted: Sequence[bool] | None = None,
) -> tuple[Array | None, ...]:
    """See `Answer.pullback`."""
    dtype = vectors.dtype
    g = _ready(g if g.dtype == dtype else g.astype(dtype))
    if g.shape != vectors.shape[:-1]:
        raise ValueError(f"g should have the shape {vectors.shape[:-1]}; got {g.shape}.")
    ask = wanted or (True,) * len(shapes)
    out = [np.empty(s, dtype) if w else None for s, w in zip(shapes, ask, strict=True)]
    if any(ask):
        matrices.pullback(vectors, g, out[0], out[1] if len(out) > 1 else None, threads)
    return tuple(out)


def _ready(a: Array, dtype: np.dtype[Any] | None = None) -> Array:
    """Return the same numbers as the kernels read them, copied only where they must be."""
    if dtype is not None and a.dtype != dtype:
        raise TypeError(f"arrays of one source should agree: {dtype} is needed, not {a.dtype}.")
    flags = a.flags
    return a if flags.c_contiguous and flags.aligned else np.array(a, order="C")


def _classes(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    classes = _CLASSES.get(dtype)
    if classes is None:
        raise TypeError(
            f"arrays should be float64 or float32; got {dtype}. Use .astype('float64')."
        )
    return classes
