"""Processes that torchrun, or the caller, connected by torch.distributed; they use gloo."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from eigcore.errors import LostProcess
from eigcore.plugin import Processes

_WAIT = timedelta(days=1)
"""A process waits for others that read or fit; one that has ended is noticed at once."""


def processes() -> Processes | None:
    """Return the processes of torch.distributed; None if it is not there, or knows of none."""
    if not dist.is_available():
        return None
    known = all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR"))
    return TorchProcesses() if known or dist.is_initialized() else None


class TorchProcesses(Processes):
    """A group of its own, beside that of the caller if there is one."""

    def __init__(self) -> None:
        self._own, self._store = not dist.is_initialized(), None
        try:
            if self._own:
                store, rank, size = next(rendezvous("env://", timeout=_WAIT))
                self._store = dist.PrefixStore(_attempt(), store)  # pyright: ignore
                dist.init_process_group(
                    "gloo", store=self._store, rank=rank, world_size=size, timeout=_WAIT
                )
            self._group: Any = dist.new_group(backend="gloo", timeout=_WAIT)
        except RuntimeError as exc:
            raise LostProcess("The processes cannot be connected") from exc
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def gathered(self, value: Any) -> list[Any]:
        found: list[Any] = [None] * self.size
        self._call(dist.all_gather_object, found, value)
        return found

    def dealt(self, values: Sequence[Any] | None, source: int) -> Any:
        found: list[Any] = [None]
        given = list(values or ()) if self.rank == source else None
        self._call(dist.scatter_object_list, found, given, source)
        return found[0]

    def first(self) -> bool:
        if self._store is None:
            return self.rank == 0
        try:
            return self._store.add("first", 1) == 1
        except RuntimeError:  # the process that keeps the store has ended
            return True

    def _call(self, exchange: Callable[..., Any], *values: Any) -> None:
        try:
            exchange(*values, group=self._group)
        except RuntimeError as exc:  # what gloo raises where a connection ends
            raise LostProcess(f"One of the {self.size} processes has ended") from exc

    def __exit__(self, *_: object) -> None:
        dist.destroy_process_group(None if self._own else self._group)


def _attempt() -> str:
    """Name an attempt of torchrun on one machine: gloo would find the addresses of the last one."""
    alone = os.environ.get("GROUP_WORLD_SIZE") == "1"
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") if alone else "0"
