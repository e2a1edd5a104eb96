"""The interface of backends: finding eigenpairs, and attaching derivatives in a framework."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np

from eigcore.core.arrays import Array, Namespace, Places
from eigcore.core.packing import Layout, pair
from eigcore.core.rules import Rule, matrix
from eigcore.core.sources import Answer, Encoded, Ensemble, MeanLoss, Source, Want
from eigcore.dispatch import tracing
from eigcore.dispatch.capabilities import Capabilities
from eigcore.dispatch.derivatives import attached, refused, values_of
from eigcore.dispatch.parts import join, places
from eigcore.dispatch.processes import Processes
from eigcore.errors import NotSupported

PLUGIN_API = 3
"""Version of this interface; `plugin_api` of a plugin is the version that it was written for."""

MEMORY_BUDGET = 256 * 2**20
"""Working memory for one solve, in bytes; larger batches are cut into chunks."""


class Backend(abc.ABC):
    """One array library with an eigensolver. Subclasses are final; to change one, wrap it.

    A subclass defines the class variables, `asarray`, `to_numpy` and `eigenpairs`; everything else
    has a default. With `autodiff` it also defines `with_vjp` and `gradient`.
    """

    _names: ClassVar[dict[Any, str]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._names = {}

    name: ClassVar[str]
    """Also the name of the entry point in the group ``eigcore``."""
    plugin_api: ClassVar[int]
    """The `PLUGIN_API` that the plugin was written for, as a number."""
    capabilities: ClassVar[Capabilities]
    note: str = ""
    """One line for ``eigcore backends``: the version, and which accelerator is used or missing."""
    xp: Namespace
    """Array namespace: a module with the `eigcore.core.arrays.FUNCTIONS` of the array API
    standard; array-api-compat has one for libraries that do not follow the standard."""

    @abc.abstractmethod
    def asarray(
        self, a: Any, *, like: Array = None, dtype: Any = None, device: Any = None
    ) -> Array:
        """Return `a` as an array of this library.

        Parameters
        ----------
        a : array-like
        like : array, optional
            Take its device, and its dtype if `a` holds floats.
        dtype, device : str, or an object of the library, optional
        """

    @abc.abstractmethod
    def to_numpy(self, a: Array) -> np.ndarray:
        """Return `a` as a NumPy array, after waiting for the device."""

    @abc.abstractmethod
    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        """Return the eigenpairs lo … hi of symmetric matrices.

        Parameters
        ----------
        M : (..., d, d) array, symmetric and finite, float64 or float32
        lo, hi : int
            First and last index, ascending from zero, both included.

        Returns
        -------
        values : (..., m) array, ascending, m = hi − lo + 1
        vectors : (..., d, m) array, orthonormal columns
        """

    def differentiable(self, rule: Rule) -> Callable[[Array], Array]:
        """Return ``rule.value``, with the derivatives of the rule if `autodiff` is declared."""
        return attached(self, rule) if self.capabilities.autodiff else partial(rule.value, self)

    def with_vjp(self, function: Callable[..., Any], vjp: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of one array p, but with ``vjp(p, outputs, *cotangents)`` like p."""
        raise NotSupported(f'Backend "{self.name}" declares autodiff, but defines no with_vjp.')

    def dtype_name(self, a: Array) -> str:
        """Name the element type of an array, such as float64 or int32."""
        name = self._names.get(a.dtype)
        return name or self._names.setdefault(a.dtype, str(a.dtype).rsplit(".", 1)[-1])

    def switched_off(self, dtype: str) -> str:
        """Return why a declared dtype is not available in this process, and what to type.

        Empty if it is available. The laws skip other dtypes with this reason instead of failing.
        """
        return ""

    def eigenvalues(self, M: Array, lo: int, hi: int) -> Array:
        """Return the values of `eigenpairs` only."""
        return self.eigenpairs(M, lo, hi)[0]

    def eigenpairs_tridiagonal(
        self, diag: Array, off: Array, lo: int, hi: int
    ) -> tuple[Array, Array]:
        """Return `eigenpairs` of tridiagonal matrices: diag (..., d), off (..., d − 1)."""
        return self.eigenpairs(self._dense(diag, off), lo, hi)

    def eigenvalues_tridiagonal(self, diag: Array, off: Array, lo: int, hi: int) -> Array:
        """Return the values of `eigenpairs_tridiagonal` only."""
        return self.eigenvalues(self._dense(diag, off), lo, hi)

    def svd(self, X: Array) -> tuple[Array, Array, Array] | None:
        """Return the thin singular value decomposition of matrices, or None: there is no own one.

        Without it singular values come from `eigenpairs` of [[0, X], [Xᵀ, 0]], equally accurate.

        Parameters
        ----------
        X : (..., m, n) array, finite, m ≥ n, float64 or float32

        Returns
        -------
        U : (..., m, n) array;  s : (..., n) array, descending;  Vt : (..., n, n) array
            X = U diag(s) Vt, as from ``numpy.linalg.svd(X, full_matrices=False)``.
        """
        return None

    def kernel(self, rule: Rule, source: Source, want: Want) -> Answer | None:
        """Return what one kernel computes for a rule and a source of matrices.

        None if there is none; then the rule composes the answer from `eigenpairs`, as a law checks.

        Parameters
        ----------
        rule : `eigcore.core.rules.Rule`
        source : `Matrices`, `Pencil` or `Encoded` of `eigcore.core.sources`
        want : {"values", "vectors", "gradient", "pullback"}
            The field of the answer that is needed beside the values.
        """
        return None

    def one_pass(self, model: Ensemble) -> Callable[[np.ndarray], np.ndarray | None] | None:
        """Return a kernel for cells (N, columns): sums (N, outputs), None at a cell in error."""
        return None

    def mean_loss(self, task: MeanLoss) -> Callable[[np.ndarray, np.ndarray], float] | None:
        """Return a kernel: matrices W, and an array that gets the slope by W, to the value."""
        return None

    def descent(self, task: MeanLoss) -> Callable[..., tuple[Any, ...]] | None:
        """Return L-BFGS on a mean loss in one call, as `eigcore.fit.solvers.descend` makes it."""
        return None

    def evaluate(self, rule: Rule, source: Source) -> Array:
        """Return the values of a source, with the framework's derivatives attached."""
        if isinstance(source, Encoded):
            source = source.pencil(self)
        return self.call(values_of, (rule, type(source)), *source)

    def call(self, function: Callable[..., Any], static: tuple[Any, ...], *arrays: Array) -> Any:
        """Return ``function(self, *static, *arrays)``, compiled where the framework can.

        `function` is defined in a module and `static` is hashable, so compiled code can be reused.
        """
        return function(self, *static, *arrays)

    def is_concrete(self, a: Array) -> bool:
        """Whether `a` holds numbers, and not the symbols of a compiler."""
        return True

    def all_finite(self, a: Array) -> bool:
        """Whether all entries are known to be finite; False if that is unknown."""
        return self.is_concrete(a) and bool(self.xp.all(self.xp.isfinite(a)))

    def autocasts(self, a: Array) -> bool:
        """Whether the framework now chooses dtypes, where `evaluate` and `call` must not."""
        return False

    def detach(self, a: Array) -> Array:
        """Return `a` detached from the differentiation of the framework."""
        return a

    def undifferentiable(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function`, but differentiating it raises `NotDifferentiable`."""
        return self.with_vjp(function, refused) if self.capabilities.autodiff else function

    def gradient(self, function: Callable[..., Array], *arrays: Array) -> tuple[Array, ...]:
        """Return the framework's own gradient of a scalar function of arrays; it nests."""
        raise NotSupported(f'Backend "{self.name}" does not differentiate; use eigcore.vjp.')

    def hessian_products(
        self, function: Callable[..., Array], outputs: Callable[..., Any] | None = None
    ) -> Callable[..., tuple[Array, ...]]:
        """Return ``products(arrays, vectors, *more)``: a function's Hessian B times vectors.

        function : ``function(arrays, *more)`` is a number; `arrays` is a tuple
        outputs : ``function(outputs(arrays, *more), *more)`` then; JᵀBJ, J the Jacobian of outputs
        vectors : one array (m, *shape) for each of the arrays, as are the products
        """
        raise NotSupported(f'Backend "{self.name}" has no Hessian; convert to torch or JAX.')

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function` compiled by the framework, without graph breaks."""
        raise NotSupported(f'Backend "{self.name}" has no compiler; call the function itself.')

    def wrap(self, model: Any) -> Any:
        """Return a model as an object of the framework, with trainable parameters.

        `model` has `static` (`eigcore.portable.description.ModelStatic`), `params` (one read-only
        float64 NumPy array per member) and `provenance`.
        """
        raise NotSupported(f'Backend "{self.name}" has no model objects; use "torch" or "jax".')

    def unwrap(self, obj: Any) -> tuple[Any, list[np.ndarray], dict[str, Any]] | None:
        """Return (static, params, provenance) of an object made by `wrap`; None for others."""
        return None

    def program(self, model: Any) -> bytes:
        """Return a frozen program of a model: cells (rows, columns), codes for categories."""
        raise NotSupported(f'Backend "{self.name}" has no programs; use "torch" or "jax".')

    def network(self, model: Any, apply: Callable[..., Any] | None) -> Any:
        """Return a model as an `eigcore.lowrank.network.Network`; None: ``model(input)``."""
        raise NotSupported(f'Backend "{self.name}" has no models; use torch, JAX, or low_rank.')

    def processes(self) -> Processes | None:
        """Return the processes that the framework connects with this one; None: it does not."""
        return None

    def place(self, lay: Layout, like: Array) -> Places:
        """Return the index arrays of `lay` on the device of `like`."""
        make = places if self.is_concrete(like) else places.__wrapped__
        return make(self, lay, like.dtype, getattr(like, "device", None))

    def chunk(self, p: Array, entries: int) -> int:
        """Return how many rows fit into the memory budget, at `entries` numbers per row."""
        size = 4 if self.dtype_name(p) == "float32" else 8
        return max(1, MEMORY_BUDGET // (entries * size))

    def map_rows(self, function: Callable[[Array], Any], p: Array, core: int, entries: int) -> Any:
        """Apply `function` to p, in chunks of rows if the memory budget requires it.

        Parameters
        ----------
        core : int
            Number of trailing axes of p that belong to one row.
        entries : int
            Working memory of one row, in numbers of p's dtype.
        """
        lead, chunk = tuple(p.shape[:-core]), self.chunk(p, entries)
        if None in lead:  # unknown to a compiler
            return function(p)
        rows = math.prod(lead)
        if rows <= chunk:
            return function(p)
        flat = self.xp.reshape(p, (rows, *p.shape[-core:]))
        starts = range(0, rows, chunk)
        parts = [function(flat[start : min(start + chunk, rows), ...]) for start in starts]
        return join(self.xp, parts, lead)

    @property
    def traced(self) -> bool:
        """Whether `eigcore.trace()` is active."""
        return tracing.active()

    def solve(
        self,
        driver: str,
        routine: Callable[..., Any],
        a: Array,
        *rest: Any,
        shape: tuple[int, ...] | None = None,
    ) -> Any:
        """Call ``routine(a, *rest)``, the eigensolver named `driver`, and record it for `trace`.

        `shape` is the shape of the matrices, if `a` is not one.
        """
        if not tracing.active():
            return routine(a, *rest)
        return tracing.record(self, driver, self._wait, routine, a, *rest, shape=shape)

    def _wait(self, result: Any) -> bool:
        first = result[0] if isinstance(result, tuple) else result
        if concrete := self.is_concrete(first):
            self.to_numpy(first)
        return concrete

    def _dense(self, diag: Array, off: Array) -> Array:
        return matrix(self, pair(diag.shape[-1]), self.xp.concat((diag, off), axis=-1))
