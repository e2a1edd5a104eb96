"""Quadrature rules of tridiagonal matrices: Gauss, and Gauss–Radau with one node given.

Golub and Meurant, "Matrices, Moments and Quadrature" (2010), chapter 6.

Shapes: diag, off, nodes and weights (probes, m).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.core.scalars import is_real
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput


def gauss(diag: np.ndarray, off: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights (probes, m) of tridiagonal matrices, all probes in one batch."""
    backend = get_backend("numpy")
    nodes, vectors = backend.eigenpairs_tridiagonal(diag, off, 0, diag.shape[-1] - 1)
    return nodes, vectors[:, 0, :] ** 2


def radau(diag: np.ndarray, off: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the rules of m + 1 nodes of which one is `end`."""
    m = diag.shape[-1]
    T = np.zeros((len(diag), m, m))
    T[:, range(m), range(m)] = diag - end
    T[:, range(m - 1), range(1, m)] = T[:, range(1, m), range(m - 1)] = off[:, :-1]
    last = np.zeros((len(diag), m, 1))
    last[:, -1, 0] = off[:, -1] ** 2
    delta = np.linalg.solve(T, last)[:, -1, 0]
    return gauss(np.concatenate([diag, (end + delta)[:, None]], -1), off)


def around(nodes: np.ndarray, ends: Any) -> tuple[float, float]:
    """Return an interval that holds all nodes."""
    low, high = float(nodes.min()), float(nodes.max())
    slack = 1e-6 * max(abs(low), abs(high))
    pair = isinstance(ends, (tuple, list, np.ndarray)) and len(ends) == 2
    if (
        not pair
        or not all(map(is_real, ends))
        or not ends[0] - slack <= low <= high <= (ends[1] + slack)
    ):
        raise InvalidInput(
            f"ends is {ends!r:.80}; expected two numbers with all eigenvalues between them, "
            f"which reach from {low:.6g} to {high:.6g} at least. "
            "Leave it out, or take them from extreme_eigenvalues."
        )
    return min(float(ends[0]), low), max(float(ends[1]), high)
