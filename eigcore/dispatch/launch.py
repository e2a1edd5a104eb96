"""Which processes were started together, and the backend that connects them."""

from __future__ import annotations

import contextlib
import os

from eigcore.dispatch.processes import Processes
from eigcore.dispatch.registry import get_backend, names
from eigcore.errors import BackendUnavailable, NotSupported

RANK, SIZE = "RANK", "WORLD_SIZE"
"""Variables in which launchers write the number of a process, and how many they started."""


def launched() -> tuple[int, int]:
    """Return the number of this process, and how many were started; 0 and 1 without a launcher."""
    rank, size = (os.environ.get(name, "") for name in (RANK, SIZE))
    return (int(rank), int(size)) if rank.isdecimal() and size.isdecimal() else (0, 1)


def connected(backend: str | None) -> Processes:
    """Connect the processes that a backend knows of; None: this process stays alone."""
    found = None if backend is None else get_backend(backend).processes()
    return found or Processes()


def started() -> Processes:
    """Connect the processes that a launcher started, by the first backend that can.

    Raises
    ------
    NotSupported
        If none can.
    """
    size = launched()[1]
    if size == 1:
        return Processes()
    for name in names():
        with contextlib.suppress(BackendUnavailable):
            found = get_backend(name).processes()
            if found is not None:
                return found
    raise NotSupported(
        f"A launcher started {size} processes ({SIZE}), and no installed backend connects them; "
        'expected torch, and torchrun. Type: pip install "eigcore[torch]", or start one process.'
    )
