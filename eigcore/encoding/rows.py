"""Encoded rows of a data set, made once and evaluated many times: what training runs on.

A piecewise-linear column is ones up to an interval, one fraction, zeros after. With prefix sums of
the matrices a row needs two of them per column instead of all its terms (math.md, section 8):

    A(x) = A_0 + Σ_j (start[i_j] + u_j · step[i_j]),   step[b] = A_b,   start[b] = Σ A_b' before b

`Places` holds i_j and u_j. A backend whose kernel reads them gives `Backend.fused_rows`; everywhere
else the dense terms are kept, and the same is composed from `rules`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from eigcore.core import rules
from eigcore.core.spec import EigSpec
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Categories, Column, Encoding, Linear, PiecewiseLinear
from eigcore.encoding.encoding import FIELD
from eigcore.encoding.terms import LEVEL
from eigcore.errors import InvalidInput

Array = Any
Pullback = Callable[[Array], Array]


class Places(NamedTuple):
    """Where the cells of a table lie.

    indices : (N, parts) int32, the term whose value is neither known to be 0 nor 1
    fractions : (N, parts), its value; all terms before it in its run are 1, all others 0
    runs : pairs (first, end) of terms that follow one another along a part
    columns : which part each run belongs to
    """

    indices: np.ndarray
    fractions: np.ndarray
    runs: tuple[tuple[int, int], ...]
    columns: tuple[int, ...]

    def dense(self, terms: int) -> np.ndarray:
        """Write the terms out: (N, terms), equal to the encoding's own."""
        out = np.zeros((len(self.indices), terms), self.fractions.dtype)
        for j, (first, end) in zip(self.columns, self.runs, strict=True):
            inside = np.where(self.indices[:, j] < end, self.indices[:, j], first)
            out[:, first:end] = np.arange(first, end) < inside[:, None]
        np.put_along_axis(out, self.indices.astype(np.int64), self.fractions, axis=1)
        return out

    def part(self, rows: slice) -> Places:
        """Return the places of some rows."""
        return self._replace(indices=self.indices[rows], fractions=self.fractions[rows])


def places(encoding: Encoding, numbers: np.ndarray) -> Places | None:
    """Locate the cells: numbers (N, columns) float64 -> Places, fractions in float64.

    None where a column (periodic, or of a kind unknown here) has no such form.
    """
    if not all(type(c) in (Linear, PiecewiseLinear, Categories) for c in encoding.parts):
        return None
    numbers = encoding.extended(numbers)
    indices = np.empty(numbers.shape, np.int32)
    runs: list[tuple[int, int]] = []
    owners: list[int] = []
    pairs = zip(encoding.parts, encoding.slices, strict=True)
    for j, (column, terms) in enumerate(pairs):
        indices[:, j] = terms.start + _inside(column, numbers[:, j])
        if isinstance(column, PiecewiseLinear):
            left = int(column.tails == "linear")
            runs.append((terms.start + left, terms.stop - column.missing))
            owners.append(j)
    fractions = _fractions(encoding, numbers, indices)
    return Places(indices, fractions, tuple(runs), tuple(owners))


def _inside(column: Column, cells: np.ndarray) -> np.ndarray:
    """Place (N,) of each cell among the terms of its column."""
    last = column.terms - column.missing - 1
    if isinstance(column, PiecewiseLinear):
        found = np.searchsorted(column.knots, cells, side="right") - (column.tails == "clamped")
    elif isinstance(column, Categories):
        found = np.where(np.isnan(cells), 0.0, cells).astype(np.int64)
    else:
        found = np.zeros(len(cells), np.int64)
    return np.where(np.isnan(cells), column.terms - 1, np.clip(found, 0, last))


def _fractions(encoding: Encoding, numbers: np.ndarray, indices: np.ndarray) -> np.ndarray:
    # the arithmetic of Encoding, at one term per cell: equal to the last bit
    row = {name: np.array(encoding.constants[place])[indices] for name, place in FIELD.items()}
    ramp = np.clip((numbers - row["origin"]) / row["width"], row["low"], row["high"])
    value = np.where(row["form"] == LEVEL, (numbers == row["origin"]) * 1.0, ramp)
    return np.where(np.isnan(numbers), row["fill"], value)


class Rows:
    """Rows of a table, encoded for one backend and element type.

    Parameters
    ----------
    encoding : Encoding
    numbers : (N, columns) array
        As for `Encoding.table`; encoded in float64 whatever the dtype.
    backend : str or Backend, optional
        Default: the default backend.
    dtype : str

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `Encoding.table`.
    """

    def __init__(
        self,
        encoding: Encoding,
        numbers: Any,
        backend: str | Backend | None = None,
        dtype: str = "float64",
    ) -> None:
        self.encoding, self.dtype = encoding, dtype
        self.numbers = encoding.table(numbers)
        self.backend = get_backend(backend)

    @cached_property
    def terms(self) -> Array:
        """(N, terms) array of the backend."""
        if self.places is not None:
            return self._array(self.places.dense(self.encoding.terms))
        return self._array(self.encoding(self.numbers, get_backend("numpy")))

    @cached_property
    def places(self) -> Places | None:
        """The cells' `Places` in the dtype of the rows; None where there are none."""
        found = places(self.encoding, self.numbers)
        return found and found._replace(fractions=found.fractions.astype(self.dtype))

    def fused(self, spec: EigSpec) -> bool:
        """Tell whether one kernel computes `vjp` for a spec."""
        return self._kernel(spec) is not None

    def vjp(self, spec: EigSpec, params: Any) -> tuple[Array, Pullback]:
        """Return the values of a model and their pullback to the parameters.

        Parameters
        ----------
        spec : EigSpec
        params : (m, terms + 1, K) array

        Returns
        -------
        values : (N,) or (N, m) array of the backend; not finite where the parameters overflow
        pullback : callable
            Takes a cotangent g of the shape of `values`, returns d_params of that of `params`.

        Raises
        ------
        InvalidInput
            If the shape of `params` is not ``spec.params_shape``, or has another number of terms.
        """
        params = self._array(params)
        wanted = (spec.outputs, self.encoding.terms + 1, spec.packed_size)
        if tuple(params.shape) != wanted or spec.features != self.encoding.terms:
            raise InvalidInput(
                f"params should have the shape {wanted} of a spec with {self.encoding.terms} "
                f"features, one per term of the encoding; got {tuple(params.shape)} and "
                f"{spec.features} features. Write EigSpec(features=encoding.terms, ...)."
            )
        kernel = self._kernel(spec)
        if kernel is not None:
            values, pull = kernel(self.places, params)
            return values, lambda g: pull(self._array(g))
        return self._composed(spec, params)

    def _kernel(self, spec: EigSpec) -> Callable[..., Any] | None:
        kernel = self.backend.fused_rows(rules.rule_of(spec)) if spec.outputs == 1 else None
        return None if kernel is None or self.places is None else kernel

    def _composed(self, spec: EigSpec, params: Array) -> tuple[Array, Pullback]:
        backend, terms = self.backend, self.terms
        static = (rules.rule_of(spec),)
        values, gradient = backend.call(_values_and_gradient, static, params, terms)

        def pullback(g: Array) -> Array:
            return backend.call(_pullback, (spec.outputs,), terms, gradient, self._array(g))

        return values, pullback

    def _array(self, a: Any) -> Array:
        return self.backend.detach(self.backend.asarray(a, dtype=self.dtype))


def _values_and_gradient(backend: Backend, rule: rules.Rule, params: Array, x: Array) -> Any:
    return rule.value_and_gradient(backend, rules.assemble(params, x))


def _pullback(backend: Backend, outputs: int, x: Array, gradient: Array, g: Array) -> Array:
    d_p = rules.cotangent(gradient, g)
    return rules.assemble_cotangent_params(backend.xp, outputs, x, d_p)
