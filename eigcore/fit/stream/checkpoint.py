"""Checkpoints: arrays and JSON in one safetensors file, written completely or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from eigcore.encoding.files import ENDINGS
from eigcore.errors import InvalidOption, OtherRun
from eigcore.fit.stream.sampled import Record
from eigcore.writing import check_folder, write_whole

KEY = "eigcore-checkpoint"
VERSION = 1


class Checkpoint:
    """A file to resume from.

    Parameters
    ----------
    path : path of the file
    seconds : least time between two writes
    made_with : data and options of the run, by name; a file of another run is rejected
    usual : values of options that a file may omit
    """

    def __init__(
        self, path: Path, seconds: float, made_with: dict[str, Any], usual: dict[str, Any]
    ):
        self.path, self.seconds, self.saved = path, seconds, time.monotonic()
        # in the form that JSON returns
        self.made_with, self.usual = json.loads(json.dumps([made_with, usual], default=str))

    @property
    def due(self) -> bool:
        """Whether it is time for the next write."""
        return time.monotonic() - self.saved >= self.seconds

    def save(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Write JSON values and arrays; after a crash, the old or the new file is complete."""
        text = json.dumps({"version": VERSION, "made_with": self.made_with, "values": values})
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        self.saved = time.monotonic()
        write_whole(self.path, safetensors.numpy.save(arrays, {KEY: text}))

    def load(self) -> Record | None:
        """Read what `save` wrote; None if there is no file.

        Raises
        ------
        InvalidInput
            A damaged or foreign file, or one with other data or options.
        """
        if not self.path.exists():
            return None
        try:
            with safetensors.safe_open(self.path, "numpy") as file:
                record = json.loads((file.metadata() or {})[KEY])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            found, version, values = (record[key] for key in ("made_with", "version", "values"))
        except (safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError) as exc:
            problem = f"which is not a checkpoint, or is damaged ({exc})"
            raise _unusable(self.path, problem, "a file that a fit wrote, or a new one") from exc
        if version != VERSION:
            raise _unusable(self.path, f"of format {version}", f"format {VERSION}, or a new file")
        found = self.usual | found
        both = {name: (found.get(name), value) for name, value in self.made_with.items()}
        differing = {name: pair for name, pair in both.items() if pair[0] != pair[1]}
        other_data = differing.pop("data", None) is not None
        if other_data or differing:
            raise OtherRun(str(self.path), other_data, differing)
        return values, arrays


def check_checkpoint(path: Path, tables: Sequence[Path]) -> None:
    """Raise where a checkpoint cannot be written, or would replace a table, or look like one.

    tables : files that are read

    Raises
    ------
    InvalidInput
        A folder that is not there.
    InvalidOption
        The name of a table.
    """
    if path.resolve() in [table.resolve() for table in tables]:
        raise _unusable(path, "the table itself", "another file")
    if path.name.lower().endswith(ENDINGS):
        raise _unusable(path, "the name of a table", "the name of a checkpoint")
    check_folder(path)


def _unusable(path: Path, problem: str, expected: str) -> InvalidOption:
    other = path.with_suffix(".checkpoint")
    other = path.with_name(f"{path.stem}-2.checkpoint") if other == path else other
    problem = f"is {str(path)!r}, {problem}"
    return InvalidOption("checkpoint", str(path), expected, str(other), problem)
