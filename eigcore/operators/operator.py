"""What an operator is, and operators of arrays, sparse matrices and functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from eigcore.core.arrays import Array
from eigcore.core.options import given
from eigcore.core.scalars import is_whole
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.parts import concrete
from eigcore.dispatch.registry import get_backend, infer
from eigcore.errors import InvalidInput, NonFiniteInput

_DTYPES = ("float32", "float64")


@dataclass(frozen=True, eq=False)
class Operator:
    """A symmetric matrix H, known by its products with vectors.

    Parameters
    ----------
    size : int
        Order P of H.
    backend : Backend
    like : array of the backend, any shape
        Vectors get its dtype and device.
    products : function
        (m, P) array of row vectors -> (m, P) array, row i is H times vector i. The result is a new
        array: Lanczos writes into it.
    """

    size: int
    backend: Backend
    like: Array
    products: Callable[[Array], Array]

    @property
    def dtype(self) -> str:
        """Name of the dtype of the vectors, float32 or float64."""
        return self.backend.dtype_name(self.like)

    @property
    def shape(self) -> tuple[int, int]:
        """(P, P)."""
        return self.size, self.size

    def array(self, a: Any) -> Array:
        """Return numbers as an array of this operator's backend, dtype and device."""
        a = real(self.backend, a)
        made = self.backend.asarray(a, device=getattr(self.like, "device", None))
        return self.backend.asarray(made, dtype=self.dtype)

    def __matmul__(self, vectors: Any) -> Array:
        """Return H times one vector (P,), or times the columns of (P, m)."""
        vectors = self.array(vectors)
        if vectors.ndim not in (1, 2) or vectors.shape[0] != self.size:
            raise InvalidInput(
                f"The vectors have shape {tuple(vectors.shape)}; expected ({self.size},) or "
                f"({self.size}, m). Type: operator @ vector.reshape({self.size}, -1)"
            )
        if vectors.ndim == 1:
            return self.products(vectors[None, :])[0, :]
        return self.backend.xp.moveaxis(
            self.products(self.backend.xp.moveaxis(vectors, 0, 1)), 0, 1
        )


def operator(a: Any, size: int | None = None, backend: str | Backend | None = None) -> Operator:
    """Return a symmetric linear operator.

    Parameters
    ----------
    a : (P, P) array of any backend, sparse matrix or LinearOperator of SciPy, or function
        A function takes a vector (P,) and returns H times it (P,).
    size : int, optional
        P; needed for a function.
    backend : str or Backend, optional
        Needed for a function of vectors that are not NumPy's.

    Returns
    -------
    Operator

    Raises
    ------
    InvalidInput, NonFiniteInput
        No square matrix, not symmetric, not finite, or a function without a size.
    """
    if size is not None and not callable(a):
        raise InvalidInput(
            f"size is {size!r:.80}; expected one for functions only, since a matrix has its own. "
            "Leave it out."
        )
    if isinstance(a, Operator):
        return a
    if scipy.sparse.issparse(a):
        if a.dtype.kind == "c":
            raise _complex()
        return _sparse(a)
    if isinstance(a, scipy.sparse.linalg.LinearOperator):
        _check_square(a.shape)
        like = np.zeros(0, "float32" if a.dtype == np.float32 else "float64")
        made = Operator(a.shape[0], get_backend("numpy"), like, lambda v: np.array(a.matmat(v.T).T))
        return _symmetric(made)
    if callable(a):
        return _function(a, size, get_backend(backend))
    return _dense(infer(a, backend=backend), a)


def gram(X: Array, weights: Array | None = None, backend: str | Backend | None = None) -> Operator:
    """Return the operator XᵀDX/n, D = diag(weights), without forming it.

    Parameters
    ----------
    X : (n, P) array
    weights : (n,) array, optional
        Default: D = I.
    backend : str or Backend, optional

    Returns
    -------
    Operator

    Raises
    ------
    InvalidInput, NonFiniteInput
        Arrays of other shapes, or entries that are not finite.
    """
    chosen = infer(*(a for a in (X, weights) if a is not None), backend=backend)
    X = floating(chosen, X)
    weights = None if weights is None else chosen.asarray(given(chosen.asarray, weights), like=X)
    if X.ndim != 2 or 0 in X.shape:
        raise InvalidInput(f"X has shape {tuple(X.shape)}; expected (n, P). Type: X.reshape(n, -1)")
    rows, size = X.shape
    if weights is not None and tuple(weights.shape) != (rows,):
        raise InvalidInput(
            f"weights has shape {tuple(weights.shape)}; expected ({rows},), one number per row of "
            "X. Leave it out for equal weights."
        )
    for name, a in (("X", X), ("weights", weights)):
        if a is not None and chosen.is_concrete(a) and not chosen.all_finite(a):
            raise NonFiniteInput(
                f"{name} holds NaN or infinite entries; expected finite numbers. Replace them "
                "first."
            )
    own = 1.0 / rows if weights is None else weights / rows
    Xt = chosen.xp.moveaxis(X, 0, 1)
    return Operator(size, chosen, X[:0, 0], lambda v: (v @ Xt * own) @ X)


def floating(backend: Backend, a: Any) -> Array:
    """Return a real array as float32 or float64 of a backend."""
    a = real(backend, a)
    return a if backend.dtype_name(a) in _DTYPES else backend.asarray(a, dtype="float64")


def real(backend: Backend, a: Any) -> Array:
    """Return real numbers as an array of a backend."""
    a = given(backend.asarray, a)
    if "complex" in backend.dtype_name(a):
        raise _complex()
    return a


def _dense(backend: Backend, a: Any) -> Operator:
    M, xp = floating(backend, a), backend.xp
    _check_square(M.shape)
    concrete(backend, M, "The matrix")
    if not backend.all_finite(M):
        raise NonFiniteInput(
            "The matrix holds NaN or infinite entries; expected finite numbers. Replace them first."
        )
    largest = float(xp.max(xp.abs(M)))
    if float(xp.max(xp.abs(M - xp.moveaxis(M, 0, 1)))) > 1e-5 * largest:
        raise _asymmetric()
    return Operator(M.shape[0], backend, M[:0, 0], lambda v: v @ M)


def _sparse(a: Any) -> Operator:
    _check_square(a.shape)
    a = a.tocsr()
    a = a if a.dtype == np.float32 else a.astype(np.float64)
    if not np.isfinite(a.data).all():
        raise NonFiniteInput(
            "The sparse matrix holds NaN or infinite entries; expected finite numbers."
            " Replace them first."
        )
    if abs(a - a.T).max() > 1e-5 * abs(a).max():
        raise _asymmetric()
    return Operator(a.shape[0], get_backend("numpy"), np.zeros(0, a.dtype), lambda v: (a @ v.T).T)


def _function(function: Callable[[Array], Array], size: int | None, backend: Backend) -> Operator:
    if not is_whole(size) or size < 1:
        raise InvalidInput(
            f"size is {size!r}; expected the length of the vectors that the function takes. "
            "Type: operator(function, size=1000)"
        )
    xp = backend.xp

    def products(vectors: Array) -> Array:
        rows = [function(vectors[row, :]) for row in range(vectors.shape[0])]
        if (found := {tuple(np.shape(row)) for row in rows}) - {(size,), (1, size), (size, 1)}:
            raise InvalidInput(
                f"The function returned an array of shape {found.pop()}; expected ({size},), as "
                "its argument. Check size."
            )
        return xp.concat([xp.reshape(row, (1, size)) for row in rows], axis=0)

    return _symmetric(Operator(size, backend, backend.asarray(np.zeros(0)), products))


def _symmetric(made: Operator) -> Operator:
    """Check H = Hᵀ on two random vectors: uᵀHv = vᵀHu."""
    vectors = np.random.default_rng(0).normal(size=(2, made.size))
    images = np.asarray(made.backend.to_numpy(made.products(made.array(vectors))), np.float64)
    if not np.isfinite(images).all():
        raise NonFiniteInput(
            "A product with a random vector is not finite; expected finite numbers. Check the "
            "function at a vector of ordinary numbers."
        )
    forth, back = vectors[0] @ images[1], vectors[1] @ images[0]
    scale = np.linalg.norm(images) * np.sqrt(made.size)
    if abs(forth - back) > 1e-5 * scale:
        raise _asymmetric()
    return made


def _check_square(shape: Any) -> None:
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
        raise InvalidInput(
            f"The matrix has shape {tuple(shape)}; expected (P, P). Type gram(X) for XᵀX/n of a "
            "table X (n, P)."
        )


def _complex() -> InvalidInput:
    return InvalidInput(
        "The numbers are complex; expected real ones. Type array.real if the imaginary part is 0."
    )


def _asymmetric() -> InvalidInput:
    return InvalidInput(
        "The operator is not symmetric; expected a symmetric one. Type (M + M.T) / 2 for the "
        "symmetric part, or gram(X) for XᵀX/n."
    )
