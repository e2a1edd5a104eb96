"""Dominance: a unit of one column raises f at least as much as some units of another.

With z = c·a + b, ∂f/∂a − c·∂f/∂b is the derivative in a at constant z. The pencil has terms of a
that rise, terms of z, and terms of b that fall; then it is never negative (math.md, section 2b).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from eigcore.encoding import Linear, Projection
from eigcore.errors import InvalidOption
from eigcore.fit.data.encode import Sum
from eigcore.fit.data.names import listed, nearest
from eigcore.fit.options import FitOptions


class Pair(NamedTuple):
    """No slope in ``column`` is below ``factor`` times a slope in ``over``, in their units."""

    column: str
    over: str
    factor: float

    @property
    def sum(self) -> Sum:
        """The sum z, which carries what both columns do together."""
        return Sum((self.column, self.over), (self.factor, 1.0), (0.0, 0.0))

    @property
    def label(self) -> str:
        """Name of the sum in an encoding."""
        return Projection(*self.sum[:2], Linear()).label

    def signs(self, sign: Callable[[str], int]) -> dict[str, int | None]:
        """Signs of the matrices of both columns and their sum; None where there are none.

        sign : −1 for a decreasing column, 0 for a free one, +1 for an increasing one
        """
        a, b = sign(self.column), sign(self.over)
        return {
            self.column: None if a < 0 else 1,
            self.over: None if b > 0 else -1,
            self.label: None if a > 0 > b else a or b,
        }


def pairs_of(options: FitOptions, numeric: Sequence[str]) -> tuple[Pair, ...]:
    """Return the pairs of a fit, checked.

    Raises
    ------
    InvalidOption
        Names that are not numeric columns, a column that is in two pairs or has another constraint
        of its own, or directions that leave both columns without effect.
    """
    given = options.dominates or {}
    pairs = tuple(Pair(a, b, c) for a, each in given.items() for b, c in each.items())
    _check_known(options, pairs, numeric)
    names = [name for each in pairs for name in each[:2]]
    others = _others(options)
    for name in names:
        if names.count(name) > 1:
            raise _wrong(options, "each column in one pair", f"names {name!r} twice")
        for option in [option for option, own in others.items() if name in own]:
            expected = f"columns without {option}, for those of a pair act through their sum"
            raise _wrong(options, expected, f"names {name!r}, which is also in {option}")
    for a, b, _ in pairs:
        if a in options.decreasing and b in options.increasing:
            expected = "directions that agree: a column that falls dominates none that rises"
            raise _wrong(options, expected, f"names {a!r} over {b!r}")
    return pairs


def _check_known(options: FitOptions, pairs: Sequence[Pair], numeric: Sequence[str]) -> None:
    """Raise InvalidOption for a name that is no numeric column, with the nearest pair."""
    for a, b, factor in pairs:
        near = {name: name if name in numeric else nearest(name, numeric) for name in (a, b)}
        for name in (each for each in near if each not in numeric):
            hint = f" (did you mean {near[name]!r}?)" if near[name] else ""
            problem = f"names {name!r}, which is not a numeric column of the table{hint}"
            known = all(near.values()) and near[a] != near[b]
            example = {near[a]: {near[b]: factor}} if known else None
            raise InvalidOption(
                "dominates", options.dominates, f"some of {listed(numeric)}", example, problem
            )


def _others(options: FitOptions) -> dict[str, Collection[str]]:
    """Return the columns that have another constraint by name, for each option."""
    shape, missing = options.shape, options.missing
    monotone = [*options.increasing, *options.decreasing] if missing else []
    return {
        "additive": options.additive,
        "smooth": options.smooth,
        "shape": shape if isinstance(shape, Mapping) else (),
        "missing": missing if isinstance(missing, Mapping) else monotone,
    }


def _wrong(options: FitOptions, expected: str, problem: str) -> InvalidOption:
    return InvalidOption("dominates", options.dominates, expected, None, problem)
