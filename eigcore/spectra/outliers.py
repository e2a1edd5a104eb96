"""Bulk and outliers of a weight matrix: Marchenko–Pastur, Tracy–Widom and optimal shrinkage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted, returned
from eigcore.api.spectral import spectral_map
from eigcore.core.arrays import Array
from eigcore.core.options import number
from eigcore.errors import InvalidInput
from eigcore.rmt import largest_eigenvalue_p_value, marchenko_pastur


@dataclass(frozen=True)
class Outliers:
    """What stands out of the noise in a matrix.

    Parameters
    ----------
    noise : float
        Standard deviation of an entry of the noise, from the median singular value.
    edge : float
        Where the singular values of the noise end.
    values : (k,) array
        Singular values above the edge that are significant, descending.
    p_values : (k,) array
        Probability of a value at least this large in a matrix of noise of its size, by the law of
        Tracy and Widom.
    denoised : (m, n) array of the backend
        Optimal shrinkage of the singular values for the Frobenius norm, at this noise.
    """

    noise: float
    edge: float
    values: np.ndarray
    p_values: np.ndarray
    denoised: Array


def outliers(W: Any, level: float = 0.01) -> Outliers:
    """Split a matrix into noise and the singular values that stand out of it.

    Parameters
    ----------
    W : (m, n) array of any backend
        A signal of low rank in noise of independent entries with mean zero and equal variance.
    level : float
        Largest p-value of an outlier. Each is tested as the largest of what is left without those
        above it.

    Returns
    -------
    Outliers

    Raises
    ------
    InvalidInput, NonFiniteInput
        No matrix, fewer than four rows or columns, or a median of zero.
    """
    host, level = hosted(W, "W"), number("level", level, 0.01, 0.0)
    m, n = max(host.shape), min(host.shape)
    s = np.linalg.svd(host, compute_uv=False)
    law = marchenko_pastur(n / m)
    middle = float(np.median(s))
    if n < 4 or middle <= 8 * m * np.finfo(float).eps * s[0]:
        raise InvalidInput(
            f"W has shape {host.shape} and rank {int((s > 1e-12 * s[0]).sum())}; expected at least "
            "four rows and columns, and noise in more than half of them. Take a larger matrix."
        )
    noise = middle / float((m * law.quantile(0.5)) ** 0.5)
    found = []
    for k, value in enumerate(s[: n - 3]):
        rest = marchenko_pastur((n - k) / (m - k))
        place = (value / noise) ** 2 / (m - k)
        p = max(0.0, float(largest_eigenvalue_p_value(place, rest, m - k)))
        if p > level:
            break
        found.append(p)
    edge = noise * (m**0.5 + n**0.5)
    denoised = returned(spectral_map(host, "shrink", noise=noise), W)
    return Outliers(noise, edge, s[: len(found)], np.array(found), denoised)
