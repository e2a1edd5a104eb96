"""Laplacians of weighted graphs, and the generalised eigenproblem.

F. R. K. Chung, "Spectral Graph Theory" (1997), chapter 1; U. von Luxburg, "A tutorial on spectral
clustering" (2007), section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from eigcore.api.inputs import prepared
from eigcore.api.matrices import eigenvalues
from eigcore.api.spectral import matrix_function
from eigcore.core.arrays import Array
from eigcore.core.options import one_of
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput, NonFiniteInput

KINDS = ("combinatorial", "symmetric", "random_walk")
SLACK = 1e-6
"""Relative difference from its transpose that a symmetric matrix may have."""


def laplacian(W: Any, kind: str = "combinatorial", backend: str | Backend | None = None) -> Array:
    """Return the Laplacian of graphs: D − W, I − D^{−1/2} W D^{−1/2} or I − D^{−1} W.

    Parameters
    ----------
    W : (..., n, n) array or sparse matrix of SciPy
        Weights of the edges: symmetric, not negative. D = diag of the sums of its rows.
    kind : {"combinatorial", "symmetric", "random_walk"}
        All three have the eigenvalue 0 once per component; the last two have the same eigenvalues,
        in [0, 2].
    backend : str or Backend, optional

    Returns
    -------
    (..., n, n) array
        Of the library and dtype of W, differentiable like the operations it consists of. The row
        and the column of a node without edges are 0.

    Raises
    ------
    InvalidInput, NonFiniteInput
        A kind that there is not, or weights that are not square, not symmetric, negative or not
        finite.

    Examples
    --------
    >>> laplacian(np.array([[0.0, 2.0], [2.0, 0.0]]))
    array([[ 2., -2.],
           [-2.,  2.]])
    """
    one_of("kind", kind, KINDS)
    chosen, W, restore = weights(W, backend)
    degrees = chosen.xp.sum(W, axis=-1)
    L = _diagonal(chosen, degrees) - W
    left, right = scales(chosen, degrees, kind)
    return restore(L if left is None else left[..., :, None] * L * right[..., None, :])


def generalised(L: Any, D: Any, backend: str | Backend | None = None) -> tuple[Array, Array]:
    """Return the solutions of L x = λ D x.

    Parameters
    ----------
    L : (..., n, n) array
        The symmetric part is used.
    D : (n,), (..., n) or (..., n, n) array
        A positive diagonal, or symmetric positive definite matrices.
    backend : str or Backend, optional

    Returns
    -------
    values : (..., n) array, ascending
        Differentiable in torch and JAX as `eigcore.eigenvalues` is.
    vectors : (..., n, n) array
        Columns x, with XᵀDX = I; without derivatives.

    Raises
    ------
    InvalidInput, NonFiniteInput
        Other shapes, numbers that are not finite, or D that is not positive definite.

    Examples
    --------
    >>> generalised(np.array([[2.0, -2.0], [-2.0, 2.0]]), np.array([2.0, 2.0]))[0].round(12)
    array([0., 2.])
    """
    chosen, (L, D), restore = prepared(backend, L, D)
    n = squares(chosen, L, "L")
    vector = tuple(D.shape) in ((n,), tuple(L.shape[:-1]))
    if not vector and (D.ndim < 2 or tuple(D.shape[-2:]) != (n, n)):
        raise InvalidInput(
            f"D has shape {tuple(D.shape)}; expected a diagonal (..., {n}) or matrices "
            f"(..., {n}, {n}). Type: W.sum(-1) for degrees"
        )
    if chosen.is_concrete(D) and not chosen.all_finite(D):
        raise NonFiniteInput(
            "D holds entries that are NaN or infinite; expected finite numbers. Replace them first."
        )
    if vector:
        least = D
    else:
        still = chosen.detach(0.5 * (D + chosen.xp.matrix_transpose(D)))
        least = chosen.eigenvalues(still, 0, 0)
    if chosen.is_concrete(least) and not bool(chosen.xp.all(least > 0)):
        raise InvalidInput(
            f"D has the number {float(chosen.xp.min(least)):.3g} on its diagonal, or as an "
            "eigenvalue; expected it to be positive definite. Leave out nodes without edges."
        )
    if vector:
        root = D**-0.5
        S = root[..., :, None] * L * root[..., None, :]
    else:
        R = matrix_function(D, "power", p=-0.5, backend=chosen)
        S = R @ L @ R
    still = chosen.detach(S)
    found, V = chosen.eigenpairs(0.5 * (still + chosen.xp.matrix_transpose(still)), 0, n - 1)
    values = eigenvalues(S, backend=chosen) if chosen.capabilities.autodiff else found
    X = chosen.detach(root)[..., :, None] * V if vector else chosen.detach(R) @ V
    return restore(values), restore(X)


def weights(
    W: Any, backend: str | Backend | None = None, what: str = "W"
) -> tuple[Backend, Array, Any]:
    """Return the backend, checked weights (..., n, n), and what restores the dtype of a result."""
    if scipy.sparse.issparse(W):
        W = W.toarray()
    chosen, (W,), restore = prepared(backend, W)
    squares(chosen, W, what)
    if chosen.is_concrete(W):
        largest = chosen.xp.max(abs(W))
        skew = chosen.xp.max(abs(W - chosen.xp.matrix_transpose(W)))
        if bool(chosen.xp.min(W) < 0) or bool(skew > SLACK * largest):
            raise InvalidInput(
                f"{what} is not symmetric, or holds negative numbers; expected weights of "
                f"undirected edges. Type: (abs({what}) + abs({what}).T) / 2"
            )
    return chosen, W, restore


def squares(backend: Backend, a: Array, what: str) -> int:
    """Return the order n of finite matrices (..., n, n), or raise."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2] or a.shape[-1] == 0:
        raise InvalidInput(
            f"{what} has shape {tuple(a.shape)}; expected (..., n, n), not empty. Give one row and "
            "one column per node."
        )
    if backend.is_concrete(a) and not backend.all_finite(a):
        raise NonFiniteInput(
            f"{what} holds entries that are NaN or infinite; expected finite numbers. Replace them "
            "first."
        )
    return a.shape[-1]


def scales(backend: Backend, degrees: Array, kind: str) -> tuple[Any, Any]:
    """Return the diagonals that D − W is multiplied with, 0 for nodes without edges; or None."""
    if kind == "combinatorial":
        return None, None
    some = degrees > 0
    inverse = backend.xp.astype(some, degrees.dtype) / backend.xp.where(some, degrees, 1.0)
    if kind == "random_walk":
        return inverse, 0.0 * inverse + 1.0
    root = backend.xp.astype(some, degrees.dtype) / backend.xp.where(some, degrees, 1.0) ** 0.5
    return root, root


def _diagonal(backend: Backend, a: Array) -> Array:
    return a[..., None] * backend.asarray(np.eye(a.shape[-1]), like=a)
