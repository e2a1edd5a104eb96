"""Laws in closed form: semicircle, Marchenko–Pastur with and without spikes, atoms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.batch import batches
from eigcore.rmt.inputs import (
    check_count,
    check_positive,
    check_ratio,
    check_scale,
    floats,
    numbers,
    on_host,
)
from eigcore.rmt.law import Law


class Semicircle(Law):
    """The law of `semicircle`."""

    name = "semicircle law"

    def _transform(self, z: Array) -> Array:
        [sigma] = self.parameters
        sqrt = self.backend.xp.sqrt
        return -2.0 / (z + sqrt(z - 2.0 * sigma) * sqrt(z + 2.0 * sigma))

    def _edges(self) -> Array:
        [sigma] = self.parameters
        return self.backend.xp.stack((-2.0 * sigma, 2.0 * sigma))[None, :]

    def fluctuation(self, n: int) -> tuple[Array, Array]:
        """See `Law.fluctuation`."""
        [sigma] = self.parameters
        return 2.0 * sigma, sigma * n ** (-2 / 3)

    def _draw(self, order: int, rng: np.random.Generator) -> np.ndarray:
        G = rng.normal(size=(order, order))
        return float(self.parameters[0]) * (G + G.T) / math.sqrt(2 * order)


class MarchenkoPastur(Law):
    """The law of `marchenko_pastur`; rmt-reference.md, section 1."""

    name = "Marchenko–Pastur law"

    def _ends(self) -> tuple[Array, Array]:
        """Return (1 − √c)², without cancellation, and (1 + √c)²."""
        c = self.parameters[0]
        sum_ = 1.0 + self.backend.xp.sqrt(c)
        return ((1.0 - c) / sum_) ** 2, sum_**2

    def _transform(self, z: Array) -> Array:
        c, sqrt = self.parameters[0], self.backend.xp.sqrt
        lower, upper = self._ends()
        s = sqrt(z - lower) * sqrt(z - upper)
        # two forms of the root, by their product 4 c z: the one without cancellation
        minus, plus = 1.0 - c - z - s, 1.0 - c - z + s
        where, direct = self.backend.xp.where, abs(minus) >= abs(plus)
        other = plus / (2.0 * c * where(direct, 1.0 + 0j, z))
        return where(direct, 2.0 / where(direct, minus, 1.0 + 0j), other)

    def _edges(self) -> Array:
        return self.backend.xp.stack(self._ends())[None, :]

    def atoms(self) -> list[tuple[Array, Array]]:
        """See `Law.atoms`."""
        c = self.parameters[0]
        return [(0.0 * c, 1.0 - 1.0 / c)] if self.host.parameters[0] > 1 else []

    def fluctuation(self, n: int) -> tuple[Array, Array]:
        """See `Law.fluctuation`; n and p less ½ make the error of second order (Ma 2012)."""
        check_count("n", n, math.ceil(1.0 / min(1.0, float(self.host.parameters[0]))))
        sqrt = self.backend.xp.sqrt
        rows, columns = sqrt(self.parameters[0] * n - 0.5), (n - 0.5) ** 0.5
        both = rows + columns
        return both**2 / n, both * (1.0 / rows + 1.0 / columns) ** (1 / 3) / n

    def _order(self, n: int) -> int:
        return max(1, round(float(self.host.parameters[0]) * n))

    def _draw(self, order: int, rng: np.random.Generator) -> np.ndarray:
        n = max(1, round(order / float(self.parameters[0])))
        Z = rng.normal(size=(order, n)) * np.sqrt(self._population(order))[:, None]
        return Z @ Z.T / n

    def _population(self, order: int) -> np.ndarray:
        """Return the eigenvalues (order,) of the covariance."""
        return np.ones(order)


class Spiked(MarchenkoPastur):
    """The law of `spiked`; rmt-reference.md, section 1."""

    name = "spiked Marchenko–Pastur law"

    def _beyond(self) -> np.ndarray:
        """Return which strengths pass the phase transition |ℓ| > √c: (k,) booleans."""
        c, strengths = self.host.parameters
        return np.abs(strengths) > math.sqrt(c)

    def spikes(self) -> Array:
        """See `Law.spikes`: 1 + ℓ + c (1 + ℓ) / ℓ for each strength |ℓ| > √c."""
        c, strengths = self.parameters
        order = np.argsort(-self.host.parameters[1], kind="stable")
        chosen = self.backend.asarray(order[self._beyond()[order]])
        found = self.backend.xp.take(strengths, chosen, axis=0)
        return (1.0 + found) * (1.0 + c / found)

    def overlaps(self) -> Array:
        """See `Law.overlaps`: (1 − c/ℓ²) / (1 + c/ℓ), and 0 unless |ℓ| > √c; as `strengths`."""
        c, strengths = self.parameters
        beyond = self.backend.asarray(self._beyond())
        safe = self.backend.xp.where(beyond, strengths, 1.0)
        return self.backend.xp.where(beyond, (1.0 - c / safe**2) / (1.0 + c / safe), 0.0)

    def _population(self, order: int) -> np.ndarray:
        strengths = self.parameters[1]
        if len(strengths) > order:
            raise InvalidInput(
                f"A matrix of order {order} cannot have {len(strengths)} spikes; expected a larger "
                "one. Draw it with more samples: law.sample(n=1000, rng=rng)"
            )
        return np.concatenate((1.0 + strengths, np.ones(order - len(strengths))))


class Discrete(Law):
    """The law of `discrete`: atoms only."""

    name = "discrete law"

    def _transform(self, z: Array) -> Array:
        values, weights = self.parameters
        return self.backend.xp.sum(weights / (values - z[..., None]), axis=-1)

    def _edges(self) -> Array:
        return self.backend.asarray(np.zeros((0, 2)))

    def atoms(self) -> list[tuple[Array, Array]]:
        """See `Law.atoms`."""
        values, weights = self.parameters
        masses: dict[float, tuple[Array, Array]] = {}
        for j, place in enumerate(self.host.parameters[0].tolist()):
            known, mass = masses.get(place, (values[j], 0.0))
            masses[place] = known, mass + weights[j]
        return list(masses.values())

    def _draw(self, order: int, rng: np.random.Generator) -> np.ndarray:
        values, weights = self.parameters
        ascending = np.argsort(values)
        places = np.searchsorted(np.cumsum(weights[ascending]), (np.arange(order) + 0.5) / order)
        return np.diag(values[ascending][np.minimum(places, len(values) - 1)])


@batches(sigma=0)
def semicircle(sigma: Any = 1.0, *, backend: str | Backend | None = None) -> Semicircle:
    """Return Wigner's semicircle law, of variance σ², on [−2σ, 2σ].

    Parameters
    ----------
    sigma : number or () array
        Standard deviation of the off-diagonal entries times √n.
    backend : str or Backend, optional

    Raises
    ------
    InvalidInput
        If sigma is not positive.
    """
    chosen, (sigma,) = numbers(backend, sigma)
    check_positive(chosen, "sigma", sigma)
    return Semicircle(chosen, (sigma,))


@batches(c=0)
def marchenko_pastur(c: Any, *, backend: str | Backend | None = None) -> MarchenkoPastur:
    """Return the law of the sample covariance of white data: c z m² − (1 − c − z) m + 1 = 0.

    Parameters
    ----------
    c : number or () array
        Ratio p / n of dimension to samples.
    backend : str or Backend, optional

    Raises
    ------
    InvalidInput
        If c is not positive.

    Examples
    --------
    >>> marchenko_pastur(0.25).support().tolist()
    [[0.25, 2.25]]
    """
    chosen, (c,) = numbers(backend, c)
    check_ratio(chosen, c)
    return MarchenkoPastur(chosen, (c,))


@batches(strengths=1, c=0)
def spiked(strengths: Any, c: Any, *, backend: str | Backend | None = None) -> Spiked:
    """Return the Marchenko–Pastur law with spikes, of the covariance I + Σ ℓᵢ uᵢ uᵢᵀ.

    Parameters
    ----------
    strengths : (k,) array
        ℓᵢ > −1; 0 is no spike.
    c : number or () array
        Ratio p / n of dimension to samples.
    backend : str or Backend, optional

    Raises
    ------
    InvalidInput
        If c is not positive, or a strength is −1 or less.
    """
    chosen, (strengths, c) = numbers(backend, strengths, c)
    check_ratio(chosen, c)
    strengths = chosen.xp.reshape(strengths, (-1,))
    found = on_host(chosen, strengths)
    if not (found > -1).all() or not np.isfinite(found).all():
        raise InvalidInput(
            f"strengths reach down to {found.min():.3g}; expected numbers above −1, since 1 + ℓ is "
            "an eigenvalue of a covariance. Write strengths=[2.0, 1.0]."
        )
    check_scale("strengths", found)
    return Spiked(chosen, (c, strengths))


@batches(values=1, weights=1)
def discrete(values: Any, weights: Any = None, *, backend: str | Backend | None = None) -> Discrete:
    """Return the law with atoms only, such as the eigenvalues of a fixed matrix.

    Parameters
    ----------
    values : (k,) array
    weights : (k,) array, optional
        Positive, of sum 1; by default equal.
    backend : str or Backend, optional

    Raises
    ------
    InvalidInput
        If the weights are not positive with sum 1, or their number is not that of the values.
    """
    chosen, (values,) = numbers(backend, values)
    if weights is None:
        weights = np.full(values.shape, 1.0 / max(1, math.prod(values.shape)))
    weights = floats(chosen, weights)
    found, mass = on_host(chosen, values), on_host(chosen, weights)
    check_scale("values", found)
    valid = found.shape == mass.shape and found.ndim == 1 and bool(np.isfinite(found).all())
    if not valid or not (mass > 0).all() or abs(mass.sum() - 1) > 1e-9:
        raise InvalidInput(
            f"values {found.shape} and weights {mass.shape} of sum {mass.sum():.6g} do not form a "
            "law; expected two vectors of equal length, the weights positive with sum 1. Leave "
            "weights out for equal ones."
        )
    return Discrete(chosen, (values, weights))
