"""The law of rows and columns that are correlated; rmt-reference.md, section 1."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.rmt import hessian_equation as equation
from eigcore.rmt.along import along_intervals
from eigcore.rmt.batch import batches
from eigcore.rmt.cauchy import clusters
from eigcore.rmt.covariance import spread
from eigcore.rmt.equation import LOWEST, EquationLaw
from eigcore.rmt.hessian_equation import Parts
from eigcore.rmt.inputs import check_ratio, check_spectrum, numbers
from eigcore.rmt.real_axis import RealAxis, attached_edges


class Separable(EquationLaw):
    """The law of `separable`, one equation after δ̃ has been replaced by its value.

    δ = −(c/z) ∫ t H(dt) / (1 + δ̃ t), δ̃ = −(1/z) ∫ s H̃(ds) / (1 + δ s), written without poles at
    z = 0: with e = −z δ̃, δ = c ∫ t H(dt) / (e t − z).
    """

    name = "separable covariance law"

    def _step(self, d: Array, z: Array, *parameters: Array) -> Array:
        t, s, c = parameters
        e = self.backend.xp.mean(s / (1.0 + d[:, None] * s), axis=-1)
        return c * self.backend.xp.mean(t / (e[:, None] * t - z[:, None]), axis=-1)

    def _slope(self, d: Array, z: Array, *parameters: Array) -> Array:
        t, s, c = parameters
        mean = self.backend.xp.mean
        ratio = s / (1.0 + d[:, None] * s)
        ahead = t / (mean(ratio, axis=-1)[:, None] * t - z[:, None])
        return c * mean(ahead**2, axis=-1) * mean(ratio**2, axis=-1)

    def _value(self, d: Array, z: Array, *parameters: Array) -> Array:
        t, s, _ = parameters
        e = self.backend.xp.mean(s / (1.0 + d[:, None] * s), axis=-1)
        return self.backend.xp.mean(1.0 / (e[:, None] * t - z[:, None]), axis=-1)

    def _initial(self, z: np.ndarray) -> np.ndarray:
        t, _, c = self.parameters
        return -c * t.mean(-1) / z

    def _span(self) -> tuple[float, float]:
        t, s, c = self.host.parameters
        return 0.0, float(t.max() * s.max() * (1 + np.sqrt(c)) ** 2)

    @property
    def parts(self) -> Parts:
        """The numbers of the equation, which is that of the Hessian with s for g."""
        (t, s, c), asarray = self.parameters, self.backend.asarray
        weight, share = (asarray(np.full(a.shape, 1.0 / a.shape[0])) for a in (s, t))
        none = asarray(np.zeros((t.shape[0], 0, 0)))
        return Parts(s, weight, None, None, t, share, none, c)

    @cached_property
    def axis(self) -> RealAxis:
        """The real axis off the support, on NumPy."""
        _, s, c = self.host.parameters
        # z′ > 0 needs ∫ s² / (s − v)² < c at v = −1/δ, by the inequality of Cauchy and Schwarz
        values, counts = np.unique(s[s > 0], return_counts=True)
        around = clusters(values, values**2 * counts / (len(s) * float(c)))
        return RealAxis(self.backend, self.host.parts, tuple(map(tuple, around)))

    def _edges(self) -> Array:
        return attached_edges(self.backend, self.parts, self.host.axis)

    def started(self, z: np.ndarray, promised: float = 1e-10) -> np.ndarray:
        """See `EquationLaw.started`."""
        d, real, p = np.zeros(z.shape, complex), np.imag(z) == 0, self.parts
        d[~real] = equation.descend(p, z[~real])
        if real.any():
            x = np.real(z[real])
            d[real] = self._on_line(x, self.axis.locate(x))
        return d

    def _on_line(self, x: np.ndarray, d: np.ndarray) -> np.ndarray:
        """Return δ(x + i0), (k,), from the real δ off the support and NaN on it."""
        p, start, inside = self.parts, d + 0j, np.isnan(d)
        if inside.any():
            above = x[inside] + 1j * LOWEST * self._span()[1]
            start[inside] = along_intervals(
                x[inside], self.support(), lambda i: equation.descend(p, above[i]),
                lambda i, start: equation.solve_on_host(p, above[i], start),
            )  # fmt: skip
        return equation.solve_on_host(p, x + 0j, start, promised=1e-8)

    def atoms(self) -> list[tuple[Array, Array]]:
        """See `Law.atoms`: the null space, of a rank min(rank C, rank C̃)."""
        t, s, c = self.host.parameters
        mass, own = 1 - min(float((t > 0).mean()), float((s > 0).mean()) / c), self.parameters[2]
        if mass <= 0:
            return []
        held = float((t > 0).mean()) <= float((s > 0).mean()) / c
        return [(0.0 * own, 0.0 * own + mass if held else 1.0 - float((s > 0).mean()) / own)]

    def _order(self, n: int) -> int:
        return max(1, round(float(self.host.parameters[2]) * n))

    def _draw(self, order: int, rng: np.random.Generator) -> np.ndarray:
        t, s, c = self.parameters
        n = max(1, round(order / float(c)))
        Z = np.sqrt(spread(t, order))[:, None] * rng.normal(size=(order, n)) * np.sqrt(spread(s, n))
        return Z @ Z.T / n


@batches(left=1, right=1, c=0)
def separable(left: Any, right: Any, c: Any, *, backend: str | Backend | None = None) -> Separable:
    """Return the law of C^½ Z C̃ Zᵀ C^½ / n, with covariance between rows and between columns.

    Parameters
    ----------
    left : (p,) array
        Eigenvalues of C, non-negative.
    right : (n,) array
        Eigenvalues of C̃, non-negative.
    c : number or () array
        Ratio p / n of dimension to samples; the lengths of the vectors do not matter.
    backend : str or Backend, optional

    Raises
    ------
    InvalidInput
        If c is not positive, or an eigenvalue is negative.
    """
    chosen, (left, right, c) = numbers(backend, left, right, c)
    check_ratio(chosen, c)
    check_spectrum(chosen, "left", left)
    check_spectrum(chosen, "right", right)
    return Separable(chosen, (left, right, c))
