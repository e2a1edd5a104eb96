"""Kinds of options that are text: names, paths, characters and encodings."""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass
from typing import Any

from eigcore.fit.checks import Kind


@dataclass(frozen=True)
class Text(Kind):
    """Any text: a name that is looked up later."""

    def expected(self) -> str:
        """See `Kind.expected`."""
        return "a name"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        return isinstance(value, str)


@dataclass(frozen=True)
class File(Kind):
    """A path."""

    def expected(self) -> str:
        """See `Kind.expected`."""
        return "a path"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        return isinstance(value, (str, os.PathLike))

    def plain(self, value: Any) -> str:
        """See `Kind.plain`."""
        return os.fspath(value)


@dataclass(frozen=True)
class Character(Kind):
    """One character between cells; a tabulator may be written as a backslash and t."""

    def expected(self) -> str:
        """See `Kind.expected`."""
        return "one character, such as a comma, a semicolon or \\t"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        plain = isinstance(value, str) and value.isascii() and not value.isalnum()
        return plain and (value == r"\t" or (len(value) == 1 and value not in "\r\n\"'+-"))

    def plain(self, value: Any) -> str:
        """See `Kind.plain`."""
        return "\t" if value == r"\t" else value


@dataclass(frozen=True)
class Codec(Kind):
    """The name of an encoding of text that Python knows."""

    def expected(self) -> str:
        """See `Kind.expected`."""
        return "the name of an encoding of text"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        try:
            return isinstance(value, str) and isinstance(codecs.decode(b"", value), str)
        except (LookupError, TypeError, ValueError):
            return False

    def plain(self, value: Any) -> str:
        """See `Kind.plain`."""
        return codecs.lookup(value).name
