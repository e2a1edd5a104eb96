"""An encoding: all columns of a table, in order, and the terms they give."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from eigcore.encoding.columns import Categories, Periodic, column_from_dict
from eigcore.encoding.projection import Projection
from eigcore.encoding.read import to_table
from eigcore.encoding.terms import HAT, LEVEL, Column, Pieces, Term
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
    projections : tuple of Projection
        Weighted sums of numeric columns with terms of their own, after those of the columns.

    Attributes
    ----------
    parts : tuple of Column
        The columns, then those of the projections.
    labels : tuple of str
        The names, then the labels of the projections.
    slices : tuple of slice
        The terms of each part, as slices of the last axis of the encoded array.
    constants : tuple of 8 tuples (terms,)
        The constants of all terms, one tuple per field of `base.Term`.

    Raises
    ------
    InvalidSpec
        If numbers of columns, names and units differ, a name occurs twice, or a projection is of
        columns that are not there, not numeric, or may be missing where the projection may not.
    """

    columns: tuple[Column, ...]
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    projections: tuple[Projection, ...] = ()
    parts: tuple[Column, ...] = field(init=False, repr=False, compare=False)
    labels: tuple[str, ...] = field(init=False, repr=False, compare=False)
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
        # Plain attributes, ready before any tracer (torch.compile, jax.jit) looks inside.
        object.__setattr__(self, "projections", tuple(self.projections))
        parts = columns + tuple(each.column for each in self.projections)
        labels = names + tuple(each.label for each in self.projections)
        if len(set(labels)) != len(labels):
            twice = sorted({label for label in labels if labels.count(label) > 1})
            raise InvalidSpec(f"The column name(s) {twice} occur twice. Rename them.")
        self._check_projections()
        rows = [row for part in parts for row in part.rows()]
        ends = [0, *accumulate(part.terms for part in parts)]
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "slices", tuple(slice(a, b) for a, b in pairwise(ends)))
        object.__setattr__(self, "constants", tuple(zip(*rows, strict=True)))

    def _check_projections(self) -> None:
        known = dict(zip(self.names, self.columns, strict=True))
        for each in self.projections:
            of = [known.get(name) for name in each.names]
            if not all(column is not None and column.numeric for column in of):
                raise InvalidSpec(
                    f"The projection {each.label!r} is of {each.names}. It should be of numeric "
                    f"columns among {', '.join(self.names)}."
                )
            if any(column.missing for column in of if column) and not each.column.missing:
                raise InvalidSpec(
                    f"The projection {each.label!r} is of a column with missing cells. Its own "
                    "column should have missing=True."
                )

    def replaced(self, parts: tuple[Column, ...]) -> Encoding:
        """Return the same columns and projections with other terms: one Column per part."""
        count = len(self.columns)
        pairs = zip(self.projections, parts[count:], strict=True)
        projections = tuple(replace(each, column=column) for each, column in pairs)
        return Encoding(tuple(parts[:count]), self.names, self.units, projections)

    @property
    def mixing(self) -> np.ndarray:
        """(projections, columns) weights."""
        place = {name: j for j, name in enumerate(self.names)}
        found = np.zeros((len(self.projections), len(self.columns)))
        for row, each in zip(found, self.projections, strict=True):
            row[[place[name] for name in each.names]] = each.weights
        return found

    def extended(self, x: Any, xp: Any = np) -> Any:
        """(..., columns) array -> (..., parts): the columns, then the projections."""
        if not self.projections:
            return x
        place = {name: j for j, name in enumerate(self.names)}
        sums = []
        for each in self.projections:
            terms = zip(each.names, each.weights, each.centers, strict=True)
            sums.append(sum((x[..., place[n] : place[n] + 1] - c) * w for n, w, c in terms))
        return xp.concat([x, *sums], axis=-1)

    @property
    def terms(self) -> int:
        """Number of terms: `features` of the spec of every member."""
        return self.slices[-1].stop if self.columns else 0

    @property
    def widths(self) -> np.ndarray:
        """(terms,) interval width of each term in column units; NaN for indicators."""
        return np.concatenate([part.widths for part in self.parts] or [np.zeros(0)])

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
        row = {name: table[place, ...] for name, place in FIELD.items()}
        # a column's value beside each of its terms: 0 · origin + 1 is a row of ones
        ones = 0.0 * row["origin"] + 1.0
        x = self.extended(x, xp)
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

        x : (..., columns) -> (..., terms), per unit of the part; 0 for indicators and at missing
        cells.
        """
        x = self.extended(np.asarray(x, dtype=np.float64))
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
        """Slopes of part j.

        matrices : (terms, ...) rows 1 … of a member's parameters, packed or as full matrices.
        """
        return self.parts[j].pieces(np.asarray(matrices)[self.slices[j]])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` is the inverse."""
        columns = [column.to_dict() for column in self.columns]
        plain = {"columns": columns, "names": list(self.names), "units": list(self.units)}
        projections = [each.to_dict() for each in self.projections]
        return plain | ({"projections": projections} if projections else {})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Encoding:
        """Inverse of `to_dict`. Raises InvalidSpec where the description contradicts itself."""
        try:
            columns, names, units = (
                data["columns"],
                tuple(data["names"]),
                tuple(data.get("units", ())),
            )
            projections = tuple(map(Projection.from_dict, data.get("projections", ())))
            return cls(tuple(map(column_from_dict, columns)), names, units, projections)
        except (KeyError, TypeError, AttributeError, ValueError) as exc:
            if isinstance(exc, InvalidSpec):
                raise
            raise InvalidSpec(
                f"The encoding lacks or misuses {exc}. See docs/model-file.md for its fields."
            ) from exc
