"""Encoded columns by gather and scatter.

Every column c of a table owns some rows of the concatenated tables `start` and `step` (R, K). A row
n of data names one of them per column, and a fraction (packed matrices):

    A_n = base + Σ_c start[indices[n, c]] + fractions[n, c] · step[indices[n, c]]

Piecewise linear: one row per interval, start the sum of the steps before it. Category, missing
value: one row, fraction 0 (start) or 1 (step).
"""

from typing import NamedTuple

import numpy as np

from eigcore_native import _core
from eigcore_native._arrays import check_index, order_from_packed, real

LOSSES = {"squared": 1, "absolute": 2, "huber": 3, "logistic": 4}


class EncodedGradient(NamedTuple):
    """What one pass over N rows gives.

    Attributes
    ----------
    loss : float
        Weighted sum of the losses, added in float64.
    values : (N,) ndarray or None
        λ_k of the rows.
    d_values : (N,) ndarray
        Derivative of the loss by each value.
    d_base : (K,) ndarray
    d_start, d_step : (R, K) ndarray
        Derivatives of the loss by the tables.
    """

    loss: float
    values: np.ndarray | None
    d_values: np.ndarray
    d_base: np.ndarray
    d_start: np.ndarray
    d_step: np.ndarray


def encoded_value(indices, fractions, base, start, step, k, dim=None, vectors=False, threads=0):
    """Return λ_k of encoded rows.

    Parameters
    ----------
    indices : (N, C) array_like of int32
        Row of the tables for each column, in 0 … R − 1.
    fractions : (N, C) array_like
        Position inside the interval.
    base : (K,) array_like of float64 or float32
        Its dtype is that of the computation; K = d (d + 1) / 2.
    start, step : (R, K) array_like
        Packed matrices at the intervals' beginning, and over the intervals.
    k : int
        Index from the smallest; negative from the largest.
    dim : int or None
        d, if it is to be checked.
    vectors : bool
        Whether eigenvectors are wanted.
    threads : int
        0 means the cores available to the process.

    Returns
    -------
    values : (N,) ndarray
    vectors : (N, d) ndarray or None
    tied : (N,) ndarray of bool

    Raises
    ------
    ValueError
        Shapes that do not belong together.
    IndexError
        k is not in −d … d − 1, or an index points outside the tables.
    TypeError
        As in `eigenpair`.
    """
    i, f, b, s, t, d = _inputs(indices, fractions, base, start, step, dim)
    k, n = check_index(k, d), i.shape[0]
    values = np.empty(n, b.dtype)
    v = np.empty((n, d), b.dtype) if vectors else None
    tied = np.empty(n, np.bool_)
    nothing = (None,) * 6
    _core.encoded(
        *(n, d, k, i.shape[1], s.shape[0], i, f, b, s, t, values, v, tied.view(np.uint8)),
        *(None, None, 0, 1.0, *nothing, threads),
    )
    return values, v, tied


def encoded_value_and_gradient(
    indices,
    fractions,
    base,
    start,
    step,
    k,
    target,
    loss="squared",
    dim=None,
    delta=1.0,
    weight=None,
    threads=0,
):
    """Return values, the weighted loss and its gradient by the tables, in one pass.

    Parameters
    ----------
    indices, fractions, base, start, step, k, dim, threads
        As in `encoded_value`.
    target : (N,) array_like
    loss : {"squared", "absolute", "huber", "logistic"}
        With r = λ_k − y: r² / 2; |r|; Huber's with `delta`; log(1 + e^λ) − y λ for y in 0 … 1.
    weight : (N,) array_like or None

    Returns
    -------
    EncodedGradient
        At ties the cluster's projector divided by its dimension takes the place of v vᵀ.

    Raises
    ------
    TypeError, ValueError, IndexError
        As in `encoded_value`, and for an unknown loss.
    """
    if loss not in LOSSES:
        raise ValueError(f"loss should be one of {', '.join(LOSSES)}; got {loss!r}.")
    tables = _inputs(indices, fractions, base, start, step, dim)
    n, dtype = tables[0].shape[:1], tables[2].dtype
    y = real(target, "target", dtype)
    w = None if weight is None else real(weight, "weight", dtype)
    if y.shape != n or (w is not None and w.shape != n):
        raise ValueError(
            f"target and weight should have shape {n}; got {y.shape} and "
            f"{None if w is None else w.shape}."
        )
    return _pass(tables, k, None, None, LOSSES[loss], delta, y, w, threads)


def encoded_gradient(
    indices, fractions, base, start, step, k, g, vectors=None, dim=None, threads=0
):
    """Return the pullback of g (N,) to the tables: the scatter of g v vᵀ.

    Parameters
    ----------
    indices, fractions, base, start, step, k, dim, threads
        As in `encoded_value`.
    g : (N,) array_like
        Cotangents of the values.
    vectors : (N, d) array_like or None
        Those of `encoded_value`; they spare the eigenproblem where nothing is tied.

    Returns
    -------
    EncodedGradient
        Its loss is 0.

    Raises
    ------
    TypeError, ValueError, IndexError
        As in `encoded_value`.
    """
    tables = _inputs(indices, fractions, base, start, step, dim)
    n, dtype, d = tables[0].shape[0], tables[2].dtype, tables[-1]
    c = real(g, "g", dtype)
    v = None if vectors is None else real(vectors, "vectors", dtype)
    if c.shape != (n,) or (v is not None and v.shape != (n, d)):
        raise ValueError(
            f"g and vectors should have shapes {(n,)} and {(n, d)}; got {c.shape} and "
            f"{None if v is None else v.shape}."
        )
    return _pass(tables, k, v, c, 0, 1.0, None, None, threads)


def prefix_tables(steps, runs):
    """Return start (R, K): for each interval the sum of the steps before it in its column.

    steps : (R, K) matrices of the intervals; runs : pairs (first, end) of the rows of a column.
    Rows of no run get zeros. Raises IndexError for runs outside the rows, ValueError for a table
    that is not (R, K).
    """
    t, r = _table_and_runs(steps, runs, "steps")
    start = np.empty_like(t)
    _core.prefix(t, r, start)
    return start


def prefix_tables_vjp(d_start, d_step, runs):
    """Return the gradient (R, K) by the intervals' matrices.

    It is d_step (R, K) plus the sum of d_start (R, K) over the later rows of the run. Raises as
    `prefix_tables`, and ValueError where the shapes differ.
    """
    t, r = _table_and_runs(np.array(d_start), runs, "d_start")
    d = np.array(d_step, t.dtype, order="C")
    if d.shape != t.shape:
        raise ValueError(f"d_step should have the shape {t.shape} of d_start; got {d.shape}.")
    _core.prefix_transposed(t, r, d)
    return d


def _table_and_runs(table, runs, name):
    t = real(table, name)
    if t.ndim != 2:
        raise ValueError(f"{name} should have the shape (R, K); got {t.shape}.")
    if not all(0 <= first < end <= len(t) for first, end in runs):
        raise IndexError(f"runs should be pairs first < end up to {len(t)}; got {runs}.")
    return t, np.array(runs, np.int64).reshape(-1, 2)


def _inputs(indices, fractions, base, start, step, dim):
    b = real(base, "base")
    s, t = real(start, "start", b.dtype), real(step, "step", b.dtype)
    if b.ndim != 1 or s.ndim != 2 or s.shape != t.shape or s.shape[1] != b.shape[0]:
        raise ValueError(
            "base, start, step should have shapes (K,), (R, K), (R, K); "
            f"got {b.shape}, {s.shape}, {t.shape}."
        )
    d = order_from_packed(b.shape[0], "base")
    if d == 0 or (dim is not None and dim != d):
        raise ValueError(f"base should have length {dim} ({dim} + 1) / 2; got {b.shape[0]}.")
    i = np.require(indices, dtype=np.int32, requirements=("C", "A"))
    f = real(fractions, "fractions", b.dtype)
    if i.ndim != 2 or i.shape != f.shape:
        raise ValueError(
            f"indices and fractions should have one shape (N, C); got {i.shape} and {f.shape}."
        )
    return i, f, b, s, t, d


def _pass(tables, k, vectors, g, loss, delta, y, w, threads):
    i, f, b, s, t, d = tables
    n, k = i.shape[0], check_index(k, d)
    values = np.empty(n, b.dtype) if vectors is None else None
    # asking for ties makes the kernel look for them, and use P/m
    tied = np.empty(n, np.uint8) if vectors is None else None
    d_values = np.empty(n, b.dtype)
    d_base, d_start, d_step = np.empty_like(b), np.empty_like(s), np.empty_like(t)
    total = _core.encoded(
        *(n, d, k, i.shape[1], s.shape[0], i, f, b, s, t, values, None, tied, vectors, g),
        *(loss, delta, y, w, d_values, d_base, d_start, d_step, threads),
    )
    return EncodedGradient(total, values, d_values, d_base, d_start, d_step)
