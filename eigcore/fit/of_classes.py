"""Kinds of options that say something of the classes of a target."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from eigcore.fit.checks import Kind, Number


@dataclass(frozen=True)
class Values(Kind):
    """A list of values that a target may take."""

    def expected(self) -> str:
        """See `Kind.expected`."""
        return "a list of at least two different values, all of them texts or all numbers"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        if not isinstance(value, Collection) or isinstance(value, (str, bytes)):
            return False
        kinds = [all(isinstance(each, kind) for each in value) for kind in (str, (Real, np.bool_))]
        return any(kinds) and len(set(value)) > 1 and all(each == each for each in value)

    def plain(self, value: Any) -> tuple[Any, ...]:
        """See `Kind.plain`."""
        return tuple(value.tolist() if isinstance(value, np.ndarray) else value)


@dataclass(frozen=True)
class ClassWeights(Kind):
    """The word balanced, or a positive number for some classes."""

    def expected(self) -> str:
        """See `Kind.expected`."""
        return "balanced, or a mapping of classes to positive numbers"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        if isinstance(value, Mapping):
            return all(Number(positive=True).accepts(each) for each in value.values())
        return isinstance(value, str) and value == "balanced"

    def plain(self, value: Any) -> Any:
        """See `Kind.plain`."""
        return value if isinstance(value, str) else {k: float(w) for k, w in value.items()}
