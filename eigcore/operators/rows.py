"""Sums of rows of long vectors, in blocks that stay in the cache and in place where arrays allow.

A temporary array of all vectors costs more than the arithmetic: its pages are new to the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.operators.operator import Operator

BLOCK = 2**18
"""Numbers of one block."""


def subtracted(operator: Operator, w: Array, factors: np.ndarray, q: Array) -> Array:
    """Return w − factors q, row by row: (m, P); w is overwritten where arrays can be."""
    column = operator.array(factors)[:, None]
    if not _writable(w):
        return w - column * q
    for block in _blocks(w):
        w[block] -= column * q[block]
    return w


def scaled(operator: Operator, w: Array, factors: np.ndarray) -> Array:
    """Return factors w, row by row: (m, P); w is overwritten where arrays can be."""
    column = operator.array(factors)[:, None]
    if not _writable(w):
        return column * w
    for block in _blocks(w):
        w[block] *= column
    return w


def dots(operator: Operator, a: Array, b: Array) -> np.ndarray:
    """Return the products of equal rows, (m,), on NumPy in float64."""
    backend, xp = operator.backend, operator.backend.xp
    sums = xp.stack([xp.sum(a[block] * b[block], axis=-1) for block in _blocks(a)])
    return np.asarray(backend.to_numpy(sums), np.float64).sum(axis=0)


def _blocks(w: Array) -> Iterator[Any]:
    m, size = w.shape
    width = max(1, BLOCK // m)
    for begin in range(0, size, width):
        yield slice(None), slice(begin, begin + width)


def _writable(w: Array) -> bool:
    try:
        w[:0, :0] = w[:0, :0]
    except (TypeError, ValueError):  # immutable, as in JAX, or read-only
        return False
    return True
