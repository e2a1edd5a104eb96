"""Coordinates in which the terms are nearly uncorrelated, for better quasi-Newton steps.

Let C be the covariance of the scaled blocks on the training rows. In coordinates u with
P = C^{−1/2} u, steps of one length change the pencil equally on the rows, whatever their direction
(math.md, section 7). The pieces of a column are nearly dependent: full whitening finds narrow bends
easily and wide ones late. Half of it, P = (C + ρ·1)^{−1/4} u, beats both extremes on average and
is never far behind (`python -m benchmarks.bench_whitening`). Penalties do not change: they apply
to the matrices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import eigh

POWER = 0.25
"""Default power, half of the whitening; 0.5 whitens fully."""
_LEAST = 0.01
"""ρ, relative to the variance of a block."""
MOST = 512
"""Most blocks to whiten together: with more, the spectrum costs more than it saves."""


class Whitening:
    """The map u -> P for blocks (blocks, K), which is symmetric.

    Parameters
    ----------
    covariance : (blocks, blocks) of the blocks' terms, its diagonal about 1
    columns : the blocks of each column; beyond MOST blocks in all, columns are whitened one by
        one, and a column with more than MOST is not whitened
    power : P = (C + ρ·1)^{−power} u; 0 leaves all blocks as they are
    """

    def __init__(self, covariance: np.ndarray, columns: Sequence[slice], power: float):
        if len(covariance) <= MOST:
            columns = [slice(0, len(covariance))]
        self.parts = []
        for part in columns:
            if power and 1 < part.stop - part.start <= MOST:
                values, vectors = eigh(covariance[part, part], driver="evd")
                scale = (np.maximum(values, 0.0) + _LEAST) ** -power
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
