"""Dynamic mode decomposition: the linear map that takes snapshots to the next ones.

Exact DMD of Tu, Rowley, Luchtenburg, Brunton & Kutz, "On dynamic mode decomposition: theory and
applications" (2014); on functions of the state it is the Koopman operator's best approximation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted
from eigcore.core.arrays import Array
from eigcore.core.nonsymmetric import ordered
from eigcore.core.scalars import is_whole
from eigcore.dispatch.registry import infer
from eigcore.dynamics.eigenvalues import complex_like
from eigcore.errors import InvalidInput


@dataclass(frozen=True)
class Modes:
    """y ≈ A x, A = Y X⁺ of rank r, with the eigenvalues and eigenvectors of A.

    Parameters
    ----------
    values : (r,) array, complex
        In the order of `eig`.
    modes : (n, r) array, complex
        Eigenvectors of A, columns of norm 1.
    amplitudes : (r,) array, complex
        Of the first snapshot: the least-squares coefficients of X[:, 0] in the modes.
    singular_values : (min(n, k),) array
        Of X, descending.
    error : float
        ‖Y − A X‖_F/‖Y‖_F.
    """

    values: Array
    modes: Array
    amplitudes: Array
    singular_values: np.ndarray
    error: float

    def predict(self, steps: int) -> Array:
        """Return snapshots 0 … steps − 1 from the first one: (n, steps), complex."""
        if not is_whole(steps) or steps < 0:
            raise InvalidInput(
                f"steps is {steps!r}; expected an integer of at least 0. Write steps=10."
            )
        backend = infer(self.modes)
        power = backend.to_numpy(self.values)[:, None] ** np.arange(steps)
        return self.modes @ (
            self.amplitudes[:, None] * backend.asarray(power, device=self.modes.device)
        )


def dmd(X: Any, Y: Any, rank: int) -> Modes:
    """Return the eigenvalues and modes of the linear map that takes X to Y.

    Parameters
    ----------
    X, Y : (n, k) arrays of one backend
        Snapshots, one per column, and the snapshots one step later.
    rank : int
        Number of singular values of X that are kept.

    Returns
    -------
    Modes
        In the library of X. If Y = A X and the snapshots span an invariant subspace of A of this
        rank, values and modes are exactly those of A on it.

    Raises
    ------
    InvalidInput, NonFiniteInput
        Other shapes, numbers that are not finite, or a rank above that of X.

    Examples
    --------
    >>> A = np.diag([0.9, -0.5])
    >>> X = np.array([[1.0, 2.0, 0.5], [1.0, -1.0, 3.0]])
    >>> dmd(X, A @ X, 2).values.round(12)
    array([ 0.9+0.j, -0.5+0.j])
    """
    before, after = hosted(X, "X"), hosted(Y, "Y")
    if before.shape != after.shape:
        raise InvalidInput(
            f"X and Y have shapes {before.shape} and {after.shape}; expected one shape (n, k). "
            "Type: dmd(snapshots[:, :-1], snapshots[:, 1:], rank)"
        )
    U, s, Vt = np.linalg.svd(before, full_matrices=False)
    if not s[0]:
        raise InvalidInput(
            "X is zero; expected snapshots of a motion. Leave out a warm-up of zeros."
        )
    kept = int((s > max(before.shape) * np.finfo(float).eps * s[0]).sum())
    if not is_whole(rank) or not 1 <= rank <= kept:
        raise InvalidInput(
            f"rank is {rank!r}; expected an integer from 1 to {kept}, the rank of X to working "
            f"precision. Write rank={kept}."
        )
    U, root, V = U[:, :rank], s[:rank], Vt[:rank].T
    taken = after @ (V / root)
    lam, W = np.linalg.eig(U.T @ taken)
    order = ordered(np, U.T @ taken, lam)
    lam, W = lam[order] + 0j, W[:, order]
    # A W = λ W for W = Y V S⁻¹ w, which vanishes with λ: there the projected mode U w stands
    exact = taken @ W
    seen = np.linalg.norm(exact, axis=0) > 1e-12 * np.linalg.norm(taken)
    modes = np.where(seen, exact, U @ W)
    modes = modes / np.linalg.norm(modes, axis=0)
    first = np.linalg.lstsq(modes, before[:, 0] + 0j)[0]
    size = float(np.linalg.norm(after))
    error = float(np.linalg.norm(after - taken @ (U.T @ before))) / size if size > 0 else 0.0
    return Modes(complex_like(lam, X), complex_like(modes, X), complex_like(first, X), s, error)
