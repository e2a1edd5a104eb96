"""The registry: which backends are installed, and which one a call uses."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from eigcore.dispatch import loading
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.capabilities import Capabilities
from eigcore.dispatch.discovery import OWN, UNKNOWN, Provider, Scan, scan
from eigcore.errors import BackendUnavailable, InvalidInput

VARIABLE = "EIGCORE_BACKEND"
READABLE = ("__array__", "__array_interface__", "__dlpack__", "__len__", "__float__", "__index__")
"""Attributes of types that `asarray` of some backend may read; one of them suffices."""
_loaded: dict[str, Backend | BackendUnavailable] = {}
_by_type: dict[type, str | None] = {}
_default: ContextVar[str | None] = ContextVar("eigcore_backend", default=None)


@dataclass(frozen=True)
class Provenance:
    """Where a backend comes from, and its state.

    Parameters
    ----------
    name : str
        Name of the entry point.
    state : {"available", "loaded", "unavailable"}
        "available" has not been loaded yet.
    distribution, version, module : str
        The provider.
    error : str
        For "unavailable": what is wrong and what to type.
    capabilities : Capabilities or None
        For "loaded".
    note : str
        For "loaded": the version of its library, and which accelerator is used or missing. For a
        backend of eigcore itself, also other distributions that claim its name; they are ignored.
    """

    name: str
    state: str
    distribution: str
    version: str
    module: str
    error: str = ""
    capabilities: Capabilities | None = None
    note: str = ""


def names() -> list[str]:
    """Return the names of all installed backends, loadable or not; nothing is imported."""
    return sorted(scan().providers)


def backends(load: bool = False) -> dict[str, Provenance]:
    """Return name -> state and provenance of every installed backend.

    Parameters
    ----------
    load : bool
        Try to load each one, so that "available" turns into "loaded" or "unavailable". The default
        imports nothing.
    """
    found = sorted(scan().providers.items())
    return {name: _provenance(name, providers, load) for name, providers in found}


def _provenance(name: str, providers: list[Provider], load: bool) -> Provenance:
    if load:
        with contextlib.suppress(BackendUnavailable):
            _load(name)
    note = _claimed(name, providers[1:]) if name in OWN else ""
    if name in OWN:
        providers = providers[:1]
    where = (
        ", ".join(one.distribution for one in providers),
        ", ".join(one.version for one in providers),
        ", ".join(one.value for one in providers),
    )
    result = _loaded.get(name)
    if isinstance(result, Backend):
        note = "; ".join(filter(None, (result.note, note)))
        return Provenance(name, "loaded", *where, capabilities=result.capabilities, note=note)
    if isinstance(result, BackendUnavailable):
        return Provenance(name, "unavailable", *where, error=str(result), note=note)
    return Provenance(name, "available", *where, note=note)


def _claimed(name: str, strangers: list[Provider]) -> str:
    if not strangers:
        return ""
    who = " and ".join(f"{one.value} from {one.source}" for one in strangers)
    stale = all(one.is_of_eigcore for one in strangers)
    return (
        f'the name "{name}" is eigcore\'s own, so {who} is ignored. '
        f"Expected {'one installed eigcore' if stale else 'another name'}. {_uninstall(strangers)}"
    )


def _uninstall(providers: list[Provider]) -> str:
    """Say how to be rid of the last provider that is not eigcore, whose metadata may be stale."""
    others = [one for one in providers if not one.is_of_eigcore]
    if not others:
        return "Type: pip install --force-reinstall eigcore"
    known = [one.distribution for one in others if one.distribution != UNKNOWN]
    return f"Type: pip uninstall {known[-1]}" if known else f"Remove {others[-1].module}."


def get_backend(backend: str | Backend | None = None) -> Backend:
    """Return the backend of that name.

    Parameters
    ----------
    backend : str, Backend or None
        A name, a backend (returned as it is), or None for the default: `use_backend`, then the
        environment variable EIGCORE_BACKEND, then "numpy".

    Raises
    ------
    BackendUnavailable
        If it is not installed or cannot be loaded; the message says what to type.
    """
    if not isinstance(backend, str) and isinstance(backend, Backend):
        return backend
    chosen = backend or _default.get()
    variable = "" if chosen else os.environ.get(VARIABLE, "")
    name = chosen or variable or "numpy"
    _load(name, variable)
    return _loaded[name]  # type: ignore[return-value]


def imported() -> Iterator[Backend]:
    """Yield the backends whose modules are imported already; no other is loaded."""
    for name, providers in scan().providers.items():
        if name in _loaded or any(one.module in sys.modules for one in providers):
            with contextlib.suppress(BackendUnavailable):
                yield get_backend(name)


def _load(name: str, variable: str = "") -> None:
    """Put the backend into `_loaded`, or raise; `variable` names the setting that chose it."""
    result = _loaded.get(name)
    if result is None:
        try:
            result = _loaded[name] = _checked(name)
            _by_type.clear()  # it may be the backend of types that were unknown so far
        except BackendUnavailable as error:
            result = _loaded[name] = error
    if isinstance(result, BackendUnavailable):
        message = str(result)
        if variable:
            message = (
                f"The environment variable {VARIABLE} chooses a backend that cannot be used. "
                f"{message.rstrip('.')}, or for the default backend: unset {VARIABLE}"
            )
        raise BackendUnavailable(message) from result.__cause__


# torch.compile runs it while tracing instead of tracing into it; otherwise the first call of a
# process would be a graph break (torch._dynamo.assume_constant_result sets the same mark).
_load._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _checked(name: str) -> Backend:
    found = scan()
    providers = found.providers.get(name, [])
    if not providers:
        raise BackendUnavailable(_unknown(name, found))
    if len(providers) > 1 and name not in OWN:
        who = " and ".join(f"{one.value} from {one.source}" for one in providers)
        raise BackendUnavailable(
            f'Backend "{name}" is provided twice: {who}. Expected one provider. '
            f"{_uninstall(providers)}"
        )
    return loading.load(providers[0])


def _unknown(name: str, found: Scan) -> str:
    malformed = " and ".join(found.unreadable)
    return (
        f'There is no backend "{name}"'
        f"{f', and the entry_points.txt of {malformed} cannot be read' if malformed else ''}. "
        f"Expected one of the installed ones: {', '.join(sorted(found.providers))}. "
        "Type: eigcore backends"
    )


def infer(*arrays: Any, backend: str | Backend | None = None) -> Backend:
    """Return the backend of a call: the argument, the library of the arrays, or the default.

    Raises
    ------
    InvalidInput
        If arrays of two libraries are mixed, or their library is not that of the given backend.
    """
    if backend is None and len(arrays) == 1:
        return get_backend(_library(type(arrays[0])))
    libraries = {_library(kind) for kind in set(map(type, arrays))}
    found = {name for name in libraries if name is not None}
    if backend is None and len(found) == 1:
        return get_backend(found.pop())
    chosen = get_backend(backend)
    strangers = found - {chosen.name, "numpy"} if backend is not None else found
    if (len(found) > 1 and backend is None) or strangers:
        where = "one call" if backend is None else f"a call with backend={chosen.name!r}"
        target = max(found) if backend is None else chosen.name
        others = " and ".join(sorted(strangers - {target}))
        raise InvalidInput(
            f"Arrays of {' and '.join(sorted(found))} came into {where}; expected one library. "
            f'Convert the arrays of {others}: eigcore.get_backend("{target}").asarray(array)'
        )
    return chosen


def _library(kind: type) -> str | None:
    """Name the backend whose arrays are of this type; None for numbers, lists and tables."""
    if kind in _by_type:
        return _by_type[kind]
    root = kind.__module__.split(".")[0]
    if root == "builtins":
        return None
    found = _owner(root)
    if found is None and not any(hasattr(kind, way) for way in READABLE):
        raise InvalidInput(
            f"No installed backend knows the type {kind.__module__}.{kind.__qualname__}. Expected "
            "an array, a list or a number. Type: numpy.asarray(a), or eigcore backends to list "
            "the backends."
        )
    _by_type[kind] = found
    return found


def _owner(root: str) -> str | None:
    """Name the backend for arrays of a top-level module.

    Loads none but those that go by the module's name, and eigcore's own before all others. One of
    these that cannot be loaded is an error, unless another has the arrays; no other failure is.
    """
    found = scan().providers
    named = [name for name, own in found.items() if any(one.may_serve(root) for one in own)]
    named.sort(key=lambda name: (name not in OWN, name != root))
    failure = None
    for name in dict.fromkeys((*named, *_loaded)):
        try:
            arrays = get_backend(name).capabilities.arrays
        except BackendUnavailable as error:
            if any(one.is_called(root) for one in found.get(name, ())):
                failure = failure or error
            continue
        if root in arrays:
            return name
    if failure is not None:
        raise failure
    return None


_library._dynamo_marked_constant = True  # type: ignore[attr-defined]


class use_backend(contextlib.AbstractContextManager):  # noqa: N801
    """Set the default backend, by a call or for a ``with`` block.

    Parameters
    ----------
    backend : str
        Its name. It is loaded immediately, so that a mistake raises here.

    Examples
    --------
    >>> with use_backend("numpy") as backend:
    ...     backend.name
    'numpy'
    """

    def __init__(self, backend: str) -> None:
        self._backend = get_backend(backend)
        self._token = _default.set(self._backend.name)

    def __enter__(self) -> Backend:
        return self._backend

    def __exit__(self, *_: object) -> None:
        _default.reset(self._token)


def required() -> Iterator[str]:
    """Yield the names of the backends that must load, according to EIGCORE_REQUIRE."""
    yield from filter(None, os.environ.get("EIGCORE_REQUIRE", "").replace(" ", "").split(","))
