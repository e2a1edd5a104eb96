"""Checkpoints: arrays and JSON in one safetensors file, written completely or not at all."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from eigcore.errors import InvalidInput
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
    made_with : data and options of the run, by name; a file with others is rejected
    usual : values of options that a file may omit

    Raises
    ------
    InvalidInput
        A folder that does not exist.
    """

    def __init__(
        self, path: Path, seconds: float, made_with: dict[str, Any], usual: dict[str, Any]
    ):
        check_folder(path)
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
        write_whole(self.path, safetensors.numpy.save(arrays, {KEY: text}))
        self.saved = time.monotonic()

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
            raise self._unusable(
                f"is not a checkpoint, or is damaged ({exc}); expected a file that a fit wrote"
            ) from exc
        if version != VERSION:
            raise self._unusable(f"has format {version}; expected {VERSION}")
        found = self.usual | found
        differs = {n: (found.get(n), value) for n, value in self.made_with.items()}
        pairs = [f"{n} {old!r}, not {new!r}" for n, (old, new) in differs.items() if old != new]
        if pairs:
            raise self._unusable(
                f"is from another run: {'; '.join(pairs)}; expected the data and options that it "
                "began with"
            )
        return values, arrays

    def _unusable(self, problem: str) -> InvalidInput:
        return InvalidInput(
            f"The checkpoint {str(self.path)!r} {problem}. Pass another name, or remove the file: "
            f"rm {self.path}"
        )
