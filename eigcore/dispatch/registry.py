"""Which backends there are, which one a call means: the only file that knows entry points."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pluggy

from eigcore.dispatch import hookspecs
from eigcore.dispatch.backend import PLUGIN_API, Backend, Capabilities
from eigcore.dispatch.hookspecs import GROUP
from eigcore.errors import BackendUnavailable, InvalidInput

VARIABLE = "EIGCORE_BACKEND"
_loaded: dict[str, Backend | BackendUnavailable] = {}
_by_type: dict[type, str | None] = {}
_default: ContextVar[str | None] = ContextVar("eigcore_backend", default=None)


@dataclass(frozen=True)
class Provenance:
    """Where a backend comes from, and what became of it.

    Parameters
    ----------
    name : str
        Name of the entry point.
    state : {"available", "loaded", "unavailable"}
        "available" has not been loaded yet.
    distribution, version, module : str
        Who provides it.
    error : str
        For "unavailable": what is wrong and what to type.
    capabilities : Capabilities or None
        For "loaded".
    note : str
        For "loaded": versions of its library, what accelerates it or is missing for that.
    """

    name: str
    state: str
    distribution: str
    version: str
    module: str
    error: str = ""
    capabilities: Capabilities | None = None
    note: str = ""


def _entries() -> dict[str, list[importlib.metadata.EntryPoint]]:
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for entry in importlib.metadata.entry_points(group=GROUP):
        same = found.setdefault(entry.name, [])
        if (_source(entry), entry.value) not in [(_source(e), e.value) for e in same]:
            same.append(entry)
    return found


def _source(entry: importlib.metadata.EntryPoint) -> tuple[str, str]:
    metadata: Any = None
    with contextlib.suppress(Exception):  # a .dist-info without METADATA
        metadata = entry.dist.metadata if entry.dist else None
    if metadata is None:
        return "unknown", "?"
    return metadata["Name"] or "unknown", metadata["Version"] or "?"


def names() -> list[str]:
    """Return the names of all installed backends, loadable or not; nothing is imported."""
    return sorted(_entries())


def backends(load: bool = False) -> dict[str, Provenance]:
    """Return name -> state and provenance of every installed backend.

    Parameters
    ----------
    load : bool
        Try to load each one, so that "available" turns into "loaded" or "unavailable". The default
        imports nothing.
    """
    return {name: _provenance(name, entries, load) for name, entries in sorted(_entries().items())}


def _provenance(name: str, entries: list[importlib.metadata.EntryPoint], load: bool) -> Provenance:
    if load:
        with contextlib.suppress(BackendUnavailable):
            _load(name)
    sources = [_source(entry) for entry in entries]
    where = (
        ", ".join(s[0] for s in sources),
        ", ".join(s[1] for s in sources),
        ", ".join(entry.value for entry in entries),
    )
    result = _loaded.get(name)
    if isinstance(result, Backend):
        return Provenance(
            name, "loaded", *where, capabilities=result.capabilities, note=result.note
        )
    if isinstance(result, BackendUnavailable):
        return Provenance(name, "unavailable", *where, error=str(result))
    return Provenance(name, "available", *where)


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
        If it is not installed or cannot be loaded: names the distribution and what to type.
    """
    if not isinstance(backend, str) and isinstance(backend, Backend):
        return backend
    name = backend or _default.get() or os.environ.get(VARIABLE) or "numpy"
    _load(name)
    return _loaded[name]  # type: ignore[return-value]


def imported() -> Iterator[Backend]:
    """Yield the backends whose modules are imported already; no other is loaded."""
    for name, entries in _entries().items():
        if name in _loaded or any(entry.module in sys.modules for entry in entries):
            with contextlib.suppress(BackendUnavailable):
                yield get_backend(name)


def _load(name: str) -> None:
    """Make sure that the backend is in `_loaded`, or raise."""
    result = _loaded.get(name)
    if result is None:
        try:
            result = _loaded[name] = _checked(name)
        except BackendUnavailable as error:
            result = _loaded[name] = error
    if isinstance(result, BackendUnavailable):
        raise BackendUnavailable(str(result)) from result.__cause__


# torch.compile runs it while it traces instead of looking into it; the first call of a process
# would otherwise be a graph break (torch._dynamo.assume_constant_result sets the same mark).
_load._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _checked(name: str) -> Backend:
    """Load one entry point in a plugin manager of its own: nothing it does reaches another."""
    entries = _entries().get(name, [])
    if len(entries) != 1:
        raise _not_one(name, entries)
    [entry] = entries
    dist, version = _source(entry)
    who = f'Backend "{name}" ({entry.value} from {dist} {version})'
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.load_setuptools_entrypoints(GROUP, name)
    except ModuleNotFoundError as exc:
        raise _missing(who, entry, exc) from exc
    except (Exception, SystemExit) as exc:
        raise BackendUnavailable(
            f"{who} failed while it was imported: {type(exc).__name__}: {exc}. Expected a module "
            f"that imports cleanly. Type: python -c 'import {entry.module}'"
        ) from exc
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as exc:
        raise BackendUnavailable(
            f"{who} implements an unknown hook: {exc}. Expected only eigcore_backend(). "
            "Rename the function and install the plugin again."
        ) from exc
    return _made(name, who, dist, manager)


def _missing(
    who: str, entry: importlib.metadata.EntryPoint, exc: ModuleNotFoundError
) -> BackendUnavailable:
    dist = _source(entry)[0]
    if exc.name and (entry.module + ".").startswith(exc.name + "."):
        return BackendUnavailable(
            f"{who} has no module {exc.name}. Expected the module that its entry point names. "
            f"Type: pip install --force-reinstall {dist}"
        )
    extras = entry.dist.metadata.get_all("Provides-Extra") if entry.dist else None
    needed = (exc.name or "").split(".")[0] or dist
    wanted = f'"{dist}[{entry.name}]"' if entry.name in (extras or ()) else needed
    return BackendUnavailable(
        f"{who} could not be imported: {exc}. Expected the library it needs to be installed. "
        f"Type: pip install {wanted} and start Python again."
    )


def _made(name: str, who: str, dist: str, manager: pluggy.PluginManager) -> Backend:
    """Call the hook and check what came back."""
    if not manager.hook.eigcore_backend.get_hookimpls():
        raise BackendUnavailable(
            f"{who} has no hook. Expected a function eigcore_backend() decorated with "
            "eigcore.plugin.hookimpl. Add it and install the plugin again."
        )
    try:
        made = manager.hook.eigcore_backend()
    except (Exception, SystemExit) as exc:
        raise BackendUnavailable(
            f"{who} failed in eigcore_backend(): {type(exc).__name__}: {exc}. Expected a Backend. "
            f"Report it to the authors of {dist}."
        ) from exc
    if len(made) != 1 or not isinstance(made[0], Backend):
        raise BackendUnavailable(
            f"{who} returned {made!r:.80}. Expected one instance of a subclass of eigcore.Backend. "
            "Return it from eigcore_backend()."
        )
    [backend] = made
    api = getattr(backend, "plugin_api", None)
    if not isinstance(api, int) or api != PLUGIN_API:
        old = not isinstance(api, int) or api < PLUGIN_API
        raise BackendUnavailable(
            f"{who} speaks plugin API {api!r}. Expected {PLUGIN_API}: it is too "
            f"{'old' if old else 'new'} for this eigcore. "
            f"Type: pip install --upgrade {dist if old else 'eigcore'}"
        )
    called = getattr(backend, "name", None)
    if called != name:
        raise BackendUnavailable(
            f"{who} calls itself {called!r}. Expected the entry point and Backend.name to "
            f"agree. Change one of them in {dist}."
        )
    if not isinstance(getattr(backend, "capabilities", None), Capabilities):
        raise BackendUnavailable(
            f"{who} declares no capabilities. Expected capabilities = eigcore.Capabilities(...) "
            f"in the class. Report it to the authors of {dist}."
        )
    return backend


def _not_one(name: str, entries: list[importlib.metadata.EntryPoint]) -> BackendUnavailable:
    if not entries:
        known = ", ".join(names()) or "none"
        return BackendUnavailable(
            f'There is no backend "{name}". Expected one of the installed ones: {known}. '
            "Type: eigcore backends"
        )
    who = " and ".join(f"{e.value} from {' '.join(_source(e))}" for e in entries)
    return BackendUnavailable(
        f'Backend "{name}" is provided twice: {who}. Expected one provider. '
        f"Type: pip uninstall {_source(entries[-1])[0]}"
    )


def infer(*arrays: Any, backend: str | Backend | None = None) -> Backend:
    """Return the backend that a call means: the argument, the arrays' library, or the default.

    Raises
    ------
    InvalidInput
        If arrays of two libraries were mixed, or of another library than the backend asked for.
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
        raise InvalidInput(
            f"Arrays of {' and '.join(sorted(found))} came into one call"
            f"{f' for backend {chosen.name!r}' if backend is not None else ''}. Expected arrays of "
            "one library, which stays where it is. Convert them first: "
            "eigcore.get_backend(name).asarray(a)."
        )
    return chosen


def _library(kind: type) -> str | None:
    """Name the backend whose arrays are of this type; None for Python numbers and lists."""
    if kind in _by_type:
        return _by_type[kind]
    root = kind.__module__.split(".")[0]
    if root == "builtins":
        return None
    failure = None
    for name in sorted(names(), key=lambda name: not root.startswith(name)):
        try:
            arrays = get_backend(name).capabilities.arrays
        except BackendUnavailable as error:
            failure = failure or (error if root.startswith(name) else None)
            continue
        if root in arrays:
            _by_type[kind] = name
            return name
    if failure is not None:
        raise failure
    _by_type[kind] = None
    return None


_library._dynamo_marked_constant = True  # type: ignore[attr-defined]


class use_backend(contextlib.AbstractContextManager):  # noqa: N801
    """Set the default backend, as a call or for a ``with`` block.

    Parameters
    ----------
    backend : str
        Its name. It is loaded at once, so that a mistake shows here.

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
    """Yield the backends that EIGCORE_REQUIRE says must load."""
    yield from filter(None, os.environ.get("EIGCORE_REQUIRE", "").replace(" ", "").split(","))
