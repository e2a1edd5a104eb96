"""Cases of the laws of matrices that are not symmetric: batches with chosen eigenvalues."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.linalg

from eigcore.testing.cases import Case

SPECTRA = ((2 + 1j, 1.5, -0.75, 0.25), (1, -1, 0.6j, 0.3))
"""Numbers above the real axis stand for themselves and their conjugates."""


@dataclass(frozen=True)
class Square(Case):
    """A batch of square matrices with given eigenvalues.

    Parameters
    ----------
    spectra : tuple of tuples
        In the order that eigcore promises.
    """

    spectra: tuple[tuple[complex, ...], ...] = SPECTRA

    @cached_property
    def A(self) -> np.ndarray:  # noqa: N802
        """The matrices (batch, n, n) in float64, rounded to the dtype of the case."""
        rng, found = self.rng(), []
        for numbers in self.spectra:
            blocks = [
                [[z.real, z.imag], [-z.imag, z.real]] if np.imag(z) else [[np.real(z)]]
                for z in numbers
            ]
            B: Any = scipy.linalg.block_diag(*blocks)
            S = np.eye(len(B)) + 0.2 * rng.normal(size=B.shape)
            found.append(S @ B @ np.linalg.inv(S))
        return self.rounded(np.stack(found))

    @property
    def lam(self) -> np.ndarray:
        """The chosen eigenvalues (batch, n)."""
        pairs = [[(z, np.conj(z)) if np.imag(z) else (z,) for z in row] for row in self.spectra]
        return np.array([sum(row, ()) for row in pairs]) + 0j

    @property
    def d(self) -> int:
        """Order of the matrices."""
        return self.A.shape[-1]

    @property
    def hardness(self) -> float:
        """‖A‖₂ times the condition of the eigenvectors: what errors of eigenvalues grow with."""
        X = np.linalg.eig(self.A)[1]
        return float((np.linalg.norm(self.A, 2, (-2, -1)) * np.linalg.cond(X)).max())

    def direction(self, salt: int = 0) -> np.ndarray:
        """Return a random array like A, of entries of order one."""
        return self.rounded(self.rng(salt + 1).normal(size=self.A.shape))

    def moved(self, E: np.ndarray) -> np.ndarray:
        """Return the eigenvalues of A + E, each beside the one of A that it comes from."""
        lam = np.linalg.eigvals(self.A + E)
        near = abs(self.lam[:, :, None] - lam[:, None, :]).argmin(-1)
        return np.take_along_axis(lam, near, axis=-1)


SQUARE = Square("known eigenvalues")
SQUARES = (SQUARE, replace(SQUARE, dtype="float32"))
JORDAN = np.diag([2.0, 2.0, 1.5, 1.0, 0.5]) + np.diag([1.0, 0.0, 0.0, 0.0], 1)
"""2 is a double eigenvalue with one eigenvector."""
