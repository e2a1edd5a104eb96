"""Boxes around rows, as callers write them: rows, radii, lower and upper ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from eigcore.encoding import LARGEST, Categories, Encoding
from eigcore.errors import InvalidInput
from eigcore.guarantees.checker import NEVER_SEEN
from eigcore.guarantees.units import floats
from eigcore.portable.description import Described

Radius: TypeAlias = float | Mapping[str, float] | Sequence[float] | np.ndarray


def check_complete(x: Any, radius: Any, lower: Any, upper: Any, method: str) -> None:
    """Raise InvalidInput unless rows come with either a radius or ends, or there is neither.

    `certify` takes a radius without rows too, for boxes anywhere.
    """
    ends = lower is not None or upper is not None
    if method == "prove" and radius is not None and x is None:
        raise InvalidInput(
            "prove got radius without x. Expected the rows whose boxes are proven. Write "
            f"model.prove(x=..., radius={radius!r}), or model.certify(radius={radius!r}) for a "
            "bound anywhere."
        )
    if ends and (x is None or radius is not None):
        raise InvalidInput(
            f"{method} got ends {'without x' if x is None else 'beside radius'}. Expected rows, "
            "and either ends or a radius. Write "
            f"model.{method}(x=..., lower={{...}}, upper={{...}})."
        )
    if x is not None and radius is None and not ends:
        raise InvalidInput(
            f"{method} got x without radius. Expected the radius of the box in the unit of each "
            f'column. Write model.{method}(x=..., radius=0.1) or radius={{"age": 1.0}}.'
        )


def local_table(model: Described, x: Any) -> np.ndarray:
    """Return rows (rows, columns) that can be certified; raise InvalidInput for others."""
    table = np.atleast_2d(model.encoding.table(x))
    table = table.reshape(-1, table.shape[-1])
    if (far := np.abs(np.nan_to_num(table)).max(0, initial=0.0) > LARGEST).any():
        name = model.encoding.names[int(np.argmax(far))]
        raise InvalidInput(
            f"Column {name!r} of x holds a number beyond {LARGEST:g}; expected smaller ones, whose "
            "boxes can be certified. Leave those rows out."
        )
    return table


def named_row(model: Described, row: list[float]) -> dict[str, Any]:
    """Return a row of numbers and codes as the caller writes it; None is a missing cell."""
    found: dict[str, Any] = {}
    columns = zip(model.encoding.names, model.encoding.columns, row, strict=True)
    for name, column, value in columns:
        if isinstance(column, Categories) and not np.isnan(value):
            found[name] = column.levels[int(value)] if value >= 0 else NEVER_SEEN
        else:
            found[name] = None if np.isnan(value) else value
    return found


def radii_of(encoding: Encoding, radius: Radius | None) -> np.ndarray | None:
    """Return radii (columns,) from a number, a mapping or an array."""
    if radius is None:
        return None
    names, numeric = encoding.names, np.array([c.numeric for c in encoding.columns], dtype=float)
    if isinstance(radius, Mapping):
        unknown = sorted(set(map(str, radius)) - set(names))
        if unknown:
            raise InvalidInput(
                f"radius names the column(s) {unknown}, which the model does not have. Expected "
                f"names among {', '.join(names)}."
            )
        radii = floats([radius.get(name, 0.0) for name in names])
    else:
        radii = floats(radius)
        radii = radii * numeric if radii.ndim == 0 else radii
    if radii.shape != (len(names),) or not ((radii >= 0) & (radii <= LARGEST)).all():
        raise InvalidInput(
            f"radius is {radius!r}. Expected a number from 0 to {LARGEST:g}, a mapping of column "
            f"names, or one number for each of the {len(names)} columns. Write radius=0.1."
        )
    moving = [name for name, r, n in zip(names, radii, numeric, strict=True) if r > 0 and not n]
    if moving:
        raise InvalidInput(
            f"radius names the category columns {', '.join(moving)}. Expected radii of numeric "
            "columns. Leave the others out; Certificate.columns has their largest change."
        )
    return radii


def sides_of(table: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far each cell may fall and rise between ends, rounded up: (rows, columns) each."""
    with np.errstate(invalid="ignore"):
        below, above = np.nan_to_num(table - low), np.nan_to_num(high - table)
    return (np.nextafter(below, np.inf) * (below > 0), np.nextafter(above, np.inf) * (above > 0))


def ends_of(
    model: Described, table: np.ndarray, lower: Any, upper: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper ends of boxes around rows: (rows, columns) each.

    Ends are arrays (columns,) or (rows, columns), or mappings of column names to numbers or (rows,)
    arrays. What is left out, None or NaN, does not move.
    """
    names, fixed = model.encoding.names, [not each.numeric for each in model.encoding.columns]
    found = []
    for given, name, sign in ((lower, "lower", 1), (upper, "upper", -1)):
        end = _end(model, table, given, name)
        far = sign * (table - end)
        wrong = (far < 0) | (far > LARGEST) | (np.array(fixed) & ~np.isnan(end) & (end != table))
        if wrong.any():
            row, j = np.argwhere(wrong)[0]
            raise InvalidInput(
                f"{name} is {end[row, j]} for column {names[j]!r} in row {row}, where x is "
                f"{table[row, j]}. Expected lower ≤ x ≤ upper, below {LARGEST:g}, and no ends for "
                "categories. Leave the column out, and it does not move."
            )
        found.append(np.where(np.isnan(end) | np.isnan(table), table, end))
    return found[0], found[1]


def around(table: np.ndarray, radii: np.ndarray, way: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return table − radii and table + radii, (rows, columns) each, rounded outward.

    With way = −1 they are rounded inward.
    """
    ends = []
    for side in (-1, 1):
        moved = table + side * radii
        back = moved - table
        lost = (table - (moved - back)) + (side * radii - back)  # exactly (Knuth, TwoSum)
        out = side * way
        ends.append(np.where(out * lost > 0, np.nextafter(moved, out * np.inf), moved))
    return ends[0], ends[1]


def _end(model: Described, table: np.ndarray, end: Any, name: str) -> np.ndarray:
    names = model.encoding.names
    found = np.full(table.shape, np.nan)
    if end is None:
        return found
    try:
        if not isinstance(end, Mapping):
            return np.broadcast_to(np.asarray(end, dtype=np.float64), table.shape)
        for column, values in end.items():
            found[:, names.index(column)] = values
    except (TypeError, ValueError):
        raise InvalidInput(
            f"{name} is {end!r}. Expected a mapping of column names to numbers, or an array "
            f"({len(names)},) or {table.shape}. Write {name}={{{names[0]!r}: 1.0}}."
        ) from None
    return found
