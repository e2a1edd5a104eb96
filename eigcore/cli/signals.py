"""Ctrl-C, and the signal to terminate: the command stops with one line, whenever they come."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from eigcore.dispatch.launch import launched
from eigcore.errors import LostProcess


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
_CAME: list[type[Stopped]] = []
"""The signals of the command that runs."""


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """End the process at a signal: while modules are imported, an exception could get lost."""

    def leave(number: int, _: FrameType | None) -> None:
        stop = _KINDS[signal.Signals(number)]()
        if not launched()[0]:
            os.write(2, f"eigcore: {stop}\n".encode())
        os._exit(stop.code)

    with _handled(leave):
        yield


@contextmanager
def stopping() -> Iterator[list[type[Stopped]]]:
    """Raise at a signal; yield the list of those that came.

    A fit catches the first one, and its best model is saved. A launcher of several processes passes
    on the one that came to all of them; it terminates those that are left when one has ended.
    """
    _CAME.clear()
    several = launched()[1] > 1

    def stop(number: int, _: FrameType | None) -> None:
        _CAME.append(_KINDS[signal.Signals(number)])
        if several and len(_CAME) > 1:
            return
        if several and _CAME[0] is Terminated:
            raise LostProcess(
                "The launcher ended the processes: one of them failed, or it was told to stop"
            )
        raise _CAME[-1]

    with _handled(stop):
        yield _CAME


def ignore_signals() -> None:
    """Ignore signals until the handlers of before come back: an error is about to be told."""
    for number in _KINDS:
        if threading.current_thread() is threading.main_thread():
            signal.signal(number, signal.SIG_IGN)


def stopped() -> bool:
    """Whether a signal came; its exception can get lost in an import or in foreign code."""
    return bool(_CAME)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Install a handler in place of the usual ones; others stay, and signals that are ignored."""
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {}
    try:
        for number in _KINDS:
            old = signal.getsignal(number)
            if old in usual or getattr(old, "__module__", None) == __name__:
                before[number] = signal.signal(number, handler)
    except ValueError:  # not in the main thread
        pass
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
