"""The canonical gauge: one choice among equivalent parameters (math.md, section 1)."""

from __future__ import annotations

import numpy as np

from eigcore.core.spec import EigSpec

NEGLIGIBLE = 1e-9
"""Entries smaller than this, relative to the largest of their pencil, count as zero."""


def matrices(spec: EigSpec, packed: np.ndarray) -> np.ndarray:
    """Full symmetric matrices from packed ones: (..., K) -> (..., d, d), float64."""
    entry, factor = spec.layout.gather
    full = np.asarray(packed, dtype=np.float64)[..., entry] * factor
    return full.reshape(*packed.shape[:-1], spec.dim, spec.dim)


def pack(spec: EigSpec, full: np.ndarray) -> np.ndarray:
    """Packed matrices from full symmetric ones: (..., d, d) -> (..., K)."""
    return full[..., spec.rows, spec.cols] / spec.layout.scale


def canonical(spec: EigSpec, params: np.ndarray) -> np.ndarray:
    """Parameters of the same function in the canonical gauge.

    A_i → Q A_i Qᵀ leaves the eigenvalues of every A(x) unchanged. Q makes A_0 diagonal and
    ascending, and then the first non-negligible entry of each row right of the diagonal positive,
    looked for in A_1, then A_2, … Where the structure allows only signs (tridiagonal, banded) or
    permutations (diagonal), Q is one of these.

    params : (outputs, features + 1, K) -> the same shape
    """
    full = matrices(spec, params)
    return pack(spec, np.stack([_canonical_pencil(spec, pencil) for pencil in full]))


def _canonical_pencil(spec: EigSpec, pencil: np.ndarray) -> np.ndarray:
    if spec.bandwidth == spec.dim - 1:
        _, Q = np.linalg.eigh(pencil[0])
        pencil = Q.T @ pencil @ Q
        pencil[0] = np.diag(np.diag(pencil[0]))
    elif spec.bandwidth == 0:
        order = np.argsort(np.diagonal(pencil[0]), kind="stable")
        return pencil[:, order][:, :, order]
    signs = np.ones(spec.dim)
    small = NEGLIGIBLE * np.abs(pencil).max(initial=0.0)
    # entry (i, j) changes by signs[i] * signs[j]; rows go from the last up, so signs[j] is known
    for i in reversed(range(spec.dim - 1)):
        above = pencil[:, i, i + 1 :] * signs[i + 1 :]
        first = np.flatnonzero(np.abs(above.ravel()) > small)
        if len(first):
            signs[i] = np.sign(above.ravel()[first[0]])
    return pencil * signs[:, None] * signs
