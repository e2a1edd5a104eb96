"""The affine pencil A₀ + Σ xᵢ Aᵢ, assembled in registers and never stored."""

import numpy as np

from eigcore_native import _core
from eigcore_native._arrays import check_index, order_from_packed, real
from eigcore_native.eigen import (
    PENCIL,
    Eigenpair,
    value_and_gradient_band,
    value_and_gradient_packed,
)


def pencil(x, params, k, dim=None, vectors=True, threads=0, *, tridiagonal=False):
    """Return λ_k of A₀ + Σ xᵢ Aᵢ and its eigenvector.

    Parameters
    ----------
    x : (..., n) array_like
    params : (n + 1, K) array_like of float64 or float32
        Packed A₀, A₁, …; its dtype is that of the computation.
    k : int
        Index from the smallest; negative from the largest.
    dim : int or None
        d, if it is to be checked.
    vectors : bool
        Whether eigenvectors are wanted.
    threads : int
        0 means the cores available to the process.
    tridiagonal : bool
        Whether K is 2 d − 1 instead of d (d + 1) / 2.

    Returns
    -------
    Eigenpair
        Without gaps.

    Raises
    ------
    TypeError, ValueError, IndexError
        As in `eigenpair`.
    """
    t, a, d = _inputs(x, params, dim, tridiagonal)
    k = check_index(k, d)
    lead = t.shape[:-1]
    values = np.empty(lead, a.dtype)
    v = np.empty((*lead, d), a.dtype) if vectors else None
    tied = np.empty(lead, np.bool_)
    cluster = np.empty((*lead, 2), np.int32)
    _core.solve(
        *(PENCIL, values.size, d, k, k, None, None, t, a, t.shape[-1], tridiagonal),
        *(values, v, None, None, tied.view(np.uint8), cluster, threads, False),
    )
    return Eigenpair(values, v, tied, cluster, None)


def pencil_vjp(
    x, params, vectors, g, *, k=None, tied=None, want_x=True, threads=0, tridiagonal=False
):
    """Return the pullback of `pencil` at its unit vectors.

    d_params[0] = Σ g P, d_params[i] = Σ g xᵢ P, d_xᵢ = g ⟨Aᵢ, P⟩ with P = v vᵀ; with k and tied
    given, rows marked tied use the cluster's projector divided by its dimension instead. The result
    depends on the number of threads only in its rounding.

    Parameters
    ----------
    x, params, threads, tridiagonal
        As in `pencil`.
    vectors : (..., d) array_like
    g : (...) array_like
        Cotangents of the values.
    k : int or None
        Needed beside tied.
    tied : (...) array_like of bool, or None
    want_x : bool
        Whether d_x is wanted.

    Returns
    -------
    d_params : (n + 1, K) ndarray
    d_x : (..., n) ndarray or None

    Raises
    ------
    TypeError, ValueError, IndexError
        As in `pencil`.
    """
    t, a, d = _inputs(x, params, None, tridiagonal)
    lead, n = t.shape[:-1], t.shape[-1]
    v, c = real(vectors, "vectors", a.dtype), real(g, "g", a.dtype)
    if v.shape != (*lead, d) or c.shape != lead:
        raise ValueError(
            f"vectors and g should have shapes {(*lead, d)} and {lead}; "
            f"got {v.shape} and {c.shape}."
        )
    extra = None
    if tied is not None and np.any(tied):
        if k is None:
            raise ValueError("pencil_vjp needs k beside tied; pass the k given to pencil.")
        at = np.nonzero(np.reshape(tied, -1))[0]
        rows, weight = t.reshape(-1, n)[at], c.reshape(-1)[at]
        gradient = value_and_gradient_band if tridiagonal else value_and_gradient_packed
        projector = gradient(a[0] + rows @ a[1:], k, threads=threads)[1]
        extra = at, rows, weight[:, None] * projector
        c = c.copy()
        c.reshape(-1)[at] = 0
    d_params = np.empty(a.shape, a.dtype)
    d_x = np.empty(t.shape, a.dtype) if want_x else None
    _core.pencil_pullback(c.size, d, n, tridiagonal, t, a, v, c, d_x, d_params, threads)
    if extra is not None:
        at, rows, weighted = extra
        d_params[0] += weighted.sum(0)
        d_params[1:] += rows.T @ weighted
        if d_x is not None:
            d_x.reshape(-1, n)[at] = weighted @ a[1:].T
    return d_params, d_x


def _inputs(x, params, dim, tridiagonal):
    a = real(params, "params")
    if a.ndim != 2 or a.shape[0] < 1:
        raise ValueError(f"params should have shape (n + 1, K); got {a.shape}.")
    t = real(x, "x", a.dtype)
    n = a.shape[0] - 1
    if t.ndim < 1 or t.shape[-1] != n:
        raise ValueError(f"x should have shape (..., {n}) beside params {a.shape}; got {t.shape}.")
    if tridiagonal and a.shape[1] % 2 == 0:
        raise ValueError(f"tridiagonal params should have shape (n + 1, 2 d - 1); got {a.shape}.")
    d = (a.shape[1] + 1) // 2 if tridiagonal else order_from_packed(a.shape[1], "params")
    if d == 0 or (dim is not None and d != dim):
        raise ValueError(
            f"params should belong to matrices of order {dim}; got {a.shape}, which is order {d}."
        )
    return t, a, d
