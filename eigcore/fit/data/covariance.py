"""Matrices of the terms in blocks, one block per part of an encoding, so that wide tables fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from scipy.sparse import block_diag, csr_array

_MOST_TERMS = 4096
_MOST_PRODUCTS = 2**18
"""Most terms, and most terms · parts, for which a covariance is whole: 128 MiB, 64 wide columns."""
KEPT = 2**25
"""Largest size, in numbers, of the covariances that are kept for another descent."""


def is_whole(parts: Sequence[slice]) -> bool:
    """Whether covariances between the parts are computed; otherwise only those within each."""
    terms = parts[-1].stop if parts else 0
    return terms <= _MOST_TERMS and terms * len(parts) <= _MOST_PRODUCTS


class BlockDiagonal:
    """A matrix with a block per part, and zeros elsewhere, which are not stored.

    blocks : (terms of the part, others) each
    rows, columns : where each block lies
    """

    def __init__(self, blocks: Sequence[np.ndarray]):
        self.blocks = list(blocks)
        self.rows = _slices([len(block) for block in self.blocks])
        self.columns = _slices([block.shape[1] for block in self.blocks])

    @property
    def T(self) -> BlockDiagonal:  # noqa: N802 (as in NumPy)
        """The transpose."""
        return BlockDiagonal([block.T for block in self.blocks])

    @cached_property
    def sparse(self) -> csr_array:
        """The same matrix for SciPy."""
        if not self.blocks:
            return csr_array((0, 0))
        return csr_array(block_diag([csr_array(block) for block in self.blocks]))

    @property
    def diagonal(self) -> np.ndarray | None:
        """The diagonal, where nothing else is stored; otherwise None."""
        if all(_is_diagonal(block) for block in self.blocks):
            return np.concatenate([np.diagonal(b) for b in self.blocks] or [np.zeros(0)])
        return None

    @cached_property
    def groups(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The first row of each column, and the numbers (rows,), if each row has one of them.

        None where rows have others, or where columns do not follow the order of the rows.
        """
        owners, found = [], []
        for block, place in zip(self.blocks, self.columns, strict=True):
            if np.count_nonzero(block) != len(block):
                return None
            at = block.argmax(1) if block.size else np.zeros(0, int)
            own = block[np.arange(len(block)), at]
            if not (own > 0.0).all():
                return None
            owners.append(place.start + at)
            found.append(own)
        owner = np.concatenate([np.zeros(0, int), *owners])
        firsts = np.flatnonzero(np.diff(owner, prepend=-1))
        count = self.columns[-1].stop if self.columns else 0
        ordered = np.array_equal(owner[firsts], np.arange(count))
        return (firsts, np.concatenate([np.zeros(0), *found])) if ordered else None

    def times(self, rows: np.ndarray, columns: np.ndarray) -> BlockDiagonal:
        """Multiply rows and columns by numbers."""
        places = zip(self.blocks, self.rows, self.columns, strict=True)
        return BlockDiagonal([rows[i, None] * (block * columns[j]) for block, i, j in places])

    def some(self, columns: np.ndarray) -> BlockDiagonal:
        """Keep some columns, a mask (columns,)."""
        pairs = zip(self.blocks, self.columns, strict=True)
        return BlockDiagonal([block[:, columns[where]] for block, where in pairs])

    def __matmul__(self, numbers: np.ndarray) -> np.ndarray:
        """Product with numbers (columns, k)."""
        product = np.empty((self.rows[-1].stop if self.rows else 0, numbers.shape[1]))
        for block, here, there in zip(self.blocks, self.rows, self.columns, strict=True):
            np.matmul(block, numbers[there], out=product[here])
        return product

    def solve(self, numbers: np.ndarray) -> np.ndarray:
        """Least-squares solutions (columns, k) of ``self @ x = numbers``, the shortest ones."""
        pairs = zip(self.blocks, self.rows, strict=True)
        found = [np.linalg.lstsq(block, numbers[here], rcond=None)[0] for block, here in pairs]
        return np.concatenate([np.zeros((0, numbers.shape[1])), *found])


@dataclass(frozen=True)
class Covariance:
    """Covariances of terms, or of sums of terms: all of them, or only those within each part.

    parts : where the terms of each part lie
    blocks : one (terms, terms), or one for each part
    """

    parts: tuple[slice, ...]
    blocks: tuple[np.ndarray, ...]
    whole: bool

    @property
    def diagonal(self) -> np.ndarray:
        """Variances (terms,)."""
        return np.concatenate([np.diagonal(b) for b in self.blocks] or [np.zeros(0)])

    @property
    def size(self) -> int:
        """Numbers that are stored."""
        return sum(block.size for block in self.blocks)

    def within(self, part: int) -> np.ndarray:
        """Covariances of the terms of one part."""
        where = self.parts[part]
        return self.blocks[0][where, where] if self.whole else self.blocks[part]

    def of_sums(self, sums: BlockDiagonal) -> Covariance:
        """Covariances of the terms ``z @ sums``."""
        factors, groups = sums.diagonal, sums.groups
        if self.whole and factors is not None:
            each = self if (factors == 1.0).all() else None
            own = self.blocks[0]
            return each or Covariance(sums.columns, (factors[:, None] * own * factors,), True)
        if self.whole and groups is not None:
            firsts, factors = groups
            own = factors[:, None] * self.blocks[0]
            own *= factors
            added = np.add.reduceat(np.add.reduceat(own, firsts, axis=0), firsts, axis=1)
            return Covariance(sums.columns, (added,), True)
        if self.whole:
            add = csr_array(sums.sparse.T)
            return Covariance(sums.columns, (add @ (add @ self.blocks[0]).T,), True)
        pairs = zip(self.blocks, sums.blocks, strict=True)
        return Covariance(sums.columns, tuple(s.T @ block @ s for block, s in pairs), False)


def _slices(sizes: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(*ends) for ends in pairwise([0, *accumulate(sizes)]))


def _is_diagonal(matrix: np.ndarray) -> bool:
    square = matrix.shape[0] == matrix.shape[1]
    return square and np.count_nonzero(matrix) == np.count_nonzero(np.diagonal(matrix))
