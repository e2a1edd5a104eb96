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
    source: Source,
    sampled: Sampled,
    ends: np.ndarray,
    shuffle: tuple[int, int],
    start: int = 0,
    step: int = 1,
) -> Iterator[np.ndarray]:
    """Read one epoch, or every ``step``-th block of it.

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
    own = range(start, len(ends) - 1, step)
    chunks = _chunks(source, sampled, np.random.default_rng(shuffle), ends, own)
    for block, rows in zip(own, _cut(chunks, np.diff(ends)[start::step]), strict=True):
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
    source: Source, sampled: Sampled, rng: np.random.Generator, ends: np.ndarray, own: range
) -> Iterator[np.ndarray]:
    """Encoded rows of the own blocks; held-out rows have NaN for a target."""
    held = sampled.places[sampled.held]
    begins = np.concatenate([[0], np.cumsum(sampled.counts)])
    after = 0  # rows of the epoch up to the end of the part
    for part in rng.permutation(len(sampled.counts)):
        count = int(sampled.counts[part])
        before, after, place = after, after + count, begins[part]
        if not _stretches(ends, own, before, after):
            continue
        for cells in source.read(int(part)):
            size, done = len(cells[source.targets[0]]), before + int(place - begins[part])
            for first, last in _stretches(ends, own, done, min(done + size, after)):
                a, b = first - done, last - done
                rows = sampled.encoded({name: column[a:b] for name, column in cells.items()})
                low, high = np.searchsorted(held, [place + a, place + b])
                rows[held[low:high] - place - a, -1] = np.nan
                yield rows
            place += size
            if done + size < after and not _stretches(ends, own, done + size, after):
                break
        else:
            _check_count(int(part), count, int(place - begins[part]))


def _stretches(ends: np.ndarray, own: range, begin: int, end: int) -> list[tuple[int, int]]:
    """First and last + 1 of the rows of own blocks among rows begin … end − 1 of an epoch."""
    low, high = np.searchsorted(ends, [begin, end - 1], "right") - 1
    return [
        (max(begin, int(ends[block])), min(end, int(ends[block + 1])))
        for block in range(low, high + 1)
        if begin < end and block in own
    ]


def _check_count(part: int, then: int, now: int) -> None:
    if now != then:
        raise InvalidInput(
            f"Part {part} of the source had {then} rows at the first pass and {now} now; expected "
            "the same rows at every reading. Keep the files unchanged, and seed all random draws."
        )
