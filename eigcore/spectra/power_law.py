"""Power-law tails: Hill's estimator over all thresholds at once, and whether it fits.

A. Clauset, C. R. Shalizi and M. E. J. Newman, "Power-law distributions in empirical data", SIAM
Review 51 (2009). Above x_min the density is (α − 1)/x_min · (x/x_min)^{−α}.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import scipy.optimize
import scipy.special

from eigcore.api.hosted import hosted
from eigcore.core.options import generator
from eigcore.core.scalars import is_real, is_whole
from eigcore.errors import InvalidInput

_BLOCK = 8192
"""So many numbers at once stay near the processor."""
_PLACES = (16, 64, 256)
"""In how many places the distance of a tail is looked at before all."""
_GRID = 100
"""Candidate thresholds in each repetition of the bootstrap."""
LEVEL = 0.1
"""A fit is refused below this p-value (Clauset, Shalizi and Newman, section 4.1)."""


@dataclass(frozen=True)
class PowerLaw:
    """The power law fitted to a tail, and whether it fits.

    Parameters
    ----------
    alpha, stderr : float
        Exponent of the density, and its standard error (α − 1)/√n.
    xmin : float
        Where the tail begins.
    ks : float
        Kolmogorov–Smirnov distance of the tail.
    tail : int
        Number n of eigenvalues in the tail.
    eigenvalues : (N,) array
        Positive, ascending.
    """

    alpha: float
    stderr: float
    xmin: float
    ks: float
    tail: int
    eigenvalues: np.ndarray = field(repr=False)
    searched: bool = field(default=True, repr=False)
    repetitions: int = field(default=100, repr=False)
    seed: int = field(default=0, repr=False)

    @cached_property
    def p_value(self) -> float:
        """Probability of a distance this large if the power law held: semiparametric bootstrap.

        Each repetition draws the tail from the law and the rest from the data, and fits again;
        x_min is chosen again if it was.
        """
        rng, N = np.random.default_rng(self.seed), len(self.eigenvalues)
        below = self.eigenvalues[: N - self.tail]
        observed = self._distance(self.eigenvalues)
        found = 0
        for _ in range(self.repetitions):
            n = rng.binomial(N, self.tail / N) if len(below) else N
            above = self.xmin * rng.random(n) ** (-1 / (self.alpha - 1))
            drawn = np.sort(
                np.concatenate((rng.choice(below, N - n) if n < N else below[:0], above))
            )
            found += self._distance(drawn) >= observed
        return found / self.repetitions

    def _distance(self, values: np.ndarray) -> float:
        """The distance of the best fit, from a few thresholds."""
        if self.searched:
            return _best(values, _candidates(values, _GRID))[2]
        tail = values[values >= self.xmin]
        return _one(tail, self.xmin)[1] if len(tail) > 1 else 1.0

    @cached_property
    def alternatives(self) -> dict[str, tuple[float, float]]:
        """Exponential and lognormal tail -> (R, p): Vuong's normalised log-likelihood ratio.

        R > 0 favours the power law; p is the probability of |R| if both were equally far from the
        data.
        """
        x = self.eigenvalues[-self.tail :]
        own = np.log((self.alpha - 1) / self.xmin) - self.alpha * np.log(x / self.xmin)
        others = {"exponential": _exponential(x, self.xmin), "lognormal": _lognormal(x, self.xmin)}
        return {name: _vuong(own - other) for name, other in others.items()}

    @property
    def fits(self) -> bool:
        """Whether the tail is a power law as far as the data tell.

        False if it is shorter than 10, if `p_value` is below .1, unless it is significantly more
        likely than an exponential, or if a lognormal, which contains it as a limit, is
        significantly more likely.
        """
        if self.tail < 10 or self.p_value < LEVEL:
            return False
        (ratio, p), (other, q) = self.alternatives["exponential"], self.alternatives["lognormal"]
        return ratio > 0 and p < LEVEL and (other >= 0 or q >= LEVEL)

    def __str__(self) -> str:
        if not self.fits:
            return f"no power law (x_min {self.xmin:.3g}, p-value {self.p_value:.2f})"
        return f"α = {self.alpha:.2f} ± {self.stderr:.2f} above {self.xmin:.3g}"


def power_law(
    eigenvalues: Any, xmin: Any = "ks", repetitions: int = 100, seed: int = 0
) -> PowerLaw:
    """Fit a power law to the tail of a spectrum, and say whether it fits.

    Parameters
    ----------
    eigenvalues : (N,) array of any backend
        Numbers that are not positive are left out.
    xmin : {"ks", "median"} or float
        Where the tail begins: at the least Kolmogorov–Smirnov distance among all eigenvalues, at
        the median, or at a number.
    repetitions : int
        Of the bootstrap for `.p_value`, which is computed when it is asked for.
    seed : int

    Returns
    -------
    PowerLaw
        α = 1 + n/Σ log(λ_j/x_min) over the n eigenvalues from x_min on. The distance is that of
        Clauset, Shalizi and Newman, from the distribution function before each step.

    Raises
    ------
    InvalidInput, NonFiniteInput
        Fewer than three positive eigenvalues, or fewer than two different ones above x_min.

    Examples
    --------
    >>> x = (1 - np.arange(1000) / 1000) ** -0.5
    >>> fit = power_law(x)
    >>> round(fit.alpha), fit.fits
    (3, True)
    """
    generator(seed)
    if not is_whole(repetitions) or repetitions < 1:
        raise InvalidInput(
            f"repetitions is {repetitions!r:.80}; expected an integer above 0. "
            "Write repetitions=100."
        )
    values = np.sort(hosted(eigenvalues, "eigenvalues", 1))
    values = values[values > 0]
    if len(values) < 3 or values[0] == values[-1]:
        raise InvalidInput(
            f"{len(values)} of the eigenvalues are positive; expected at least three, not all "
            "equal. Take the spectrum of a larger matrix."
        )
    if isinstance(xmin, str) and xmin == "ks":
        start, exponent, off = _best(values, _candidates(values, len(values)))
        n, place = len(values) - start, float(values[start])
    else:
        place = _place(values, xmin)
        tail = values[values >= place]
        n, exponent, off = len(tail), *_one(tail, place)
    return PowerLaw(
        alpha=exponent,
        stderr=(exponent - 1) / math.sqrt(n),
        xmin=place,
        ks=off,
        tail=n,
        eigenvalues=values,
        searched=isinstance(xmin, str) and xmin == "ks",
        repetitions=repetitions,
        seed=seed,
    )


def _place(values: np.ndarray, xmin: Any) -> float:
    """Return the number at which the tail begins."""
    if isinstance(xmin, str) and xmin == "median":
        place = float(np.median(values))
    elif is_real(xmin) and 0 < xmin < math.inf:
        place = float(xmin)
    else:
        raise InvalidInput(
            f'xmin is {xmin!r}; expected "ks", "median" or a positive number. Write xmin="ks".'
        )
    if len(np.unique(values[values >= place])) < 2:
        raise InvalidInput(
            f"xmin is {place:g}, and the largest eigenvalue {values[-1]:g}; expected two different "
            'ones above it. Write xmin="median".'
        )
    return place


def _candidates(values: np.ndarray, most: int) -> np.ndarray:
    """Return first indices of different values, the largest one excepted; `most` of them."""
    first = np.flatnonzero(np.r_[True, values[1:] > values[:-1]])[:-1]
    if len(first) <= most:
        return first
    return first[np.unique(np.linspace(0, len(first) - 1, most).astype(int))]


def _best(values: np.ndarray, starts: np.ndarray) -> tuple[int, float, float]:
    """Return the start of the tail with the least distance, its α and the distance.

    The distance at a few places of each tail bounds it from below. Tails whose bound exceeds a
    distance that was found drop out, the others are looked at in more places, and whole at the end.
    """
    logs, N = np.log(values), len(values)
    below = np.searchsorted(values, values).astype(float)  # equal values are one step
    counts = N - starts
    sums = np.cumsum(logs[::-1])[::-1][starts] - counts * logs[starts]
    alpha = 1 + counts / np.maximum(sums, np.finfo(float).tiny)

    def gaps(own: Any, j: Any) -> np.ndarray:
        law, steps = logs[j] - logs[starts[own]], below[j] - starts[own]
        law *= 1 - alpha[own]
        steps /= counts[own]
        steps += np.expm1(law, out=law)
        return np.abs(steps, out=steps)

    def whole(own: int) -> float:
        return float(gaps(own, slice(starts[own], N)).max())

    left = np.arange(len(starts))
    least, best, bound = math.inf, 0, np.zeros(len(starts))
    for count in _PLACES:
        share = (np.arange(count)[:, None] + 0.5) / count
        parts = np.array_split(left, 1 + count * len(left) // _BLOCK)
        bound = np.concatenate(
            [gaps(a, starts[a] + (share * counts[a]).astype(int)).max(axis=0) for a in parts]
        )
        first = int(left[bound.argmin()])
        if (distance := whole(first)) < least:
            best, least = first, distance
        left, bound = left[bound < least], bound[bound < least]
        if not len(left):
            break
    for place in np.argsort(bound, kind="stable"):
        if bound[place] >= least:
            break
        own = int(left[place])
        if (distance := whole(own)) < least:
            best, least = own, distance
    return int(starts[best]), float(alpha[best]), least


def _one(tail: np.ndarray, xmin: float) -> tuple[float, float]:
    """α and the distance of a tail, ascending, from a given x_min on."""
    logs = np.log(tail / xmin)
    alpha = 1 + len(tail) / float(logs.sum())
    law = -np.expm1((1 - alpha) * logs)
    return alpha, float(np.abs(np.searchsorted(tail, tail) / len(tail) - law).max())


def _exponential(x: np.ndarray, xmin: float) -> np.ndarray:
    """Log-likelihoods of the fitted exponential above x_min."""
    mean = max(float(x.mean()) - xmin, np.finfo(float).tiny)
    return -np.log(mean) - (x - xmin) / mean


def _lognormal(x: np.ndarray, xmin: float) -> np.ndarray:
    """Log-likelihoods of the fitted lognormal, cut off at x_min."""
    logs, low = np.log(x), np.log(xmin)

    def each(parameters: np.ndarray) -> np.ndarray:
        mu, sigma = parameters[0], math.exp(parameters[1])
        z = (logs - mu) / sigma
        rest = scipy.special.log_ndtr((mu - low) / sigma)
        return -0.5 * z**2 - 0.5 * math.log(2 * math.pi) - parameters[1] - rest - logs

    start = np.array([logs.mean(), math.log(max(float(logs.std()), 1e-3))])
    found = scipy.optimize.minimize(lambda p: -each(p).mean(), start, method="Nelder-Mead")
    return each(found.x)


def _vuong(ratios: np.ndarray) -> tuple[float, float]:
    spread = float(ratios.std()) * math.sqrt(len(ratios))
    if spread == 0:
        return 0.0, 1.0
    statistic = float(ratios.sum()) / spread
    return statistic, math.erfc(abs(statistic) / math.sqrt(2))
