"""Options and their kinds: each kind accepts certain values, describes and converts them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple

import numpy as np

from eigcore.errors import InvalidOption

Where = Literal["any", "table", "stream"]


@dataclass(frozen=True)
class Kind:
    """Values of an option."""

    def expected(self) -> str:
        """Describe the accepted values, to follow "expected" in an error message."""
        raise NotImplementedError

    def accepts(self, value: Any) -> bool:
        """Whether a value is accepted."""
        raise NotImplementedError

    def plain(self, value: Any) -> Any:
        """Convert an accepted value to the form that the options keep."""
        return value


@dataclass(frozen=True)
class Whole(Kind):
    """Whole numbers of at least ``least`` and at most ``most``."""

    least: int
    most: int | None = None

    def expected(self) -> str:
        """See `Kind.expected`."""
        most = "" if self.most is None else f" and at most {self.most}"
        return f"a whole number of at least {self.least}{most}"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        whole = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
        return whole and int(value) >= self.least and (self.most is None or value <= self.most)

    def plain(self, value: Any) -> int:
        """See `Kind.plain`."""
        return int(value)


@dataclass(frozen=True)
class Number(Kind):
    """Finite numbers from ``low`` on and below ``high``; ``positive`` excludes ``low`` itself."""

    low: float = 0.0
    high: float = math.inf
    positive: bool = False

    def expected(self) -> str:
        """See `Kind.expected`."""
        least = f"more than {self.low:g}" if self.positive else f"at least {self.low:g}"
        most = f" and less than {self.high:g}" if self.high < math.inf else ""
        return f"a finite number of {least}{most}"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
            return False
        number = float(value)
        return (number > self.low if self.positive else number >= self.low) and number < self.high

    def plain(self, value: Any) -> float:
        """See `Kind.plain`."""
        return float(value)


@dataclass(frozen=True)
class Flag(Kind):
    """True or False."""

    def expected(self) -> str:
        """See `Kind.expected`."""
        return "True or False"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        return isinstance(value, (bool, np.bool_))

    def plain(self, value: Any) -> bool:
        """See `Kind.plain`."""
        return bool(value)


@dataclass(frozen=True)
class Choice(Kind):
    """One of some words."""

    words: tuple[str, ...]

    def expected(self) -> str:
        """See `Kind.expected`."""
        return "one of " + ", ".join(self.words)

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        return isinstance(value, str) and value in self.words


@dataclass(frozen=True)
class Names(Kind):
    """A list of names of columns."""

    def expected(self) -> str:
        """See `Kind.expected`."""
        return "a list of names of columns"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        return isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))

    def plain(self, value: Any) -> tuple[str, ...]:
        """See `Kind.plain`."""
        return tuple(str(name) for name in value)


@dataclass(frozen=True)
class Fields(Kind):
    """Some fields of an EigSpec, as plain values."""

    names: tuple[str, ...]

    def expected(self) -> str:
        """See `Kind.expected`."""
        return f"a mapping of fields among {', '.join(self.names)}"

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        return isinstance(value, Mapping) and set(value) <= set(self.names)

    def plain(self, value: Any) -> dict[str, Any]:
        """See `Kind.plain`."""
        return {name: np.asarray(each).tolist() for name, each in value.items()}


@dataclass(frozen=True)
class Ends(Kind):
    """A lower and an upper end, or None for an open end; or a mapping of targets to such ends."""

    def expected(self) -> str:
        """See `Kind.expected`."""
        return (
            "a lower and a larger upper end, one of which may be left open, or a mapping of "
            "targets to such ends"
        )

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        if isinstance(value, Mapping):
            return len(value) > 0 and all(map(self._are_ends, value.values()))
        return self._are_ends(value)

    def _are_ends(self, value: Any) -> bool:
        if isinstance(value, (str, Mapping)) or not isinstance(value, Collection):
            return False
        if len(value) != 2:
            return False
        if any(isinstance(end, (bool, np.bool_)) for end in value):
            return False
        try:
            low, high = self.plain(value)
        except (TypeError, ValueError):
            return False
        return low < high and (low > -math.inf or high < math.inf)

    def plain(self, value: Any) -> Any:
        """See `Kind.plain`."""
        if isinstance(value, Mapping):
            return {str(name): self.plain(ends) for name, ends in value.items()}
        low, high = value
        open_ = (None, "")
        return -math.inf if low in open_ else float(low), math.inf if high in open_ else float(high)


@dataclass(frozen=True)
class Like(Kind):
    """An object of the class that ``make`` returns; True means a default one, False means None."""

    make: Callable[[], Any]
    words: str

    def expected(self) -> str:
        """See `Kind.expected`."""
        return self.words

    def accepts(self, value: Any) -> bool:
        """See `Kind.accepts`."""
        return isinstance(value, (bool, type(self.make())))

    def plain(self, value: Any) -> Any:
        """See `Kind.plain`."""
        return (self.make() if value else None) if isinstance(value, bool) else value


class Option(NamedTuple):
    """One option of a fit.

    name, default : as in ``fit(..., name=default)``
    kind : the values it may have, besides None (chosen automatically, or left out)
    example : a valid value, for error messages; None: advise to leave the option out
    meaning : one or more sentences
    where : "any", "table" for tables in memory only, "stream" for those read in batches only
    """

    name: str
    default: Any
    kind: Kind
    example: Any
    meaning: str
    where: Where

    @property
    def optional(self) -> bool:
        """Whether None may be given."""
        return self.default is None

    def check(self, value: Any) -> Any:
        """Return the value as the options keep it; raise InvalidOption for an invalid one."""
        if value is None and self.optional:
            return None
        if not self.kind.accepts(value):
            one = isinstance(self.kind, Names) and isinstance(value, str)
            told = self.kind.expected(), [value] if one else self.example
            raise InvalidOption(self.name, value, *told, optional=self.optional)
        return self.kind.plain(value)
