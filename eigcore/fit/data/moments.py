"""Means and covariances of the terms: all that scaling and the additive model need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eigcore.core.sources import Bins
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Encoding
from eigcore.encoding.bins import bins
from eigcore.fit.data.covariance import BlockDiagonal, Covariance, is_whole

_CHUNK, _CHUNK_SIZE = 2048, 2**23
"""Rows that are encoded at a time, and numbers."""
_FEW_PARTS, _FEW_TERMS, _PRODUCTS = 64, 14, 250_000
"""Beyond so many parts, with fewer terms each, or below so many products per pair of parts, a
product of the terms is faster than histograms of all pairs of parts."""
_CONSTANT = 1e-13
"""Variances below this part of the mean square are rounding."""


@dataclass(frozen=True)
class Moments:
    """Moments of terms z (terms,) and of one or more targets y over some rows.

    mean : (terms,)
    covariance : of the terms; whole only where it is small (`eigcore.fit.data.covariance`)
    cross : (terms, targets) covariances with the targets;  target : (targets,) their means
    """

    mean: np.ndarray
    covariance: Covariance
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
        """Moments of rows: numbers (N, columns) float64, target (N,) or (N, targets)."""
        count, parts = len(numbers), encoding.slices
        target = target.reshape(count, -1)
        share = np.full(count, 1.0) if weights is None else weights * (count / weights.sum())
        middle = share @ target / count
        around = share[:, None] * (target - middle)
        found, whole = bins(encoding, numbers), is_whole(parts)
        many = len(parts) > _FEW_PARTS and encoding.terms < _FEW_TERMS * len(parts)
        few = count * encoding.terms**2 < _PRODUCTS * len(parts) ** 2
        if found is None or (whole and (many or few)):
            sums = _dense_sums(_chunks(encoding, numbers, found), parts, whole, share, around)
        else:
            sums = _sums(found, parts, whole, share, around)
        mean, products, cross = sums
        mean = mean / count
        blocks = [
            _centred(square / count, mean[where])
            for square, where in zip(products, _groups(parts, whole), strict=True)
        ]
        return cls(mean, Covariance(parts, tuple(blocks), whole), cross / count, middle)

    def of_sums(self, sums: BlockDiagonal) -> Moments:
        """Moments of the terms ``z @ sums``."""
        add = sums.T
        mean, cross = (add @ self.mean[:, None])[:, 0], add @ self.cross
        return Moments(mean, self.covariance.of_sums(sums), cross, self.target)


def _groups(parts: tuple[slice, ...], whole: bool) -> tuple[slice, ...]:
    return (slice(0, parts[-1].stop if parts else 0),) if whole else parts


def _centred(square: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Covariances from mean products; those of terms that vary by rounding alone are zero."""
    covariance = square - np.outer(mean, mean)
    constant = np.diagonal(covariance) <= _CONSTANT * np.diagonal(square)
    covariance[constant] = covariance[:, constant] = 0.0
    return covariance


class _Sums(NamedTuple):
    """Σ z (terms,), Σ z zᵀ in the blocks of a `Covariance`, and Σ z yᵀ (terms, targets)."""

    mean: np.ndarray
    products: list[np.ndarray]
    cross: np.ndarray


class _Steps(NamedTuple):
    """Terms of one part in all rows: ones from `first` on, then one value.

    ones : (N,) number of ones, at most `most`;  at : (N,) index of the value;  value : (N,)
    """

    first: int
    most: int
    terms: int
    ones: np.ndarray
    at: np.ndarray
    value: np.ndarray

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """Σ_n weights_n z(n): (terms,)."""
        total = np.bincount(self.at, weights * self.value, self.terms)
        steps = _beyond(np.bincount(self.ones, weights, self.most + 1), 0)
        total[self.first : self.first + self.most] += steps
        return total

    def products(self, other: _Steps, share: np.ndarray) -> np.ndarray:
        """Σ_n share_n z(n) z'(n)ᵀ, from histograms of both indices: (terms, other terms)."""
        rows, columns = (slice(p.first, p.first + p.most) for p in (self, other))

        def histogram(i, most, j, others, weights):
            return np.bincount(i * others + j, weights, most * others).reshape(most, others)

        here, there = (self.at, self.terms), (other.at, other.terms)
        before, behind = (self.ones, self.most + 1), (other.ones, other.most + 1)
        total = histogram(*here, *there, share * self.value * other.value)
        total[rows] += _beyond(histogram(*before, *there, share * other.value), 0)
        total[:, columns] += _beyond(histogram(*here, *behind, share * self.value), 1)
        total[rows, columns] += _beyond(_beyond(histogram(*before, *behind, share), 0), 1)
        return total


def _beyond(histogram: np.ndarray, axis: int) -> np.ndarray:
    """Sums over all later bins: a term is one where the number of ones exceeds its index."""
    back = (slice(None),) * axis + (slice(None, None, -1),)
    tails = histogram[back].cumsum(axis)[back]
    return tails[1:] if axis == 0 else tails[:, 1:]


def _sums(
    found: Bins, slices: tuple[slice, ...], whole: bool, share: np.ndarray, around: np.ndarray
) -> _Sums:
    """Sums with the rows' shares.

    A term is a one, a fraction or zero (`eigcore.encoding.bins`), so this takes rows · columns²
    additions; the product of the dense terms takes rows · terms².
    """
    runs = dict(zip(found.parts, found.runs, strict=True))
    parts = []
    for j, terms in enumerate(slices):
        place = found.indices[:, j].astype(np.int64)
        first, end = runs.get(j, (terms.start, terms.start))
        ones = np.where((place >= first) & (place < end), place - first, 0)
        at, size = place - terms.start, terms.stop - terms.start
        parts.append(
            _Steps(first - terms.start, end - first, size, ones, at, found.fractions[:, j])
        )
    mean = np.concatenate([part.sums(share) for part in parts])
    cross = np.stack([np.concatenate([p.sums(y) for p in parts]) for y in around.T], axis=-1)
    if not whole:
        return _Sums(mean, [part.products(part, share) for part in parts], cross)
    products = np.empty((len(mean), len(mean)))
    for i, part in enumerate(parts):
        for j, other in enumerate(parts[: i + 1]):
            block = part.products(other, share)
            products[slices[i], slices[j]] = block
            products[slices[j], slices[i]] = block.T
    return _Sums(mean, [products], cross)


Chunks = Iterator[tuple[slice, np.ndarray]]


def _chunks(encoding: Encoding, numbers: np.ndarray, found: Bins | None) -> Chunks:
    """Yield some rows and their terms (rows, terms), again and again."""
    step = min(_CHUNK, 1 + _CHUNK_SIZE // (encoding.terms + 1))
    for start in range(0, len(numbers), step):
        rows = slice(start, start + step)
        if found is None:
            terms = np.array(encoding(numbers[rows], get_backend("numpy"), codes=True), np.float64)
        else:
            terms = found.part(rows).dense(encoding.terms)
        yield rows, terms


def _dense_sums(
    chunks: Chunks, slices: tuple[slice, ...], whole: bool, share: np.ndarray, around: np.ndarray
) -> _Sums:
    size, groups = slices[-1].stop, _groups(slices, whole)
    mean, cross = np.zeros(size), np.zeros((size, around.shape[1]))
    products = [np.zeros((where.stop - where.start,) * 2) for where in groups]
    for rows, terms in chunks:
        mean += share[rows] @ terms
        for total, where in zip(products, groups, strict=True):
            own = terms[:, where]
            total += (own * share[rows, None]).T @ own
        cross += terms.T @ around[rows]
    return _Sums(mean, products, cross)
