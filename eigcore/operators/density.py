"""The spectral density of an operator by stochastic Lanczos quadrature, with error bars.

Ubaru, Chen and Saad, "Fast estimation of tr(f(A)) via stochastic Lanczos quadrature" (2017); Golub
and Meurant, "Matrices, Moments and Quadrature" (2010), chapters 6 and 11.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from eigcore.core.options import generator, number, one_of
from eigcore.core.scalars import is_whole
from eigcore.dispatch.registry import infer
from eigcore.drawing import BLUE, axes_of, legend, named
from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.operators.lanczos import WAYS, lanczos
from eigcore.operators.operator import operator as operator_of
from eigcore.operators.operator import real
from eigcore.operators.quadrature import around, gauss, radau

MEMORY = 2**30
"""Bytes of vectors that all probes of one run may hold."""
Function = Callable[[np.ndarray], np.ndarray]


class Estimate(NamedTuple):
    """An average over probes.

    Parameters
    ----------
    value : array
    error : array
        Standard error over the probes; NaN for a single one.
    lower, upper : array
        Where the same average lies after infinitely many steps; see the method that returns it.
    """

    value: Any
    error: Any
    lower: Any
    upper: Any


@dataclass(frozen=True)
class SpectralDensity:
    """Lanczos quadrature of the distribution of eigenvalues, one rule per probe.

    Parameters
    ----------
    diag, off : (probes, m) arrays
        The tridiagonal matrices, as in `eigcore.operators.Lanczos`.
    size : int
        Number of eigenvalues, P.
    """

    diag: np.ndarray
    off: np.ndarray
    size: int

    @cached_property
    def _rules(self) -> tuple[np.ndarray, np.ndarray]:
        return gauss(self.diag, self.off[:, :-1])

    @property
    def nodes(self) -> np.ndarray:
        """(probes, m) array: eigenvalues of the tridiagonal matrices, ascending."""
        return self._rules[0]

    @property
    def weights(self) -> np.ndarray:
        """(probes, m) array: the share of the spectrum at each node; rows sum to 1."""
        return self._rules[1]

    @property
    def probes(self) -> int:
        """Number of random vectors."""
        return len(self.diag)

    def density(self, x: Any, width: float | None = None) -> Estimate:
        """Return the density at x, smoothed by a normal density of standard deviation `width`.

        Parameters
        ----------
        x : (...) array-like
        width : float, optional
            Default: 1 % of the range of the nodes.

        Returns
        -------
        Estimate of (...) arrays
            lower and upper are value ∓ 2 errors.
        """
        x = _places(x)
        usual = max(float(np.ptp(self.nodes)), 1e-12) / 100
        width = usual if width is None else number("width", width, 0.1, 0.0)

        def bump(nodes: np.ndarray) -> np.ndarray:
            return np.exp(-0.5 * ((x[..., None] - nodes) / width) ** 2)

        rules = zip(self.nodes, self.weights, strict=True)
        rows = np.stack([bump(nodes) @ weights for nodes, weights in rules])
        value, error = _averaged(rows / (width * math.sqrt(2 * math.pi)))
        return Estimate(value, error, value - 2 * error, value + 2 * error)

    def cdf(self, x: Any) -> Estimate:
        """Return the share of the eigenvalues up to x.

        Parameters
        ----------
        x : (...) array-like

        Returns
        -------
        Estimate of (...) arrays
            lower and upper are the bounds of Chebyshev, Markov and Stieltjes: they hold for these
            probes whatever the number of steps.
        """
        x = _places(x)
        rows = []
        for nodes, weights in zip(self.nodes, self.weights, strict=True):
            place = np.searchsorted(nodes, x, side="right")
            sums = np.concatenate([[0.0, 0.0], np.cumsum(weights), [1.0]])
            rows.append((sums[place + 1], sums[np.maximum(place, 0)], sums[place + 2]))
        values, lower, upper = (np.stack(each) for each in zip(*rows, strict=True))
        return Estimate(*_averaged(values), lower.mean(0), upper.mean(0))

    def trace(self, f: Function, ends: tuple[float, float] | None = None) -> Estimate:
        """Return tr f(H).

        Parameters
        ----------
        f : function
            Array of eigenvalues -> array. Polynomials of degree up to 2m − 1 have no error but
            that of the probes.
        ends : (float, float), optional
            An interval that contains all eigenvalues, for the bounds.

        Returns
        -------
        Estimate of numbers
            lower and upper span the Gauss rule and the Gauss–Radau rules at both ends. For these
            probes they hold if no derivative of f changes its sign there, as for log, exp, 1/x
            and √x. NaN without ends.

        Raises
        ------
        InvalidInput, NonFiniteInput
            No function, one that is not finite at the nodes, or ends with nodes beyond them.
        """
        if not callable(f):
            raise InvalidInput(
                f"f is {f!r:.80}; expected a function of arrays. Type: trace(numpy.exp)"
            )
        ends = None if ends is None else around(self.nodes, ends)
        with np.errstate(invalid="ignore", divide="ignore"):
            sums = (self.weights * f(self.nodes)).sum(-1)
        if not np.isfinite(sums).all():
            raise NonFiniteInput(
                f"f is not finite at eigenvalues from {self.nodes.min():.3g} to "
                f"{self.nodes.max():.3g}; expected finite numbers there. Write for example "
                "f=lambda x: numpy.log(x + 1e-6)."
            )
        value, error = _averaged(self.size * sums)
        if ends is None:
            return Estimate(value, error, np.nan, np.nan)
        bounds = [sums]
        # beyond all nodes, no matrix of Radau's rule is singular
        beyond = 8 * np.finfo(float).eps * max(abs(ends[0]), abs(ends[1]), 1e-300)
        for end in (ends[0] - beyond, ends[1] + beyond):
            nodes, weights = radau(self.diag, self.off, end)
            with np.errstate(invalid="ignore", divide="ignore"):
                terms = weights * f(np.clip(nodes, *ends))
            # a rule that is exact has no weight at the end, where f may be infinite
            bounds.append(np.where(weights > 0, terms, 0.0).sum(-1))
        lower, upper = np.min(bounds, 0).mean(), np.max(bounds, 0).mean()
        return Estimate(value, error, self.size * lower, self.size * upper)

    def moments(self, k: int) -> Estimate:
        """Return the first k moments of the distribution, tr Hʲ/P for j = 1 … k."""
        if not is_whole(k) or k < 1:
            raise InvalidInput(f"k is {k!r:.80}; expected an integer above 0. Write k=2.")
        powers = self.nodes[..., None] ** np.arange(1, k + 1)
        value, error = _averaged((self.weights[..., None] * powers).sum(1))
        return Estimate(value, error, value - 2 * error, value + 2 * error)

    def plot(self, ax: Any = None, width: float | None = None, log: bool = True) -> Any:
        """Draw the density with a band of two standard errors; return the matplotlib axes."""
        ax = axes_of(ax)
        low, high = float(self.nodes.min()), float(self.nodes.max())
        margin = 0.03 * (high - low) + 1e-12
        x = np.linspace(low - margin, high + margin, 1000)
        found = self.density(x, width)
        ax.plot(x, found.value, color=BLUE, label=f"Lanczos, {self.probes} probes")
        ax.fill_between(x, np.maximum(found.lower, 0), found.upper, color=BLUE, alpha=0.3)
        if log:
            ax.set_yscale("log")
            ax.set_ylim(bottom=float(found.value.max()) * 1e-7)
        named(ax, "", "eigenvalue", "density")
        legend(ax)
        return ax

    def __str__(self) -> str:
        moments = self.moments(2)
        return (
            f"{self.size} eigenvalues, {self.probes} probes of {self.diag.shape[-1]} steps: from "
            f"{self.nodes.min():.6g} to {self.nodes.max():.6g}, mean {moments.value[0]:.6g} "
            f"± {moments.error[0]:.2g}, mean square {moments.value[1]:.6g} ± {moments.error[1]:.2g}"
        )


def spectral_density(
    operator: Any,
    steps: int = 80,
    probes: int = 10,
    seed: int = 0,
    orthogonal: str = "none",
) -> SpectralDensity:
    """Estimate the density of an operator's eigenvalues by stochastic Lanczos quadrature.

    Parameters
    ----------
    operator : Operator, or what `eigcore.operators.operator` takes without a size
    steps : int
        m: as many products with each probe. Features narrower than 1/m of the range are smoothed.
    probes : int
        Random vectors with entries ±1. The standard error falls as 1/√probes.
    seed : int
    orthogonal : {"none", "selective", "full"}
        See `eigcore.operators.lanczos`. "none" needs no memory beyond three vectors per probe: the
        quadrature of a computed T is as good (Knizhnerman 1996, Comput. Math. Math. Phys. 36).

    Returns
    -------
    SpectralDensity

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `eigcore.operators.lanczos`, or no probe.
    """
    if not is_whole(probes) or probes < 1:
        raise InvalidInput(f"probes is {probes!r}; expected an integer above 0. Write probes=10.")
    one_of("orthogonal", orthogonal, WAYS)
    operator, rng = operator_of(operator), generator(seed)
    held = 8 if orthogonal == "none" else 8 + 2 * steps
    block = max(
        1, min(probes, MEMORY // (held * operator.size * np.dtype(operator.dtype).itemsize))
    )
    found = []
    for begin in range(0, probes, block):
        rows = min(block, probes - begin)
        signs = rng.integers(0, 2, (rows, operator.size), dtype=np.int8) * 2 - 1
        found.append(lanczos(operator, signs.astype(operator.dtype), steps, orthogonal))
    most = max(run.diag.shape[-1] for run in found)
    diag = np.concatenate([_padded(run.diag, most, "edge") for run in found])
    off = np.concatenate([_padded(run.off, most, "constant") for run in found])
    return SpectralDensity(diag, off, operator.size)


def _places(x: Any) -> np.ndarray:
    """Return numbers, infinite ones too, as float64 in NumPy."""
    backend = infer(x)
    places = np.asarray(backend.to_numpy(real(backend, x)), np.float64)
    if np.isnan(places).any():
        raise NonFiniteInput("x holds NaN; expected numbers. Leave these places out.")
    return places


def _padded(a: np.ndarray, columns: int, mode: Any) -> np.ndarray:
    return np.pad(a, ((0, 0), (0, columns - a.shape[-1])), mode=mode)


def _averaged(rows: np.ndarray) -> tuple[Any, Any]:
    if len(rows) == 1:
        return rows[0], np.full_like(rows[0], np.nan)
    return rows.mean(0), rows.std(0, ddof=1) / math.sqrt(len(rows))
