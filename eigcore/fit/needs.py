"""Options that have an effect only beside certain values of others: the only place that says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from eigcore.errors import InvalidOption
from eigcore.fit.data.names import listed
from eigcore.fit.losses import LOSSES


class Need(NamedTuple):
    """What an option needs to have an effect.

    option : the option
    holds : of all options, whether it has one, or is left out
    told : the option to change: its name, what is expected of it, an example, or the function of
        all options that returns one
    beside : what it is beside now, with fields of all options ``o``
    """

    option: str
    holds: Callable[[Any], bool]
    told: tuple[str, str, Any]
    beside: str


def _one_eigenvalue(o: Any) -> bool:
    neuron = o.neuron or {}
    return "index" not in neuron or neuron.get("functional", "kth") in ("kth", "smooth")


def _goes_on(o: Any) -> bool:
    """Whether every column with a shape goes on beyond the fitted range."""
    if isinstance(o.tails, Mapping):
        shaped = o.shape if isinstance(o.shape, Mapping) else o.tails
        return {word for name, word in o.tails.items() if name in shaped} <= {"linear"}
    return o.tails == "linear"


def _ordered(o: Any) -> list[str]:
    """Return the columns named, apart where commas join them, and those with an order."""
    apart = [(name, name.split(",")) for name in o.increasing]
    named = [part for name, parts in apart for part in (parts if {*parts} & {*o.order} else [name])]
    return list(dict.fromkeys([*named, *(name for name in o.order if name not in o.decreasing)]))


def _placed(o: Any) -> list[str]:
    return list(o.missing) if isinstance(o.missing, Mapping) else ["size"]


NEEDS = (
    Need(
        "quantile",
        lambda o: o.loss == "quantile",
        ("loss", "quantile there", "quantile"),
        "a quantile of {o.quantile}",
    ),
    Need(
        "delta",
        lambda o: o.loss == "huber",
        ("loss", "huber there", "huber"),
        "a delta of {o.delta}",
    ),
    Need(
        "order",
        lambda o: set(o.order or ()) <= {*o.increasing, *o.decreasing},
        ("increasing", "every column with an order, there or in decreasing", _ordered),
        "an order of levels",
    ),
    Need(
        "tails",
        lambda o: not o.shape or _goes_on(o),
        ("tails", "linear there, since a constant end is neither convex nor concave", "linear"),
        "shape {o.shape}",
    ),
    Need(
        "missing",
        lambda o: bool(o.increasing or o.decreasing),
        ("increasing", "columns in which predictions have an order", _placed),
        "a place of missing cells",
    ),
    Need(
        "variance_power",
        lambda o: o.loss == "tweedie",
        ("loss", "tweedie there", "tweedie"),
        "a variance_power of {o.variance_power}",
    ),
    Need(
        "class_weight",
        lambda o: o.loss is None or LOSSES[o.loss].classified,
        ("loss", "logistic or multinomial there", "logistic"),
        "weights of classes",
    ),
    Need(
        "classes",
        lambda o: o.loss is None or LOSSES[o.loss].classified,
        ("loss", "multinomial there", "multinomial"),
        "classes",
    ),
    Need(
        "preset",
        lambda o: None in (o.dim, o.knots, o.penalty, o.members, o.max_iter),
        ("members", "what the preset chooses", None),
        "the preset {o.preset}, which has nothing left to choose",
    ),
    Need(
        "projections",
        lambda o: not o.projections or o.knots != 0,
        ("knots", "pieces along which projections bend", 16),
        "{o.projections} projections",
    ),
    Need(
        "smooth",
        lambda o: o.knots != 0,
        ("knots", "pieces whose slopes can change", 16),
        "smooth columns",
    ),
    Need(
        "early_stopping",
        lambda o: o.max_iter != 0,
        ("max_iter", "steps to stop after", 120),
        "early stopping",
    ),
    Need(
        "neuron",
        _one_eigenvalue,
        ("neuron", "none for several eigenvalues", {"functional": "kth"}),
        "an index that it does not use",
    ),
    Need(
        "sep",
        lambda o: o.sep != o.decimal,
        ("decimal", "another character", ","),
        "the separator {o.sep!r}",
    ),
    Need(
        "decimal",
        lambda o: o.sep != o.decimal,
        ("sep", "another character", ";"),
        "the decimal character {o.decimal!r}",
    ),
    Need(
        "checkpoint_seconds",
        lambda o: o.checkpoint is not None,
        ("checkpoint", "a file to write", "run.checkpoint"),
        "{o.checkpoint_seconds} seconds between two checkpoints",
    ),
    Need(
        "batch_rows",
        lambda o: o.batch_rows <= o.block_rows,
        ("batch_rows", "at most as many", 4096),
        "blocks of {o.block_rows} rows",
    ),
)


def check_needs(options: Any, changed: Collection[str]) -> None:
    """Raise InvalidOption if an option that was changed would have no effect."""
    for need in NEEDS:
        if need.option in changed and not need.holds(options):
            name, expected, example = need.told
            value = getattr(options, name)
            problem = f"{_found(value)} beside {need.beside.format(o=options)}"
            typed = example(options) if callable(example) else example
            raise InvalidOption(name, value, expected, typed, problem)


def _found(value: Any) -> str:
    if value is None or value == ():
        return "is left out"
    return f"names {listed(value)}" if isinstance(value, tuple) else f"is {value!r}"
