"""Sums and products of free matrices, by subordination."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.batch import Laws
from eigcore.rmt.equation import EquationLaw
from eigcore.rmt.law import Law


class Free(EquationLaw):
    """A law of two others, a and b.

    The unknowns are the place ω where the transform of a is taken, then those of a and of b: one
    system, so that no equation is solved inside another one.
    """

    system = True

    def __init__(self, a: Law, b: Law):
        super().__init__(a.backend, (*a.parameters, *b.parameters))
        self.a, self.b = a, b

    def with_parameters(self, backend: Backend, parameters: tuple[Array, ...]) -> Self:
        """See `Law.with_parameters`."""
        other = super().with_parameters(backend, parameters)
        other.a, other.b = other._pair(parameters)
        return other

    def _pair(self, parameters: tuple[Array, ...]) -> tuple[Law, Law]:
        """Return the two laws with these parameters."""
        if parameters is self.parameters and self.a.backend is self.backend:
            return self.a, self.b
        count = len(self.a.parameters)
        first = self.a.with_parameters(self.backend, parameters[:count])
        return first, self.b.with_parameters(self.backend, parameters[count:])

    @property
    def unknowns(self) -> int:
        """See `Law.unknowns`: the place ω, and those of a and b."""
        return 1 + self.a.unknowns + self.b.unknowns

    def _initial(self, z: np.ndarray) -> np.ndarray:
        own = [each._initial(z).reshape(len(z), -1) for each in (self.a.host, self.b.host)]
        return np.concatenate((z[:, None], *own), axis=-1)

    def _split(
        self, d: Array, parameters: tuple[Array, ...]
    ) -> tuple[Law, Law, Array, Array, Array]:
        """Return a and b with these parameters, ω, and the unknowns of a and of b."""
        a, b = self._pair(parameters)
        count = self.a.unknowns
        return a, b, d[:, 0], d[:, 1 : 1 + count], d[:, 1 + count :]

    def _common(self, least: float = 1 + 1e-12) -> list[tuple[Array, Array, Array, Array]]:
        """Return the places and masses of each two atoms whose masses together exceed 1."""
        own, other = self.a.atoms(), self.b.atoms()
        return [
            (*own[i], *other[j])
            for i, (_, p) in enumerate(self.a.host.atoms())
            for j, (_, q) in enumerate(self.b.host.atoms())
            if p + q > least
        ]


class FreeSum(Free):
    """The law of `free_sum`: with h(w) = −1/m(w) − w, ω = z + h_b(z + h_a(ω)), m(z) = m_a(ω)."""

    name = "free sum"

    def _step(self, d: Array, z: Array, *parameters: Array) -> Array:
        a, b, w, own, other = self._split(d, parameters)
        m, own = a.joined(own, w)
        second = z - 1.0 / m - w
        m, other = b.joined(other, second)
        w = z - 1.0 / m - second
        return self.backend.xp.concat((w[:, None], own, other), axis=-1)

    def _value(self, d: Array, z: Array, *parameters: Array) -> Array:
        a, _, w, own, _ = self._split(d, parameters)
        return a.joined(own, w)[0]

    def _span(self) -> tuple[float, float]:
        (lo, hi), (low, high) = self.a.host._hull(), self.b.host._hull()
        return lo + low, hi + high

    def atoms(self) -> list[tuple[Array, Array]]:
        """See `Law.atoms`: atoms of masses α and β leave α + β − 1 at the sum of their places."""
        return [(x + y, p + q - 1.0) for x, p, y, q in self._common()]

    def hard_places(self) -> list[float]:
        """See `EquationLaw.hard_places`: also where the masses are 1 together."""
        return [float(x + y) for x, _, y, _ in self._common(1 - 1e-12)]

    def _draw(self, order: int, rng: np.random.Generator) -> np.ndarray:
        return self.a._draw(order, rng) + turned(self.b._draw(order, rng), rng)


class FreeProduct(Free):
    """The law of `free_product`, of spectra on the half-line.

    With g(w) = w + 1/m(w): ω₂ = z / g_a(ω), ω = z / g_b(ω₂), and z m(z) = ω m_a(ω).
    """

    name = "free product"

    def _step(self, d: Array, z: Array, *parameters: Array) -> Array:
        a, b, w, own, other = self._split(d, parameters)
        m, own = a.joined(own, w)
        second = z / (w + 1.0 / m)
        m, other = b.joined(other, second)
        w = z / (second + 1.0 / m)
        return self.backend.xp.concat((w[:, None], own, other), axis=-1)

    def _value(self, d: Array, z: Array, *parameters: Array) -> Array:
        a, _, w, own, _ = self._split(d, parameters)
        return w * a.joined(own, w)[0] / z

    def _span(self) -> tuple[float, float]:
        (_, hi), (_, high) = self.a.host._hull(), self.b.host._hull()
        return 0.0, hi * high

    def atoms(self) -> list[tuple[Array, Array]]:
        """See `Law.atoms`."""
        places = [float(x * y) for x, _, y, _ in self.host._common()]
        common = zip(self._common(), places, strict=True)
        found = [(x * y, p + q - 1.0) for (x, p, y, q), place in common if place > 0]
        null, masses = [], []
        for law in (self.a, self.b):
            for pair, (place, mass) in zip(law.atoms(), law.host.atoms(), strict=True):
                if place == 0:
                    null.append(pair)
                    masses.append(mass)
        return [null[int(np.argmax(masses))], *found] if null else found

    def hard_places(self) -> list[float]:
        """See `EquationLaw.hard_places`: also where the masses are 1 together."""
        return [0.0, *(float(x * y) for x, _, y, _ in self._common(1 - 1e-12))]

    def _draw(self, order: int, rng: np.random.Generator) -> np.ndarray:
        values, vectors = np.linalg.eigh(self.a._draw(order, rng))
        root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
        return root @ turned(self.b._draw(order, rng), rng) @ root


def turned(matrix: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return O M Oᵀ with a random rotation O."""
    Q, R = np.linalg.qr(rng.normal(size=matrix.shape))
    Q = Q * np.sign(np.diag(R))
    return Q @ matrix @ Q.T


def _together(a: Any, b: Any) -> None:
    for law in (a, b):
        if not isinstance(law, Law) or law.name == "circular law":
            raise InvalidInput(
                f"Got {type(law).__name__}; expected two laws of real eigenvalues. Write "
                "eigcore.rmt.semicircle(1.0), or eigcore.rmt.discrete(eigenvalues) for a matrix."
            )
    if a.backend.name != b.backend.name:
        raise InvalidInput(
            f"The laws are of the backends {a.backend.name} and {b.backend.name}; expected one. "
            f'Make both with backend="{a.backend.name}".'
        )


def _pairs(make: Any, a: Law | Laws, b: Law | Laws) -> Any:
    """Return `Laws` of each two, of which one or both are several."""
    counts = {len(each) for each in (a, b) if isinstance(each, Laws)}
    if len(counts) > 1:
        raise InvalidInput(
            f"Got {' and '.join(map(str, sorted(counts)))} laws; expected as many of both, or one "
            "law and many. Take the first: rmt.free_sum(a, b[0])"
        )
    both = [each if isinstance(each, Laws) else [each] * max(counts) for each in (a, b)]
    return Laws([make(*pair) for pair in zip(*both, strict=True)])


def free_sum(a: Law, b: Law) -> FreeSum:
    """Return the law of A + O B Oᵀ with a random rotation O: the free additive convolution.

    Parameters
    ----------
    a, b : Law
        The laws of A and B, of one backend. `Laws` give `Laws`.

    Raises
    ------
    InvalidInput
        If they are not two laws of real eigenvalues.
    """
    if isinstance(a, Laws) or isinstance(b, Laws):
        return _pairs(free_sum, a, b)
    _together(a, b)
    return FreeSum(a, b)


def free_product(a: Law, b: Law) -> FreeProduct:
    """Return the law of A^½ O B Oᵀ A^½ with a random rotation O: the multiplicative convolution.

    Parameters
    ----------
    a, b : Law
        The laws of A and B, of one backend, of non-negative eigenvalues. `Laws` give `Laws`.

    Raises
    ------
    InvalidInput
        If they are not two laws of non-negative eigenvalues.
    """
    if isinstance(a, Laws) or isinstance(b, Laws):
        return _pairs(free_product, a, b)
    _together(a, b)
    for law in (a, b):
        if law.host._hull()[0] < 0:
            raise InvalidInput(
                f"The {law.name} reaches down to {law.host._hull()[0]:.3g}; expected non-negative "
                "eigenvalues. Use eigcore.rmt.free_sum, or a covariance law."
            )
        if law.host._hull()[1] == 0:
            raise InvalidInput(
                f"The {law.name} has no eigenvalue but 0, and so has the product; expected "
                "positive ones. Type: eigcore.rmt.discrete([0.0])"
            )
    return FreeProduct(a, b)
