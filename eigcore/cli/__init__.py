"""The command `eigcore`. It checks that its dependencies are installed before it imports them."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Sequence

from eigcore.cli.plain import speak_plainly
from eigcore.cli.ranks import silent
from eigcore.cli.signals import Stopped, leaving_at_once, stopping
from eigcore.dispatch.launch import launched
from eigcore.errors import EigcoreError, InvalidFit, InvalidOption

_NEEDED = ("typer", "rich", "pyarrow")
_LISTS = (
    *("--increasing", "--decreasing", "--additive", "--smooth", "--categories", "--drop-columns"),
    *("--keep", "--columns", "--box"),
)
_MAPPINGS = (
    *("--shape", "--dominates", "--missing", "--class-weight", "--tails", "--clip", "--codes"),
    "--order",
)
"""Copies of `eigcore.cli.options`, which cannot be imported without typer."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    0 success, 1 failed task, 2 wrong usage, 130 Ctrl-C, 143 the signal to terminate.

    Errors are one line on stderr; with ``--json`` there is an object on stdout too; ``--debug``
    anywhere shows the traceback instead.
    """
    speak_plainly(sys.stdout, sys.stderr)
    args = list(sys.argv[1:] if argv is None else argv)
    debug, as_json = "--debug" in args, "--json" in args
    args = spread([arg for arg in args if arg != "--debug"])
    try:
        code = _run(args, as_json)
        sys.stdout.flush()
        return code
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0 if exc.code is None else 1
    except BrokenPipeError:
        # The reader closed the pipe (eigcore … | head): print nothing more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt as exc:
        stop = exc if isinstance(exc, Stopped) else Stopped()
        return stop.code if silent(exc) else _say(str(stop), stop.code, "Stopped", as_json)
    except Exception as exc:
        if debug:
            raise
        message, code = _explained(exc)
        return code if silent(exc) else _say(message, code, type(exc).__name__, as_json)


def _run(args: list[str], as_json: bool) -> int:
    lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise EigcoreError(
            f"The command needs packages that are not installed: {', '.join(lacking)}. "
            'Type: pip install "eigcore[cli]"'
        )
    with leaving_at_once():
        from eigcore.cli.app import app
        from eigcore.cli.options import check_flags

    check_flags(args if args[:1] == ["fit"] else [])
    with stopping() as came:
        try:
            alone = not (as_json or launched()[0])  # otherwise errors come here
            code = app(args, prog_name="eigcore", standalone_mode=alone)
        except SystemExit as exc:
            code = exc.code
        if code == Stopped.code:  # typer makes this of KeyboardInterrupt
            raise (came or [Stopped])[-1]
    return code if isinstance(code, int) else 0


def spread(args: list[str]) -> list[str]:
    """Let ``--increasing a b c`` mean ``--increasing a --increasing b --increasing c``.

    The names end at the next option. If the table has not been named before, only the first name
    belongs to the option, so that ``eigcore fit --increasing a table.csv`` also works. Likewise
    ``--codes a=-9 b=-8`` means ``--codes a=-9,b=-8``.
    """
    out: list[str] = []
    current, positional, expects_value = None, 0, False
    for arg in args:
        if arg.startswith("-") and arg != "-":
            current = arg if arg in (*_LISTS, *_MAPPINGS) else None
            expects_value = current is None and "=" not in arg
            out.append(arg)
        elif current is not None and (out[-1] == current or positional >= 2):
            if out[-1] == current:
                out.append(arg)
            elif current in _MAPPINGS:
                out[-1] += "," + arg
            else:
                out += [current, arg]
        else:
            positional += not expects_value
            expects_value = False
            out.append(arg)
    return out


def _explained(exc: Exception) -> tuple[str, int]:
    """Return one line and an exit code for an error."""
    if isinstance(exc, InvalidFit):
        from eigcore.cli.options import Flags

        exc.dialect = Flags()
    if isinstance(exc, EigcoreError):
        return str(exc), 2 if isinstance(exc, InvalidOption) else 1
    if hasattr(exc, "format_message"):  # wrong usage, told by typer
        return f"{exc.format_message()} Type --help to see what is expected.", 2  # pyright: ignore
    if isinstance(exc, OSError):
        what = f"{exc.strerror or exc}: {exc.filename}" if exc.filename else str(exc)
        return f"{what}. Expected a file that can be used. Check its path and permissions.", 1
    if isinstance(exc, MemoryError):
        return (
            f"There is not enough memory ({exc}); expected options and a table that fit into it. "
            "Choose smaller numbers, such as --dim 5 --members 1, or add --stream."
        ), 1
    first = (str(exc).splitlines() or [""])[0]
    return (
        f"Unexpected {type(exc).__name__}: {first} This is a fault in eigcore or a plugin. "
        "Type the same command with --debug, and report its output."
    ), 1


def _say(message: str, code: int, kind: str, as_json: bool) -> int:
    """Print an error and return its exit code."""
    message = " ".join(message.split())
    if as_json:
        print(json.dumps({"error": {"kind": kind, "message": message, "code": code}}))
    print(f"eigcore: {message}", file=sys.stderr)
    return code
