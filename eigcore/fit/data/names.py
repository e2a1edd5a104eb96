"""Check names of columns that a caller gives, and suggest the nearest one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eigcore.errors import InvalidOption


def check_names(
    option: str,
    given: str | Sequence[str],
    known: Iterable[str],
    elsewhere: Mapping[str, str] | None = None,
) -> None:
    """Raise InvalidOption for an unknown name, and suggest the nearest known one.

    given : a list of names, or the name of an option that takes one
    elsewhere : what other columns are used for, by name; these cannot be named
    """
    elsewhere = elsewhere or {}
    known = [name for name in known if name not in elsewhere]
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = f" (did you mean {near!r}?)" if near else ""
            problem = elsewhere.get(name, f"not a column of the table{hint}")
            quantity = "one" if isinstance(given, str) else "some"
            better = _corrected(names, known) or known[:1] or None
            raise InvalidOption(
                option,
                given,
                f"{quantity} of {listed(known)}" if known else "none, for there is no column",
                better[0] if better and isinstance(given, str) else better,
                f"names {name!r}, which is {problem}",
            )


def _corrected(given: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the names with the nearest known ones in place of others, where there are such."""
    parts = [part for name in given for part in _parted(name, known)]
    found = (name if name in known else nearest(name, known) for name in parts)
    return list(dict.fromkeys(name for name in found if name))


def _parted(name: str, known: Sequence[str]) -> list[str]:
    """Return the known names that one text joins by commas; else the text itself."""
    parts = [part.strip() for part in name.split(",")]
    return parts if set(parts) <= set(known) else [name]


def check_keys(
    option: str, given: Any, known: Sequence[str], kind: str = "numeric column of the table"
) -> None:
    """Raise InvalidOption if an option is a mapping with a key that is none of those known.

    kind : what the known names are
    """
    for name, value in given.items() if isinstance(given, Mapping) else ():
        if name not in known:
            near = nearest(name, known)
            hint = f" (did you mean {near!r}?)" if near else ""
            told = "a_column" if hasattr(value, "shape") else value  # no array in an error
            example = {near or known[0]: told} if known else None
            problem = f"names {name!r}, which is not a {kind}{hint}"
            expected = f"some of {listed(known)}" if known else f"none, for there is no {kind}"
            raise InvalidOption(option, given, expected, example, problem)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most similar to this one; None if none is similar."""
    lower = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.5)
    return lower[close[0]] if close else None


def listed(names: Iterable[str], most: int = 12) -> str:
    """Join the first few names, for an error message."""
    names = list(names)
    rest = f", … ({len(names)} columns)" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
