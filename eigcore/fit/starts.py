"""Starting points (math.md, section 7), screened cheaply.

Every start is built on the same additive model, fitted first: with multiples of the identity in
all blocks, f(x) = p_0 + Σ_m p_m z_m exactly, whatever eigenvalue is meant, and the best p is a
(non-negative, where a block is PSD) least-squares problem.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import lsq_linear

from eigcore.fit.constraints import Parametrisation
from eigcore.fit.moments import Moments
from eigcore.gauge import pack
from eigcore.registry import get_backend
from eigcore.spec import EigSpec

_RIDGE = 1e-3
_JITTER = 0.05


def additive(coordinates: Parametrisation, moments: Moments) -> np.ndarray:
    """Coefficients p (targets, 1 + blocks) of the additive models, p_m ≥ 0 for PSD blocks.

    Parameters
    ----------
    moments : of what one unit of each block adds to the pencil, centred, and of the targets that
        are to be approximated by p_0 + Σ p_m signal_m, least squares with a small ridge
    """
    gram = moments.covariance + _RIDGE * np.eye(len(moments.cross))
    if not coordinates.psd.any():
        p = np.linalg.solve(gram, moments.cross).T
    else:
        # |R p − R⁻ᵀ b|² is the least-squares problem, with RᵀR the Gram matrix.
        factor = np.linalg.cholesky(gram).T
        goals = np.linalg.solve(factor.T, moments.cross)
        lower = np.where(coordinates.psd, 0.0, -np.inf)
        p = np.array(
            [lsq_linear(factor, g, bounds=(lower, np.inf), method="bvls").x for g in goals.T]
        )
    found = np.concatenate([moments.target[:, None], p], axis=1)
    # φ(t I) = t · Σ_j w_j for the functionals that are linear in the ordered eigenvalues
    return found / _unit(coordinates.spec)


def _unit(spec: EigSpec) -> float:
    """What φ makes of the identity; 1 where that is 0."""
    total = float(spec.phi.weights(get_backend("numpy"), np.zeros(spec.dim)).sum())
    return total if abs(total) > 1e-9 else 1.0


def identity(coordinates: Parametrisation, p: np.ndarray) -> np.ndarray:
    """Vector of the additive model itself: every block a multiple of the identity."""
    psd, eye = coordinates.psd, np.eye(coordinates.spec.dim)
    roots = np.sqrt(np.maximum(p[1:][psd], 0.0))[:, None, None] * eye
    free = pack(coordinates.spec, p[1:][~psd, None, None] * eye)
    return coordinates.vector(pack(coordinates.spec, p[0] * eye), free, roots)


def _spread(dim: int, k: int) -> np.ndarray:
    """A_0: diagonal ascending, zero at the eigenvalue that is used, neighbours a gap away."""
    return np.diag((np.arange(dim) - k) / max(dim - 1, 1) * 2.0)


def _traceless(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    noise = rng.normal(size=(count, dim, dim))
    noise = (noise + noise.transpose(0, 2, 1)) / 2.0
    trace = np.trace(noise, axis1=1, axis2=2) / dim
    return noise - trace[:, None, None] * np.eye(dim)


def _assemble(coordinates: Parametrisation, p, constant, blocks, rng) -> np.ndarray:
    """Vector with A_0 = p_0 I + constant, free blocks p_m I + blocks_m, factors √p_m I + noise."""
    spec, psd = coordinates.spec, coordinates.psd
    eye = np.eye(spec.dim)
    free = pack(spec, p[1:][~psd, None, None] * eye + blocks[~psd])
    root = np.sqrt(np.maximum(p[1:][psd], 0.0))[:, None, None]
    factors = root * eye + _JITTER * rng.normal(size=(int(psd.sum()), spec.dim, spec.dim))
    return coordinates.vector(pack(spec, p[0] * eye + constant), free, factors)


def gapped(coordinates: Parametrisation, p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Start from the additive model with a gap around the eigenvalue, and a little jitter."""
    spec = coordinates.spec
    blocks = 0.4 * _JITTER * _traceless(rng, len(coordinates.psd), spec.dim)
    return _assemble(coordinates, p, _spread(spec.dim, spec.k), blocks, rng)


def random(coordinates: Parametrisation, p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Semicircle scaling, std 1/√(d·n), A_0 diagonal."""
    spec, count = coordinates.spec, len(coordinates.psd)
    scale = 1.0 / np.sqrt(spec.dim * max(count, 1))
    blocks = scale * np.sqrt(2.0) * _traceless(rng, count, spec.dim)
    start = np.where(coordinates.psd, p[1:], 0.0)
    return _assemble(
        coordinates, np.concatenate([p[:1], start]), _spread(spec.dim, spec.k), blocks, rng
    )


def convex(
    coordinates: Parametrisation,
    p: np.ndarray,
    rng: np.random.Generator,
    values: Callable[[np.ndarray], np.ndarray],
    target: np.ndarray,
    draws: int = 8,
) -> np.ndarray:
    """Best of some draws of A_m = p_m I + ρ S_m, S random and traceless: least squares in (p, ρ).

    values : vector -> (N,) of the neuron, used for λ_k(S(z))
    target : (N,)
    """
    spec, count = coordinates.spec, len(coordinates.psd)
    best: tuple[float, np.ndarray] = (np.inf, gapped(coordinates, p, rng))
    fixed = values(identity(coordinates, p))
    for _ in range(draws):
        shape = _traceless(rng, count, spec.dim)
        shape /= np.sqrt((shape[~coordinates.psd] ** 2).sum()) or 1.0
        quiet = coordinates.vector(
            pack(spec, 0.5 * _spread(spec.dim, spec.k)),
            pack(spec, shape[~coordinates.psd]),
            np.zeros((int(coordinates.psd.sum()), spec.dim, spec.dim)),
        )
        wave = values(quiet)
        wave = wave - wave.mean()
        rest = target - fixed
        rho = float(wave @ rest) / max(float(wave @ wave), 1e-12)
        # ρ ≥ 0, except at the exact middle, where λ_k(−S) = −λ_k(S); then S takes the sign.
        if 2 * spec.k != spec.dim - 1:
            rho = max(rho, 0.0)
        error = float(np.mean((rest - rho * wave) ** 2))
        if error < best[0]:
            sign = np.sign(rho) * max(abs(rho), _JITTER)
            constant = sign * 0.5 * _spread(spec.dim, spec.k)
            best = (error, _assemble(coordinates, p, constant, sign * shape, rng))
    return best[1]
