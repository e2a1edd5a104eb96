"""A spectrum beside the law that should describe it: edges, outliers, and tests of both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from eigcore.errors import InvalidInput, NotSupported
from eigcore.rmt.bulk import Bulk, tested
from eigcore.rmt.empirical import distance, on_numpy
from eigcore.rmt.law import Law
from eigcore.rmt.tracy_widom import tracy_widom


class Edge(NamedTuple):
    """An end of an interval of the support.

    place : where it is;  side : 1 for an upper end, −1 for a lower one
    scale : unit of the Tracy–Widom fluctuation of the outermost eigenvalue there; 0 at a hard edge
    """

    place: float
    side: int
    scale: float


class Outlier(NamedTuple):
    """An eigenvalue off the bulk: its value, the edge next to it, and its Tracy–Widom p-value."""

    value: float
    edge: float
    p_value: float


@dataclass(frozen=True, eq=False)
class Overlay:
    """A spectrum beside a law, from `overlay`.

    Parameters
    ----------
    eigenvalues : (p,) array
        NumPy, ascending.
    law : Law
    level : float
        p-value below which an eigenvalue is called an outlier.
    fitted : str
        "scale" if the law's scale comes from these eigenvalues, "population" if more does, else "".
    standardised : bool
        Whether the columns of the data were divided by their own standard deviations.
    """

    eigenvalues: np.ndarray
    law: Law
    level: float
    fitted: str
    standardised: bool = False

    @cached_property
    def edges(self) -> list[Edge]:
        """The ends of all intervals of the support, ascending."""
        return edges_of(self.law, len(self.eigenvalues))

    def band(self, coverage: float = 0.95) -> np.ndarray:
        """Return where the outermost eigenvalue of each edge lies: (edges, 2) array."""
        tails = (1 - coverage) / 2
        low, high = (float(tracy_widom(1).quantile(q)) for q in (tails, 1 - tails))
        ends = [sorted(e.place + e.side * e.scale * q for q in (low, high)) for e in self.edges]
        return np.array(ends)

    @cached_property
    def p_value(self) -> float:
        """Tracy–Widom p-value of the largest eigenvalue."""
        upper = self.edges[-1]
        return _tail((self.eigenvalues[-1] - upper.place) / upper.scale)

    @cached_property
    def outliers(self) -> list[Outlier]:
        """Eigenvalues off the support with a p-value below the level, descending."""
        found = []
        zero = any(float(place) == 0 for place, _ in self.law.host.atoms())
        for value in self.eigenvalues[::-1]:
            if zero and value == 0:
                continue
            edge = self._next_edge(float(value))
            if edge is None or not edge.scale:
                continue
            p_value = _tail(edge.side * (value - edge.place) / edge.scale)
            if p_value < self.level:
                found.append(Outlier(float(value), edge.place, p_value))
        return found

    def _next_edge(self, value: float) -> Edge | None:
        """Return the edge next to a value off the support; None on it."""
        for lower, upper in zip(self.edges[::2], self.edges[1::2], strict=True):
            if lower.place <= value <= upper.place:
                return None
        off = [e for e in self.edges if e.side * (value - e.place) > 0]
        return min(off, key=lambda e: abs(value - e.place))

    @property
    def bulk(self) -> Bulk | None:
        """The test of the linear statistics of all but the outliers; None where there is none."""
        return self._bulk if isinstance(self._bulk, Bulk) else None

    @property
    def untested(self) -> str:
        """Why the bulk is not tested; empty where it is."""
        return self._bulk if isinstance(self._bulk, str) else ""

    @cached_property
    def _bulk(self) -> Bulk | str:
        return tested(self)

    @cached_property
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
            "bulk": self.bulk and self.bulk._asdict(),
            "untested": self.untested,
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


def _tail(x: float) -> float:
    """Return the probability of a Tracy–Widom variable (β = 1) above x."""
    return float(tracy_widom(1).survival(x))
