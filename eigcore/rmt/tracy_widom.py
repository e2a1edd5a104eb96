"""The Tracy–Widom laws, and how unusual a largest eigenvalue is."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.special
from numpy.polynomial import chebyshev

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput
from eigcore.rmt.inputs import floats, on_host, places_on_line
from eigcore.rmt.law import Law

LOW, HIGH = -10.0, 12.0
"""Where the distribution is tabulated; the mass beyond is below 1e-13."""
DEGREE, NODES = 140, 50
FAR = 2.0
"""From here on the survival function comes from determinants: its relative error is small."""


class TracyWidom:
    """The limiting distribution of a largest eigenvalue, centred and scaled.

    With B(x, y) = Ai(x + y + s) on (0, ∞), F₁(s) = det(1 − B) (Ferrari and Spohn 2005) and
    F₂(s) = det(1 − B²), as determinants at Gauss–Legendre points (Bornemann 2010).

    Attributes
    ----------
    beta : 1 or 2
        Real or complex data.
    backend : Backend
    """

    def __init__(self, beta: int, backend: str | Backend | None = None):
        if not isinstance(beta, int | float | np.number) or beta not in (1, 2):
            raise InvalidInput(
                f"beta is {beta!r:.60}; expected 1 for real or 2 for complex data. Write beta=1."
            )
        self.beta, self.backend = int(beta), backend

    def __repr__(self) -> str:
        return f"<Tracy–Widom law, beta {self.beta}>"

    def cdf(self, x: Any) -> Array:
        """Return the probability of at most x: (...) array."""
        return self._on(x, lambda x: 1.0 - _right(self.beta, x), 1.0)

    def survival(self, x: Any) -> Array:
        """Return the probability of more than x, with a small relative error: (...) array."""
        return self._on(x, lambda x: _right(self.beta, x), -1.0)

    def density(self, x: Any) -> Array:
        """Return the density at x: (...) array."""
        backend = infer(x, backend=self.backend)
        x = floats(backend, x)
        return _series(backend, chebyshev.chebder(_table(self.beta)) * 2 / (HIGH - LOW), x)

    def quantile(self, q: Any) -> Array:
        """Return x with cdf(x) = q, for q (...) in (0, 1).

        Raises
        ------
        InvalidInput
            If q is not inside (0, 1).
        """
        backend = infer(q, backend=self.backend)
        q = floats(backend, q)
        asked = on_host(backend, q)
        if not ((asked > 0) & (asked < 1)).all():
            raise InvalidInput(
                f"q reaches from {asked.min():.3g} to {asked.max():.3g}; expected probabilities "
                "inside (0, 1). Write q=0.95."
            )
        lo, hi = np.full(asked.shape, LOW), np.full(asked.shape, HIGH + 12)
        for _ in range(60):
            middle = 0.5 * (lo + hi)
            above = 1 - asked < _right(self.beta, middle)
            lo, hi = np.where(above, middle, lo), np.where(above, hi, middle)
        x = backend.asarray(hi)
        steep = backend.detach(self.density(x))
        return x + (q - backend.detach(q)) / backend.xp.where(steep > 0, steep, 1.0)

    def _on(self, x: Any, function: Any, sign: float) -> Array:
        """Return a function of NumPy arrays, with ± the density as its derivative."""
        backend = infer(x, backend=self.backend)
        x = backend.xp.clip(places_on_line(backend, x), 2 * LOW, 10 * HIGH)
        value = backend.asarray(np.asarray(function(on_host(backend, x))))
        if not backend.capabilities.autodiff:
            return value
        slope = sign * backend.detach(self.density(x))
        return value + slope * (x - backend.detach(x))


def tracy_widom(beta: int = 1, *, backend: str | Backend | None = None) -> TracyWidom:
    """Return the law of a centred and scaled largest eigenvalue.

    Parameters
    ----------
    beta : 1 or 2
        Real or complex data.
    backend : str or Backend, optional
        By default that of the arrays given to its methods.

    Raises
    ------
    InvalidInput
        If beta is another number.

    Examples
    --------
    >>> round(float(tracy_widom(1).quantile(0.95)), 4)
    0.9793
    """
    return TracyWidom(beta, backend)


def largest_eigenvalue_p_value(
    eigenvalue: Any, law: Law, n: int, *, beta: int = 1, backend: str | Backend | None = None
) -> Array:
    """Return the probability of a largest eigenvalue at least this large, without any signal.

    Parameters
    ----------
    eigenvalue : (...) array
        The largest eigenvalue found.
    law : Law
        The spectrum without signal: `marchenko_pastur`, `sample_covariance` or `semicircle`.
    n : int
        Number of samples; for `semicircle` the order of the matrix.
    beta : 1 or 2
        Real or complex data.
    backend : str or Backend, optional

    Returns
    -------
    (...) array

    Raises
    ------
    NotSupported
        If the fluctuation of the law's edge is not known.
    """
    chosen = infer(eigenvalue, backend=backend or law.backend)
    place, scale = law.fluctuation(n)
    return tracy_widom(beta, backend=chosen).survival((floats(chosen, eigenvalue) - place) / scale)


def _right(beta: int, s: np.ndarray) -> np.ndarray:
    """Return 1 − F(s) (...), from the table or, far on the right, from determinants."""
    y = (2 * s - (LOW + HIGH)) / (HIGH - LOW)
    found = 1 - np.where(y > -1, chebyshev.chebval(np.clip(y, -1, 1), _table(beta)), 0.0)
    far = s > FAR
    if far.any():
        found = np.where(far, 0.0, found)
        found[far] = _survival(beta, s[far])
    return found


def _survival(beta: int, s: np.ndarray) -> np.ndarray:
    """Return 1 − F(s) (...)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    i, j = np.triu_indices(NODES)
    flat = np.clip(s.reshape(-1), LOW - 1, None)
    found = np.empty(flat.shape)
    for at in range(0, len(flat), 256):
        part = flat[at : at + 256, None]
        length = 16 - np.minimum(part, 0)
        x, w = 0.5 * length * (nodes + 1), np.sqrt(0.5 * length * weights)
        Ai = np.empty((len(part), NODES, NODES))
        Ai[:, i, j] = Ai[:, j, i] = scipy.special.airy(x[:, i] + x[:, j] + part)[0]
        own = np.linalg.eigvalsh(w[:, :, None] * Ai * w[:, None, :])
        own = own if beta == 1 else own * own
        # rounding takes eigenvalues that approach 1 beyond it
        found[at : at + 256] = -np.expm1(np.log1p(-np.minimum(own, 1 - 1e-16)).sum(axis=-1)) + 0.0
    return found.reshape(s.shape)


@lru_cache(maxsize=2)
def _table(beta: int) -> np.ndarray:
    """Return the Chebyshev coefficients of the cdf on [LOW, HIGH]."""
    function: Any = lambda y: 1 - _survival(beta, LOW + 0.5 * (HIGH - LOW) * (y + 1))  # noqa: E731
    return chebyshev.chebinterpolate(function, DEGREE)


def _series(backend: Backend, coefficients: np.ndarray, x: Array) -> Array:
    """Return a Chebyshev series on [LOW, HIGH], and 0 beyond: (...) array."""
    xp = backend.xp
    y = (2 * x - (LOW + HIGH)) / (HIGH - LOW)
    inside = xp.abs(y) < 1
    angle = xp.acos(xp.where(inside, y, 0.0))[..., None]
    waves = xp.cos(angle * backend.asarray(np.arange(float(len(coefficients)))))
    return xp.where(inside, xp.sum(waves * backend.asarray(coefficients), axis=-1), 0.0)
