"""Pseudospectra: where the eigenvalues of a matrix can go under small changes.

The ε-pseudospectrum is the set of z with σ_min(zI − A) ≤ ε: the eigenvalues of all A + E with
‖E‖₂ ≤ ε (Trefethen & Embree, "Spectra and Pseudospectra", 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted
from eigcore.core.scalars import is_real, is_whole
from eigcore.drawing import INK, MAP, axes_of, legend, named
from eigcore.dynamics.eigenvalues import square
from eigcore.errors import InvalidInput

ENTRIES = 2**21
"""Numbers of the matrices that are decomposed at once."""


@dataclass(frozen=True)
class Pseudospectrum:
    """σ_min(zI − A) on a grid of z = x + iy.

    Parameters
    ----------
    x, y : (k,) arrays
    smallest : (k, k) array
        Rows belong to y, columns to x.
    values : (n,) array, complex
        The eigenvalues.
    """

    x: np.ndarray
    y: np.ndarray
    smallest: np.ndarray
    values: np.ndarray

    def plot(self, levels: Sequence[float] | None = None, ax: Any = None) -> Any:
        """Draw the eigenvalues inside the borders of pseudospectra.

        Parameters
        ----------
        levels : sequence of float, optional
            Values of ε, ascending; default: powers of ten.
        ax : matplotlib axes, optional

        Returns
        -------
        matplotlib axes

        Raises
        ------
        InvalidInput, NonFiniteInput
            Levels that are not positive, or not ascending.
        """
        log = np.log10(np.maximum(self.smallest, np.finfo(float).tiny))
        marks = _decades(log) if levels is None else _logarithms(levels)
        axes = axes_of(ax)
        lines = axes.contour(self.x, self.y, log, levels=marks, cmap=MAP, linewidths=1.4)
        axes.clabel(lines, fmt=lambda v: f"$10^{{{v:.3g}}}$", fontsize="small")
        axes.plot(
            np.real(self.values),
            np.imag(self.values),
            "o",
            color=INK,
            markersize=4,
            label="eigenvalues",
        )
        axes.set_aspect("equal")
        named(axes, "", "real part", "imaginary part")
        legend(axes)
        return axes


def pseudospectrum(
    A: Any, box: tuple[float, float, float, float] | None = None, points: int = 80
) -> Pseudospectrum:
    """Return the smallest singular value of zI − A on a grid.

    Parameters
    ----------
    A : (n, n) array of any backend, real
    box : (x0, x1, y0, y1), optional
        Default: the eigenvalues, and around them 0.4 of their spread or of ‖A‖₂/n.
    points : int
        Points along each side; there are points² decompositions.

    Returns
    -------
    Pseudospectrum
        NumPy, float64, each number to ε‖zI − A‖.

    Raises
    ------
    InvalidInput, NonFiniteInput
        No square real matrix, a box without inside, or fewer than 2 points.
    """
    host = square(A)
    n, values = len(host), np.linalg.eigvals(host)
    if box is None:
        box = _around(values, float(np.linalg.norm(host, 2)))
    if (
        not isinstance(box, (tuple, list, np.ndarray))
        or len(box) != 4
        or not all(map(is_real, box))
        or not (box[0] < box[1] and box[2] < box[3] and np.isfinite(box).all())
    ):
        raise InvalidInput(
            f"box is {box!r}; expected (x0, x1, y0, y1) with x0 < x1 and y0 < y1. "
            "Write box=(-1.0, 1.0, -1.0, 1.0)."
        )
    if not is_whole(points) or points < 2:
        raise InvalidInput(f"points is {points!r}; expected at least 2. Write points=80.")
    x, y = np.linspace(box[0], box[1], points), np.linspace(box[2], box[3], points)
    z = (x + 1j * y[:, None]).ravel()
    chunks = np.array_split(z, max(1, len(z) * n * n // ENTRIES))
    found = [
        np.linalg.svd(part[:, None, None] * np.eye(n) - host, compute_uv=False)[:, -1]
        for part in chunks
    ]
    return Pseudospectrum(x, y, np.concatenate(found).reshape(points, points), values)


def _around(values: np.ndarray, norm: float) -> tuple[float, float, float, float]:
    re, im = np.real(values), np.imag(values)
    span = max(np.ptp(re), np.ptp(im), norm / len(values)) or 1.0
    wide, tall = (max(0.4 * span, 0.7 * span - 0.5 * np.ptp(a)) for a in (re, im))
    return (
        float(re.min() - wide),
        float(re.max() + wide),
        float(im.min() - tall),
        float(im.max() + tall),
    )


def _logarithms(levels: Any) -> np.ndarray:
    given = hosted(levels, "levels", 1)
    if given.min() <= 0 or (np.diff(given) <= 0).any():
        raise InvalidInput(
            f"levels is {levels!r:.80}; expected positive numbers, ascending. "
            "Write levels=[1e-3, 1e-2, 1e-1]."
        )
    return np.log10(given)


def _decades(log: np.ndarray) -> np.ndarray:
    """Return up to eight whole powers of ten below what a border of the grid reaches."""
    top = np.floor(min(log[0].max(), log[-1].max(), log[:, 0].max(), log[:, -1].max()))
    low = max(np.ceil(log.min()), top - 12)
    return np.arange(low, top + 1, max(1.0, np.ceil((top - low) / 8)))
