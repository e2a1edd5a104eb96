"""Nyström approximation of kernel matrices that are too large to write down, from a stream of rows.

D. Calandriello, A. Lazaric and M. Valko, "Analysis of Nyström method with sequential ridge leverage
scores" (2016, INK-Estimate) and "Distributed adaptive sampling for kernel matrix approximation"
(2017, SQUEAK), whose estimate of leverage needs the kept rows only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from eigcore.api.hosted import checked, hosted
from eigcore.core.options import generator, several
from eigcore.core.scalars import is_real, is_whole
from eigcore.errors import InvalidInput
from eigcore.lowrank.kernels import positive, root

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Dictionary:
    """Rows z of a stream that stand for all: K̃ = K_xz K_zz⁺ K_zx.

    Parameters
    ----------
    rows : (k, P) array
        NumPy, float64.
    places : (k,) array
        Their numbers in the stream, ascending.
    weights : (k,) array
        Σ w_i k_i k_iᵀ over the kept columns estimates K Kᵀ of all.
    most : int
        The most rows that were kept at once.
    kernel : function
    """

    rows: np.ndarray
    places: np.ndarray
    weights: np.ndarray
    most: int
    kernel: Kernel

    def features(self, X: Any) -> np.ndarray:
        """Return F (n, k′) of rows X (n, P), such that F Fᵀ is K̃ of them."""
        X = hosted(X, "X")
        if not len(self.rows):
            return np.zeros((len(X), 0))
        turn = root(_values(self.kernel, self.rows, self.rows))
        return _values(self.kernel, X, self.rows) @ turn


def sequential_nystrom(
    stream: Iterable[Any],
    kernel: Kernel,
    gamma: float,
    accuracy: float = 0.5,
    copies: int = 10,
    seed: int = 0,
) -> Dictionary:
    """Return few rows of a stream, sampled by their ridge leverage among all that came.

    Parameters
    ----------
    stream : iterable of (b, P) arrays of any backend
        Read once. A block costs (k + b)³ for k kept rows.
    kernel : function
        Takes NumPy arrays (n, P) and (k, P), returns (n, k): a positive semidefinite kernel.
    gamma : float
        γ > 0.
    accuracy : float
        ε, between 0 and 1.
    copies : int
        q̄: a row of leverage τ is kept with probability 1 − (1 − τ)^q̄, about. There remain about
        q̄·d_eff(γ) rows, whatever the length of the stream.
    seed : int

    Returns
    -------
    Dictionary
        With high probability, for q̄ of order log(n)/ε², 0 ⪯ K − K̃ ⪯ γ/(1 − ε) I.

    Raises
    ------
    InvalidInput, NonFiniteInput
        Numbers out of range, no blocks, blocks of other widths, or a function that is no kernel.

    Examples
    --------
    >>> kernel = lambda X, Z: np.exp(-((X[:, None] - Z) ** 2).sum(-1))
    >>> X = np.linspace(0, 3, 1000)[:, None]
    >>> found = sequential_nystrom(np.array_split(X, 50), kernel, gamma=1.0)
    >>> len(found.rows) < 100, abs(found.features(X[:1]) ** 2).sum().round(2) <= 1
    (True, True)
    """
    gamma, rng = positive(gamma), generator(seed)
    _ranges(accuracy, copies)
    if not callable(kernel):
        raise InvalidInput(
            f"kernel is {kernel!r:.80}; expected a function of rows (n, P) and (k, P). "
            "Write kernel=lambda X, Z: X @ Z.T"
        )
    kept, count, most = None, 0, 0
    for block in several("The stream", stream, "[X], blocks (b, P)"):
        fresh = _fresh(hosted(block, "A block"), count, copies, kept)
        count += len(fresh[0])
        both = fresh if kept is None else [np.concatenate(p) for p in zip(kept, fresh, strict=True)]
        Z, place, chance, number = both
        leverage = _leverage(_values(kernel, Z, Z), number / (chance * copies), gamma, accuracy)
        lower = np.minimum(chance, leverage)
        number = rng.binomial(number, lower / chance)
        kept = [a[number > 0] for a in (Z, place, lower, number)]
        most = max(most, len(kept[0]))
    if kept is None:
        raise InvalidInput("The stream has no blocks; expected arrays (b, P). Type: [X]")
    rows, places, chance, number = kept
    return Dictionary(rows, places, number / (chance * copies), most, kernel)


def _fresh(X: np.ndarray, count: int, copies: int, kept: Any) -> list[np.ndarray]:
    if kept is not None and X.shape[1] != kept[0].shape[1]:
        raise InvalidInput(
            f"A block has {X.shape[1]} columns after {kept[0].shape[1]}; expected equal widths. "
            "Type: X[:, :width]"
        )
    n = len(X)
    return [X, count + np.arange(n), np.ones(n), np.full(n, copies)]


def _leverage(K: np.ndarray, weights: np.ndarray, gamma: float, accuracy: float) -> np.ndarray:
    """Return (1 − ε)/γ (k_ii − k_iᵀ S (SᵀKS + γI)⁻¹ Sᵀ k_i), S² the weights: SQUEAK, section 3."""
    scaled = np.sqrt(weights)[:, None] * K
    inner = scaled * np.sqrt(weights) + gamma * np.eye(len(K))
    try:
        seen = scipy.linalg.solve_triangular(
            scipy.linalg.cholesky(inner, lower=True), scaled, lower=True
        )
    except scipy.linalg.LinAlgError as exc:
        raise InvalidInput(
            "The kernel is not positive semidefinite on the rows. Expected a function like "
            "lambda X, Z: X @ Z.T. Or write a larger gamma."
        ) from exc
    rest = K.diagonal() - (seen**2).sum(axis=0)
    return np.clip((1 - accuracy) / gamma * rest, 1e-12, 1.0)


def _values(kernel: Kernel, X: np.ndarray, Z: np.ndarray) -> np.ndarray:
    found = np.asarray(kernel(X, Z), np.float64)
    if found.shape != (len(X), len(Z)):
        raise InvalidInput(
            f"The kernel of rows {X.shape} and {Z.shape} has shape {found.shape}; expected "
            f"{(len(X), len(Z))}. Write kernel=lambda X, Z: X @ Z.T"
        )
    return checked(found, "The kernel", 2)


def _ranges(accuracy: Any, copies: Any) -> None:
    if not is_real(accuracy) or not 0 < accuracy < 1:
        raise InvalidInput(
            f"accuracy is {accuracy!r}; expected between 0 and 1. Write accuracy=0.5."
        )
    if not is_whole(copies) or copies < 1:
        raise InvalidInput(f"copies is {copies!r}; expected an integer above 0. Write copies=10.")
