"""Means and covariances of the terms: all that scaling and the additive model need of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eigcore.encoding import Encoding
from eigcore.registry import get_backend
from eigcore.rows import places

_CHUNK = 2048


@dataclass(frozen=True)
class Moments:
    """Moments of terms z (terms,) and of a target y over some rows.

    mean : (terms,);  covariance : (terms, terms);  cross : (terms,) covariances with the target
    target : mean of the target
    """

    mean: np.ndarray
    covariance: np.ndarray
    cross: np.ndarray
    target: float

    @classmethod
    def of(cls, encoding: Encoding, numbers: np.ndarray, target: np.ndarray) -> Moments:
        """Add up chunks of rows: numbers (N, columns) float64, target (N,)."""
        size, count = encoding.terms, len(numbers)
        mean, cross = np.zeros(size), np.zeros(size)
        covariance = np.zeros((size, size))
        middle = float(target.mean())
        for _, terms in _chunks(encoding, numbers):
            mean += terms.sum(0)
        mean /= count
        for rows, terms in _chunks(encoding, numbers):
            # centred first: a term that never varies has covariance zero, not rounding
            terms -= mean
            covariance += terms.T @ terms
            cross += terms.T @ (target[rows] - middle)
        return cls(mean, covariance / count, cross / count, middle)

    def of_sums(self, sums: np.ndarray) -> Moments:
        """Moments of the terms ``z @ sums``: sums (terms, others)."""
        covariance = sums.T @ self.covariance @ sums
        return Moments(self.mean @ sums, covariance, self.cross @ sums, self.target)


def _chunks(encoding: Encoding, numbers: np.ndarray):
    found = places(encoding, numbers)
    for start in range(0, len(numbers), _CHUNK):
        rows = slice(start, start + _CHUNK)
        if found is None:
            yield rows, np.array(encoding(numbers[rows], get_backend("numpy")), np.float64)
        else:
            yield rows, found.part(rows).dense(encoding.terms)
