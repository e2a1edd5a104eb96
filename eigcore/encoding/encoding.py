"""The encoding of a table: its columns in order, and their terms."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from eigcore.core.arrays import Array, Library, Namespace
from eigcore.encoding.columns import Categories, Periodic, column_from_dict
from eigcore.encoding.projection import Projection
from eigcore.encoding.read import to_table
from eigcore.encoding.terms import HAT, LEVEL, Column, Pieces, Term
from eigcore.errors import InvalidInput, InvalidSpec

FIELD = {name: number for number, name in enumerate(Term._fields)}
"""Index of each field of `Term` in `Encoding.constants`."""


@dataclass(frozen=True)
class Encoding:
    """The map from columns to terms. Frozen, hashable, JSON; uses array functions only.

    Parameters
    ----------
    columns : tuple of Column
        `Linear`, `PiecewiseLinear`, `Categories` or `Periodic`, one per column of the table.
    names : tuple of str
        Column names, all different; "x0", "x1", … when empty.
    units : tuple of str
        Units to print beside the names; no units when empty.
    projections : tuple of Projection
        Weighted sums of numeric columns; their terms follow those of the columns.

    Attributes
    ----------
    parts : tuple of Column
        The columns, then the column of each projection.
    labels : tuple of str
        The names, then the labels of the projections.
    slices : tuple of slice
        The terms of each part, as slices of the last axis of the encoded array.
    constants : tuple of 8 tuples (terms,)
        The constants of all terms, one tuple per field of `eigcore.encoding.terms.Term`.

    Raises
    ------
    InvalidSpec
        If the numbers of columns, names and units differ, a name occurs twice, or a projection
        sums columns that do not exist, are not numeric, or have missing cells for which its own
        column has no term.
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
                f"columns is {columns!r}. Expected a column description for each. Write "
                "Linear(...), PiecewiseLinear(...), Categories(...) or Periodic(...)."
            )
        if not len(columns) == len(names) == len(units):
            raise InvalidSpec(
                f"{len(columns)} columns have {len(names)} names and {len(units)} units. Expected "
                "one of each per column. Leave names or units out for the default ones."
            )
        # Plain attributes, set before a tracer (torch.compile, jax.jit) reads them.
        object.__setattr__(self, "projections", tuple(self.projections))
        parts = columns + tuple(each.column for each in self.projections)
        labels = names + tuple(each.label for each in self.projections)
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise InvalidSpec(
                f"The column name(s) {twice} occur twice. Expected different names. Rename them."
            )
        self._check_projections()
        terms = [term for part in parts for term in part.constants()]
        ends = [0, *accumulate(part.terms for part in parts)]
        slices, constants = (slice(a, b) for a, b in pairwise(ends)), zip(*terms, strict=True)
        derived = {"parts": parts, "labels": labels, "slices": slices, "constants": constants}
        for name, value in derived.items():
            object.__setattr__(self, name, tuple(value))

    def _check_projections(self) -> None:
        known = dict(zip(self.names, self.columns, strict=True))
        for each in self.projections:
            summed = [known.get(name) for name in each.names]
            if not all(column is not None and column.numeric for column in summed):
                raise InvalidSpec(
                    f"The projection {each.label!r} sums {each.names}. Expected numeric columns "
                    f"among {', '.join(self.names)}. Leave the others out."
                )
            if any(column.missing for column in summed if column) and not each.column.missing:
                raise InvalidSpec(
                    f"The projection {each.label!r} sums a column with missing cells. Expected a "
                    "term for missing cells in its own column. Write missing=True there."
                )

    def replaced(self, parts: tuple[Column, ...]) -> Encoding:
        """Return the same columns and projections with other terms, one `Column` per part."""
        count = len(self.columns)
        pairs = zip(self.projections, parts[count:], strict=True)
        projections = tuple(replace(each, column=column) for each, column in pairs)
        return Encoding(tuple(parts[:count]), self.names, self.units, projections)

    @property
    def mixing(self) -> np.ndarray:
        """Weights of the columns in each projection: (projections, columns)."""
        index = {name: j for j, name in enumerate(self.names)}
        found = np.zeros((len(self.projections), len(self.columns)))
        for row, each in zip(found, self.projections, strict=True):
            row[[index[name] for name in each.names]] = each.weights
        return found

    def extended(self, x: Array, xp: Namespace = np) -> Array:
        """Append the projections: (..., columns) array -> (..., parts)."""
        if not self.projections:
            return x
        index = {name: j for j, name in enumerate(self.names)}
        sums = []
        for each in self.projections:
            terms = zip(each.names, each.weights, each.centers, strict=True)
            sums.append(sum((x[..., index[n] : index[n] + 1] - c) * w for n, w, c in terms))
        return xp.concat([x, *sums], axis=-1)

    @property
    def terms(self) -> int:
        """Number of terms; the spec of every member has as many features."""
        return self.slices[-1].stop if self.columns else 0

    @property
    def widths(self) -> np.ndarray:
        """Width (terms,) of the piece of each term, in units of its part; NaN for indicators."""
        return np.concatenate([part.widths for part in self.parts] or [np.zeros(0)])

    def __call__(self, x: Array, backend: Library) -> Array:
        """Encode numbers.

        Parameters
        ----------
        x : (..., columns) floating array of the backend's library
            In units of the columns; codes for categories, NaN for missing cells.
        backend : Backend

        Returns
        -------
        (..., terms) array
            Same library, dtype and device. Terms are NaN where the cell is infinite, or missing in
            a column without `missing=True`. At a knot, every backend takes the derivative from the
            right.

        Raises
        ------
        InvalidInput
            If the last axis of x is not `columns`.
        """
        self.check_width(x.shape)
        xp = backend.xp
        table = backend.asarray(np.array(self.constants), like=x)
        row = {name: table[number, ...] for name, number in FIELD.items()}
        # the value of a column for each of its terms: 0 · origin + 1 is a row of ones
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
    def _ramps(xp: Namespace, t: Array, row: dict[str, Array]) -> Array:
        # φ(t) = clip((t − origin) / width, low, high)      (math.md, section 2b)
        u = (t - row["origin"]) / row["width"]
        return xp.where(u < row["low"], row["low"], xp.where(u < row["high"], u, row["high"]))

    @staticmethod
    def _hats(xp: Namespace, t: Array, row: dict[str, Array]) -> Array:
        # s = (t − peak) mod period;  φ = 1 − s / width, or 1 − (period − s) / left, or 0
        s = (t - row["origin"]) % row["period"]
        rising = 1 - (row["period"] - s) / row["left"]
        return xp.where(
            s < row["width"], 1 - s / row["width"], xp.where(rising < 0, row["low"], rising)
        )

    def derivative(self, x: np.ndarray) -> np.ndarray:
        """Return dφ/dt of every term, from the right, in float64 on the host.

        Parameters
        ----------
        x : (..., columns) numbers
            As for `__call__`.

        Returns
        -------
        (..., terms) float64
            Per unit of the part; 0 for indicators and at missing cells.
        """
        x = self.extended(np.asarray(x, dtype=np.float64))
        row = {name: np.array(self.constants[number]) for name, number in FIELD.items()}
        t = np.repeat(x, [terms.stop - terms.start for terms in self.slices], axis=-1)
        u = (t - row["origin"]) / row["width"]
        out = ((u >= row["low"]) & (u < row["high"])) / row["width"]
        s = (t - row["origin"]) % row["period"]
        falling, rising = s < row["width"], s >= row["period"] - row["left"]
        hats = np.where(falling, -1 / row["width"], np.where(rising, 1 / row["left"], 0.0))
        return np.where(np.isnan(t), 0.0, np.where(row["form"] == HAT, hats, out))

    def check_width(self, shape: tuple[int, ...]) -> None:
        """Raise InvalidInput unless the last axis holds the columns."""
        if len(shape) < 1 or shape[-1] != len(self.columns):
            raise InvalidInput(
                f"x should have trailing shape ({len(self.columns)},); got {tuple(shape)}. "
                f"The columns are {', '.join(self.names)}."
            )

    def table(self, data: Any) -> np.ndarray:
        """Return the numbers of a table.

        Parameters
        ----------
        data : numeric array (..., columns), mapping or data frame
            A numeric array has the columns in the order of `names`, with codes 0 … L−1 in category
            columns (−1: a level never seen). A mapping or data frame has columns by name, in any
            order, and may have further ones. There, as in an array of objects, the cells of
            category columns are levels.

        Returns
        -------
        (..., columns) float64
            NaN for missing cells.

        Raises
        ------
        InvalidInput
            If a column does not exist, has another length, or holds text instead of numbers.
        NonFiniteInput
            If a cell is infinite, or missing in a column without `missing=True`.
        """
        return to_table(self, data)

    def pieces(self, j: int, matrices: np.ndarray) -> Pieces:
        """Return the pieces of part j.

        Parameters
        ----------
        j : int
        matrices : (terms, ...) array
            The matrices of all terms, packed or full: a member's parameters without A_0.
        """
        return self.parts[j].pieces(np.asarray(matrices)[self.slices[j]])

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; `from_dict` is the inverse."""
        columns = [column.to_dict() for column in self.columns]
        plain = {"columns": columns, "names": list(self.names), "units": list(self.units)}
        projections = [each.to_dict() for each in self.projections]
        return plain | ({"projections": projections} if projections else {})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Encoding:
        """Return the encoding that `to_dict` described.

        Raises
        ------
        InvalidSpec
            If the description lacks a field or contradicts itself.
        """
        try:
            columns = tuple(map(column_from_dict, data["columns"]))
            projections = tuple(map(Projection.from_dict, data.get("projections", ())))
            return cls(columns, tuple(data["names"]), tuple(data.get("units", ())), projections)
        except (KeyError, TypeError, AttributeError, ValueError) as exc:
            if isinstance(exc, InvalidSpec):
                raise
            raise InvalidSpec(
                f"The encoding lacks or misuses {exc}. Expected the fields of docs/model-file.md. "
                "Save the model again."
            ) from exc
