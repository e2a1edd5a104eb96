"""Monotone and convex columns: from free and positive semidefinite blocks to a pencil's matrices.

For one column let S_i be the slopes of its pieces. All shapes are one linear map from blocks to
slopes, S = L·(blocks), some of the blocks being positive semidefinite (math: Weyl; Davis 1957):

========================  =======================================  =================
column                    slopes                                   blocks
========================  =======================================  =================
free                      S_i = P_i                                free
increasing, decreasing    S_i = ±P_i                               all PSD
convex                    S_i = P_0 + Σ_{1 ≤ m ≤ i} P_m            P_0 free, rest PSD
convex and increasing     S_i = Σ_{m ≤ i} P_m                      all PSD
convex and decreasing     S_i = −Σ_{m ≥ i} P_m                     all PSD
========================  =======================================  =================

Concave columns are the negatives. A PSD block is B Bᵀ, so every point the solver visits satisfies
every constraint. `ColumnMap.margin` guards against rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from eigcore.core.canonical import matrices, pack
from eigcore.core.spec import EigSpec
from eigcore.fit.moments import Moments
from eigcore.fit.solvers.whitening import POWER, Whitening

SHAPES = {None: 0, "convex": 1, "concave": -1}
_MARGIN = 32.0


def slope_map(pieces: int, direction: int, shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Map from blocks to the slopes of a column, and which of the blocks are PSD.

    Parameters
    ----------
    pieces : number of slopes.
    direction : −1 decreasing, 0 free, +1 increasing.
    shape : −1 concave, 0 free, +1 convex.

    Returns
    -------
    (pieces, pieces) float64, (pieces,) bool
    """
    if shape == 0:
        sign = direction or 1
        return sign * np.eye(pieces), np.full(pieces, direction != 0)
    ones = np.ones((pieces, pieces))
    if direction == shape:
        return shape * np.tril(ones), np.full(pieces, True)
    if direction == -shape:
        return -shape * np.triu(ones), np.full(pieces, True)
    free_first = shape * np.tril(ones)
    free_first[:, 0] = 1.0
    return free_first, np.arange(pieces) > 0


@dataclass(frozen=True)
class ColumnMap:
    """Terms of one column from its blocks: A = ``to_terms`` · blocks.

    Parameters
    ----------
    to_terms : (terms, blocks), in the units of the pencil's terms
    psd : (blocks,) bool
    widths : (terms,) length of the piece of each term, so that slope = A / width; 0 where a term
        (a category, a missing cell) is not a piece.
    lift : (terms,) what the terms gain when every PSD part gains the identity.
    """

    to_terms: np.ndarray
    psd: np.ndarray
    widths: np.ndarray
    lift: np.ndarray

    def signs(self) -> np.ndarray:
        """−1, 0 or +1 per term: the sign of its matrix that holds by construction."""
        sure = self.psd | (self.to_terms == 0).all(0)
        bound = (sure | (self.to_terms == 0)).all(1) & (self.to_terms != 0).any(1)
        up, down = (self.to_terms >= 0).all(1), (self.to_terms <= 0).all(1)
        return np.where(bound & up, 1, np.where(bound & down, -1, 0))

    def margin(self, terms: np.ndarray, dim: int) -> np.ndarray:
        """Diagonal shifts (terms,) after which the constraints hold in spite of rounding.

        Each PSD part (a slope, or an increment of slopes) is raised by 32·d·ε times the largest
        slope of the column: more than storing A_b, dividing by the width and subtracting neighbours
        can take away, and far less than any digit shown.
        """
        if not self.psd.any():
            return np.zeros(len(terms))
        piece = self.widths > 0
        largest = float((np.linalg.norm(terms[piece], axis=1) / self.widths[piece]).max())
        return _MARGIN * dim * np.finfo(np.float64).eps * largest * self.lift


def column_map(widths, tails: bool, extra: int, direction: int, shape: int) -> ColumnMap:
    """Build the map of a piecewise-linear or linear column.

    Parameters
    ----------
    widths : (pieces,) lengths of the pieces, positive
    tails : the column has two tail terms, which continue its first and its last slope.
    extra : number of further, free terms (missing cells).
    direction, shape : as in `slope_map`.
    """
    widths = np.asarray(widths, dtype=np.float64)
    slopes, psd = slope_map(len(widths), direction, shape)
    if tails:
        slopes = np.concatenate([slopes[:1], slopes, slopes[-1:]])
        widths = np.concatenate([widths[:1], widths, widths[-1:]])
    # A certificate compares the slopes of tails and pieces too: lift those apart, one by one.
    apart, sure = slope_map(len(widths), direction, shape)
    pieces, blocks = slopes.shape
    to_terms = np.zeros((pieces + extra, blocks + extra))
    to_terms[:pieces, :blocks] = widths[:, None] * slopes
    to_terms[pieces:, blocks:] = np.eye(extra)
    nothing = np.zeros(extra)
    return ColumnMap(
        to_terms,
        psd=np.concatenate([psd, nothing.astype(bool)]),
        widths=np.concatenate([widths, nothing]),
        lift=np.concatenate([widths * apart[:, sure].sum(1), nothing]),
    )


def free_map(terms: int) -> ColumnMap:
    """Terms without any constraint: categories."""
    return ColumnMap(np.eye(terms), np.zeros(terms, dtype=bool), np.zeros(terms), np.zeros(terms))


class Parametrisation:
    """The solver's vector ↔ the matrices of the pencil, for all columns together.

    Parameters
    ----------
    spec : EigSpec (one output)
    maps : one ColumnMap per column, in the order of the terms.
    deviation : (terms,) standard deviations of the terms on the training rows; the scaled terms
        are (φ_b − mean_b)/deviation_b.
    signal : (blocks,) standard deviations of Σ_b φ_b C[b, m]; blocks with 0 are left out.
    moments : of the terms on the training rows
    power : of the free blocks' `Whitening`
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
        self.spec, self.maps, self.deviation = spec, maps, deviation
        self.mean = moments.mean
        joined = block_diagonal([m.to_terms for m in maps])
        used = signal > 0.0
        self.psd = np.concatenate([np.zeros(0, bool), *(m.psd for m in maps)])[used] & factored
        self.scale = 1.0 / signal[used]
        self.to_terms = joined[:, used] * self.scale
        self.to_scaled = deviation[:, None] * self.to_terms
        self.parts = _parts(maps, used)
        self.plain = _is_diagonal(self.to_scaled)
        self.white = self._whitening(moments, power)
        self.free_size = int((~self.psd).sum()) * spec.packed_size
        self.size = spec.packed_size + self.free_size + int(self.psd.sum()) * spec.dim**2
        below = np.subtract.outer(np.arange(spec.dim), np.arange(spec.dim))
        banded = spec.bandwidth < spec.dim - 1
        self.mask = ((below >= 0) & (below <= spec.bandwidth)) | (not banded)

    def _whitening(self, moments: Moments, power: float) -> Whitening:
        free = ~self.psd
        places = np.concatenate([[0], np.cumsum(free)])
        columns = [slice(places[part.start], places[part.stop]) for _, part in self.parts]
        return Whitening(moments.of_sums(self.to_terms[:, free]).covariance, columns, power)

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
        """``to_scaled`` @ numbers, or its transpose, column by column of the table."""
        if self.plain is not None:
            return self.plain[:, None] * numbers
        matrix = self.to_scaled.T if transposed else self.to_scaled
        product = np.empty((len(matrix), numbers.shape[1]))
        for terms, blocks in self.parts:
            here, there = (blocks, terms) if transposed else (terms, blocks)
            np.matmul(matrix[here, there], numbers[there], out=product[here])
        return product

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
        """Join A_0 (K,), free blocks (free, K) and factors (psd, d, d) to one vector."""
        return np.concatenate([constant, self.white.inverse(free).ravel(), factors.ravel()])

    def coordinates(self, params: np.ndarray) -> np.ndarray:
        """Vector (size,) whose pencil is nearest to the parameters (1, terms + 1, K).

        Exact, up to the rounding of the PSD factors, for parameters that came from a vector.
        """
        terms = params[0, 1:] * self.deviation[:, None]
        constant = params[0, 0] + self.mean @ params[0, 1:]
        blocks = np.linalg.lstsq(self.to_scaled, terms, rcond=None)[0]
        values, vectors = np.linalg.eigh(matrices(self.spec, blocks[self.psd]))
        least = np.finfo(np.float64).eps * np.abs(values).max(initial=0.0)
        roots = vectors * np.sqrt(np.maximum(values, least))[:, None, :]
        # M = R Rᵀ = L Lᵀ with Rᵀ = Q Lᵀ: the triangular factor, of semidefinite matrices too
        factors = np.asarray(np.linalg.qr(roots.mT, mode="r")).mT
        return self.vector(constant, blocks[~self.psd], factors)

    def fold(self, scaled: np.ndarray) -> np.ndarray:
        """Parameters (1, terms + 1, K) of the pencil in the terms as they are.

        A_b = W_b/deviation_b and A_0 = W_0 − Σ_b mean_b A_b; scaled (1, terms + 1, K).
        """
        terms = scaled[0, 1:] / self.deviation[:, None]
        return np.concatenate([scaled[0, :1] - self.mean[None, :] @ terms, terms])[None]

    def fold_pullback(self, slope: np.ndarray) -> np.ndarray:
        """Adjoint of `fold`: gradient by the parameters -> gradient by W."""
        terms = (slope[0, 1:] - self.mean[:, None] * slope[0, :1]) / self.deviation[:, None]
        return np.concatenate([slope[0, :1], terms])[None]


def block_diagonal(parts: list[np.ndarray]) -> np.ndarray:
    """Join matrices along the diagonal."""
    shape = np.sum([p.shape for p in parts], axis=0) if parts else (0, 0)
    joined, row, col = np.zeros(tuple(shape)), 0, 0
    for part in parts:
        joined[row : row + part.shape[0], col : col + part.shape[1]] = part
        row, col = row + part.shape[0], col + part.shape[1]
    return joined


def _parts(maps: list[ColumnMap], used: np.ndarray) -> list[tuple[slice, slice]]:
    """Where the terms and the blocks in use of each column are."""
    terms = np.cumsum([0, *(m.to_terms.shape[0] for m in maps)])
    ends = np.cumsum([0, *(m.to_terms.shape[1] for m in maps)])
    blocks = np.concatenate([[0], np.cumsum(used)])[ends]
    return [
        (slice(*term), slice(*block))
        for term, block in zip(pairwise(terms), pairwise(blocks), strict=True)
    ]


def _is_diagonal(matrix: np.ndarray) -> np.ndarray | None:
    square = matrix.shape[0] == matrix.shape[1]
    if square and np.count_nonzero(matrix - np.diag(np.diagonal(matrix))) == 0:
        return np.diagonal(matrix).copy()
    return None
