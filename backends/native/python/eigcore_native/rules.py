"""The rules of eigcore that one kernel does at once: the k-th eigenvalue and its gradient."""

import numpy as np

from eigcore_native import _core, eigen, encoded

SQRT_HALF = 0.5**0.5
SOURCES = {"full": eigen.DENSE, "packed": eigen.PACKED}
LARGEST = 256
"""Above this order blocked LAPACK catches up."""


def serves(rule):
    """Name the kind of matrix a rule reads, if the kernels serve it, else None.

    rule : `eigcore.rules.Rule`, a function of packed rows p (..., K). Served is the k-th eigenvalue
    of dense matrices ("packed", "full") and of tridiagonal ones ("band", "pair").
    """
    lay = rule.layout
    if rule.phi.name != "kth" or lay.dim == 1:
        return None
    if lay.bandwidth == 1 and lay.dim > 2:
        return {"packed": "band", "pair": "pair"}.get(lay.kind)
    if lay.bandwidth < lay.dim - 1 or lay.dim > LARGEST:
        return None
    return {"packed": "packed", "full": "full"}.get(lay.kind)


def value(rule, p, threads=0):
    """λ_k of packed rows: p (..., K) -> (...); NaN where a row is not finite."""
    kind, d, k = serves(rule), rule.layout.dim, rule.phi.parameter
    if kind in SOURCES:
        # without the checks of `eigen`, for the shortest call
        p = np.ascontiguousarray(p)
        values = np.empty(p.shape[:-1], p.dtype)
        nothing = (None,) * 5
        _core.solve(
            *(SOURCES[kind], values.size, d, k, k, p, None, None, None, 0, False),
            *(values, *nothing, threads, False),
        )
        return values
    if kind == "band":
        diag, off = p[..., ::2], p[..., 1::2] * p.dtype.type(SQRT_HALF)
    else:
        diag, off = p[..., :d], p[..., d:]
    return eigen.eigenpair_tridiagonal(diag, off, k, False, threads).values


def value_and_gradient(rule, p, threads=0):
    """λ_k of packed rows and its gradient: p (..., K) -> (...), (..., K); P/m at ties."""
    kind, d, k = serves(rule), rule.layout.dim, rule.phi.parameter
    if kind == "packed":
        return eigen.value_and_gradient_packed(p, k, d, threads)
    if kind == "band":
        return eigen.value_and_gradient_band(p, k, threads)
    if kind == "pair":
        return _pair(p, d, k, threads)
    return _full(p, d, k, threads)


def _full(p, d, k, threads):
    M = p.reshape(*p.shape[:-1], d, d)
    pair = eigen.eigenpair(M, k, True, threads)
    v = pair.vectors
    G = v[..., :, None] * v[..., None, :]
    if pair.tied.any():
        G[pair.tied] = _projectors(M[pair.tied], k, threads)
    return pair.values, G.reshape(p.shape)


def _projectors(M, k, threads):
    """P/m of matrices (n, d, d) whose k-th eigenvalue is tied."""
    d = M.shape[-1]
    rows, cols = np.tril_indices(d)
    scale = np.where(rows == cols, 1.0, SQRT_HALF).astype(M.dtype)
    M = M * (_factor(M.reshape(-1, d * d))[..., None] / 2)
    lower = (M[..., rows, cols] + M[..., cols, rows]) / scale
    _, gradient = eigen.value_and_gradient_packed(lower, k, d, threads)
    G = np.empty_like(M)
    G[..., rows, cols] = G[..., cols, rows] = gradient * scale
    return G


def _factor(p):
    """Power of two (..., 1) that makes room for the factor √2 of another packing."""
    large = abs(p).max(-1, keepdims=True, initial=0) > 1
    return np.where(large, p.dtype.type(0.25), p.dtype.type(1))


def _pair(p, d, k, threads):
    band, factor = np.empty_like(p), _factor(p)
    band[..., ::2] = p[..., :d] * factor
    band[..., 1::2] = p[..., d:] * factor / p.dtype.type(SQRT_HALF)
    values, gradient = eigen.value_and_gradient_band(band, k, threads)
    values /= factor[..., 0]
    band[..., :d], band[..., d:] = gradient[..., ::2], gradient[..., 1::2] / p.dtype.type(SQRT_HALF)
    return values, band


def serves_rows(rule):
    """Tell whether `rows` serves a rule: the k-th eigenvalue of dense matrices."""
    return serves(rule) == "packed"


def rows(rule, places, params, threads=0):
    """λ_k of encoded rows, and the pullback to the parameters.

    places : `eigcore.rows.Places`, fractions of the dtype of params; params (1, terms + 1, K)
    -> values (N,), and a function g (N,) -> (1, terms + 1, K). P/m at ties.
    """
    k, d = rule.phi.parameter, rule.layout.dim
    base, step = params[0, 0], np.ascontiguousarray(params[0, 1:])
    start = np.zeros_like(step)
    for a, b in places.runs:
        np.cumsum(step[a : b - 1], axis=0, out=start[a + 1 : b])
    rest = (places.indices, places.fractions, base, start, step, k)
    values, vectors, tied = encoded.encoded_value(*rest, d, True, threads)

    def pullback(g):
        # without the vectors it solves again, and finds P/m at ties
        known = None if tied.any() else vectors
        found = encoded.encoded_gradient(*rest, g, known, d, threads)
        d_params = np.concatenate([found.d_base[None], found.d_step])
        for a, b in places.runs:
            d_params[a + 1 : b] += np.cumsum(found.d_start[a + 1 : b][::-1], axis=0)[::-1]
        return d_params[None]

    return values, pullback
