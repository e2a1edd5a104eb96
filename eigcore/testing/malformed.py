"""Backends of the wrong form, or with declarations that hide it; laws must reject these too.

They prove that checks never pass because nothing was tested: a dtype that is not returned, a
backend that declares nothing, laws that are all skipped. For wrong numbers see
`eigcore.testing.broken`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from eigcore.core.arrays import FUNCTIONS, Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import NotSupported
from eigcore.testing.wrapped import Wrapped


class Declares(Wrapped):
    """A good backend with other declarations, those in `changed`."""

    changed: ClassVar[dict[str, Any]] = {}

    def __init__(self, good: Backend) -> None:
        super().__init__(good)
        self.capabilities = replace(good.capabilities, **self.changed)  # type: ignore[misc]


# -- declarations


class NarrowsFloat64(Wrapped):
    """Declares float64 but returns float32."""

    rejected_by = "a_declared_dtype_comes_back"

    def asarray(self, a: Any, **options: Any) -> Array:
        there = self.good.asarray(a, **options)
        return there.astype(np.float32) if there.dtype == np.float64 else there


class IgnoresLike(Wrapped):
    """Returns float64, whatever `like` is."""

    rejected_by = "a_declared_dtype_comes_back"

    def asarray(self, a: Any, **options: Any) -> Array:
        return self.good.asarray(a, **{**options, "like": None})


class NoDtypes(Declares):
    """Declares no dtype, so every law is skipped."""

    rejected_by = "something_is_declared"
    changed: ClassVar[dict[str, Any]] = {"dtypes": ()}


class NoStructures(Declares):
    """Declares no structure, so every law is skipped."""

    rejected_by = "something_is_declared"
    changed: ClassVar[dict[str, Any]] = {"structures": ()}


class HalfPrecisionOnly(Declares):
    """Declares only dtypes that eigensolvers never receive."""

    rejected_by = "something_is_declared"
    changed: ClassVar[dict[str, Any]] = {"dtypes": ("float16",)}


class ForeignArrays(Declares):
    """Declares the arrays of a library that it does not use."""

    rejected_by = "arrays_are_of_a_declared_library"
    changed: ClassVar[dict[str, Any]] = {"arrays": ("cupyish",)}


class ForeignDevices(Declares):
    """Declares devices, and is on none of them."""

    rejected_by = "arrays_are_on_a_declared_device"
    changed: ClassVar[dict[str, Any]] = {"devices": ("cuda", "moon")}


class NoDevices(Declares):
    """Declares no device."""

    rejected_by = "arrays_are_on_a_declared_device"
    changed: ClassVar[dict[str, Any]] = {"devices": ()}


class SkipsEverything(NarrowsFloat64):
    """Has its only dtype switched off."""

    rejected_by = "some_law_runs"

    def __init__(self, good: Backend) -> None:
        super().__init__(good)
        self.capabilities = replace(good.capabilities, dtypes=("float64",))  # type: ignore[misc]

    def switched_off(self, dtype: str) -> str:
        return "float64 is switched off."


class SkipsOneDtype(Wrapped):
    """Reports float64 as switched off, though it is not."""

    rejected_by = "only_what_is_missing_is_switched_off"

    def switched_off(self, dtype: str) -> str:
        return "float64 is switched off." if dtype == "float64" else ""


# -- form


class LacksFunctions(Wrapped):
    """Has an array namespace without argsort."""

    rejected_by = "the_preflight_finds_nothing"

    def __init__(self, good: Backend) -> None:
        super().__init__(good)
        names = set(FUNCTIONS) - {"argsort"}
        self.xp = SimpleNamespace(**{name: getattr(good.xp, name) for name in names})  # type: ignore[misc]


class GivesLists(Wrapped):
    """Returns lists instead of NumPy arrays."""

    rejected_by = "the_preflight_finds_nothing"

    def to_numpy(self, a: Array) -> Any:
        return self.good.to_numpy(a).tolist()


class TakesNoDtype(Wrapped):
    """Has an `asarray` without dtype."""

    rejected_by = "the_preflight_finds_nothing"

    def asarray(self, a: Any) -> Array:  # type: ignore[override]
        return self.good.asarray(a)


class ForgetsToReturn(Wrapped):
    """Returns None from `eigenpairs`."""

    rejected_by = "the_preflight_finds_nothing"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> Any:
        self.good.eigenpairs(M, lo, hi)


class ValuesOnly(Wrapped):
    """Returns no vectors."""

    rejected_by = "the_preflight_finds_nothing"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> Any:
        return self.good.eigenpairs(M, lo, hi)[0]


class WholeSpectrum(Wrapped):
    """Returns all pairs, whatever lo and hi are."""

    rejected_by = "the_preflight_finds_nothing"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        return self.good.eigenpairs(M, 0, M.shape[-1] - 1)


class FirstPairs(Wrapped):
    """Returns pairs from the first one on, whatever lo is."""

    rejected_by = "the_preflight_finds_nothing"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        return self.good.eigenpairs(M, 0, hi - lo)


class Descending(Wrapped):
    """Returns the largest eigenvalue first."""

    rejected_by = "the_preflight_finds_nothing"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        lam, V = self.good.eigenpairs(M, lo, hi)
        return lam[..., ::-1], V[..., ::-1]


class SwappedVectors(Wrapped):
    """Returns ascending values with the vectors of descending ones."""

    rejected_by = "the_preflight_finds_nothing"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        lam, V = self.good.eigenpairs(M, lo, hi)
        return lam, V[..., ::-1]


class LongVectors(Wrapped):
    """Returns vectors of length two."""

    rejected_by = "the_preflight_finds_nothing"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        lam, V = self.good.eigenpairs(M, lo, hi)
        return lam, V + V


class Widens(Wrapped):
    """Returns float64 for float32."""

    rejected_by = "the_preflight_finds_nothing"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        lam, V = self.good.eigenpairs(M, lo, hi)
        return lam.astype(np.float64), V.astype(np.float64)


class NoGradient(Declares):
    """Declares derivatives but has none."""

    rejected_by = "the_preflight_finds_nothing"
    changed: ClassVar[dict[str, Any]] = {"autodiff": True}

    def gradient(self, function: Callable[..., Array], *arrays: Array) -> tuple[Array, ...]:
        raise NotSupported("no gradient here")


class HalfOfTheGradient(Wrapped):
    """Attaches half of the gradient."""

    rejected_by = "the_preflight_finds_nothing"
    wraps = "torch"

    def gradient(self, function: Callable[..., Array], *arrays: Array) -> tuple[Array, ...]:
        return tuple(g / 2 for g in self.good.gradient(function, *arrays))


MALFORMED: tuple[type[Wrapped], ...] = tuple(
    kind
    for kind in vars().copy().values()
    if isinstance(kind, type) and issubclass(kind, Wrapped) and hasattr(kind, "rejected_by")
)
"""All of them."""
