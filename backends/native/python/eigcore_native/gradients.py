"""Gradients of the k-th eigenvalue, P/m at ties: what a pullback falls back on for tied rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore_native import _core
from eigcore_native.arrays import Array

DENSE, PACKED, BAND, TRIDIAGONAL = range(4)
"""The numbers of the C++ `enum Source`."""
ROOT = 2.0**0.5


def gradient(rule: Any, source: int, rows: Any, threads: int = 0) -> Array:
    """Return ∂λ_k by the numbers of each row, P/m at ties: v vᵀ in the layout of the rule.

    rows : p (N, *core), or for TRIDIAGONAL the pair diag (N, d), off (N, d − 1)
    """
    if source == TRIDIAGONAL:
        return _of_diagonals(rule, *rows, threads)
    return value_and_gradient(rule, source, np.ascontiguousarray(rows), threads)[1]


def value_and_gradient(rule: Any, source: int, p: Array, threads: int) -> tuple[Array, Array]:
    """Return λ_k and its gradient by p (..., *core), P/m at ties."""
    d, k = rule.layout.dim, rule.phi.parameter
    values = np.empty(p.shape[: p.ndim - len(rule.layout.core)], p.dtype)
    out = np.empty_like(p)
    inputs = (source, values.size, d, k, k, p, None, None, None, 0, False)
    _core.solve(*inputs, values, None, out, None, threads)
    return values, out


def _of_diagonals(rule: Any, diag: Array, off: Array, threads: int) -> Array:
    """Solve them as packed rows, times a power of two that makes room for the factor √2."""
    d = diag.shape[-1]
    largest = np.maximum(abs(diag).max(-1), abs(off).max(-1, initial=0))
    factor = np.where(largest > 1, diag.dtype.type(0.25), diag.dtype.type(1))[:, None]
    band = np.empty((len(diag), 2 * d - 1), diag.dtype)
    band[:, ::2], band[:, 1::2] = diag * factor, off * factor * diag.dtype.type(ROOT)
    found = value_and_gradient(rule, BAND, band, threads)[1]
    return np.concatenate((found[:, ::2], found[:, 1::2] * diag.dtype.type(ROOT)), axis=-1)
