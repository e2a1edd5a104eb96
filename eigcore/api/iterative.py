"""Spectral maps without a singular value decomposition, for accelerators."""

from __future__ import annotations

from typing import Any

from eigcore.api.inputs import check_values, prepared
from eigcore.api.names import function_of
from eigcore.core import iterations
from eigcore.core.arrays import Array
from eigcore.core.maps import Polar, SoftClip
from eigcore.core.scalars import is_whole
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput


def newton_schulz(
    X: Array,
    f: str,
    steps: int = 10,
    bound: bool = False,
    backend: str | Backend | None = None,
    **parameters: Any,
) -> Any:
    """Return a spectral map by products of matrices alone: Newton–Schulz iterations.

    Parameters
    ----------
    X : (..., m, n) array
    f : {"polar", "soft_clip"}
        "soft_clip" takes `c`. "polar" is UVᵀ; the iteration converges, as the quintic one of Muon
        with coefficients 3.4445, −4.7750, 2.0315 does not.
    steps : int
        "polar" multiplies a small σ/‖X‖ by 1.875 in each step; 4 more steps reach rounding.
    bound : bool
        Return the bound too.
    backend : str or Backend, optional
    **parameters
        The number that f takes.

    Returns
    -------
    F : (..., m, n) array
        Differentiated by the library of X itself.
    bound : (...) array, if asked for
        From the result: of ‖F − UVᵀ‖_F for X of full rank, or of the spectral norm of the error of
        "soft_clip". Rounding counts to first order: it turns the polar factor by εκ, κ = σ₁/σ_min,
        and leaves "soft_clip" without a bound below c from ‖X‖₂ ≈ c/√ε on.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `spectral_map`, another f, or steps that are no positive integer.
    """
    if not isinstance(f, str) or f not in ("polar", "soft_clip"):
        raise InvalidInput(
            f'f is {f!r:.80}; expected "polar" or "soft_clip". Type: eigcore.spectral_map(X, f)'
        )
    if not is_whole(steps) or steps < 1:
        raise InvalidInput(f"steps is {steps!r}; expected an integer above 0. Write steps=10.")
    chosen, (X,), restore = prepared(backend, X)
    if X.ndim < 2 or 0 in X.shape[-2:]:
        raise InvalidInput(
            f"The matrices have shape {tuple(X.shape)}; expected (..., m, n), m and n at least 1. "
            "Type X[None, :] for one row."
        )
    made = function_of(f, parameters, (X.shape[-2], X.shape[-1]), symmetric=False)
    F, off = chosen.call(_iterated, (made, steps), X)
    check_values(chosen, F, "X", X, 2)
    return (restore(F), restore(off)) if bound else restore(F)


def _iterated(backend: Backend, f: Polar | SoftClip, steps: int, X: Array) -> tuple[Array, Array]:
    tall = X.shape[-2] >= X.shape[-1]
    transposed = backend.xp.matrix_transpose
    X = X if tall else transposed(X)
    if isinstance(f, Polar):
        F, off = iterations.polar(backend, X, steps)
    else:
        F, off = iterations.soft_clip(backend, X, f.parameters[0], steps)
    return (F if tall else transposed(F)), off
