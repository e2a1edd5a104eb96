"""The command `eigcore`. It checks that its dependencies are installed before it imports them."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence

from eigcore.errors import EigcoreError, InvalidFit, InvalidOption

_NEEDED = ("typer", "rich", "pandas", "pyarrow")
_LISTS = ("--increasing", "--decreasing", "--categories", "--drop-columns")
"""Copy of `eigcore.cli.options.LISTS`, which cannot be imported without typer."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 success, 1 failed task, 2 wrong usage.

    Errors are one line on stderr; ``--debug`` anywhere shows the traceback instead.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args
    args = spread([arg for arg in args if arg != "--debug"])
    lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        return _say(
            f"The command needs packages that are not installed: {', '.join(lacking)}. "
            'Type: pip install "eigcore[cli]"'
        )
    from eigcore.cli.app import app
    from eigcore.cli.options import check_flags

    try:
        check_flags(args if args[:1] == ["fit"] else [])
        app(args, prog_name="eigcore")
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0 if exc.code is None else 1
    except BrokenPipeError:
        # The reader closed the pipe (eigcore … | head): print nothing more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _say(
            "Stopped by Ctrl-C before there was anything to save. Type the command again to start."
        )
    except Exception as exc:
        if debug:
            raise
        return _explain(exc)
    return 0


def spread(args: list[str]) -> list[str]:
    """Let ``--increasing a b c`` mean ``--increasing a --increasing b --increasing c``.

    The names end at the next option. If the table has not been named before, only the first name
    belongs to the option, so that ``eigcore fit --increasing a table.csv`` also works.
    """
    out: list[str] = []
    current, positional, expects_value = None, 0, False
    for arg in args:
        if arg.startswith("-") and arg != "-":
            current = arg if arg in _LISTS else None
            expects_value = current is None and "=" not in arg
            out.append(arg)
        elif current is not None and (out[-1] == current or positional >= 2):
            out += [arg] if out[-1] == current else [current, arg]
        else:
            positional += not expects_value
            expects_value = False
            out.append(arg)
    return out


def _explain(exc: Exception) -> int:
    if isinstance(exc, InvalidFit):
        from eigcore.cli.options import Flags

        exc.dialect = Flags()
    if isinstance(exc, EigcoreError):
        _say(" ".join(str(exc).split()))
        return 2 if isinstance(exc, InvalidOption) else 1
    if isinstance(exc, OSError):
        what = f"{exc.strerror or exc}: {exc.filename}" if exc.filename else str(exc)
        return _say(f"{what}. Expected a file that can be used. Check its path and permissions.")
    if isinstance(exc, MemoryError):
        return _say(
            f"There is not enough memory ({exc}); expected options and a table that fit into it. "
            "Choose smaller numbers, such as --dim 5 --members 1, or add --stream."
        )
    first = (str(exc).splitlines() or [""])[0]
    return _say(
        f"Unexpected {type(exc).__name__}: {first} This is a fault in eigcore or a plugin. "
        "Type the same command with --debug, and report its output."
    )


def _say(message: str) -> int:
    print(f"eigcore: {message}", file=sys.stderr)
    return 1
