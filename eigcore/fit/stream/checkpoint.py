"""Checkpoints: one safetensors file of arrays and one JSON text, written whole or not at all."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from eigcore.encoding.files import atomically, check_folder
from eigcore.errors import InvalidInput

KEY = "eigcore-checkpoint"
VERSION = 1
Record = tuple[dict[str, Any], dict[str, np.ndarray]]


class Checkpoint:
    """A file to go on from.

    Parameters
    ----------
    path : path of the file
    seconds : time between two writes
    made_with : what the run was begun with; a file of another run is refused

    Raises
    ------
    InvalidInput
        A folder that is not there.
    """

    def __init__(self, path: Path, seconds: float, made_with: dict[str, Any]):
        check_folder(path)
        self.path, self.seconds, self.saved = path, seconds, time.monotonic()
        # as JSON gives it back
        self.made_with = json.loads(json.dumps(made_with, default=str))

    @property
    def due(self) -> bool:
        """Whether the time since the last write is over."""
        return time.monotonic() - self.saved >= self.seconds

    def save(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Write JSON values and arrays; a crash leaves the old file or the new one."""
        text = json.dumps({"version": VERSION, "made_with": self.made_with, "values": values})
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}

        def write(temporary: str) -> None:
            with open(temporary, "wb") as file:
                file.write(safetensors.numpy.save(arrays, {KEY: text}))
                file.flush()
                os.fsync(file.fileno())

        atomically(self.path, write)
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
        again = f"Type another name for the checkpoint, or remove it: rm {self.path}"
        try:
            with safetensors.safe_open(self.path, "numpy") as file:
                record = json.loads((file.metadata() or {})[KEY])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            found, version, values = (record[key] for key in ("made_with", "version", "values"))
        except (safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError) as exc:
            raise InvalidInput(
                f"{str(self.path)!r} is not a checkpoint, or is damaged ({exc}). Expected a file "
                f"that fit_stream wrote. {again}"
            ) from exc
        if version != VERSION:
            raise InvalidInput(
                f"The checkpoint {str(self.path)!r} has format {version}; expected {VERSION}. "
                f"{again}"
            )
        wanted = self.made_with
        differs = [name for name in wanted if found.get(name) != wanted[name]]
        if differs:
            pairs = [f"{name} {found.get(name)!r}, not {wanted[name]!r}" for name in differs]
            raise InvalidInput(
                f"The checkpoint {str(self.path)!r} is of another run: {'; '.join(pairs)}. "
                f"Expected the data and settings it was begun with. {again}"
            )
        return values, arrays
