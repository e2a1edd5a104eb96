"""Initial parameters that preserve scale and gap with depth; docs/layers.md derives them.

Every parameter starts as mean + deviation · normal; each framework uses its own generator.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from eigcore.core.rules import matrix
from eigcore.core.spec import EigSpec
from eigcore.core.weights import stored
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidSpec
from eigcore.layers.description import Layer
from eigcore.layers.making import layer_options

GAP = 2.0
"""Least distance between eigenvalues of A_0, in standard deviations of vᵀ(Σ x_i A_i)v."""
BEND = 0.25
"""Largest change of the means of the outputs per unit of input variance, at variance one."""
COMMON = 0.125
"""Weight of all monotone features, beside the group that a pencil favours."""
MIDDLE, APART = 0.18, 0.5
"""Noise of the monotone factors, on and off the diagonal."""
DRAWS = 2**17
"""DRAWS / d random matrices measure the scale of a functional, at least 512, at most 4096."""


class Scale(NamedTuple):
    """The factor of A_0 + Σ x_i A_i, and the means after the multiplication.

    Parameters
    ----------
    gap : float
        Distance between neighbouring eigenvalues of A_0, before the multiplication.
    factor : float
        The factor that gives φ the deviation asked for, averaged over the indices.
    means : (indices,) float64
        Means of φ after the multiplication, for entries with the given spread.
    weight : float
        Σ_j ∂φ/∂λ_j: the change of φ when the identity is added to A_0.
    """

    gap: float
    factor: float
    means: np.ndarray
    weight: float


@lru_cache(maxsize=256)
def scale(specs: tuple[EigSpec, ...], spread: float = 1.0, gain: float = 1.0) -> Scale:
    """Measure φ(λ(A_0 + R)), R with independent standard normal packed entries.

    The factor gives φ the deviation `gain`. The means are measured with spread · R instead of R.
    The seed of the draws is fixed: this is a numerical integral, not a random choice.
    """
    spec, backend, gap = specs[0], get_backend("numpy"), _gap(specs)
    draws = min(max(DRAWS // spec.dim, 512), 4096)
    R = np.random.default_rng(0).normal(size=(draws, spec.packed_size))

    def eigenvalues(spread: float) -> np.ndarray:
        return np.linalg.eigvalsh(matrix(backend, spec.layout, spread * R + _ladder(spec, gap)))

    lam, factor = eigenvalues(1.0), 1.0
    for _ in range(64):  # one step if φ is homogeneous; "smooth" and "softmax" need a few more
        values = np.array([s.phi.value(backend, factor * lam) for s in specs])
        deviation = math.sqrt(values.var(axis=1).mean()) / gain
        if abs(deviation - 1) < 1e-6:
            break
        factor /= deviation
    weight = float(spec.phi.raw_weights(backend, factor * lam[:1]).sum())
    if spread != 1.0:
        lam = eigenvalues(spread)
        values = np.array([s.phi.value(backend, factor * lam) for s in specs])
    return Scale(gap, factor, values.mean(axis=1), weight)


def _gap(specs: tuple[EigSpec, ...]) -> float:
    """Return the step of A_0's diagonal for which the means change by no more than BEND.

    With R_ij of variance q²/2 the mean of λ_i grows by (q²/2) Σ_j 1/(λ_i − λ_j), over the entries
    (i, j) of the structure (second-order perturbation); the deviation of φ is about |w|.
    """
    spec, ladder = specs[0], GAP * np.arange(specs[0].dim)
    apart = spec.rows > spec.cols
    i, j = spec.rows[apart], spec.cols[apart]
    bends = []
    for s in specs:
        w = s.phi.raw_weights(get_backend("numpy"), ladder)
        if not w.any():
            raise InvalidSpec(
                "weights are all zero, so the layer would be constant. Expected at least one "
                "nonzero weight. Write weights=(0.0, 1.0) for dim=2, for example."
            )
        bends.append(float(((w[i] - w[j]) / (i - j)).sum() / np.linalg.norm(w)) / 2)
    return max(GAP, float(np.sqrt(np.mean(np.square(bends)))) / BEND)


def _ladder(spec: EigSpec, gap: float) -> np.ndarray:
    """Return A_0 packed: a diagonal of mean zero that rises in equal steps."""
    ladder = np.zeros(spec.packed_size)
    ladder[spec.rows == spec.cols] = gap * (np.arange(spec.dim) - (spec.dim - 1) / 2)
    return ladder


def start(layer: Layer, gain: float = 1.0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the mean and the deviation with which each parameter starts.

    Parameters
    ----------
    layer : Layer
    gain : float
        Standard deviation of the outputs for inputs of mean 0 and variance 1. All matrices start
        larger by this factor, so the distances of eigenvalues, in units of the outputs, remain.

    Returns
    -------
    dict
        The names of `Layer.shapes` -> two arrays that broadcast to these shapes.

    Raises
    ------
    InvalidSpec
        If `gain` is not a positive finite number.
    """
    layer_options(gain)
    spec, specs, shapes = layer.spec, layer.starts, layer.shapes
    unit = scale(specs, gain=gain)
    # all terms have equal shares of the variance; z and the terms have one half each
    terms = spec.features + (layer.categories > 0)
    share = (0.5 if layer.context else 1.0) / max(terms, 1)
    free = unit.factor * math.sqrt(share)
    eye = (spec.rows == spec.cols) * 1.0
    mean, deviation = np.zeros(spec.params_shape), np.full(spec.params_shape, free)
    monotone = np.flatnonzero(spec.monotone) + 1
    if len(monotone):
        slope = gain * math.sqrt(share * len(monotone)) / unit.weight
        roots = _roots(specs, len(monotone), slope)[..., None]
        mean[:, monotone] = roots * eye
        deviation[:, monotone] = roots * np.where(eye, MIDDLE, APART) / math.sqrt(spec.dim)
        # multiples of the identity shift all eigenvalues alike and do not change the gaps
        entries = 1 - share * len(monotone) + (slope * APART / unit.factor) ** 2 / spec.dim
        unit = scale(specs, math.sqrt(entries), gain)
    shift = 0.0 if "bias" in shapes else unit.means[0] / unit.weight
    mean[:, 0], deviation[:, 0] = unit.factor * _ladder(spec, unit.gap) - shift * eye, 0.0
    if layer.context:
        mean, deviation = _affine(mean, deviation, unit.factor, layer.context)
    result = {
        "matrices": (mean, deviation),
        "embedding": (np.zeros(1), np.array([free])),
        "bias": (np.resize(-unit.means, layer.outputs), np.zeros(1)),
    }
    if layer.learned is not None:
        rows = stored(layer.learned, np.array([s.weights for s in specs]))
        result["weights"] = np.resize(rows, shapes["weights"]), np.zeros(1)
    return {name: result[name] for name in shapes}


def _roots(specs: tuple[EigSpec, ...], terms: int, slope: float) -> np.ndarray:
    """Return the r of the factors L = r·I + N of the monotone features: (pencils, terms).

    N has deviation r·MIDDLE/√d on the diagonal, which changes the slope, and r·APART/√d off it,
    which turns the eigenvectors: the eigenvalues of that part of N + Nᵀ fill ± r·APART·√2
    (semicircle law). Each pencil favours its own group of features. Otherwise all pencils would
    be nearly the same mean of many increasing functions, whose variance grows with every layer. The
    squared slopes of a pencil add up to slope², less the variance that N adds.
    """
    spec, d, groups = specs[0], specs[0].dim, min(specs[0].outputs, terms)
    own = np.arange(terms) % groups == np.arange(spec.outputs)[:, None] % groups
    slopes = own / np.sqrt(own.sum(1, keepdims=True)) + COMMON / terms
    length = np.linalg.norm(slopes, axis=1, keepdims=True) * math.sqrt(1 + 4 * MIDDLE**2 / d)
    slopes *= slope / length
    # eigenvalue i grows with (L Lᵀ)_ii, whose mean is r² + E Σ_j N_ij²
    backend, ladder = get_backend("numpy"), np.arange(d) * GAP
    shares = np.sum([s.phi.raw_weights(backend, ladder) for s in specs], axis=0)
    left = np.bincount(spec.rows[spec.rows > spec.cols], minlength=d) @ shares / shares.sum()
    return np.sqrt(slopes / (1 + (left * APART**2 / 2 + MIDDLE**2) / d))


def _affine(mean: np.ndarray, deviation: np.ndarray, factor: float, size: int) -> tuple:
    """Return coefficients, by mean and deviation, of affine functions of z with the given ones.

    Both (pencils, features + 1, K) -> (pencils · (features + 1), size + 1, K).
    """
    constant, slope = deviation * math.sqrt(0.5), deviation * math.sqrt(0.5 / size)
    slope[:, 0] = factor * math.sqrt(0.5 / size)
    rows = mean.shape[0] * mean.shape[1]
    means, deviations = np.zeros((2, rows, size + 1, mean.shape[2]))
    means[:, 0], deviations[:, 0] = mean.reshape(rows, -1), constant.reshape(rows, -1)
    deviations[:, 1:] = slope.reshape(rows, 1, -1)
    return means, deviations
