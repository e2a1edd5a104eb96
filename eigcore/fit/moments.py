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
    """Moments of terms z (terms,) and of one or more targets y over some rows.

    mean : (terms,);  covariance : (terms, terms)
    cross : (terms, targets) covariances with the targets;  target : (targets,) their means
    """

    mean: np.ndarray
    covariance: np.ndarray
    cross: np.ndarray
    target: np.ndarray

    @classmethod
    def of(
        cls,
        encoding: Encoding,
        numbers: np.ndarray,
        target: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> Moments:
        """Add up chunks of rows: numbers (N, columns) float64, target (N,) or (N, targets)."""
        size, count = encoding.terms, len(numbers)
        target = target.reshape(count, -1)
        share = np.full(count, 1.0) if weights is None else weights * (count / weights.sum())
        mean, cross = np.zeros(size), np.zeros((size, target.shape[1]))
        covariance = np.zeros((size, size))
        middle = share @ target / count
        for rows, terms in _chunks(encoding, numbers):
            mean += share[rows] @ terms
        mean /= count
        for rows, terms in _chunks(encoding, numbers):
            # centred first: a term that never varies has covariance zero, not rounding
            terms -= mean
            weighted = terms * share[rows, None]
            covariance += weighted.T @ terms
            cross += weighted.T @ (target[rows] - middle)
        return cls(mean, covariance / count, cross / count, middle)

    def of_sums(self, sums: np.ndarray) -> Moments:
        """Moments of the terms ``z @ sums``: sums (terms, others)."""
        covariance = sums.T @ self.covariance @ sums
        return Moments(self.mean @ sums, covariance, sums.T @ self.cross, self.target)


def _chunks(encoding: Encoding, numbers: np.ndarray):
    found = places(encoding, numbers)
    for start in range(0, len(numbers), _CHUNK):
        rows = slice(start, start + _CHUNK)
        if found is None:
            yield rows, np.array(encoding(numbers[rows], get_backend("numpy")), np.float64)
        else:
            yield rows, found.part(rows).dense(encoding.terms)
