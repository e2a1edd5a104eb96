"""The domain around a row: which columns may change, to what, and what change counts as 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eigcore.encoding import Categories, Linear, Periodic
from eigcore.errors import InvalidInput
from eigcore.guarantees.codes import code_columns
from eigcore.guarantees.domain import UNSEEN, Axis, fitted_range
from eigcore.guarantees.units import floats
from eigcore.portable.description import Described


def free_columns(
    model: Described, columns: Sequence[str] | None, row: np.ndarray | None = None
) -> list[str]:
    """Return the columns that may change, by default all without codes; raise for unknown ones.

    row : (columns,) float64, whose numbers and special codes do not become each other
    """
    names, codes = model.encoding.names, code_columns(model.encoding)
    held = [] if row is None else [names[codes[p]] for p in codes if not np.isnan(row[p])]
    plain = [name for p, name in enumerate(names) if p not in codes and name not in held]
    chosen = plain if columns is None else list(columns)
    if isinstance(columns, str) or not chosen or not all(name in names for name in chosen):
        raise InvalidInput(
            f"columns is {columns!r}. Expected some of {', '.join(names)}. Write "
            f"columns=[{names[0]!r}]."
        )
    mixed = [name for name in chosen if name in held]
    for place, source in codes.items():
        number = row is not None and not np.isnan(row[source])
        if names[place] in chosen and (number or names[source] in chosen):
            mixed.append(names[place])
    if mixed:
        raise InvalidInput(
            f"columns names {mixed}, and x holds a number or a special code there, which do not "
            "become each other. Expected columns of numbers that hold a number, and columns of "
            "codes beside a missing cell. Leave them out, or compare both with model.change."
        )
    return chosen


def domain_around(
    model: Described, row: np.ndarray, free: list[str], bounds: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the free columns may be, the row's own cell among it, and what the others are."""
    if not isinstance(bounds, Mapping) or not set(bounds) <= set(free):
        raise InvalidInput(
            f"bounds names {list(bounds)}. Expected values of columns that may change: "
            f"{', '.join(free)}. Name them in columns too."
        )
    domain, fixed = {}, {}
    for name, column, number in zip(model.encoding.names, model.encoding.columns, row, strict=True):
        gone = bool(np.isnan(number))
        if isinstance(column, Categories):
            own = None if gone else column.levels[int(number)] if number >= 0 else UNSEEN
            given = bounds.get(name, column.levels)
            given = [given] if isinstance(given, str) or not np.iterable(given) else list(given)
            domain[name] = [own, *given]
        else:
            own = None if gone else float(number)
            ends = _numbers(name, column, own, bounds.get(name)) if name in free else ()
            domain[name] = (None, *ends) if gone else ends
        if name not in free:
            fixed[name] = own
            del domain[name]
    return domain, fixed


def _numbers(name: str, column: Any, own: float | None, given: Any) -> tuple[float, float]:
    if given is None and isinstance(column, Periodic) and own is not None:
        return own - column.period / 2, own + column.period / 2
    ends = fitted_range(column) if given is None else tuple(floats(given).ravel().tolist())
    if not ends:
        raise InvalidInput(
            f"Column {name!r} is linear and has no knots. Expected its range. Write "
            f'bounds={{"{name}": (low, high)}}.'
        )
    inside = (*ends, *(() if own is None else (own,)))
    if np.isnan(inside).any():
        raise InvalidInput(
            f"bounds has {given!r} for column {name!r}. Expected numbers. Write "
            f'bounds={{"{name}": (low, high)}}.'
        )
    if isinstance(column, Periodic) and own is not None and np.ptp(inside) >= column.period:
        return _numbers(name, column, own, None)  # all values: nearest to the row's own
    return float(np.min(inside)), float(np.max(inside))


def whole_columns(
    model: Described, free: list[str], given: Sequence[str] | None, row: np.ndarray
) -> list[str]:
    """Return the columns that move in whole numbers; raise InvalidInput for impossible ones."""
    encoding, found = model.encoding, []
    for name, column, number in zip(encoding.names, encoding.columns, row.tolist(), strict=True):
        knots = getattr(column, "knots", ())
        if column.numeric and name in free and float(number).is_integer():
            found += [name] if given is not None or (knots and np.mod(knots, 1).max() == 0) else []
    if given is None:
        return found
    if isinstance(given, str) or not set(given) <= set(found):
        raise InvalidInput(
            f"whole is {given!r}. Expected columns of numbers that may change and hold a whole "
            f"number in x: {', '.join(found) or 'there are none'}. Write whole={found[:1]!r}."
        )
    return list(given)


def place_of(axis: Axis, number: float) -> float:
    """Return a cell of the row as the axis has it: levels by their place, the row's own first."""
    return 0.0 if axis.categorical and not np.isnan(number) else float(number)


def units_of(model: Described, free: list[str], given: Mapping[str, float]) -> np.ndarray:
    """Return the change of each column that counts as 1; raise InvalidInput for wrong ones."""
    sizes = floats(list(given.values()))
    if not set(given) <= set(free) or not ((sizes > 0) & (sizes < math.inf)).all():
        raise InvalidInput(
            f"units is {dict(given)!r}. Expected positive numbers for columns among "
            f"{', '.join(free)}. Write units={{{free[0]!r}: 1.0}}."
        )
    found = []
    for name, column in zip(model.encoding.names, model.encoding.columns, strict=True):
        unit = float(np.std(getattr(column, "knots", (0.0,))))
        if isinstance(column, Linear):
            unit = column.scale
        found.append(float(given.get(name, unit)) if column.numeric else 1.0)
    return np.array(found)
