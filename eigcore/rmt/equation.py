"""Laws whose Stieltjes transform solves a fixed-point equation."""

from __future__ import annotations

import abc
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from eigcore.core.arrays import Array
from eigcore.rmt.edges import Edge, attached, found_edges
from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.law import Law

FACTOR, LOWEST = 0.1, 1e-10
"""Of the continuation towards the real line: the next height, and the last one above it."""


class EquationLaw(Law):
    """A law with m(z) = value(δ, z), where δ = step(δ, z) lies above the real line for z above it.

    NumPy follows δ from high above the real line down to z. The framework of the parameters takes
    it over as the initial value of `fixed_point`, which attaches the derivative.
    """

    system: ClassVar[bool] = False
    """Whether δ has a last axis of unknowns."""
    _slope: Any = None

    @abc.abstractmethod
    def _step(self, d: Array, z: Array, *parameters: Array) -> Array:
        """Return step(δ, z) of the equation."""

    @abc.abstractmethod
    def _value(self, d: Array, z: Array, *parameters: Array) -> Array:
        """Return m(z) from the solution δ."""

    def joined(self, d: Array, z: Array) -> tuple[Array, Array]:
        """See `Law.joined`."""
        given = d if self.system else d[:, 0]
        new = self._step(given, z, *self.parameters)
        return self._value(given, z, *self.parameters), new if self.system else new[:, None]

    @abc.abstractmethod
    def _span(self) -> tuple[float, float]:
        """Return two points between which the spectrum lies."""

    def _transform(self, z: Array) -> Array:
        return self._value(self.solution(z), z, *self.parameters)

    def solution(self, z: Array) -> Array:
        """Return δ(z) for complex z (k,), on or above the real line."""
        backend = self.backend
        start = self.host.started(backend.to_numpy(backend.detach(z)))
        if backend.name == "numpy":
            return start
        return fixed_point(
            backend,
            self._step,
            backend.asarray(start),
            (z, *self.parameters),
            slope=self._slope,
            system=self.system,
            promised=1e-8,
            what=f"equation of the {self.name}",
        )

    def started(self, z: np.ndarray, promised: float = 1e-10) -> np.ndarray:
        """Return δ(z) on NumPy, by continuation from high above the real line."""
        lo, hi = self._span()
        size = max(hi - lo, abs(hi), abs(lo))
        height, d, count = size, None, len(z)
        while height > LOWEST * size and (d is None or bool((np.imag(z) < height).any())):
            above = np.real(z) + 1j * np.maximum(np.imag(z), height)
            if d is None:
                d = self._initial(above).reshape((count, -1) if self.system else (count,))
            d = self.solved(above, d, promised=1e-6)
            height *= FACTOR
        on_line = bool((np.imag(z) == 0).any())
        return self.solved(z, d, promised=1e-8 if on_line else promised, upper=not on_line)

    def solved(
        self, z: np.ndarray, start: np.ndarray | None, promised: float, upper: bool = True
    ) -> np.ndarray:
        """Return δ(z) on NumPy, from a nearby start."""
        return fixed_point(
            self.backend,
            lambda d: self._step(d, z, *self.parameters),
            start,
            slope=self._slope and (lambda d: self._slope(d, z, *self.parameters)),
            system=self.system,
            inside=(lambda d: d.imag > 0) if upper else None,
            promised=promised,
            what=f"equation of the {self.name}",
        )

    @cached_property
    def critical(self) -> list[Edge]:
        """The edges of the support on NumPy, each with its δ."""
        return found_edges(self)

    def _edges(self) -> Array:
        return attached(self, self.host.critical)
