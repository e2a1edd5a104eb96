"""The law of data that come from several classes; rmt-reference.md, section 1."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput, NotConverged
from eigcore.rmt.along import along_intervals
from eigcore.rmt.batch import batches
from eigcore.rmt.equation import LOWEST, EquationLaw, Function
from eigcore.rmt.fixed_point import Kept
from eigcore.rmt.inputs import check_eigenvalues, check_ratio, numbers, on_host


class Mixture(EquationLaw):
    """The law of `mixture`: g_a = (c/p) tr C_a (Σ_b c_b C_b / (1 + g_b) − z)⁻¹ for k classes.

    The covariances are (k, p) eigenvalues in a common basis, or (k, p, p) matrices.
    """

    name = "mixture law"
    system = True

    def __init__(self, backend: Backend, parameters: tuple[Array, ...], matrices: bool):
        super().__init__(backend, parameters)
        self.matrices = matrices

    @property
    def unknowns(self) -> int:
        """See `Law.unknowns`: one for each class."""
        return self.parameters[1].shape[-1]

    def _flat(self, C: Array) -> Array:
        """Return the covariances as rows: (..., k, p) or (..., k, p²)."""
        return self.backend.xp.reshape(C, (*C.shape[:-2], -1)) if self.matrices else C

    def _resolvent(self, d: Array, z: Array, parameters: tuple[Array, ...]) -> Array:
        """Return Q̄: its eigenvalues (..., p), or (..., p, p) matrices."""
        C, shares, _ = parameters
        xp, p, flat = self.backend.xp, C.shape[-1], self._flat(C)
        weights, alike = shares / (1.0 + d), len(flat.shape) == 2
        M = weights @ (flat + 0j) if alike else xp.sum(weights[..., None] * flat, axis=-2)
        if not self.matrices:
            return 1.0 / (M - z[:, None])
        eye = self.backend.asarray(np.eye(p))
        return xp.linalg.inv(xp.reshape(M, (-1, p, p)) - z[:, None, None] * eye)

    def _traces(self, Q: Array, C: Array, c: Array) -> Array:
        """Return (c/p) tr C_a Q̄: (..., k)."""
        xp, flat = self.backend.xp, self._flat(C)
        Q = xp.reshape(Q, (Q.shape[0], -1))
        alike = len(flat.shape) == 2
        found = (
            Q @ xp.matrix_transpose(flat + 0j) if alike else xp.sum(Q[:, None, :] * flat, axis=-1)
        )
        return c[..., None] / C.shape[-1] * found

    def _step(self, d: Array, z: Array, *parameters: Array) -> Array:
        return self._traces(self._resolvent(d, z, parameters), parameters[0], parameters[2])

    def _slope(self, d: Array, z: Array, *parameters: Array) -> Array:
        return self._bent(d, self._resolvent(d, z, parameters), parameters)

    def _bent(self, d: Array, Q: Array, parameters: tuple[Array, ...]) -> Array:
        """Return (c/p) tr C_a Q̄ C_b Q̄ c_b / (1 + g_b)² of each a and b: (..., k, k)."""
        C, shares, c = parameters
        xp, k, p = self.backend.xp, shares.shape[-1], C.shape[-1]
        if not self.matrices:
            each = Q[:, None, :] * C
            found = each @ xp.matrix_transpose(each)
        else:
            real, imaginary = (C @ f(Q)[:, None, ...] for f in (xp.real, xp.imag))
            each = real + 1j * imaginary
            turned = xp.reshape(xp.matrix_transpose(each), (-1, k, p * p))
            found = xp.reshape(each, (-1, k, p * p)) @ xp.matrix_transpose(turned)
        return c[..., None, None] / p * found * (shares / (1.0 + d) ** 2)[:, None, :]

    def started(self, z: np.ndarray, promised: float = 1e-10) -> np.ndarray:
        """See `EquationLaw.started`; along a line few places are the start of all others."""
        if len(z) < 2 or np.ptp(np.imag(z)):
            return self.continued(z, self.size, promised)
        on_line = not np.imag(z[0])
        above = z + 1j * LOWEST * self.size * on_line

        def warm(i: np.ndarray, start: np.ndarray) -> np.ndarray:
            return self.solved(
                above[i], np.real(start) + 1j * np.abs(np.imag(start)), promised=1e-6
            )

        def cold(i: np.ndarray) -> np.ndarray:
            return self.continued(above[i], self.size, promised=1e-6)

        d = along_intervals(np.real(z), None, cold, warm)
        try:
            return self.solved(z, d, promised=1e-8 if on_line else promised, upper=not on_line)
        except NotConverged:  # next to a cusp
            return self.continued(z, self.size, promised)

    def _functions(self, z: np.ndarray) -> tuple[Function, Function]:
        """See `EquationLaw._functions`; one resolvent of each δ serves both."""
        ranks = (2 + self.matrices, 1, 0)

        def both(d: np.ndarray, i: np.ndarray) -> np.ndarray:
            C, shares, c = (
                a[i] if np.ndim(a) > rank else a
                for a, rank in zip(self.parameters, ranks, strict=True)
            )
            Q = self._resolvent(d, z[i], (C, shares, c))
            bent = self._bent(d, Q, (C, shares, c))
            return np.concatenate((self._traces(Q, C, c)[..., None], bent), axis=-1)

        kept = Kept(both)
        return lambda d: kept(d)[..., 0], lambda d: kept(d)[..., 1:]

    def _value(self, d: Array, z: Array, *parameters: Array) -> Array:
        xp, Q = self.backend.xp, self._resolvent(d, z, parameters)
        return xp.linalg.trace(Q) / Q.shape[-1] if self.matrices else xp.mean(Q, axis=-1)

    def _initial(self, z: np.ndarray) -> np.ndarray:
        C, _, c = self.parameters
        means = np.trace(C, axis1=-2, axis2=-1) / C.shape[-1] if self.matrices else C.mean(-1)
        return -c[..., None] * means / z[:, None]

    def _span(self) -> tuple[float, float]:
        C, _, c = self.host.parameters
        top = np.linalg.eigvalsh(C).max() if self.matrices else C.max()
        return 0.0, float(top * (1 + np.sqrt(c)) ** 2)

    def atoms(self) -> list[tuple[Array, Array]]:
        """See `Law.atoms`: the rank is limited by classes in samples, by others in dimensions."""
        C, shares, c = self.host.parameters
        own, k = self.parameters[2], len(shares)
        ranks = []
        for kept in itertools.product((False, True), repeat=k):
            rest = C[~np.array(kept)].sum(axis=0)
            rank = (
                np.linalg.matrix_rank(rest, hermitian=True) if self.matrices else (rest > 0).sum()
            )
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


@batches(covariances=3, proportions=1, c=0)
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
    return Mixture(chosen, (C, shares, c), found.ndim == 3)
