"""Find the providers of backends; the only module about entry points. It imports no plugin."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import NamedTuple

from eigcore.dispatch.hookspecs import GROUP

OWN = {"numpy": "eigcore_numpy", "torch": "eigcore_torch", "jax": "eigcore_jax"}
"""Backends of eigcore itself, found even without metadata, as in a frozen application."""

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Provider:
    """An entry point of the group ``eigcore``, and its distribution.

    Parameters
    ----------
    name, value : str
        Name of the backend, and the module that it is loaded from.
    distribution, version : str
        "unknown" and "?" if the distribution has no metadata.
    requires, extras : tuple of str
        Names of the distributions that it requires, and of its extras.
    """

    name: str
    value: str
    distribution: str = UNKNOWN
    version: str = "?"
    requires: tuple[str, ...] = field(default=(), repr=False)
    extras: tuple[str, ...] = field(default=(), repr=False)

    @property
    def module(self) -> str:
        """The module in `value`, without an ``:object`` that may follow it."""
        return self.value.split("[")[0].partition(":")[0].strip()

    @property
    def source(self) -> str:
        """Distribution and version."""
        if self.distribution == UNKNOWN:
            return "a distribution without metadata"
        return f"{self.distribution} {self.version}"

    def load(self) -> object:
        """Import the module or object that `value` names."""
        return EntryPoint(self.name, self.value, GROUP).load()

    def may_serve(self, root: str) -> bool:
        """Whether, by its names, it may be for arrays of the top-level module `root`."""
        requires = () if self.value == OWN.get(self.name) else self.requires
        return self.is_called(root) or any(_within(root, name) for name in requires)

    def is_called(self, root: str) -> bool:
        """Tell whether it goes by the name of the top-level module `root` itself."""
        if self.value == OWN.get(self.name):
            return root in (self.name, f"{self.name}lib")  # jaxlib
        return any(_within(root, name) for name in (self.name, self.distribution, self.module))

    @property
    def is_of_eigcore(self) -> bool:
        """Whether eigcore itself provides it, in this version or a stale one."""
        return _plain(self.distribution) == "eigcore"


class Scan(NamedTuple):
    """What is installed: name -> providers, and the distributions that cannot be read."""

    providers: dict[str, list[Provider]]
    unreadable: list[str]


def scan() -> Scan:
    """Read the entry points of all distributions on ``sys.path``.

    Of two distributions with the same name, the first counts, as for ``import``. A backend of
    eigcore itself is the first provider of its name, even if others claim it.
    """
    found: dict[str, list[Provider]] = {name: [] for name in OWN}
    unreadable, seen = [], set()
    for dist in distributions():
        if not _speaks_of_eigcore(dist):
            continue
        provider = _described(dist)
        if _plain(provider.distribution) in seen - {UNKNOWN}:
            continue
        seen.add(_plain(provider.distribution))
        try:
            entries = [entry for entry in dist.entry_points if entry.group == GROUP]
        except Exception:  # each version of importlib.metadata raises another error
            entries = None
        named = [entry for entry in entries or () if entry.name]
        if entries is None or len(named) < len(entries):
            unreadable.append(provider.source)
        for entry in named:
            same = found.setdefault(entry.name, [])
            one = _of(provider, entry)
            if one not in same:
                same.append(one)
    for name, value in OWN.items():
        found[name] = _own_first(name, value, found[name])
    return Scan(found, unreadable)


def _speaks_of_eigcore(dist: Distribution) -> bool:
    try:
        text = dist.read_text("entry_points.txt") or ""
    except UnicodeDecodeError as exc:
        text = exc.object.decode("latin-1")  # enough to find the section
    except OSError:
        return False
    return re.search(rf"^\s*\[{GROUP}\]\s*$", text, re.MULTILINE) is not None


def _described(dist: Distribution) -> Provider:
    """Return a provider with only the facts about its distribution."""
    try:
        facts = dist.metadata
        name, version = facts["Name"], facts["Version"]
        requires, extras = (facts.get_all(key) for key in ("Requires-Dist", "Provides-Extra"))
    except Exception:  # no METADATA: importlib.metadata may raise anything
        return Provider("", "")
    names = (re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in requires or ())
    return Provider("", "", name or UNKNOWN, version or "?", tuple(names), tuple(extras or ()))


def _of(provider: Provider, entry: EntryPoint) -> Provider:
    facts = (provider.distribution, provider.version, provider.requires, provider.extras)
    return Provider(entry.name, entry.value, *facts)


def _own_first(name: str, value: str, claims: list[Provider]) -> list[Provider]:
    from eigcore import __version__

    own = [one for one in claims if one.value == value and one.is_of_eigcore]
    default = Provider(name, value, "eigcore", __version__, extras=(name,))
    return [*(own or [default])[:1], *(one for one in claims if one.value != value)]


def _within(root: str, name: str) -> bool:
    """Tell whether `root` is one of the words of a name, or several of them."""
    return f"_{_plain(root)}_" in f"_{_plain(name)}_"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
