"""Steps of optimisers that are functions of singular values.

Shapes: a parameter X (..., m, n) and its update; residuals r (B,), their Gram matrix (B, B).
"""

from __future__ import annotations

from typing import Any

from eigcore.core.arrays import Array, Library
from eigcore.core.iterations import soft_clip
from eigcore.core.options import number
from eigcore.core.scalars import is_whole
from eigcore.errors import InvalidInput, NonFiniteInput


def clipped(library: Library, X: Array, c: float, steps: int = 14) -> Array:
    """Return X with soft-clipped singular values, σ/√(1 + σ²/c²), by Newton–Schulz."""
    tall = X.shape[-2] >= X.shape[-1]
    transposed = library.xp.matrix_transpose
    F, _ = soft_clip(library, X if tall else transposed(X), c, steps)
    return F if tall else transposed(F)


def clipped_step(
    library: Library, X: Array, move: Array, rate: float, c: float, scale: float, decay: float
) -> Array:
    """Return (1 − λη) X − a η H_c(U) for the move −ηU of another optimiser (arXiv 2603.14315).

    A step of Frank and Wolfe for λη ≤ 1: ‖X‖₂ ≤ ac/λ stays true (λ = `decay`, a = `scale`).
    """
    return (1 - decay * rate) * X - scale * rate * clipped(library, move / -rate, c)


def clip_numbers(c: Any, scale: Any, decay: Any) -> tuple[float, float, float]:
    """Return c, a and λ of a clipped optimiser, or raise InvalidInput."""
    c, scale = number("c", c, 1.0, 0.0), number("scale", scale, 1.0, 0.0)
    return c, scale, number("decay", decay, 0.0, 0.0, least=True)


def sven_numbers(k: Any, rtol: Any) -> tuple[int | None, float]:
    """Return k, or None for all singular values, and rtol; or raise InvalidInput."""
    if k is not None and (not is_whole(k) or k < 1):
        raise InvalidInput(f"k is {k!r:.80}; expected an integer above 0, or None. Write k=8.")
    return k, number("rtol", rtol, 1e-3, 0.0, least=True)


def residual_weights(library: Library, gram: Array, r: Array, k: int, rtol: float) -> Array:
    """Return w = U_k S_k⁻² U_kᵀ r for the residuals r and their Gram matrix JJᵀ = U S² Uᵀ.

    The gradient of Σ w_i r_i is then J_k⁺ r, the step of Sven (arXiv 2604.01279); singular values
    below rtol times the largest are left out.
    """
    size, transposed = gram.shape[-1], library.xp.matrix_transpose
    half = 0.5 * (gram + transposed(gram))
    lam, U = library.eigenpairs(half, size - min(k, size), size - 1)
    kept = lam > max(rtol**2, 8 * size * float(library.xp.finfo(lam.dtype).eps)) * lam[..., -1:]
    inverse = library.xp.where(kept, 1.0 / library.xp.where(kept, lam, 1.0), 0.0)
    return (U @ (inverse * (transposed(U) @ r[..., None])[..., 0])[..., None])[..., 0]


def moved_only_if(finite: bool) -> None:
    """Raise before the parameters move by weights of residuals that are not finite."""
    if not finite:
        raise NonFiniteInput(
            "The residuals or their derivatives are NaN, infinite or too large to be squared; "
            "expected finite numbers. The parameters have not moved: take a smaller lr or rate, "
            "or other data."
        )
