"""The rules of eigcore that one kernel does at once: the k-th eigenvalue and its gradient."""

import numpy as np

from eigcore_native import _core, eigen, encoded
from eigcore_native.pencil import pencil_vjp

SQRT_HALF = 0.5**0.5
SOURCES = {"full": eigen.DENSE, "packed": eigen.PACKED}
LARGEST = 256
"""Above this order blocked LAPACK catches up."""


def serves(rule):
    """Name the kind of matrix a rule reads, if the kernels serve it, else None.

    rule : `eigcore.core.rules.Rule`, a function of packed rows p (..., K). Served is the k-th
    eigenvalue of dense matrices ("packed", "full") and of tridiagonal ones ("band", "pair").
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
        values = np.empty(p.shape[:-1], p.dtype)
        _solve(SOURCES[kind], d, k, threads, values, matrix=np.ascontiguousarray(p))
        return values
    return eigen.eigenpair_tridiagonal(*_bands(kind, p, d), k, False, threads).values


def value_and_gradient(rule, p, threads=0):
    """λ_k of packed rows and its gradient: p (..., K) -> (...), (..., K); P/m at ties."""
    kind, d, k = serves(rule), rule.layout.dim, rule.phi.parameter
    if kind == "packed":
        return eigen.value_and_gradient_packed(p, k, d, threads)
    if kind == "band":
        return eigen.value_and_gradient_band(p, k, threads)
    if kind == "pair":
        return _pair(p, d, k, threads)
    values, gradient = eigen.value_and_gradient(p.reshape(*p.shape[:-1], d, d), k, threads)
    return values, gradient.reshape(p.shape)


def value_and_vectors(rule, p, threads=0):
    """λ_k of packed rows and unit vectors: p (..., K) -> (...), (..., d), and where it is tied.

    None instead of the last where no value is tied.
    """
    kind, d, k = serves(rule), rule.layout.dim, rule.phi.parameter
    if kind in SOURCES:
        p = np.ascontiguousarray(p)
        return _vectors(SOURCES[kind], d, k, p.shape[:-1], p.dtype, threads, matrix=p)
    pair = eigen.eigenpair_tridiagonal(*_bands(kind, p, d), k, True, threads)
    return pair.values, pair.vectors, pair.tied if pair.tied.any() else None


def _vectors(source, d, k, lead, dtype, threads, **inputs):
    """Return what `value_and_vectors` does, for the inputs of `_solve`."""
    values, vectors = np.empty(lead, dtype), np.empty((*lead, d), dtype)
    tied = np.empty(lead, np.bool_)
    any_tied = _solve(source, d, k, threads, values, vectors, tied.view(np.uint8), **inputs)
    return values, vectors, tied if any_tied else None


def _solve(source, d, k, threads, values, vectors=None, tied=None, *, matrix=None, pencil=None):
    """Fill the results, without the checks of `eigen` and `pencil`, for the shortest call.

    matrix : rows as `source` says; or pencil : x (..., n), params (n + 1, K), n, and whether they
    are tridiagonal. Contiguous. Returns whether a value is tied.
    """
    return _core.solve(
        *(source, values.size, d, k, k, matrix, None, *(pencil or (None, None, 0, False))),
        *(values, vectors, None, None, tied, None, threads, False),
    )


def pullback(rule, vectors, g, threads=0):
    """Return g v vᵀ in the layout of a rule: (..., d), (...) -> (..., K). Not for ties."""
    kind, d = serves(rule), rule.layout.dim
    out = np.empty((*g.shape, eigen.layout_size(kind, d)), vectors.dtype)
    g = np.ascontiguousarray(g, vectors.dtype)
    _core.value_pullback(eigen.LAYOUTS[kind], g.size, d, vectors, g, out, threads)
    return out


def all_finite(a):
    """Tell whether all numbers of a float array are finite."""
    return _core.all_finite(a)


def _bands(kind, p, d):
    """Diagonal and subdiagonal of rows of the layouts "band" and "pair"."""
    if kind == "band":
        return p[..., ::2], p[..., 1::2] * p.dtype.type(SQRT_HALF)
    return p[..., :d], p[..., d:]


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


def serves_pencil(rule):
    """Tell whether `affine` serves a rule: the k-th eigenvalue, packed dense or tridiagonal."""
    return serves(rule) in ("packed", "band")


def affine(rule, params, x, threads=0):
    """λ_k of A₀ + Σ xᵢ Aᵢ, and the pullback.

    params (1, n + 1, K), x (N, n) -> values (N,), and a function (g (N,), want_x) -> d_params, d_x,
    None where x is not wanted. P/m at ties.
    """
    k, d, band = rule.phi.parameter, rule.layout.dim, serves(rule) == "band"
    a, x = np.ascontiguousarray(params[0]), np.ascontiguousarray(x)
    n, lead = x.shape[-1], x.shape[:-1]
    given = (x, a, n, band)
    values, vectors, tied = _vectors(eigen.PENCIL, d, k, lead, a.dtype, threads, pencil=given)

    def pullback(g, want_x=True):
        if tied is not None:
            options = {"k": k, "tied": tied, "want_x": want_x, "threads": threads}
            found = pencil_vjp(x, a, vectors, g, tridiagonal=band, **options)
            return found[0][None], found[1]
        d_params, d_x = np.empty((1, *a.shape), a.dtype), np.empty_like(x) if want_x else None
        g = np.ascontiguousarray(g, a.dtype)
        _core.pencil_pullback(g.size, d, n, band, x, a, vectors, g, d_x, d_params, threads)
        return d_params, d_x

    return values, pullback


def serves_rows(rule):
    """Tell whether `rows` serves a rule: the k-th eigenvalue of dense matrices."""
    return serves(rule) == "packed"


def rows(rule, places, params, threads=0):
    """λ_k of encoded rows, and the pullback to the parameters.

    places : `eigcore.encoding.rows.Places`, fractions of the dtype of params;
    params (1, terms + 1, K) -> values (N,), and a function g (N,) -> (1, terms + 1, K). P/m at
    ties.
    """
    k, d = rule.phi.parameter, rule.layout.dim
    base, step = params[0, 0], np.ascontiguousarray(params[0, 1:])
    start = encoded.prefix_tables(step, places.runs)
    rest = (places.indices, places.fractions, base, start, step, k)
    values, vectors, tied = encoded.encoded_value(*rest, d, True, threads)

    def pullback(g):
        # without the vectors it solves again, and finds P/m at ties
        known = None if tied.any() else vectors
        found = encoded.encoded_gradient(*rest, g, known, d, threads)
        d_step = encoded.prefix_tables_vjp(found.d_start, found.d_step, places.runs)
        return np.concatenate([found.d_base[None], d_step])[None]

    return values, pullback
