"""The eigenvalues that were found, and their distance from a law."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput
from eigcore.rmt.law import Law

NODES = 1000
"""Places at which a density is integrated."""


def on_numpy(eigenvalues: Any) -> np.ndarray:
    """Return eigenvalues (p,) of any backend on NumPy, ascending."""
    backend = infer(eigenvalues)
    values = np.asarray(backend.to_numpy(backend.asarray(eigenvalues)), np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InvalidInput(
            f"eigenvalues has shape {values.shape}; expected at least two finite numbers (p,). "
            "Type: numpy.linalg.eigvalsh(matrix)"
        )
    return _snapped(values)


def _snapped(values: np.ndarray) -> np.ndarray:
    """Return values ascending, with 0 for those that rounding made of zeros."""
    values = np.sort(values)
    return np.where(np.abs(values) < 1e-12 * np.abs(values).max(), 0.0, values)


def distance(self) -> float:
        """Largest difference of the two distribution functions (Kolmogorov)."""
        return distance(self.eigenvalues, self.law)

    def spikes(self) -> np.ndarray:
        """Return the isolated eigenvalues that the law predicts, descending; perhaps none."""
        try:
            return np.asarray(self.law.host.spikes())
        except NotSupported:
            return np.zeros(0)

    def to_dict(self) -> dict[str, Any]:
        """Return all that is known, as JSON values."""
        return {
            "law": repr(self.law),
            "order": len(self.eigenvalues),
            "support": np.asarray(self.law.host.support()).tolist(),
            "edges": [edge._asdict() for edge in self.edges],
            "bands": self.band().tolist(),
            "largest": float(self.eigenvalues[-1]),
            "p_value": self.p_value,
            "outliers": [each._asdict() for each in self.outliers],
            "spikes": self.spikes().tolist(),
            "bulk": self.bulk and {"z": self.bulk.z, "p_value": self.bulk.p_value},
            "distance": self.distance,
        }

    def __str__(self) -> str:
        from eigcore.rmt.picture import told

        return told(self)

    def plot(self, axes: Any = None, bins: int | None = None) -> Any:
        """Draw histogram, density, edges with bands, and outliers; return the matplotlib axes."""
        from eigcore.rmt.picture import overlaid

        return overlaid(self, axes, bins)


def overlay(
    eigenvalues: Any, law: Any, *, level: float = 0.01, standardised: bool = False
) -> Overlay:
    """Lay a law over a spectrum: say what is signal, and whether the rest is as predicted.

    Parameters
    ----------
    eigenvalues : (p,) array
        All eigenvalues of one symmetric matrix of real data, with the zeros.
    law : Law or Fit
        The prediction without what is looked for; a `Fit` also says what came from these data.
    level : float
        An eigenvalue off the support is an outlier if its p-value is below.
    standardised : bool
        Whether the matrix is the correlation of the columns, not their covariance.

    Returns
    -------
    Overlay

    Raises
    ------
    InvalidInput
        Too few eigenvalues or such as are not finite, or a law without an interval.
    """
    values, fitted = on_numpy(eigenvalues), ""
    if hasattr(law, "fitted"):
        law, fitted = law.law, law.fitted
    if not isinstance(law, Law) or not len(law.host.support()):
        raise InvalidInput(
            f"law is {law!r:.60}; expected a law with a density. Type: "
            "eigcore.rmt.marchenko_pastur(c), or eigcore.rmt.fit_law(eigenvalues, ratio=c)"
        )
    if not 0 < level < 1:
        raise InvalidInput(f"level is {level!r}; expected a number in (0, 1). Write level=0.01.")
    return Overlay(values, law, float(level), fitted, standardised)


def on_numpy(eigenvalues: Any) -> np.ndarray:
    """Return eigenvalues (p,) of any backend on NumPy, ascending."""
    backend = infer(eigenvalues)
    values = np.asarray(backend.to_numpy(backend.asarray(eigenvalues)), np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InvalidInput(
            f"eigenvalues has shape {values.shape}; expected at least two finite numbers (p,). "
            "Type: numpy.linalg.eigvalsh(matrix)"
        )
    return _snapped(values)


def _snapped(values: np.ndarray) -> np.ndarray:
    """Return values ascending, with 0 for those that rounding made of zeros."""
    values = np.sort(values)
    return np.where(np.abs(values) < 1e-12 * np.abs(values).max(), 0.0, values)


def edges_of(law: Law, order: int) -> list[Edge]:
    """Return the edges of a law, with the scale of the fluctuation in a matrix of this order.

    Where the density is (a/π) √|x − E| next to an edge E, the scale is (p a)^(−2/3).
    """
    found = []
    for lo, hi in np.asarray(law.host.support()).tolist():
        for place, side in ((lo, -1), (hi, 1)):
            h = (hi - lo) * 1e-3 * np.array([1.0, 0.5, 0.25, 0.125])
            root = np.pi * np.asarray(law.host.density(place - side * h)) / np.sqrt(h)
            a = float(root @ np.array([-1.0, 14.0, -56.0, 64.0]) / 21.0)
            soft = abs(root[-1] / root[0] - 1) < 0.5
            found.append(Edge(place, side, (order * a) ** (-2 / 3) if soft else 0.0))
    return found


def distance(values: Sequence[float] | np.ndarray, law: Law) -> float:
    """Return the largest difference between the empirical distribution function and the law's."""
    values = _snapped(np.asarray(values))
    size = np.abs(values).max()
    below, left = (_below(law, at) for at in (values, values - 1e-9 * size))
    p = len(values)
    upper = np.searchsorted(values, values + 1e-9 * size, side="right") / p
    lower = np.searchsorted(values, values - 1e-9 * size, side="left") / p
    return float(max(np.max(upper - below), np.max(left - lower), 0.0))


def _below(law: Law, x: np.ndarray) -> np.ndarray:
    """Return the law's distribution function (k,), by the midpoint rule, to 1e-6 or so.

    It needs no square root at the edges, unlike `Law.cdf`.
    """
    total = sum(np.where(x >= float(a), float(mass), 0.0) for a, mass in law.host.atoms()) + 0 * x
    angle = (np.arange(NODES) + 0.5) * np.pi / NODES
    for lo, hi in np.asarray(law.host.support()).tolist():
        place = lo + (hi - lo) * (1 - np.cos(angle)) / 2
        step = np.asarray(law.host.density(place)) * np.sin(angle) * (hi - lo) * np.pi / 2 / NODES
        at = np.arccos(np.clip(1 - 2 * (x - lo) / (hi - lo), -1, 1)) * NODES / np.pi
        total += np.interp(at, np.arange(NODES + 1), np.concatenate([[0.0], np.cumsum(step)]))
    return total
