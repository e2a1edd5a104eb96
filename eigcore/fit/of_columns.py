"""Kinds of options that say something of single columns, by name."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from eigcore.fit.checks import Kind, Number


@dataclass(frozen=True)
class Words(Kind):
    """A word for all numeric columns, or a mapping of names of columns to words."""

    words: tuple[str, ...]

    def expected(self) -> str:
        """See `Kind.expected`."""
        return f"one of {', '.join(self.words)}, or a mapping of columns to them"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        values = value.values() if isinstance(value, Mapping) else [value]
        return all(isinstance(each, str) and each in self.words for each in values)

    def plain(self, value: Any) -> Any:
        """See `Kind.plain`."""
        if not isinstance(value, Mapping):
            return value
        return {str(name): word for name, word in value.items()} or None


@dataclass(frozen=True)
class Orders(Kind):
    """A mapping of names of columns to their levels in order."""

    def expected(self) -> str:
        """See `Kind.expected`."""
        return "a mapping of columns to lists of at least two different levels, in their order"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        if not isinstance(value, Mapping):
            return False
        lists = [isinstance(v, Collection) and not isinstance(v, str) for v in value.values()]
        return all(lists) and all(len({*map(str, v)}) == len(v) > 1 for v in value.values())

    def plain(self, value: Any) -> Any:
        """See `Kind.plain`."""
        return {str(name): tuple(levels) for name, levels in value.items()} or None


@dataclass(frozen=True)
class Codes(Kind):
    """A mapping of names of columns to numbers."""

    def expected(self) -> str:
        """See `Kind.expected`."""
        return "a mapping of columns to lists of different numbers"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        if not isinstance(value, Mapping):
            return False
        return all(
            isinstance(v, Collection)
            and len(set(v)) == len(v) > 0
            and all(Number(-math.inf, positive=True).accepts(each) for each in v)
            for v in value.values()
        )

    def plain(self, value: Any) -> Any:
        """See `Kind.plain`."""
        return {str(name): tuple(map(float, codes)) for name, codes in value.items()} or None


@dataclass(frozen=True)
class Pairs(Kind):
    """A mapping of names of columns to one other name each, or to that name with a factor."""

    def expected(self) -> str:
        """See `Kind.expected`."""
        return "a mapping of columns to another column each, or to {column: positive factor}"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        if not isinstance(value, Mapping):
            return False
        pairs = [{v: 1.0} if isinstance(v, str) else v for v in value.values()]
        one = all(isinstance(each, Mapping) and len(each) == 1 for each in pairs)
        factor = Number(positive=True)
        return one and all(factor.accepts(c) for each in pairs for c in each.values())

    def plain(self, value: Any) -> Any:
        """See `Kind.plain`."""
        pairs = {n: {v: 1.0} if isinstance(v, str) else v for n, v in value.items()}
        plain = {str(n): {str(k): float(c) for k, c in v.items()} for n, v in pairs.items()}
        return plain or None
