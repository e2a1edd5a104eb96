"""The spectrum of positive pairs, and the optima of self-supervised losses on a finite space.

W(x, x′) is the probability of the positive pair (x, x′), and D(x) = Σ_x′ W(x, x′). The spectral
contrastive loss (HaoChen, Wei, Gaidon & Ma 2021) is minimal for the largest eigenvalues of
D^{−1/2} W D^{−1/2} (arXiv 2306.00788), the invariance term of VICReg for the smallest of D − W in
the metric D (Balestriero & LeCun, arXiv 2205.11508).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api.hosted import concrete, returned
from eigcore.api.inputs import prepared
from eigcore.core.arrays import Array
from eigcore.core.scalars import is_whole
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.graph.embedding import canonical, equal
from eigcore.graph.laplacians import weights


@dataclass(frozen=True)
class AugmentationSpectrum:
    """Eigenvalues of D^{−1/2} W D^{−1/2}, and functions on the space.

    Parameters
    ----------
    values : (n,) array
        λ, descending from 1; for pairs that are two views of one sample all are at least 0.
    functions : (n, n) array
        Columns f_i with Σ_x D f_i f_j = 1 for i = j, else 0; the first is constant, and
        E[f_i(x′) | x] = λ_i f_i(x).
    weights : (n,) array
        D, of sum 1.
    """

    values: Array
    functions: Array
    weights: Array

    def contrastive(self, d: int) -> tuple[Array, float]:
        """Return features (n, d) that minimise the spectral contrastive loss, and its minimum.

        They are f_i √λ_i for the d largest eigenvalues, and the minimum is −Σ_{i≤d} λ_i², negative
        eigenvalues counted as 0.
        """
        d = _dimension(d, self.values.shape[0])
        kept = np.maximum(_host(self.values)[:d], 0.0)
        return returned(_host(self.functions)[:, :d] * kept**0.5, self.values), -float(kept @ kept)

    def vicreg(self, d: int) -> tuple[Array, float]:
        """Return features (n, d) with mean 0, covariance I and the least invariance loss, and it.

        They are the functions after the constant one: 2 tr ZᵀLZ = 2 Σ_i (1 − λ_i), L = D − W.
        """
        d = _dimension(d, self.values.shape[0] - 1)
        kept = _host(self.values)[1 : d + 1]
        return self.functions[:, 1 : d + 1], float(2 * (1 - kept).sum())


def augmentation_spectrum(W: Any, backend: str | Backend | None = None) -> AugmentationSpectrum:
    """Return the spectrum of positive pairs on a finite space.

    Parameters
    ----------
    W : (n, n) array or sparse matrix of SciPy
        Probabilities of positive pairs, or counts: symmetric, not negative, scaled to sum 1. From
        the probabilities a (N, n) of the views of N samples: W = aᵀa/N.
    backend : str or Backend, optional

    Returns
    -------
    AugmentationSpectrum
        Of the library and dtype of W, without derivatives. Functions of a multiple eigenvalue are
        chosen as in `spectral_embedding`.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `laplacian`, or a point that is in no pair.

    Examples
    --------
    >>> views = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])
    >>> augmentation_spectrum(views.T @ views / 2).values.round(12)
    array([1. , 0.5, 0. ])
    """
    chosen, W, restore = weights(W, backend)
    if W.ndim != 2:
        raise InvalidInput(f"W has shape {tuple(W.shape)}; expected one matrix (n, n).")
    concrete(chosen, W, "W")
    W = chosen.detach(W)
    D = chosen.xp.sum(W, axis=-1)
    if bool(chosen.xp.min(D) <= 0):
        raise InvalidInput(
            f"Point {int(np.argmin(chosen.to_numpy(D)))} is in no positive pair: its row of W is "
            "0. Expected pairs for every point. Leave it out: W[keep][:, keep]"
        )
    D = D / chosen.xp.sum(D)
    root = D**0.5
    # 3 below its eigenvalue 1, the constant function does not mix with others of eigenvalue 1
    S = W / chosen.xp.sum(W) / root[:, None] / root - 3.0 * root[:, None] * root
    found, V = chosen.eigenpairs(0.5 * (S + chosen.xp.matrix_transpose(S)), 0, len(D) - 1)
    lam, V, root = (chosen.to_numpy(a) for a in (found, V, root))
    lam, V = lam[:0:-1], V[:, :0:-1]
    parts = [canonical(V[:, lo:hi]) for lo, hi in equal(-lam)] if len(lam) else []
    functions = np.concatenate([root[:, None], *parts], axis=1) / root[:, None]
    values = np.concatenate(([1.0], lam))
    found = (restore(a) for a in (returned(values, W), returned(functions, W), D))
    return AugmentationSpectrum(*found)


def contrastive_loss(F: Array, W: Any, backend: str | Backend | None = None) -> Array:
    """Return −2 E f(x)ᵀf(x⁺) + E (f(x)ᵀf(x′))², x and x′ independent.

    Parameters
    ----------
    F : (n, d) array
        Features of the points.
    W : (n, n) array
        As for `augmentation_spectrum`.
    backend : str or Backend, optional

    Returns
    -------
    () array
        Differentiable like the operations it consists of.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `augmentation_spectrum`, or features of other length.
    """
    chosen, F, W = _features(F, W, backend)
    D = chosen.xp.sum(W, axis=-1)
    gram = F @ chosen.xp.matrix_transpose(F)
    return chosen.xp.sum(-2.0 * W * gram + D[:, None] * D * gram**2)


def invariance_loss(Z: Array, W: Any, backend: str | Backend | None = None) -> Array:
    """Return E |z(x) − z(x⁺)|² over positive pairs: the invariance term of VICReg, 2 tr ZᵀLZ.

    Parameters
    ----------
    Z : (n, d) array
    W : (n, n) array
        As for `augmentation_spectrum`.
    backend : str or Backend, optional

    Returns
    -------
    () array

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `contrastive_loss`.
    """
    chosen, Z, W = _features(Z, W, backend)
    size = chosen.xp.sum(Z**2, axis=-1)
    return chosen.xp.sum(W * (size[:, None] + size - 2.0 * (Z @ chosen.xp.matrix_transpose(Z))))


def _features(F: Any, W: Any, backend: str | Backend | None) -> tuple[Backend, Array, Array]:
    chosen, (F, W), _ = prepared(backend, F, W)
    chosen, W, _ = weights(W, chosen)
    if F.ndim != 2 or F.shape[0] != W.shape[-1]:
        raise InvalidInput(
            f"The features have shape {tuple(F.shape)}; expected ({W.shape[-1]}, d), one row per "
            "point. Type: F.T"
        )
    if chosen.is_concrete(F) and not chosen.all_finite(F):
        raise NonFiniteInput(
            "The features are NaN or infinite; expected finite numbers. Replace them first."
        )
    return chosen, F, W / chosen.xp.sum(W)


def _dimension(d: Any, most: int) -> int:
    if not is_whole(d) or not 1 <= d <= most:
        raise InvalidInput(f"d is {d!r}; expected 1 <= d <= {most}. Write d={most}.")
    return d


def _host(a: Array) -> np.ndarray:
    return infer(a).to_numpy(a)
