"""The definitions, written a second time and as plainly as possible, for comparison.

They take one matrix and one eigenvalue at a time, in the arithmetic of Python. With floats they are
the reference of the laws; with numbers of mpmath they compute the golden vectors. They share
nothing with `eigcore.core.functionals` or `eigcore.core.rules`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from eigcore.core.spec import EigSpec

SQRT_HALF = math.sqrt(0.5)


def entries(spec: EigSpec) -> list[tuple[int, int]]:
    """List (row, column) of the packed numbers: lower triangle, row by row, inside the band."""
    band = spec.bandwidth
    return [(i, j) for i in range(spec.dim) for j in range(i + 1) if i - j <= band]


def unpack(spec: EigSpec, packed: Sequence[Any], root_half: Any = SQRT_HALF) -> list[list]:
    """Return the d rows of a packed symmetric matrix; off-diagonal numbers are stored times √2."""
    M = [[packed[0] * 0] * spec.dim for _ in range(spec.dim)]
    for (i, j), value in zip(entries(spec), packed, strict=True):
        M[i][j] = M[j][i] = value if i == j else value * root_half
    return M


def pack(spec: EigSpec, M: np.ndarray) -> np.ndarray:
    """Return the packed numbers of one symmetric matrix: (d, d) -> (K,)."""
    return np.array([M[i, j] * (1 if i == j else math.sqrt(2)) for i, j in entries(spec)])


def value_and_weights(spec: EigSpec, lam: Sequence[Any], lib: Any = math) -> tuple[Any, list]:
    """Return φ(λ) and ∂φ/∂λ for simple eigenvalues in ascending order.

    Parameters
    ----------
    spec : EigSpec
    lam : d numbers
    lib : module with exp and log for such numbers
    """
    d, k = spec.dim, spec.k
    if spec.functional == "softmax":
        assert spec.t is not None
        powers = [lib.exp((a - lam[-1]) / spec.t) for a in lam]
        total = sum(powers)
        return lam[-1] + spec.t * lib.log(total), [e / total for e in powers]
    if spec.functional == "smooth":
        upper, q = envelope(lam, d - k, spec.alpha)
        lower, p = envelope(lam, d - k - 1, spec.alpha)
        weights = [a - b for a, b in zip(q, p, strict=True)]
        return upper - lower + lam[0] * 0 + spec.alpha / 2, weights  # pyright: ignore
    r = spec.r or 0
    weights = {
        "kth": [1 if j == k else 0 for j in range(d)],
        "top_sum": [1 if j >= d - r else 0 for j in range(d)],
        "bottom_sum": [1 if j < r else 0 for j in range(d)],
        "weighted": list(spec.weights or ()),
    }[spec.functional]
    return sum(w * a for w, a in zip(weights, lam, strict=True)), weights


def envelope(lam: Sequence[Any], r: int, alpha: Any) -> tuple[Any, list]:
    """Return max{⟨q, λ⟩ − (α/2)|q|² : 0 ≤ q ≤ 1, Σ q = r} and the maximiser.

    q = clip(λ/α + ν, 0, 1); ν is bisected until it no longer changes.
    """
    zero = lam[0] * 0

    def at(nu: Any) -> list:
        return [min(max(a / alpha + nu, zero), zero + 1) for a in lam]

    low, high = -max(lam) / alpha - 1, -min(lam) / alpha + 1
    for _ in range(400):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(at(middle)) < r else (low, middle)
    q = at((low + high) / 2)
    return sum(a * b for a, b in zip(q, lam, strict=True)) - alpha / 2 * sum(b * b for b in q), q


def spectrum(spec: EigSpec, params: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return the eigenvalues for one input: (m, n + 1, K), (n,) -> (m, d), by LAPACK in float64."""
    lam = []
    for pencil in np.asarray(params, dtype=np.float64):
        packed = pencil[0] + sum((a * b for a, b in zip(row, pencil[1:], strict=True)), 0.0)
        lam.append(np.linalg.eigvalsh(np.array(unpack(spec, packed))))
    return np.array(lam)


def values(spec: EigSpec, params: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return f for rows x (..., n): (...), or (..., m) if m > 1, float64."""
    rows = np.asarray(x, dtype=np.float64).reshape(math.prod(x.shape[:-1]), x.shape[-1])
    f = [[value_and_weights(spec, lam)[0] for lam in spectrum(spec, params, row)] for row in rows]
    result = np.array(f, dtype=np.float64).reshape(*x.shape[:-1], spec.outputs)
    return result if spec.outputs > 1 else result[..., 0]
