"""Backends that hide solves from `trace`, for `eigcore.testing.broken`."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.rules import Rule
from eigcore.core.sources import Answer, Source, Want
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.parts import window
from eigcore.testing.wrapped import Wrapped


class Untraced(Wrapped):
    """Solves behind the back of `trace`."""

    rejected_by = "trace_tells_what_ran"

    def eigenpairs(self, M: Array, lo: int, hi: int) -> tuple[Array, Array]:
        return window(tuple(np.linalg.eigh(M)), lo, hi)


class SolvesUnseen(Wrapped):
    """Compiles `call`: what was compiled once solves behind the back of `trace`."""

    rejected_by = "trace_tells_what_ran"

    def __init__(self, good: Backend) -> None:
        super().__init__(good)
        self.compiled_before: set[Any] = set()

    def call(self, function: Callable[..., Any], static: tuple[Any, ...], *arrays: Array) -> Any:
        run = partial(super().call, function, static, *arrays)
        key = function, static, *(str(a.dtype) for a in arrays)
        if key in self.compiled_before:
            return Context().run(run)
        self.compiled_before.add(key)
        return run()


class UntracedBands(Wrapped):
    """Hides the solves of tridiagonal matrices from `trace`."""

    rejected_by = "trace_tells_what_ran"

    def eigenpairs_tridiagonal(self, diag: Array, off: Array, lo: int, hi: int) -> Any:
        return window(tuple(np.linalg.eigh(self._dense(diag, off))), lo, hi)

    def eigenvalues_tridiagonal(self, diag: Array, off: Array, lo: int, hi: int) -> Array:
        return self.eigenpairs_tridiagonal(diag, off, lo, hi)[0]


class UntracedValues(Wrapped):
    """Hides the solves without vectors from `trace`."""

    rejected_by = "trace_tells_what_ran"

    def eigenvalues(self, M: Array, lo: int, hi: int) -> Array:
        return window(np.linalg.eigvalsh(M), lo, hi)


class HidesAKernel(Wrapped):
    """Hides a kernel of banded models from `trace`."""

    rejected_by = "trace_tells_what_ran"

    def kernel(self, rule: Rule, source: Source, want: Want) -> Answer | None:
        if rule.layout.bandwidth != 2 or want != "values":
            return None
        return Context().run(rule.composed, self.good, source.assembled(self.good), want)
