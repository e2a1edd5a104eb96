"""The blocks of one kind in the solver's vector: free, semidefinite, or multiples of I."""

from __future__ import annotations

import math

import numpy as np

from eigcore.core.canonical import matrices, pack
from eigcore.core.spec import EigSpec
from eigcore.fit.solvers.whitening import Whitening


class Blocks:
    """The map from a part of the solver's vector to the packed blocks of one kind.

    Parameters
    ----------
    spec : EigSpec of the pencil
    where : (all blocks,) bool, those of this kind
    white : the coordinates of free blocks; None: the blocks are B Bᵀ
    additive : the blocks are p·I, with a block of order 1 for p

    For a banded structure B is lower triangular within the band, as the Cholesky factor of a banded
    matrix is (Golub & Van Loan, section 4.3.5); its other entries have no effect.
    """

    def __init__(self, spec: EigSpec, where: np.ndarray, white: Whitening | None, additive: bool):
        self.where, self.white, self.additive = where, white, additive
        self.spec = EigSpec(spec.features, 1) if additive else spec
        self.identity = (spec.rows == spec.cols).astype(np.float64)
        d, count = self.spec.dim, int(where.sum())
        self.shape = (count, self.spec.packed_size) if white else (count, d, d)
        self.size = math.prod(self.shape)
        below = np.subtract.outer(np.arange(d), np.arange(d))
        banded = self.spec.bandwidth < d - 1
        self.mask = ((below >= 0) & (below <= self.spec.bandwidth)) | (not banded)

    def of(self, spec: EigSpec) -> Blocks:
        """Return the same blocks for matrices of another order or structure."""
        return Blocks(spec, self.where, self.white, self.additive)

    def packed(self, numbers: np.ndarray) -> np.ndarray:
        """Return the blocks (blocks, K) of a part (size,) of the vector."""
        own = numbers.reshape(self.shape)
        if self.white:
            own = self.white(own)
        else:
            factors = own * self.mask
            own = pack(self.spec, factors @ factors.transpose(0, 2, 1))
        return own * self.identity if self.additive else own

    def pullback(self, numbers: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Gradient (size,) at a part of the vector, from that by the blocks (blocks, K)."""
        slope = (slope @ self.identity)[:, None] if self.additive else slope
        if self.white:
            return self.white(slope).ravel()
        # Θ = B Bᵀ, so ⟨G, dΘ⟩ = ⟨2 G B, dB⟩ for symmetric G.
        factors = numbers.reshape(self.shape) * self.mask
        return (2.0 * matrices(self.spec, slope) @ factors * self.mask).ravel()

    def numbers(self, packed: np.ndarray, factors: np.ndarray | None = None) -> np.ndarray:
        """Return the part (size,) of the vector whose blocks are nearest to ``packed``.

        Parameters
        ----------
        packed : (blocks, K)
        factors : (blocks, d, d) the factors B, where they are known; diagonal for p·I
        """
        if self.additive:
            packed = (packed @ self.identity)[:, None] / self.identity.sum()
        if self.white:
            return self.white.inverse(packed).ravel()
        if factors is not None:
            return factors[:, : self.spec.dim, : self.spec.dim].ravel()
        values, vectors = np.linalg.eigh(matrices(self.spec, packed))
        least = np.finfo(np.float64).eps * np.abs(values).max(initial=0.0)
        roots = vectors * np.sqrt(np.maximum(values, least))[:, None, :]
        # M = R Rᵀ = L Lᵀ with Rᵀ = Q Lᵀ: the triangular factor, of semidefinite matrices too
        return np.asarray(np.linalg.qr(roots.mT, mode="r")).mT.ravel()
