"""Spectral initialisation of phase retrieval: when the first eigenvector finds the signal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt import hessian_equation as equation
from eigcore.rmt.fixed_point import fixed_point
from eigcore.rmt.glm import hessian_glm
from eigcore.rmt.hessian import HessianLaw
from eigcore.rmt.inputs import check_ratio, floats, numbers, on_host
from eigcore.rmt.losses import Loss
from eigcore.rmt.real_axis import root

SPACING = 0.02


@dataclass(frozen=True)
class Preprocessing:
    """A function f of the measurements y = (aᵀx)², and the interval that holds its values."""

    function: Callable[[Array], Array] = field(repr=False)
    bounds: tuple[float, float]

    def __call__(self, y: Array) -> Array:
        """Return f(y), entry by entry."""
        return self.function(y)


@dataclass(frozen=True)
class SpectralInitialisation:
    """What (1/n) Σ f(yᵢ) xᵢxᵢᵀ knows of the signal a, for yᵢ = (aᵀxᵢ)² and xᵢ ~ N(0, I).

    Attributes
    ----------
    law : HessianLaw
        The spectrum of the matrix.
    edge : () array
        The right edge of the bulk.
    spike : () array or None
        The isolated eigenvalue right of it; None if there is none.
    overlap : () array
        |aᵀû|² / ‖a‖² of its eigenvector û; 0 without it.
    threshold : () array
        The ratio c = p / n below which f finds the signal; 0 if it never does.
    """

    law: HessianLaw
    edge: Array
    spike: Array | None
    overlap: Array
    threshold: Array

    @property
    def recovers(self) -> bool:
        """Whether the first eigenvector has a part in the direction of the signal."""
        return self.spike is not None


def optimal_preprocessing(c: float) -> Preprocessing:
    """Return f(y) = (y − 1) / (y + √(2/c) − 1), for which the right edge of the bulk is c exactly.

    Mondelli and Montanari (2019), Lu and Li (2020): it finds the signal for c < 2, and nothing does
    beyond.

    Parameters
    ----------
    c : float
        p / n, below 2.

    Raises
    ------
    InvalidInput
        If c is not in (0, 2).

    Examples
    --------
    >>> from eigcore import rmt
    >>> round(float(rmt.spectral_initialisation(rmt.optimal_preprocessing(1.0), 1.0).spike), 4)
    1.037
    """
    if not 0 < c < 2:
        raise InvalidInput(
            f"c is {c}; expected 0 < c < 2: from p / n = 2 on, no preprocessing finds the signal. "
            "Type: optimal_preprocessing(1.0), or take more samples"
        )
    shift = math.sqrt(2.0 / c) - 1.0
    return Preprocessing(lambda y: (y - 1.0) / (y + shift), (-1.0 / shift, 1.0))


def spectral_initialisation(
    f: Any,
    c: Any,
    *,
    bounds: tuple[float, float] | None = None,
    spacing: float = SPACING,
    backend: str | Backend | None = None,
) -> SpectralInitialisation:
    """Return what the spectral method with preprocessing f finds (rmt-reference.md, section 2).

    Parameters
    ----------
    f : Preprocessing or callable
        ``f(y)`` of measurements y ≥ 0, entry by entry.
    c : float
        Limit of p / n.
    bounds : (low, high), optional
        An interval that holds all values of a callable f.
    spacing : float
        Distance of the nodes of Gaussian averages, in standard deviations.
    backend : str or Backend, optional

    Returns
    -------
    SpectralInitialisation

    Raises
    ------
    InvalidInput
        If c is not positive, or f is not bounded.
    """
    own, _ = numbers(backend, c)
    check_ratio(own, floats(own, c))
    bounds = f.bounds if isinstance(f, Preprocessing) else bounds
    if bounds is None or not np.isfinite(bounds).all() or not bounds[0] < bounds[1]:
        raise InvalidInput(
            f"The values of f are bounded by {bounds}; expected an interval (low, high) that holds "
            "them, as isolated eigenvalues need a bounded f. Type: spectral_initialisation(f, c, "
            "bounds=(-1.0, 1.0)), or optimal_preprocessing(c)"
        )
    loss = Loss(curvature=lambda y, h: f(y), values=(bounds,), name="f")
    law = hessian_glm(
        loss, "phase_retrieval", None, [1.0], [0.0], None, c, spacing=spacing, backend=own
    )
    edge = law.support()[-1, 1]
    spikes, overlaps = law.spikes(), law.overlaps()["w_star"]
    found = len(spikes) > 0 and float(on_host(own, spikes[0] - edge)) > 0
    return SpectralInitialisation(
        law,
        edge,
        spikes[0] if found else None,
        overlaps[0] if found else 0.0 * edge,
        _threshold(own, law, bounds[1]),
    )


def _threshold(backend: Backend, law: HessianLaw, high: float) -> Array:
    """Return the c at which the spike leaves the right edge.

    There det G = 0, c = −δ E[φ (s² − 1)], and z′(δ) = 0, c = δ² E[φ²], or δ is the lowest possible.
    """
    xp = backend.xp

    def excess(d: Array, value: Array, weight: Array, moment: Array) -> Array:
        phi = value / (1.0 + value * d)
        signal = xp.sum((moment[:, 1, 1] - weight) * phi)
        return d * xp.sum(weight * phi * phi) + signal

    parts = law.parts
    arrays = (parts.value, parts.weight, parts.moment)
    host = tuple(on_host(backend, a) for a in arrays)

    def at(d: float) -> float:
        phi = host[0] / (1.0 + host[0] * d)
        return float(d * np.sum(host[1] * phi**2) + np.sum((host[2][:, 1, 1] - host[1]) * phi))

    lowest = -(1.0 - 1e-12) / high if high > 0 else -1e6
    if at(0.0) <= 0:
        return 0.0 * parts.c
    d = floats(backend, lowest)
    if at(lowest) < 0:
        start = floats(backend, root(at, lowest, 0.0))
        d = fixed_point(backend, lambda d, *p: d + excess(d, *p), start, arrays, what="threshold")
    phi = equation.ratios(parts, d)
    return -d * equation.average(xp, parts, phi * (parts.moment[:, 1, 1] / parts.weight - 1.0))
