"""A backend around a backend, to change one thing in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.rules import Rule
from eigcore.dispatch.backend import PLUGIN_API, Backend


class Wrapped(Backend):
    """A good backend under its own name; a subclass changes one thing.

    Parameters
    ----------
    good : Backend
    """

    plugin_api = PLUGIN_API
    rejected_by: ClassVar[str]
    """Name of the law that it breaks."""
    wraps: ClassVar[str] = "numpy"
    """Name of the backend that it is made for."""

    def __init__(self, good: Backend) -> None:
        self.good = good
        self.name, self.capabilities, self.xp = good.name, good.capabilities, good.xp  # type: ignore[misc]

    def dtype_name(self, a: Array) -> str:
        return self.good.dtype_name(a)

    def asarray(self, a: Any, **options: Any) -> Array:
        return self.good.asarray(a, **options)

    def to_numpy(self, a: Array) -> np.ndarray:
        return self.good.to_numpy(a)

    def switched_off(self, dtype: str) -> str:
        return self.good.switched_off(dtype)

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        return self.good.eigenpairs(M, lo, hi)

    def svd(self, X: Array) -> tuple[Array, Array, Array] | None:
        return self.good.svd(X)

    def differentiable(self, rule: Rule) -> Callable[[Array], Array]:
        if self.capabilities.autodiff:
            return self.good.differentiable(rule)
        return partial(rule.value, self)

    def call(self, function: Callable[..., Any], static: tuple[Any, ...], *arrays: Array) -> Any:
        with np.errstate(all="ignore"):
            return function(self, *static, *arrays)

    def is_concrete(self, a: Array) -> bool:
        return self.good.is_concrete(a)

    def all_finite(self, a: Array) -> bool:
        return self.good.all_finite(a)

    def detach(self, a: Array) -> Array:
        return self.good.detach(a)

    def undifferentiable(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return self.good.undifferentiable(function)

    def gradient(self, function: Callable[..., Array], *arrays: Array) -> tuple[Array, ...]:
        return self.good.gradient(function, *arrays)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return self.good.compiled(function)


class Attached(Wrapped):
    """Attaches a derivative of its own to the rules of one class."""

    wraps = "torch"
    rules: ClassVar[type]

    def differentiable(self, rule: Any) -> Callable[[Array], Array]:
        right = self.good.differentiable(rule)
        return self.wrong(rule) if isinstance(rule, self.rules) else right

    def wrong(self, rule: Any) -> Callable[[Array], Array]:
        """Return the function of a rule, with the wrong derivative."""
        raise NotImplementedError
