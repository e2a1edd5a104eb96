"""Load a backend from an entry point, or raise one error that says what to change, and where."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextvars import Context
from importlib import import_module
from typing import Any

import numpy as np
import pluggy

from eigcore.core.arrays import FUNCTIONS
from eigcore.dispatch import hookspecs
from eigcore.dispatch.backend import PLUGIN_API, Backend
from eigcore.dispatch.capabilities import Capabilities, fault_of
from eigcore.dispatch.discovery import OWN, UNKNOWN, Provider
from eigcore.dispatch.hookspecs import GROUP
from eigcore.errors import BackendUnavailable

ABORTS = (KeyboardInterrupt,)
"""What a person raises; whatever else comes out of a plugin, SystemExit too, is its failure."""
VALUE = re.compile(r"[A-Za-z_][\w.]*(:[A-Za-z_][\w.]*)?\s*(\[.*\])?")


def load(provider: Provider) -> Backend:
    """Import a plugin, call its hook and check the backend that it returns.

    Raises
    ------
    BackendUnavailable
        The message names the distribution, its version, the fault, and what to type.
    """
    who = f'Backend "{provider.name}" ({provider.value} from {provider.source})'
    try:
        backend = _returned(who, provider, _hooks(who, provider, _imported(who, provider)))
        for check in CHECKS:
            if fault := check(provider, backend):
                raise BackendUnavailable(f"{who} {fault}")
        _check_pairs(who, provider, backend)
    except (BackendUnavailable, *ABORTS):
        raise
    except BaseException as exc:  # a property that raises, for example
        expected = f"attributes that can be read. {_report(provider)}"
        raise _failed(who, "while eigcore read it", exc, expected) from exc
    return backend


def _failed(who: str, where: str, exc: BaseException, expected: str) -> BackendUnavailable:
    return BackendUnavailable(
        f"{who} failed {where}: {type(exc).__name__}: {exc}. Expected {expected}"
    )


# -- import, hook


def _imported(who: str, provider: Provider) -> object:
    if not VALUE.fullmatch(provider.value):
        raise BackendUnavailable(
            f"{who} has a malformed entry point. Expected the name of a module. Write "
            f'{provider.name} = "a_module" under [project.entry-points.{GROUP}] and install again.'
        )
    try:
        import_module(provider.module)
    except ABORTS:
        raise
    except ImportError as exc:
        raise _missing(who, provider, exc) from exc
    except BaseException as exc:
        raise _uncleanly(who, provider, exc) from exc
    try:
        return provider.load()
    except AttributeError as exc:  # the module is there, the object is not
        raise _inside(who, provider) from exc


def _uncleanly(who: str, provider: Provider, exc: BaseException) -> BackendUnavailable:
    expected = f"a module that imports cleanly. Type: python -c 'import {provider.module}'"
    return _failed(who, "while it was imported", exc, expected)


def _inside(who: str, provider: Provider) -> BackendUnavailable:
    return BackendUnavailable(
        f"{who} names an object inside a module. Expected the module alone. Write "
        f'{provider.name} = "{provider.module}" under [project.entry-points.{GROUP}] '
        "and install again."
    )


def _missing(who: str, provider: Provider, exc: ImportError) -> BackendUnavailable:
    if (exc.name or "").split(".")[0] == "eigcore":
        return BackendUnavailable(
            f"{who} is written for another eigcore: {exc}. Expected imports of eigcore.plugin and "
            f"eigcore.errors alone, of plugin API {PLUGIN_API}. {_pip(provider, '--upgrade')}"
        )
    if not isinstance(exc, ModuleNotFoundError):
        return _uncleanly(who, provider, exc)
    if exc.name and f"{provider.module}.".startswith(f"{exc.name}."):
        frozen = "; in a frozen application make it a hidden import"
        return BackendUnavailable(
            f"{who} has no module {exc.name}. Expected the module that its entry point names. "
            f"{_pip(provider, '--force-reinstall')}{frozen if provider.name in OWN else ''}"
        )
    needed = (exc.name or "").split(".")[0] or provider.distribution
    extra = f'"{provider.distribution}[{provider.name}]"'
    return BackendUnavailable(
        f"{who} could not be imported: {exc}. Expected the library it needs to be installed. "
        f"Type: pip install {extra if provider.name in provider.extras else needed} "
        "and start Python again."
    )


def _hooks(who: str, provider: Provider, plugin: object) -> pluggy.PluginManager:
    """Register a plugin in its own manager, so that it cannot affect others."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, provider.name)
    except pluggy.PluginValidationError as exc:
        made = getattr(plugin, "eigcore_backend", None)
        form = f"eigcore_backend{inspect.signature(made)}" if callable(made) else "a wrong hook"
        raise BackendUnavailable(
            f"{who} defines {form}. Expected eigcore_backend(), a plain function without "
            "arguments. Change it and install the plugin again."
        ) from exc
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as exc:
        unknown = [name for name, hook in vars(manager.hook).items() if not hook.has_spec()]
        raise BackendUnavailable(
            f"{who} implements an unknown hook, {unknown[0]}. Expected only eigcore_backend(). "
            "Rename the function and install the plugin again."
        ) from exc
    if manager.hook.eigcore_backend.get_hookimpls():
        return manager
    if ":" in provider.value:
        raise _inside(who, provider)
    raise BackendUnavailable(
        f"{who} has no hook. Expected a function eigcore_backend() decorated with "
        "eigcore.plugin.hookimpl. Add it and install the plugin again."
    )


def _returned(who: str, provider: Provider, manager: pluggy.PluginManager) -> Backend:
    try:
        made = manager.hook.eigcore_backend()
    except ABORTS:
        raise
    except BaseException as exc:
        expected = f"a Backend. {_report(provider)}"
        raise _failed(who, "in eigcore_backend()", exc, expected) from exc
    # pluggy leaves None out
    if len(made) != 1 or not isinstance(made[0], Backend):
        raise BackendUnavailable(
            f"{who} returned {(made or [None])[0]!r:.80}. Expected one instance of a subclass of "
            "eigcore.Backend. Return it from eigcore_backend()."
        )
    return made[0]


# -- the declarations of a backend; each check returns what is wrong, expected, and to be typed


def _version_fits(provider: Provider, backend: Backend) -> str:
    api = getattr(backend, "plugin_api", None)
    if isinstance(api, int) and api == PLUGIN_API:
        return ""
    if api is not None and not isinstance(api, int):
        return (
            f"has {api!r:.60} as plugin_api. Expected a whole number. "
            f"Write plugin_api = {PLUGIN_API} in the class, if it is made for this interface."
        )
    old = api is None or api < PLUGIN_API
    return (
        f"speaks plugin API {api!r}, too {'old' if old else 'new'} for this eigcore. "
        f"Expected {PLUGIN_API}. {_pip(provider, '--upgrade') if old else UPGRADE}"
    )


def _name_fits(provider: Provider, backend: Backend) -> str:
    called = getattr(backend, "name", None)
    if called == provider.name:
        return ""
    return (
        f"calls itself {called!r}. Expected the entry point and Backend.name to agree. "
        f"Change one of them in {_place(provider)}."
    )


def _namespace_is_there(provider: Provider, backend: Backend) -> str:
    xp = getattr(backend, "xp", None)
    if any(callable(getattr(xp, name, None)) for name in FUNCTIONS):
        return ""
    return (
        f"has {'no array namespace xp' if xp is None else f'{xp!r:.60} as xp'}. Expected the "
        "library's module of array functions. Write xp = numpy, or the like, in the class."
    )


def _capabilities_are_declared(provider: Provider, backend: Backend) -> str:
    own = getattr(backend, "capabilities", None)
    if isinstance(own, Capabilities):
        return fault_of(own)
    return (
        "declares no capabilities. Expected capabilities = eigcore.plugin.Capabilities(...) "
        f"in the class. Write it there, or report it to {_authors(provider)}."
    )


def _note_is_a_line(provider: Provider, backend: Backend) -> str:
    note = getattr(backend, "note", None)
    if isinstance(note, str):
        return ""
    return f"has {note!r:.60} as note. Expected a text. Write note = '...', or leave it out."


def _check_pairs(who: str, provider: Provider, backend: Backend) -> None:
    """Solve a 2 by 2 matrix: a wrong form would raise an obscure error later."""
    if provider.name in OWN or not backend.capabilities.dtypes:
        return
    try:
        pairs = Context().run(_one_pair, backend)  # hidden from the trace of the caller
    except ABORTS:
        raise
    except BaseException as exc:
        expected = f"values and vectors. {_report(provider)}"
        raise _failed(who, "in asarray or eigenpairs of a 2 by 2 matrix", exc, expected) from exc
    if fault := form_of_pairs(pairs, (1,), (2, 1)):
        raise BackendUnavailable(f"{who} {fault}")


def _one_pair(backend: Backend) -> Any:
    M = np.array([[2.0, 1.0], [1.0, 2.0]])
    return backend.eigenpairs(backend.asarray(M, dtype=backend.capabilities.dtypes[0]), 1, 1)


def form_of_pairs(pairs: Any, *shapes: tuple[int, ...]) -> str:
    """Describe what is wrong with the form of eigenpairs; empty if it is right.

    Parameters
    ----------
    pairs : object
        The return value of `Backend.eigenpairs`.
    *shapes : tuple of int
        The right shapes (..., m) of the values and (..., d, m) of the vectors.
    """
    right = "Expected a tuple of values (..., m) and vectors (..., d, m), m = hi - lo + 1."
    if pairs is None:
        return f"returns None from eigenpairs. {right} Add a return statement."
    if not isinstance(pairs, (tuple, list)) or len(pairs) != 2:
        shape = getattr(pairs, "shape", None)
        got = f"{pairs!r:.80}" if shape is None else f"one array of shape {tuple(shape)}"
        return f"returns {got} from eigenpairs. {right} Return values, vectors."
    got = [tuple(getattr(a, "shape", ())) for a in pairs]
    if got == [*shapes]:
        return ""
    return (
        f"returns shapes {got[0]} and {got[1]} from eigenpairs, instead of {shapes[0]} "
        f"and {shapes[1]}. {right} Return values[..., lo : hi + 1], vectors[..., lo : hi + 1]."
    )


CHECKS: tuple[Callable[[Provider, Backend], str], ...] = (
    _version_fits,
    _name_fits,
    _namespace_is_there,
    _capabilities_are_declared,
    _note_is_a_line,
)
UPGRADE = "Type: pip install --upgrade eigcore"


def _place(provider: Provider) -> str:
    return provider.module if provider.distribution == UNKNOWN else provider.distribution


def _pip(provider: Provider, option: str) -> str:
    if provider.distribution == UNKNOWN:
        return f"Install the package of {provider.module} again: its metadata is missing."
    return f"Type: pip install {option} {provider.distribution}"


def _report(provider: Provider) -> str:
    return (
        f"If it is yours, type: eigcore --debug backends check {provider.name} for the traceback. "
        f"Otherwise report it to {_authors(provider)}."
    )


def _authors(provider: Provider) -> str:
    return f"the authors of {_place(provider)}"
