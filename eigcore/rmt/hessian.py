"""The spectrum of the Hessian of a generalised linear model, as a law."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput
from eigcore.rmt import hessian_equation as equation
from eigcore.rmt.along import along_intervals
from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.hessian_equation import CHUNK, Parts
from eigcore.rmt.inputs import floats, on_host, places_on_line
from eigcore.rmt.law import Law
from eigcore.rmt.losses import Intervals
from eigcore.rmt.real_axis import RealAxis, attached_edges
from eigcore.rmt.sampled import Model

HEIGHT = 1e-10
"""Distance from the real axis at which a density is read, relative to 1 + |x|."""


class HessianLaw(Law):
    """The limiting spectrum of H = (1/n) Σ gᵢ xᵢxᵢᵀ, its outliers and their eigenvectors.

    Made by `hessian_glm` and `spectral_initialisation`. `bounded` says whether the support is.

    Parameters
    ----------
    backend : Backend
    parts : Parts
        Arrays of the backend.
    values : tuple of (low, high), or None
        Intervals that hold g; None if that is not known.
    directions : tuple of str
        Names of the vectors whose overlaps are asked for, the last ones in ``parts.gram``.
    model : Model
        What `sample` draws from.
    loss : str
        Its name, for messages.
    """

    name = "Hessian spectrum"
    elementwise = False

    def __init__(
        self, backend: Backend, parts: Parts, values: Intervals | None,
        directions: tuple[str, ...], model: Model, loss: str,
    ):  # fmt: skip
        super().__init__(backend, tuple(parts))
        self.values, self.directions, self.model, self.loss = values, directions, model, loss

    def __repr__(self) -> str:
        if self.values is None:
            return f"<{self.name} of {self.loss}, support not known>"
        return super().__repr__()

    @property
    def parts(self) -> Parts:
        """The numbers of the model."""
        return Parts(*self.parameters)

    @property
    def bounded(self) -> bool:
        """Whether the support is bounded, which it is if and only if g is."""
        low, high = self._known("whether the support is bounded")[0][0], self.values[-1][1]  # pyright: ignore
        return math.isfinite(low) and math.isfinite(high)

    def _known(self, asked: str) -> Intervals:
        if self.values is None:
            raise InvalidInput(
                f"The values of the second derivative of {self.loss} are not known, and {asked} "
                "depends on them. Expected the intervals that hold them. "
                "Type: Loss(…, values=((0.0, 1.0),)), with inf where it is unbounded"
            )
        return self.values

    @cached_property
    def axis(self) -> RealAxis:
        """The real axis off the support, on NumPy."""
        parts = self.host.parts
        value = parts.value[parts.weight > 0]
        values = self._known("the support")
        if np.ptp(value) <= 1e-13 * np.max(np.abs(value)):  # one value only, such as at w = 0
            values = ((float(value[0]), float(value[0])),)
        return RealAxis(get_backend("numpy"), parts, values)

    def _transform(self, z: Array) -> Array:
        numbers: Any = on_host(self.backend, z)
        return self._attached(self.host._delta(numbers), z, numbers)

    def _boundary(self, x: Array) -> Array:
        z = x + 1j * HEIGHT * (1.0 + self.backend.xp.abs(x))
        numbers: Any = on_host(self.backend, z)
        return self._attached(self.host._delta_above(numbers), z, numbers)

    def _attached(self, d: np.ndarray, z: Array, numbers: np.ndarray) -> Array:
        """Return m(z) (k,) from δ (k,) on NumPy, with its derivatives."""
        backend, parts = self.backend, self.parts
        if backend.name == "numpy":
            return equation.transform_on_host(parts, d, numbers)
        size = max(1, CHUNK // max(parts.value.shape[0], parts.t.shape[0]))
        found = []
        for at in range(0, max(1, len(d)), size):
            piece, start = z[at : at + size], backend.asarray(d[at : at + size])
            own = equation.solve(backend, parts, piece, start, promised=1e-8)
            found.append(equation.transform(backend.xp, parts, own, piece))
        return found[0] if len(found) == 1 else backend.xp.concat(found, axis=0)

    def _delta_above(self, z: np.ndarray) -> np.ndarray:
        """Return δ on NumPy for z (k,) next to the real axis, along the support."""
        p, intervals = self.parts, None if self.values is None else self.support()
        return along_intervals(
            np.real(z), intervals, lambda i: equation.descend(p, z[i]),
            lambda i, start: equation.solve_on_host(p, z[i], start),
        )  # fmt: skip

    def _delta(self, z: np.ndarray) -> np.ndarray:
        """Return δ on NumPy for z (k,), above the real axis or on it and off the support."""
        d, real = np.zeros(z.shape, complex), np.imag(z) == 0
        if real.any():
            d[real] = self.axis.locate(np.real(z)[real])
            d[real] = equation.solve_on_host(self.parts, z[real], d[real])
        if not real.all():
            d[~real] = equation.descend(self.parts, z[~real])
        return d

    def density(self, x: Any) -> Array:
        """See `Law.density`; of a law whose support is not known, it is tiny off the support."""
        if self.values is not None:
            return super().density(x)
        x = places_on_line(self.backend, x)
        m = self._boundary(self.backend.xp.reshape(x, (-1,)))
        found = self.backend.xp.clip(self.backend.xp.imag(m) / math.pi, 0.0, None)
        return self.backend.xp.reshape(found, x.shape)

    def _edges(self) -> Array:
        return attached_edges(self.backend, self.parts, self.host.axis)

    def _pair(self, step: Any, slope: Any, start: Any, what: str) -> Array:
        return fixed_point(
            self.backend, step, floats(self.backend, np.asarray(start)), self.parameters,
            slope=slope, system=True, most=20, what=what,
        )  # fmt: skip

    def atoms(self) -> list[tuple[Array, Array]]:
        """Return the (place, mass) of each atom: 0, if H or C has not full rank."""
        xp, p = self.backend.xp, self.parts
        rank = xp.sum(xp.where(p.t > 0, p.share, 0.0))
        active = xp.sum(xp.where(xp.abs(p.value) > 0, p.weight, 0.0)) / p.c
        mass = 1.0 - xp.minimum(rank, active)
        return [(0.0 * mass, mass)] if float(on_host(self.backend, mass)) > 1e-12 else []

    @cached_property
    def _outliers(self) -> Array:
        """(δ, λ) of the isolated eigenvalues, descending in λ: (k, 2), with derivatives."""
        if not self.bounded:
            low, high = np.clip((self.values[0][0], self.values[-1][1]), -10.0, 10.0)  # pyright: ignore
            raise InvalidInput(
                f"The second derivative of {self.loss} is unbounded, and Theorem 2 on isolated "
                "eigenvalues needs bounded ones. Expected a bounded loss. "
                f'Type: hessian_glm(glm_loss("{self.loss}").clipped({low}, {high}), …)'
            )
        pairs = self.host.axis.outliers()[::-1]
        if not pairs:
            return floats(self.backend, np.zeros((0, 2)))
        xp = self.backend.xp

        def step(x: Array, *rest: Array) -> Array:
            p, (d, z) = Parts(*rest), (x[..., 0], x[..., 1])
            determinant = equation.adjugate(xp, equation.outlier(self.backend, p, d, z).G)[1]
            return x + xp.stack([equation.image(xp, p, d, z) - d, determinant], axis=-1)

        def slope(x: Array, *rest: Array) -> Array:
            p, (d, z) = Parts(*rest), (x[..., 0], x[..., 1])
            at = equation.outlier(self.backend, p, d, z)
            adj = equation.adjugate(xp, at.G)[0]
            e = equation.average(xp, p, equation.ratios(p, d))
            first = [equation.image_slope(xp, p, d, z), equation.trace(xp, p, e, z, 1, 2)]
            by_d, by_z = (
                equation.contracted(xp, adj, at.by_d),
                equation.contracted(xp, adj, at.by_z),
            )
            return xp.stack(
                [xp.stack(first, axis=-1), xp.stack([by_d, 1.0 + by_z], axis=-1)], axis=-2
            )

        return self._pair(step, slope, pairs, "isolated eigenvalue")

    def spikes(self) -> Array:
        """Return the isolated eigenvalues left, right and between the bulks, descending: (k,).

        Theorem 2, for simple roots of det G.

        Raises
        ------
        InvalidInput
            If the second derivative of the loss is unbounded, or its values are not known.
        """
        return self._outliers[:, 1]

    def overlaps(self) -> dict[str, Array]:
        """Return |aᵀû|² / ‖a‖² of each direction a with the eigenvector û of each spike: (k,).

        Theorem 3. The keys are those of mu, w_star and w that are not zero.

        Raises
        ------
        InvalidInput
            As `spikes`.
        """
        xp, p, r = self.backend.xp, self.parts, self.parts.precision.shape[-1]
        d, z = self._outliers[:, 0], self._outliers[:, 1]
        if not d.shape[0]:
            return dict.fromkeys(self.directions, z)
        at = equation.outlier(self.backend, p, d, z)
        adj, _ = equation.adjugate(xp, at.G)
        e = equation.average(xp, p, equation.ratios(p, d))
        # δ′ by implicit differentiation (rmt-reference.md, section 2)
        rate = equation.trace(xp, p, e, z, 1, 2) / (1.0 - equation.image_slope(xp, p, d, z))
        change = equation.contracted(xp, adj, rate[:, None, None] * at.by_d + at.by_z)
        lengths = xp.sum(p.gram, axis=0)
        found = {}
        for i, name in enumerate(self.directions, start=r):
            row = at.S[:, i : i + 1, :r]
            form = (row @ adj @ at.Lambda @ xp.matrix_transpose(row))[:, 0, 0]
            found[name] = xp.clip(form / change / lengths[i, i], 0.0, 1.0)
        return found

    def mean(self) -> Array:
        """Return E[H], (p, p): its part in the directions of x is E[g] C + V Λ Vᵀ at δ = 0."""
        return self.model.mean(self.parts)

    def _draw(self, order: int, rng: np.random.Generator) -> np.ndarray:
        """Return H of n = `order` samples."""
        return self.model.draw(order, float(self.host.parts.c), rng)
