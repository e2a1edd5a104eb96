"""Kernel matrices: ridge leverage, effective dimension, and Nyström approximation.

A. Alaoui and M. W. Mahoney, "Fast randomized kernel ridge regression with statistical guarantees"
(2015); C. Musco and C. Musco, "Recursive sampling for the Nyström method" (2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from eigcore.api.hosted import hosted
from eigcore.core.options import generator
from eigcore.core.scalars import is_real, is_whole
from eigcore.errors import InvalidInput


@dataclass(frozen=True)
class Nystrom:
    """K̃ = F Fᵀ, with 0 ⪯ K̃ ⪯ K.

    Parameters
    ----------
    F : (n, k) array
        NumPy, float64.
    columns : (k,) array
        The columns of K that were used, ascending.
    bound : float
        ‖K − K̃‖₂: K − K̃ ⪯ bound · I.
    """

    F: np.ndarray
    columns: np.ndarray
    bound: float


def ridge_leverage(K: Any, gamma: float) -> np.ndarray:
    """Return τ_i = e_iᵀ K (K + γI)^{−1} e_i.

    Parameters
    ----------
    K : (n, n) array of any backend, symmetric positive semidefinite
    gamma : float
        γ > 0.

    Returns
    -------
    (n,) array
        In [0, 1]; their sum is `effective_dimension`.

    Raises
    ------
    InvalidInput, NonFiniteInput
        No symmetric positive semidefinite matrix, or γ that is not positive.
    """
    lam, V = _spectrum(K)
    return (V**2) @ (lam / (lam + positive(gamma)))


def effective_dimension(K: Any, gamma: float) -> float:
    """Return d_eff = tr K (K + γI)^{−1}.

    Parameters
    ----------
    K, gamma
        As for `ridge_leverage`.

    Returns
    -------
    float

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `ridge_leverage`.
    """
    lam, _ = _spectrum(K)
    return float((lam / (lam + positive(gamma))).sum())


def nystrom(K: Any, gamma: float, columns: int | None = None, seed: int = 0) -> Nystrom:
    """Return the Nyström approximation on columns sampled by their ridge leverage.

    Parameters
    ----------
    K, gamma
        As for `ridge_leverage`.
    columns : int, optional
        How many are drawn, with repetition; default 8·d_eff·log(1 + d_eff), at least one.
    seed : int

    Returns
    -------
    Nystrom
        With the default number K − K̃ ⪯ 2γI with high probability; `.bound` says what holds.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `ridge_leverage`, or a number of columns that is not positive.
    """
    lam, V = _spectrum(K)
    leverage = (V**2) @ (lam / (lam + positive(gamma)))
    size = float(leverage.sum())
    if columns is None:
        columns = max(1, int(np.ceil(8 * size * np.log1p(size))))
    if not is_whole(columns) or columns < 1:
        raise InvalidInput(
            f"columns is {columns!r}; expected an integer above 0. Write columns=50."
        )
    if size == 0:
        return Nystrom(np.zeros((len(lam), 0)), np.zeros(0, int), 0.0)
    drawn = generator(seed).choice(len(lam), columns, p=leverage / size)
    chosen = np.unique(drawn)
    host = (V * lam) @ V.T
    block = host[:, chosen]
    F = block @ root(block[chosen])
    rest = np.linalg.eigvalsh(host - F @ F.T)
    return Nystrom(F, chosen, max(0.0, float(rest[-1])))


def root(block: np.ndarray) -> np.ndarray:
    """Return R with R Rᵀ = K⁺ of a symmetric positive semidefinite matrix."""
    lam, V = scipy.linalg.eigh(block)
    kept = lam > 8 * len(lam) * np.finfo(float).eps * max(float(lam[-1]), 0.0)
    return V[:, kept] / np.sqrt(lam[kept])


def positive(gamma: Any) -> float:
    """Return γ as a float, or raise unless it is positive."""
    if not is_real(gamma) or not 0 < gamma < np.inf:
        raise InvalidInput(f"gamma is {gamma!r}; expected a positive number. Write gamma=1.0.")
    return float(gamma)


def _spectrum(K: Any) -> tuple[np.ndarray, np.ndarray]:
    host = hosted(K, "K")
    if host.shape[0] != host.shape[1] or abs(host - host.T).max() > 1e-6 * abs(host).max():
        raise InvalidInput(
            f"K has shape {host.shape}; expected a symmetric matrix (n, n). Type: X @ X.T"
        )
    lam, V = np.linalg.eigh((host + host.T) / 2)
    if lam[0] < -1e-8 * abs(lam).max():
        raise InvalidInput(
            f"K has the eigenvalue {lam[0]:.3g}; expected a positive semidefinite matrix. "
            'Type: eigcore.matrix_function(K, "positive")'
        )
    return np.maximum(lam, 0.0), V
