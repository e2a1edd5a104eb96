"""Functions of all eigenvalues: sums, weighted sums, softmax and smoothed eigenvalues; several.

A rule names them as `eigcore.core.functionals` does, whose tie rules they keep. "several" are the
eigenvalues lo … hi themselves (`eigcore.core.spectrum`), with a parameter (lo, hi, copies).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from eigcore_native import _core
from eigcore_native.types import Answer, Array, Rule, Shape, SourceKind, Want

JUMP, WEIGHTED, SOFTMAX, SMOOTH = range(4)
NAMES = ("top_sum", "bottom_sum", "weighted", "softmax", "smooth")
LARGEST = 128
"""The largest order served: many vectors of large matrices leave the caches."""


def serves(rule: Rule, source_kind: SourceKind) -> bool:
    """Tell whether there is a kernel of the function of a rule, if its layout is served."""
    if rule.layout.dim > LARGEST:
        return False
    if rule.phi.name == "several":
        return source_kind == "rows" and rule.phi.parameter[2] == 1
    return source_kind in ("rows", "diagonals") and rule.phi.name in NAMES


def described(rule: Rule) -> tuple[int, list[float], int, float]:
    """Return kind, weights, pivot and number of the function of a rule, as C++ takes them."""
    name, a, d = rule.phi.name, rule.phi.parameter, rule.layout.dim
    if name == "softmax":
        return SOFTMAX, [], 0, a
    if name == "smooth":
        return SMOOTH, [], *a
    if name == "weighted":
        return WEIGHTED, list(a), 0, 0.0
    pivot = d - a if name == "top_sum" else a - 1
    place = np.arange(d)
    chosen = place >= pivot if name == "top_sum" else place <= pivot
    return JUMP, chosen.astype(float).tolist(), pivot, 0.0


def answer(
    rule: Rule,
    source_kind: SourceKind,
    matrices: Any,
    values: Array,
    want: Want,
    shape: Shape,
    threads: int,
) -> Answer | None:
    """Return the `Answer` of a source for values that C++ fills; see `eigcore_native.kernel`.

    matrices : `Matrices32` or `Matrices64`;  shape : of the rows that a gradient has
    """
    if want == "vectors":
        return None
    matrices.compose(*described(rule))
    if want == "values":
        matrices.solve(values, None, None, threads)
        return Answer(values)
    gradient = np.empty(shape, values.dtype)
    matrices.solve(values, None, gradient, threads)
    if want == "gradient":
        return Answer(values, gradient=gradient)
    return Answer(values, pullback=partial(_pull, gradient, source_kind, rule.layout.dim))


def several(
    rule: Rule, layout: int, p: Array, batch: Shape, want: Want, threads: int
) -> Answer | None:
    """Return eigenvalues lo … hi (..., m) of rows p, contiguous, and their pullback.

    The pullback solves once more: it keeps a copy of p instead of all vectors.
    """
    if want not in ("values", "pullback"):
        return None
    d, (lo, hi, _) = rule.layout.dim, rule.phi.parameter
    values = np.empty((*batch, hi - lo + 1), p.dtype)
    _core.several(layout, d, lo, hi, p, values, None, None, threads)
    if want == "values":
        return Answer(values)
    kept = p.copy()

    def pullback(g: Array, wanted: Sequence[bool] | None = None) -> tuple[Array, ...]:
        g, d_p = np.ascontiguousarray(g, p.dtype), np.empty_like(kept)
        _core.several(layout, d, lo, hi, kept, None, g, d_p, threads)
        return (d_p,)

    return Answer(values, pullback=pullback)


def _pull(
    gradient: Array,
    source_kind: SourceKind,
    d: int,
    g: Array,
    wanted: Sequence[bool] | None = None,
) -> tuple[Array, ...]:
    """See `eigcore_native.types.Answer`; nothing is spared if less is wanted."""
    g = np.asarray(g, gradient.dtype)
    d_p = gradient * g.reshape(*g.shape, *[1] * (gradient.ndim - g.ndim))
    return (d_p[..., :d], d_p[..., d:]) if source_kind == "diagonals" else (d_p,)
