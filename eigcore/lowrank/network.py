"""What `compress` needs to know of a model, whatever its framework."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput


@dataclass(frozen=True)
class Seen:
    """What one batch shows of the layers of a model.

    Parameters
    ----------
    output : any
        What the model returns.
    inputs, outputs : dict of name to (N, n) and (N, m) arrays
        Of the layers that were used; outputs may have a bias.
    gradients : dict of name to (m, n) array
        Of the loss, by the weights; empty without a loss.
    """

    output: Any
    inputs: dict[str, Array]
    outputs: dict[str, Array]
    gradients: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Replacement:
    """y = B A x + C x[place] + shift in place of y = W x.

    Parameters
    ----------
    B, A : (m, r) and (r, n) arrays
        r may be 0. Layers of one group have the same object A.
    C : (m, k) array
        k may be 0.
    place : (k,) array of int
        NumPy, ascending.
    shift : (m,) array, optional
    """

    B: Array
    A: Array
    C: Array
    place: np.ndarray
    shift: Array | None = None

    def dense(self) -> np.ndarray:
        """Return the matrix in place of W, of NumPy arrays."""
        found = self.B @ self.A
        found[:, self.place] += self.C
        return found


class Network(abc.ABC):
    """A model of a framework with its linear layers y = W x; a backend makes it of a model.

    Attributes
    ----------
    model : any
        The object of the framework.
    apply : callable
        ``apply(model, input)`` returns the output.
    matrices : dict of name to (m, n) array
        The weights W that factors can replace.
    skipped : dict of name to str
        Why other weights cannot be replaced. Both are complete after the first batch.
    """

    model: Any
    apply: Callable[..., Any]
    matrices: dict[str, Array]
    skipped: dict[str, str]

    @abc.abstractmethod
    def see(
        self, batch: Any, target: Any = None, loss: Callable[[Any, Any], Any] | None = None
    ) -> Seen:
        """Run the model without dropout; with a loss (output, target), its gradient too."""

    @abc.abstractmethod
    def replaced(self, parts: Mapping[str, Replacement]) -> Network:
        """Return a copy with replacements of some layers."""

    def kind(self, name: str) -> Any:
        """Return what layers must have in common to share A, as a key; None: they cannot."""
        return None


def network_of(model: Any, apply: Callable[..., Any] | None) -> Network:
    """Return the model as its backend sees it."""
    first = next(_leaves(model), None)
    if first is None:
        raise InvalidInput(
            f"The {type(model).__name__} has no array; expected a torch module or nested dicts "
            "and lists of JAX arrays. Give one of them."
        )
    return infer(first).network(model, apply)


def _leaves(tree: Any) -> Iterator[Any]:
    """Yield the parameters of a torch module, or the leaves of nested parameters."""
    if hasattr(tree, "named_parameters"):
        yield from tree.parameters()
    elif isinstance(tree, (Mapping, list, tuple)):
        for part in tree.values() if isinstance(tree, Mapping) else tree:
            yield from _leaves(part)
    elif hasattr(tree, "__jax_array__"):  # a variable of flax
        yield tree.__jax_array__()
    elif hasattr(tree, "dtype") and hasattr(tree, "shape"):
        yield tree
    elif hasattr(tree, "__dict__"):
        yield from _leaves(vars(tree))


def batches_of(data: Any) -> Iterable[Any]:
    """Return data as batches that can be read twice."""
    if isinstance(data, (tuple, Mapping)) or hasattr(data, "shape"):
        return [data]
    if not isinstance(data, Iterable) or isinstance(data, Iterator):
        raise InvalidInput(
            f"data is a {type(data).__name__}; expected a batch, or a list or loader of batches "
            "that can be read twice. Write list(data)."
        )
    return data


def pairs_of(batches: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield inputs and targets; an input without a target is its own."""
    for batch in batches:
        if isinstance(batch, (tuple, list)):
            first, *more = batch
            yield first, more[0] if more else first
        else:
            yield batch, batch
