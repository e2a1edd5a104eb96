"""Read an epoch of a source in shuffled blocks, from any block on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.fit.stream.sampled import Sampled
from eigcore.fit.stream.source import Source


def bounds(sampled: Sampled, rows: int) -> np.ndarray:
    """Ends (blocks + 1,) of blocks of about ``rows`` rows, as equal as they can be."""
    total = int(sampled.counts.sum())
    return np.rint(np.linspace(0, total, max(1, round(total / rows)) + 1)).astype(np.int64)


def blocks(
    source: Source, sampled: Sampled, ends: np.ndarray, shuffle: tuple[int, int], start: int = 0
) -> Iterator[np.ndarray]:
    """Read one epoch.

    Each epoch shuffles the parts of the source and the rows of each block. Both orders depend on
    ``shuffle`` alone, so that reading can begin at any block. Checkpoints rely on these orders:
    they are part of the format.

    Parameters
    ----------
    ends : (blocks + 1,) from `bounds`
    shuffle : seed and number of the epoch
    start : number of the first block to read

    Returns
    -------
    iterator of (rows, columns + 2 + targets) float64, see `Sampled.encoded`; without held-out rows

    Raises
    ------
    InvalidInput
        If the source no longer has the rows of the first pass.
    """
    chunks = _chunks(source, sampled, np.random.default_rng(shuffle), int(ends[start]))
    for block, rows in enumerate(_cut(chunks, np.diff(ends)[start:]), start):
        rows = rows[~np.isnan(rows[:, -1])]
        yield np.random.default_rng([*shuffle, block]).permutation(rows)


def _cut(chunks: Iterator[np.ndarray], sizes: np.ndarray) -> Iterator[np.ndarray]:
    """Join and cut chunks of rows into blocks of the given sizes, which add up to all rows."""
    rest = np.empty(0)
    for size in sizes:
        pending, missing = [], int(size)
        while missing:
            rest = rest if len(rest) else next(chunks)
            pending.append(rest[:missing])
            rest, missing = rest[missing:], missing - len(pending[-1])
        yield np.concatenate(pending)
    for _ in chunks:  # reads to the end, where extra rows are noticed
        pass


def _chunks(
    source: Source, sampled: Sampled, rng: np.random.Generator, skip: int
) -> Iterator[np.ndarray]:
    """Encoded rows from number ``skip`` on; held-out rows have NaN for a target."""
    held = sampled.places[sampled.held]
    begins = np.concatenate([[0], np.cumsum(sampled.counts)])
    for part in rng.permutation(len(sampled.counts)):
        count = int(sampled.counts[part])
        if skip >= count:
            skip -= count
            continue
        place = begins[part]
        for cells in source.read(int(part)):
            size = len(cells[source.targets[0]])
            if skip < size:
                rows = sampled.encoded({name: column[skip:] for name, column in cells.items()})
                first, last = np.searchsorted(held, [place + skip, place + size])
                rows[held[first:last] - place - skip, -1] = np.nan
                yield rows
            skip = max(skip - size, 0)
            place += size
        if place != begins[part + 1]:
            raise InvalidInput(
                f"Part {part} of the source had {count} rows at the first pass and "
                f"{place - begins[part]} now; expected the same rows at every reading. Keep the "
                "files unchanged, and seed all random draws."
            )
