"""How far linear statistics Σ f(λᵢ) of a sample covariance may lie from their prediction.

Bai and Silverstein, "CLT for linear spectral statistics of large-dimensional sample covariance
matrices", Ann. Probab. 32 (2004), theorem 1.1, real Gaussian case; all on NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from eigcore.errors import InvalidInput, NotSupported
from eigcore.rmt.classical import MarchenkoPastur
from eigcore.rmt.covariance import SampleCovariance
from eigcore.rmt.inputs import check_count
from eigcore.rmt.law import Law

Function = Callable[[Any], Any]
MOST = 2048
"""Nodes on a contour."""


class Population(NamedTuple):
    """The model of a sample covariance: eigenvalues t (k,), their shares (k,), and c = p/n."""

    t: np.ndarray
    shares: np.ndarray
    c: float


class Fluctuation(NamedTuple):
    """The Gaussian limit of linear statistics.

    Parameters
    ----------
    centre : (k,) array
        p ∫ f dF, moved by the outliers.
    mean : (k,) array
        Of Σ f(λᵢ) − centre.
    covariance : (k, k) array
    """

    centre: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray


def population_of(law: Law) -> Population:
    """Return the population that a law describes.

    Raises
    ------
    NotSupported
        If it is no law of sample covariances.
    """
    host = law.host
    if isinstance(host, MarchenkoPastur):
        return Population(np.ones(1), np.ones(1), float(host.parameters[0]))
    if isinstance(host, SampleCovariance):
        t, counts = np.unique(host.parameters[0], return_counts=True)
        return Population(t, counts / counts.sum(), float(host.parameters[1]))
    raise NotSupported(
        f"The fluctuation of linear statistics is not known for the {law.name}; expected a law of "
        "sample covariances. Type: eigcore.rmt.sample_covariance(eigenvalues, c)"
    )


def linear_statistics(
    law: Law, functions: Sequence[Function], order: int, outliers: Any = ()
) -> Fluctuation:
    """Return the Gaussian limit of Σ f(λᵢ) over the eigenvalues of the bulk.

    Parameters
    ----------
    law : Law
        Of sample covariances of real Gaussian data.
    functions : k functions of complex arrays, analytic on the right half plane
    order : int
        p, the number of eigenvalues with the outliers.
    outliers : (j,) array-like
        Eigenvalues off the support that are left out of the sums, far fewer than order. Each takes
        one eigenvalue out of the population, and puts the one in that it comes from.

    Returns
    -------
    Fluctuation

    Raises
    ------
    InvalidInput
        Without a function, or with an order below 1.
    NotSupported
        If the law is no law of sample covariances.
    """
    check_count("order", order, 1)
    if not functions or not all(map(callable, functions)):
        raise InvalidInput(
            f"functions is {functions!r:.60}; expected functions of arrays, at least one. Write "
            "functions=[numpy.log]."
        )
    model, support = population_of(law), np.asarray(law.host.support())
    lo, hi = (0.0 if model.c >= 1 else float(support[0, 0])), float(support[-1, 1])
    z1, w1, z2, w2 = _contours(lo, hi)
    m1, m2 = (_companion(law, z, model) for z in (z1, z2))
    f1, f2 = (np.stack([np.asarray(f(z)) + 0 * z for f in functions]) for z in (z1, z2))
    centre = order * np.real(_integral(f1, (m1 + (1 - model.c) / z1) / model.c * w1))
    # dm/dz by the inverse map, z'(m) = 1/m² − c ∫ t²/(1 + t m)² H(dt)
    d1, d2 = (m**2 / (1 - model.c * _sum(model, m, 2)) for m in (m1, m2))
    if len(outliers := np.asarray(outliers, np.float64)):
        origins = -1.0 / _companion(law, outliers, model)
        moved = _moved(z1, m1, model, outliers, origins)
        centre = centre - np.real(_integral(f1, (moved[0] * d1 - moved[1]) * w1))
    pull = model.c * _sum(model, m1, 3) / (1 - model.c * _sum(model, m1, 2)) ** 2
    mean = np.real(_integral(f1, pull * w1))
    half = len(z1) // 2  # the lower half of a contour has the conjugate values
    kernel = (d1 * w1)[:half, None] * (d2 * w2) / (m1[:half, None] - m2) ** 2
    covariance = -(f1[:, :half] @ kernel @ f2.T).real / math.pi**2
    return Fluctuation(centre, mean, (covariance + covariance.T) / 2)


def _moved(
    z: np.ndarray, m: np.ndarray, model: Population, outliers: np.ndarray, origins: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what outliers that come from population eigenvalues α do to the rest: (N,) each.

    An eigenvalue of the population that becomes α adds ∮ f (α/(1 + αm) − ∫ t/(1 + tm) H(dt)) dm /
    2πi to Σ f(λᵢ): the change of the inverse map z(m), after two integrations by parts. Its pole at
    the outlier λ is that of dz/(z − λ); without it contours need not keep away from λ.
    """
    others = (model.t / (1 + model.t * m[:, None])) @ model.shares
    own = (origins / (1 + origins * m[:, None])).sum(-1)
    return own - len(origins) * others, (1 / (z[:, None] - outliers)).sum(-1)


def _integral(f: np.ndarray, weighted: np.ndarray) -> np.ndarray:
    """Return −(1/2πi) ∮ f(z) g(z) dz, from f (k, N) and g dz (N,)."""
    return -(f @ weighted) / (2j * math.pi)


def _sum(model: Population, m: np.ndarray, power: int) -> np.ndarray:
    """Return ∫ mᵖ t² / (1 + t m)ᵖ H(dt): (N,)."""
    t = model.t
    return ((m[:, None] / (1 + t * m[:, None])) ** power * t**2) @ model.shares


def _contours(lo: float, hi: float) -> tuple[np.ndarray, ...]:
    """Return nodes and weights dz of two nested ellipses with foci at the ends of the bulk.

    They keep away from 0, where f may be singular, unless the bulk begins there.
    """
    room = lo if lo > 0 else 0.3 * (hi - lo)
    centre, half = (lo + hi) / 2, (hi - lo) / 2
    found = []
    for part in (0.35, 0.8):
        reach = 1 + part * min(room, hi - lo) / half
        found.append(reach + math.sqrt(reach**2 - 1))
    gap = min(math.log(found[0]), math.log(found[1] / found[0]))
    count = min(MOST, 2 * math.ceil(20 / gap) + 32)
    turn = np.exp(2j * np.pi * (np.arange(count) + 0.5) / count)
    out = []
    for radius in found:
        w = radius * turn
        out += [centre + half * (w + 1 / w) / 2, half * (w - 1 / w) / 2 * 2j * np.pi / count]
    return tuple(out)


def _companion(law: Law, z: np.ndarray, model: Population) -> np.ndarray:
    """Return the companion transform c m(z) − (1 − c)/z."""
    return model.c * law.host.stieltjes(z) - (1 - model.c) / z
