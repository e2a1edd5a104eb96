"""Encoded columns by gather and scatter.

Every column c of a table owns some rows of the concatenated tables `start` and `step` (R, K). A row of data names one of them per
column, and a fraction:  A = base + sum_c start[indices[n, c]] + fractions[n, c] * step[indices[n, c]]  (packed).
Piecewise linear: one row per interval, start the sum of the steps before it. Category, missing value: one row, fraction 0 (start) or 1 (step).
"""

from typing import NamedTuple

import numpy as np

from eigcore_native import _core
from eigcore_native._arrays import check_index, order_from_packed, real

LOSSES = {"squared": 1, "absolute": 2, "huber": 3, "logistic": 4}


class EncodedGradient(NamedTuple):
    """loss: float, the weighted sum; values (N,); d_values (N,): derivative of the loss by value; d_base (K,), d_start, d_step (R, K)."""

    loss: float
    values: np.ndarray | None
    d_values: np.ndarray
    d_base: np.ndarray
    d_start: np.ndarray
    d_step: np.ndarray


def _inputs(indices, fractions, base, start, step, dim):
    b = real(base, "base")
    s, t = real(start, "start", b.dtype), real(step, "step", b.dtype)
    if b.ndim != 1 or s.ndim != 2 or s.shape != t.shape or s.shape[1] != b.shape[0]:
        raise ValueError(f"base, start, step should have shapes (K,), (R, K), (R, K); got {b.shape}, {s.shape}, {t.shape}.")
    d = order_from_packed(b.shape[0], "base")
    if d == 0 or (dim is not None and dim != d):
        raise ValueError(f"base should have length {dim} ({dim} + 1) / 2; got {b.shape[0]}.")
    i = np.require(indices, dtype=np.int32, requirements=("C", "A"))
    f = real(fractions, "fractions", b.dtype)
    if i.ndim != 2 or i.shape != f.shape:
        raise ValueError(f"indices and fractions should have one shape (N, C); got {i.shape} and {f.shape}.")
    return i, f, b, s, t, d


def encoded_value(indices, fractions, base, start, step, k, dim=None, vectors=False, threads=0):
    """indices, fractions : (N, C); base : (K,); start, step : (R, K) -> values (N,), vectors (N, d) or None, tied (N,)."""
    i, f, b, s, t, d = _inputs(indices, fractions, base, start, step, dim)
    k = check_index(k, d)
    values = np.empty(i.shape[0], b.dtype)
    v = np.empty((i.shape[0], d), b.dtype) if vectors else None
    tied = np.empty(i.shape[0], np.bool_)
    _core.encoded(
        i.shape[0], d, k, i.shape[1], s.shape[0], i, f, b, s, t, values, v, tied.view(np.uint8), None, None, 0, 1.0, None, None, None, None, None, None, threads
    )
    return values, v, tied


def encoded_value_and_gradient(indices, fractions, base, start, step, k, target, loss="squared", dim=None, delta=1.0, weight=None, threads=0):
    """One pass: values, sum of weight * loss(value, target), and its gradient by the tables.

    loss: "squared" (r^2 / 2), "absolute", "huber" with delta, "logistic" (log(1 + e^f) - y f, y in 0 ... 1). At ties P / m is used.
    """
    if loss not in LOSSES:
        raise ValueError(f"loss should be one of {', '.join(LOSSES)}; got {loss!r}.")
    i, f, b, s, t, d = _inputs(indices, fractions, base, start, step, dim)
    y = real(target, "target", b.dtype)
    w = None if weight is None else real(weight, "weight", b.dtype)
    if y.shape != i.shape[:1] or (w is not None and w.shape != y.shape):
        raise ValueError(f"target and weight should have shape {i.shape[:1]}; got {y.shape} and {None if w is None else w.shape}.")
    return _pass(i, f, b, s, t, d, check_index(k, d), None, None, LOSSES[loss], delta, y, w, threads)


def encoded_gradient(indices, fractions, base, start, step, k, g, vectors=None, dim=None, threads=0):
    """Scatter of g (N,) times vv^T into the tables; vectors (N, d) of encoded_value spare the eigenproblem (where nothing is tied)."""
    i, f, b, s, t, d = _inputs(indices, fractions, base, start, step, dim)
    c = real(g, "g", b.dtype)
    v = None if vectors is None else real(vectors, "vectors", b.dtype)
    if c.shape != i.shape[:1] or (v is not None and v.shape != (*c.shape, d)):
        raise ValueError(f"g and vectors should have shapes {i.shape[:1]} and {(*i.shape[:1], d)}; got {c.shape} and {None if v is None else v.shape}.")
    return _pass(i, f, b, s, t, d, check_index(k, d), v, c, 0, 1.0, None, None, threads)


def _pass(i, f, b, s, t, d, k, vectors, g, loss, delta, y, w, threads):
    values = np.empty(i.shape[0], b.dtype) if vectors is None else None
    d_values = np.empty(i.shape[0], b.dtype)
    d_base, d_start, d_step = np.empty_like(b), np.empty_like(s), np.empty_like(t)
    total = _core.encoded(
        i.shape[0], d, k, i.shape[1], s.shape[0], i, f, b, s, t, values, None, None, vectors, g, loss, delta, y, w, d_values, d_base, d_start, d_step, threads
    )
    return EncodedGradient(total, values, d_values, d_base, d_start, d_step)


def prefix_tables(steps, offsets):
    """steps : (R, K) matrices of the intervals, offsets : (C + 1,) first row of each column -> start (R, K): sums of the steps before."""
    steps = np.asarray(steps)
    start = np.zeros_like(steps)
    for a, b in zip(offsets[:-1], offsets[1:], strict=True):
        np.cumsum(steps[a : b - 1], axis=0, out=start[a + 1 : b])
    return start


def prefix_tables_vjp(d_start, d_step, offsets):
    """Gradient by the intervals' matrices: d_step plus the sum of d_start over the later rows of the column."""
    d = np.array(d_step)
    for a, b in zip(offsets[:-1], offsets[1:], strict=True):
        d[a : b - 1] += np.cumsum(d_start[a + 1 : b][::-1], axis=0)[::-1]
    return d
