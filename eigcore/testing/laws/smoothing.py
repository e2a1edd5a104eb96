"""Laws of the Moreau-smoothed k-th eigenvalue (math.md, section 4)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import eigcore
from eigcore.core.functionals import Smooth
from eigcore.testing.cases import ANY, BATCHES, DOUBLE, SMALL, Matrices, turned
from eigcore.testing.hard import TIES
from eigcore.testing.kit import host, kth_gradient, law, put
from eigcore.testing.tolerance import agree, bound, holds

ALPHA = 0.5
"""One for most laws: a compiler then compiles each size once."""


def _ks(case: Matrices) -> list[int]:
    """All indices in float64, only the middle one in float32."""
    return case.ks if case.dtype == "float64" else [case.d // 2]


@law(SMALL, BATCHES[:1], TIES)
def smoothed_weights_sum_to_one_and_are_not_negative(backend, case):
    """∂λ̃_k/∂M has trace 1 and is positive semidefinite, at ties too."""
    for k in _ks(case):
        G = kth_gradient(backend, case, k, Smooth(case.d, (k, ALPHA)))
        allowed = bound(case.d, case.dtype, 1 + case.norm / ALPHA)
        agree("tr ∂λ̃/∂M", np.trace(G, axis1=-2, axis2=-1), np.ones(case.batch), allowed)
        smallest = np.linalg.eigvalsh((G + G.mT) / 2).min(-1)
        holds((smallest >= -allowed).all(), f"a weight is {smallest.min():.3g}, but should be ≥ 0.")


@law(TIES, SMALL[2:])
def smoothed_gradient_is_lipschitz(backend, case):
    """|∂λ̃_k(M) − ∂λ̃_k(N)| ≤ L |M − N|; L is 1/α per envelope, and the ends have only one."""
    rng, alpha = case.rng(1), ALPHA
    for k in _ks(case):
        phi = Smooth(case.d, (k, alpha))
        constant = (1 if k in (0, case.d - 1) else 2) / alpha
        G = kth_gradient(backend, case, k, phi)
        for size in (1e-2, 0.1, 1.0):
            step = size * turned(rng, rng.uniform(-1, 1, case.d), case.batch)
            other = replace(
                case, name=f"{case.name} moved", build=lambda rng, step=step: case.M + step
            )
            moved = kth_gradient(backend, other, k, phi)
            change = np.sqrt(((moved - G) ** 2).sum((-2, -1)))
            length = np.sqrt(((other.M - case.M) ** 2).sum((-2, -1)))
            slack = bound(case.d, case.dtype, 1 + (case.norm + size) * constant)
            holds(
                (change <= constant * length + slack).all(),
                f"λ̃_{k}: the gradient moved by {change.max():.6g} while the matrix moved by "
                f"{length.max():.6g}; at most {constant} times as much is allowed.",
            )


@law(SMALL, BATCHES[:1])
def smoothed_equals_the_kth_far_from_collisions(backend, case):
    """λ̃_k = λ_k, and the gradients agree, if all gaps are at least α."""
    gap = np.diff(case.lam, axis=-1).min() if case.d > 1 else 1.0
    alpha, M = ALPHA if gap > 1.1 * ALPHA else float(gap) / 2, put(backend, case.M, case.dtype)
    allowed = bound(case.d, case.dtype, case.norm)
    for k in _ks(case):
        got = eigcore.smooth_kth_eigenvalue(M, k, alpha, backend=backend)
        agree(f"λ̃_{k}", host(backend, got), case.lam[..., k], allowed * (1 + 1 / case.d))
        smooth = kth_gradient(backend, case, k, Smooth(case.d, (k, alpha)))
        plain = kth_gradient(backend, case, k)
        agree(f"∂λ̃_{k}", smooth, plain, (allowed * 2 / alpha)[..., None, None])


@law(ANY)
def smoothed_value_at_a_full_tie_is_known(backend, case):
    """λ̃_k(c I) = c + (α/2)·(1 − (2r − 1)/d), r = d − k: every eigenvalue has the weight r/d."""
    alpha, d = 0.5, 4
    M = put(backend, 2 * np.eye(d), case.dtype)
    for k in range(d):
        got = host(backend, eigcore.smooth_kth_eigenvalue(M, k, alpha, backend=backend))
        expected = 2 + alpha / 2 * (1 - (2 * (d - k) - 1) / d)
        agree(f"λ̃_{k} of 2 I", got, expected, bound(d, case.dtype, 2.0))


@law(DOUBLE)
def smoothed_meets_the_oracles(backend, case):
    """μ = (3, 2, 2, 1), α = ½ and y = (−2, −½, 0, 2), α = 1, worked out by hand; to 1e-12."""
    M = np.diag([1.0, 2.0, 2.0, 3.0])
    there = put(backend, M, "float64")
    shifted = [  # by r, the number of summands from the top
        float(host(backend, eigcore.smooth_kth_eigenvalue(there, 4 - r, 0.5, backend=backend)))
        for r in (1, 2, 3)
    ]
    envelopes = np.cumsum(np.array(shifted) - 0.25)
    agree("S̃_1, S̃_2, S̃_3", envelopes, [2.75, 4.625, 6.25], 1e-12)
    agree("μ̃_2, μ̃_3", np.array(shifted[1:]) - 0.25, [1.875, 1.625], 1e-12)
    agree("q of μ", _maximiser(backend, [1.0, 2.0, 2.0, 3.0], 0.5, 2), [0, 0.5, 0.5, 1], 1e-12)
    agree("q of y", _maximiser(backend, [-2.0, -0.5, 0.0, 2.0], 1.0, 2), [0, 0.25, 0.75, 1], 1e-12)


def _maximiser(backend, lam, alpha: float, r: int) -> np.ndarray:
    """Return q of S̃_r: the weights of λ̃ for the r indices from the top, added up."""
    case = Matrices("oracle", build=lambda rng: np.diag(lam))
    d = len(lam)
    phis = [Smooth(d, (k, alpha)) for k in range(d - r, d)]
    return sum(np.diagonal(kth_gradient(backend, case, d - 1, phi)) for phi in phis)  # pyright: ignore
