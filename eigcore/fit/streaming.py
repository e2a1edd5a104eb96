"""The options of a fit that reads its rows in batches; `eigcore.fit.options` has all others."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from eigcore.fit.checks import Kind, Number, Where, Whole
from eigcore.fit.texts import Character, Codec, File


def option(default: Any, kind: Kind, example: Any, meaning: str, where: Where = "any") -> Any:
    """Return the field of an option; see `eigcore.fit.checks.Option`."""
    told = {"kind": kind, "example": example, "meaning": meaning, "where": where}
    return dataclasses.field(default=default, metadata=told)


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """The last of the options of a fit."""

    sep: str = option(",", Character(), ";", "Character between the cells of a CSV file.", "stream")
    decimal: str = option(
        ".", Character(), ",", "Character before the decimals in a CSV file.", "stream"
    )
    encoding: str | None = option(
        None,
        Codec(),
        "latin-1",
        "How text is written in a CSV file, and in columns of bytes; None: UTF-8, or what a mark "
        "at the beginning of the file says.",
        "stream",
    )
    epochs: int | None = option(
        None,
        Whole(1),
        2,
        "How often a stream reads all rows for training; None: until it has seen ten million "
        "rows, at most 100 times.",
        "stream",
    )
    learning_rate: float = option(
        0.02,
        Number(positive=True),
        0.02,
        "Longest step of Adam, reached after 2 % of the way; half a cosine follows.",
        "stream",
    )
    batch_rows: int = option(4096, Whole(1), 4096, "Rows per step of Adam.", "stream")
    block_rows: int = option(
        262_144,
        Whole(1),
        262_144,
        "Rows that are shuffled together. Row groups and record batches of files come in random "
        "order; rows of a CSV file or of a function come as they stand, and should not be sorted.",
        "stream",
    )
    sample_rows: int = option(
        60_000, Whole(2), 60_000, "Rows in the sample that a stream starts from.", "stream"
    )
    checkpoint: str | None = option(
        None,
        File(),
        "run.checkpoint",
        "File from which a stream goes on if it exists, and to which it writes. A run that was "
        "killed and goes on gives the same model, bit by bit, on the same machine and with as "
        "many processes.",
        "stream",
    )
    checkpoint_seconds: float = option(
        60.0, Number(), 60.0, "Seconds between two writes of the checkpoint.", "stream"
    )


STREAM = frozenset(each.name for each in dataclasses.fields(StreamOptions))
"""Their names."""
