"""Laws of rows and columns that are correlated, and of classes; rmt-reference.md, section 1."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt import hessian_equation as equation
from eigcore.rmt.along import along_intervals
from eigcore.rmt.cauchy import clusters
from eigcore.rmt.covariance import spread
from eigcore.rmt.equation import LOWEST, EquationLaw
from eigcore.rmt.hessian_equation import Parts
from eigcore.rmt.inputs import check_eigenvalues, check_ratio, check_spectrum, numbers, on_host
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
        return -c * t.mean() / z

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


class Mixture(EquationLaw):
    """The law of `mixture`: g_a = (c/p) tr C_a (Σ_b c_b C_b / (1 + g_b) − z)⁻¹ for k classes.

    The covariances are (k, p) eigenvalues in a common basis, or (k, p, p) matrices.
    """

    name = "mixture law"
    system = True

    def _resolvent(self, d: Array, z: Array, parameters: tuple[Array, ...]) -> Array:
        """Return Q̄: its eigenvalues (..., p), or (..., p, p) matrices."""
        C, shares, _ = parameters
        xp, p = self.backend.xp, C.shape[-1]
        weights = shares / (1.0 + d)
        if len(C.shape) == 2:
            return 1.0 / (xp.matmul(weights, C + 0j) - z[:, None])
        M = xp.reshape(xp.matmul(weights, xp.reshape(C, (-1, p * p)) + 0j), (-1, p, p))
        return xp.linalg.inv(M - z[:, None, None] * self.backend.asarray(np.eye(p)))

    def _step(self, d: Array, z: Array, *parameters: Array) -> Array:
        C, _, c = parameters
        xp, k, p = self.backend.xp, C.shape[0], C.shape[-1]
        Q = self._resolvent(d, z, parameters)
        flat = xp.reshape(C, (k, -1)) + 0j
        return c * xp.matmul(xp.reshape(Q, (Q.shape[0], -1)), xp.matrix_transpose(flat)) / p

    def _slope(self, d: Array, z: Array, *parameters: Array) -> Array:
        """Return (c/p) tr C_a Q̄ C_b Q̄ c_b / (1 + g_b)² of each a and b."""
        C, shares, c = parameters
        xp, k, p = self.backend.xp, C.shape[0], C.shape[-1]
        Q = self._resolvent(d, z, parameters)
        if len(C.shape) == 2:
            pairs = xp.reshape(C[:, None, :] * C[None, :, :], (k * k, p)) + 0j
            found = xp.reshape(xp.matmul(Q * Q, xp.matrix_transpose(pairs)), (-1, k, k))
        else:
            real, imaginary = (
                xp.matmul(C[None, ...], f(Q)[:, None, ...]) for f in (xp.real, xp.imag)
            )
            each = real + 1j * imaginary
            turned = xp.reshape(xp.matrix_transpose(each), (-1, k, p * p))
            found = xp.matmul(xp.reshape(each, (-1, k, p * p)), xp.matrix_transpose(turned))
        return c / p * found * (shares / (1.0 + d) ** 2)[:, None, :]

    def _value(self, d: Array, z: Array, *parameters: Array) -> Array:
        xp, Q = self.backend.xp, self._resolvent(d, z, parameters)
        if len(Q.shape) == 2:
            return xp.mean(Q, axis=-1)
        return xp.linalg.trace(Q) / Q.shape[-1]

    def _initial(self, z: np.ndarray) -> np.ndarray:
        C, _, c = self.parameters
        means = C.mean(-1) if C.ndim == 2 else np.trace(C, axis1=1, axis2=2) / C.shape[-1]
        return -c * means / z[:, None]

    def _span(self) -> tuple[float, float]:
        C, _, c = self.host.parameters
        top = C.max() if C.ndim == 2 else np.linalg.eigvalsh(C).max()
        return 0.0, float(top * (1 + np.sqrt(c)) ** 2)

    def atoms(self) -> list[tuple[Array, Array]]:
        """See `Law.atoms`: the rank is limited by classes in samples, by others in dimensions."""
        C, shares, c = self.host.parameters
        own, k = self.parameters[2], len(shares)
        ranks = []
        for kept in itertools.product((False, True), repeat=k):
            rest = C[~np.array(kept)].sum(axis=0)
            rank = (rest > 0).sum() if C.ndim == 2 else np.linalg.matrix_rank(rest, hermitian=True)
            ranks.append((rank / C.shape[-1], float(shares[list(kept)].sum())))
        fixed, moving = min(ranks, key=lambda pair: pair[0] + pair[1] / float(c))
        if fixed + moving / c >= 1:
            return []
        return [(0.0 * own, 1.0 - fixed - moving / own)]

    def _order(self, n: int) -> int:
        return self.host.parameters[0].shape[-1]

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Return X Xᵀ / n (p, p) of the covariances' own order p, with n = p / c samples."""
        return super().sample(n, rng)

    def _draw(self, order: int, rng: np.random.Generator) -> np.ndarray:
        C, shares, c = self.parameters
        n = max(1, round(order / float(c)))
        counts = np.diff(np.round(np.append(0, np.cumsum(shares)) * n).astype(int))
        columns = []
        for one, count in zip(C, counts, strict=True):
            Z = rng.normal(size=(order, count))
            if one.ndim == 1:
                columns.append(np.sqrt(one)[:, None] * Z)
            else:
                values, vectors = np.linalg.eigh(one)
                columns.append(vectors @ (np.sqrt(np.maximum(values, 0))[:, None] * Z))
        X = np.concatenate(columns, axis=1)
        return X @ X.T / n


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


def mixture(
    covariances: Any, proportions: Any, c: Any, *, backend: str | Backend | None = None
) -> Mixture:
    """Return the law of X Xᵀ / n, where the columns of X come from k centred classes.

    Parameters
    ----------
    covariances : (k, p) or (k, p, p) array
        Of each class: eigenvalues in a common basis, or the matrix.
    proportions : (k,) array
        Share of each class, positive, of sum 1.
    c : number or () array
        Ratio p / n of dimension to samples.
    backend : str or Backend, optional

    Raises
    ------
    InvalidInput
        If c is not positive, a covariance is not positive semidefinite, or the proportions do not
        fit.
    """
    chosen, (C, shares, c) = numbers(backend, covariances, proportions, c)
    check_ratio(chosen, c)
    found, share = on_host(chosen, C), on_host(chosen, shares)
    if found.ndim not in (2, 3) or (found.ndim == 3 and found.shape[1] != found.shape[2]):
        raise InvalidInput(
            f"covariances has shape {found.shape}; expected (k, p) eigenvalues in a common basis, "
            "or (k, p, p) matrices. Write numpy.stack([C1, C2])."
        )
    if found.ndim == 3 and not np.allclose(found, np.swapaxes(found, 1, 2), atol=1e-10):
        raise InvalidInput(
            "covariances holds a matrix that is not symmetric; expected symmetric ones. "
            "Write covariances=(C + C.swapaxes(1, 2)) / 2."
        )
    for each in found if found.ndim == 2 else np.linalg.eigvalsh(found):
        # rounding leaves eigenvalues of matrices below zero
        check_eigenvalues("covariances", each + (1e-10 * abs(each).max()) * (found.ndim == 3))
    if share.shape != found.shape[:1] or not (share > 0).all() or abs(share.sum() - 1) > 1e-9:
        raise InvalidInput(
            f"proportions is {share.tolist()}; expected {len(found)} positive numbers of sum 1, "
            "one for each class. Write proportions=[0.5, 0.5]."
        )
    return Mixture(chosen, (C, shares, c))
