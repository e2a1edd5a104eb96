"""Rows of a table by gather and scatter.

Every column c of a table owns some rows of the tables `start` and `step` (R, K). A row n of data
names one of them per column, and a fraction (packed matrices):

    A_n = base + Σ_c start[indices[n, c]] + fractions[n, c] · step[indices[n, c]]

Piecewise linear: one row per interval, start the sum of the steps before it in its run. Category,
missing cell: one row, start zero and fraction 1. `base` and `step` are the parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore_native import _core
from eigcore_native.arrays import Array, ready


class Table:
    """Encoded rows beside the matrices of their terms.

    Parameters
    ----------
    rule : of the k-th eigenvalue of packed dense matrices
    indices : (N, C) int32, in 0 … R − 1;  fractions : (N, C)
    runs : pairs (first, end) of terms that follow one another along a column
    params : (1, R + 1, K), base in row 0

    Raises
    ------
    TypeError, ValueError, IndexError
        Arrays that are not float; shapes that do not belong together; runs outside the terms.
    """

    def __init__(
        self,
        rule: Any,
        indices: Array,
        fractions: Array,
        runs: tuple[tuple[int, int], ...],
        params: Array,
    ) -> None:
        params, size = ready(params), rule.layout.size
        if params.ndim != 3 or params.shape[0] != 1 or params.shape[2] != size:
            raise ValueError(
                f"params should have shape (1, terms + 1, {size}); got {params.shape}."
            )
        base, step = params[0, 0], params[0, 1:]
        indices = np.require(indices, np.int32, ("C", "A"))
        fractions = ready(fractions, params.dtype)
        if indices.ndim != 2 or indices.shape != fractions.shape:
            raise ValueError(
                "indices and fractions should have one shape (N, C); got "
                f"{indices.shape} and {fractions.shape}."
            )
        if not all(0 <= first < end <= len(step) for first, end in runs):
            raise IndexError(f"runs should be pairs first < end up to {len(step)}; got {runs}.")
        self.runs = np.array(runs, np.int64).reshape(-1, 2)
        start = np.empty_like(step)
        _core.prefix(step, self.runs, start)
        self.order = rule.layout.dim, rule.phi.parameter
        self.arrays = indices, fractions, base, start, step

    def solved(self, want: str, threads: int) -> tuple[Array, Array | None, bool]:
        """Return values (N,), vectors (N, d) if wanted, and whether a value is tied."""
        n, dtype = len(self.arrays[0]), self.arrays[2].dtype
        values = np.empty(n, dtype)
        if want == "values":
            _core.encoded_solve(*self.order, *self.arrays, values, None, None, threads)
            return values, None, False
        vectors, tied = np.empty((n, self.order[0]), dtype), np.empty(n, np.uint8)
        some = _core.encoded_solve(*self.order, *self.arrays, values, vectors, tied, threads)
        return values, vectors, some

    def pulled_back(self, g: Array, vectors: Array | None, threads: int) -> Array:
        """Return d_params for cotangents g (N,): the scatter of g v vᵀ, or of g P/m.

        vectors : (N, d) those of `solved`; None: they are found again, and ties seen to
        """
        *_, base, _, step = self.arrays
        g = np.ascontiguousarray(g, base.dtype)
        out, d_start = np.empty((1, len(step) + 1, len(base)), base.dtype), np.empty_like(step)
        rest = (vectors, g, out[0, 0], d_start, out[0, 1:], threads)
        _core.encoded_pullback(*self.order, *self.arrays, *rest)
        _core.prefix_transposed(d_start, self.runs, out[0, 1:])
        return out
