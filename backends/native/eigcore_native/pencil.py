"""The affine pencil A_0 + sum x_i A_i, assembled in registers and never stored."""

import numpy as np

from eigcore_native import _core
from eigcore_native._arrays import check_index, order_from_packed, real
from eigcore_native.eigen import PENCIL, Eigenpair, value_and_gradient_band, value_and_gradient_packed


def _inputs(x, params, dim, tridiagonal):
    a = real(params, "params")
    if a.ndim != 2 or a.shape[0] < 1:
        raise ValueError(f"params should have shape (n + 1, K); got {a.shape}.")
    t = real(x, "x", a.dtype)
    if t.ndim < 1 or t.shape[-1] != a.shape[0] - 1:
        raise ValueError(f"x should have shape (..., {a.shape[0] - 1}) beside params {a.shape}; got {t.shape}.")
    if tridiagonal and a.shape[1] % 2 == 0:
        raise ValueError(f"tridiagonal params should have shape (n + 1, 2 d - 1); got {a.shape}.")
    d = (a.shape[1] + 1) // 2 if tridiagonal else order_from_packed(a.shape[1], "params")
    if d == 0 or (dim is not None and d != dim):
        raise ValueError(f"params should belong to matrices of order {dim}; got {a.shape}, which is order {d}.")
    return t, a, d


def pencil(x, params, k, dim=None, vectors=True, threads=0, *, tridiagonal=False):
    """x : (..., n), params : (n + 1, K), row 0 is A_0 -> Eigenpair of lambda_k(A_0 + sum x_i A_i); K = 2 d - 1 rows if tridiagonal."""
    t, a, d = _inputs(x, params, dim, tridiagonal)
    k = check_index(k, d)
    lead = t.shape[:-1]
    values = np.empty(lead, a.dtype)
    v = np.empty((*lead, d), a.dtype) if vectors else None
    tied = np.empty(lead, np.bool_)
    cluster = np.empty((*lead, 2), np.int32)
    _core.solve(
        PENCIL, values.size, d, k, k, None, None, t, a, t.shape[-1], tridiagonal, values, v, None, None, tied.view(np.uint8), cluster, threads, False
    )
    return Eigenpair(values, v, tied, cluster, None)


def pencil_vjp(x, params, vectors, g, *, k=None, tied=None, want_x=True, threads=0, tridiagonal=False):
    """Pullback of pencil at its unit vectors (..., d) with cotangent g (...) -> d_params (n + 1, K), d_x (..., n) or None.

    d_params[0] = sum g P, d_params[i] = sum g x_i P, d_x_i = g <A_i, P> with P = vv^T; with k and tied given, rows marked tied use
    P / m of the cluster instead. The result depends on the number of threads only in its rounding.
    """
    t, a, d = _inputs(x, params, None, tridiagonal)
    lead, n = t.shape[:-1], t.shape[-1]
    v, c = real(vectors, "vectors", a.dtype), real(g, "g", a.dtype)
    if v.shape != (*lead, d) or c.shape != lead:
        raise ValueError(f"vectors and g should have shapes {(*lead, d)} and {lead}; got {v.shape} and {c.shape}.")
    extra = None
    if tied is not None and np.any(tied):
        if k is None:
            raise ValueError("pencil_vjp needs k beside tied.")
        at = np.nonzero(np.reshape(tied, -1))[0]
        rows, weight = t.reshape(-1, n)[at], c.reshape(-1)[at]
        projector = (value_and_gradient_band if tridiagonal else value_and_gradient_packed)(a[0] + rows @ a[1:], k, threads=threads)[1]
        extra = at, rows, weight, projector
        c = c.copy()
        c.reshape(-1)[at] = 0
    d_params = np.empty(a.shape, a.dtype)
    d_x = np.empty(t.shape, a.dtype) if want_x else None
    _core.pencil_pullback(c.size, d, n, tridiagonal, t, a, v, c, d_x, d_params, threads)
    if extra is not None:
        at, rows, weight, projector = extra
        weighted = weight[:, None] * projector
        d_params[0] += weighted.sum(0)
        d_params[1:] += rows.T @ weighted
        if want_x:
            d_x.reshape(-1, n)[at] = weighted @ a[1:].T
    return d_params, d_x
