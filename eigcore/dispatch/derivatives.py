"""The derivatives of a rule, attached to its value by a library's own custom derivatives."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NoReturn

from eigcore.core.arrays import Array
from eigcore.core.rules import Rule
from eigcore.core.sources import Source
from eigcore.errors import NotDifferentiable

if TYPE_CHECKING:
    from eigcore.dispatch.backend import Backend


def values_of(backend: Backend, rule: Rule, kind: type[Source], *arrays: Array) -> Array:
    """Return the values of a source of this kind; `Backend.evaluate` lets `call` compile this."""
    source = kind(*arrays)
    if not backend.capabilities.autodiff:
        return rule.solve(backend, source, "values").values
    return backend.differentiable(rule)(source.assembled(backend))


@lru_cache(maxsize=1024)
def attached(backend: Backend, rule: Rule) -> Callable[[Array], Array]:
    """Return ``rule.value`` with first and second derivatives, attached by `Backend.with_vjp`."""
    curvature = backend.with_vjp(partial(rule.curvature, backend), refused)

    def second(p: Array, outputs: tuple[Array, Array], g: Array, g_gradient: Array) -> Array:
        turned = rule.gradient_cotangent(backend, curvature(p), g_gradient)
        return rule.cotangent(backend, outputs[1], g) + turned

    value_and_gradient = backend.with_vjp(partial(rule.value_and_gradient, backend), second)

    def first(p: Array, value: Array, g: Array) -> Array:
        return rule.cotangent(backend, value_and_gradient(p)[1], g)

    return backend.with_vjp(partial(rule.value, backend), first)


def refused(*_: Any) -> NoReturn:
    """Raise NotDifferentiable: the vjp of what has no derivative."""
    raise NotDifferentiable(
        "eigcore has first and second derivatives of eigenvalues and norms, but no third ones "
        "and none of eigenvectors. Use kth_eigenvalue, or detach the argument."
    )
