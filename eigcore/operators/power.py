"""Block power iteration: the eigenvalues of largest modulus, also of a stream of rows.

Golub and Van Loan, "Matrix Computations" (4th edition), section 8.2.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.options import generator
from eigcore.core.scalars import is_whole
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.operators.extremes import Extremes, tolerance
from eigcore.operators.operator import Operator
from eigcore.operators.operator import operator as operator_of
from eigcore.operators.rows import dots, subtracted

Blocks = Sequence[Array] | Callable[[], Iterable[Array]]


def block_power(
    operator: Any,
    k: int = 1,
    tol: float | None = None,
    steps: int = 100,
    start: Any = None,
    seed: int = 0,
) -> Extremes:
    """Return the k eigenvalues of largest modulus by block power iteration.

    `extreme_eigenvalues` needs fewer products. This one holds no more than 2 (k + 5) vectors, and
    each step multiplies all of them at once: one pass over a `stream_gram`.

    Parameters
    ----------
    operator : Operator, or what `eigcore.operators.operator` takes without a size
    k : int
    tol : float, optional
        Largest residual, relative to the largest |eigenvalue|; default √ε/10 of the dtype.
    steps : int
        Most products with the block. The bounds tell how far it came.
    start : (P, m) array, optional
        Initial vectors, m ≥ k, such as those of `eigcore.spectra.top_vectors`; with ``steps=1``
        they get eigenvalues and bounds. Default: k + 5 random ones.
    seed : int

    Returns
    -------
    Extremes

    Raises
    ------
    InvalidInput, NonFiniteInput
        k, tol, steps or start out of range, or products that are not finite.
    """
    operator = operator_of(operator)
    level, rows = tolerance(operator, tol), _begun(operator, k, steps, start, seed)
    xp = operator.backend.xp
    while True:
        rows, images, theta = _ritz(operator, rows)
        left = subtracted(operator, images * 1.0, theta, rows)
        bounds, steps = np.sqrt(dots(operator, left, left))[:k], steps - 1
        if not steps or bounds.max() <= level * abs(theta[0]):
            break
        rows = _orthonormal(operator, images, theta, rows)
    order = np.argsort(theta[:k])
    chosen = xp.concat([rows[int(i) : int(i) + 1, :] for i in order], axis=0)
    return Extremes(theta[order], bounds[order], xp.moveaxis(chosen, 0, 1))


def stream_gram(blocks: Blocks, backend: str | Backend | None = None) -> Operator:
    """Return the operator XᵀX/n of rows that come in blocks; each product is one pass over them.

    Parameters
    ----------
    blocks : sequence of (b, P) arrays, or function
        A function returns an iterator over the blocks, anew each time.
    backend : str or Backend, optional

    Returns
    -------
    Operator

    Raises
    ------
    InvalidInput
        No blocks, blocks of other shapes, or an iterator, which can be read only once.
    """
    if not callable(blocks) and (isinstance(blocks, str) or not isinstance(blocks, Sequence)):
        raise InvalidInput(
            f"The blocks are a {type(blocks).__name__}, which can be read once; expected a list "
            "or a function that returns them anew. Type: stream_gram(lambda: read_blocks())"
        )

    def passed() -> Iterable[Array]:
        return blocks() if callable(blocks) else blocks

    first: Any = next(iter(passed()), None)
    if first is None:
        raise InvalidInput("There are no blocks; expected arrays (b, P). Give a list of them.")
    chosen = infer(first, backend=backend)
    like = chosen.asarray(first)
    if chosen.dtype_name(like) not in ("float32", "float64"):
        like = chosen.asarray(like, dtype="float64")
    if len(like.shape) != 2 or 0 in like.shape:
        raise InvalidInput(f"A block has shape {tuple(like.shape)}; expected (b, P), not empty.")

    def products(vectors: Array) -> Array:
        total, count = 0.0 * vectors, 0
        for block in passed():
            X = chosen.asarray(block, like=like)
            if tuple(X.shape[1:]) != tuple(like.shape[1:]):
                raise InvalidInput(
                    f"A block has shape {tuple(X.shape)} after one of {tuple(like.shape)}; "
                    "expected equal widths. Pad the rows with zeros."
                )
            total = total + (vectors @ chosen.xp.moveaxis(X, 0, 1)) @ X
            count += X.shape[0]
        return total / count

    return Operator(like.shape[1], chosen, like[:0, 0], products)


def _begun(operator: Operator, k: int, steps: int, start: Any, seed: int) -> Array:
    """Return orthonormal rows to begin with."""
    if not is_whole(k) or not 1 <= k <= operator.size:
        raise InvalidInput(f"k is {k!r}; expected an integer from 1 to {operator.size}. Write k=1.")
    if not is_whole(steps) or steps < 1:
        raise InvalidInput(f"steps is {steps!r}; expected an integer above 0. Write steps=100.")
    if start is None:
        width = min(operator.size, k + 5)
        rows = operator.array(generator(seed).normal(size=(width, operator.size)))
    else:
        given = operator.array(start)
        if len(given.shape) != 2 or given.shape[0] != operator.size or given.shape[1] < k:
            raise InvalidInput(
                f"start has shape {tuple(given.shape)}; expected ({operator.size}, m) with m of at "
                f"least k = {k}. Leave it out for random vectors."
            )
        rows = operator.backend.xp.moveaxis(_finite(operator, given, "start"), 0, 1)
    return _whitened(operator, _whitened(operator, rows))


def _finite(operator: Operator, a: Array, what: str) -> Array:
    if operator.backend.is_concrete(a) and not operator.backend.all_finite(a):
        raise NonFiniteInput(
            f"{what} is NaN or infinite; expected finite numbers. Check the matrix, or the blocks "
            "of the stream, for NaN and infinity."
        )
    return a


def _ritz(operator: Operator, rows: Array) -> tuple[Array, Array, np.ndarray]:
    """Return Ritz vectors of orthonormal rows, their images, and their values by modulus."""
    images = _finite(operator, operator.products(rows), "A product with the operator")
    theta, U = np.linalg.eigh(_products(operator, rows, images))
    order = np.argsort(-np.abs(theta))
    turn = operator.array(np.ascontiguousarray(U[:, order].T))
    return turn @ rows, turn @ images, theta[order]


def _orthonormal(operator: Operator, images: Array, theta: np.ndarray, rows: Array) -> Array:
    """Return orthonormal rows that span the images; a vector of the kernel stays."""
    size = np.sqrt(dots(operator, images, images))
    kept = size <= 1e3 * float(np.finfo(operator.dtype).eps) * abs(theta[0])
    inverse = operator.array(np.where(kept, 0.0, 1.0 / np.where(kept, 1.0, size)))[:, None]
    rows = inverse * images + operator.array(kept.astype(float))[:, None] * rows
    return _whitened(operator, _whitened(operator, rows))


def _whitened(operator: Operator, rows: Array) -> Array:
    """Return W rows with W = G^(−½) of their products G: twice makes rows orthonormal."""
    values, U = np.linalg.eigh(_products(operator, rows, rows))
    values = np.maximum(values, float(np.finfo(operator.dtype).eps) * values[-1])
    return operator.array((U / np.sqrt(values)) @ U.T) @ rows


def _products(operator: Operator, a: Array, b: Array) -> np.ndarray:
    """Return the symmetric matrix of the products of rows, on NumPy in float64."""
    backend = operator.backend
    found = backend.to_numpy(a @ backend.xp.moveaxis(b, 0, 1))
    found = np.asarray(found, np.float64)
    return 0.5 * (found + found.T)
