"""The first matrices of a member (math.md, section 7).

Every initialisation builds on the same additive model, which is fitted first. With multiples of the
identity in all blocks, f(x) = p_0 + Σ_m p_m z_m exactly, whichever eigenvalue is used, and the best
p solves a least-squares problem (non-negative where a block is PSD). Weights whose sum is 0 take
another matrix D instead, with φ(t D) = t φ(D) for t ≥ 0.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import lsq_linear

from eigcore.core.canonical import pack
from eigcore.core.spec import EigSpec
from eigcore.dispatch.registry import get_backend
from eigcore.fit.data.moments import Moments
from eigcore.fit.members.direction import direction, sum_of_weights
from eigcore.fit.members.parametrisation import Parametrisation

_RIDGE = 1e-3
_JITTER = 0.02
_APART, _WIDEST = 0.25, 2.0**40
"""How far weights are from equal at first, as part of the distance in the widest A_0."""
_TURN, _LEAST_ROOT = 0.2, 0.03
"""Noise of the factors B, in units of their size, and the least size: B = 0 is a saddle."""


def additive(coordinates: Parametrisation, moments: Moments, ridge: float = _RIDGE) -> np.ndarray:
    """Coefficients p (targets, 1 + blocks) of the additive models, p_m ≥ 0 for PSD blocks.

    Parameters
    ----------
    moments : of the centred signals, what one unit of each block adds to the pencil, and of the
        targets that p_0 + Σ p_m signal_m is to approximate; with a whole covariance
    ridge : weight of Σ w_b² beside the mean of squares, for w = ``to_scaled`` p of the scaled terms
    """
    gram = moments.covariance.blocks[0].copy()
    for where, block in zip(moments.covariance.parts, coordinates.to_scaled.blocks, strict=True):
        gram[where, where] += ridge * block.T @ block
    if not coordinates.psd.any():
        p = np.linalg.solve(gram, moments.cross).T
    else:
        # |R p − R⁻ᵀ b|² is the least-squares problem, with RᵀR the Gram matrix.
        factor = np.linalg.cholesky(gram).T
        wanted = np.linalg.solve(factor.T, moments.cross)
        lower = np.where(coordinates.psd, 0.0, -np.inf)
        p = np.array(
            [lsq_linear(factor, g, bounds=(lower, np.inf), method="bvls").x for g in wanted.T]
        )
    return np.concatenate([moments.target[:, None], p], axis=1)


def _spread(spec: EigSpec) -> np.ndarray:
    """A_0: an ascending diagonal with φ(A_0) = 0, doubled until φ tells its eigenvalues apart.

    Weights of a smoothed functional are equal where eigenvalues are close together: there it is a
    multiple of the trace, and its gradient does not drive them apart.
    """
    phi, backend = spec.phi, get_backend("numpy")
    total = sum_of_weights(spec)
    if not total:  # D has gaps
        return np.zeros((spec.dim, spec.dim))

    def apart(width: float) -> float:
        weights = phi.weights(backend, width * lam)
        return float(np.linalg.norm(weights - weights.mean()))

    lam, width = (np.arange(spec.dim) - spec.k) / max(spec.dim - 1, 1) * 2.0, 1.0
    while width < _WIDEST and apart(width) < _APART * apart(_WIDEST):
        width *= 2.0
    lam *= width
    return np.diag(lam - float(phi.value(backend, lam)) / total)


def _traceless(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    noise = rng.normal(size=(count, dim, dim))
    noise = (noise + noise.transpose(0, 2, 1)) / 2.0
    trace = np.trace(noise, axis1=1, axis2=2) / dim
    return noise - trace[:, None, None] * np.eye(dim)


def _assemble(
    coordinates: Parametrisation,
    p: np.ndarray,
    constant: np.ndarray,
    blocks: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Vector with A_0 = p_0 D + constant, blocks p_m D + blocks_m, factors √p_m (I + noise)."""
    spec, psd = coordinates.spec, coordinates.psd
    eye, along = np.eye(spec.dim), direction(spec)[0]
    noise = np.where(coordinates.additive[psd], 0.0, _TURN) * (spec.dim > 1)
    least = _LEAST_ROOT * (spec.dim > 1)
    root = np.sqrt(np.maximum(p[1:][psd], least**2))[:, None, None]
    noise = noise[:, None, None]
    turned = eye + noise * rng.normal(size=(int(psd.sum()), spec.dim, spec.dim))
    factors = np.zeros_like(blocks)
    factors[psd] = root * turned / np.sqrt(1.0 + noise**2 * spec.dim)  # E B Bᵀ = p I
    packed = pack(spec, p[1:, None, None] * along + blocks)
    return coordinates.vector(pack(spec, p[0] * along + constant), packed, factors)


def gapped(coordinates: Parametrisation, p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Start from the additive model, with a gap around the eigenvalue and a little noise."""
    spec = coordinates.spec
    blocks = _JITTER * _traceless(rng, len(coordinates.psd), spec.dim)
    return _assemble(coordinates, p, _spread(spec), blocks, rng)


def random(coordinates: Parametrisation, p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Start from random blocks of semicircle scaling, std 1/√(d·n), and a diagonal A_0."""
    spec, count = coordinates.spec, len(coordinates.psd)
    scale = 1.0 / np.sqrt(spec.dim * max(count, 1))
    blocks = scale * np.sqrt(2.0) * _traceless(rng, count, spec.dim)
    start = np.where(coordinates.psd, p[1:], 0.0)
    return _assemble(coordinates, np.concatenate([p[:1], start]), _spread(spec), blocks, rng)
