"""The first principal direction of a stream of rows, in one pass.

P. Kacham and D. P. Woodruff, "Approximating the top eigenvector in random order streams" (arXiv
2412.11963): one step of the power method for each of O(log d) blocks of rows; rows of large norm,
which no block represents, are kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted
from eigcore.errors import InvalidInput


def top_vector(stream: Iterable[Any], rows: int, heavy: float = 1.0, seed: int = 0) -> np.ndarray:
    """Return the first right singular vector of a matrix that is read once, row by row.

    Parameters
    ----------
    stream : iterable of (b, d) arrays of any backend
        Blocks of rows in random order: one array of all rows is shuffled first.
    rows : int
        Number of rows of the whole stream, about.
    heavy : float
        Rows of norm above ``heavy``·‖A‖_F/(√d·log d) are kept and used in every step: at most
        d·(log d/heavy)², up to the estimate of ‖A‖_F from the rows seen.
    seed : int

    Returns
    -------
    (d,) array
        Unit vector, NumPy float64; 1 − cos² is of order σ₂²/σ₁². Memory: a few vectors, and the
        rows that are kept.

    Raises
    ------
    InvalidInput, NonFiniteInput
        No rows, a number of rows that is not positive, or blocks of other widths.
    """
    if not isinstance(rows, int) or rows < 1:
        raise InvalidInput(f"rows is {rows!r}; expected the length of the stream. Write rows=1000.")
    state: _Power | None = None
    for block in stream:
        part = hosted(block, "A block of the stream")
        if state is None:
            state = _Power(part.shape[1], rows, heavy, seed)
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
    """The vector, the product of the block that is read, and the rows that are kept."""

    def __init__(self, size: int, rows: int, heavy: float, seed: int):
        self.size, self.rows = size, rows
        steps = max(1, math.ceil(math.log2(size + 1)))
        self.length = max(1, rows // steps)
        self.share = heavy / (max(1.0, math.log(size)) * math.sqrt(size))
        z = np.random.default_rng(seed).normal(size=size)
        self.z, self.product = z / np.linalg.norm(z), np.zeros(size)
        self.kept = np.zeros((0, size))
        self.seen, self.inside, self.squares, self.light = 0, 0, 0.0, 0.0

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
            self.product += light.T @ (light @ self.z)
            if self.inside >= self.length:
                self._step()

    def _step(self) -> None:
        scale, before = self.rows / max(self.inside, 1), self.z
        image = scale * self.product + self.kept.T @ (self.kept @ self.z)
        norm = float(np.linalg.norm(image))
        if norm > 0:
            self.z = image / norm
        self.light = scale * max(0.0, float(self.product @ before))
        self.product, self.inside = np.zeros(self.size), 0

    def found(self) -> np.ndarray:
        if self.inside > self.length // 2 or self.seen == self.inside:
            self._step()
        if not len(self.kept):
            return self.z
        # rows that came last had one step only: the light rows count as √light · zᵀ
        rows = np.concatenate((self.kept, self.light**0.5 * self.z[None]))
        return np.linalg.svd(rows, full_matrices=False)[2][0]
