"""The door to the kernels: a rule and a source of matrices give values, vectors and a pullback.

A rule is an `eigcore.core.rules.Rule`; here only ``rule.layout`` (kind, dim, bandwidth, core) and
``rule.phi`` (name, parameter) are read. Sources and their arrays, float64 or float32:

- "rows": p, matrices in the layout of the rule: (..., d, d) whole ones, of which the symmetric part
  is meant, or (..., K) packed lower triangles by rows, off-diagonal entries times √2;
- "diagonals": diag (..., d) and off (..., d − 1) of tridiagonal matrices;
- "pencil": params (1, n + 1, K) and x (..., n), for A₀ + Σ xᵢ Aᵢ;
- "encoded": indices and fractions (N, C), runs of terms, params (1, terms + 1, K): see
  `eigcore_native.encoded`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eigcore_native import _core, encoded
from eigcore_native.arrays import Array, ready
from eigcore_native.gradients import BAND, DENSE, PACKED, TRIDIAGONAL, gradient, value_and_gradient

PENCIL = 4
"""Beside those of `eigcore_native.gradients`, the number of a C++ `Source`."""
LAYOUTS = {"square": 0, "full": 0, "packed": 1, "band": 2, "pair": 3}
"""The numbers of the C++ `enum Layout`."""
ROWS = {"square": DENSE, "full": DENSE, "packed": PACKED, "band": BAND}
SERVED = {
    "rows": ("square", "full", "packed", "band", "pair"),
    "diagonals": ("pair",),
    "pencil": ("packed", "band"),
    "encoded": ("packed",),
}
"""Kinds of matrices, see `kind_of`, that each source may have."""
LARGEST = 256
"""Above this order blocked LAPACK catches up."""


class Answer(NamedTuple):
    """Eigenvalues of a source, and what was wanted beside them.

    values : (...);  vectors : (..., d) unit eigenvectors;  gradient : ∂values/∂p, like p of "rows"
    pullback : (g, wanted) -> cotangents of the source's float arrays, for cotangents g (...) of the
        values; ``wanted`` is one bool for each array, and those that are not may be None. At a tie
        the gradient is P/m, P the projector on the eigenspace of dimension m.
    """

    values: Array
    vectors: Array | None = None
    pullback: Callable[..., tuple[Array | None, ...]] | None = None
    gradient: Array | None = None


def kind_of(rule: Any) -> str | None:
    """Name the kind of matrix that a rule reads, None where no kernel serves it.

    Served is the k-th eigenvalue of dense matrices ("square", "full", "packed") and of tridiagonal
    ones ("band", "pair").
    """
    lay = rule.layout
    if rule.phi.name != "kth" or lay.dim == 1:
        return None
    if lay.kind == "pair":
        return "pair"
    if lay.bandwidth == lay.dim - 1:
        return lay.kind if lay.dim <= LARGEST else None
    return "band" if lay.bandwidth == 1 and lay.kind == "packed" else None


def serves(rule: Any, source: str) -> bool:
    """Tell whether there is a kernel for a rule and a kind of source."""
    return kind_of(rule) in SERVED[source]


def kernel(
    rule: Any, source: str, arrays: tuple[Any, ...], want: str, threads: int = 0
) -> Answer | None:
    """Return the k-th eigenvalues of a source, and what is wanted beside them.

    Parameters
    ----------
    want : {"values", "vectors", "pullback", "gradient"}
        "gradient" of "rows" only.

    Returns
    -------
    Answer, or None where `serves` says no.

    Raises
    ------
    TypeError
        Arrays that are neither float64 nor float32.
    ValueError, IndexError
        Shapes that do not belong together; indices outside the terms.
    """
    kind = kind_of(rule)
    if kind not in SERVED[source]:
        return None
    return SOURCES[source](rule, kind, *arrays, want, threads)


def _solved(
    lead: tuple[int, ...], rule: Any, dtype: Any, want: str, threads: int, *inputs: Any
) -> tuple[Array, Array | None, Array | None]:
    """Return values (...), vectors (..., d) if wanted, and where values are tied, None if nowhere.

    inputs : source, matrix, off, x, params, n and whether they are tridiagonal, as C++ takes them
    """
    d, k = rule.layout.dim, rule.phi.parameter
    values = np.empty(lead, dtype)
    source, *rest = inputs
    if want == "values":
        _core.solve(source, values.size, d, k, k, *rest, values, None, None, None, threads)
        return values, None, None
    vectors = np.empty((*lead, d), dtype)
    tied = np.empty(lead, np.uint8) if want == "pullback" else None
    some = _core.solve(source, values.size, d, k, k, *rest, values, vectors, None, tied, threads)
    return values, vectors, tied if some else None


def _rows(rule: Any, kind: str, p: Array, want: str, threads: int) -> Answer:
    if kind == "pair":
        return _joined(rule, p, want, threads)
    p, core = ready(p), rule.layout.core
    lead = p.shape[: p.ndim - len(core)]
    if p.shape[len(lead) :] != core:
        raise ValueError(f"p should have trailing shape {core}; got {p.shape}.")
    if want == "gradient":
        values, found = value_and_gradient(rule, ROWS[kind], p, threads)
        return Answer(values, gradient=found)
    inputs = (ROWS[kind], p, None, None, None, 0, False)
    values, vectors, tied = _solved(lead, rule, p.dtype, want, threads, *inputs)
    if vectors is None or want == "vectors":
        return Answer(values, vectors)

    def pullback(g: Array, wanted: Any = None) -> tuple[Array]:
        out = _projected(rule, kind, vectors, g, threads)
        if tied is not None:
            at = np.flatnonzero(tied)
            rows = gradient(rule, ROWS[kind], p.reshape(-1, *core)[at], threads)
            out.reshape(-1, *core)[at] = rows * g.reshape(-1, *[1] * len(core))[at]
        return (out,)

    return Answer(values, None, pullback)


def _diagonals(rule: Any, kind: str, diag: Array, off: Array, want: str, threads: int) -> Answer:
    diag = ready(diag)
    off, d = ready(off, diag.dtype), rule.layout.dim
    lead = diag.shape[:-1]
    if diag.shape[-1:] != (d,) or off.shape != (*lead, d - 1):
        raise ValueError(
            f"diag and off should have shapes (..., {d}) and (..., {d - 1}); got {diag.shape} and "
            f"{off.shape}."
        )
    inputs = (TRIDIAGONAL, diag, off, None, None, 0, False)
    values, vectors, tied = _solved(lead, rule, diag.dtype, want, threads, *inputs)
    if vectors is None or want == "vectors":
        return Answer(values, vectors)

    def pullback(g: Array, wanted: Any = None) -> tuple[Array, Array]:
        out = _projected(rule, kind, vectors, g, threads)
        if tied is not None:
            at = np.flatnonzero(tied)
            pair = diag.reshape(-1, d)[at], off.reshape(-1, d - 1)[at]
            rows = gradient(rule, TRIDIAGONAL, pair, threads)
            out.reshape(-1, 2 * d - 1)[at] = rows * g.reshape(-1, 1)[at]
        return out[..., :d], out[..., d:]

    return Answer(values, None, pullback)


def _joined(rule: Any, p: Array, want: str, threads: int) -> Answer:
    """Return the answer for rows (..., 2 d − 1) of a diagonal, then a subdiagonal."""
    d, asked = rule.layout.dim, "pullback" if want == "gradient" else want
    found = _diagonals(rule, "pair", p[..., :d], p[..., d:], asked, threads)
    pull = found.pullback
    if pull is None:
        return found
    if want == "gradient":
        parts = pull(np.ones_like(found.values))
        return Answer(found.values, gradient=np.concatenate(parts, axis=-1))
    return found._replace(pullback=lambda g, wanted=None: (np.concatenate(pull(g), axis=-1),))


def _projected(rule: Any, kind: str, vectors: Array, g: Array, threads: int) -> Array:
    """Return g v vᵀ in the layout of a rule: (..., d), (...) -> (..., *core)."""
    out = np.empty((*g.shape, *rule.layout.core), vectors.dtype)
    g = np.ascontiguousarray(g, vectors.dtype)
    _core.value_pullback(LAYOUTS[kind], g.size, rule.layout.dim, vectors, g, out, threads)
    return out


def _pencil(rule: Any, kind: str, params: Array, x: Array, want: str, threads: int) -> Answer:
    params, band = ready(params), kind == "band"
    x, n = ready(x, params.dtype), x.shape[-1]
    if params.shape != (1, n + 1, rule.layout.size):
        raise ValueError(
            f"params should have shape (1, {n + 1}, {rule.layout.size}) beside x {x.shape}; got "
            f"{params.shape}."
        )
    d, lead = rule.layout.dim, x.shape[:-1]
    inputs = (PENCIL, None, None, x, params[0], n, band)
    values, vectors, tied = _solved(lead, rule, params.dtype, want, threads, *inputs)
    if vectors is None or want == "vectors":
        return Answer(values, vectors)

    def pullback(g: Array, wanted: Any = (True, True)) -> tuple[Array, Array | None]:
        g = np.array(g, params.dtype)
        d_params, d_x = np.empty_like(params), np.empty_like(x) if wanted[1] else None
        late = None
        if tied is not None:  # these rows are added afterwards
            at = np.flatnonzero(tied)
            rows, weight = x.reshape(-1, n)[at], g.reshape(-1, 1)[at]
            packed = params[0, 0] + rows @ params[0, 1:]
            late = at, rows, weight * gradient(rule, ROWS[kind], packed, threads)
            g.reshape(-1)[at] = 0
        rest = (x, params[0], vectors, g, d_x, d_params[0], threads)
        _core.pencil_pullback(g.size, d, n, band, *rest)
        if late is not None:
            at, rows, weighted = late
            d_params[0, 0] += weighted.sum(0)
            d_params[0, 1:] += rows.T @ weighted
            if d_x is not None:
                d_x.reshape(-1, n)[at] = weighted @ params[0, 1:].T
        return d_params, d_x

    return Answer(values, None, pullback)


def _encoded(
    rule: Any,
    kind: str,
    indices: Array,
    fractions: Array,
    runs: tuple[tuple[int, int], ...],
    params: Array,
    want: str,
    threads: int,
) -> Answer:
    table = encoded.Table(rule, indices, fractions, runs, params)
    values, vectors, tied = table.solved(want, threads)
    if vectors is None or want == "vectors":
        return Answer(values, vectors)
    # without the vectors it solves again, and finds P/m at ties
    known = None if tied else vectors
    return Answer(values, None, lambda g, wanted=None: (table.pulled_back(g, known, threads),))


SOURCES = {"rows": _rows, "diagonals": _diagonals, "pencil": _pencil, "encoded": _encoded}


def all_finite(a: Array) -> bool:
    """Tell whether all numbers of a float array are finite."""
    return _core.all_finite(a)
