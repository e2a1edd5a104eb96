"""array_api_strict in its strictest flags as a backend: what it runs on, any array library can."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import array_api_strict as xp
import numpy as np

from eigcore.plugin import Backend, Capabilities, Rule, hookimpl, window

xp.set_array_api_strict_flags(
    api_version="2024.12",
    boolean_indexing=False,
    data_dependent_shapes=False,
    enabled_extensions=(),
)


class StrictBackend(Backend):
    """Eigenpairs by LAPACK; all else by the functions of the standard, and nothing beside them."""

    name = "strict"
    plugin_api = 3
    capabilities = Capabilities(arrays=("array_api_strict",), dtypes=("float64", "float32"))
    xp = xp

    def asarray(self, a: Any, *, like: Any = None, dtype: Any = None, device: Any = None) -> Any:
        own = hasattr(a, "__array_namespace__") and not isinstance(a, np.ndarray | np.generic)
        a = a if own else xp.asarray(a, device=None if like is None else like.device)
        if isinstance(dtype, str):
            dtype = getattr(xp, dtype)
        if like is not None and xp.isdtype(a.dtype, "real floating"):
            dtype = like.dtype
        return a if dtype is None else xp.astype(a, dtype)

    @np.errstate(invalid="ignore")  # the library is NumPy, which warns of inf · 0
    def call(self, function: Callable[..., Any], static: tuple[Any, ...], *arrays: Any) -> Any:
        return function(self, *static, *arrays)

    def to_numpy(self, a: Any) -> np.ndarray:
        return np.from_dlpack(a)

    def eigenpairs(self, M: Any, lo: int, hi: int) -> tuple[Any, Any]:
        return window(self.solve("numpy.linalg.eigh", self._eigh, M), lo, hi)

    def _eigh(self, M: Any) -> tuple[Any, Any]:
        values, vectors = np.linalg.eigh(self.to_numpy(M))
        return self.asarray(values, like=M), self.asarray(vectors, like=M)

    def differentiable(self, rule: Rule) -> Callable[[Any], Any]:
        return partial(rule.value, self)


@hookimpl
def eigcore_backend() -> Backend:
    """Return the backend."""
    return StrictBackend()
