"""The solver's coordinates: one vector for the matrices of a pencil, every constraint satisfied."""

from __future__ import annotations

import copy

import numpy as np

from eigcore.core.canonical import matrices, pack
from eigcore.core.spec import EigSpec
from eigcore.fit.data.covariance import BlockDiagonal
from eigcore.fit.data.moments import Moments
from eigcore.fit.members.shapes import ColumnMap
from eigcore.fit.solvers.whitening import POWER, Whitening


class Parametrisation:
    """The solver's vector ↔ the matrices of the pencil, for all columns together.

    Parameters
    ----------
    spec : EigSpec (one output)
    maps : one ColumnMap per part of the encoding, in the order of the terms
    deviation : (terms,) standard deviations of the terms on the training rows; the scaled terms
        are (φ_b − mean_b)/deviation_b.
    signal : (blocks,) standard deviations of Σ_b φ_b C[b, m]; blocks with 0 are left out
    moments : of the terms on the training rows
    power : power of the free blocks' `Whitening`
    factored : PSD blocks are B Bᵀ; otherwise all blocks are free, and the caller keeps them PSD

    The vector holds A_0 packed (K,), then the free blocks packed (free, K), in the coordinates of
    `eigcore.fit.solvers.whitening`, then the factors B of the PSD blocks (psd, d, d). Blocks are
    scaled so that each moves the pencil equally. For a banded structure B is lower triangular
    within the band, as the Cholesky factor of a banded matrix is (Golub & Van Loan, section 4.3.5);
    its other entries have no effect.
    """

    def __init__(
        self,
        spec: EigSpec,
        maps: list[ColumnMap],
        deviation: np.ndarray,
        signal: np.ndarray,
        moments: Moments,
        power: float = POWER,
        factored: bool = True,
    ):
        self.maps, self.deviation = maps, deviation
        self.mean = moments.mean
        used = signal > 0.0
        self.psd = np.concatenate([np.zeros(0, bool), *(m.psd for m in maps)])[used] & factored
        joined = BlockDiagonal([m.to_terms for m in maps]).some(used)
        self.to_terms = joined.times(np.ones(len(deviation)), 1.0 / signal[used])
        self.to_scaled = self.to_terms.times(deviation, np.ones(len(self.psd)))
        self.plain = self.to_scaled.diagonal
        self.back = self.to_scaled.T
        free = self.to_terms.some(~self.psd)
        self.white = Whitening(moments.covariance.of_sums(free), power)
        self._set_spec(spec)

    def _set_spec(self, spec: EigSpec) -> None:
        self.spec = spec
        self.free_size = int((~self.psd).sum()) * spec.packed_size
        self.size = spec.packed_size + self.free_size + int(self.psd.sum()) * spec.dim**2
        below = np.subtract.outer(np.arange(spec.dim), np.arange(spec.dim))
        banded = spec.bandwidth < spec.dim - 1
        self.mask = ((below >= 0) & (below <= spec.bandwidth)) | (not banded)

    def with_spec(self, spec: EigSpec) -> Parametrisation:
        """Return the same coordinates for matrices of another order or structure."""
        other = copy.copy(self)
        other._set_spec(spec)
        return other

    def matrices(self, vector: np.ndarray) -> np.ndarray:
        """Return W (1, terms + 1, K): matrices of the scaled terms, A_0 of the centred ones."""
        constant, packed = self.blocks(vector)
        return np.concatenate([constant[None], self._scaled(packed)])[None]

    def blocks(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return A_0 (K,) and all blocks (blocks, K), packed."""
        size = self.spec.packed_size
        packed = np.empty((len(self.psd), size))
        packed[~self.psd] = self.white(vector[size : size + self.free_size].reshape(-1, size))
        factors = self.factors(vector)
        packed[self.psd] = pack(self.spec, factors @ factors.transpose(0, 2, 1))
        return vector[:size], packed

    def _scaled(self, numbers: np.ndarray, transposed: bool = False) -> np.ndarray:
        """``to_scaled`` @ numbers, or its transpose."""
        if self.plain is not None:
            return self.plain[:, None] * numbers
        return (self.back if transposed else self.to_scaled) @ numbers

    def factors(self, vector: np.ndarray) -> np.ndarray:
        """Return the factors B (psd blocks, d, d)."""
        d = self.spec.dim
        return vector[self.spec.packed_size + self.free_size :].reshape(-1, d, d) * self.mask

    def pullback(self, vector: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Gradient (size,) from the gradient by the matrices (1, terms + 1, K)."""
        # Θ = B Bᵀ, so ⟨G, dΘ⟩ = ⟨2 G B, dB⟩ for symmetric G.
        blocks = self._scaled(slope[0, 1:], transposed=True)
        factors = self.factors(vector)
        by_factor = 2.0 * matrices(self.spec, blocks[self.psd]) @ factors * self.mask
        free = self.white(blocks[~self.psd])
        return np.concatenate([slope[0, 0], free.ravel(), by_factor.ravel()])

    def vector(self, constant: np.ndarray, free: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Join A_0 (K,), free blocks (free, K) and factors (psd, d, d) into one vector."""
        return np.concatenate([constant, self.white.inverse(free).ravel(), factors.ravel()])

    def coordinates(self, params: np.ndarray) -> np.ndarray:
        """Vector (size,) whose pencil is nearest to the parameters (1, terms + 1, K).

        Exact, up to the rounding of the PSD factors, for parameters that came from a vector.
        """
        terms = params[0, 1:] * self.deviation[:, None]
        constant = params[0, 0] + self.mean @ params[0, 1:]
        blocks = self.to_scaled.solve(terms)
        values, vectors = np.linalg.eigh(matrices(self.spec, blocks[self.psd]))
        least = np.finfo(np.float64).eps * np.abs(values).max(initial=0.0)
        roots = vectors * np.sqrt(np.maximum(values, least))[:, None, :]
        # M = R Rᵀ = L Lᵀ with Rᵀ = Q Lᵀ: the triangular factor, of semidefinite matrices too
        factors = np.asarray(np.linalg.qr(roots.mT, mode="r")).mT
        return self.vector(constant, blocks[~self.psd], factors)

    def fold(self, scaled: np.ndarray) -> np.ndarray:
        """Parameters (1, terms + 1, K) of the pencil in the unscaled terms.

        A_b = W_b/deviation_b and A_0 = W_0 − Σ_b mean_b A_b; scaled (1, terms + 1, K).
        """
        terms = scaled[0, 1:] / self.deviation[:, None]
        return np.concatenate([scaled[0, :1] - self.mean[None, :] @ terms, terms])[None]

    def fold_pullback(self, slope: np.ndarray) -> np.ndarray:
        """Adjoint of `fold`: gradient by the parameters -> gradient by W."""
        terms = (slope[0, 1:] - self.mean[:, None] * slope[0, :1]) / self.deviation[:, None]
        return np.concatenate([slope[0, :1], terms])[None]
