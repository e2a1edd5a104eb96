"""What stands beside the columns of each row: weight, exposure, offset, and what it belongs to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from eigcore.encoding.cells import Cells, missing, unmasked
from eigcore.errors import InvalidOption, MisplacedOption
from eigcore.fit.data.names import check_keys, check_names

_RANGES = {
    "weights": (0.0, np.inf, "of at least 0, not all of them 0"),
    "exposure": (0.0, np.inf, "of at least 0, not all of them 0"),
    "offset": (-700.0, 700.0, "from -700 to 700"),
}
"""Least and largest value of each; e^700 is nearly the largest number."""


class Beside(NamedTuple):
    """What is told of each row: values (rows,), or the name of a column.

    weights : non-negative
    exposure : non-negative; the target is a total over it. A row counts as its target per unit of
        exposure, with the exposure as a further weight; at 0 it says nothing
    offset : added to the decision of the row; of several targets (rows, targets), or a mapping of
        targets to values or columns
    groups, time : rows of the same group, or newer ones, are hidden together
    cv : a splitter, or pairs of row numbers; see `eigcore.fit.data.together.Together`
    """

    weights: Any = None
    exposure: Any = None
    offset: Any = None
    groups: Any = None
    time: Any = None
    cv: Any = None

    @property
    def names(self) -> dict[str, str]:
        """Option -> column, for those that are names of columns."""
        given = self._asdict().items()
        return {o: name for o, name in given if isinstance(name, str) and o != "cv"}

    def check_for_stream(self) -> None:
        """Raise MisplacedOption for what only a table in memory can have."""
        if self.cv is not None:
            raise MisplacedOption("cv", self.cv, "stream")

    @property
    def told(self) -> dict[str, Any]:
        """Option -> column, or "values", for exposure and offset; what a file records."""
        given = {"exposure": self.exposure, "offset": self.offset}
        return {option: _named(v) for option, v in given.items() if v is not None}

    def taken(
        self, cells: Cells, elsewhere: dict[str, str], targets: Sequence[str] = ()
    ) -> tuple[Cells, Beside]:
        """Separate the columns that are named: return the others, and values.

        elsewhere : what other columns are used for, by name
        targets : names of several targets, which a mapping of offsets may have
        """
        check_keys("offset", self.offset, targets, "name of several targets")
        if isinstance(self.exposure, Mapping):
            expected = "one for all targets; for counts with one each, its logarithm is the offset"
            raise InvalidOption("exposure", self.exposure, expected)
        each = self.offset if isinstance(self.offset, Mapping) else {}
        moved = dict.fromkeys(("offset", n) for n in each.values() if isinstance(n, str))
        used = [*self.names.items(), *moved]
        for option, name in used:
            check_names(option, name, cells, elsewhere)
            elsewhere[name] = f"the {option}"
        values: dict[str, Any] = {o: cells[name] for o, name in self.names.items()}
        if each:
            values["offset"] = {t: cells[v] if isinstance(v, str) else v for t, v in each.items()}
        taken = {name for _, name in used}
        rest = {name: own for name, own in cells.items() if name not in taken}
        return rest, self._replace(**values)

    def of_targets(self, names: Sequence[str], rows: int) -> Beside:
        """Return it with an array (rows, targets) in place of a mapping of targets to offsets.

        Raises InvalidOption for values that are no numbers.
        """
        if not isinstance(self.offset, Mapping):
            return self
        zeros = np.zeros(rows)
        each = [_numbers("offset", self.offset.get(name, zeros), (rows,)) for name in names]
        return self._replace(offset=np.stack(each, axis=-1))

    def read(self, rows: int, targets: int = 0) -> Read:
        """Check and convert the values of so many rows. Raises InvalidOption.

        targets : number of several targets, each of which may have an offset of its own
        """
        given = {option: getattr(self, option) for option in _RANGES}
        wide = {"offset": (rows, targets)} if targets and np.ndim(self.offset) == 2 else {}
        values = {
            o: None if v is None else _numbers(o, v, wide.get(o, (rows,))) for o, v in given.items()
        }
        both = [_scaled(values[o]) for o in ("weights", "exposure") if values[o] is not None]
        unit = math.prod(unit for _, unit in both)
        weights: Any = math.prod(own for own, _ in both) if both else None
        return Read(weights, values["exposure"], values["offset"], unit)


def unexposed(exposure: np.ndarray | None, target: np.ndarray) -> list[str]:
    """Return a note about rows (rows,) without exposure, which say nothing of the target.

    target : cells (rows,), or numbers (rows, targets)

    Raises
    ------
    InvalidOption
        If such a row has a target other than 0.
    """
    if exposure is None or exposure.all():
        return []
    none = exposure == 0.0
    own = target[none].reshape(int(none.sum()), -1)
    total = int((~missing(own) & (own != 0)).any(axis=1).sum())
    if total:
        problem = f"is 0 in {total} row(s) whose target is not 0"
        raise InvalidOption("exposure", exposure, "more than 0 beside such a target", None, problem)
    return [f"Left out {len(own)} row(s) with exposure 0, which say nothing of the target."]


class Read(NamedTuple):
    """Values (rows,) float64, or None.

    weights : those given, times the exposure, in a unit
    unit : the weight of a row of weight 1, as it was given
    """

    weights: np.ndarray | None
    exposure: np.ndarray | None
    offset: np.ndarray | None
    unit: float

    def part(self, rows: np.ndarray) -> Read:
        """Return the values of some of the rows; equal weights become None."""
        weights, exposure, offset = (None if each is None else each[rows] for each in self[:3])
        if weights is None or not len(weights) or np.ptp(weights) > 0.0:
            return Read(weights, exposure, offset, self.unit)
        return Read(None, exposure, offset, self.unit * float(weights[0]))


def _scaled(weights: Any) -> tuple[Any, float]:
    """Return weights below 2, and their unit: a power of two, which changes no digit of a mean."""
    power = int(np.frexp(weights.max())[1]) - 1
    return np.ldexp(weights, -power), math.ldexp(1.0, power)


def _named(given: Any) -> Any:
    """Return the name of a column, or "values"; of a mapping, that of each entry."""
    if isinstance(given, Mapping):
        return {str(target): _named(each) for target, each in given.items()}
    return given if isinstance(given, str) else "values"


def _numbers(option: str, given: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return the values of an option; raise InvalidOption for what cannot be used."""
    low, high, words = _RANGES[option]
    plural = option == "weights"
    problem = None
    try:
        array = np.asarray(unmasked(given), dtype=np.float64)
    except (TypeError, ValueError) as exc:
        array, problem = np.zeros(0), f"{'are' if plural else 'is'} not numbers ({exc})"
    hold = "hold" if plural else "holds"
    if not problem and array.shape != shape:
        problem = f"{'have' if plural else 'has'} the shape {array.shape}"
    elif not problem and not np.isfinite(array).all():
        problem = f"{hold} missing or infinite numbers"
    elif not problem and option != "offset" and not array.any():
        problem = f"{'are' if plural else 'is'} all 0"
    elif not problem and not (low <= array.min() and array.max() <= high):
        wrong = array.min() if array.min() < low else array.max()
        problem = f"{hold} {wrong:.6g}"
    if problem:
        expected = f"one finite number for each of the {shape[0]} rows, {words}"
        raise InvalidOption(option, given, expected, None, problem)
    return array
