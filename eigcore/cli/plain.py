"""Text for terminals and files that cannot hold every character."""

from __future__ import annotations

import codecs
from typing import Any

PLAIN = {"≥": ">=", "≤": "<=", "±": "+/-", "−": "-", "–": "-", "…": "...", "×": "x", "λ": "lambda"}
"""What stands for characters of our own sentences."""


def speak_plainly(*streams: Any) -> None:
    """Let streams write other characters for those that their encoding lacks (LANG=C)."""
    codecs.register_error("eigcore.plain", _plain)
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="eigcore.plain")


def _plain(exc: UnicodeError) -> tuple[str, int]:
    if not isinstance(exc, UnicodeEncodeError):
        raise exc
    lost = exc.object[exc.start : exc.end]
    escaped = (PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lost)
    return "".join(escaped), exc.end
