"""The flags of `eigcore fit`: the options of a fit."""

from __future__ import annotations

import inspect
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Optional, TypeVar

import typer

from eigcore.errors import Dialect, InvalidOption
from eigcore.fit.checks import Choice, Ends, Flag, Kind, Like, Names, Number, Whole
from eigcore.fit.of_classes import ClassWeights
from eigcore.fit.of_columns import Codes, Orders, Pairs, Words
from eigcore.fit.options import OPTIONS, EarlyStopping, Option
from eigcore.fit.texts import File

Function = TypeVar("Function", bound=Callable[..., Any])

NAMES: Mapping[str, str] = {"validation": "holdout", "budget_seconds": "budget"}
"""Options that have another name on the command line."""
NO_FLAGS = ("neuron", "classes")
"""Options whose values cannot be typed on a command line."""
_NUMBERS: Mapping[type[Kind], type[int] | type[float]] = {Whole: int, Number: float}
"""Kinds of numbers. typer takes them as text, so that `FitOptions` says what is wrong with one."""
_METAVARS = {
    "budget_seconds": "SECONDS",
    "checkpoint_seconds": "SECONDS",
    "backend": "NAME",
    "class_weight": "balanced|CLASS=NUMBER,...",
    "clip": "LOW,HIGH|TARGET=LOW/HIGH,...",
    "order": "F=LEVEL<LEVEL,...",
    "codes": "F=NUMBER/NUMBER,...",
    "dominates": "F=F[*FACTOR],...",
    "sep": "CHARACTER",
    "decimal": "CHARACTER",
    "encoding": "NAME",
}
FLAGS = tuple(option for name, option in OPTIONS.items() if name not in NO_FLAGS)
LISTS = (
    *(f"--{o.name.replace('_', '-')}" for o in FLAGS if isinstance(o.kind, Names)),
    "--keep",
    "--columns",
    "--box",
)
"""Flags that take several names."""
MAPPINGS = tuple(
    f"--{o.name.replace('_', '-')}"
    for o in FLAGS
    if isinstance(o.kind, (Words, Pairs, ClassWeights, Ends, Codes, Orders))
)
"""Flags that take several columns with something for each."""
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs, nothing else.")]


def flag(option: str) -> str:
    """Return the flag of an option, such as ``--holdout``."""
    return "--" + NAMES.get(option, option).replace("_", "-")


class Flags(Dialect):
    """Writes options as flags of the command."""

    nothing = ""
    required: Mapping[str, str] = {"target": "Add the column, or name one with --target"}
    beside: Mapping[str, str] = {"table": "without --stream", "stream": "with --stream"}

    def name(self, option: str) -> str:
        """See `Dialect.name`."""
        return flag(option)

    def advice(self, option: str, example: Any, purpose: str = "") -> str:
        """See `Dialect.advice`."""
        if example is None:
            stream = option in OPTIONS and OPTIONS[option].where == "stream"
            return super().advice(option, None) + (", or add --stream" if stream else "")
        words = "" if example is True else _typed(example)
        return " ".join(filter(None, ["Type", flag(option), words, purpose]))

    def written(self, option: str, value: Any) -> str:
        """See `Dialect.written`."""
        listed = isinstance(value, (list, tuple))
        if value is None or value is False or (listed and not value):
            return "left out"
        if value is True or isinstance(value, EarlyStopping):
            return "given"
        if isinstance(value, dict) and not any(isinstance(each, dict) for each in value.values()):
            return _typed(value)
        return _typed(value) if listed else super().written(option, value)


def _end(value: Any) -> str:
    """Write one of several values; nothing for an open end."""
    if value is None or (isinstance(value, float) and math.isinf(value)):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _typed(value: Any) -> str:
    if isinstance(value, dict):
        lists = {
            n: ("/" if all(isinstance(e, (int, float)) for e in w) else "<", w)
            for n, w in value.items()
            if isinstance(w, (list, tuple))
        }
        value = value | {n: mark.join(map(_end, w)) for n, (mark, w) in lists.items()}
        pairs = {n: next(iter(w.items())) for n, w in value.items() if isinstance(w, dict)}
        value = value | {n: f"{over}*{factor:g}" for n, (over, factor) in pairs.items()}
        return shlex.quote(",".join(f"{name}={word}" for name, word in value.items()))
    if isinstance(value, tuple) and all(isinstance(each, float) for each in value):
        return ",".join(map(_end, value))
    values = value if isinstance(value, (list, tuple)) else [value]
    return " ".join("$'\\t'" if each == "\t" else shlex.quote(str(each)) for each in values)


def check_flags(args: Sequence[str]) -> None:
    """Raise InvalidOption for an option of a fit whose flag has another name, or that has none."""
    for arg in args:
        given = arg.split("=")[0]
        name = given.removeprefix("--").replace("-", "_")
        if given.startswith("--") and name in NAMES:
            problem = f"is its name here, not {given}"
            raise InvalidOption(name, None, flag(name), OPTIONS[name].example, problem)
        if given.startswith("--") and name in NO_FLAGS:
            raise InvalidOption(name, None, "eigcore.fit.fit in Python for it", None, "is no flag")


def has_flags(*names: str) -> Callable[[Function], Function]:
    """Decorate a command of ``**options``: give typer a flag for each of these options of a fit."""
    more = [_parameter(OPTIONS[name]) for name in names]

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        parameters = sorted([*own, *more], key=lambda p: p.default is not p.empty)
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [parameter.replace(kind=keyword) for parameter in parameters]
        told: Any = function
        told.__signature__ = signature.replace(parameters=parameters)
        told.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return function

    return decorate


def numbers(given: Mapping[str, Any]) -> dict[str, Any]:
    """Read the numbers among typed options; text that is none stays text."""
    return {name: _read(OPTIONS[name].kind, value) for name, value in given.items()}


def _read(kind: Kind, value: Any) -> Any:
    if isinstance(kind, Ends) and value is not None:
        if "=" not in value:
            return tuple(value.split(","))
        pairs = [each.rpartition("=") for each in value.split(",")]
        return {name: tuple(ends.split("/")) for name, _, ends in pairs}
    if isinstance(kind, Words) and value is not None and "=" in value:
        return dict(each.rpartition("=")[::2] for each in value.split(","))
    if isinstance(kind, Codes) and value is not None and "=" in value:
        pairs = [each.rpartition("=") for each in value.split(",")]
        return {name: [*map(_number, codes.split("/"))] for name, _, codes in pairs}
    if isinstance(kind, ClassWeights) and value is not None and "=" in value:
        pairs = [each.rpartition("=") for each in value.split(",")]
        return {name: _number(factor) for name, _, factor in pairs}
    if isinstance(kind, Pairs) and value is not None and "=" in value:
        return dict(map(_pair, value.split(",")))
    if isinstance(kind, Orders) and value is not None and "=" in value:
        pairs = [each.rpartition("=") for each in value.split(",")]
        return {name: levels.split("<") for name, _, levels in pairs}
    number = _NUMBERS.get(type(kind))
    return value if number is None or value is None else _number(value, number)


def _pair(text: str) -> tuple[str, Any]:
    name, _, over = text.partition("=")
    column, times, factor = over.rpartition("*")
    return (name, {column: _number(factor)}) if times else (name, over)


def _number(text: str, kind: type[int] | type[float] = float) -> Any:
    try:
        return kind(text)
    except ValueError:
        return text


def _parameter(option: Option) -> inspect.Parameter:
    meaning = option.meaning.replace("; None:", ". Default:").replace("`", "")
    names = [flag(option.name)]
    annotation, default = _type(option.kind), option.default
    if option.optional and not isinstance(option.kind, Like):
        annotation = Optional[annotation]  # noqa: UP045 (typer reads it at run time)
    if type(option.kind) in _NUMBERS and default is not None:
        default = str(default)
    if isinstance(option.kind, Like):
        default = False
    if isinstance(option.kind, Names):
        default = []
    told = typer.Option(*names, help=meaning, metavar=_metavar(option))
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[annotation, told],
    )


def _type(kind: Kind) -> Any:
    kinds = {Flag: bool, Like: bool, Names: list[str], File: Path}
    return kinds.get(type(kind), str)


def _metavar(option: Option) -> str | None:
    if isinstance(option.kind, Choice):
        return "|".join(option.kind.words)
    if isinstance(option.kind, Words):
        return "WORD|F=WORD,..."
    usual = {Whole: "INTEGER", Number: "FLOAT", Names: "F ..."}.get(type(option.kind))
    return _METAVARS.get(option.name, usual)
