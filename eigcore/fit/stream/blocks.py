"""One epoch of a source in shuffled blocks: any block can be read again by its number."""

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

    The parts of the source come in an order of the epoch's own, the rows of a block too: both
    follow from ``shuffle`` alone, so that reading can begin at any block. Checkpoints point into
    this order: it is part of their format.

    Parameters
    ----------
    ends : (blocks + 1,) from `bounds`
    shuffle : seed and number of the epoch
    start : the first block wanted

    Returns
    -------
    iterator of (rows, columns + 1) float64, see `Sampled.encoded`; rows held out are left out

    Raises
    ------
    InvalidInput
        If the source has not the rows it had at the first pass.
    """
    chunks = _chunks(source, sampled, np.random.default_rng(shuffle), int(ends[start]))
    for block, rows in enumerate(_cut(chunks, np.diff(ends)[start:]), start):
        rows = rows[~np.isnan(rows[:, -1])]
        yield np.random.default_rng([*shuffle, block]).permutation(rows)


def _cut(chunks: Iterator[np.ndarray], sizes: np.ndarray) -> Iterator[np.ndarray]:
    """Join and cut chunks of rows to blocks of the sizes given, which take up all rows."""
    rest = np.empty(0)
    for size in sizes:
        pending, missing = [], int(size)
        while missing:
            rest = rest if len(rest) else next(chunks)
            pending.append(rest[:missing])
            rest, missing = rest[missing:], missing - len(pending[-1])
        yield np.concatenate(pending)
    for _ in chunks:  # only more rows than there were, which is noticed at the end of their part
        pass


def _chunks(
    source: Source, sampled: Sampled, rng: np.random.Generator, skip: int
) -> Iterator[np.ndarray]:
    """Encoded rows from number ``skip`` on, those held out with NaN for a target."""
    held = sampled.places[sampled.held]
    begins = np.concatenate([[0], np.cumsum(sampled.counts)])
    for part in rng.permutation(len(sampled.counts)):
        count = int(sampled.counts[part])
        if skip >= count:
            skip -= count
            continue
        place = begins[part]
        for cells in source.read(int(part)):
            size = len(cells[source.target])
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
                f"{place - begins[part]} now; expected the same rows whenever it is read. Keep the "
                "files as they are, and seed whatever is drawn."
            )
