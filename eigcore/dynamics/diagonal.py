"""Perturb, then diagonalise: a well-conditioned diagonal form of a matrix that has none.

Yu, Nigmetov, Morozov, Mahoney & Erichson, "Robustifying state-space models for long sequences via
approximate diagonalization" (arXiv 2310.01698).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted, returned
from eigcore.api.spectral import spectral_map
from eigcore.core.arrays import Array
from eigcore.core.nonsymmetric import ordered
from eigcore.core.options import generator, number
from eigcore.dispatch.registry import infer
from eigcore.dynamics.eigenvalues import complex_like, square
from eigcore.errors import InvalidInput

STEPS = 200
"""Most steps of the minimisation."""


@dataclass(frozen=True)
class Diagonalised:
    """A + E = V diag(λ) V⁻¹.

    Parameters
    ----------
    values : (n,) array, complex
        λ, in the order of `eig`.
    vectors, inverse : (n, n) arrays, complex
        V with columns of norm 1, and V⁻¹.
    perturbation : (n, n) array
        E, real.
    condition : float
        ‖V‖₂ ‖V⁻¹‖₂.
    relative : float
        ‖E‖₂/‖A‖₂.
    """

    values: Array
    vectors: Array
    inverse: Array
    perturbation: Array
    condition: float
    relative: float


def perturb_then_diagonalise(
    A: Any, relative: float = 0.01, optimise: bool = True, seed: int = 0
) -> Diagonalised:
    """Return a diagonal form of A + E, for a small E that makes its eigenvectors well-conditioned.

    Parameters
    ----------
    A : (n, n) array of any backend, real
    relative : float
        ‖E‖₂/‖A‖₂; 0 for the diagonal form of A itself.
    optimise : bool
        Move E, within that norm, down the gradient of Σ_i κ_i, the condition numbers of the
        eigenvalues: that is the least Frobenius condition number of V over all lengths of its
        columns (Smith 1967). Otherwise E is random: a normal matrix, scaled.
    seed : int
        Of the random E, from which the minimisation starts too.

    Returns
    -------
    Diagonalised
        In the library of A.

    Raises
    ------
    InvalidInput, NonFiniteInput
        No square real matrix, a `relative` that is negative, or with relative=0 a matrix that is
        defective to working precision.

    Examples
    --------
    >>> from eigcore.dynamics import hippo
    >>> A = hippo(16).A
    >>> plain, found = (perturb_then_diagonalise(A, r).condition for r in (0.0, 0.01))
    >>> plain > 1e10, found < 30
    (True, True)
    """
    host = square(A)
    relative = number("relative", relative, 0.01, 0.0, least=True)
    if not isinstance(optimise, (bool, np.bool_)):
        raise InvalidInput(
            f"optimise is {optimise!r:.80}; expected True or False. Write optimise=True."
        )
    rng = generator(seed)
    size = relative * float(np.linalg.norm(host, 2))
    E = rng.normal(size=host.shape)
    E *= size / np.linalg.norm(E, 2)
    if optimise and size > 0:
        E = _descended(host, E, size)
    lam, V = np.linalg.eig(host + E)
    order = ordered(np, host + E, lam)
    lam, V = lam[order] + 0j, V[:, order] + 0j
    condition = float(np.linalg.cond(V))
    if condition * np.finfo(float).eps * len(lam) > 1:
        raise InvalidInput(
            "A is defective to working precision: its eigenvectors have the condition number "
            f"{condition:.2g}. Expected a basis of eigenvectors. Write relative=0.01 to perturb A."
        )
    norm = float(np.linalg.norm(host, 2))
    share = float(np.linalg.norm(E, 2)) / norm if norm > 0 else 0.0
    lam, W, inverse = (complex_like(a, A) for a in (lam, V, np.linalg.inv(V)))
    return Diagonalised(lam, W, inverse, returned(E, A), condition, share)


def transfer(
    A: Any, B: Any, C: Any, s: Any, near: Any = None
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Return the transfer function G(s) = C (sI − A)⁻¹ B of x′ = A x + B u, y = C x.

    Parameters
    ----------
    A : (n, n) array of any backend, or Diagonalised
        A diagonal form costs n products per s, after V⁻¹ B and C V.
    B, C : (n,) arrays
    s : (...) array, complex
        Frequencies iω, or other points of the plane.
    near : (n, n) array, optional
        Another matrix A₀, to bound the error of A in its place.

    Returns
    -------
    (...) array, complex
        NumPy.
    (...) array
        Only with `near`: ‖C (sI − A₀)⁻¹‖ ‖A − A₀‖₂ ‖(sI − A)⁻¹ B‖, at least |G − G₀| since
        (sI − A)⁻¹ − (sI − A₀)⁻¹ = (sI − A₀)⁻¹ (A − A₀) (sI − A)⁻¹. For `hippo` it is at most
        ‖C‖ 2ε/(1 − 2ε) on the imaginary axis, ε = ‖A − A₀‖₂ < ½ (docs/dynamics.md).

    Raises
    ------
    InvalidInput, NonFiniteInput
        Other shapes, numbers that are not finite, or an s that is an eigenvalue.
    """
    diagonal = isinstance(A, Diagonalised)
    host = _whole(A) if diagonal else square(A)
    n = len(host)
    b, c = _vector(B, n, "B"), _vector(C, n, "C")
    points = _points(s)
    flat = points.ravel()
    if not np.isfinite(flat).all():
        raise InvalidInput("s is NaN or infinite; expected finite points. Type: 1j * frequencies")
    if diagonal:
        lam, V, inverse = (_numpy(a) for a in (A.values, A.vectors, A.inverse))
        states = (inverse @ b) / _apart(flat[:, None] - lam) @ V.T
    else:
        states = _resolved(host, flat, b)
    values = (states @ c).reshape(points.shape)
    if near is None:
        return values
    other = square(near, "near")
    if other.shape != host.shape:
        raise InvalidInput(f"near has shape {other.shape}; expected {host.shape}, as A.")
    reads = np.linalg.norm(_resolved(other.T, flat, c), axis=-1)
    moved = float(np.linalg.norm(host - other, 2))
    bound = reads * moved * np.linalg.norm(states, axis=-1)
    return values, bound.reshape(points.shape)


def _descended(A: np.ndarray, E: np.ndarray, size: float) -> np.ndarray:
    """Return E with ‖E‖₂ ≤ size and a smaller sum of condition numbers, by projected gradients."""
    step = 0.25 * size * len(A) ** 0.5
    value, slope = conditions(A + E)
    for _ in range(STEPS):
        moved = E - step * slope / np.linalg.norm(slope)
        moved = spectral_map(moved, "clip", c=size)
        found, turned = conditions(A + moved)
        if found < value:
            E, value, slope, step = moved, found, turned, 1.3 * step
        elif step > 1e-6 * size:
            step *= 0.5
        else:
            break
    return E


def conditions(A: np.ndarray) -> tuple[float, np.ndarray]:
    """Return Σ κ_i and its gradient, for unit eigenvectors X and Yᴴ = X⁻¹: κ_i² = (YᴴY)_ii.

    Along E, dX = X C and dYᴴ = −C Yᴴ with C_ij = (Yᴴ E X)_ij/(λ_j − λ_i), so that
    Σ dκ_i = Re Σ_ij C_ij (κ_j (XᴴX)_ji − (YᴴY)_ji/κ_i), columns of X of any length.
    """
    lam, X = np.linalg.eig(A)
    Y = np.linalg.inv(X)
    inner, outer = X.conj().T @ X, Y @ Y.conj().T
    kappa = np.sqrt(outer.diagonal().real)
    weights = inner.T * kappa - outer.T / kappa[:, None]
    gap = lam - lam[:, None]
    none = gap == 0
    rates = np.where(none, 0.0, weights / np.where(none, 1.0, gap))
    return float(kappa.sum()), np.real(Y.T @ rates @ X.T)


def _resolved(A: np.ndarray, s: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return (sI − A)⁻¹ b for each s: (k, n)."""
    try:
        columns = [np.linalg.solve(z * np.eye(len(A)) - A, b) for z in s]
    except np.linalg.LinAlgError:
        columns = [_apart(np.zeros(1))]
    return np.array(columns).reshape(len(s), len(A))


def _apart(gaps: np.ndarray) -> np.ndarray:
    if (gaps == 0).any():
        raise InvalidInput(
            "s holds an eigenvalue of A, where the transfer function has a pole; expected other "
            "points. Type: 1j * frequencies"
        )
    return gaps


def _whole(found: Diagonalised) -> np.ndarray:
    lam, V, inverse = (_numpy(a) for a in (found.values, found.vectors, found.inverse))
    return np.real((V * lam) @ inverse)


def _points(s: Any) -> np.ndarray:
    backend = infer(s)
    try:
        return np.asarray(backend.to_numpy(backend.asarray(s)), complex)
    except (TypeError, ValueError) as exc:
        raise InvalidInput(
            f"s is {s!r:.80}; expected numbers, complex ones too. Type: 1j * frequencies"
        ) from exc


def _vector(a: Any, n: int, what: str) -> np.ndarray:
    host = hosted(a, what, 1)
    if len(host) != n:
        raise InvalidInput(
            f"{what} has shape {host.shape}; expected ({n},). Type: {what}.ravel() for one input "
            "and one output"
        )
    return host


def _numpy(a: Array) -> np.ndarray:
    return infer(a).to_numpy(a)
