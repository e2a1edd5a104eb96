"""Weights of a JAX model as products of two factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from eigcore.errors import InvalidInput
from eigcore.plugin import Network, Replacement, Seen
from eigcore_jax.program import Form, named, run


def factored(apply: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``apply(params, *inputs)`` for parameters whose leaves may be `Factors`.

    Products with such a leaf go through its factors; where it is used in another way, or inside a
    loop, it is multiplied out, without its shift. The result can be compiled, differentiated and
    mapped.
    """

    def through(params: Any, *inputs: Any) -> Any:
        return run(apply, params, inputs, lambda name, leaf: False)[0]

    return through


class JaxNetwork(Network):
    """Parameters and ``apply``; products with the leaves are its layers."""

    def __init__(
        self, params: Any, apply: Callable[..., Any] | None, forms: dict[str, Form] | None = None
    ) -> None:
        if apply is None:
            raise InvalidInput(
                "Parameters of JAX came without a function; expected apply(params, input). Write "
                "compress(params, data, apply=apply)."
            )
        self.model, self.own, self.apply = params, apply, factored(apply)
        self.forms, self.matrices, self.skipped = forms, {}, {}
        self._watched = jax.jit(self._watch)
        self._slopes = jax.jit(self._slope, static_argnums=0)

    def see(self, batch: Any, target: Any = None, loss: Any = None) -> Seen:
        if self.forms is None:
            self.forms = self._find(batch)
        output, products = self._watched(self.model, batch)
        slopes = {} if loss is None else self._slopes(loss, self.model, batch, target)
        inputs, outputs = ({name: pair[i] for name, pair in products.items()} for i in (0, 1))
        return Seen(output, inputs, outputs, slopes)

    def replaced(self, parts: Mapping[str, Replacement]) -> JaxNetwork:
        forms = self.forms or {}
        leaves, tree = named(self.model)
        made = [
            forms[name].factors(leaf.shape, parts[name]) if name in parts else leaf
            for name, leaf in leaves
        ]
        return JaxNetwork(tree.unflatten(made), self.own, forms)

    def _find(self, batch: Any) -> dict[str, Form]:
        """Return how leaves are matrices in a program, and note which ones are not."""
        logs = []

        def tracked(name: str, leaf: Any) -> bool:
            return leaf.ndim > 1 and jnp.issubdtype(leaf.dtype, jnp.floating)

        jax.eval_shape(lambda: logs.append(run(self.own, self.model, (batch,), tracked)[1]))
        forms = {}
        for name, leaf in named(self.model)[0]:
            own = logs[0].forms.get(name, set())
            if name in logs[0].others:
                self.skipped[name] = f"used by {logs[0].others[name]}"
            elif len(own) == 1:
                [forms[name]] = own
                self.matrices[name] = forms[name].matrix(leaf)
            elif leaf.ndim > 1:
                self.skipped[name] = "a matrix in two ways" if own else "not used"
        return forms

    def _watch(self, params: Any, batch: Any) -> tuple[Any, dict[str, list[jax.Array]]]:
        forms = self.forms or {}
        output, log = run(self.own, params, (batch,), lambda name, _: name in forms)
        return output, {
            name: [jnp.concatenate([_rows(a) for a in each]) for each in zip(*pairs, strict=True)]
            for name, pairs in log.products.items()
        }

    def _slope(self, loss: Any, params: Any, batch: Any, target: Any) -> dict[str, jax.Array]:
        def value(params: Any) -> jax.Array:
            return loss(self.own(params, batch), target)

        forms = self.forms or {}
        slopes = named(jax.grad(value, allow_int=True)(params))[0]
        return {name: forms[name].matrix(leaf) for name, leaf in slopes if name in forms}


def _rows(a: jax.Array) -> jax.Array:
    return jnp.reshape(a, (-1, a.shape[-1]))
