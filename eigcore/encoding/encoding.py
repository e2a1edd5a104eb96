"""An encoding: all columns of a table, in order, and the terms they give."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from eigcore.encoding.base import HAT, LEVEL, Column, Pieces, Term
from eigcore.encoding.columns import Categories, Periodic, column_from_dict
from eigcore.encoding.table import to_table
from eigcore.errors import InvalidInput, InvalidSpec

FIELD = {name: place for place, name in enumerate(Term._fields)}


@dataclass(frozen=True)
class Encoding:
    """Columns → terms. Frozen, hashable, JSON; evaluated with array operators only.

    Parameters
    ----------
    columns : tuple of Column
        Linear, PiecewiseLinear, Categories or Periodic, one per column of the table.
    names : tuple of str
        Column names, all different; "x0", "x1", … when empty.
    units : tuple of str
        Units to print beside the names; empty strings when empty.

    Attributes
    ----------
    slices : tuple of slice
        The terms of each column, as slices of the last axis of the encoded array.
    constants : tuple of 8 tuples (terms,)
        The constants of all terms, one tuple per field of `base.Term`.

    Raises
    ------
    InvalidSpec
        If numbers of columns, names and units differ, or a name occurs twice.
    """

    columns: tuple[Column, ...]
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    slices: tuple[slice, ...] = field(init=False, repr=False, compare=False)
    constants: tuple[tuple[float, ...], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        columns = tuple(self.columns)
        names = tuple(str(n) for n in self.names) or tuple(f"x{j}" for j in range(len(columns)))
        units = tuple(str(u) for u in self.units) or ("",) * len(columns)
        for name, value in (("columns", columns), ("names", names), ("units", units)):
            object.__setattr__(self, name, value)
        if not all(isinstance(column, Column) for column in columns):
            raise InvalidSpec(
                f"columns is {columns!r}. Each should be Linear(...), PiecewiseLinear(...) or the "
                "like."
            )
        if not len(columns) == len(names) == len(units):
            raise InvalidSpec(
                f"{len(columns)} columns have {len(names)} names and {len(units)} units. Give one "
                "of each per column."
            )
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise InvalidSpec(f"The column name(s) {twice} occur twice. Rename them.")
        # Plain attributes, ready before any tracer (torch.compile, jax.jit) looks inside.
        rows = [row for column in columns for row in column.rows()]
        ends = [0, *accumulate(column.terms for column in columns)]
        object.__setattr__(self, "slices", tuple(slice(a, b) for a, b in pairwise(ends)))
        object.__setattr__(self, "constants", tuple(zip(*rows, strict=True)))

    @property
    def terms(self) -> int:
        """Number of terms: `features` of the spec of every member."""
        return self.slices[-1].stop if self.columns else 0

    @property
    def widths(self) -> np.ndarray:
        """(terms,) interval width of each term in column units; NaN for indicators."""
        return np.concatenate([column.widths for column in self.columns] or [np.zeros(0)])

    def __call__(self, x: Any, backend: Any) -> Any:
        """Encode numbers.

        Parameters
        ----------
        x : (..., columns) floating array of the backend's library, in column units; codes for
        categories
        backend : Backend

        Returns
        -------
        (..., terms) array, same library, dtype and device. A row is NaN where a cell is infinite,
        or is missing in a column without `missing=True`. At a knot the derivative is the one from
        the right, on every backend.

        Raises
        ------
        InvalidInput
            If the last axis of x is not `columns`.
        """
        self.check_width(x.shape)
        xp = backend.xp
        table = backend.asarray(np.array(self.constants), like=x)
        row = {name: table[place] for name, place in FIELD.items()}
        # a column's value beside each of its terms: 0 · origin + 1 is a row of ones
        ones = row["origin"] * 0 + 1
        t = xp.concat([x[..., j : j + 1] * ones[s] for j, s in enumerate(self.slices)], axis=-1)
        infinite = abs(t) == math.inf
        t = xp.where(infinite, 0.0, t)
        out = self._ramps(xp, t, row)
        if any(isinstance(column, Categories) for column in self.columns):
            out = xp.where((row["form"] == LEVEL) & (t == row["origin"]), ones, out)
        if any(isinstance(column, Periodic) for column in self.columns):
            out = xp.where(row["form"] == HAT, self._hats(xp, t, row), out)
        out = xp.where(t != t, row["fill"], out)
        return xp.where(infinite, float("nan"), out)

    @staticmethod
    def _ramps(xp: Any, t: Any, row: dict[str, Any]) -> Any:
        # φ(t) = clip((t − origin) / width, low, high)      (math.md 2b)
        u = (t - row["origin"]) / row["width"]
        return xp.where(u < row["low"], row["low"], xp.where(u < row["high"], u, row["high"]))

    @staticmethod
    def _hats(xp: Any, t: Any, row: dict[str, Any]) -> Any:
        # s = (t − peak) mod period;  φ = 1 − s / right gap, or 1 − (period − s) / left gap, or 0
        s = (t - row["origin"]) % row["period"]
        rising = 1 - (row["period"] - s) / row["left"]
        return xp.where(
            s < row["width"], 1 - s / row["width"], xp.where(rising < 0, row["low"], rising)
        )

    def derivative(self, x: np.ndarray) -> np.ndarray:
        """dφ/dt of every term, from the right, in float64 on the host.

        x : (..., columns) -> (..., terms), per column unit; 0 for indicators and at missing cells.
        """
        x = np.asarray(x, dtype=np.float64)
        row = {name: np.array(self.constants[place]) for name, place in FIELD.items()}
        t = np.repeat(x, [terms.stop - terms.start for terms in self.slices], axis=-1)
        u = (t - row["origin"]) / row["width"]
        out = ((u >= row["low"]) & (u < row["high"])) / row["width"]
        s = (t - row["origin"]) % row["period"]
        falling, rising = s < row["width"], s >= row["period"] - row["left"]
        hats = np.where(falling, -1 / row["width"], np.where(rising, 1 / row["left"], 0.0))
        return np.where(np.isnan(t), 0.0, np.where(row["form"] == HAT, hats, out))

    def check_width(self, shape: tuple[int, ...]) -> None:
        """Raise InvalidInput unless the last axis is `columns`."""
        if len(shape) < 1 or shape[-1] != len(self.columns):
            raise InvalidInput(
                f"x should have trailing shape ({len(self.columns)},); got {tuple(shape)}. "
                f"The columns are {', '.join(self.names)}."
            )

    def table(self, data: Any) -> np.ndarray:
        """Numbers from whatever holds the table.

        Parameters
        ----------
        data : numeric array (..., columns), or a mapping or data frame with columns by name, in any
        order
            A numeric array is taken as it is: columns in the order of `names`, categories as codes
            0 … L−1 (−1: a level never seen). In a mapping, data frame or array of objects, cells of
            a category column are levels. Further columns of a mapping or frame are ignored.

        Returns
        -------
        (..., columns) float64; missing cells are NaN.

        Raises
        ------
        InvalidInput
            Columns that are missing, of different lengths, or hold text where numbers are expected.
        NonFiniteInput
            Infinite cells, or missing cells in a column without `missing=True`.
        """
        return to_table(self, data)

    def pieces(self, j: int, matrices: np.ndarray) -> Pieces:
        """Slopes of column j.

        matrices : (terms, ...) rows 1 … of a member's parameters, packed or as full matrices.
        """
        return self.columns[j].pieces(np.asarray(matrices)[self.slices[j]])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` is the inverse."""
        columns = [column.to_dict() for column in self.columns]
        return {"columns": columns, "names": list(self.names), "units": list(self.units)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Encoding:
        """Inverse of `to_dict`. Raises InvalidSpec where the description contradicts itself."""
        try:
            columns, names, units = (
                data["columns"],
                tuple(data["names"]),
                tuple(data.get("units", ())),
            )
            return cls(tuple(column_from_dict(column) for column in columns), names, units)
        except (KeyError, TypeError, AttributeError, ValueError) as exc:
            if isinstance(exc, InvalidSpec):
                raise
            raise InvalidSpec(
                f"The encoding lacks or misuses {exc}. See docs/model-file.md for its fields."
            ) from exc
