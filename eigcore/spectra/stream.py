"""The first principal directions of a stream of rows, in one pass.

P. Kacham and D. P. Woodruff, "Approximating the top eigenvector in random order streams" (arXiv
2412.11963): one step of the power method for each of O(log d) blocks of rows; rows of large norm,
which no block represents, are kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted
from eigcore.core.options import generator, number, several
from eigcore.core.scalars import is_whole
from eigcore.errors import InvalidInput


def top_vector(
    stream: Iterable[Any], rows: int | None = None, heavy: float = 1.0, seed: int = 0
) -> np.ndarray:
    """Return the first right singular vector of a matrix that is read once, row by row.

    Parameters
    ----------
    stream, rows, heavy, seed
        As for `top_vectors`.

    Returns
    -------
    (d,) array
        The first of `top_vectors`.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `top_vectors`.
    """
    return top_vectors(stream, rows, 1, heavy, seed)[:, 0]


def top_vectors(
    stream: Iterable[Any], rows: int | None = None, k: int = 1, heavy: float = 1.0, seed: int = 0
) -> np.ndarray:
    """Return the first right singular vectors of a matrix that is read once, row by row.

    Parameters
    ----------
    stream : iterable of (b, d) arrays of any backend
        Blocks of rows in random order: one array of all rows is shuffled first.
    rows : int, optional
        Number of rows of the whole stream, about. A list of blocks is counted.
    k : int
        Number of vectors.
    heavy : float
        Rows of norm above ``heavy``·‖A‖_F/(√d·log d) are kept and used in every step: at most
        d·(log d/heavy)², up to the estimate of ‖A‖_F from the rows seen.
    seed : int

    Returns
    -------
    (d, k) array
        Orthonormal columns, NumPy float64, by descending singular value. For k = 1, 1 − cos² is of
        order σ₂²/σ₁². Memory: 2 k vectors, and the rows that are kept. One more pass tells how
        good they are: ``eigcore.operators.block_power(stream_gram(…), k, start=…, steps=1)``.

    Raises
    ------
    InvalidInput, NonFiniteInput
        No rows, a number of rows that is not positive, or none for an iterator; k out of range; or
        blocks of other widths.
    """
    several("The stream", stream, "[A], blocks (b, d)")
    if rows is None and isinstance(stream, Sequence):
        rows = max(1, sum(next(iter(np.shape(block)), 0) for block in stream))
    if not is_whole(rows) or rows < 1:
        raise InvalidInput(f"rows is {rows!r}; expected the length of the stream. Write rows=1000.")
    heavy = number("heavy", heavy, 1.0, 0.0)
    state: _Power | None = None
    for block in stream:
        part = hosted(block, "A block of the stream")
        if state is None:
            if not is_whole(k) or not 1 <= k <= part.shape[1]:
                raise InvalidInput(
                    f"k is {k!r}; expected an integer from 1 to {part.shape[1]}. Write k=1."
                )
            state = _Power(part.shape[1], k, rows, heavy, seed)
        if part.shape[1] != state.size:
            raise InvalidInput(
                f"A block has {part.shape[1]} columns after one of {state.size}; expected equal "
                "numbers. Pad the rows with zeros."
            )
        state.add(part)
    if state is None:
        raise InvalidInput("The stream has no rows; expected arrays (b, d). Give a list of them.")
    return state.found()


class _Power:
    """The vectors, the product of the block that is read, and the rows that are kept."""

    def __init__(self, size: int, k: int, rows: int, heavy: float, seed: int):
        self.size, self.rows = size, rows
        steps = max(1, math.ceil(math.log2(size + 1)))
        self.length = max(1, rows // steps)
        self.share = heavy / (max(1.0, math.log(size)) * math.sqrt(size))
        self.Z = np.linalg.qr(generator(seed).normal(size=(size, k)))[0]
        self.product, self.kept = np.zeros((size, k)), np.zeros((0, size))
        self.light = np.zeros((k, k))
        self.seen, self.inside, self.squares = 0, 0, 0.0

    def add(self, part: np.ndarray) -> None:
        while len(part):
            now, part = np.split(part, [self.length - self.inside])
            norms = (now**2).sum(axis=1)
            self.squares += float(norms.sum())
            self.seen, self.inside = self.seen + len(now), self.inside + len(now)
            total = self.squares * max(1.0, self.rows / self.seen)
            large = norms > self.share**2 * total
            self.kept = np.concatenate((self.kept, now[large]))
            light = now[~large]
            self.product += light.T @ (light @ self.Z)
            if self.inside >= self.length:
                self._step()

    def _step(self) -> None:
        scale = self.rows / max(self.inside, 1)
        form = scale * self.Z.T @ self.product
        image = scale * self.product + self.kept.T @ (self.kept @ self.Z)
        if image.any():
            Q, R = np.linalg.qr(image)
            self.Z = Q * np.where(np.diag(R) < 0, -1.0, 1.0)  # near the old vectors
        self.light = 0.5 * (form + form.T)
        self.product, self.inside = np.zeros_like(self.product), 0

    def found(self) -> np.ndarray:
        if self.inside > self.length // 2 or self.seen == self.inside:
            self._step()
        # the light rows count as those of √light · Zᵀ, since rows that came last had one step only
        values, U = np.linalg.eigh(self.light)
        light = np.sqrt(np.maximum(values, 0.0))[:, None] * (self.Z @ U).T
        rows = np.concatenate((self.kept, light))
        return np.linalg.svd(rows, full_matrices=False)[2][: self.Z.shape[1]].T
