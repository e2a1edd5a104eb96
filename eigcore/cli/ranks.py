"""Processes that a launcher such as torchrun started with one command; one of them speaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from eigcore.cli.signals import ignore_signals
from eigcore.dispatch.launch import launched, started
from eigcore.dispatch.processes import Processes
from eigcore.errors import InvalidOption

_TOLD = "told_by_another"


@contextmanager
def sharing(stream: bool) -> Iterator[Processes]:
    """Connect the processes of the command.

    Raises
    ------
    InvalidOption
        If there are several, and they do not read the table in batches.
    """
    size = launched()[1]
    if size > 1 and not stream:
        problem = f"is left out, and {size} processes were started, which would all do the same"
        raise InvalidOption("stream", False, "--stream, with which they share it", True, problem)
    with started() as processes:
        try:
            yield processes
        except BaseException as exc:
            if processes.size > 1:
                ignore_signals()
            setattr(exc, _TOLD, not processes.first())
            raise


def silent(exc: BaseException) -> bool:
    """Whether another process tells of an error: the first that met one, or number 0."""
    return getattr(exc, _TOLD, launched()[0] > 0)
