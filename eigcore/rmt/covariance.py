"""The law of sample covariances of data with a given covariance."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.batch import batches
from eigcore.rmt.curve import Curve, critical_points
from eigcore.rmt.equation import EquationLaw
from eigcore.rmt.inputs import check_ratio, check_spectrum, numbers, on_host

BLOCK = 2**15
"""Numbers that are computed at once; they fit into the cache of a core."""


def in_blocks(backend: Backend, function: Callable[[Array], Array], d: Array, width: int) -> Array:
    """Return ``function(d)`` of rows d (k,), each of which needs `width` numbers, in blocks."""
    rows = max(1, BLOCK // width)
    if d.shape[0] <= rows or backend.name != "numpy":
        return function(d)
    return np.concatenate([function(d[at : at + rows]) for at in range(0, d.shape[0], rows)])


class SampleCovariance(EquationLaw):
    """The law of `sample_covariance`; rmt-reference.md, section 1.

    The unknown is δ = (1/n) tr C Q̄(z) = c ∫ t H(dt) / (t / (1 + δ) − z). In w = z (1 + δ) the
    inverse map is explicit: z = w + c ∫ w t H(dt) / (w − t).
    """

    name = "sample covariance law"

    def _step(self, d: Array, z: Array, *parameters: Array) -> Array:
        t, c = parameters
        return c * (1.0 + d) * self._mean(t, z * (1.0 + d), lambda inverse: inverse * t)

    def _slope(self, d: Array, z: Array, *parameters: Array) -> Array:
        t, c = parameters
        return c * self._mean(t, z * (1.0 + d), lambda inverse: (inverse * t) ** 2)

    def _mean(self, t: Array, w: Array, function: Callable[[Array], Array]) -> Array:
        """Return the mean over t of ``function(1 / (t − w))``, for each w: (k,)."""
        mean = self.backend.xp.mean
        if len(t.shape) == 2:
            return mean(function(1.0 / (t - w[:, None])), axis=-1)
        return in_blocks(
            self.backend, lambda w: mean(function(1.0 / (t - w[:, None])), axis=-1), w, t.shape[0]
        )

    def _value(self, d: Array, z: Array, *parameters: Array) -> Array:
        t, c = parameters
        size = float(np.abs(on_host(self.backend, z)).min()) if z.shape[0] else 1.0
        if size > 1e-4 * self._span()[1]:
            return (d / (c * (1.0 + d)) - 1.0) / z
        return (1.0 + d) * self._mean(t, z * (1.0 + d), lambda inverse: inverse)

    def _initial(self, z: np.ndarray) -> np.ndarray:
        t, c = self.parameters
        return -c * t.mean(-1) / z

    def _span(self) -> tuple[float, float]:
        t, c = self.host.parameters
        return 0.0, float(t.max() * (1 + np.sqrt(c.max())) ** 2)

    def _positive(self) -> tuple[float, float]:
        """Return the share of the positive eigenvalues, and the least of them."""
        t = self.host.parameters[0]
        return float((t > 0).mean()), float(t[t > 0].min())

    @cached_property
    def curves(self) -> list[Curve]:
        """The curve w(x + i0) over each interval of the support, on NumPy."""
        t, c = self.host.parameters
        values, counts = np.unique(t[t > 0], return_counts=True)
        points = critical_points(values, c * values**2 * counts / len(t)).reshape(-1, 2)
        return [Curve(t, float(c), lo, hi) for lo, hi in points]

    def _edges(self) -> Array:
        t, c = self.parameters
        xp = self.backend.xp
        w = self.backend.asarray(np.array([end for each in self.host.curves for end in each.ends]))
        some, least = self._positive()
        inverse = xp.where(t > 0, 1.0 / (xp.where(t > 0, t, 1.0) - w[:, None]), 0.0)
        far = 1.0 - c * xp.mean(t * inverse, axis=-1)
        # next to 0 the same without cancellation, which matters for c near 1
        near = 1.0 - c * some - c * w * xp.mean(inverse, axis=-1)
        places = w * xp.where(xp.abs(w) < 0.5 * least, near, far)
        return xp.reshape(xp.maximum(places, 0.0 * places), (-1, 2))

    def started(self, z: np.ndarray, promised: float = 1e-10) -> np.ndarray:
        """See `EquationLaw.started`; on the support the curves lead there directly."""
        d = np.full(z.shape, np.nan, complex)
        for curve in self.curves:
            here = (np.imag(z) == 0) & (np.real(z) > curve.lo) & (np.real(z) < curve.hi)
            if here.any():
                near = curve.nearby(np.real(z)[here])
                d[here] = self.solved(z[here], near / z[here] - 1.0, promised=1e-8)
        left = np.isnan(d)
        if left.any():
            d[left] = super().started(z[left], promised)
        return d

    def atoms(self) -> list[tuple[Array, Array]]:
        """See `Law.atoms`."""
        t, c = self.host.parameters
        null = float((t == 0).mean())
        if max(null, 1 - 1 / c) <= 0:
            return []
        own = self.parameters[1]
        mass = 0.0 * own + null if null >= 1 - 1 / c else 1.0 - 1.0 / own
        return [(0.0 * own, mass)]

    def fluctuation(self, n: int) -> tuple[Array, Array]:
        """See `Law.fluctuation`: w (1 + c ∫ t³ H(dt) / (w − t)³)^⅓ n^(−⅔) (El Karoui 2007)."""
        t, c = self.parameters
        w = self.host.curves[-1].ends[1]
        cube = 1.0 + c * self.backend.xp.mean((t / (w - t)) ** 3, axis=-1)
        return self.support()[-1, 1], w * (cube ** (1 / 3)) * n ** (-2 / 3)

    def __repr__(self) -> str:
        own, found = self.host.parameters[0], super().__repr__()
        white = own.min() == own.max()
        return found.replace(self.name, "scaled Marchenko–Pastur law") if white else found

    def _order(self, n: int) -> int:
        return max(1, round(float(self.host.parameters[1]) * n))

    def _draw(self, order: int, rng: np.random.Generator) -> np.ndarray:
        t, c = self.parameters
        n = max(1, round(order / float(c)))
        Z = np.sqrt(spread(t, order))[:, None] * rng.normal(size=(order, n))
        return Z @ Z.T / n


def spread(values: np.ndarray, order: int) -> np.ndarray:
    """Return `order` values with the distribution of the given ones."""
    places = np.floor((np.arange(order) + 0.5) * len(values) / order).astype(int)
    return np.sort(values)[places]


@batches(eigenvalues=1, c=0)
def sample_covariance(
    eigenvalues: Any, c: Any, *, backend: str | Backend | None = None
) -> SampleCovariance:
    """Return the law of X Xᵀ / n, where the n columns of X have a given covariance.

    Parameters
    ----------
    eigenvalues : (p,) array
        Eigenvalues of the covariance, non-negative. Their distribution matters, not their number.
    c : number or () array
        Ratio p / n of dimension to samples.
    backend : str or Backend, optional

    Raises
    ------
    InvalidInput
        If c is not positive, or an eigenvalue is negative.

    Examples
    --------
    >>> sample_covariance([1.0, 4.0], 0.05).support().shape
    (2, 2)
    """
    chosen, (eigenvalues, c) = numbers(backend, eigenvalues, c)
    check_ratio(chosen, c)
    check_spectrum(chosen, "eigenvalues", eigenvalues)
    return SampleCovariance(chosen, (eigenvalues, c))


def inversion_bias(
    c: Any, samples: int | None = None, *, backend: str | Backend | None = None
) -> Array:
    """Return the factor b in E[Ĉ⁻¹] = b C⁻¹ for the sample covariance Ĉ of Gaussian data.

    Parameters
    ----------
    c : (...) array
        Ratio p / n of dimension to samples, below 1.
    samples : int, optional
        n: then the exact factor n / (n − p − 1) of the Wishart distribution, with p = c n. By
        default the limit 1 / (1 − c).
    backend : str or Backend, optional

    Returns
    -------
    (...) array

    Raises
    ------
    InvalidInput
        If Ĉ has no inverse, or its mean is infinite.
    """
    chosen, (c,) = numbers(backend, c)
    room = 1.0 - c if samples is None else 1.0 - c - 1.0 / samples
    found = on_host(chosen, c)
    if not (found > 0).all() or not (on_host(chosen, room) > 0).all():
        raise InvalidInput(
            f"c reaches up to {found.max():.6g}; expected positive numbers below "
            f"{'1' if samples is None else '1 − 1/n'}, where the sample covariance has an inverse "
            "of finite mean. Add a ridge, or take more samples."
        )
    return 1.0 / room
