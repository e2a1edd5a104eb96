"""One door to the kernels: a rule and a source of matrices give values and a pullback, or None.

The kernels serve the k-th eigenvalue of dense and of tridiagonal matrices, in float64 and float32,
and, of matrices themselves, the functions of all eigenvalues in `eigcore_native.functionals`.
Sources:

- "rows": ``(p,)``, the numbers of each matrix, p (..., K), or (..., d, d) for the layout "square".
- "diagonals": ``(diag, off)``, tridiagonal matrices as (..., d) and (..., d − 1).
- "pencil": ``(params, x)``, the matrices A₀ + Σ xᵢ Aᵢ for params (1, n + 1, K) and x (..., n).
- "encoded": ``(indices, fractions, runs, params)``, or with `tables` in place of the last two. Row
  n of the data names one term for each of its C columns, with params (1, terms + 1, K):
  A_n = A₀ + Σ_c (Σ of the terms before indices[n, c] in its run) + fractions[n, c] · (that term).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from eigcore_native import _core, functionals
from eigcore_native.types import Answer, Array, Rule, Runs, Shape, SourceKind, Want

FULL, PACKED, BAND, PAIR = range(4)
DENSE = {"packed": PACKED, "square": FULL, "full": FULL}
SERVED = {
    "rows": (FULL, PACKED, BAND, PAIR),
    "diagonals": (PAIR,),
    "pencil": (PACKED, BAND),
    "encoded": (PACKED,),
}
ORDERS = range(2, 257)
"""Orders of dense matrices that are served: blocked LAPACK catches up above."""

_CLASSES = {
    np.dtype(np.float32): (_core.Matrices32, _core.Tables32),
    np.dtype(np.float64): (_core.Matrices64, _core.Tables64),
}
_DTYPES = {tables: dtype for dtype, (_, tables) in _CLASSES.items()}


def serves(rule: Rule, source_kind: SourceKind) -> bool:
    """Tell whether `kernel` serves a rule with a kind of source."""
    return _layout(rule, source_kind) is not None


def kernel(
    rule: Rule,
    source_kind: SourceKind,
    arrays: Sequence[Any],
    want: Want,
    threads: int = 0,
) -> Answer | None:
    """Return λ_k or φ of each matrix of a source, and the pullback, or None for a rule not served.

    Parameters
    ----------
    rule : Rule
    source_kind : {"rows", "diagonals", "pencil", "encoded"}
    arrays : tuple
        The source, as the module says. The first array, or params, is float64 or float32 and says
        in which dtype is computed; indices are int32. Arrays that are not contiguous are copied.
        params of more than one output are not served.
    want : {"values", "vectors", "gradient", "pullback"}
        What beside the values. "gradient" is of "rows" only; "vectors" gives the pullback too, and
        is of λ_k only.
    threads : int
        0 means the cores available to the process.

    Returns
    -------
    Answer or None

    Raises
    ------
    TypeError
        Arrays of other dtypes.
    ValueError
        The shapes do not belong together.
    IndexError
        Indices point outside the tables.

    Examples
    --------
    >>> from eigcore.core.rules import kth_rule
    >>> p = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> answer = kernel(kth_rule("square", 2, 1), "rows", (p,), "pullback")
    >>> answer.values.round(12).tolist(), answer.pullback(np.ones(()))[0].round(12).tolist()
    (3.0, [[0.5, 0.5], [0.5, 0.5]])
    """
    layout = _layout(rule, source_kind)
    if layout is None:
        return None
    if rule.phi.name == "several":
        p = contiguous(arrays[0])
        of_dtype(p.dtype)
        return functionals.several(rule, layout, p, _batch(rule, p), want, threads)
    source = _SOURCES[source_kind](rule, layout, arrays)
    if source is None:
        return None
    matrices, dtype, batch, shapes = source
    values = np.empty(batch, dtype)
    if rule.phi.name != "kth":
        given = rule, source_kind, matrices, values, want, shapes[0], threads
        return functionals.answer(*given)
    if want == "values":
        matrices.solve(values, None, None, threads)
        return Answer(values)
    if want == "gradient":
        gradient = np.empty(shapes[0], dtype)
        matrices.solve(values, None, gradient, threads)
        return Answer(values, gradient=gradient)
    vectors = np.empty((*batch, rule.layout.dim), dtype)
    matrices.solve(values, vectors, None, threads)
    pull = _pull_diagonals if source_kind == "diagonals" else _pull
    pullback = partial(pull, matrices, vectors, shapes, threads)
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
    a = contiguous(params)
    if a.ndim != 3 or len(a) != 1:
        raise ValueError(f"params should have shape (1, terms + 1, K); got {a.shape}.")
    return of_dtype(a.dtype)[1](a[0], runs)


def all_finite(a: Array) -> bool:
    """Tell whether all numbers of a float64 or float32 array are finite."""
    return _core.all_finite(a)


def _layout(rule: Rule, source_kind: SourceKind) -> int | None:
    """Return in which layout the kernels read the matrices of a rule, None if they do not."""
    lay = rule.layout
    if rule.phi.name != "kth" and not functionals.serves(rule, source_kind):
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


def _batch(rule: Rule, p: Array) -> Shape:
    return p.shape[:-2] if rule.layout.kind == "square" else p.shape[:-1]


def _index(rule: Rule) -> int:
    return rule.phi.parameter if rule.phi.name == "kth" else 0


def _rows(rule: Rule, layout: int, arrays: Sequence[Any]) -> _Source:
    p = contiguous(arrays[0])
    matrices = of_dtype(p.dtype)[0].rows(layout, rule.layout.dim, _index(rule), p)
    return matrices, p.dtype, _batch(rule, p), (p.shape,)


def _diagonals(rule: Rule, layout: int, arrays: Sequence[Any]) -> _Source:
    diag = contiguous(arrays[0])
    off = contiguous(arrays[1], diag.dtype)
    kind = of_dtype(diag.dtype)[0]
    matrices = kind.diagonals(rule.layout.dim, _index(rule), diag, off)
    batch, d = diag.shape[:-1], rule.layout.dim
    return matrices, diag.dtype, batch, ((*batch, 2 * d - 1),)


def _pencil(rule: Rule, layout: int, arrays: Sequence[Any]) -> _Source | None:
    params, x = arrays
    if len(params) != 1:
        return None
    params = contiguous(params)
    x = contiguous(x, params.dtype)
    given = layout, rule.layout.dim, rule.phi.parameter, params, x
    matrices = of_dtype(params.dtype)[0].pencil(*given)
    return matrices, params.dtype, x.shape[:-1], (params.shape, x.shape)


def _encoded(rule: Rule, layout: int, arrays: Sequence[Any]) -> _Source | None:
    indices, fractions, *rest = arrays
    if len(rest) == 2 and len(rest[1]) != 1:
        return None
    known = rest[0] if len(rest) == 1 else tables(rest[1], rest[0])
    dtype = _DTYPES[type(known)]
    if indices.dtype != np.int32:
        raise TypeError(f"indices should be int32; got {indices.dtype}. Use .astype('int32').")
    given = contiguous(indices), contiguous(fractions, dtype), known
    matrices = _CLASSES[dtype][0].encoded(rule.layout.dim, rule.phi.parameter, *given)
    return matrices, dtype, fractions.shape[:1], (known.shape,)


_SOURCES = {"rows": _rows, "diagonals": _diagonals, "pencil": _pencil, "encoded": _encoded}


def _pull(
    matrices: _core.Matrices,
    vectors: Array,
    shapes: tuple[Shape, ...],
    threads: int,
    g: Array,
    wanted: Sequence[bool] | None = None,
) -> tuple[Array | None, ...]:
    """See `eigcore_native.types.Answer`."""
    dtype = vectors.dtype
    g = contiguous(g, dtype)
    if g.shape != vectors.shape[:-1]:
        raise ValueError(f"g should have the shape {vectors.shape[:-1]}; got {g.shape}.")
    ask = wanted or (True,) * len(shapes)
    out = [np.empty(s, dtype) if w else None for s, w in zip(shapes, ask, strict=True)]
    if any(ask):
        matrices.pullback(vectors, g, out[0], out[1] if len(out) > 1 else None, threads)
    return tuple(out)


def _pull_diagonals(
    matrices: _core.Matrices,
    vectors: Array,
    shapes: tuple[Shape, ...],
    threads: int,
    g: Array,
    wanted: Sequence[bool] | None = None,
) -> tuple[Array | None, ...]:
    """See `eigcore_native.types.Answer`: both parts of the row that C++ writes."""
    (row,) = _pull(matrices, vectors, shapes, threads, g)
    assert row is not None
    d = vectors.shape[-1]
    return row[..., :d], row[..., d:]


def contiguous(a: Array, dtype: np.dtype[Any] | None = None) -> Array:
    """Return the same numbers as the kernels read them, copied only where they must be."""
    flags, dtype = a.flags, dtype or a.dtype
    fits = a.dtype == dtype and flags.c_contiguous and flags.aligned
    return a if fits else np.array(a, dtype, order="C")


def of_dtype(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Return the classes of C++ for float64 or float32, or raise TypeError."""
    classes = _CLASSES.get(dtype)
    if classes is None:
        raise TypeError(
            f"arrays should be float64 or float32; got {dtype}. Use .astype('float64')."
        )
    return classes
