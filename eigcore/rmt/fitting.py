"""Laws fitted to a spectrum: scale and ratio by quantiles, the population by inversion or moments.

Inversion: N. El Karoui, "Spectrum estimation for large dimensional covariance matrices using random
matrix theory", Ann. Statist. 36 (2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize

from eigcore.errors import InvalidInput
from eigcore.rmt.classical import marchenko_pastur, semicircle
from eigcore.rmt.covariance import sample_covariance
from eigcore.rmt.empirical import distance, on_numpy
from eigcore.rmt.law import Law

FAMILIES = ("marchenko_pastur", "sample_covariance", "semicircle")
_NAMES: dict[str, str] = dict(
    zip(FAMILIES, ("Marchenko–Pastur law", "Sample covariance law", "Semicircle law"), strict=True)
)
METHODS = ("inversion", "moments")
DRAWS, LARGEST, GRID = 9, 400, 80
"""Matrices drawn to judge a fit, their largest order, and places of a fitted population."""


@dataclass(frozen=True)
class Fit:
    """A law fitted to eigenvalues, and how good it is.

    Parameters
    ----------
    law : Law
    family : str
    scale : float
        σ² of white data, σ of a semicircle, or the mean of the population.
    ratio : float
        c = p/n; NaN for a semicircle.
    population : (k,) array
        Fitted eigenvalues of the covariance, equally weighted.
    distance : float
        Kolmogorov's, between the eigenvalues and the law.
    usual : (float, float)
        Smallest and largest distance of matrices drawn from the law and fitted in the same way.
    fitted : str
        "scale", or "population" if more was fitted.
    """

    law: Law
    family: str
    scale: float
    ratio: float
    population: np.ndarray
    distance: float
    usual: tuple[float, float]
    fitted: str

    @property
    def good(self) -> bool:
        """Whether the distance is at most twice the largest of the drawn matrices."""
        return self.distance <= 2 * self.usual[1]

    def __str__(self) -> str:
        low, high = self.usual
        verdict = (
            "the law describes them" if self.good else "the law does NOT describe these eigenvalues"
        )
        ratio = "" if np.isnan(self.ratio) else f", ratio p/n {self.ratio:.4g}"
        return (
            f"{_NAMES[self.family]}: scale {self.scale:.6g}{ratio}. Distance {self.distance:.2g}; "
            f"of matrices drawn from this law {low:.2g} to {high:.2g}: {verdict}."
        )


def fit_law(
    eigenvalues: Any,
    family: str = "marchenko_pastur",
    *,
    ratio: float | None = None,
    method: str = "inversion",
    seed: int = 0,
) -> Fit:
    """Fit a law to the eigenvalues of one matrix, and say how well it describes them.

    Parameters
    ----------
    eigenvalues : (p,) array
    family : {"marchenko_pastur", "sample_covariance", "semicircle"}
        A scale, a population of eigenvalues, or σ is fitted. Scale and σ come from the quantiles
        between 20 % and 80 %, so that outliers do not matter.
    ratio : float, optional
        c = p/n. Needed for a population; for Marchenko–Pastur it is fitted where it is left out.
    method : {"inversion", "moments"}
        For a population: its distribution on a grid, by the inverse of the law's equation, or two
        eigenvalues with shares, by the first three moments.
    seed : int
        Of the matrices that are drawn to judge the fit.

    Returns
    -------
    Fit

    Raises
    ------
    InvalidInput
        An unknown family or method, no ratio where it is needed, or a negative eigenvalue of a
        covariance.
    """
    values = on_numpy(eigenvalues)
    for name, value, known in (("family", family, FAMILIES), ("method", method, METHODS)):
        if value not in known:
            raise InvalidInput(
                f"{name} is {value!r}; expected one of {', '.join(known)}. "
                f"Write {name}={known[0]!r}."
            )
    if family == "sample_covariance" and ratio is None:
        raise InvalidInput(
            "ratio is left out; expected p/n to fit a population. Write ratio=p / n."
        )
    if ratio is not None and not 0 < ratio < np.inf:
        raise InvalidInput(f"ratio is {ratio!r}; expected p/n, above 0. Write ratio=p / n.")
    if family != "semicircle" and values[0] < -1e-9 * abs(values[-1]):
        raise InvalidInput(
            f"The smallest eigenvalue is {values[0]:.3g}; expected none below 0 in a covariance. "
            'Write family="semicircle" for a symmetric matrix.'
        )
    low, high = np.quantile(values, [0.2, 0.8])
    if values[-1] <= 0 if family != "semicircle" else low == high:
        raise InvalidInput(
            f"The eigenvalues between the quantiles 20 % and 80 % reach from {low:.6g} to "
            f"{high:.6g}; expected {'different' if family == 'semicircle' else 'positive'} ones, "
            "from which the law gets its scale. Type: eigcore.rmt.discrete(eigenvalues) for a law "
            "without noise."
        )
    return _judged(values, family, ratio, method, np.random.default_rng(seed))


def _judged(
    values: np.ndarray, family: str, ratio: float | None, method: str, rng: np.random.Generator
) -> Fit:
    law, scale, population = _fitted(values, family, ratio, method)
    own = float("nan") if family == "semicircle" else float(law.parameters[1])
    order = min(len(values), LARGEST)
    n = order if family == "semicircle" else max(1, round(order / own))
    found = []
    for _ in range(DRAWS):
        drawn = np.linalg.eigvalsh(np.asarray(law.sample(n, rng)))
        again = _fitted(np.sort(drawn), family, None if ratio is None else own, method)[0]
        found.append(distance(drawn, again) * order / len(values))
    more = family == "sample_covariance" or (family == "marchenko_pastur" and ratio is None)
    usual = (min(found), max(found))
    measured = distance(values, law)
    fitted = "population" if more else "scale"
    return Fit(law, family, scale, own, population, measured, usual, fitted)


def _fitted(
    values: np.ndarray, family: str, ratio: float | None, method: str
) -> tuple[Law, float, np.ndarray]:
    """Return the law, its scale and the population."""
    if family == "semicircle":
        places = semicircle(1.0).quantile([0.2, 0.8])
        sigma = float(np.ptp(np.quantile(values, [0.2, 0.8])) / np.ptp(places))
        return semicircle(sigma), sigma, np.zeros(0)
    values = np.maximum(values, 0.0)
    if family == "marchenko_pastur":
        c = _ratio(values) if ratio is None else float(ratio)
        scale = float(np.exp(_logs(values, c).mean()))
        return sample_covariance([scale], c), scale, np.array([scale])
    c = float(ratio)  # pyright: ignore
    t = _inverted(values, c) if method == "inversion" else _two(values, c)
    return sample_covariance(t, c), float(t.mean()), t


def _logs(values: np.ndarray, c: float) -> np.ndarray:
    """Return log λ − log q over the middle quantiles q of the Marchenko–Pastur law."""
    positive = values[values > 1e-9 * values[-1]]
    share = (np.arange(1, 40) / 40)[7:32]
    null = max(0.0, 1 - 1 / c)
    places = np.asarray(marchenko_pastur(c).quantile(null + (1 - null) * share))
    return np.log(np.quantile(positive, share)) - np.log(places)


def _ratio(values: np.ndarray) -> float:
    """Return c: from the number of zeros if there are any, else from the shape of the middle."""
    null = float((values <= 1e-9 * values[-1]).mean())
    if null > 1 / len(values):
        return 1 / (1 - null)
    found = scipy.optimize.minimize_scalar(
        lambda s: float(_logs(values, float(np.exp(s))).std()),
        bounds=(np.log(1e-3), np.log(0.999)),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return float(np.exp(found.x))  # pyright: ignore


def _inverted(values: np.ndarray, c: float) -> np.ndarray:
    """Return a population (p,): −1/m = z − c ∫ t/(1 + t m) H(dt) at places z above the spectrum.

    m is the companion transform of the eigenvalues; the equation is linear in H.
    """
    p, top = len(values), values[-1]
    positive = values[values > 1e-9 * top]
    lowest = positive[0] / (1 + np.sqrt(c)) ** 2
    t = np.unique(np.concatenate([np.linspace(lowest, top, GRID), np.geomspace(lowest, top, GRID)]))
    x = np.concatenate(
        [np.linspace(0.0, 1.1 * top, 100), np.quantile(positive, np.linspace(0, 1, 50))]
    )
    z = np.concatenate([x + 1j * height * top for height in (0.5 / np.sqrt(p), 0.1, 0.4)])
    m = c * (1 / (values - z[:, None])).mean(-1) - (1 - c) / z
    A, b = c * t / (1 + t * m[:, None]), z + 1 / m
    weight = 1 / np.abs(b - z)
    rows = np.concatenate([(A * weight[:, None]).real, (A * weight[:, None]).imag])
    sides = np.concatenate([(b * weight).real, (b * weight).imag])
    firm = 100.0 * np.sqrt(len(z)) / c
    mean = values.mean()
    rows = np.vstack([rows, firm * np.ones_like(t), firm * t / mean])
    shares, _ = scipy.optimize.nnls(rows, np.concatenate([sides, [firm, firm]]))
    sums = np.cumsum(shares / shares.sum())
    return t[np.minimum(np.searchsorted(sums, (np.arange(p) + 0.5) / p), len(t) - 1)]


def _two(values: np.ndarray, c: float) -> np.ndarray:
    """Return a population (p,) of two eigenvalues with the first three moments."""
    m1, m2, m3 = (float((values**k).mean()) for k in (1, 2, 3))
    h1 = m1
    variance = max(m2 - c * h1**2 - h1**2, 0.0)
    h2 = variance + h1**2
    third = m3 - 3 * c * h1 * h2 - c**2 * h1**3 - 3 * h1 * variance - h1**3
    if variance < 1e-12 * h1**2:
        return np.full(len(values), h1)
    skew = third / variance**1.5
    share = 0.5 * (1 + skew / np.sqrt(4 + skew**2))
    low = max(h1 - np.sqrt(variance * (1 - share) / share), 0.0)
    high = h1 + np.sqrt(variance * share / (1 - share))
    count = round(share * len(values))
    return np.concatenate([np.full(count, low), np.full(len(values) - count, high)])
