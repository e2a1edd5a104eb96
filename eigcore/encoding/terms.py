"""The terms of one column, and what every kind of column answers (math.md, section 2b).

A column j with terms φ_1 … φ_B acts on the model through A_j(t) = Σ_b φ_b(t) A_{j,b}. Every numeric
kind is piecewise linear in t, so A_j is described completely by its slopes on a few intervals:
`pieces`. Certificates use nothing else.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np

from eigcore.errors import InvalidSpec

INF = math.inf
NAN = math.nan
RAMP, LEVEL, HAT = 0.0, 1.0, 2.0


class Term(NamedTuple):
    """The constants of one term; u = (t − origin) / width.

    ramp : clip(u, low, high);   level : 1 where t == origin, else 0;
    hat : 1 − s / width right of the peak, 1 − (period − s) / left on its left, s = (t − origin) mod
    period. `fill` is the value at a missing cell (NaN where the column has no term for missing
    cells).
    """

    form: float = RAMP
    origin: float = 0.0
    width: float = 1.0
    low: float = -INF
    high: float = INF
    left: float = 1.0
    period: float = 1.0
    fill: float = NAN


class Pieces(NamedTuple):
    """The piecewise constant slope of one column's matrix-valued function.

    edges : (I + 1,) ends of the intervals, in column units (±inf at open ends; one period for
    periodic columns)
    slopes : (I, ...) dA_j/dt on each interval, per column unit, same trailing shape as the matrices
    given
    """

    edges: np.ndarray
    slopes: np.ndarray


def numbers_of(values: Any, what: str) -> tuple[float, ...]:
    """Finite floats, or InvalidSpec that begins with `what`."""
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError) as exc:
        raise InvalidSpec(
            f"{what} is {values!r}. It should be a sequence of numbers, like (0.0, 1.0, 2.5)."
        ) from exc
    if not all(math.isfinite(number) for number in numbers):
        raise InvalidSpec(
            f"{what} holds a number that is not finite: {numbers}. Remove infinities and gaps "
            "first."
        )
    return numbers


def increasing(values: Any, what: str, least: int) -> tuple[float, ...]:
    """At least `least` strictly increasing floats, or InvalidSpec that begins with `what`."""
    numbers = numbers_of(values, what)
    if len(numbers) < least or any(b - a <= 0 for a, b in pairwise(numbers)):
        raise InvalidSpec(
            f"{what} is {numbers}. It should be at least {least} strictly increasing numbers; "
            "eigcore.encoding.quantile_knots(values, count) makes them from data."
        )
    return numbers


def positive(value: Any, what: str) -> float:
    """One positive float, or InvalidSpec that begins with `what`."""
    number = numbers_of((value,), what)[0]
    if number <= 0:
        raise InvalidSpec(
            f"{what} is {number}. It should be a positive number; pass one, like 1.0."
        )
    return number


def blank(missing: bool) -> tuple[float, list[Term]]:
    """Value of the ordinary terms at a missing cell, and the extra term if there is one."""
    return (0.0, [Term(low=0.0, high=0.0, fill=1.0)]) if missing else (NAN, [])


class Column:
    """What every kind of column answers. Subclasses are frozen: tuples, numbers, text."""

    kind: ClassVar[str]
    numeric: ClassVar[bool] = True
    missing: bool

    def rows(self) -> list[Term]:
        """Constants of the terms, in the order of the parameters; the one for missing is last."""
        raise NotImplementedError

    @property
    def terms(self) -> int:
        """Number of terms (rows of the parameter array) this column takes."""
        return len(self.rows())

    @property
    def widths(self) -> np.ndarray:
        """(terms,) interval widths in column units: slope = matrix / width. NaN: an indicator."""
        widths = [row.width if self.numeric else NAN for row in self.rows()]
        return np.array(widths[: len(widths) - self.missing] + [NAN] * self.missing)

    def pieces(self, matrices: np.ndarray) -> Pieces:
        """Slopes of A_j(t) on the intervals where they are constant.

        matrices : (terms, ...) the column's rows of the parameters, packed or full (slopes are
        linear in them).
        """
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `column_from_dict` is the inverse."""
        return {"kind": self.kind} | {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(cast(Any, self)).items()
        }
