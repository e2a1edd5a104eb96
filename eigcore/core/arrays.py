"""What the calculus needs from an array library: functions, and an eigensolver.

Everything in this room is written against the Python array API standard (data-apis.org): functions
of a namespace, operators between arrays, and Python numbers. `eigcore.dispatch.backend.Backend`
implements all of `Library`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from eigcore.core.packing import Layout

if TYPE_CHECKING:
    from eigcore.core.rules import Rule
    from eigcore.core.sources import Answer, Source, Want

Array: TypeAlias = Any
"""An array of the library that computes."""
Namespace: TypeAlias = Any
"""The functions of the library, including `FUNCTIONS`."""

FUNCTIONS = (
    *("abs", "all", "argsort", "astype", "broadcast_to", "clip", "concat", "cumulative_sum"),
    *("exp", "finfo", "imag", "isfinite", "log", "matrix_transpose", "max", "maximum", "min"),
    *("moveaxis", "real", "reshape", "sum", "take", "where"),
)
"""Functions of the array API standard (2024.12) that eigcore calls."""


class Places(NamedTuple):
    """Index and factor arrays of a `Layout`, on the device of the arrays they index.

    gather, gather_factor : (d²,);  scatter, scatter_factor : (K,)
    """

    gather: Array
    gather_factor: Array
    scatter: Array
    scatter_factor: Array


class Library(Protocol):
    """An array library with an eigensolver, as the calculus sees it."""

    xp: Namespace

    def asarray(
        self, a: Any, *, like: Array = None, dtype: Any = None, device: Any = None
    ) -> Array:
        """Return `a` as an array of this library."""
        ...

    def dtype_name(self, a: Array) -> str:
        """Name the element type of an array, such as float64."""
        ...

    def all_finite(self, a: Array) -> bool:
        """Whether all entries are known to be finite."""
        ...

    def place(self, lay: Layout, like: Array) -> Places:
        """Return the index arrays of a layout on the device of `like`."""
        ...

    def map_rows(self, function: Callable[[Array], Any], p: Array, core: int, entries: int) -> Any:
        """Apply `function` to batches with `core` trailing axes, in chunks that fit into memory."""
        ...

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        """Return the eigenpairs lo … hi of matrices (..., d, d)."""
        ...

    def eigenvalues(self, M: Array, lo: int, hi: int) -> Array:
        """Return the eigenvalues lo … hi of matrices (..., d, d)."""
        ...

    def eigenpairs_tridiagonal(
        self, diag: Array, off: Array, lo: int, hi: int
    ) -> tuple[Array, Array]:
        """Return the eigenpairs lo … hi of tridiagonal matrices."""
        ...

    def eigenvalues_tridiagonal(self, diag: Array, off: Array, lo: int, hi: int) -> Array:
        """Return the eigenvalues lo … hi of tridiagonal matrices."""
        ...

    def svd(self, X: Array) -> tuple[Array, Array, Array] | None:
        """Return U, s and Vt of matrices (..., m, n), m ≥ n, or None."""
        ...

    def kernel(self, rule: Rule, source: Source, want: Want) -> Answer | None:
        """Return what one kernel computes for a rule and a source, or None."""
        ...
