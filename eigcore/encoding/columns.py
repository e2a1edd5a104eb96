"""The kinds of columns: linear, piecewise linear, categories, periodic (math.md, section 2b)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from eigcore.encoding.categories import Categories
from eigcore.encoding.terms import (
    HAT,
    INF,
    Column,
    Pieces,
    Term,
    blank,
    check_outside,
    increasing,
    numbers_of,
    positive,
)
from eigcore.errors import InvalidSpec


@dataclass(frozen=True)
class Linear(Column):
    """One term, φ(t) = (t − center) / scale, with the slope A / scale per unit of the column.

    Parameters
    ----------
    center, scale : float
        In units of the column; scale is positive.
    missing : bool
        Whether missing cells have a term of their own; otherwise they are an error.
    limits : (float, float), optional
        Increasing, in units of the column: beyond them, φ stays constant. Default: none.
    outside : "refuse", optional
        Numbers beyond the limits are an error. Default: allowed.
    fitted : (float, float), optional
        Smallest and largest fitted number, where φ goes on beyond them; not beside limits.

    Raises
    ------
    InvalidSpec
        If a number is not finite, scale is not positive, or the limits do not increase.
    """

    center: float = 0.0
    scale: float = 1.0
    missing: bool = False
    limits: tuple[float, ...] | None = None
    outside: str | None = None
    fitted: tuple[float, ...] | None = None
    kind: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", numbers_of((self.center,), "Linear.center")[0])
        object.__setattr__(self, "scale", positive(self.scale, "Linear.scale"))
        object.__setattr__(self, "missing", bool(self.missing))
        if self.limits is not None:
            limits = increasing(self.limits, "Linear.limits", 2)
            object.__setattr__(self, "limits", (limits[0], limits[-1]))
        check_outside(self.outside, self.limits is not None)
        if self.fitted is not None:
            if self.limits is not None:
                raise InvalidSpec(
                    "Linear.fitted and Linear.limits are both given. Leave fitted out: limits are "
                    "the range already."
                )
            fitted = increasing(self.fitted, "Linear.fitted", 2)
            object.__setattr__(self, "fitted", (fitted[0], fitted[-1]))

    @property
    def range(self) -> tuple[float, float] | None:
        """See `Column`."""
        known = self.limits or self.fitted
        return None if known is None else (known[0], known[-1])

    @property
    def affine(self) -> bool:
        """See `Column`."""
        return self.limits is None

    def gone_on(self) -> Column:
        """See `Column.gone_on`."""
        return self if self.outside == "refuse" else replace(self, limits=None, fitted=self.range)

    def constants(self) -> list[Term]:
        """See `Column.constants`."""
        fill, extra = blank(self.missing)
        low, high = ((t - self.center) / self.scale for t in self.limits or (-INF, INF))
        term = Term(origin=self.center, width=self.scale, low=low, high=high, fill=fill)
        return [term, *extra]

    def pieces(self, matrices: np.ndarray) -> Pieces:
        """See `Column.pieces`."""
        slope = np.asarray(matrices)[:1] / self.scale
        if self.limits is None:
            return Pieces(np.array([-INF, INF]), slope)
        flat = np.zeros_like(slope)
        return Pieces(np.array([-INF, *self.limits, INF]), np.concatenate([flat, slope, flat]))


@dataclass(frozen=True)
class PiecewiseLinear(Column):
    """Continuous, linear between knots κ_0 < … < κ_B (math.md, section 2b).

    The terms, in this order::

      left tail   min(t − κ_0, 0) / (κ_1 − κ_0)                       only with tails="linear"
      clips       clip((t − κ_{b−1}) / (κ_b − κ_{b−1}), 0, 1)         b = 1 … B
      right tail  max(t − κ_B, 0) / (κ_B − κ_{B−1})                   only with tails="linear"
      missing     1 where the cell is missing                         only with missing=True

    Every numeric term obeys one convention: the slope of A_j on its piece is A_b / width, and a
    tail has the width of the piece beside it.

    Parameters
    ----------
    knots : tuple of float
        At least 2, strictly increasing, in units of the column.
    tails : {"linear", "clamped"}
        Beyond the knots, A_j goes on linearly or stays constant.
    missing : bool
        Whether missing cells have a term of their own; otherwise they are an error.
    outside : "refuse", optional
        Numbers beyond the knots are an error. Default: allowed.

    Raises
    ------
    InvalidSpec
        If the knots do not increase, or tails has another value.
    """

    knots: tuple[float, ...]
    tails: str = "linear"
    missing: bool = False
    outside: str | None = None
    kind: ClassVar[str] = "piecewise_linear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "knots", increasing(self.knots, "PiecewiseLinear.knots", 2))
        object.__setattr__(self, "missing", bool(self.missing))
        if self.tails not in ("linear", "clamped"):
            raise InvalidSpec(
                f'PiecewiseLinear.tails is {self.tails!r}. Expected "linear" or "clamped". Write '
                'tails="linear" to continue beyond the knots.'
            )
        check_outside(self.outside, True)

    @property
    def range(self) -> tuple[float, float] | None:
        """See `Column`."""
        return self.knots[0], self.knots[-1]

    def gone_on(self) -> Column:
        """See `Column.gone_on`."""
        return self if self.outside == "refuse" else replace(self, tails="linear")

    def constants(self) -> list[Term]:
        """See `Column.constants`."""
        fill, extra = blank(self.missing)
        knots = self.knots
        widths = [b - a for a, b in pairwise(knots)]
        clips = [
            Term(origin=knot, width=width, low=0.0, high=1.0, fill=fill)
            for knot, width in zip(knots[:-1], widths, strict=True)
        ]
        if self.tails == "clamped":
            return [*clips, *extra]
        left = Term(origin=knots[0], width=widths[0], high=0.0, fill=fill)
        right = Term(origin=knots[-1], width=widths[-1], low=0.0, fill=fill)
        return [left, *clips, right, *extra]

    def pieces(self, matrices: np.ndarray) -> Pieces:
        """See `Column.pieces`."""
        count = len(self.knots) - 1 + 2 * (self.tails == "linear")
        matrices = np.asarray(matrices)[:count]
        slopes = matrices / self.widths[:count].reshape((-1,) + (1,) * (matrices.ndim - 1))
        if self.tails == "clamped":
            flat = np.zeros_like(slopes[:1])
            slopes = np.concatenate([flat, slopes, flat])
        return Pieces(np.array([-INF, *self.knots, INF]), slopes)


@dataclass(frozen=True)
class Periodic(Column):
    """Hat functions on a circle: 1 at their knot, falling linearly to 0 at its neighbours.

    The slope between knots b and b + 1 is (A_{b+1} − A_b) / (κ_{b+1} − κ_b), also between the last
    knot and the first.

    Parameters
    ----------
    period : float
        Length of the circle in units of the column: 24 for hours.
    knots : tuple of float
        At least 2, strictly increasing, within less than one period.
    missing : bool
        Whether missing cells have a term of their own; otherwise they are an error.

    Raises
    ------
    InvalidSpec
        If the knots do not increase or span a period, or the period is not positive.
    """

    period: float
    knots: tuple[float, ...]
    missing: bool = False
    kind: ClassVar[str] = "periodic"

    def __post_init__(self) -> None:
        object.__setattr__(self, "period", positive(self.period, "Periodic.period"))
        object.__setattr__(self, "knots", increasing(self.knots, "Periodic.knots", 2))
        object.__setattr__(self, "missing", bool(self.missing))
        if self.knots[-1] - self.knots[0] >= self.period:
            raise InvalidSpec(
                f"Periodic.knots {self.knots} span a period ({self.period}) or more. Expected the "
                "knots of a single period. Leave the others out."
            )

    def _widths(self) -> np.ndarray:
        return np.diff([*self.knots, self.knots[0] + self.period])

    def constants(self) -> list[Term]:
        """See `Column.constants`."""
        fill, extra = blank(self.missing)
        right, left = self._widths(), np.roll(self._widths(), 1)
        hats = [
            Term(
                form=HAT,
                origin=k,
                width=float(r),
                low=0.0,
                high=0.0,
                left=float(w),
                period=self.period,
                fill=fill,
            )
            for k, r, w in zip(self.knots, right, left, strict=True)
        ]
        return [*hats, *extra]

    def pieces(self, matrices: np.ndarray) -> Pieces:
        """See `Column.pieces`."""
        peaks = np.asarray(matrices)[: len(self.knots)]
        widths = self._widths().reshape((-1,) + (1,) * (peaks.ndim - 1))
        edges = np.array([*self.knots, self.knots[0] + self.period])
        return Pieces(edges, (np.roll(peaks, -1, axis=0) - peaks) / widths)


KINDS: dict[str, type[Column]] = {
    c.kind: c for c in (Linear, PiecewiseLinear, Categories, Periodic)
}


def column_from_dict(data: dict[str, Any]) -> Column:
    """Return the column that `Column.to_dict` described.

    Raises
    ------
    InvalidSpec
        If the kind is unknown, or fields are missing, unknown or wrong.
    """
    fields = dict(data)
    kind = fields.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise InvalidSpec(
            f"Column kind {kind!r} is not known. Expected one of {sorted(KINDS)}. If a newer "
            "eigcore wrote the file, type: pip install --upgrade eigcore"
        )
    try:
        return KINDS[kind](
            **{key: tuple(v) if isinstance(v, list) else v for key, v in fields.items()}
        )
    except TypeError as exc:
        raise InvalidSpec(
            f"A {kind!r} column has the fields {sorted(fields)}: {exc}. Expected those of "
            "docs/model-file.md. Save the model again."
        ) from exc
