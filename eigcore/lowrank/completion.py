"""A matrix of low rank from some of its entries, by alternating least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted, numbers, returned
from eigcore.core.arrays import Array
from eigcore.core.options import number
from eigcore.core.scalars import is_whole
from eigcore.errors import InvalidInput, NonFiniteInput


@dataclass(frozen=True)
class Completion:
    """M ≈ B A, from the entries that are seen.

    Parameters
    ----------
    B, A : (m, r) and (r, n) arrays
    residual : float
        Relative error on the entries that are seen.
    sweeps : int
        Number of sweeps that were made.
    """

    B: Array
    A: Array
    residual: float
    sweeps: int


def complete(
    M: Any, mask: Any, rank: int, sweeps: int = 100, tol: float = 1e-10, ridge: float = 1e-12
) -> Completion:
    """Complete a matrix of low rank (Jain, Netrapalli and Sanghavi, STOC 2013).

    Parameters
    ----------
    M : (m, n) array of any backend
        Entries that are not seen may be anything, also NaN.
    mask : (m, n) array of bool
        Which entries are seen.
    rank : int
    sweeps : int
        Largest number of sweeps; each solves for B and then for A.
    tol : float
        Stop when the residual is below, or falls by less than this share.
    ridge : float
        Relative ridge of the least squares, for rows with few entries.

    Returns
    -------
    Completion

    Raises
    ------
    InvalidInput, NonFiniteInput
        A rank that is out of range, a mask of another shape, a row or column without entries, or
        seen entries that are not finite.
    """
    seen = numbers(mask, "mask") != 0
    values = hosted(_zeroed(M, seen), "M")
    m, n = values.shape
    if not is_whole(rank) or not 1 <= rank <= min(m, n):
        raise InvalidInput(
            f"rank is {rank!r}; expected an integer from 1 to {min(m, n)}. Write rank=1."
        )
    if not is_whole(sweeps) or sweeps < 1:
        raise InvalidInput(f"sweeps is {sweeps!r}; expected an integer above 0. Write sweeps=20.")
    tol = number("tol", tol, 1e-10, 0.0, least=True)
    ridge = number("ridge", ridge, 1e-12, 0.0, least=True)
    if not (seen.any(axis=0).all() and seen.any(axis=1).all()):
        raise InvalidInput(
            "A row or column of M has no entry that is seen; expected one in each. Drop it first."
        )
    U, s, Vt = np.linalg.svd(values * (seen.size / seen.sum()), full_matrices=False)
    A, B = Vt[:rank], U[:, :rank] * s[:rank]
    size, before, made = float(np.linalg.norm(values)), np.inf, 0
    while made < sweeps:
        made += 1
        B = _solved(values, seen, A, ridge)
        A = _solved(values.T, seen.T, B.T, ridge).T
        left = float(np.linalg.norm((values - B @ A) * seen)) / max(size, np.finfo(float).tiny)
        if left <= tol or left > (1 - 1e-6) * before:
            before = left
            break
        before = left
    return Completion(returned(B, M), returned(A, M), before, made)


def _zeroed(M: Any, seen: np.ndarray) -> np.ndarray:
    host = numbers(M, "M")
    if host.shape != seen.shape:
        raise InvalidInput(
            f"mask has shape {seen.shape}; expected {host.shape}, the shape of M. "
            "Type: numpy.isfinite(M)"
        )
    if not np.isfinite(host[seen]).all():
        raise NonFiniteInput(
            "Entries of M that are seen are NaN or infinite; expected finite numbers. "
            "Type: mask & numpy.isfinite(M)"
        )
    return np.where(seen, host, 0.0)


def _solved(values: np.ndarray, seen: np.ndarray, A: np.ndarray, ridge: float) -> np.ndarray:
    """Return the B (m, r) with the least error on the entries that are seen, row by row at once."""
    r = len(A)
    pairs = (A[:, None, :] * A[None, :, :]).reshape(r * r, -1)
    gram = (seen @ pairs.T).reshape(-1, r, r)
    trace = np.trace(gram, axis1=1, axis2=2)[:, None, None] + np.finfo(float).tiny
    return np.linalg.solve(gram + ridge * trace * np.eye(r), (values @ A.T)[..., None])[..., 0]
