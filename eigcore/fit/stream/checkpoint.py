"""Checkpoints: one safetensors file of arrays and one JSON text, written whole or not at all."""

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
    """A file to go on from.

    Parameters
    ----------
    path : path of the file
    seconds : time between two writes
    made_with : data and options of the run, by name; a file of another run is refused
    usual : values of options that a file need not name

    Raises
    ------
    InvalidInput
        A folder that is not there.
    """

    def __init__(
        self, path: Path, seconds: float, made_with: dict[str, Any], usual: dict[str, Any]
    ):
        check_folder(path)
        self.path, self.seconds, self.saved = path, seconds, time.monotonic()
        # as JSON gives them back
        self.made_with, self.usual = json.loads(json.dumps([made_with, usual], default=str))

    @property
    def due(self) -> bool:
        """Whether the time since the last write is over."""
        return time.monotonic() - self.saved >= self.seconds

    def save(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Write JSON values and arrays; a crash leaves the old file or the new one."""
        text = json.dumps({"version": VERSION, "made_with": self.made_with, "values": values})
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        write_whole(self.path, safetensors.numpy.save(arrays, {KEY: text}))
        self.saved = time.monotonic()

    def load(self) -> Record | None:
        """Read what `save` wrote; None where there is no file.

        Raises
        ------
        InvalidInput
            A damaged or foreign file, or one of other data or settings.
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
                f"is of another run: {'; '.join(pairs)}; expected the data and options it was "
                "begun with"
            )
        return values, arrays

    def _unusable(self, problem: str) -> InvalidInput:
        return InvalidInput(
            f"The checkpoint {str(self.path)!r} {problem}. Pass another name, or remove the file: "
            f"rm {self.path}"
        )
