"""The solver's coordinates: one vector for the matrices of a pencil, every constraint satisfied."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np

from eigcore.core.coordinates import Coordinates
from eigcore.core.spec import EigSpec
from eigcore.fit.data.covariance import BlockDiagonal
from eigcore.fit.data.moments import Moments
from eigcore.fit.members.blocks import Blocks
from eigcore.fit.members.learned import Learned
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
    plain : all blocks are free and full, and the caller keeps them as their columns ask
    learned : what is promised of learned weights, which start as those of the spec; None: constant

    The vector holds A_0 packed (K,), then the `Blocks` of each kind: free ones in the coordinates
    of `eigcore.fit.solvers.whitening`, the factors B of the PSD ones, and the same for the blocks
    p·I of additive columns, and the numbers (d,) of learned weights. Blocks are scaled so that each
    moves the pencil equally.

    psd, additive : (blocks,) bool, what each block is, also if ``plain``
    """

    def __init__(
        self,
        spec: EigSpec,
        maps: list[ColumnMap],
        deviation: np.ndarray,
        signal: np.ndarray,
        moments: Moments,
        power: float = POWER,
        plain: bool = False,
        learned: Learned | None = None,
    ):
        self.learned = learned
        self.spec, self.maps, self.deviation = spec, maps, deviation
        self.mean = moments.mean
        used, none = signal > 0.0, np.zeros(0, bool)
        self.psd = np.concatenate([none, *(m.psd for m in maps)])[used]
        self.additive = np.concatenate([none, *(np.full(len(m.psd), m.additive) for m in maps)])[
            used
        ]
        joined = BlockDiagonal([m.to_terms for m in maps]).some(used)
        self.to_terms = joined.times(np.ones(len(deviation)), 1.0 / signal[used])
        self.to_scaled = self.to_terms.times(deviation, np.ones(len(self.psd)))
        self.plain = self.to_scaled.diagonal
        self.back = self.to_scaled.T
        self.kinds: list[Blocks] = []
        for additive in (False, True):
            own = (self.additive & (not plain)) == additive
            free = own & (plain | ~self.psd)
            if free.any():
                covariance = moments.covariance.of_sums(self.to_terms.some(free))
                self.kinds.append(Blocks(spec, free, Whitening(covariance, power), additive))
            if (own & ~free).any():
                self.kinds.append(Blocks(spec, own & ~free, None, additive))
        self._places = self._found_places()

    def _found_places(self) -> list[slice]:
        """Places of the parts of the vector, see `_parts`."""
        sizes = [0, self.spec.packed_size, *(each.size for each in self.kinds)]
        return [slice(*ends) for ends in pairwise(accumulate(sizes))]

    def with_spec(self, spec: EigSpec) -> Parametrisation:
        """Return the same coordinates for matrices of another order or structure."""
        other = copy.copy(self)
        other.spec, other.kinds = spec, [each.of(spec) for each in self.kinds]
        other.learned = self.learned if spec.functional == "weighted" else None
        other._places = other._found_places()
        return other

    def spec_at(self, vector: np.ndarray) -> EigSpec:
        """Return the spec with the weights of a vector, if they are learned."""
        if self.learned is None:
            return self.spec
        return replace(self.spec, weights=tuple(self.weights(vector).tolist()))

    def weights(self, vector: np.ndarray) -> np.ndarray:
        """Return the learned weights (d,)."""
        assert self.learned is not None
        return self.learned.weights(vector[-self.spec.dim :])

    @property
    def size(self) -> int:
        """Length of the vector."""
        weights = 0 if self.learned is None else self.spec.dim
        return self._places[-1].stop + weights

    def _parts(self, vector: np.ndarray) -> list[np.ndarray]:
        """Return A_0 (K,) and the part of each kind of blocks."""
        return [vector[place] for place in self._places]

    @cached_property
    def described(self) -> Coordinates | None:
        """The same map as data; None where multiples of I or learned weights belong to it."""
        if self.learned is not None or any(each.additive for each in self.kinds):
            return None
        white = next((each.white for each in self.kinds if each.white), None)
        free = np.zeros(0, int) if white is None else np.flatnonzero(self.kinds[0].where)
        bound = np.flatnonzero(self.psd) if len(free) < len(self.psd) else np.zeros(0, int)
        if self.plain is not None and white is not None and not len(bound):
            return Coordinates(white.factors(self.plain), free, bound)
        factors = () if white is None else white.factors(np.ones(len(free)))
        return Coordinates(factors, free, bound, tuple(self.to_scaled.blocks))

    @cached_property
    def _whole(self) -> np.ndarray | None:
        """From the part of the vector to the scaled terms, where one matrix does that for all."""
        told = self.described
        return told.factors[0] if told and len(told.factors) == 1 and not told.join else None

    def matrices(self, vector: np.ndarray) -> np.ndarray:
        """Return W (1, terms + 1, K): matrices of the scaled terms, A_0 of the centred ones."""
        found = np.empty((1, len(self.deviation) + 1, self.spec.packed_size))
        if self._whole is not None:
            constant, part = self._parts(vector)
            np.matmul(self._whole, part.reshape(found[0, 1:].shape), out=found[0, 1:])
        else:
            constant, packed = self.blocks(vector)
            found[0, 1:] = self._scaled(packed)
        found[0, 0] = constant
        return found

    def blocks(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return A_0 (K,) and all blocks (blocks, K), packed."""
        constant, *parts = self._parts(vector)
        if len(parts) == 1:
            return constant, self.kinds[0].packed(parts[0])
        packed = np.empty((len(self.psd), self.spec.packed_size))
        for own, part in zip(self.kinds, parts, strict=True):
            packed[own.where] = own.packed(part)
        return constant, packed

    def _scaled(self, numbers: np.ndarray, transposed: bool = False) -> np.ndarray:
        """``to_scaled`` @ numbers, or its transpose."""
        if self.plain is not None:
            return self.plain[:, None] * numbers
        return (self.back if transposed else self.to_scaled) @ numbers

    def pullback(
        self, vector: np.ndarray, slope: np.ndarray, by_weights: np.ndarray | None = None
    ) -> np.ndarray:
        """Gradient (size,) from those by the matrices (1, terms + 1, K) and the weights (d,)."""
        found = np.empty(self.size)
        found[self._places[0]] = slope[0, 0]
        if self._whole is not None and self.learned is None:
            part = found[self._places[1]].reshape(slope[0, 1:].shape)
            np.matmul(self._whole.T, slope[0, 1:], out=part)
            return found
        blocks = self._scaled(slope[0, 1:], transposed=True)
        for own, place in zip(self.kinds, self._places[1:], strict=True):
            some = blocks if len(self.kinds) == 1 else blocks[own.where]
            found[place] = own.pullback(vector[place], some)
        if self.learned is not None and by_weights is not None:
            place = slice(-self.spec.dim, None)
            found[place] = self.learned.pullback(vector[place], by_weights)
        return found

    def vector(
        self, constant: np.ndarray, blocks: np.ndarray, factors: np.ndarray | None = None
    ) -> np.ndarray:
        """Join A_0 (K,) and all blocks (blocks, K) into one vector.

        factors : (blocks, d, d), used for the PSD blocks; None: those of ``blocks``
        """
        found = [
            own.numbers(blocks[own.where], None if factors is None else factors[own.where])
            for own in self.kinds
        ]
        if self.learned is not None:
            found.append(self.learned.numbers(np.array(self.spec.weights)))
        return np.concatenate([constant, *found])

    def coordinates(self, params: np.ndarray) -> np.ndarray:
        """Vector (size,) whose pencil is nearest to the parameters (1, terms + 1, K).

        Exact, up to the rounding of the PSD factors, for parameters that came from a vector.
        """
        terms = params[0, 1:] * self.deviation[:, None]
        constant = params[0, 0] + self.mean @ params[0, 1:]
        return self.vector(constant, self.to_scaled.solve(terms))

    def fold(self, scaled: np.ndarray) -> np.ndarray:
        """Parameters (1, terms + 1, K) of the pencil in the unscaled terms.

        A_b = W_b/deviation_b and A_0 = W_0 − Σ_b mean_b A_b; scaled (1, terms + 1, K).
        """
        found = np.empty_like(scaled)
        terms = np.divide(scaled[0, 1:], self.deviation[:, None], out=found[0, 1:])
        found[0, 0] = scaled[0, 0] - self.mean @ terms
        return found

    def fold_pullback(self, slope: np.ndarray) -> np.ndarray:
        """Adjoint of `fold`: gradient by the parameters -> gradient by W."""
        found = slope.copy()
        found[0, 1:] -= self.mean[:, None] * slope[0, 0]
        found[0, 1:] /= self.deviation[:, None]
        return found
