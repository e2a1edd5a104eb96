"""Pairs of columns whose products a residual follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import norm

from eigcore.encoding import Column

_CHANCE = 0.5
"""Expected number of pairs that are taken by chance."""
_SCORES, _LEVELS = 1024, 12
"""Most scores of all columns whose products are looked at, and most levels of a column in them."""
_ROUNDS, _STRONGEST = 5, 64
"""How often all pairs are looked at, and how many of them are then taken one after another."""
_CHUNK = 2048


class Pairs:
    """Products of two columns' scores: straight and bent ones of numbers, indicators of levels.

    Parameters
    ----------
    columns : Column of each
    places : (rows, columns) int, the group of each row: a piece, a level, or missing
    weights : (rows,)
    """

    def __init__(self, columns: Sequence[Column], places: np.ndarray, weights: np.ndarray):
        self.places, self.weights = places, weights
        self.tables = [_scores(*pair) for pair in zip(columns, places.T, strict=True)]
        ranks = [(k, j) for j, each in enumerate(self.tables) for k in range(each.shape[1])]
        self.used = sorted(ranks)[:_SCORES]
        owners = np.array([j for _, j in self.used], int)
        self.pairs = np.argwhere(np.triu(owners[:, None] != owners, 1))
        self.owners = owners[self.pairs]
        self.least = float(norm.isf(_CHANCE / max(2 * len(self.pairs), 1)))

    def scores(self, rows: slice, some: Sequence[int] | np.ndarray) -> np.ndarray:
        """Scores (rows, k) float32 of some rows."""
        chosen = [self.used[each] for each in some]
        return np.stack([self.tables[j][self.places[rows, j], k] for k, j in chosen], axis=1)

    def seen(self, rest: np.ndarray, over: Callable[[], bool]) -> np.ndarray:
        """|Σ r s s'| / √Σ (r s s')² of each pair (pairs,), nearly normal if there is nothing.

        The sums end where the time is over.
        """
        size = len(self.used)
        sums, squares = np.zeros((2, size, size), np.float32)
        for first in range(0, len(rest), _CHUNK):
            if over():
                break
            rows = slice(first, first + _CHUNK)
            own = self.scores(rows, range(size))
            moved = own * rest[rows, None].astype(np.float32)
            sums += moved.T @ own
            squares += np.square(moved).T @ np.square(own)
        z = sums / np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))
        return np.abs(z[tuple(self.pairs.T)])

    def pursue(self, rest: np.ndarray, over: Callable[[], bool]) -> tuple[list[int], np.ndarray]:
        """Take pairs that a weighted residual (rows,) follows: their columns, and what is left.

        A product takes its part of the residual with it, so that columns that are like those of
        the pair do not follow it.

        over : whether the time is over
        """
        kept: set[int] = set()
        for _ in range(_ROUNDS):
            z = self.seen(rest, over)
            best = np.argsort(-z)[:_STRONGEST]
            best = best[z[best] > self.least]
            if not len(best):
                break
            first, second = (self.scores(slice(None), each) for each in self.pairs[best].T)
            taken, rest = self._matched(first * second, rest)
            kept |= set(self.owners[best[taken]].ravel().tolist())
        return sorted(kept), rest

    def _matched(self, products: np.ndarray, rest: np.ndarray) -> tuple[list[int], np.ndarray]:
        """Which of the products (rows, k) explain a residual, the strongest first; what is left."""
        taken: list[int] = []
        left = rest
        while len(taken) < products.shape[1]:
            z = np.abs(left @ products) / np.sqrt(left**2 @ products**2)
            z[taken] = 0.0
            if z.max() <= self.least:
                break
            taken.append(int(z.argmax()))
            own = products[:, taken].astype(np.float64)
            weighted = own * self.weights[:, None]
            left = rest - weighted @ np.linalg.lstsq(weighted.T @ own, own.T @ rest)[0]
        return taken, left


def _scores(column: Column, place: np.ndarray) -> np.ndarray:
    """Scores (groups, k) float32 of the groups of a column, each of mean 0 and variance 1."""
    share = np.bincount(place, minlength=column.terms) / len(place)
    if column.numeric:
        known = np.arange(column.terms) < column.terms - column.missing
        line = np.arange(column.terms) - np.arange(column.terms) @ (share * known) / max(
            share @ known, 1e-9
        )
        raw = np.stack([line, line**2], axis=1) * known[:, None]
    else:
        raw = np.eye(column.terms)[:, np.argsort(-share, kind="stable")[:_LEVELS]]
    raw = raw - share @ raw
    size = np.sqrt(share @ raw**2)
    return (raw[:, size > 1e-6] / size[size > 1e-6]).astype(np.float32)
