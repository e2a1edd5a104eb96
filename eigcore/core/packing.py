"""The map from a packed vector to a symmetric matrix, and its adjoint."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

SQRT_HALF = 0.5**0.5


@dataclass(frozen=True)
class Layout:
    """A linear map p ↦ M(p) from R^K to the symmetric matrices of order d.

    Entry e of p, times ``scale[e]``, is the matrix entry at (row, col) and at (col, row).

    Parameters
    ----------
    dim : int
        Order d.
    bandwidth : int
        Number of subdiagonals that may be nonzero.
    kind : {"packed", "pair", "square", "full"}
        "packed": row-major lower triangle inside the band, off-diagonal entries stored times √2,
        so that |p| = ‖M‖_F. "pair": the diagonal, then the subdiagonal without factors. "square":
        whole matrices (..., d, d); M is the symmetric part. "full": the same in one row of d²
        entries, for programs exported before "square" existed.
    """

    dim: int
    bandwidth: int
    kind: str = "packed"

    @cached_property
    def rows(self) -> np.ndarray:
        """Row of every entry: (K,) integers."""
        return self._places[0]

    @cached_property
    def cols(self) -> np.ndarray:
        """Column of every entry: (K,) integers."""
        return self._places[1]

    @cached_property
    def scale(self) -> np.ndarray:
        """Factor from the stored number to the matrix entry: (K,) float64."""
        factor = SQRT_HALF if self.kind == "packed" else 1.0
        return np.where(self.rows == self.cols, 1.0, factor)

    @property
    def size(self) -> int:
        """Number K of stored entries."""
        if self.kind in ("square", "full"):
            return self.dim**2
        band = min(1 if self.kind == "pair" else self.bandwidth, self.dim - 1)
        return self.dim * (band + 1) - band * (band + 1) // 2

    @property
    def core(self) -> tuple[int, ...]:
        """Trailing axes of p that belong to one matrix: (d, d) for "square", else (K,)."""
        return (self.dim, self.dim) if self.kind == "square" else (self.size,)

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        i = np.arange(self.dim)
        if self.kind == "pair":
            return np.concatenate((i, i[1:])), np.concatenate((i, i[:-1]))
        rows, cols = np.nonzero((i[:, None] >= i) & (i[:, None] - i <= self.bandwidth))
        return rows, cols

    @cached_property
    def gather(self) -> tuple[np.ndarray, np.ndarray]:
        """Entry of p for every matrix position, and its factor (zero outside the band): (d²,)."""
        entry = np.zeros((self.dim, self.dim), dtype=np.int64)
        factor = np.zeros((self.dim, self.dim))
        for where in ((self.rows, self.cols), (self.cols, self.rows)):
            entry[where] = np.arange(self.size)
            factor[where] = self.scale
        return entry.ravel(), factor.ravel()

    @cached_property
    def scatter(self) -> tuple[np.ndarray, np.ndarray]:
        """Matrix position of every entry, and the factor of the adjoint map: (K,).

        ⟨M(p), G⟩ = Σ_e p_e·factor_e·G_e with off-diagonal entries counted twice.
        """
        return self.rows * self.dim + self.cols, self.scale * np.where(
            self.rows == self.cols, 1.0, 2.0
        )


@dataclass(frozen=True)
class Whole:
    """Matrices (..., m, n) as they are; of symmetric ones the symmetric part is used."""

    rows: int
    columns: int
    symmetric: bool = False
    kind = "whole"

    @property
    def core(self) -> tuple[int, int]:
        """(m, n)."""
        return self.rows, self.columns

    @property
    def dim(self) -> int:
        """The smaller of both."""
        return min(self.rows, self.columns)

    @property
    def bandwidth(self) -> int:
        """Of a full matrix."""
        return self.dim - 1


def packed(dim: int, bandwidth: int) -> Layout:
    """Return the isometric packing of parameters (`eigcore.core.spec.CONVENTION`)."""
    return Layout(dim, bandwidth)


def square(dim: int) -> Layout:
    """Return the layout of a whole matrix, of which the symmetric part is used."""
    return Layout(dim, dim - 1, "square")


def pair(dim: int) -> Layout:
    """Return the layout of a tridiagonal matrix given as diagonal and subdiagonal."""
    return Layout(dim, min(1, dim - 1), "pair")
