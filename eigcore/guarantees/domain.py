"""Domains: the values that each column may take, in the caller's words (math.md, section 5)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.encoding import LARGEST, Categories, Periodic
from eigcore.encoding.read import column_numbers
from eigcore.encoding.terms import Column
from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.guarantees.codes import code_columns, codes_of, with_codes
from eigcore.portable.description import Described


class _Unseen:
    """A level never seen, which no level equals."""

    def __repr__(self) -> str:
        return "a level never seen"


UNSEEN = _Unseen()
"""Stands for a level never seen among the levels of a domain."""


TURNS = 1000
"""Largest number of periods in a domain."""


@dataclass(frozen=True)
class Axis:
    """The values that one column may take.

    Parameters
    ----------
    name : str
    cuts : (n,) float64
        Increasing: the ends of the interval and the knots inside it, one number if the ends are
        equal; empty if no number is allowed, and for categories. Every A_j is affine between two.
    atoms : tuple
        Single values: levels, and None if the cell may be missing.
    codes : (models, atoms) float64
        The code of each atom in each model, NaN for None.
    special : tuple of numbers
        Special codes of the column, which are none of its numbers.
    """

    name: str
    cuts: np.ndarray
    atoms: tuple[Any, ...]
    codes: np.ndarray
    special: tuple[Any, ...] = ()

    @property
    def categorical(self) -> bool:
        """Whether the values are levels."""
        return any(atom is not None for atom in self.atoms)

    @property
    def places(self) -> np.ndarray:
        """The cuts, and then the atoms by their place; NaN for a missing cell."""
        atoms = [np.nan if atom is None else float(i) for i, atom in enumerate(self.atoms)]
        return np.concatenate([self.cuts, atoms])

    def numbers(self, model: int, values: np.ndarray) -> np.ndarray:
        """Return the cells of one model: a level is given by its place in `atoms`."""
        if not self.categorical:
            return values
        missing = np.isnan(values)
        return np.where(
            missing, np.nan, self.codes[model][np.where(missing, 0, values).astype(int)]
        )

    def cell(self, value: float) -> Any:
        """Return a value as the caller writes it; beside a special code, the next float64."""
        if math.isnan(value):
            return None
        if value in self.special:
            value = math.nextafter(value, -math.inf if value == self.cuts[-1] else math.inf)
        found = self.atoms[int(value)] if self.categorical else float(value)
        return str(found) if found is UNSEEN else found


def axes(
    models: Sequence[Described],
    domain: Mapping[str, Any] | None,
    fixed: Mapping[str, Any] | None = None,
) -> list[Axis]:
    """Return the axes of a domain, in the order of the first model's columns.

    Parameters
    ----------
    models : sequence of SpectralModel
        All with the same names of columns.
    domain : mapping of column names, optional
        (low, high) for numbers, a sequence of levels for categories, or a single value. None among
        them allows a missing cell. Columns left out: from the first to the last knot, or all
        levels. A special code is a missing cell of its kind; an interval holds none.
    fixed : mapping of column names, optional
        Column name -> its only value; None is a missing cell.

    Raises
    ------
    InvalidInput
        If a name is unknown, a value does not fit its column, or a column without knots is left
        out.
    """
    names = models[0].encoding.names
    if any(set(model.encoding.names) != set(names) for model in models):
        raise InvalidInput(
            f"The models have the columns {[model.encoding.names for model in models]}. Expected "
            "the same names in both. Fit both models on the same columns."
        )
    for given in (domain, fixed):
        if not isinstance(given or {}, Mapping):
            raise InvalidInput(
                f"The domain is {given!r}. Expected a mapping of column names to values. Write "
                f"{{{names[0]!r}: (low, high)}}."
            )
    asked = {str(name): value for name, value in (domain or {}).items()}
    only = {str(name): value for name, value in (fixed or {}).items()}
    unknown = sorted((set(asked) | set(only)) - set(names))
    if unknown or set(asked) & set(only):
        wrong = unknown or sorted(set(asked) & set(only))
        raise InvalidInput(
            f"The domain names {wrong}, {'which the model does not have' if unknown else 'twice'}. "
            f"Expected names among {', '.join(names)}, each once. Correct or drop them."
        )
    asked |= {name: (value,) for name, value in only.items()}
    found = []
    for model in models:
        asked = with_codes(model.encoding, asked, _listed)
    for name in names:
        columns = [m.encoding.columns[m.encoding.names.index(name)] for m in models]
        mixed = any(name in each.names for m in models for each in m.encoding.projections)
        special = tuple(code for m in models for code in codes_of(m.encoding, name)[1])
        found.append(_axis(name, columns, asked.get(name, ...), mixed, special))
    return found


def axis_of(model: Described, column: str, given: Any = None) -> Axis:
    """Return the axis of one column of a model; None: all that the model was fitted to."""
    own = model.encoding.columns[model.encoding.names.index(column)]
    special = codes_of(model.encoding, column)[1]
    return _axis(column, [own], ... if given is None else given, True, special)


def cells_of_value(model: Described, column: str, value: Any) -> dict[int, float]:
    """Return place of a column -> cell, a code or NaN, for one value of a column.

    A column with special codes is two, of which at least one is missing.
    """
    encoding = model.encoding
    j, (kinds, codes) = encoding.names.index(column), codes_of(encoding, column)
    special = value in codes
    axis = axis_of(model, column, (None if special else value,))
    found = {j: float(axis.numbers(0, axis.places)[0])}
    if kinds is not None:
        found[encoding.names.index(kinds)] = float(codes.index(value)) if special else math.nan
    if j in (sources := code_columns(encoding)):
        found[sources[j]] = math.nan
    return found


def _axis(
    name: str, columns: list[Column], given: Any, mixed: bool, special: tuple[Any, ...]
) -> Axis:
    if len({column.numeric for column in columns}) > 1:
        raise InvalidInput(
            f"Column {name!r} has numbers in one model and categories in the other. Expected the "
            "same kind in both. Fit both models on the same columns."
        )
    if given is ...:
        given = _default(name, columns)
    values = _listed(given)
    missing = (None,) if any(_is_missing(value) for value in values) else ()
    values = [value for value in values if not _is_missing(value)]
    if isinstance(columns[0], Categories):
        if not all(value is UNSEEN or isinstance(value, (str, int, float)) for value in values):
            raise _unusable(name, given, "levels")
        atoms = (*dict.fromkeys(values), *missing)
        if not atoms:
            raise _unusable(name, given, "at least one level")
        return Axis(name, np.zeros(0), atoms, _codes(name, columns, atoms))
    if len(values) > 2 or not (values or missing):
        raise _unusable(name, given, "(low, high)")
    if missing:
        _codes(name, columns, missing)
    cuts = _cuts(name, columns, values, given, mixed)
    if len(cuts) == 1 and cuts[0] in special:
        raise _unusable(name, given, f"numbers beside the special code(s) {special}")
    return Axis(name, cuts, missing, np.full((len(columns), len(missing)), np.nan), special)


def _default(name: str, columns: list[Column]) -> Any:
    """Return all levels, no special code, or the hull of the fitted ranges."""
    first = columns[0]
    if isinstance(first, Categories):
        if first.of is not None:  # no special code, as numbers are no missing cells
            return [None]
        return list(dict.fromkeys(level for c in columns for level in getattr(c, "levels", ())))
    ends = [fitted_range(column) for column in columns]
    if None in ends:
        raise InvalidInput(
            f"Column {name!r} is linear and has no knots. Expected its range in the domain. Write "
            f'{{"{name}": (low, high)}}.'
        )
    lows, highs = zip(*(end for end in ends if end), strict=True)
    first, last = _legal(columns)
    return max(min(lows), first), min(max(highs), last)


def _legal(columns: list[Column]) -> tuple[float, float]:
    """Return between which numbers no model refuses them."""
    ends = [c.range for c in columns if c.outside == "refuse" and c.range is not None]
    return max([-math.inf, *(a for a, _ in ends)]), min([math.inf, *(b for _, b in ends)])


def fitted_range(column: Column) -> tuple[float, float] | None:
    """Return the range of the fitted rows in a numeric column; None if it is not known."""
    if isinstance(column, Periodic):
        return column.knots[0], column.knots[0] + column.period
    return column.range


def _listed(given: Any) -> list[Any]:
    single = isinstance(given, (str, bytes)) or not isinstance(given, (Iterable, np.ndarray))
    if single or (isinstance(given, np.ndarray) and given.ndim == 0):
        return [given]
    return [v.item() if isinstance(v, np.generic) else v for v in given]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _codes(name: str, columns: list[Column], atoms: tuple[Any, ...]) -> np.ndarray:
    cells = np.empty(len(atoms), dtype=object)
    cells[:] = atoms
    seen = np.array([atom is not UNSEEN for atom in atoms])
    codes = np.full((len(columns), len(atoms)), -1.0)
    try:
        codes[:, seen] = [column_numbers(column, name, cells[seen]) for column in columns]
        return codes
    except NonFiniteInput as exc:
        raise InvalidInput(
            f"The domain allows missing cells in column {name!r}, for which the model has no term. "
            "Expected values only. Leave None out."
        ) from exc


def _cuts(
    name: str, columns: list[Column], values: list[Any], given: Any, mixed: bool
) -> np.ndarray:
    if not values:
        return np.zeros(0)
    try:
        low, high = float(values[0]), float(values[-1])
    except (TypeError, ValueError):
        raise _unusable(name, given, "numbers") from None
    if any(isinstance(value, str) for value in values) or not abs(low) + abs(high) <= LARGEST:
        raise _unusable(name, given, f"numbers below {LARGEST:g}")
    first, last = _legal(columns)
    if low < first or high > last:
        raise _unusable(name, given, f"numbers from {first:g} to {last:g}; others are refused")
    if low > high:
        raise _unusable(name, given, "low ≤ high")
    periods = {column.period for column in columns if isinstance(column, Periodic)}
    if not mixed and len(periods) == 1 and all(isinstance(c, Periodic) for c in columns):
        high = min(high, low + periods.pop())
    if any((high - low) / period > TURNS for period in periods):
        raise _unusable(name, given, f"at most {TURNS} periods")
    inside = np.concatenate([_knots(column, low, high) for column in columns])
    return np.unique([low, high, *inside[(inside > low) & (inside < high)]])


def _knots(column: Column, low: float, high: float) -> np.ndarray:
    edges = column.pieces(np.zeros(column.terms)).edges
    if isinstance(column, Periodic):
        turns = np.arange(*np.floor((np.array([low, high]) - edges[0]) / column.period + (0, 2)))
        return (edges[:-1] + turns[:, None] * column.period).ravel()
    return edges[np.isfinite(edges)]


def _unusable(name: str, given: Any, wanted: str) -> InvalidInput:
    return InvalidInput(
        f"The domain has {given!r} for column {name!r}. Expected {wanted}. Write (low, high) for "
        'numbers, like (20, 60); a list for categories, like ["north"]; or one value.'
    )
