"""Coordinates in which the terms are nearly uncorrelated, for better quasi-Newton steps.

Let C be the covariance of the scaled blocks on the training rows. In coordinates u with
P = C^{−1/2} u, steps of one length change the pencil equally on the rows, whatever their direction
(math.md, section 7). The pieces of a column are nearly dependent: full whitening finds narrow bends
easily and wide ones late. Half of it, P = (C + ρ·1)^{−1/4} u, beats both extremes on average and
is never far behind (`python -m benchmarks.bench_whitening`). Penalties do not change: they apply
to the matrices.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from eigcore.fit.data.covariance import Covariance

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
    covariance : of the blocks' terms, its diagonal about 1; beyond MOST blocks in all, or where it
        is not whole, columns are whitened one by one, and a column with more than MOST is not
    power : P = (C + ρ·1)^{−power} u; 0 leaves all blocks as they are
    """

    def __init__(self, covariance: Covariance, power: float):
        pairs = [(part, covariance.within(j)) for j, part in enumerate(covariance.parts)]
        if covariance.whole and len(covariance.blocks[0]) <= MOST:
            pairs = [(slice(0, len(covariance.blocks[0])), covariance.blocks[0])]
        self.parts = []
        for part, own in pairs:
            if power and 1 < len(own) <= MOST:
                values, vectors = eigh(own, driver="evd")
                scale = (np.maximum(values, 0.0) + _LEAST) ** -power
                self.parts.append((part, vectors * scale @ vectors.T, vectors / scale @ vectors.T))

    def __call__(self, blocks: np.ndarray) -> np.ndarray:
        """P from u, and the gradient by u from that by P: (blocks, K) -> (blocks, K)."""
        return self._product(1, blocks)

    def inverse(self, blocks: np.ndarray) -> np.ndarray:
        """Return u from P: (blocks, K) -> (blocks, K)."""
        return self._product(2, blocks)

    def whole(self, blocks: int, which: int = 1) -> np.ndarray | None:
        """Return the matrix of the map, with 2 of its inverse, if it is one for all blocks."""
        alone = len(self.parts) == 1 and len(self.parts[0][which]) == blocks
        return self.parts[0][which] if alone else None

    def factors(self, plain: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the square matrices along the diagonal of diag(plain) @ map; plain (blocks,)."""
        found, end = [], 0
        for part, own, _ in self.parts:
            found += [plain[i, None, None] for i in range(end, part.start)]
            found.append(plain[part, None] * own)
            end = part.stop
        return (*found, *(plain[i, None, None] for i in range(end, len(plain))))

    def _product(self, which: int, blocks: np.ndarray) -> np.ndarray:
        whole = self.whole(len(blocks), which)
        if whole is not None:
            return whole @ blocks
        product = blocks.copy()
        for each in self.parts:
            np.matmul(each[which], blocks[each[0]], out=product[each[0]])
        return product
