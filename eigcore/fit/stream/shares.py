"""The part of each batch that a process computes with; processes take turns to read blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from eigcore.dispatch.processes import Processes

Shares = list[np.ndarray]
"""Rows (n, columns + 3) of each batch of a block that are one process's own."""


def shares(
    own: Iterator[np.ndarray], blocks: int, batch_rows: int, processes: Processes
) -> Iterator[Shares]:
    """Yield the own rows of the batches of each block; batches are the same for any processes.

    Parameters
    ----------
    own : every `processes.size`-th block, from number `processes.rank` on
    blocks : number of all blocks
    batch_rows : rows of a batch, about
    """
    for begin in range(0, blocks, processes.size):
        rows = np.empty((0, 0))

        def read() -> int:
            nonlocal rows
            rows = next(own, rows)
            return len(rows)

        counts = processes.together(read)
        for source, count in enumerate(counts[: blocks - begin]):
            places = _places(count, batch_rows, processes.size)
            mine = source == processes.rank
            given = [rows[np.concatenate(each)] for each in places] if mine and count else None
            sizes = [len(each) for each in places[processes.rank]]
            found = processes.dealt(given, source) if count else rows
            yield np.split(found, np.cumsum(sizes)[:-1]) if count else []
    processes.together(lambda: next(own, None))  # notices rows that came after the first pass


def _places(count: int, batch_rows: int, size: int) -> list[list[np.ndarray]]:
    """Places in a block of ``count`` rows, by process and batch."""
    batches = np.array_split(np.arange(count), max(1, round(count / batch_rows)))
    each = [np.array_split(batch, size) for batch in batches]
    return [[parts[rank] for parts in each] for rank in range(size)]
