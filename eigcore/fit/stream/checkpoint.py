"""Checkpoints: arrays and JSON in one file, written completely or not at all.

The file is a safetensors file, followed by the SHA-256 of all its bytes.
"""

from __future__ import annotations

import hashlib
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
VERSION = 2
"""Version 1 had no checksum; its files are still read."""
DIGEST = hashlib.sha256().digest_size


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
        content = safetensors.numpy.save(arrays, {KEY: text})
        self.saved = time.monotonic()
        write_whole(self.path, content + hashlib.sha256(content).digest())

    def load(self) -> Record | None:
        """Read what `save` wrote; None if there is no file.

        Raises
        ------
        InvalidInput
            A damaged or foreign file, or one with other data or options.
        """
        if not self.path.exists():
            return None
        found, values, arrays = _content(self.path)
        found = self.usual | found
        both = {name: (found.get(name), value) for name, value in self.made_with.items()}
        differing = {name: pair for name, pair in both.items() if pair[0] != pair[1]}
        other_data = differing.pop("data", None) is not None
        if other_data or differing:
            raise OtherRun(str(self.path), other_data, differing)
        return values, arrays


def _content(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, np.ndarray]]:
    """Return made_with, values and arrays; raise InvalidOption for a damaged or foreign file."""
    expected = "a file that a fit wrote, or a new one"
    try:
        data = path.read_bytes()
        content = data[:-DIGEST]
        signed = hashlib.sha256(content).digest() == data[-DIGEST:]
        content = content if signed else data
        length = int.from_bytes(content[:8], "little")
        record = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][KEY])
        arrays = safetensors.numpy.load(content)
        version, found, values = (record[key] for key in ("version", "made_with", "values"))
        if not signed and version == VERSION:
            raise ValueError("the checksum is cut off or wrong")
    except OSError as exc:
        raise _unusable(path, f"which cannot be read ({exc.strerror})", expected) from exc
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RecursionError) as exc:
        problem = "which is not a checkpoint, or is damaged: its checksum does not match"
        raise _unusable(path, problem, expected) from exc
    if version not in (1, VERSION):
        raise _unusable(path, f"of format {version}", f"format {VERSION}, or a new file")
    return found, values, arrays


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
