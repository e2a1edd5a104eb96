"""Functions of all eigenvalues: sums, weighted sums, softmax and smoothed eigenvalues.

A rule names them as `eigcore.core.functionals` does, whose tie rules they keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from eigcore_native.types import Answer, Array, Rule, Shape, SourceKind, Want

JUMP, WEIGHTED, SOFTMAX, SMOOTH = range(4)
NAMES = ("top_sum", "bottom_sum", "weighted", "softmax", "smooth")
LARGEST = 128
"""The largest order served: many vectors of large matrices leave the caches."""


def serves(rule: Rule, source_kind: SourceKind) -> bool:
    """Tell whether there is a kernel of the function of a rule, if its layout is served."""
    of_matrices = source_kind in ("rows", "diagonals")
    return of_matrices and rule.phi.name in NAMES and rule.layout.dim <= LARGEST


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
