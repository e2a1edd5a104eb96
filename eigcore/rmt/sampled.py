"""The model behind a Hessian's law: its vectors, its mean and its samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt import hessian_equation as equation
from eigcore.rmt.hessian_equation import Parts
from eigcore.rmt.inputs import on_host

Curvature = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Model:
    """x ~ N(μ, C) and g given (s, h) = (w*ᵀx, wᵀx).

    Parameters
    ----------
    backend : Backend
        Of the arrays.
    columns : (p, r) array
        V in the basis of C.
    t : (p,) or (1,) array
        Eigenvalues of C; one if all are equal.
    basis : (p, p) array or None
        Eigenvectors of C, in columns; None for the axes.
    vectors : (p, 3) NumPy array
        μ, w* and w in the basis of C.
    curvature : callable
        ``curvature(s, h, rng)`` returns g (n,) of samples, NumPy arrays.
    """

    backend: Backend
    columns: Array
    t: Array
    basis: Array | None
    vectors: np.ndarray
    curvature: Curvature

    def mean(self, parts: Parts) -> Array:
        """Return E[H], (p, p)."""
        backend, xp, V = self.backend, self.backend.xp, self.columns
        Lambda = equation.lambda_matrix(backend, parts, parts.value)
        t = xp.broadcast_to(self.t, (V.shape[0],))
        eye = backend.asarray(np.eye(V.shape[0]), like=V)
        rotated = Lambda[0, 0] * t * eye + V @ Lambda @ xp.matrix_transpose(V)
        if self.basis is None:
            return rotated
        return self.basis @ rotated @ xp.matrix_transpose(self.basis)

    def draw(self, n: int, c: float, rng: np.random.Generator) -> np.ndarray:
        """Return H of n samples, of order p ≈ c n."""
        p, vectors, t = round(c * n), self.vectors, on_host(self.backend, self.t)
        if len(t) == 1 and len(vectors) <= p:  # other coordinates have no part in it
            vectors = np.concatenate((vectors, np.zeros((p - len(vectors), 3))))
        elif abs(len(vectors) - c * n) > 1:
            raise InvalidInput(
                f"A matrix of n={n} samples at p / n = {c:.6g} has order {p}, but the vectors have "
                f"{len(vectors)} coordinates. Type: sample({round(len(vectors) / c)}, rng)"
            )
        mu, w_star, w = vectors.T
        x = mu + rng.normal(size=(n, len(vectors))) * np.sqrt(t)
        g = self.curvature(x @ w_star, x @ w, rng)
        H = (x.T * g) @ x / n
        if self.basis is None:
            return H
        basis = on_host(self.backend, self.basis)
        return basis @ H @ basis.T
