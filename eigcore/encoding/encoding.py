"""The encoding of a table: its columns in order, and their terms."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Any, cast

import numpy as np

from eigcore.core.arrays import Array, Library, Namespace
from eigcore.encoding.arithmetic import derivative, encoded
from eigcore.encoding.columns import column_from_dict
from eigcore.encoding.projection import Projection
from eigcore.encoding.read import outside_range, to_table, unseen_levels
from eigcore.encoding.terms import Column, Pieces
from eigcore.errors import InvalidInput, InvalidSpec


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
    constants : tuple of 9 tuples (terms,)
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
        twice = sorted(label for label, count in Counter(labels).items() if count > 1)
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

    def __call__(self, x: Array, backend: Library, codes: bool = False) -> Array:
        """Encode an array of numbers.

        Parameters
        ----------
        x : (..., columns) floating array of the backend's library
            In units of the columns, NaN for missing cells; levels in category columns.
        backend : Backend
        codes : bool
            Whether category columns hold codes, as from `table`, instead of levels.

        Returns
        -------
        (..., terms) array
            Same library, dtype and device. Terms are NaN where the cell is infinite, or missing in
            a column without `missing=True`. At a knot, every backend takes the derivative from the
            right.

        Raises
        ------
        InvalidInput
            If the last axis of x is not `columns`, or an array of its dtype cannot hold the levels
            of a column, such as text.
        """
        if not isinstance(x, np.ndarray):
            return encoded(self, x, backend, codes)
        with np.errstate(over="ignore"):  # far outside a narrow piece: ±∞, which is clipped
            return encoded(self, x, backend, codes)

    def derivative(self, x: np.ndarray) -> np.ndarray:
        """Return dφ/dt of every term, from the right, in float64 on the host.

        Parameters
        ----------
        x : (..., columns) numbers
            As from `table`.

        Returns
        -------
        (..., terms) float64
            Per unit of the part; 0 for indicators and at missing cells.
        """
        return derivative(self, x)

    def check_width(self, shape: tuple[int, ...]) -> None:
        """Raise InvalidInput unless the last axis holds the columns."""
        if len(shape) < 1 or shape[-1] != len(self.columns):
            raise InvalidInput(
                f"x should have trailing shape ({len(self.columns)},); got {tuple(shape)}. "
                f"The columns are {', '.join(self.names)}."
            )

    def table(self, data: Any, codes: bool = False) -> np.ndarray:
        """Return the numbers of a table: category columns become codes.

        Parameters
        ----------
        data : array (..., columns), mapping or data frame
            An array has the columns in the order of `names`. A mapping or data frame has columns by
            name, in any order, and may have further ones. The cells of category columns are levels.
            A mapping of column names to single cells is a table of one row.
        codes : bool
            Whether the category columns of an array of numbers hold codes already.

        Returns
        -------
        (..., columns) float64
            NaN for missing cells; codes 0 … L−1 for levels, −1 for a level never seen.

        Raises
        ------
        InvalidInput
            If a column does not exist, has another length, holds text instead of numbers, or a
            level never seen and has `unseen="refuse"`.
        NonFiniteInput
            If a cell is infinite, or missing in a column without `missing=True`.
        """
        return to_table(self, data, codes)

    def unseen(self, data: Any) -> dict[str, dict[Any, int]]:
        """Return column name -> level -> number of cells, for levels never seen.

        Parameters
        ----------
        data : as for `table`
        """
        return unseen_levels(self, data)

    def outside(self, data: Any) -> dict[str, int]:
        """Return column name -> number of cells outside the range of the fitted rows.

        Columns count whose range is known: those with knots or limits.

        Parameters
        ----------
        data : as for `table`
        """
        return outside_range(self, data)

    @property
    def permissive(self) -> Encoding:
        """The same encoding, but numbers outside the fitted range are no error."""
        return self.replaced(
            tuple(
                replace(cast(Any, part), outside=None) if part.outside else part
                for part in self.parts
            )
        )

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
