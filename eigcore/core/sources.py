"""Sources of matrices: whole matrices, their diagonals, a pencil, or rows of a table.

A source holds arrays of one library. `assembled` returns the matrices p in the layout of a rule;
`pulled_back` turns a cotangent of p into cotangents of the source's arrays. A kernel may do both
without ever storing p (`eigcore.dispatch.backend.Backend.kernel`).

Shapes: p (..., K), or (..., d, d) in the layout "square"; params (m, n + 1, K); x (..., n).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from eigcore.core.arrays import Array, Library, Namespace
from eigcore.core.coordinates import Coordinates


class Matrices(NamedTuple):
    """The matrices themselves, p in the layout of the rule."""

    p: Array

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The arrays that a derivative may be asked for."""
        return (self.p,)

    def with_arrays(self, *arrays: Array) -> Matrices:
        """Return the same source of other arrays."""
        return Matrices(*arrays)

    def assembled(self, library: Library) -> Array:
        """Return p."""
        return self.p

    def pulled_back(self, library: Library, d_p: Array) -> tuple[Array, ...]:
        """Return (d_p,)."""
        return (d_p,)


class Diagonals(NamedTuple):
    """Tridiagonal matrices, for a rule in the layout "pair": diag (..., d), off (..., d − 1)."""

    diag: Array
    off: Array

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The arrays that a derivative may be asked for."""
        return tuple(self)

    def with_arrays(self, *arrays: Array) -> Diagonals:
        """Return the same source of other arrays."""
        return Diagonals(*arrays)

    def assembled(self, library: Library) -> Array:
        """Return p (..., 2 d − 1)."""
        return library.xp.concat(tuple(self), axis=-1)

    def pulled_back(self, library: Library, d_p: Array) -> tuple[Array, ...]:
        """Return (d_diag, d_off)."""
        d = self.diag.shape[-1]
        return d_p[..., :d], d_p[..., d:]


class Pencil(NamedTuple):
    """A₀ + Σ xᵢ Aᵢ: params (m, n + 1, K) with A₀ in row 0, and x (..., n)."""

    params: Array
    x: Array

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The arrays that a derivative may be asked for."""
        return tuple(self)

    def with_arrays(self, *arrays: Array) -> Pencil:
        """Return the same source of other arrays."""
        return Pencil(*arrays)

    def assembled(self, library: Library) -> Array:
        """p = [1, x] · params: (..., K), or (..., m, K) if m > 1."""
        return assemble(library.xp, self.params, self.x)

    def tangent(self, library: Library, d_params: Array, d_x: Array) -> Array:
        """dp = [0, dx] · params + [1, x] · dparams."""
        xp, params = library.xp, self.params
        moved = _summed(xp, params, d_x[None, ...])[0, ...]
        return moved + assemble(xp, d_params, self.x)

    def pulled_back(self, library: Library, d_p: Array, with_x: bool = True) -> tuple[Array, Array]:
        """Return the adjoint of `tangent`, (d_params, d_x); d_x is None without `with_x`."""
        xp, (params, x) = library.xp, self
        d_params = _gathered(xp, params.shape[0], x, d_p)
        if not with_x:
            return d_params, None
        flat = xp.reshape(d_p, (-1, params.shape[0] * params.shape[2]))
        return d_params, xp.reshape(flat @ xp.matrix_transpose(_terms(xp, params)), x.shape)


class Bins(NamedTuple):
    """Where the cells of a table lie among the terms of its encoding (math.md, section 8).

    Each part (a column, a projection) has one term per row whose value is not known to be 0 or 1;
    the terms before it in its run are 1, all others are 0.

    indices : (N, parts) int32, that term;  fractions : (N, parts), its value
    runs : pairs (first, end) of terms that follow one another along a part
    parts : the part to which each run belongs
    """

    indices: np.ndarray
    fractions: np.ndarray
    runs: tuple[tuple[int, int], ...]
    parts: tuple[int, ...]

    def dense(self, terms: int) -> np.ndarray:
        """Return all terms (N, terms), equal to those of the encoding."""
        out = np.zeros((len(self.indices), terms), self.fractions.dtype)
        for j, (first, end) in zip(self.parts, self.runs, strict=True):
            inside = np.where(self.indices[:, j] < end, self.indices[:, j], first)
            out[:, first:end] = np.arange(first, end) < inside[:, None]
        np.put_along_axis(out, self.indices.astype(np.int64), self.fractions, axis=1)
        return out

    def part(self, rows: slice | np.ndarray) -> Bins:
        """Return the bins of some rows."""
        return self._replace(indices=self.indices[rows], fractions=self.fractions[rows])


class Encoded(NamedTuple):
    """Rows of a table in the terms of one pencil: A₀ + Σ_j (start[i_j] + u_j · step[i_j]).

    bins : Bins of the rows, which hold i_j and u_j;  params : (1, terms + 1, K); a NumPy array if a
        kernel should return NumPy values
    step[b] = A_b, and start[b] the sum of the matrices before b in its run (math.md, section 8).
    """

    bins: Bins
    params: Array

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The arrays that a derivative may be asked for."""
        return (self.params,)

    def with_arrays(self, *arrays: Array) -> Encoded:
        """Return the same source of other arrays."""
        return Encoded(self.bins, *arrays)

    def assembled(self, library: Library) -> Array:
        """Return p (N, K)."""
        return self.pencil(library).assembled(library)

    def pulled_back(self, library: Library, d_p: Array) -> tuple[Array, ...]:
        """Return (d_params,)."""
        return self.pencil(library).pulled_back(library, d_p, with_x=False)[:1]

    def pencil(self, library: Library) -> Pencil:
        """Return the same matrices from all terms of every row."""
        terms = self.bins.dense(self.params.shape[1] - 1)
        return Pencil(self.params, library.asarray(terms, like=self.params))


class Part(NamedTuple):
    """A column, or a weighted sum of columns, and its terms first … first + terms − 1.

    kind : 0 for one ramp, 1 for pieces between knots, 2 for levels
    shift : what the number of knots up to a cell exceeds its piece by
    missing : whether the last term is that of missing cells
    knots : of levels, the least code and their number
    columns, weights, centers : Σ weight · (column − center), for a sum
    """

    kind: int
    first: int
    terms: int
    shift: int
    missing: bool
    knots: tuple[float, ...]
    columns: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    centers: tuple[float, ...] = ()


class Ensemble(NamedTuple):
    """Σ_m w_m λ(A_m(x)) as a function of the cells of rows: all members of a model in one pass.

    columns : number of columns, whose parts come first
    parts : with the sums of columns after the columns
    terms : (terms, 6) float64: 1 for a level, origin, width, low, high, value at a missing cell
    runs : as in `Bins`
    rules, params, weights : one per member; params (outputs, terms + 1, K) float64
    """

    columns: int
    parts: tuple[Part, ...]
    terms: np.ndarray
    runs: tuple[tuple[int, int], ...]
    rules: tuple[Any, ...]
    params: tuple[np.ndarray, ...]
    weights: tuple[float, ...]


class MeanLoss(NamedTuple):
    """mean loss(λ(A_n), y_n) + penalty · R(W) of encoded rows, by the matrices W of scaled terms.

    A_b = W_b/deviation_b and A_0 = W_0 − Σ_b mean_b A_b, for W (terms + 1, K) float64;
    R(W) = Σ_b ‖W_b‖_F² + Σ_b ‖right_b W_{b+1} − left_b W_b‖_F², without W_0.

    rule, bins : of one pencil, of the N rows; the dtype of the fractions is that of the eigenvalues
    loss : "squared", (f − y)², or "binomial", log(1 + eᶠ) − y f
    target, share, offset : (N,) float64. share: parts that sum to 1, None: all equal; offset: added
        to the eigenvalues, None: zeros
    mean, deviation : (terms,) float64
    left, right : (terms − 1,) float64, or None for zeros
    coordinates : of a descent, from its vector to W; see `eigcore.core.coordinates`
    """

    rule: Any
    bins: Bins
    loss: str
    target: np.ndarray
    share: np.ndarray | None
    offset: np.ndarray | None
    mean: np.ndarray
    deviation: np.ndarray
    penalty: float
    left: np.ndarray | None = None
    right: np.ndarray | None = None
    coordinates: Coordinates | None = None


Source: TypeAlias = Matrices | Diagonals | Pencil | Encoded
Want: TypeAlias = Literal["values", "vectors", "gradient", "pullback"]
"""The field of `Answer` needed beside the values; "gradient" only for `Matrices`."""


class Answer(NamedTuple):
    """The answer of a kernel or a rule about a source.

    values : (...)
    vectors : (..., d) unit eigenvectors
    pullback : cotangent g (...) -> cotangents of the source's arrays. A second argument, one bool
        for each array, may say that some are not needed; their cotangents may then be None.
    gradient : ∂values/∂p, like p
    """

    values: Array
    vectors: Array = None
    pullback: Callable[..., tuple[Array, ...]] | None = None
    gradient: Array = None


def assemble(xp: Namespace, params: Array, x: Array) -> Array:
    """Return the packed matrices A₀ + Σ xᵢ Aᵢ.

    Parameters
    ----------
    params : (m, n + 1, K) array
    x : (..., n) array

    Returns
    -------
    (..., K) array, or (..., m, K) if m > 1.
    """
    if x.ndim == 1:
        return assemble(xp, params, x[None, :])[0, ...]
    constant = params[0, 0, :] if params.shape[0] == 1 else params[:, 0, :]
    return _summed(xp, params, x) + constant


def _summed(xp: Namespace, params: Array, x: Array) -> Array:
    """Σ xᵢ Aᵢ for x (..., n) with at least two axes."""
    outputs, _, size = params.shape
    if outputs == 1:
        return x @ params[0, 1:, :]
    return xp.reshape(x @ _terms(xp, params), (*x.shape[:-1], outputs, size))


def _terms(xp: Namespace, params: Array) -> Array:
    """View (m, n + 1, K) parameters without their row 0 as (n, m · K)."""
    outputs, rows, size = params.shape
    return xp.reshape(xp.moveaxis(params[:, 1:, :], 0, 1), (rows - 1, outputs * size))


def _gathered(xp: Namespace, outputs: int, x: Array, d_p: Array) -> Array:
    """Return d_params (m, n + 1, K) for a cotangent of p: the sums of [1, x]ᵀ d_p."""
    size, n = d_p.shape[-1], x.shape[-1]
    flat_p = xp.reshape(d_p, (-1, outputs * size))
    flat_x = xp.reshape(x, (flat_p.shape[0], n))
    sums = xp.sum(flat_p, axis=0)[None, :]
    rows = xp.concat((sums, xp.matrix_transpose(flat_x) @ flat_p), axis=0)
    return xp.moveaxis(xp.reshape(rows, (n + 1, outputs, size)), 1, 0)
