"""Hessian, Gauss–Newton and Fisher matrices of functions of torch or JAX, as operators."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput
from eigcore.operators.operator import Operator

_DTYPES = ("float32", "float64")


def hessian(
    loss: Callable[..., Array],
    parameters: Any,
    batches: Iterable[Any] | None = None,
    backend: str | Backend | None = None,
) -> Operator:
    """Return the Hessian of a loss with respect to all its parameters, by products with vectors.

    Several vectors share one evaluation of the loss and of its gradient.

    Parameters
    ----------
    loss : function
        loss(parameters) is a number of the framework; with batches, loss(parameters, batch).
    parameters : array, or nested dicts, lists and tuples of arrays
        All float32 or all float64. In torch for example ``dict(model.named_parameters())`` with a
        loss that calls ``torch.func.functional_call(model, parameters, x)``.
    batches : iterable, optional
        The Hessian is the mean over the batches, arrays or tuples of arrays of equal shapes.
    backend : str or Backend, optional

    Returns
    -------
    Operator
        Its vectors hold the parameters in their order, each flattened.

    Raises
    ------
    InvalidInput
        Parameters that are no arrays of floats, or no batch.
    NotSupported
        If the backend does not differentiate, as NumPy.
    """

    def number(*given: Any) -> Array:
        found = loss(*given)
        if math.prod(shape := tuple(getattr(found, "shape", ()))) != 1:
            raise InvalidInput(
                f"loss returned an array of shape {shape}; expected a number. Return its mean."
            )
        return found

    return _made(
        parameters, batches, backend, lambda own, built: own.hessian_products(built(number))
    )


def gauss_newton(
    outputs: Callable[..., Array],
    loss: Callable[..., Array],
    parameters: Any,
    batches: Iterable[Any] | None = None,
    backend: str | Backend | None = None,
) -> Operator:
    """Return the Gauss–Newton matrix JᵀBJ of a loss of outputs, by products with vectors.

    J is the Jacobian of the outputs by the parameters and B the Hessian of the loss by the outputs:
    the Hessian without the curvature of the outputs, positive semidefinite if the loss is convex in
    them. It is the Fisher information if the loss is a mean of negative log-likelihoods whose
    natural parameters are the outputs, as cross-entropy of logits (Martens 2020, JMLR 21,
    section 9).

    Parameters
    ----------
    outputs : function
        outputs(parameters) is an array of the framework; with batches, outputs(parameters, batch).
    loss : function
        loss(outputs) is a number; with batches, loss(outputs, batch).
    parameters, batches, backend
        As for `hessian`.

    Returns
    -------
    Operator

    Raises
    ------
    InvalidInput, NotSupported
        As for `hessian`.
    """
    return _made(
        parameters, batches, backend,
        lambda own, built: own.hessian_products(loss, built(outputs)),
    )  # fmt: skip


def fisher(
    losses: Callable[..., Array],
    parameters: Any,
    batches: Iterable[Any] | None = None,
    backend: str | Backend | None = None,
) -> Operator:
    """Return the empirical Fisher matrix, the mean of ∇ℓᵢ∇ℓᵢᵀ, by products with vectors.

    It is an estimate of the Fisher information if the labels in the losses are drawn from the
    model; with labels of data it is not (Kunstner, Hennig and Balles 2019, arXiv:1905.12558).

    Parameters
    ----------
    losses : function
        losses(parameters) is an array (n,), the loss of each example; with batches,
        losses(parameters, batch).
    parameters, batches, backend
        As for `hessian`.

    Returns
    -------
    Operator

    Raises
    ------
    InvalidInput, NotSupported
        As for `hessian`.
    """

    def half_mean_square(each: Array, *batch: Any) -> Array:
        return 0.5 * (each * each).sum() / math.prod(each.shape)

    return gauss_newton(losses, half_mean_square, parameters, batches, backend)


Built = Callable[[Callable[..., Array]], Callable[..., Array]]
Multiply = Callable[..., tuple[Array, ...]]


def _made(
    parameters: Any,
    batches: Iterable[Any] | None,
    backend: str | Backend | None,
    make: Callable[[Backend, Built], Multiply],
) -> Operator:
    """Return the operator of the products that `make` makes.

    It gets the backend and what turns a function of parameters into one of a tuple of arrays.
    """
    leaves: list[Any] = []
    tree = _taken(parameters, leaves)
    chosen = infer(*leaves, backend=backend)
    arrays = tuple(chosen.detach(chosen.asarray(a)) for a in leaves)
    kinds = {chosen.dtype_name(a) for a in arrays}
    if len(kinds) != 1 or not kinds.issubset(_DTYPES):
        raise InvalidInput(
            f"The parameters hold {', '.join(sorted(kinds)) or 'nothing'}; expected arrays of one "
            "dtype, float32 or float64. Leave parameters out that are not trained."
        )
    batches = batches if batches is None else list(batches)
    if batches is not None and not len(batches):
        raise InvalidInput("There are 0 batches; expected one or more. Leave batches out.")

    def built(function: Callable[..., Array]) -> Callable[..., Array]:
        return lambda own, *batch: function(_built(tree, iter(own)), *batch)

    given = [()] if batches is None else [(batch,) for batch in batches]
    products = _products(chosen, make(chosen, built), arrays, given)
    return Operator(sum(math.prod(a.shape) for a in arrays), chosen, arrays[0], products)


def _products(
    backend: Backend,
    multiply: Multiply,
    arrays: tuple[Array, ...],
    batches: Sequence[tuple[Any, ...]],
) -> Callable[[Array], Array]:
    """Return the products of the mean over the batches: (m, P) -> (m, P)."""
    xp = backend.xp
    shapes = [tuple(a.shape) for a in arrays]
    sizes = [math.prod(shape) for shape in shapes]
    starts = [sum(sizes[:number]) for number in range(len(sizes))]

    def products(vectors: Array) -> Array:
        m = vectors.shape[0]
        parts = tuple(
            xp.reshape(vectors[:, start : start + size], (m, *shape))
            for start, size, shape in zip(starts, sizes, shapes, strict=True)
        )
        total: Any = None
        for batch in batches:
            images = multiply(arrays, parts, *batch)
            own = xp.concat([xp.reshape(each, (m, -1)) for each in images], axis=1)
            total = own if total is None else total + own
        return total if len(batches) == 1 else total / len(batches)

    return products


def _taken(tree: Any, leaves: list[Any]) -> Any:
    """Append the arrays of a tree to `leaves`, and return the tree without them."""
    if isinstance(tree, Mapping):
        return {name: _taken(each, leaves) for name, each in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)([_taken(each, leaves) for each in tree])
    if isinstance(tree, Iterator):
        return [_taken(each, leaves) for each in tree]
    if not hasattr(tree, "dtype"):
        raise InvalidInput(
            f"The parameters hold a {type(tree).__name__}; expected arrays, in dicts, lists and "
            "tuples. Leave it out, and let the loss know it."
        )
    leaves.append(tree)
    return None


def _built(tree: Any, leaves: Any) -> Any:
    """Return a tree with arrays in the places of None."""
    if isinstance(tree, dict):
        return {name: _built(each, leaves) for name, each in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)([_built(each, leaves) for each in tree])
    return next(leaves)
