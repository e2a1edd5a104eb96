"""The circular law, of complex eigenvalues."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.rmt.batch import batches
from eigcore.rmt.inputs import check_positive, floats, numbers
from eigcore.rmt.law import Law


class Circular(Law):
    """The law of `circular`; `cdf` and `quantile` speak of the modulus of the eigenvalues."""

    name = "circular law"
    elementwise = False

    def _transform(self, z: Array) -> Array:
        xp, [radius] = self.backend.xp, self.parameters
        outside = xp.abs(z) > radius
        safe = xp.where(outside, z, 1.0 + 0j)
        return xp.where(outside, -1.0 / safe, -xp.conj(z) / radius**2)

    def stieltjes(self, z: Any) -> Array:
        """Return ∫ μ(dt) / (t − z): −1/z outside the disc, −z̄/radius² inside; (...) array."""
        return self._transform(self.backend.asarray(z) + 0j)

    def _edges(self) -> Array:
        [radius] = self.parameters
        return self.backend.xp.stack((0.0 * radius, radius))[None, :]

    def density(self, x: Any) -> Array:
        """Return the density per area at complex x: (...) array."""
        xp, [radius] = self.backend.xp, self.parameters
        inside = xp.abs(self.backend.asarray(x) + 0j) < radius
        return xp.where(inside, 1.0 / (math.pi * radius**2), 0.0)

    def cdf(self, x: Any) -> Array:
        """Return the mass of the disc of radius x: (...) array."""
        x = floats(self.backend, x) / self.parameters[0]
        return self.backend.xp.clip(x, 0.0, 1.0) ** 2

    def quantile(self, q: Any) -> Array:
        """Return the radius of the disc of mass q: (...) array."""
        return self.parameters[0] * self.backend.xp.sqrt(floats(self.backend, q))

    def moments(self, k: int) -> Array:
        """Return ∫ tʲ μ(dt) for j = 1 … k: zeros, since the law is invariant under rotations."""
        return self.backend.asarray(np.zeros(k))

    def _draw(self, order: int, rng: np.random.Generator) -> np.ndarray:
        return float(self.parameters[0]) * rng.normal(size=(order, order)) / math.sqrt(order)

    def plot(self, axes: Any = None, points: int = 400) -> Any:
        """Draw the circle that bounds the support; return the axes of matplotlib."""
        from eigcore.rmt.picture import circle

        return circle(float(self.host.parameters[0]), axes, points)


@batches(radius=0)
def circular(radius: Any = 1.0, *, backend: str | Backend | None = None) -> Circular:
    """Return the circular law: eigenvalues of a matrix of independent entries, uniform on a disc.

    Parameters
    ----------
    radius : number or () array
        Standard deviation of the entries times √n.
    backend : str or Backend, optional

    Raises
    ------
    InvalidInput
        If radius is not positive.
    """
    chosen, (radius,) = numbers(backend, radius)
    check_positive(chosen, "radius", radius)
    return Circular(chosen, (radius,))
