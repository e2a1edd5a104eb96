"""Give functions of ``**options`` a signature and a docstring with all options."""

from __future__ import annotations

import difflib
import functools
import inspect
import textwrap
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, ParamSpec, TypeVar, cast

from eigcore.fit.options import OPTIONS, FitOptions, Option, Where

Function = TypeVar("Function", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")


def described(options: Sequence[Option], indent: int = 4) -> str:
    """Describe options as the parameters of a numpydoc docstring."""
    lines = []
    for each in options:
        default = f", default {each.default!r}" if each.default != () else ""
        default = " or None" if each.optional else default
        lines.append(f"{each.name} : {each.kind.expected()}{default}")
        lines += textwrap.wrap(each.meaning, 100 - indent - 4, initial_indent="    ",
                               subsequent_indent="    ")  # fmt: skip
    return textwrap.indent("\n".join(lines), " " * indent).lstrip()


def takes_options(*where: Where) -> Callable[[Function], Function]:
    """Decorate a function of ``**options``: list all options in its signature and docstring.

    The docstring says ``{options}`` where the list belongs; ``where`` selects the options.
    """
    chosen = [each for each in OPTIONS.values() if each.where in where]

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        keyword = inspect.Parameter.KEYWORD_ONLY
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        more = [inspect.Parameter(o.name, keyword, default=o.default) for o in chosen]
        cast(Any, function).__signature__ = signature.replace(parameters=[*own, *more])
        function.__doc__ = inspect.cleandoc(function.__doc__ or "").replace(
            "{options}", described(chosen, 0)
        )
        return function

    return decorate


def make_options(function: str, options: dict[str, Any]) -> FitOptions:
    """Return the options given to a function of this name.

    Raises
    ------
    TypeError
        An unknown name.
    InvalidOption
        See `FitOptions`.
    """
    check_options(function, options, OPTIONS)
    return FitOptions(**options)


def names_options(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function of keywords: for an unknown one, suggest the nearest."""
    known = inspect.signature(function).parameters
    options = [name for name, each in known.items() if each.kind is each.KEYWORD_ONLY]

    @functools.wraps(function)
    def checked(*args: P.args, **given: P.kwargs) -> R:
        check_options(function.__name__, [name for name in given if name not in known], options)
        return function(*args, **given)

    return checked


def check_options(
    function: str, given: Iterable[str], known: Collection[str], what: str = "option"
) -> None:
    """Raise TypeError for a name that is not known."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise TypeError(
                f"{function}() has no {what} {name!r}.{hint} Expected some of {', '.join(known)}."
            )
