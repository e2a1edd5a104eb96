"""A JAX program read step by step, so that products with leaves of its parameters can be seen.

Such a product goes through two factors where a leaf has them; the code of the model need not know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from eigcore.plugin import Replacement

CALLS = ("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint")
"""Primitives whose program is read as if it stood in their place."""


@jax.tree_util.register_static
@dataclass(frozen=True)
class Place:
    """Where entries stand among the inputs of a leaf, which are its last axes or the first ones.

    It belongs to the structure of a pytree, so that it is never differentiated.
    """

    at: tuple[int, ...]
    last: bool


class Factors(NamedTuple):
    """A leaf of parameters that is ``jnp.tensordot(left, right, 1)``.

    `kept` is added to the leaf at its `place`, and `shift` to products with inputs, if they exist.
    """

    left: jax.Array
    right: jax.Array
    shift: jax.Array | None = None
    kept: jax.Array | None = None
    place: Place | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the leaf."""
        return self.left.shape[:-1] + self.right.shape[1:]

    @property
    def dtype(self) -> Any:
        """The dtype of the leaf."""
        return self.left.dtype

    def dense(self) -> jax.Array:
        """Return the leaf."""
        product = jnp.tensordot(self.left, self.right, 1)
        if self.kept is None or self.place is None:
            return product
        rows, at = int(np.prod(self.left.shape[:-1])), np.array(self.place.at)
        flat = jnp.reshape(product, (rows, -1))
        if self.place.last:
            flat = flat.at[:, at].add(jnp.reshape(self.kept, (rows, -1)))
        else:
            flat = flat.at[at].add(jnp.reshape(self.kept, (len(at), -1)))
        return jnp.reshape(flat, product.shape)


@dataclass(frozen=True)
class Leaf:
    """A leaf inside the program: its value, and which axis of it stands at each place."""

    name: str
    value: Any
    axes: tuple[int, ...]
    dtype: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the leaf itself."""
        return self.value.shape

    def dense(self) -> jax.Array:
        """Return the array that the program has here."""
        value = self.value.dense() if isinstance(self.value, Factors) else self.value
        return jnp.transpose(value, self.axes).astype(self.dtype)


@dataclass(frozen=True)
class Form:
    """How a leaf is a matrix: `count` of its axes are inputs, the last ones or the first."""

    count: int
    last: bool

    def matrix(self, leaf: jax.Array) -> jax.Array:
        """Return the leaf as a matrix (m, n)."""
        cut = leaf.ndim - self.count if self.last else self.count
        flat = jnp.reshape(
            leaf, [int(np.prod(part)) for part in (leaf.shape[:cut], leaf.shape[cut:])]
        )
        return flat if self.last else flat.T

    def factors(self, shape: tuple[int, ...], part: Replacement) -> Factors:
        """Return a replacement of the matrix as factors of a leaf of a shape."""
        left, right = (part.B, part.A) if self.last else (part.A.T, part.B.T)
        cut = len(shape) - self.count if self.last else self.count
        left = jnp.reshape(left, (*shape[:cut], left.shape[1]))
        right = jnp.reshape(right, (right.shape[0], *shape[cut:]))
        at = tuple(map(int, part.place))
        if not at:
            return Factors(left, right, part.shift)
        own = (*shape[:cut], len(at)) if self.last else (len(at), *shape[cut:])
        kept = jnp.reshape(part.C if self.last else part.C.T, own)
        return Factors(left, right, part.shift, kept, Place(at, self.last))


def leaf_of(name: str, value: Any) -> Leaf:
    """Return a leaf as the parameters have it."""
    return Leaf(name, value, tuple(range(len(value.shape))), value.dtype)


def form_of(inputs: list[int], outputs: list[int]) -> Form | None:
    """Return the form with these axes; None if they do not stand in one piece, in order."""
    if not inputs or not outputs:
        return None
    last = outputs[0] == 0
    whole = [*outputs, *inputs] if last else [*inputs, *outputs]
    return Form(len(inputs), last) if whole == sorted(whole) else None


@dataclass
class Log:
    """Inputs and outputs of leaves, the ways in which they are matrices, and their other uses."""

    products: dict[str, list[tuple[jax.Array, jax.Array]]] = field(default_factory=dict)
    forms: dict[str, set[Form]] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)

    def multiply(self, leaf: Leaf, X: jax.Array, form: Form, precision: Any) -> jax.Array:
        """Return the matrix of a leaf times the rows of X (…, n), and note it."""
        value = leaf.value

        def times(part: jax.Array, own: Form, X: jax.Array) -> jax.Array:
            axes = (((X.ndim - 1,), (1,)), ((), ()))
            M = own.matrix(part).astype(leaf.dtype)
            return jax.lax.dot_general(X, M, axes, precision=precision)

        if isinstance(value, Factors):
            one = replace(form, count=1)
            first, second = (value.right, form), (value.left, one)
            if not form.last:
                first, second = (value.left, form), (value.right, one)
            Y = times(*second, times(*first, X))
            if value.kept is not None and value.place is not None:
                Y = Y + times(value.kept, one, X[..., np.array(value.place.at)])
            if value.shift is not None:
                Y = Y + value.shift.astype(Y.dtype)
        else:
            Y = times(value, form, X)
        self.products.setdefault(leaf.name, []).append((X, Y))
        self.forms.setdefault(leaf.name, set()).add(form)
        return Y


def named(params: Any) -> tuple[list[tuple[str, Any]], Any]:
    """Return the leaves with their names, and the structure of the tree."""
    pairs, tree = jax.tree_util.tree_flatten_with_path(
        params, is_leaf=lambda leaf: isinstance(leaf, Factors)
    )
    name = partial(jax.tree_util.keystr, simple=True, separator=".")
    return [(name(path) or "W", leaf) for path, leaf in pairs], tree


def run(
    apply: Callable[..., Any], params: Any, inputs: Any, tracked: Callable[[str, Any], bool]
) -> tuple[Any, Log]:
    """Return the output of a model, and a log of the leaves that are tracked."""
    pairs, tree = named(params)
    leaves = [leaf_of(name, leaf) for name, leaf in pairs]
    symbols = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves]
    closed, shape = jax.make_jaxpr(apply, return_shape=True)(tree.unflatten(symbols), *inputs)
    log = Log()
    own = [
        leaf if isinstance(leaf.value, Factors) or tracked(leaf.name, leaf.value) else leaf.value
        for leaf in leaves
    ]
    found = _evaluate(closed.jaxpr, closed.consts, [*own, *jax.tree.leaves(inputs)], log)
    dense = [_dense(value, "the output", log) for value in found]
    return jax.tree.unflatten(jax.tree.structure(shape), dense), log


def _evaluate(program: core.Jaxpr, consts: Any, args: list[Any], log: Log) -> list[Any]:
    """Run a program whose arguments may be leaves."""
    at = dict(zip([*program.constvars, *program.invars], [*consts, *args], strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, core.Literal) else at[atom]

    for step in program.eqns:
        values = [read(atom) for atom in step.invars]
        found = None
        if any(isinstance(value, Leaf) for value in values):
            found = _with_leaf(step, values, log)
        if found is None:
            found = _bound(step, [_dense(value, step.primitive.name, log) for value in values])
        at.update(zip(step.outvars, found, strict=True))
    return [read(atom) for atom in program.outvars]


def _bound(step: core.JaxprEqn, values: list[Any]) -> list[Any]:
    """Run a step on arrays."""
    params = step.primitive.get_bind_params(step.params)
    # a pair (functions, parameters) before JAX 0.8:
    # https://docs.jax.dev/en/latest/notebooks/Writing_custom_interpreters_in_Jax.html
    functions, params = params if isinstance(params, tuple) else ((), params)
    with step.ctx.manager:
        found = step.primitive.bind(*functions, *values, **params)
    return found if step.primitive.multiple_results else [found]


def _dense(value: Any, use: str, log: Log) -> Any:
    """Return a value as an array, and note what it is used by if it is a leaf."""
    if not isinstance(value, Leaf):
        return value
    log.others[value.name] = use
    return value.dense()


def _with_leaf(step: core.JaxprEqn, values: list[Any], log: Log) -> list[Any] | None:
    """Run a step that keeps a leaf or multiplies by it; None for any other."""
    name, params, first = step.primitive.name, step.params, values[0]
    if name in CALLS:
        inner = params["jaxpr"] if "jaxpr" in params else params["call_jaxpr"]
        if isinstance(inner, core.ClosedJaxpr):
            return _evaluate(inner.jaxpr, inner.consts, values, log)
        return _evaluate(inner, (), values, log)
    if name == "transpose":
        return [replace(first, axes=tuple(first.axes[i] for i in params["permutation"]))]
    if name == "convert_element_type":
        return [replace(first, dtype=params["new_dtype"])]
    if name == "dot_general":
        found = _dot(params, values, log)
    elif name == "conv_general_dilated":
        found = _convolution(params, values, log)
    else:
        return None
    made: Any = step.outvars[0].aval
    return None if found is None else [found.astype(made.dtype)]


def _dot(params: Any, values: list[Any], log: Log) -> jax.Array | None:
    """Return a product with a leaf; None if its axes are not those of a matrix."""
    contracted, batch = params["dimension_numbers"]
    side = 0 if isinstance(values[0], Leaf) else 1
    leaf, x = values[side], values[1 - side]
    if batch[0] or isinstance(x, Leaf):
        return None
    pairs = sorted(
        (leaf.axes[i], j) for i, j in zip(contracted[side], contracted[1 - side], strict=True)
    )
    inputs = [axis for axis, _ in pairs]
    outputs = [axis for i, axis in enumerate(leaf.axes) if i not in contracted[side]]
    form = form_of(inputs, outputs)
    if form is None:
        return None
    X = jnp.moveaxis(x, [j for _, j in pairs], range(-len(pairs), 0))
    lead = X.shape[: X.ndim - len(pairs)]
    Y = log.multiply(leaf, jnp.reshape(X, (*lead, -1)), form, params["precision"])
    Y = jnp.reshape(Y, (*lead, *(leaf.shape[axis] for axis in outputs)))
    if side == 1:
        return Y
    return jnp.moveaxis(Y, range(len(lead), Y.ndim), range(len(outputs)))


def _convolution(params: Any, values: list[Any], log: Log) -> jax.Array | None:
    """Return a 1×1 convolution with a leaf; None for others."""
    x, leaf, places = *values, params["dimension_numbers"]
    if isinstance(x, Leaf) or leaf.axes != tuple(range(len(leaf.shape))):
        return None
    sizes = [leaf.shape[axis] for axis in places.rhs_spec[2:]]
    groups = params["feature_group_count"], params["batch_group_count"]
    padded = any(any(pair) for pair in params["padding"])
    if {*sizes, *groups, *params["lhs_dilation"]} != {1} or padded:
        return None
    output = places.rhs_spec[0]
    form = form_of([axis for axis in leaf.axes if axis != output], [output])
    if form is None:
        return None
    X = jnp.transpose(x, (places.lhs_spec[0], *places.lhs_spec[2:], places.lhs_spec[1]))
    X = X[(slice(None), *(slice(None, None, step) for step in params["window_strides"]))]
    Y = log.multiply(leaf, X, form, params["precision"])
    spec = places.out_spec
    return jnp.moveaxis(Y, range(Y.ndim), (spec[0], *spec[2:], spec[1]))
