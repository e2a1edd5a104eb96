"""Ctrl-C, and the signal to terminate: the command stops with one line, whenever they come."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Stopped(KeyboardInterrupt):
    """The user, or the system, stopped the command.

    code : exit code
    """

    code = 130
    words = "Ctrl-C"

    def __str__(self) -> str:
        return (
            f"Stopped by {self.words} before the work was done; no file is left half written. Type "
            "the command again to start."
        )


class Terminated(Stopped):
    """The system stopped the command."""

    code = 143
    words = "SIGTERM"


_KINDS = {signal.SIGINT: Stopped, signal.SIGTERM: Terminated}


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """End the process at a signal: while modules are imported, an exception could get lost."""

    def leave(number: int, _: FrameType | None) -> None:
        stop = _KINDS[signal.Signals(number)]()
        os.write(2, f"eigcore: {stop}\n".encode())
        os._exit(stop.code)

    with _handled(leave):
        yield


@contextmanager
def stopping() -> Iterator[Callable[[], Stopped]]:
    """Raise at a signal; yield a function that returns the last one.

    A fit catches the first one, and its best model is saved.
    """
    last: list[type[Stopped]] = [Stopped]

    def stop(number: int, _: FrameType | None) -> None:
        last.append(_KINDS[signal.Signals(number)])
        raise last[-1]

    with _handled(stop):
        yield lambda: last[-1]()


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Install a handler, unless the signals already have one of their own, or are ignored."""
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {}
    try:
        for number in _KINDS:
            if signal.getsignal(number) in usual:
                before[number] = signal.signal(number, handler)
    except ValueError:  # not in the main thread
        pass
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
