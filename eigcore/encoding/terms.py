"""The terms of one column, and the interface of all kinds of columns (math.md, section 2b).

A column j with terms φ_1 … φ_B acts on the model through A_j(t) = Σ_b φ_b(t) A_{j,b}. Every numeric
kind is piecewise linear in t, so its slopes on a few pieces describe A_j completely; see `Pieces`.
Certificates use nothing else.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np

from eigcore.errors import InvalidSpec

INF = math.inf
NAN = math.nan
RAMP, LEVEL, HAT = 0.0, 1.0, 2.0
"""Forms of a term."""


class Term(NamedTuple):
    """The constants of one term φ(t), by its form.

    Parameters
    ----------
    form : float
        RAMP: clip((t − origin) / width, low, high). LEVEL: 1 where t == origin, else 0. HAT, with
        s = (t − origin) mod period: 1 − s / width right of its peak, 1 − (period − s) / left on its
        left, 0 elsewhere.
    origin, width, low, high, left, period : float
        See form; in units of the column, except low and high.
    fill : float
        The value at a missing cell; NaN if the column has no term for missing cells.
    number : float
        The level itself, if it is a number; `origin` is its code. Otherwise NaN.
    """

    form: float = RAMP
    origin: float = 0.0
    width: float = 1.0
    low: float = -INF
    high: float = INF
    left: float = 1.0
    period: float = 1.0
    fill: float = NAN
    number: float = NAN


class Pieces(NamedTuple):
    """The pieces of a column: dA_j/dt is constant on each.

    Parameters
    ----------
    edges : (pieces + 1,) float64
        Ends of the pieces, in units of the column; ±inf for tails, one period for periodic columns.
    slopes : (pieces, ...) float64
        dA_j/dt per unit of the column, with the trailing shape of the matrices given.
    """

    edges: np.ndarray
    slopes: np.ndarray


def numbers_of(values: Any, what: str) -> tuple[float, ...]:
    """Return finite floats; raise an InvalidSpec that begins with `what` otherwise."""
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError) as exc:
        raise InvalidSpec(
            f"{what} is {values!r}. Expected a sequence of numbers. Write one like (0.0, 1.0, 2.5)."
        ) from exc
    if not all(math.isfinite(number) for number in numbers):
        raise InvalidSpec(
            f"{what} is {numbers}. Expected finite numbers only. Remove infinities and missing "
            "values first."
        )
    return numbers


def increasing(values: Any, what: str, least: int) -> tuple[float, ...]:
    """Return at least `least` strictly increasing floats; raise an InvalidSpec otherwise."""
    numbers = numbers_of(values, what)
    if len(numbers) < least or any(b - a <= 0 for a, b in pairwise(numbers)):
        raise InvalidSpec(
            f"{what} is {numbers}. Expected at least {least} strictly increasing numbers. "
            "Write eigcore.encoding.quantile_knots(values, count) to get them from data."
        )
    return numbers


def positive(value: Any, what: str) -> float:
    """Return one positive float; raise an InvalidSpec that begins with `what` otherwise."""
    number = numbers_of((value,), what)[0]
    if number <= 0:
        raise InvalidSpec(f"{what} is {number}. Expected a positive number. Pass one, like 1.0.")
    return number


def check_outside(outside: str | None, known: bool) -> None:
    """Raise InvalidSpec unless numbers outside the range may be treated so; known: the range."""
    if outside not in (None, "refuse") or (outside and not known):
        raise InvalidSpec(
            f'outside is {outside!r}. Expected None, or "refuse" for a column with knots or limits.'
        )


def blank(missing: bool) -> tuple[float, list[Term]]:
    """Return the value of ordinary terms at a missing cell, and the term for missing cells."""
    return (0.0, [Term(low=0.0, high=0.0, fill=1.0)]) if missing else (NAN, [])


class Column:
    """The interface of all kinds of columns. Subclasses are frozen: tuples, numbers, text.

    Attributes
    ----------
    kind : str
        Name of the kind in the model file.
    numeric : bool
        Whether cells are numbers that can be compared and added.
    affine : bool
        Whether A_j(t) is affine on the whole line.
    missing : bool
        Whether the column has a term for missing cells.
    outside : str or None
        "refuse": numbers outside the range are an error.
    range : (float, float) or None
        The range of the fitted rows, as far as the column knows it.
    goes_on : bool
        Whether the column goes on beyond that range.
    """

    kind: ClassVar[str]
    numeric: ClassVar[bool] = True
    missing: bool
    outside: str | None = None

    @property
    def range(self) -> tuple[float, float] | None:
        """See the attributes."""
        return None

    @property
    def affine(self) -> bool:
        """See the attributes."""
        return False

    @property
    def goes_on(self) -> bool:
        """See the attributes."""
        return self.range is not None and self.outside is None and self.gone_on() == self

    def gone_on(self) -> Column:
        """Return the column that goes on where this one stays constant outside the range."""
        return self

    def constants(self) -> list[Term]:
        """Return the terms in the order of the parameters; the term for missing cells is last."""
        raise NotImplementedError

    @cached_property
    def terms(self) -> int:
        """Number of terms, each with a matrix of its own."""
        return len(self.constants())

    @cached_property
    def widths(self) -> np.ndarray:
        """Width (terms,) of the piece of each term, in units of the column; NaN for indicators.

        The slope of a term is matrix / width.
        """
        widths = [term.width if self.numeric else NAN for term in self.constants()]
        found = np.array(widths[: len(widths) - self.missing] + [NAN] * self.missing)
        found.flags.writeable = False
        return found

    def pieces(self, matrices: np.ndarray) -> Pieces:
        """Return the pieces of A_j(t) and their slopes, which are linear in the matrices.

        Parameters
        ----------
        matrices : (terms, ...) array
            The matrices of the column's terms, packed or full.
        """
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; `eigcore.encoding.column_from_dict` is the inverse."""
        return {"kind": self.kind} | {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(cast(Any, self)).items()
            if value is not None
        }
