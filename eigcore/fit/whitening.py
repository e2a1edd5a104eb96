"""Coordinates in which the terms are nearly uncorrelated: quasi-Newton steps are better there.

Let C be the covariance of the scaled blocks on the training rows. In coordinates u with
P = C^{−1/2} u a step of length one changes the pencil equally whatever its direction (math.md,
section 7). Pieces of one column are nearly dependent, and whitening them fully makes wide bends
hard to find while it makes narrow ones easy: P = (C + ρ)^{−1/4} u, halfway, is ahead of both on
most problems (`python -m benchmarks.bench_whitening`). Penalties do not change: they are those of
the matrices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import eigh

_POWER = 0.25
_LEAST = 0.01
"""ρ, in units of the variance of a block."""
MOST = 1024
"""Blocks that are whitened together: more cost more than they save."""


class Whitening:
    """The map u -> P for blocks (blocks, K), symmetric, block diagonal.

    Parameters
    ----------
    covariance : (blocks, blocks) of the blocks' terms, its diagonal about 1
    columns : (start, stop) of each column's blocks; beyond MOST blocks these are whitened
        one by one, and a column with more stays as it is
    """

    def __init__(self, covariance: np.ndarray, columns: Sequence[tuple[int, int]]):
        if len(covariance) <= MOST:
            columns = [(0, len(covariance))]
        self.parts = []
        for start, stop in columns:
            if 1 < stop - start <= MOST:
                part = slice(start, stop)
                values, vectors = eigh(covariance[part, part], driver="evd")
                scale = (np.maximum(values, 0.0) + _LEAST) ** -_POWER
                self.parts.append((part, vectors * scale @ vectors.T, vectors / scale @ vectors.T))

    def __call__(self, blocks: np.ndarray) -> np.ndarray:
        """P from u, and the gradient by u from that by P: (blocks, K) -> (blocks, K)."""
        return self._product(1, blocks)

    def inverse(self, blocks: np.ndarray) -> np.ndarray:
        """Return u from P: (blocks, K) -> (blocks, K)."""
        return self._product(2, blocks)

    def _product(self, which: int, blocks: np.ndarray) -> np.ndarray:
        product = blocks.copy()
        for each in self.parts:
            np.matmul(each[which], blocks[each[0]], out=product[each[0]])
        return product
