"""Parameters that name columns: by label, or by index where columns have no labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from eigcore.encoding.cells import column_labels, declared_categories, declared_orders
from eigcore.errors import InvalidOption
from eigcore.fit.checks import Names
from eigcore.fit.data.names import listed, nearest


def categories(wanted: Any, names: Sequence[str], X: Any) -> list[str]:
    """Names of the category columns: those that X declares, and those given by the caller."""
    own = [name for name, is_one in zip(names, declared_categories(X), strict=False) if is_one]
    if wanted is None:
        return own
    if isinstance(wanted, Mapping) or not isinstance(wanted, (str, Iterable)):
        expected = "names or places of columns, or one truth value per column"
        raise InvalidOption("categories", wanted, expected, [names[0]], optional=True)
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    if wanted and all(isinstance(each, (bool, np.bool_)) for each in wanted):
        if len(wanted) != len(names):
            raise InvalidOption(
                "categories",
                wanted,
                f"one for each of the {len(names)} columns, or the names or indices of some",
                [names[0]],
                f"has {len(wanted)} truth values",
            )
        return sorted({*own, *(n for n, is_one in zip(names, wanted, strict=True) if is_one)})
    labelled = column_labels(X) is not None
    return sorted({*own, *(_find(name, names, "categories", labelled) for name in wanted)})


def named(parameters: Mapping[str, Any], names: Sequence[str], X: Any) -> dict[str, Any]:
    """Return the parameters that name columns, with names for labels and indices."""
    labelled = column_labels(X) is not None

    def find(option: str, key: Any) -> str:
        return _find(key, names, option, labelled)

    found: dict[str, Any] = {}
    for option in ("shape", "tails", "missing", "codes"):
        given = parameters[option]
        if isinstance(given, Mapping):
            found[option] = {find(option, key): word for key, word in given.items()}
    monotone = {n for each in signs(parameters["monotone"], names, X).values() for n in each}
    orders = {n: each for n, each in declared_orders(X).items() if n in monotone}
    if isinstance(parameters["order"], Mapping):
        orders |= {find("order", key): each for key, each in parameters["order"].items()}
    found["order"] = orders or None
    pairs = parameters["dominates"]
    if isinstance(pairs, Mapping):
        told = {n: o if isinstance(o, Mapping) else {o: 1.0} for n, o in pairs.items()}
        found["dominates"] = {
            find("dominates", name): {find("dominates", other): c for other, c in over.items()}
            for name, over in told.items()
        }
    for option in ("additive", "smooth"):
        given = parameters[option]
        if Names().accepts(given):
            found[option] = tuple(find(option, key) for key in given)
    return found


def _find(key: Any, names: Sequence[str], option: str, labelled: bool) -> str:
    """Name of a column, from its label, or from its index where columns have no labels."""
    if str(key) in names and (labelled or isinstance(key, str)):
        return str(key)
    whole = isinstance(key, (int, np.integer)) and not isinstance(key, bool)
    if whole and not labelled and -len(names) <= key < len(names):
        return names[int(key)]
    near = nearest(str(key), names)
    places = "" if labelled else f"indices from 0 to {len(names) - 1}, or "
    raise InvalidOption(
        option,
        key,
        f"{places}some of {listed(names)}",
        [near or names[0]],
        f"names {key!r}, which is not a column of X"
        + (f" (did you mean {near!r}?)" if near else ""),
    )


def signs(monotone: Any, names: Sequence[str], X: Any) -> dict[str, list[str]]:
    """Options `increasing` and `decreasing`, from a mapping or one number per column."""
    if monotone is None:
        return {}
    if hasattr(monotone, "to_dict"):
        monotone = monotone.to_dict()
    if not isinstance(monotone, Mapping):
        monotone = dict(zip(names, _per_column(monotone, names), strict=True))
        X = dict.fromkeys(names)
    wrong = {key: sign for key, sign in monotone.items() if sign not in (-1, 0, 1)}
    if wrong:
        raise _unlike(f"is {wrong}", names)
    found: dict[str, Any] = {}
    keys: dict[str, Any] = {}
    for key, sign in monotone.items():
        name = _find(key, names, "increasing", column_labels(X) is not None)
        if found.setdefault(name, sign) != sign:
            both = f"{keys[name]!r} and {key!r}, with {found[name]} and {sign}"
            raise _unlike(f"names column {name!r} twice, as {both}", names)
        keys[name] = key
    return {
        option: [name for name, sign in found.items() if sign == wanted]
        for option, wanted in (("increasing", 1), ("decreasing", -1))
    }


def _per_column(monotone: Any, names: Sequence[str]) -> list[Any]:
    array = np.asarray(monotone)
    if array.ndim == 0:
        raise _unlike(f"is {monotone!r}", names)
    if array.shape != (len(names),):
        raise _unlike(f"has shape {array.shape}, and there are {len(names)} columns", names)
    return array.tolist()


def _unlike(problem: str, names: Sequence[str]) -> InvalidOption:
    expected = (
        "-1 (never rises), 0 (free) or 1 (never falls) for every column, or for some columns by "
        "name"
    )
    return InvalidOption("increasing", None, expected, [names[0]], problem)
