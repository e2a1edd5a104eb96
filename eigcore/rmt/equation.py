"""Laws whose Stieltjes transform solves a fixed-point equation."""

from __future__ import annotations

import abc
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from eigcore.core.arrays import Array
from eigcore.errors import NotConverged
from eigcore.rmt.edges import Edge, attached, found_edges
from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.law import Law

Function = Callable[[np.ndarray], np.ndarray]
FACTOR, LOWEST = 0.1, 1e-10
"""Of the continuation towards the real line: the next height, and the last one above it."""
NEAREST = 1.2
"""Ratio of two heights that are not divided further."""


class EquationLaw(Law):
    """A law with m(z) = value(δ, z), where δ = step(δ, z) lies above the real line for z above it.

    NumPy follows δ from high above the real line down to z. The framework of the parameters takes
    it over as the initial value of `fixed_point`, which attaches the derivative.
    """

    system: ClassVar[bool] = False
    """Whether δ has a last axis of unknowns."""
    unknowns = 1
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

    def hard_places(self) -> list[float]:
        """Return all places where the density may be infinite, on NumPy."""
        return [float(place) for place, _ in self.atoms()] + [0.0] * (self._span()[0] == 0)

    def _transform(self, z: Array) -> Array:
        return self._value(self.solution(z), z, *self.parameters)

    def solution(self, z: Array, start: np.ndarray | None = None) -> Array:
        """Return δ(z) for complex z (k,), on or above the real line, from δ(z) on NumPy."""
        backend = self.backend
        if start is None:
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

    @property
    def size(self) -> float:
        """The size of the spectrum, on NumPy; 1 if it is 0 alone."""
        lo, hi = self._span()
        return max(hi - lo, abs(hi), abs(lo)) or 1.0

    def started(self, z: np.ndarray, promised: float = 1e-10) -> np.ndarray:
        """Return δ(z) on NumPy."""
        return self.continued(z, self.size, promised)

    def continued(self, z: np.ndarray, size: Any, promised: float = 1e-10) -> np.ndarray:
        """Return δ(z) on NumPy, by continuation from a height, () or (k,), above the real line."""
        height, d = np.asarray(size), None
        while (height > LOWEST * size).any() and (d is None or (np.imag(z) < height).any()):
            d = self._lowered(z, d, height / FACTOR, height)
            height = height * FACTOR
        on_line = bool((np.imag(z) == 0).any())
        return self.solved(z, d, promised=1e-8 if on_line else promised, upper=not on_line)

    def _lowered(
        self, z: np.ndarray, d: np.ndarray | None, high: np.ndarray, low: np.ndarray
    ) -> np.ndarray:
        """Return δ at a height, from δ at a larger one, in smaller steps if need be."""
        above = np.real(z) + 1j * np.maximum(np.imag(z), low)
        if d is None:
            start = self._initial(above)
            return self.solved(above, start.reshape((len(z), *[-1] * self.system)), promised=1e-6)
        last = bool((high < NEAREST * low).any())
        try:
            return self.solved(above, d, promised=1e-6, most=400 if last else 40)
        except NotConverged:
            if last:
                raise
            middle = np.sqrt(high * low)
            return self._lowered(z, self._lowered(z, d, high, middle), middle, low)

    def solved(
        self, z: np.ndarray, start: Any, promised: float, upper: bool = True, most: int = 400
    ) -> np.ndarray:
        """Return δ(z) on NumPy, from a nearby start."""
        step, slope = self._functions(z)
        return fixed_point(
            self.backend,
            step,
            start,
            slope=slope,
            system=self.system,
            inside=(lambda d: d.imag > 0) if upper else None,
            promised=promised,
            most=most,
            what=f"equation of the {self.name}",
        )

    def _functions(self, z: np.ndarray) -> tuple[Function, Function | None]:
        """Return the equation for z (k,) and its derivative by δ, on NumPy."""
        return (
            lambda d: self._step(d, z, *self.parameters),
            self._slope and (lambda d: self._slope(d, z, *self.parameters)),
        )

    @cached_property
    def critical(self) -> list[Edge]:
        """The edges of the support on NumPy, each with its δ."""
        return found_edges(self)

    def _edges(self) -> Array:
        return attached(self, self.host.critical)
