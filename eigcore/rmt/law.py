"""A law: a limiting distribution of eigenvalues, as an object."""

from __future__ import annotations

import abc
import copy
import math
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput, NotSupported
from eigcore.rmt.inputs import (
    check_bounded,
    check_count,
    check_finite,
    check_outside,
    check_rng,
    complexes,
    floats,
    on_host,
    places_on_line,
)
from eigcore.rmt.series import Series, pieces

CONTOUR = 128
"""Points on the circle of `Law.moments`; its radius is 1.5 times that of the spectrum."""


class Law(abc.ABC):
    """A limiting distribution of eigenvalues.

    Results are arrays of the backend of the parameters, and are differentiated by them. Edges and
    initial values are found with NumPy on numbers that nothing follows; one evaluation in the
    framework attaches the derivative.

    Attributes
    ----------
    backend : Backend
    parameters : tuple of arrays
        All that the law is differentiated by.
    """

    name: ClassVar[str] = "law"
    elementwise: ClassVar[bool] = True
    """Whether parameters (k, ...) give the transforms of k laws, each at its own z (k,)."""
    unknowns: int = 0
    """The number of unknowns of `joined`; 0 in closed form."""

    def __init__(self, backend: Backend, parameters: tuple[Array, ...]):
        self.backend, self.parameters = backend, parameters

    def __repr__(self) -> str:
        intervals = ", ".join(f"[{lo:.6g}, {hi:.6g}]" for lo, hi in self.host.support())
        return f"<{self.name} on {intervals or 'atoms'}>"

    @abc.abstractmethod
    def _transform(self, z: Array) -> Array:
        """Return m(z) for complex z above the real line, or on it and off the support."""

    @abc.abstractmethod
    def _edges(self) -> Array:
        """Return the intervals of the support, ascending: (k, 2)."""

    @abc.abstractmethod
    def _draw(self, order: int, rng: np.random.Generator) -> np.ndarray:
        """Return a matrix of this order whose spectrum follows the law."""

    def joined(self, d: Array, z: Array) -> tuple[Array, Array]:
        """Return m(z) and the next unknowns from unknowns d (k, u), for a larger system."""
        return self._transform(z), d

    def _initial(self, z: np.ndarray) -> np.ndarray:
        """Return the unknowns of `joined` for z (k,) high above the real line, roughly."""
        return np.zeros((len(z), 0), complex)

    def _boundary(self, x: Array) -> Array:
        """Return m(x + i0) for x (k,) inside the support."""
        return self._transform(x + 0j)

    def _order(self, n: int) -> int:
        """Return the order of the matrix that `sample` draws for n."""
        return n

    def with_parameters(self, backend: Backend, parameters: tuple[Array, ...]) -> Self:
        """Return the law with other parameters, perhaps of another backend."""
        other = copy.copy(self)
        for name in vars(self):
            if isinstance(getattr(type(self), name, None), cached_property):
                del vars(other)[name]
        other.backend, other.parameters = backend, parameters
        return other

    @cached_property
    def host(self) -> Self:
        """The law on NumPy, which nothing follows."""
        if self.backend.name == "numpy":
            return self
        numbers = tuple(on_host(self.backend, each) for each in self.parameters)
        return self.with_parameters(get_backend("numpy"), numbers)

    @cached_property
    def _own_edges(self) -> Array:
        return self._edges()

    def support(self) -> Array:
        """Return the intervals of the support outside the atoms, ascending: (k, 2) array."""
        return self._own_edges

    def atoms(self) -> list[tuple[Array, Array]]:
        """Return the (place, mass) of each atom."""
        return []

    def spikes(self) -> Array:
        """Return the isolated eigenvalues, descending.

        Raises
        ------
        NotSupported
            If the law has none by definition.
        """
        raise NotSupported(self._no_spikes("spikes"))

    def overlaps(self) -> Array:
        """Return the squared overlap of each population eigenvector with its sample eigenvector.

        Raises
        ------
        NotSupported
            If the law has no spikes by definition.
        """
        raise NotSupported(self._no_spikes("overlaps"))

    def fluctuation(self, n: int) -> tuple[Array, Array]:
        """Return where the largest eigenvalue of a sample lies, and the scale of its fluctuation.

        The difference, divided by the scale, follows the Tracy–Widom law.

        Parameters
        ----------
        n : int
            As in `sample`.

        Raises
        ------
        NotSupported
            If that is not known for this law.
        """
        raise NotSupported(
            f"The fluctuation of the largest eigenvalue of the {self.name} is not known here; "
            "expected a Marchenko–Pastur, sample covariance or semicircle law. Type: "
            "eigcore.rmt.sample_covariance(eigenvalues, c)"
        )

    def _no_spikes(self, asked: str) -> str:
        return (
            f"The {self.name} has no {asked}: no direction stands out. Expected a law with spikes. "
            "Type: eigcore.rmt.spiked(strengths, c)"
        )

    def stieltjes(self, z: Any) -> Array:
        """Return the Stieltjes transform m(z) = ∫ μ(dt) / (t − z).

        Parameters
        ----------
        z : (...) array
            Complex, or real and off the support.

        Returns
        -------
        (...) array
            Real for real z.

        Raises
        ------
        InvalidInput
            If a real z lies on the support.
        """
        xp = self.backend.xp
        z, real = complexes(self.backend, z)
        self.check_off_support(on_host(self.backend, z))
        lower = xp.imag(z) < 0
        flat = xp.reshape(xp.where(lower, xp.conj(z), z), (-1,))
        m = xp.reshape(self._transform(flat), z.shape)
        return xp.real(m) if real else xp.where(lower, xp.conj(m), m)

    def check_off_support(self, z: np.ndarray) -> None:
        """Raise InvalidInput unless z (...) is finite, and off the support where it is real."""
        check_finite(z)
        if not np.imag(z).all():
            atoms = ((float(a), float(a)) for a, _ in self.host.atoms())
            check_outside(np.real(z)[np.imag(z) == 0], [*map(tuple, self.host.support()), *atoms])

    def density(self, x: Any) -> Array:
        """Return the density at real x, without atoms: (...) array. It is 0 off the support."""
        xp = self.backend.xp
        x = places_on_line(self.backend, x)
        flat = xp.reshape(x, (-1,))
        inside = self.inside(on_host(self.backend, flat))
        if not inside.any():
            return 0.0 * x + 0.0
        chosen = self.backend.asarray(np.flatnonzero(inside))
        m = xp.imag(self._boundary(xp.take(flat, chosen, axis=0))) / math.pi
        back = self.backend.asarray(np.maximum(np.cumsum(inside) - 1, 0))
        found = xp.where(self.backend.asarray(inside), xp.take(m, back, axis=0), 0.0)
        return xp.reshape(xp.clip(found, 0.0, None), x.shape)

    def inside(self, x: np.ndarray) -> np.ndarray:
        """Return whether real places (k,) lie inside the support: (k,)."""
        found = np.zeros(x.shape, bool)
        for lo, hi in self.host.support():
            found |= (x > lo) & (x < hi)
        return found

    @cached_property
    def _series(self) -> list[Series]:
        check_bounded(self.name, self._hull(), "distribution function")
        host, edges = self.host, self.support()
        cuts = [pieces(host.density, lo, hi) for lo, hi in host.support()]
        ends = [(edges[j, 0], edges[j, 1]) for j in range(len(cuts))]
        return [Series(self.backend, self.density, *e, c) for e, c in zip(ends, cuts, strict=True)]

    def cdf(self, x: Any) -> Array:
        """Return the mass at or below real x, atoms included: (...) array."""
        x = places_on_line(self.backend, x)
        total = 0.0 * x + 0.0
        for place, mass in self.atoms():
            total = total + self.backend.xp.where(x >= place, mass, 0.0)
        for series in self._series:
            total = total + series.below(x)
        return total

    def quantile(self, q: Any) -> Array:
        """Return the smallest x with cdf(x) ≥ q, for q in [0, 1]: (...) array."""
        q = floats(self.backend, q)
        asked = on_host(self.backend, q)
        if not ((asked >= 0) & (asked <= 1)).all():
            raise InvalidInput(
                f"q reaches from {asked.min():.3g} to {asked.max():.3g}; expected probabilities in "
                "[0, 1]. Write q=0.5 for the median."
            )
        check_bounded(self.name, self._hull(), "quantile")
        lo, hi = (np.full(asked.shape, end) for end in self._hull())
        hi = np.where(self.host.cdf(lo) >= asked - 1e-13, lo, hi)
        for _ in range(70):
            middle = 0.5 * (lo + hi)
            enough = (self.host.cdf(middle) >= asked - 1e-13) & (asked < 1)
            lo, hi = np.where(enough, lo, middle), np.where(enough, middle, hi)
        x = self.backend.asarray(hi)
        if not self.backend.capabilities.autodiff:
            return x
        density = self.backend.asarray(self.host.density(hi))
        steep = density > 1e-8
        gap = (self.cdf(x) - q) / self.backend.xp.where(steep, density, 1.0)
        return self.backend.xp.where(steep, x - gap, x)

    def _hull(self) -> tuple[float, float]:
        """Return the least and the largest point of the spectrum, without spikes."""
        ends = [*self.host.support().reshape(-1), *(float(a) for a, _ in self.host.atoms())]
        return float(min(ends)), float(max(ends))

    def moments(self, k: int) -> Array:
        """Return ∫ t μ(dt), …, ∫ tᵏ μ(dt): (k,) array."""
        check_count("k", k, 0)
        xp = self.backend.xp
        lo, hi = self._hull()
        check_bounded(self.name, (lo, hi), "moment")
        centre, radius = 0.5 * (lo + hi), max(0.75 * (hi - lo), 1e-2 * (1 + abs(hi)))
        turn = np.exp(2j * np.pi * (np.arange(CONTOUR // 2) + 0.5) / CONTOUR)
        z = self.backend.asarray(centre + radius * turn)
        weighted = self._transform(z) * self.backend.asarray(radius * turn)
        found = [-xp.mean(xp.real(weighted * z**j)) for j in range(1, k + 1)]
        return xp.stack(found) if found else self.backend.asarray(np.zeros(0))

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Return a random matrix of the model.

        Parameters
        ----------
        n : int
            Number of samples of a covariance of order p ≈ c n; for other laws the order.
        rng : numpy.random.Generator

        Returns
        -------
        (p, p) or (n, n) array
        """
        check_count("n", n, 1)
        check_rng(rng)
        return self.backend.asarray(self.host._draw(self._order(n), rng))

    def plot(self, axes: Any = None, points: int = 400) -> Any:
        """Draw the density, and the atoms as vertical lines; return the axes of matplotlib."""
        from eigcore.rmt.picture import drawn

        return drawn(self.host, axes, points)
